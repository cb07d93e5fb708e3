"""One process, one file, one write a line.

For each line the file is opened, written once and closed: a kept descriptor could be closed by a daemon and
handed to its next socket, whose peer would then read our line. There is no lock: `O_APPEND` keeps the lines of
threads apart, and a new pid or uid makes a new file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

ROTATE = 64 * 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def hostname() -> str:
    """This host's name as it stands in lines and in file names."""
    return "".join(c if c.isalnum() or c in "._" else "_" for c in os.uname().nodename) or "host"


class Full(Exception):
    """The process has written all that `capture: {max: …}` allows."""


class Spool:
    """Appends lines to the files of this process in one folder; raises OSError or Full, never loses half a line.

    `first_line` is called for each new file and gives its first line.
    """

    def __init__(
        self,
        folder: str,
        first_line: Callable[[], bytes],
        *,
        maximum: int | None = None,
        group: int | None = None,
        rotate: int = ROTATE,
    ) -> None:
        self.folder = folder
        self.maximum = maximum
        self.group = group
        self.path: str | None = None
        self.written = 0  # octets by this process
        self._first_line = first_line
        self._rotate = rotate
        self._owner: tuple[int, int] | None = None
        self._in_file = 0
        self._torn = False

    def write(self, line: bytes, *, beyond: bool = False) -> None:
        """Append one line, its end included; `beyond` is for the few that say what was dropped."""
        if not beyond and self.maximum is not None and self.written + len(line) > self.maximum and self._is_owner():
            raise Full
        if self.path is None or self._in_file > self._rotate or not self._is_owner():
            self._begin()
        if not self._in_file:
            self._append(self._first_line())
        self._append(line)

    def _is_owner(self) -> bool:
        return self._owner == (os.getpid(), os.geteuid())

    def _begin(self) -> None:
        if not self._is_owner():
            self.written = 0
        self._owner = (os.getpid(), os.geteuid())
        _keep_free_memory()
        started = int(time.time() * 1000)
        name = f"{hostname()}-{os.getpid()}-{started}-{os.urandom(4).hex()}.jsonl"
        make_folder(self.folder, self.group)
        self.path = os.path.join(self.folder, name)
        self._in_file = 0
        self._torn = False

    def _append(self, line: bytes) -> None:
        assert self.path is not None
        if self._torn:
            line = b"\n" + line
        try:
            descriptor = os.open(self.path, _FLAGS, 0o600)
        except FileNotFoundError:  # somebody removed the folder
            make_folder(self.folder, self.group)
            descriptor = os.open(self.path, _FLAGS, 0o600)
        try:
            if self.group is not None and self._in_file == 0:
                os.fchown(descriptor, -1, self.group)
                os.fchmod(descriptor, 0o640)
            count = os.write(descriptor, line)
        finally:
            os.close(descriptor)
        self._in_file += count
        self.written += count
        self._torn = count < len(line)
        if self._torn:
            raise OSError(28, "only a part of a line was written", self.path)


def _keep_free_memory() -> None:
    """Have the C library keep 1 MiB of freed memory, or a line with a long body takes and gives back pages each time.

    glibc takes the largest block that it gave back so far as what is usual (mallopt(3), M_MMAP_THRESHOLD); no page of
    this one is ever touched.
    """
    bytearray(512 * 1024)


def make_folder(folder: str, group: int | None = None) -> None:
    """The folder and what is above it, ours alone (0700), or of a group's (2770)."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    if above and not os.path.isdir(above):
        make_folder(above, group)
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return
    if group is not None:
        os.chown(folder, -1, group)
        os.chmod(folder, 0o2770)
