"""The SQL that every store shares; a dialect beside it only connects, and says how its database spells four words."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from requestshook.errors import NotFoundError, StoreError
from requestshook.events import (
    Body,
    BodyEnd,
    Count,
    Event,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
    from_line,
)
from requestshook.store.schema import MIGRATIONS
from requestshook.store.values import Kept, Line, Mark, Summary, Unread, digest

_CHUNK = 200  # lines read at a time
_KNOWN_FIELDS = 10_000
_OF_CALLS = "('request', 'response', 'body', 'failure')"


class BaseStore(ABC):
    """Recordings in a database. Raises StoreError, with one line, where the database fails."""

    octets = "BLOB"
    serial = "INTEGER"

    @abstractmethod
    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, or none of a statement that gives none."""

    @abstractmethod
    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        """One statement for each of the rows; how many rows of the table it changed."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """One transaction that may write: all of the block, or nothing of it."""

    @abstractmethod
    def tables(self) -> set[str]:
        """The names of the tables that there are."""

    @abstractmethod
    def close(self) -> None:
        """Give the database back; the store cannot be used any more."""

    def __enter__(self) -> BaseStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def migrate(self) -> None:
        """Bring the tables to this version; raises StoreError where the store is of a newer one."""
        if self.version() == len(MIGRATIONS):
            return
        with self.writing():
            self.rows("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, at DOUBLE PRECISION)")
            for number, statements in enumerate(MIGRATIONS[self.version() :], self.version() + 1):
                for statement in statements:
                    self.rows(statement.format(octets=self.octets, serial=self.serial))
                self.rows("INSERT INTO migrations VALUES (?, ?)", (number, time.time()))

    def version(self) -> int:
        """How many migrations the tables have seen; raises StoreError where they are not ours or too new."""
        tables = self.tables()
        if not tables:
            return 0
        if "migrations" not in tables:
            raise StoreError("it holds something else, not recordings")
        ((number,),) = self.rows("SELECT COALESCE(MAX(number), 0) FROM migrations")
        if number > len(MIGRATIONS):
            raise StoreError(f"it is of version {number}, this requestshook reads up to {len(MIGRATIONS)}: upgrade it")
        return int(number)

    # -- taking in ------------------------------------------------------------------------------------------------

    def keep(self, lines: Sequence[Line], mark: Mark | None = None, unread: Sequence[Unread] = ()) -> Kept:
        """Take in lines of one file and how far it was read, in one transaction."""
        with self.writing():
            wanted = self._without_removed(lines)
            new = self.many(
                "INSERT INTO lines (hash, event, trace, call, outcome, at, line) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                [line[:7] for line in wanted],
            )
            members = {(line.trace, line.host, line.pid) for line in wanted if line.call}
            self.many("INSERT INTO members VALUES (?, ?, ?) ON CONFLICT DO NOTHING", sorted(members))
            self.many(
                "INSERT INTO unread (hash, file, number, reason, line) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(digest(item.line), *item) for item in unread],
            )
            if mark is not None:
                self.rows("DELETE FROM files WHERE device = ? AND inode = ?", mark[:2])
                self.rows("INSERT INTO files VALUES (?, ?, ?, ?, ?)", mark)
        return Kept(new, len(wanted) - new, len(lines) - len(wanted))

    def _without_removed(self, lines: Sequence[Line]) -> Sequence[Line]:
        removed = {trace for (trace,) in self.rows("SELECT trace FROM removed")}
        return [line for line in lines if line.trace not in removed] if removed else lines

    def mark(self, device: str, inode: str) -> Mark | None:
        """How far a file was read; None where it was never."""
        found = self.rows("SELECT * FROM files WHERE device = ? AND inode = ?", (device, inode))
        return Mark(*found[0]) if found else None

    def forget(self, device: str, inode: str) -> None:
        """Drop the mark of a file that is deleted."""
        with self.writing():
            self.rows("DELETE FROM files WHERE device = ? AND inode = ?", (device, inode))

    def remove(self, trace: str) -> None:
        """Take a recording out, for good: its lines are dropped whenever they are read again."""
        with self.writing():
            self.rows("INSERT INTO removed VALUES (?, ?) ON CONFLICT DO NOTHING", (trace, time.time()))
            self.rows("DELETE FROM lines WHERE trace = ?", (trace,))
            self.rows("DELETE FROM members WHERE trace = ?", (trace,))

    # -- asking ---------------------------------------------------------------------------------------------------

    def traces(self) -> list[Summary]:
        """Every recording, the newest first."""
        calls = {
            trace: (count, failures)
            for trace, count, failures in self.rows(
                # An outcome is the view's rank plus 1 where it went well: the least one of a call is that of the
                # outermost view, and odd where nothing of it failed.
                "SELECT trace, COUNT(*), SUM(CASE WHEN worst % 2 = 0 THEN 1 ELSE 0 END) FROM"
                f" (SELECT trace, call, MIN(outcome) AS worst FROM lines WHERE event IN {_OF_CALLS}"
                " GROUP BY trace, call) AS seen GROUP BY trace"
            )
        }
        ends = self._ends()
        found = []
        for trace, first, last in self.rows(
            "SELECT trace, MIN(at), MAX(at) FROM lines WHERE event NOT IN ('process', 'count') GROUP BY trace"
        ):
            began, ended = ends.get(trace, (None, None))
            count, failures = calls.get(trace, (0, 0))
            found.append(
                Summary(
                    id=trace,
                    name=(began.name if began else "") or trace,
                    command=began.command if began else (),
                    started=began.at if began else first,
                    ended=ended.at if ended else None,
                    exit=ended.exit if ended else None,
                    last=last,
                    calls=count,
                    failures=failures,
                )
            )
        return sorted(found, key=lambda summary: (-summary.started, summary.id))

    def _ends(self) -> dict[str, tuple[Recording | None, Recorded | None]]:
        ends: dict[str, tuple[Recording | None, Recorded | None]] = {}
        for (octets,) in self.rows("SELECT line FROM lines WHERE event IN ('recording', 'recorded') ORDER BY id"):
            event = from_line(octets)
            if isinstance(event, Recording):
                ends[event.trace] = (event, ends.get(event.trace, (None, None))[1])
            elif isinstance(event, Recorded):
                ends[event.trace] = (ends.get(event.trace, (None, None))[0], event)
        return ends

    def find(self, text: str | None = None) -> str:
        """The id of the recording that is meant: a name (its newest), an id, or the start of one; None: the newest."""
        summaries = self.traces()
        if not summaries:
            raise NotFoundError("there is no recording yet: record one with `requestshook run -- COMMAND`")
        if text is None:
            return summaries[0].id
        for summary in summaries:
            if text in (summary.name, summary.id):
                return summary.id
        return _one_of([s for s in summaries if text and (s.id.startswith(text) or s.name.startswith(text))], text) or (
            _not_found(summaries, text)
        )

    def older_than(self, seconds: float) -> list[Summary]:
        """The recordings whose newest line is older than that, the newest first."""
        limit = time.time() - seconds
        return [summary for summary in self.traces() if summary.last < limit]

    def events(self, trace: str) -> Iterator[tuple[int, Event]]:
        """The recording's events, each with the number by which its body can be asked for.

        Those of one file come in the order of the file, after the lines of the processes that took part and what
        was lost meanwhile. Of a body's content only its emptied kind is given (`""` or `b""`): where there is none it
        is None.
        """
        for process in self.processes(trace):
            yield 0, process
        for count in self.lost(trace):
            yield 0, count
        known: dict[tuple[str, str], tuple[str, str]] = {}
        for id, octets in self._read(trace):
            event = from_line(octets)
            if not isinstance(event, Process):
                yield id, _sharing(without_content(event), known)

    def size(self, trace: str) -> tuple[int, int]:
        """How many lines a recording has and the number of its newest: other where any was taken in or out."""
        ((count, newest),) = self.rows("SELECT COUNT(*), COALESCE(MAX(id), 0) FROM lines WHERE trace = ?", (trace,))
        return int(count), int(newest)

    def body(self, ref: int) -> Body | None:
        """The body in one line, its content included."""
        found = self.rows("SELECT line FROM lines WHERE id = ?", (ref,))
        event = from_line(found[0][0]) if found else None
        return event.body if isinstance(event, (Request, Response, BodyEnd)) else None

    def lines(self, trace: str) -> Iterator[bytes]:
        """The recording's lines as they were written, each with its end of line, for a file of its own."""
        for line in self._processes(trace):
            yield line + b"\n"
        for _, octets in self._read(trace):
            yield octets + b"\n"

    def _read(self, trace: str) -> Iterator[tuple[int, bytes]]:
        found = self.rows("SELECT id FROM lines WHERE trace = ? AND event <> 'process'", (trace,))
        ids = sorted(id for (id,) in found)
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            yield from self.rows(f"SELECT id, line FROM lines WHERE id IN ({marks}) ORDER BY id", chunk)

    def processes(self, trace: str) -> list[Process]:
        """The first line of each process that took part in a recording."""
        found = [from_line(octets) for octets in self._processes(trace)]
        return [event for event in found if isinstance(event, Process)]

    def _processes(self, trace: str) -> list[bytes]:
        members = set(self.rows("SELECT host, pid FROM members WHERE trace = ?", (trace,)))
        ((last,),) = self.rows("SELECT MAX(at) FROM lines WHERE trace = ?", (trace,))
        newest: dict[tuple[str, int], bytes] = {}
        for at, owner, octets in self.rows("SELECT at, trace, line FROM lines WHERE event = 'process' ORDER BY at, id"):
            event = from_line(octets)
            if isinstance(event, Process) and (
                owner == trace or ((event.host, event.pid) in members and at <= (last or at))
            ):
                newest[event.host, event.pid] = octets  # a number can be used again, and a file begin anew
        return list(newest.values())

    def writers(self) -> list[Process]:
        """The first line of every process that has ever written; of one that began anew, the newest."""
        newest: dict[tuple[str, int], Process] = {}
        for (octets,) in self.rows("SELECT line FROM lines WHERE event = 'process' ORDER BY at, id"):
            event = from_line(octets)
            if isinstance(event, Process):
                newest[event.host, event.pid] = event
        return list(newest.values())

    def counts(self) -> list[Count]:
        """What each process has not recorded, by its newest count."""
        newest: dict[tuple[str, int], Count] = {}
        for (octets,) in self.rows("SELECT line FROM lines WHERE event = 'count' ORDER BY at, id"):
            event = from_line(octets)
            if isinstance(event, Count):
                newest[event.host, event.pid] = event
        return list(newest.values())

    def lost(self, trace: str) -> list[Count]:
        """How many lines each process could not write while the recording went on, where there are any.

        A line that was not written cannot say where it belongs. What another recording's command lost is left out.
        """
        ((first, last),) = self.rows(
            "SELECT MIN(at), MAX(at) FROM lines WHERE trace = ? AND event <> 'process'", (trace,)
        )
        if first is None:
            return []
        strangers = {(p.host, p.pid) for p in self.writers() if p.trace not in (None, trace)}
        before: dict[tuple[str, int], int] = {}
        meanwhile: dict[tuple[str, int], Count] = {}
        for (octets,) in self.rows("SELECT line FROM lines WHERE event = 'count' AND at <= ? ORDER BY at, id", (last,)):
            event = from_line(octets)
            if not isinstance(event, Count) or (event.host, event.pid) in strangers:
                continue
            if event.at < first:
                before[event.host, event.pid] = event.dropped
            else:
                meanwhile[event.host, event.pid] = event
        found = [(before.get(process, 0), count) for process, count in sorted(meanwhile.items())]
        counts = [count._replace(dropped=_more(earlier, count.dropped)) for earlier, count in found]
        return [count for count in counts if count.dropped]

    def unread(self) -> list[Unread]:
        """The lines that could not be read, the oldest first."""
        return [Unread(*row) for row in self.rows("SELECT file, number, reason, line FROM unread ORDER BY id")]


def _sharing(event: Event, known: dict[tuple[str, str], tuple[str, str]]) -> Event:
    """The event with header fields that others have, too, in memory once: most of a trace is such fields."""
    if not isinstance(event, (Request, Response)):
        return event
    if len(known) > _KNOWN_FIELDS:
        known.clear()
    return event._replace(headers=tuple([known.setdefault(pair, pair) for pair in event.headers]))


def _more(earlier: int, now: int) -> int:
    """How much a total grew; one that is less than before is another process's, of the same number."""
    return now - earlier if now >= earlier else now


def without_content(event: Event) -> Event:
    """The event with its body's content emptied: None stays None."""
    if not isinstance(event, (Request, Response, BodyEnd)) or event.body is None or not event.body.content:
        return event
    empty: str | bytes = "" if isinstance(event.body.content, str) else b""
    return event._replace(body=event.body._replace(content=empty))


def _one_of(found: list[Summary], text: str) -> str | None:
    if len({summary.name for summary in found}) > 1:
        names = ", ".join(f"{s.name} ({s.id[:8]})" for s in found[:8])
        raise NotFoundError(f"{text!r} could be any of: {names}")
    return found[0].id if found else None


def _not_found(summaries: list[Summary], text: str) -> str:
    names = list(dict.fromkeys(summary.name for summary in summaries))
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    raise NotFoundError(f"there is no recording {text!r}; there is: {', '.join(names[:8])}{more}")
