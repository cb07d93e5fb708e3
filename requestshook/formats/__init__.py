"""Other tools' files of calls: which kind one is, what is in it, and a recording written as one.

A format is a module with `is_it(head)`, `load(path, context)` and `dump(trace, load, file)`; it is imported when asked
for. Spool lines are read by `requestshook.collect` and have no module. What each holds: docs/formats.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import BinaryIO, NamedTuple, Protocol, cast

from requestshook.formats import spool_lines
from requestshook.formats.values import Context, Entry, Load, unpacked
from requestshook.trace.calls import Trace

HAR, FLOWS, SPOOL = "har", "flows", "spool"


class Format(Protocol):
    """What a format's module offers."""

    def is_it(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format; never raises."""

    def load(self, path: str, context: Context) -> Iterator[Entry]:
        """The calls of a file, one at a time; what is broken is an entry with a problem, never an exception."""

    def dump(self, trace: Trace, load: Load, file: BinaryIO) -> None:
        """Write a recording, one call at a time."""


class Kind(NamedTuple):
    """A format by what people call it."""

    said: str
    endings: tuple[str, ...]  # of file names, for `export`; the first is the usual one
    module: str | None


KINDS: dict[str, Kind] = {
    HAR: Kind("a HAR", (".har",), "har"),
    FLOWS: Kind("mitmproxy flows", (".flows", ".flow", ".mitm"), "flows"),
    SPOOL: Kind("spool lines", (".jsonl",), None),
}


def format_of(kind: str) -> Format:
    """The module of a kind that has one."""
    return cast(Format, import_module(f"requestshook.formats.{KINDS[kind].module}"))


def kind_of(head: bytes) -> str | None:
    """The kind of a file by its first octets, packed with gzip or not; None where it is of none."""
    head = unpacked(head)
    if spool_lines.is_it(head):
        return SPOOL
    return next((kind for kind in (HAR, FLOWS) if format_of(kind).is_it(head)), None)
