"""mitmdump as a child of ours that is never left behind.

Its standard input is a socket of ours. The addon says there that every listener is open, and ends mitmdump when the
socket closes: by our hand, or because we are gone, however that happened.
"""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from requestshook import mitmdump
from requestshook.errors import RequestshookError

LOWEST = (11,)
_PATIENCE = 90.0  # seconds for it to open its listeners: the first start of an installation compiles all of it
_STEP = 0.1
_GRACE = 5.0  # seconds for it to end
_WORD = 1024  # octets; it says one short line
_MOST_READ = 1024 * 1024  # octets of its log at once
_STAMP = re.compile(r"^\[[\d:.]+\]\s*")  # a line without one goes on with what the line before it said
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_EMPTY_WORDS = ("logged during startup", "Traceback (most recent call last)")


class Mitmdump:
    """A running mitmdump; a context manager that ends it."""

    def __init__(self, program: str, arguments: Sequence[str], environ: Mapping[str, str]) -> None:
        self._program = program
        self._arguments = arguments
        self._environ = environ
        self._child: subprocess.Popen[bytes] | None = None
        self._is_up = False
        self._said = 0  # octets of the log that were passed on

    def __enter__(self) -> Mitmdump:
        self._log = tempfile.TemporaryFile()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [self._program, *self._arguments],
                stdin=theirs.fileno(),
                stdout=self._log,
                stderr=self._log,
                env={**self._environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # a Ctrl-C is for us, who end it in order
            )
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._socket.close()
            self._log.close()

    def wait_until_up(self, addresses: Sequence[tuple[str, int]], waiting: Callable[[], None]) -> None:
        """Wait until every listener answers, calling `waiting` meanwhile; raises RequestshookError where none will."""
        deadline = time.monotonic() + _PATIENCE
        version = self._told(deadline, waiting)
        if _numbers(version) < LOWEST:
            raise RequestshookError(_too_old(self._program, version))
        for address in addresses:
            while not _answers(address):
                self._demand_alive(deadline)
                time.sleep(_STEP)

    def _told(self, deadline: float, waiting: Callable[[], None]) -> str:
        """The version that it tells when its listeners are open."""
        while not self.heard(_STEP):
            self._demand_alive(deadline)
            waiting()
        with suppress(OSError):
            words = self._socket.recv(_WORD).decode("ascii", "replace").split()
            if words[:1] == ["up"]:
                self._is_up = True
                return words[1]
        raise self.ended()

    def heard(self, timeout: float | None) -> bool:
        """Wait for a word from it; once it is up there is only one left to say, that it has ended."""
        return bool(select.select([self._socket], [], [], timeout)[0])

    @property
    def source(self) -> int:
        """What can be read, once it is up, when it has ended."""
        return self._socket.fileno()

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._child is None or self._child.poll() is not None

    def ended(self) -> RequestshookError:
        """Why its socket has closed, once it is gone."""
        if not self._wait(_GRACE):
            self.stop()
        return self.fault()

    def fault(self) -> RequestshookError:
        """Why it has ended, in its own words; whether it is too old is asked only now, for that takes a second."""
        with suppress(RequestshookError):
            version = mitmdump.version(self._program)
            if version < LOWEST:
                return RequestshookError(_too_old(self._program, ".".join(map(str, version))))
        log = self._log.fileno()
        said = os.pread(log, _MOST_READ, max(0, os.fstat(log).st_size - _MOST_READ))
        words = [line for line in _lines(said) if line and not any(empty in line for empty in _EMPTY_WORDS)]
        status = self._child.returncode if self._child is not None else None
        last = _STAMP.sub("", words[-1]) if words else f"it said nothing (exit status {status})"
        return RequestshookError(f"mitmdump has ended: {last}")

    def warnings(self) -> list[str]:
        """What it has warned of since this was last asked, each in one line."""
        octets = os.pread(self._log.fileno(), _MOST_READ, self._said)
        octets = octets[: octets.rfind(b"\n") + 1]
        self._said += len(octets)
        return [text for line in _lines(octets) if (text := _STAMP.sub("", line)) != line and text]

    def stop(self) -> None:
        """End it, and wait until it is gone; interrupted once more, it is killed."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        try:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            if not self._is_up:  # it does not listen to its socket yet
                child.terminate()
            if not self._wait(_GRACE):
                child.kill()
                child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise

    def _wait(self, timeout: float) -> bool:
        assert self._child is not None
        try:
            self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _demand_alive(self, deadline: float) -> None:
        if self.has_ended:
            raise self.fault()
        if time.monotonic() > deadline:
            raise RequestshookError(f"{self._program} does not open its listeners")


def _lines(octets: bytes) -> list[str]:
    return [_COLOUR.sub("", line).strip() for line in octets.decode("utf-8", "replace").split("\n")]


def _answers(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, 1):
            return True
    except OSError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    """`(12, 0, 1)` of `12.0.1`, and of `12.1.0.dev`: what begins with digits counts."""
    return tuple(int(found[0]) for part in version.split(".") if (found := re.match(r"\d+", part)))


def _too_old(program: str, version: str) -> str:
    return f"{program} is of mitmproxy {version}; requestshook wants {LOWEST[0]} or newer"
