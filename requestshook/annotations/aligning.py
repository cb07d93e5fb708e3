"""Finding the calls of an annotation file again in a new recording. docs/annotations.md has the rules.

Entries and calls are aligned together: the longest common sequence of matching selectors, runs of neighbours
preferred, then what is left by selector in order. An entry with `@N` stands at that call, whatever its neighbours do.
What a person should look at comes as doubts: about an entry, or about all entries of one selector.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from requestshook.annotations import sequences
from requestshook.annotations.spelling import kind, spell
from requestshook.selectors import Selector
from requestshook.trace import selecting
from requestshook.trace.calls import Call

GONE = "gone"  # the entry has no call
ELSEWHERE = "elsewhere"  # another alignment, as good, would place it elsewhere or nowhere
MOVED = "moved"  # it was placed out of order, and its selector is listed or found more than once
COUNT = "count"  # its selector is found more or fewer times than the file lists it

_LIKE = 0.6  # how alike a selector has to be to be suggested, of 1
_COMPARED = 20_000  # pairs of selectors that are compared for suggestions: about a second
_LISTS_ALL = 0.75  # the part of the calls that has to have an entry, for a file to be taken as one that lists all


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is to be reported of an entry; for COUNT of all entries with its selector."""

    entry: int  # the entry's index
    kind: str  # GONE, ELSEWHERE, MOVED or COUNT
    words: str  # one clause that follows the selector: "is listed twice and found 3 times"
    suggestion: str = ""  # what to do: "did you mean `…`?"
    alike: tuple[int, ...] = ()  # for COUNT the entries with this selector, `entry` is the first


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where the entries stand. No two stand at one call."""

    placed: tuple[int | None, ...]  # for each entry the index of its call
    doubts: tuple[Doubt, ...]  # in the order of the entries
    complete: bool  # the file lists all calls, or was taken as one that does


def align(
    entries: Sequence[Selector],
    calls: Sequence[Call],
    *,
    complete: bool | None = None,
    variables: Mapping[str, str] | None = None,
) -> Alignment:
    """Place the entries of a file, in its order, at a trace's calls.

    `complete` says that the file lists all calls; None: it does if three of four calls find an entry. `variables`
    are the file's values by name, for the spelling of suggestions. A thousand entries and calls take about a second.
    """
    return _Aligning(entries, calls, complete, variables or {}).result()


class _Aligning:
    """One alignment on its way."""

    def __init__(
        self, entries: Sequence[Selector], calls: Sequence[Call], complete: bool | None, variables: Mapping[str, str]
    ) -> None:
        self.entries, self.calls, self.variables = entries, calls, variables
        self.kinds = [kind(entry) for entry in entries]
        one_of = dict(zip(self.kinds, entries))
        found = selecting.index(calls, one_of.values())
        self.found = {same: found[entry] for same, entry in one_of.items()}
        self.listed = Counter(self.kinds)
        self.pins = self._pins()
        rows = self._rows()
        self.pairing = sequences.pair(rows, len(calls))
        self.placed: list[int | None] = list(self.pairing.chosen)
        self.moved: set[int] = set()
        self._place_pins()
        self._place_rest()
        self.taken = {place for place in self.placed if place is not None}
        self.complete = len(self.taken) >= _LISTS_ALL * len(calls) if complete is None else complete
        if not self.complete:  # neighbours in a file of few entries were none in its recording: they prove nothing
            self.pairing = sequences.pair(rows, len(calls), neighbours=False)
        self.wanted = Counter(place for places in self.pairing.choices for place in places)
        self.suggested: dict[str, str] = {}  # by the selector that names no call
        self.compared = 0

    def result(self) -> Alignment:
        """What came of it."""
        doubts = [*self._doubts(), *(self._counts() if self.complete else ())]
        return Alignment(tuple(self.placed), tuple(sorted(doubts, key=lambda doubt: doubt.entry)), self.complete)

    def _pins(self) -> dict[int, int]:
        """The calls of the entries with `@N`; the first of two that name one call has it."""
        pins: dict[int, int] = {}
        for number, entry in enumerate(self.entries):
            for place in entry.pick(self.found[self.kinds[number]]) if entry.nth is not None else ():
                if place not in pins.values():
                    pins[number] = place
        return pins

    def _rows(self) -> list[list[int]]:
        """For each entry the calls at which it may stand."""
        pinned = set(self.pins.values())
        free = {same: [place for place in places if place not in pinned] for same, places in self.found.items()}
        return [
            ([self.pins[number]] if number in self.pins else []) if entry.nth is not None else free[self.kinds[number]]
            for number, entry in enumerate(self.entries)
        ]

    def _place_pins(self) -> None:
        for number, place in self.pins.items():
            self.placed[number] = place

    def _place_rest(self) -> None:
        """The second pass: what is left, by selector in order."""
        left = sorted(set(range(len(self.calls))) - set(self.placed) - set(self.pins.values()))
        taken: set[int] = set()
        for number, entry in enumerate(self.entries):
            if self.placed[number] is None and entry.nth is None:
                fits = set(self.found[self.kinds[number]])
                place = next((place for place in left if place in fits and place not in taken), None)
                if place is not None:
                    self.placed[number] = place
                    self.moved.add(number)
                    taken.add(place)

    def _doubts(self) -> Iterator[Doubt]:
        for number, place in enumerate(self.placed):
            if place is None:
                yield self._gone(number)
            elif number in self.moved:
                if not self._alone(number):
                    yield Doubt(number, MOVED, self._words_of_move(number, place), self._pin(number, place))
            elif number not in self.pins:
                others = [other for other in self.pairing.choices[number] if other != place]
                if others or (self.pairing.free[number] and not (self._alone(number) and self.wanted[place] == 1)):
                    yield Doubt(number, ELSEWHERE, self._words_of_choice(place, others), self._pin(number, place))

    def _alone(self, number: int) -> bool:
        """Its selector is listed once and found once: in any order there is one call that it could be."""
        return self.listed[self.kinds[number]] == len(self.found[self.kinds[number]]) == 1

    def _words_of_move(self, number: int, place: int) -> str:
        return f"was found out of order, at step {self._step(place)}: it {self._figures(number)}"

    def _figures(self, number: int) -> str:
        same = self.kinds[number]
        return f"is listed {_times(self.listed[same])} and found {_times(len(self.found[same]))}"

    def _words_of_choice(self, place: int, others: list[int]) -> str:
        if not others:
            return f"stands at step {self._step(place)}, where another entry would fit as well"
        steps = [f"step {self._step(other)}" for other in others[:3]]
        if len(others) > 3:
            steps[2:] = [f"{len(others) - 2} others"]
        return f"stands at step {self._step(place)}, and would fit {' or '.join(steps)} as well"

    def _step(self, place: int) -> int:
        return self.calls[place].request_step

    def _pin(self, number: int, place: int) -> str:
        nth = self.found[self.kinds[number]].index(place) + 1
        return f"if it is the right one, say so with `{replace(self.entries[number], nth=nth)}`"

    def _gone(self, number: int) -> Doubt:
        entry, found = self.entries[number], self.found[self.kinds[number]]
        if not found:
            return Doubt(number, GONE, "names no call", self._nearest(entry))
        if entry.nth is None:
            return Doubt(number, GONE, f"has no call left: it {self._figures(number)}")
        if entry.pick(found):
            return Doubt(number, GONE, "names a call that another entry has already")
        return Doubt(number, GONE, f"names no call: without the number it is found {_times(len(found))}")

    @cached_property
    def without(self) -> list[str]:
        """The selectors of the calls that have no entry, each once."""
        spelled = spell(self.calls, self.variables)
        return list(dict.fromkeys(str(one) for place, one in enumerate(spelled) if place not in self.taken))

    def _nearest(self, entry: Selector) -> str:
        """The selector most like this one of the calls without an entry: a call that has one is not meant."""
        text = str(entry)
        if text not in self.suggested:
            self.compared += len(self.without)
            near = difflib.get_close_matches(text, self.without, 1, _LIKE) if self.compared <= _COMPARED else []
            self.suggested[text] = f"did you mean `{near[0]}`?" if near else ""
        return self.suggested[text]

    def _counts(self) -> Iterator[Doubt]:
        """Selectors that name more or fewer calls than are listed, calls at which another selector stands left out."""
        entries: dict[str, list[int]] = defaultdict(list)
        for number, same in enumerate(self.kinds):
            entries[same].append(number)
        for same, numbers in entries.items():
            own = {self.placed[number] for number in numbers}
            found = sum(place in own or place not in self.taken for place in self.found[same])
            if found and found != len(numbers):
                words = f"is listed {_times(len(numbers))} and found {_times(found)}"
                yield Doubt(numbers[0], COUNT, words, alike=tuple(numbers))


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
