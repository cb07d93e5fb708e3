"""What each call was made for: by the id it carries, else by other tools' headers, else by time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from requestshook.trace import marks
from requestshook.trace.drafts import Draft


def relate(drafts: Iterable[Draft]) -> list[str]:
    """Give each call its parent and depth; gives remarks on parents that are not there or go round in circles."""
    drafts = sorted(drafts, key=lambda draft: (draft.started, draft.id))
    by_said_id: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        by_said_id[draft.said_id].append(draft)
    absent = 0
    for draft in drafts:
        said = draft.said_parent
        if said is not None:
            draft.parent = _the_one(by_said_id.get(said, []), draft)
            absent += draft.parent is None
    _infer(drafts)
    cut = _cut_circles(drafts)
    _measure(drafts)
    remarks = []
    if absent:
        remarks.append(f"{_calls(absent)} made for a call that is not in this recording.")
    if cut:
        remarks.append(f"{_calls(cut)} said to be made for itself, by way of others or not: that is left out.")
    return remarks


def _calls(count: int) -> str:
    return "1 call was" if count == 1 else f"{count} calls were"


def _the_one(found: list[Draft], child: Draft) -> Draft | None:
    """Of several calls that came with one id, the one that the child's process was answering when it called."""
    if len(found) < 2:
        return found[0] if found else None
    process = (child.outermost.origin.host, child.outermost.origin.pid)
    here = [
        draft
        for draft in found
        if any(s.origin.view == "server" and (s.origin.host, s.origin.pid) == process for s in draft.sights)
    ]
    before = [draft for draft in here or found if draft.started <= child.started]
    return (before or (here or found)[:1])[-1]


def _infer(drafts: list[Draft]) -> None:
    """Where no header of ours says it: what other tools' headers name, else the one call that the caller answered."""
    moments: list[tuple[float, int, str, Draft]] = []
    for draft in drafts:
        moments.append((draft.started, 0, draft.id, draft))
        if draft.said_parent is None:
            moments.append((draft.started, 1, draft.id, draft))
        if draft.answered is not None:
            moments.append((max(draft.answered, draft.started), 2, draft.id, draft))
    services: dict[str, _Answering] = defaultdict(_Answering)
    for _, kind, _, draft in sorted(moments, key=lambda moment: moment[:3]):
        if kind == 0:
            services[draft.callee].begin(draft)
        elif kind == 2:
            services[draft.callee].end(draft)
        else:
            draft.parent = services[draft.caller].cause(draft)
            draft.inferred = draft.parent is not None


class _Answering:
    """The calls that one service is answering, and those that it has answered, by the marks that it knows them by."""

    def __init__(self) -> None:
        self._now: dict[str, Draft] = {}
        self._marked_now: dict[str, dict[str, Draft]] = defaultdict(dict)
        self._marked: dict[str, dict[str, Draft]] = defaultdict(dict)

    def begin(self, draft: Draft) -> None:
        """It was called."""
        self._now[draft.id] = draft
        for mark in marks.known(draft):
            self._marked_now[mark][draft.id] = self._marked[mark][draft.id] = draft

    def end(self, draft: Draft) -> None:
        """It has answered."""
        self._now.pop(draft.id, None)
        for mark in marks.known(draft):
            self._marked_now[mark].pop(draft.id, None)

    def cause(self, draft: Draft) -> Draft | None:
        """The one call that it made this one for, as far as that can be told."""
        carried = marks.sent(draft)
        for marked in (self._marked_now, self._marked):
            found = [other for mark in carried for other in _two(marked.get(mark, {}), draft)]
            if found:
                return found[0] if len({other.id for other in found}) == 1 else None
        answering = _two(self._now, draft)
        if len(answering) != 1 or marks.differ(carried, marks.known(answering[0])):
            return None
        return answering[0]


def _two(found: dict[str, Draft], draft: Draft) -> list[Draft]:
    """Two of them at most, itself left out."""
    return list(islice((other for other in found.values() if other is not draft), 2))


def _cut_circles(drafts: list[Draft]) -> int:
    """Let the earliest call of each circle have no parent."""
    known: set[str] = set()
    cut = 0
    for draft in drafts:
        way: dict[str, Draft] = {}
        here: Draft | None = draft
        while here is not None and here.id not in known and here.id not in way:
            way[here.id] = here
            here = here.parent
        if here is not None and here.id in way:
            ids = list(way)
            circle = [way[id] for id in ids[ids.index(here.id) :]]
            first = min(circle, key=lambda draft: (draft.started, draft.id))
            first.parent, first.inferred = None, False
            cut += 1
        known.update(way)
    return cut


def _measure(drafts: list[Draft]) -> None:
    """Give each call its depth: how many calls lie around it."""
    depths: dict[str, int] = {}
    for draft in drafts:
        way: list[Draft] = []
        here: Draft | None = draft
        while here is not None and here.id not in depths:
            way.append(here)
            here = here.parent
        depth = depths[here.id] if here is not None else -1
        for step in reversed(way):
            depth += 1
            step.depth = depths[step.id] = depth
