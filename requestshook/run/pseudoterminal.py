"""A command on a terminal of its own, which behaves as ours does: size, modes, keys, suspension, end.

Between us and the command stands one process, the leader of that terminal's session. Without it nobody could suspend
the command (a stop is void where no parent within the session could continue it), and the command's end would hang
up on what it left running in the background (tty_ioctl(4), setsid(2)).
"""

from __future__ import annotations

import fcntl
import os
import signal
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NoReturn

from requestshook.run.execution import NotStarted, spawn
from requestshook.run.relay import FORWARDED, Kept, Keys, Relay, Signals, Stream

_WINSIZE = 8  # octets of a struct winsize


def execute(command: Sequence[str], environ: Mapping[str, str], kept: Kept) -> int:
    """The command's exit status, negative for a signal; raises NotStarted."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    termios.tcsetattr(slave, termios.TCSANOW, termios.tcgetattr(1))
    _resize(master)
    keyboard, session = Keyboard(), Session()
    session.suspended = keyboard.suspend
    handlers: dict[int, Callable[[int], object]] = {
        **dict.fromkeys(FORWARDED, session.hear),
        signal.SIGWINCH: lambda _: _resize(master),
        signal.SIGCONT: lambda _: keyboard.take(),
    }
    with Signals(handlers) as signals, keyboard:
        streams = session.start(command, environ, (master, slave), signals, kept)
        keys = Keys(keyboard.terminal, master) if keyboard.terminal is not None else None
        relay = Relay(session, streams, signals, keys)
        relay.listening = lambda: session.is_up and keyboard.in_front()
        relay.sources[session.report] = session.read_report
        return relay.run()


def _resize(master: int) -> None:
    """Give the command's terminal the size of ours; the system tells the command."""
    with suppress(OSError):
        fcntl.ioctl(master, termios.TIOCSWINSZ, fcntl.ioctl(1, termios.TIOCGWINSZ, bytes(_WINSIZE)))


class Keyboard:
    """The terminal that somebody types at, raw while the command is in front, so that every key is the command's."""

    def __init__(self) -> None:
        self.terminal: int | None = 0 if os.isatty(0) else None
        self._opened = False
        self._modes: list[Any] | None = None
        if self.terminal is None:
            with suppress(OSError):  # prompts and pagers read from there, whatever the standard input is
                self.terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
                self._opened = True

    def __enter__(self) -> Keyboard:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()
        if self._opened and self.terminal is not None:
            os.close(self.terminal)

    def in_front(self) -> bool:
        """Whether what is typed is for us: a shell may have put us into the background."""
        if self.terminal is None:
            return False
        try:
            return os.tcgetpgrp(self.terminal) == os.getpgrp()
        except OSError:  # not the terminal that controls us: nobody else's either
            return True

    def take(self) -> None:
        """Make it raw."""
        if self.terminal is not None and self.in_front():
            with suppress(termios.error):
                if self._modes is None:
                    self._modes = termios.tcgetattr(self.terminal)
                tty.setraw(self.terminal, termios.TCSADRAIN)

    def give_back(self) -> None:
        """Make it what it was."""
        modes, self._modes = self._modes, None
        if modes is not None and self.terminal is not None:
            with suppress(termios.error), _unstopped():
                termios.tcsetattr(self.terminal, termios.TCSADRAIN, modes)

    def suspend(self) -> None:
        """The command was suspended: so are we and our group, until a shell continues us."""
        self.give_back()
        os.kill(0, signal.SIGTSTP)
        self.take()


class Session:
    """The command with its leader, seen from our process."""

    def __init__(self) -> None:
        self.report = -1  # where the leader tells how the command fares, a line each
        self.suspended: Callable[[], None] = lambda: None
        self._pid: int | None = None
        self._early: list[int] = []  # signals that came before the command did
        self._status: int | None = None
        self._failed: NotStarted | None = None
        self._rest = b""

    def start(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        terminal: tuple[int, int],
        signals: Signals,
        kept: Kept,
    ) -> list[Stream]:
        """Start the leader, which starts the command; gives what the command prints. `terminal`: our end and its."""
        master, slave = terminal
        self.report, report_sink = os.pipe()
        streams = [Stream(master, 1, "tty", kept)]
        descriptors: dict[str, int] = {"stdout": slave, "stderr": slave}
        if os.isatty(0):
            descriptors["stdin"] = slave
        if not os.isatty(2):
            err, descriptors["stderr"] = os.pipe()
            streams.append(Stream(err, 2, "err", kept))
        self._leader = os.fork()
        if self._leader == 0:
            signals.default()
            for stream in streams:
                stream.close()
            os.close(self.report)
            _lead(partial(spawn, command, environ, **descriptors), slave, report_sink)
        for descriptor in {slave, descriptors["stderr"], report_sink}:
            os.close(descriptor)
        return streams

    @property
    def is_up(self) -> bool:
        """Whether the command stands in front of its terminal: keys that come earlier would be nobody's."""
        return self._pid is not None

    def poll(self) -> int | None:
        """The command's status; raises NotStarted where it could not be run."""
        if self._failed is not None:
            raise self._failed
        return self._status

    def hear(self, number: int) -> None:
        """A signal came to us that is meant for the command."""
        if self._pid is None:
            self._early.append(number)
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._pid, number)

    def read_report(self) -> None:
        """What the leader has to tell."""
        data = os.read(self.report, 4096)
        if not data:  # somebody killed it
            self._end(None)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            what, number, text = line.decode().split(" ", 2)
            if what == "started":
                self._pid = int(number)
                for early in self._early:
                    self.hear(early)
            elif what == "stopped":
                self._suspend()
            elif what == "failed":
                self._failed = NotStarted(text, int(number))
                self._end(int(number))
            else:
                self._end(int(number))

    def _suspend(self) -> None:
        self.suspended()
        if self._pid is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGCONT)

    def _end(self, status: int | None) -> None:
        if self._status is None:
            _, leader = os.waitpid(self._leader, 0)
            self._status = os.waitstatus_to_exitcode(leader) if status is None else status


def _lead(start: Callable[..., Any], slave: int, report: int) -> NoReturn:
    """The leader's life: a session, the command in front of its terminal, and a line for each thing that happens."""
    try:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        process = start(preexec_fn=partial(_come_forward, slave))
        _tell(report, "started", process.pid)
        while True:
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                break
            _tell(report, "stopped", 0)
        _come_forward(slave)  # or our end would hang up on what the command left in the background
        _tell(report, "ended", os.waitstatus_to_exitcode(status))
    except NotStarted as error:
        _tell(report, "failed", error.status, str(error))
    except BaseException as error:
        _tell(report, "failed", 1, f"the command's terminal: {error!r}")
    finally:
        os._exit(0)


def _come_forward(slave: int) -> None:
    """Put the process, in a group of its own, in front of its terminal."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    with _unstopped():
        os.tcsetpgrp(slave, os.getpgrp())


@contextmanager
def _unstopped() -> Iterator[None]:
    """Change a terminal from the background, which would stop us otherwise (SIGTTOU)."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _tell(report: int, what: str, number: int, text: str = "") -> None:
    line = " ".join((what, str(number), text.replace("\n", " ")))
    with suppress(OSError):
        os.write(report, (line + "\n").encode("utf-8", "backslashreplace"))
