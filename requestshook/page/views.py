"""What a page says where several views saw a call: what changed on the way, who saw another end, and who disagrees.

What changed in the same way in many calls, as it does behind one proxy, is said at the first of them, with how many
they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from requestshook.page import changes
from requestshook.page.changes import Change, Way
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.settings import Words
from requestshook.trace import disagreeing
from requestshook.trace import passage as passages
from requestshook.trace.calls import Call
from requestshook.trace.disagreeing import Disagreement, Load
from requestshook.trace.passage import Passage

_ENDS = ("from", "to", "at")  # of what is filled into a sentence: views
OFTEN = 3  # calls from which on one and the same change is said once


class Found(NamedTuple):
    """What there is to say of one step."""

    way: Way | None
    ends: tuple[tuple[str, str], ...]  # view, and how the call ended there
    disagreements: tuple[Disagreement, ...]


@dataclass(slots=True)
class Views:
    """Says what the views of a page's calls have otherwise, once `follow` has looked at them."""

    words: Words
    pseudonyms: Pseudonyms
    load: Load
    _found: dict[int, Found] = field(default_factory=dict)  # by a step's number, where there is something to say
    _counted: Counter[tuple[str, str, Change]] = field(default_factory=Counter)
    _first: dict[tuple[str, str, Change], int] = field(default_factory=dict)  # the step that says it

    def follow(self, calls: Iterable[Call]) -> None:
        """Look at all calls, in the order of their steps: what comes again, and where it comes first."""
        for call in calls:
            if len(call.views) > 1:
                for number, found in _of_call(passages.follow(call), self.load):
                    if any(found):
                        self._found[number] = found
        for number, found in sorted(self._found.items()):
            for key in _keys(found.way):
                self._counted[key] += 1
                self._first.setdefault(key, number)

    def texts(self, number: int) -> Iterator[str]:
        """The captured text in what is said of a step."""
        found = self._found.get(number)
        if found is not None:
            for change in found.way.changes if found.way else ():
                yield from (value for _, value in change.values)
            yield from (text for _, text in found.ends)

    def remarks(self, number: int) -> Iterator[str]:
        """The sentences about a step."""
        found = self._found.get(number)
        if found is None:
            return
        if found.way is not None:
            yield from self._changed(found.way, number)
        if found.ends:
            ends = [f"{self.words.view(label)} {self.pseudonyms.numbered(text)}" for label, text in found.ends]
            yield self.words.phrase("ended_otherwise", what="; ".join(ends))
        if found.disagreements:
            parts = [self.words.phrase(one.what, **self._named(one.values)) for one in found.disagreements]
            yield self.words.phrase("disagree", what="; ".join(parts))

    def _named(self, values: Mapping[str, str]) -> dict[str, str]:
        """What is filled into a disagreement's sentence, with the words for views."""
        return {name: self.words.view(value) if name in _ENDS else value for name, value in values.items()}

    def _changed(self, way: Way, number: int) -> Iterator[str]:
        """A sentence for what changed here, and one for each number of calls in which the same did, at their first."""
        said: dict[int, list[str]] = {}
        for change, key in zip(way.changes, _keys(way), strict=True):
            count = self._counted[key] if self._counted[key] >= OFTEN else 1
            if count == 1 or self._first[key] == number:
                values = {name: self.pseudonyms.numbered(value) for name, value in change.values}
                said.setdefault(count, []).append(self.words.phrase(change.what, **values))
        for count in sorted(said, reverse=True):
            name = "changed" if count == 1 else "changed_often"
            ends = {"from": self.words.view(way.start), "to": self.words.view(way.end)}
            yield self.words.phrase(name, **ends, what="; ".join(said[count]), count=count - 1)


def _keys(way: Way | None) -> list[tuple[str, str, Change]]:
    return [(way.start, way.end, change) for change in way.changes] if way is not None else []


def _of_call(passage: Passage, load: Load) -> Iterator[tuple[int, Found]]:
    """What there is to say of each step of a call."""
    call = passage.call
    contents = disagreeing.of_content(passage, "request", load)
    yield call.request_step, Found(changes.of_request(passage), (), (*disagreeing.of_request(passage), *contents))
    if call.response_step is not None:
        contents = disagreeing.of_content(passage, "response", load)
        found = (*disagreeing.of_response(passage), *contents)
        yield call.response_step, Found(changes.of_response(passage), tuple(changes.other_ends(passage)), found)
    if call.failure_step is not None:
        yield call.failure_step, Found(None, tuple(changes.instead_of_failure(passage)), ())
