"""What goes into a store and comes out of it, whatever database holds it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from requestshook.errors import EventError
from requestshook.events import (
    BodyEnd,
    Count,
    Event,
    Failure,
    Note,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
    from_line,
)

_KINDS: dict[type, str] = {
    Request: "request", Response: "response", BodyEnd: "body", Failure: "failure",
    Note: "note",
    Recording: "recording", Recorded: "recorded", Process: "process", Count: "count",
}  # fmt: skip
_RANKS = {"client": 0, "wire": 2, "server": 4}


class Line(NamedTuple):
    """One line of a spool file, read: `octets` are exactly what stood there, without the end of line."""

    hash: bytes
    event: str
    trace: str  # empty where the line belongs to no recording
    call: str  # the call's id; empty where the line is not of a call
    outcome: int | None  # of a response or failure: the view's rank, plus 1 where it went well; the least one counts
    at: float
    octets: bytes
    host: str
    pid: int


class Unread(NamedTuple):
    """A line that could not be read: where it stood, why, and its bytes (the head of a huge one)."""

    file: str
    number: int
    reason: str
    line: bytes


class Mark(NamedTuple):
    """How far a file was read: `head` is a hash of octets before it, for an inode or a file can be used again."""

    device: str
    inode: str
    head: bytes
    position: int
    newlines: int


class Kept(NamedTuple):
    """What became of the lines handed over: taken in, there already, or of a removed recording."""

    new: int
    known: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A recording, without its calls. Times are seconds since the epoch."""

    id: str
    name: str  # its id where no line names it
    command: tuple[str, ...]
    started: float
    ended: float | None
    exit: int | None
    last: float  # its newest line
    calls: int
    failures: int

    @property
    def open(self) -> bool:
        """No line says that the recording ended."""
        return self.ended is None


def digest(octets: bytes) -> bytes:
    """A line's identity: reading it twice, from whatever file, is reading it once."""
    return blake2b(octets, digest_size=16).digest()


def read_line(octets: bytes) -> Line:
    """The line, checked; raises EventError with the reason where it cannot be read."""
    event = from_line(octets)
    line = _line(event, octets)
    if not _is_plain(line.trace) or not _is_plain(line.call) or not _is_plain(line.host):
        raise EventError(f"{line.event}: its trace, id or host is no plain text")
    if not 0 <= line.pid < 2**63:
        raise EventError(f"{line.event}: its pid is out of range")
    return line


def _line(event: Event, octets: bytes) -> Line:
    hash = digest(octets)
    kind = _KINDS[type(event)]
    if isinstance(event, (Request, Response, BodyEnd, Failure, Note)):
        view, id, trace, host, pid, _ = event.origin
        return Line(hash, kind, trace, id, _outcome(event, view), event.at, octets, host, pid)
    if isinstance(event, (Process, Count)):
        trace = (event.trace or "") if isinstance(event, Process) else ""
        return Line(hash, kind, trace, "", None, event.at, octets, event.host, event.pid)
    return Line(hash, kind, event.trace, "", None, event.at, octets, "", 0)


def _is_plain(text: str) -> bool:
    return len(text) <= 256 and text.isascii() and text.isprintable()


def _outcome(event: Event, view: str) -> int | None:
    if isinstance(event, Response):
        return _RANKS[view] + (event.status < 400)
    return _RANKS[view] if isinstance(event, Failure) else None
