"""Spool files from the reader's side: whole lines in pieces of bounded size, and whether their writer still lives."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

LONGEST = 64 * 1024 * 1024  # octets of a line; a longer one is passed over
_PIECE = 4 * 1024 * 1024
_HUGE_HEAD = 4096
_NAME = re.compile(r"(?P<host>.+)-(?P<pid>\d{1,10})-(?P<started>\d{1,15})-[0-9a-f]+\.jsonl")
_LEEWAY = 2.0  # seconds that two readings of one clock may differ by


class Piece(NamedTuple):
    """Whole lines, without their ends; `huge` says that it is the head of one line that is too long."""

    number: int  # of the first line, counted from 1
    lines: list[bytes]
    octets: int  # of the file that it takes up
    huge: bool = False


class Reader:
    """Reads a file's lines on from a position; `position` and `newlines` say how far they were given out."""

    def __init__(self, file: BinaryIO, position: int = 0, newlines: int = 0) -> None:
        self.position = position
        self.newlines = newlines
        self.rest = b""  # what stands after the last end of line, once all pieces were given
        self.rest_is_huge = False
        self._rest_octets = 0
        self._read = getattr(file, "read1", file.read)  # what is there, without waiting for more

    def pieces(self) -> Iterator[Piece]:
        """The whole lines, about 4 MiB at a time."""
        held, passed = b"", 0  # the beginning of a line, and what was passed over of a huge one
        while data := self._read(_PIECE):
            if passed:
                end = data.find(b"\n") + 1
                if not end:
                    passed += len(data)
                    continue
                yield self._given([held], len(held) + passed + end, huge=True)
                held, passed, data = b"", 0, data[end:]
            lines = (held + data).split(b"\n")
            octets = len(held) + len(data)
            held = lines.pop()
            if lines:
                yield self._given(lines, octets - len(held))
            if len(held) > LONGEST:
                held, passed = held[:_HUGE_HEAD], len(held) - _HUGE_HEAD
        self.rest, self.rest_is_huge, self._rest_octets = held, passed > 0, len(held) + passed

    def rest_as_piece(self) -> Piece:
        """What stands after the last end of line, as if it were a line."""
        return Piece(self.newlines + 1, [self.rest], len(self.rest), self.rest_is_huge)

    def take_rest(self) -> None:
        """Count the rest as given out."""
        self.position += self._rest_octets
        self.rest = b""

    def _given(self, lines: list[bytes], octets: int, *, huge: bool = False) -> Piece:
        piece = Piece(self.newlines + 1, lines, octets, huge)
        self.position += octets
        self.newlines += len(lines)
        return piece


def is_gone(name: str, host: str) -> bool:
    """Whether the process that wrote a spool file of that name is known to be gone: only for this host's own.

    A process that has its number but started after the file did is another one.
    """
    found = _NAME.fullmatch(name)
    if not found or found["host"] != host:
        return False
    pid = int(found["pid"])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it is there, and another user's
        pass
    state, started = _state(pid)
    if state in ("Z", "X"):
        return True
    return started is not None and int(found["started"]) / 1000 + _LEEWAY < started < time.time() + _LEEWAY


def _state(pid: int) -> tuple[str | None, float | None]:
    """A process's state letter and when it started (seconds since the epoch), where the system tells (proc(5))."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        ticks = int(fields[19])  # the 22nd, starttime: the first two were cut off
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return fields[0].decode("ascii", "replace"), booted + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return None, None
