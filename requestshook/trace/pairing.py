"""Lines become views, and views become calls.

Lines pair by their origin: view, host, pid, the capture point's own number, and the id. Views of one id are one call,
unless the id came from another caller, or came again after its call had ended and nothing says that it was tried again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from requestshook.events import (
    BodyEnd,
    Count,
    Event,
    Failure,
    Note,
    Origin,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
)
from requestshook.trace.drafts import Draft, Sight


class Paired(NamedTuple):
    """What the lines of one recording make up."""

    drafts: list[Draft]
    recordings: list[Recording]
    recorded: list[Recorded]
    processes: list[Process]
    counts: list[Count]
    remarks: list[str]


def pair(events: Iterable[tuple[int, Event]]) -> Paired:
    """Gather lines into views and views into calls."""
    sights: dict[tuple[Any, ...], Sight] = {}
    places: dict[tuple[str, int], int] = defaultdict(int)
    others = _Others()
    notes: dict[tuple[Any, ...], Note] = {}
    surplus = 0
    for ref, event in events:
        if isinstance(event, Note):
            key = _exchange(event.origin)
            notes[key] = max(event, notes.get(key, event))
            continue
        if not isinstance(event, (Request, Response, BodyEnd, Failure)):
            others.add(event)
            continue
        process = event.origin.host, event.origin.pid
        places[process] += 1
        sight = sights.setdefault(_exchange(event.origin), Sight(event.origin))
        surplus += not sight.add(ref, places[process], event)
    drafts, lost = _calls(sights.values())
    for draft in drafts:
        found = [notes[key] for key in map(_exchange, (s.origin for s in draft.sights)) if key in notes]
        draft.notes = tuple(sorted(note for note in found if note.text or note.mark))
    return Paired(
        drafts,
        sorted(others.recordings),
        sorted(others.recorded, key=lambda event: (event.at, repr(event))),
        sorted(others.processes, key=lambda event: (event.at, repr(event))),
        others.newest_counts(),
        _remarks(surplus, lost),
    )


def _exchange(origin: Origin) -> tuple[Any, ...]:
    """What the lines of one exchange at one capture point share."""
    view, id, _, host, pid, n = origin
    return view, host, pid, n, id


class _Others:
    """The lines that are of no call, each once."""

    def __init__(self) -> None:
        self.recordings: set[Recording] = set()
        self.recorded: set[Recorded] = set()
        self.processes: set[Process] = set()
        self.counts: set[Count] = set()

    def add(self, event: Recording | Recorded | Process | Count) -> None:
        if isinstance(event, Recording):
            self.recordings.add(event)
        elif isinstance(event, Recorded):
            self.recorded.add(event)
        elif isinstance(event, Process):
            self.processes.add(event)
        else:
            self.counts.add(event)

    def newest_counts(self) -> list[Count]:
        """Of each process the last: counts are totals."""
        newest: dict[tuple[str, int], Count] = {}
        for count in sorted(self.counts, key=lambda count: (count.at, repr(count))):
            newest[count.host, count.pid] = count
        return [newest[process] for process in sorted(newest)]


def _remarks(surplus: int, lost: int) -> list[str]:
    remarks = []
    if surplus:
        remarks.append(f"{_lines(surplus)} about an exchange of which the same was said before: the first one counts.")
    if lost:
        remarks.append(
            f"{_lines(lost)} of calls whose request is not among what was recorded: these calls are left out."
        )
    return remarks


def _lines(count: int) -> str:
    return "1 line is" if count == 1 else f"{count} lines are"


def _calls(sights: Iterable[Sight]) -> tuple[list[Draft], int]:
    """The calls of all sights, and how many lines belong to none, because nobody's request line is there."""
    by_id: dict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        by_id[sight.origin.id].append(sight)
    drafts: list[Draft] = []
    lost = 0
    for id in sorted(by_id):
        runs = [by_id[id]] if len(by_id[id]) == 1 else _runs(by_id[id])
        number = 0
        for run in runs:
            if all(sight.request is None for sight in run):
                lost += sum(len(sight.refs) for sight in run)
                continue
            number += 1
            drafts.append(Draft(id if number == 1 else again(id, number), id, run))
    return drafts, lost


def again(id: str, number: int) -> str:
    """The id of the number-th call that came with one id: made from both, so that it is always the same."""
    return blake2b(f"{id}/{number}".encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _runs(sights: list[Sight]) -> list[list[Sight]]:
    """The sights of one id, apart by call: the earliest call first."""
    callers: dict[str | None, list[Sight]] = defaultdict(list)
    for sight in sorted(sights, key=Sight.key):
        callers[sight.request.caller if sight.request is not None else None].append(sight)
    orphans = callers.pop(None, [])
    if not callers:
        return [orphans]
    runs = [run for named in callers.values() for run in _runs_of_one_caller(named)]
    runs.sort(key=lambda run: (min(sight.began for sight in run), min(sight.key() for sight in run)))
    for orphan in orphans:
        home = _home(orphan, runs)
        if home is None:
            runs.append([orphan])
        else:
            home.append(orphan)
    return runs


def _home(orphan: Sight, runs: list[list[Sight]]) -> list[Sight] | None:
    """Where a sight without a request belongs: to the first call that nobody saw from there; a client's to no other."""
    view = orphan.origin.view
    free = next((run for run in runs if all(sight.origin.view != view for sight in run)), None)
    return free if free is not None or view == "client" else runs[0]


def _runs_of_one_caller(sights: list[Sight]) -> list[list[Sight]]:
    clients = [sight for sight in sights if sight.origin.view == "client"]
    runs: list[list[Sight]] = [[client] for client in clients]
    layers: dict[tuple[str, ...], list[Sight]] = defaultdict(list)
    for sight in sights:
        if sight.origin.view != "client":
            layers[sight.layer].append(sight)
    for layer in layers.values():
        number = 0
        tries: list[Sight] = []
        for sight in layer:
            tries_said = clients[number].tries if number < len(clients) else None
            if tries and _is_over(tries, tries_said, sight):
                number += 1
                tries = []
            tries.append(sight)
            if number == len(runs):
                runs.append([])
            runs[number].append(sight)
    return runs


def _is_over(tries: list[Sight], said: int | None, next_one: Sight) -> bool:
    """Whether the call of these tries had ended before the next one began: that is another call."""
    last = max(sight.ended for sight in tries)
    if last > next_one.began:
        return False
    return len(tries) >= said if said is not None else tries[-1].is_well_answered
