"""A file of calls -> a recording in the store: redacted like a capture, and nothing of it where it was broken off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from requestshook import tags
from requestshook.errors import EventError, RequestshookError
from requestshook.events import Event, Headers, Recorded, Recording, Request, Response, to_line
from requestshook.formats import KINDS, format_of, kind_of
from requestshook.formats.values import HEAD, Context, Entry
from requestshook.redact import Redactor
from requestshook.settings import Settings
from requestshook.store import Line, Store, read_line

Progress = Callable[[int, int], None]  # octets done, octets in all

_PIECE = 4 * 1024 * 1024  # octets of lines that go into the store at once
_LONGEST_LINE = 64 * 1024 * 1024


@dataclass(slots=True)
class Imported:
    """What became of one recording's files."""

    trace: str
    name: str
    calls: int = 0
    problems: list[str] = field(default_factory=list)  # entries that were skipped, each with its file and number


class Source(NamedTuple):
    """A file to read, and what it is called where something is said of it."""

    path: str  # of a regular file
    said: str


def sniff(source: Source) -> str:
    """The kind of a file by its content; raises RequestshookError, naming the known ones, where it is of none."""
    with open(source.path, "rb") as file:
        kind = kind_of(file.read(HEAD))
    if kind is None:
        known = [found.said for found in KINDS.values()]
        raise RequestshookError(f"{source.said} is neither {', '.join(known[:-1])} nor {known[-1]}")
    return kind


def take_in(
    store: Store,
    sources: Sequence[Source],
    settings: Settings,
    name: str | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Make one recording of files that are not spool lines.

    It is called `name`, else as a file itself says, else as the first file without its ending. Raises RequestshookError
    where there is no call in them; an exception leaves nothing of it in the store.
    """
    taking = _Taking(store, settings, name or "", progress, sum(os.path.getsize(source.path) for source in sources))
    try:
        for source in sources:
            taking.read(source)
        return taking.finish(stem(sources[0].said))
    except BaseException:
        taking.undo()
        raise


def stem(path: str) -> str:
    """A recording's name after its file's, without ending."""
    name = os.path.basename(path).removesuffix(".gz")
    return os.path.splitext(name)[0].encode("utf-8", "replace").decode() or "recording"


class _Taking:
    def __init__(self, store: Store, settings: Settings, name: str, progress: Progress | None, total: int) -> None:
        self._store, self._settings, self._progress = store, settings, progress
        self._total, self._before, self._begin = total, 0, 0
        self._result = Imported(tags.new_trace_id(settings.key), name)
        self._began: Recording | None = None
        self._ended: Recorded | None = None
        self._first, self._last = float("inf"), float("-inf")
        self._lines: list[Line] = []
        self._held = 0
        self._kept = False
        self._calls: set[str] = set()

    def read(self, source: Source) -> None:
        """All calls of one file."""
        size, number = os.path.getsize(source.path), 0
        for entry in format_of(sniff(source)).load(source.path, self._context(source)):
            number = max(number, entry.number)
            self._take(entry, source.said)
            if self._progress is not None:
                self._progress(self._before + min(entry.done, size), self._total)
        self._before += size
        self._begin += number

    def _context(self, source: Source) -> Context:
        host = tags.as_name(os.path.basename(source.said))
        return Context(
            self._result.trace, host, os.getpid(), self._settings.body_limit, self._settings.client_name, self._begin
        )

    def _take(self, entry: Entry, file: str) -> None:
        place = f"{file}: entry {entry.number}" if entry.number else file
        if entry.problem is not None:
            self._result.problems.append(f"{place}: {entry.problem}")
        try:
            lines = [read_line(to_line(event).rstrip(b"\n")) for event in self._redacted(entry.events)]
        except (EventError, ValueError, OverflowError) as error:
            self._result.problems.append(f"{place}: {error}")
            return
        if any(len(line.octets) > _LONGEST_LINE for line in lines):
            self._result.problems.append(f"{place}: it is longer than {_LONGEST_LINE // 1024**2} MiB")
            return
        for line in lines:
            self._add(line)

    def _redacted(self, events: Sequence[Event]) -> Iterator[Event]:
        headers: dict[str, Headers] = {}
        for event in events:
            if isinstance(event, (Request, Response)):
                headers[type(event).__name__.lower()] = event.headers
            redacted = self._settings.redactor.event(event, headers.get(getattr(event, "of", ""), ()))
            if isinstance(redacted, Recording):
                self._began = self._began or redacted
            elif isinstance(redacted, Recorded):
                self._ended = redacted
            else:
                yield redacted

    def _add(self, line: Line) -> None:
        self._lines.append(line)
        self._held += len(line.octets)
        if line.call:
            self._first, self._last = min(self._first, line.at), max(self._last, line.at)
            self._calls.add(line.call)
        if self._held > _PIECE:
            self._keep()

    def _keep(self) -> None:
        self._kept = True
        self._store.keep(self._lines)
        self._lines, self._held = [], 0

    def finish(self, name: str) -> Imported:
        """The recording's first and last line, for which the times of all calls are needed."""
        result = self._result
        if not self._calls:
            why = f" ({result.problems[0]})" if result.problems else ""
            raise RequestshookError(f"there is no call to import{why}")
        result.name = result.name or (self._began.name if self._began else "") or name
        began = self._began or Recording(self._first, result.trace, "", ())
        self._add(_line(self._redactor, began._replace(name=result.name)))
        if self._ended is not None or self._began is None:
            self._add(_line(self._redactor, self._ended or Recorded(self._last, result.trace, None)))
        self._keep()
        result.calls = len(self._calls)
        return result

    def undo(self) -> None:
        """Take out of the store what is in it already."""
        if self._kept:
            self._store.remove(self._result.trace)

    @property
    def _redactor(self) -> Redactor:
        return self._settings.redactor


def _line(redactor: Redactor, event: Event) -> Line:
    return read_line(to_line(redactor.event(event)).rstrip(b"\n"))
