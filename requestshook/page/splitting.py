"""A long flow as several files: an index, and one page for each phase or for a part of one that is too long itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from requestshook.page import cutting
from requestshook.page.author import Author
from requestshook.page.frames import Stretch
from requestshook.page.settings import Words
from requestshook.trace.calls import Step, Trace

LONGEST = 50  # steps of one page
PHASE = 20  # steps after which, without an author's phases, the next call of the outermost caller begins one
DRAWN = 125  # steps whose diagram the index has as well: a browser draws about ten blocks a second
_FEWEST = 15  # steps of a page that is cut off by its length alone
_OCTETS = 40  # of a title in a file's name
_NOT_IN_NAMES = re.compile(r"\W+")


@dataclass(frozen=True, slots=True)
class Chapter:
    """One of the further pages, with the steps from `first` to `last`."""

    number: int
    title: str
    file: str
    first: int
    last: int
    anchor: str  # of the phase that begins with it; empty: none does
    calls: int
    failures: int

    @property
    def numbers(self) -> str:
        """`1–42`."""
        return f"{self.first}–{self.last}" if self.last > self.first else str(self.first)


def spread(trace: Trace, author: Author, words: Words, stem: str, ending: str) -> tuple[Chapter, ...]:
    """The further pages of a flow; from now on the author's links to steps lead there."""
    if not author.phases:
        author.phases = tuple(_phases(trace.steps, words))
    parts = list(_parts(trace.steps, author.phases, words))
    width = len(str(len(parts)))
    chapters = tuple(
        _chapter(number, part, f"{stem}--{number:0{width}}{_slug(part.title)}{ending}", trace.steps)
        for number, part in enumerate(parts, 1)
    )
    files = {author.places.anchor(number): one.file for one in chapters for number in range(one.first, one.last + 1)}
    author.places.spread(files | {one.anchor: one.file for one in chapters if one.anchor})
    return chapters


def _phases(steps: Sequence[Step], words: Words) -> Iterator[Stretch]:
    """Phases of a flow whose author has named none."""
    first = 1
    starts = [step.number for step in steps if step.kind == "request" and step.call.depth == 0]
    number = 1
    for start in [*starts, len(steps) + 1]:
        if start - first > PHASE or (start > len(steps) >= first):
            yield Stretch(_steps(first, start - 1, words), f"phase-{number}", first, start - 1)
            first, number = start, number + 1


def _parts(steps: Sequence[Step], phases: Sequence[Stretch], words: Words) -> Iterator[Stretch]:
    """What stands on one page each: phases, and what comes before the first, cut where they are too long."""
    before = phases[0].first - 1
    if before:
        yield from _cut(Stretch(_steps(1, before, words), "", 1, before), steps)
    for phase in phases:
        yield from _cut(phase, steps)


def _cut(phase: Stretch, steps: Sequence[Step]) -> Iterator[Stretch]:
    found = list(cutting.cut(steps[phase.first - 1 : phase.last], LONGEST, _FEWEST))
    for number, part in enumerate(found, 1):
        title = f"{phase.title} ({number}/{len(found)})" if len(found) > 1 else phase.title
        yield Stretch(title, phase.anchor if number == 1 else "", part[0].number, part[-1].number)


def _chapter(number: int, part: Stretch, file: str, steps: Sequence[Step]) -> Chapter:
    calls = [step.call for step in steps[part.first - 1 : part.last] if step.kind == "request"]
    failures = sum(call.failed for call in calls)
    return Chapter(number, part.title, file, part.first, part.last, part.anchor, len(calls), failures)


def _steps(first: int, last: int, words: Words) -> str:
    return f"{words['steps']} {first}–{last}"


def _slug(title: str) -> str:
    text = _NOT_IN_NAMES.sub("-", title.lower()).encode("utf-8", "ignore")[:_OCTETS].decode("utf-8", "ignore")
    return f"-{text.strip('-_')}".rstrip("-")
