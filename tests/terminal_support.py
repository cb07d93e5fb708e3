"""A terminal as a person has one, for programs under test: typed at, read from, resized."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 20.0  # seconds until something that is expected must have come


class Terminal:
    """Runs one program on a pseudo-terminal that controls it; a context manager that leaves nothing behind."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        folder: Path,
        *,
        size: tuple[int, int] = (24, 80),
        **to: Any,
    ) -> None:
        self.master, slave = os.openpty()
        self.screen = ""
        self.slave = slave  # held, so that its modes can be asked for after the program's end
        self.resize(*size)
        streams = {"stdin": slave, "stdout": slave, "stderr": slave, **to}
        self.process = subprocess.Popen(
            command, env=environ, cwd=folder, start_new_session=True, preexec_fn=lambda: self._control(slave), **streams
        )

    @staticmethod
    def _control(slave: int) -> None:
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def resize(self, rows: int, columns: int) -> None:
        """As if somebody had pulled at the window's corner."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Type these keys."""
        os.write(self.master, keys.encode())

    def modes(self) -> list[Any]:
        """The terminal's modes, as they are now."""
        return termios.tcgetattr(self.slave)

    def expect(self, pattern: str) -> re.Match[str]:
        """Wait until the screen shows it, and go on after it."""
        end = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.screen)) is None:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"{pattern!r} did not come; the screen: {self.screen!r}")
        self.screen = self.screen[found.end() :]
        return found

    def ended(self) -> int:
        """The program's status, with all that it printed on the screen."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            self._read(0.02)
        while self._read(0.05):
            pass
        return self.process.wait(1)

    def _read(self, timeout: float) -> bool:
        if not select.select([self.master], [], [], max(timeout, 0))[0]:
            return False
        self.screen += os.read(self.master, 65536).decode("utf-8", "replace")
        return True
