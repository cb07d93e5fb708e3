"""The order of a page that keeps each request with its answer: the calls made for one stand between the two.

A call that was made for another stands there also where the other's answer came first; calls that went on side by side
come one after the other, in the order of their requests. So numbers may jump where steps do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from requestshook.page.exchanges import Exchange
from requestshook.page.frames import Frame, Stretch

DEEPEST = 8  # levels; what is nested deeper stands at that one


class Piece(NamedTuple):
    """Something that begins, stands or ends here."""

    kind: str  # phase, group, group-end; call, request, inner, inner-end, answer, call-end; or row, pause
    what: Any  # Stretch, Frame, Exchange


def nested(pairs: Sequence[Exchange], phases: Iterable[Stretch], groups: Iterable[Frame]) -> Iterator[Piece]:
    """The pieces of the steps' part: what begins ends, so that a template can open and close elements."""
    return _Nesting(pairs, phases, groups).level(None)


def rows(pairs: Iterable[Exchange], phases: Iterable[Stretch], groups: Iterable[Frame]) -> Iterator[Piece]:
    """The pieces of a flat list of calls with its bands, as a call map has it."""
    starts = {phase.first: phase for phase in phases}
    begins = _begins(groups)
    open_groups: list[Frame] = []
    for pair in pairs:
        number = pair.row.number
        yield from _ended(open_groups, number)
        if number in starts:
            yield Piece("phase", starts[number])
        if pair.pause:
            yield Piece("pause", pair)
        for group in begins.get(number, ()):
            open_groups.append(group)
            yield Piece("group", group)
        yield Piece("row", pair)
    yield from _ended(open_groups, None)


class _Nesting:
    def __init__(self, pairs: Sequence[Exchange], phases: Iterable[Stretch], groups: Iterable[Frame]) -> None:
        self._phases = {phase.first: phase for phase in phases}
        self._begins = _begins(groups)
        self._children = _children(pairs)

    def level(self, parent: str | None) -> Iterator[Piece]:
        open_groups: list[Frame] = []
        for pair in self._children.get(parent, ()):
            number = pair.row.number
            yield from _ended(open_groups, number)
            if number in self._phases:
                yield Piece("phase", self._phases[number])
            for group in self._begins.get(number, ()):
                open_groups.append(group)
                yield Piece("group", group)
            yield from self._call(pair)
        yield from _ended(open_groups, None)

    def _call(self, pair: Exchange) -> Iterator[Piece]:
        yield Piece("call", pair)
        yield Piece("request", pair)
        if pair.call.id in self._children:
            yield Piece("inner", pair)
            yield from self.level(pair.call.id)
            yield Piece("inner-end", pair)
        if pair.answer is not None:
            yield Piece("answer", pair)
        yield Piece("call-end", pair)


def _children(pairs: Sequence[Exchange]) -> Mapping[str | None, list[Exchange]]:
    """The calls by what they stand in, which is never deeper than `DEEPEST`."""
    places: dict[str, tuple[str | None, int]] = {}  # call id: what it stands in, and how deep
    found: dict[str | None, list[Exchange]] = {}
    for pair in pairs:
        parent = pair.call.parent
        holder, depth = (parent, places[parent][1] + 1) if parent in places else (None, 0)
        while depth > DEEPEST and holder is not None:
            holder, depth = places[holder]
        places[pair.call.id] = (holder, depth)
        found.setdefault(holder, []).append(pair)
    return found


def _begins(groups: Iterable[Frame]) -> dict[int, list[Frame]]:
    found: dict[int, list[Frame]] = {}
    for group in groups:
        found.setdefault(group.first, []).append(group)
    return found


def _ended(open_groups: list[Frame], number: int | None) -> Iterator[Piece]:
    """The groups that end before a step; all of them, where none follows."""
    while open_groups and (number is None or open_groups[-1].last < number):
        yield Piece("group-end", open_groups.pop())
