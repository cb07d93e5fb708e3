"""What every format gives and takes: entries of a file, each one call, and what a file cannot know of itself."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

from requestshook.events import Body, Event

HEAD = 64 * 1024  # octets by which a format is told

Load = Callable[[int], Body | None]  # a body by its message's `ref`, content included


@dataclass(frozen=True, slots=True)
class Context:
    """What a file does not say of the calls in it."""

    trace: str  # the new recording's id
    host: str  # for the origin of events: one a file, for each file has a clock of its own
    pid: int
    body_limit: int  # octets kept of a body
    caller_of: Callable[[str], str | None]  # who sends this User-Agent: `clients:`, else its product name
    begin: int = 0  # added to an entry's number, so that those of several files differ in one recording


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of a file, or what its head says of the recording (number 0)."""

    number: int  # in the file, from 1
    events: tuple[Event, ...]  # not yet redacted; a Recording, Recorded or Process too, where the file holds one
    problem: str | None = None  # why it, or a part of it, is skipped
    done: int = 0  # octets of the file read so far


def is_packed(octets: bytes) -> bool:
    """Whether a file that begins so is packed with gzip."""
    return octets.startswith(b"\x1f\x8b")


def unpacked(octets: bytes) -> bytes:
    """The beginning of a file, unpacked where it is packed with gzip; never longer than it was given."""
    if not is_packed(octets):
        return octets
    try:
        return zlib.decompressobj(31).decompress(octets, len(octets))
    except zlib.error:
        return b""
