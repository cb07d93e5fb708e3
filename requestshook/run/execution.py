"""Runs a command as if we were not there, and keeps the head of what it prints.

Where our standard output is a terminal the command gets one of its own (`requestshook.run.pseudoterminal`); where it is
not, output and errors come through pipes, apart. Octets are passed on unchanged as they come. Signals that are meant
for the command reach it.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from requestshook.errors import RequestshookError
from requestshook.run.relay import FORWARDED, Kept, Relay, Signals, Stream

KEPT = 1024 * 1024  # octets of output
NOT_EXECUTABLE = 126  # as a shell says it
NOT_FOUND = 127
_BY_KEY = (signal.SIGINT, signal.SIGQUIT)  # a terminal sends them to the command as well


class NotStarted(RequestshookError):
    """The command cannot be run; `status` is what a shell would give."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Finished(NamedTuple):
    """How a command ended: its exit status (128 + n where signal n killed it), and the head of what it printed."""

    status: int
    output: tuple[tuple[str, str], ...] = ()  # ("out", "err" or "tty", text)
    cut: bool = False


def execute(
    command: Sequence[str], environ: Mapping[str, str], *, keep_output: bool = True, limit: int = KEPT
) -> Finished:
    """Run the command to its end; raises NotStarted. Without `keep_output` it has our own descriptors."""
    find(command, environ)
    kept = Kept(limit)
    if keep_output and os.isatty(1):
        from requestshook.run import pseudoterminal

        status = pseudoterminal.execute(command, environ, kept)
    else:
        status = _execute(command, environ, kept if keep_output else None)
    return Finished(status if status >= 0 else 128 - status, kept.pieces(), kept.cut)


def find(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raises NotStarted where a shell would not find the command, or not run it."""
    program, path = command[0], environ.get("PATH", os.defpath)
    if shutil.which(program, path=path) is not None:
        return
    there = shutil.which(program, os.F_OK, path) is not None  # passes over folders
    if os.path.isdir(program) and os.path.dirname(program):
        raise NotStarted(f"{program} is a folder, not a command", NOT_EXECUTABLE)
    if there:
        raise NotStarted(f"{program} is not executable", NOT_EXECUTABLE)
    if os.path.dirname(program):
        raise NotStarted(f"there is no {program}", NOT_FOUND)
    raise NotStarted(f"command not found: {program} (what only a shell knows runs as: sh -c '…')", NOT_FOUND)


def spawn(command: Sequence[str], environ: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """Start the command, which inherits what we were given to inherit; raises NotStarted."""
    try:
        return subprocess.Popen(command, env=environ, close_fds=False, **options)
    except OSError as error:
        if (
            error.errno == errno.ENOEXEC and command[0] != "/bin/sh"
        ):  # a shell runs a script without a first line itself
            return spawn(
                ["/bin/sh", shutil.which(command[0], path=environ.get("PATH")) or "", *command[1:]], environ, **options
            )
        raise not_started(command, error) from None


def not_started(command: Sequence[str], error: OSError) -> NotStarted:
    """Why `exec` failed, in our words."""
    if error.errno == errno.ENOENT:
        return NotStarted(f"{command[0]}: the interpreter that its first line names is not there", NOT_FOUND)
    return NotStarted(f"{command[0]}: {error.strerror or error}", NOT_EXECUTABLE)


class _Process:
    """A child in our own process group: what is typed at a terminal reaches it together with us."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []  # signals that came before it did

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """It has started."""
        self._process = process
        for number in self._early:
            self.hear(number)

    def poll(self) -> int | None:
        assert self._process is not None
        return self._process.poll()

    def hear(self, number: int) -> None:
        """A signal came to us; one that a key sent came to the command too."""
        if self._process is None:
            self._early.append(number)
        elif not (number in _BY_KEY and _is_foreground()):
            self._process.send_signal(number)


def _is_foreground() -> bool:
    """Whether the keys of our terminal reach our process group."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _execute(command: Sequence[str], environ: Mapping[str, str], kept: Kept | None) -> int:
    child = _Process()
    handlers: dict[int, Callable[[int], object]] = {
        **dict.fromkeys(FORWARDED, child.hear),
        signal.SIGCHLD: lambda _: None,
    }
    with Signals(handlers) as signals:
        if kept is None:
            child.begin(spawn(command, environ))
            return Relay(child, [], signals).run()
        out, out_sink = os.pipe()
        err, err_sink = os.pipe()
        try:
            child.begin(spawn(command, environ, stdout=out_sink, stderr=err_sink))
        finally:
            os.close(out_sink)
            os.close(err_sink)
        return Relay(child, [Stream(out, 1, "out", kept), Stream(err, 2, "err", kept)], signals).run()
