"""A flow of 55 calls is changed and recorded again, over a thousand times: which notes find their call?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from alignment_support import CHANGES, FLOW, Made, change, first, record

from requestshook.annotations.aligning import COUNT, Alignment, align
from requestshook.annotations.spelling import kind, spell
from requestshook.selectors import Selector
from requestshook.trace import selecting
from requestshook.trace.calls import Call

DOCS = Path(__file__).parent.parent / "docs" / "annotations.md"
SOME, MANY = "1 to 5 of any kind", "6 to 12 of any kind"
CASES = {"new ids alone": 50, **dict.fromkeys(CHANGES, 150), SOME: 500, MANY: 200}
NOTES, RIGHT, ASKED, STALE, LOST, SAID, UNSAID, NUMBERED = (
    "notes", "right", "right, doubted", "stale, said", "lost, said", "wrong, said", "wrong, unsaid", "wrong by `@N`",
)  # fmt: skip
WITHOUT_EXCUSE = "unsaid, though a file could tell"


@cache
def simulated() -> dict[str, Counter[str]]:
    """For each kind of change what became of the notes; the same on every machine."""
    chance = random.Random(20221222)
    calls = record(first(), chance)
    entries = spell(calls)
    assert len(calls) == 55
    assert sum(times for times in Counter(entries).values() if times > 1) == 34
    numbered = with_numbers(entries, calls)
    return {name: total(case(name, entries, numbered, chance) for _ in range(n)) for name, n in CASES.items()}


def total(parts: Iterable[Counter[str]]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for part in parts:
        counted.update(part)
    return counted


def case(name: str, entries: Sequence[Selector], numbered: Sequence[Selector], chance: random.Random) -> Counter[str]:
    """What became of the notes in one changed recording, of a file that lists all calls."""
    made = first()
    least, most = {"new ids alone": (0, 0), MANY: (6, 12)}.get(name, (1, 5))
    for _ in range(chance.randint(least, most)):
        made = change(made, name if name in CHANGES else chance.choice(CHANGES), chance)
    calls = record(made, chance)
    return judged(entries, calls, made) + by_number(numbered, calls, made)


def judged(entries: Sequence[Selector], calls: Sequence[Call], made: Sequence[Made]) -> Counter[str]:
    alignment = align(entries, calls)
    true = descendants(made)
    said = {doubt.entry for doubt in alignment.doubts if doubt.kind != COUNT}
    counts = {kind(entries[doubt.entry]) for doubt in alignment.doubts if doubt.kind == COUNT}
    counted: Counter[str] = Counter({NOTES: len(entries)})
    for entry, place in enumerate(alignment.placed):
        doubted = entry in said
        if place is None:
            assert doubted, "an entry without a call is said"
            counted[STALE if true[entry] is None else LOST] += 1
        elif place == true[entry] or (true[entry] is None and in_its_gap(entry, place, true, made)):
            counted[ASKED if doubted else RIGHT] += 1
        elif doubted or kind(entries[entry]) in counts:
            counted[SAID] += 1
        else:
            counted[UNSAID] += 1
            counted[WITHOUT_EXCUSE] += not excused(entry, entries, calls, alignment, true[entry])
    return counted


def descendants(made: Sequence[Made]) -> list[int | None]:
    """For each call of the first recording where it is now; None where it is gone, or has another path."""
    places = {one.origin: place for place, one in enumerate(made) if one.line in FLOW}
    return [places.get(origin) for origin in range(len(FLOW))]


def in_its_gap(entry: int, place: int, true: Sequence[int | None], made: Sequence[Made]) -> bool:
    """Whether a new call stands between the same neighbours as the one that is gone."""
    before = [here for here in true[:entry] if here is not None]
    after = [here for here in true[entry + 1 :] if here is not None]
    between = (not before or before[-1] < place) and (not after or place < after[0])
    return made[place].origin is None and between


def excused(
    entry: int, entries: Sequence[Selector], calls: Sequence[Call], alignment: Alignment, true: int | None
) -> bool:
    """Whether no file could tell, judged apart from the code: its selector is listed once and found once, so that there
    is nothing else that it could be, or with this entry where it belongs less of the recording is in the file's order.
    """
    fits = [selecting.select(calls, replace(one, nth=None)) for one in entries]
    rows = [[place for place, call in enumerate(calls) if any(call is fit for fit in found)] for found in fits]
    if len(rows[entry]) == 1 and rows.count(rows[entry]) == 1:
        return True
    return best(rows, entry, true) < best(rows, entry, alignment.placed[entry])


def best(rows: Sequence[Sequence[int]], entry: int, place: int | None) -> tuple[int, int]:
    """Pairs, and neighbours that stay neighbours, of the best alignment that has this entry at this call or nowhere.

    Written apart from what it checks: by recursion over entry, last call and whether the entry before stands there.
    """

    @cache
    def score(number: int, last: int, linked: bool) -> tuple[int, int]:
        if number == len(rows):
            return (0, 0)
        ways = [score(number + 1, last, False)] if number != entry or place is None else []
        for here in rows[number] if number != entry else [] if place is None else [place]:
            if here > last:
                pairs, links = score(number + 1, here, True)
                ways.append((pairs + 1, links + (linked and here == last + 1)))
        return max(ways, default=(-1000, 0))

    return score(0, -1, False)


def with_numbers(entries: Sequence[Selector], calls: Sequence[Call]) -> list[Selector]:
    """The same file by numbers alone: each entry with the `@N` that it has in the first recording."""
    numbered = []
    for entry, call in zip(entries, calls):
        found = [one.id for one in selecting.select(calls, entry)]
        numbered.append(replace(entry, nth=found.index(call.id) + 1))
    return numbered


def by_number(numbered: Sequence[Selector], calls: Sequence[Call], made: Sequence[Made]) -> Counter[str]:
    """How many notes stand at a wrong call where `@N` alone says which."""
    true, wrong = descendants(made), 0
    found = selecting.index(calls, numbered)
    for entry, selector in enumerate(numbered):
        for place in selector.pick(found[selector]):
            gap = true[entry] is None and in_its_gap(entry, place, true, made)
            wrong += place != true[entry] and not gap
    return Counter({NUMBERED: wrong})


COLUMNS = (RIGHT, ASKED, STALE, LOST, SAID, UNSAID, NUMBERED)


def table(figures: dict[str, Counter[str]]) -> list[str]:
    """The figures as the documentation shows them, in percent of the notes."""
    lines = [f"| what changed | recordings | {' | '.join(COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for name, counted in {**figures, "all of them": total(figures.values())}.items():
        shares = (f"{100 * counted[column] / counted[NOTES]:.2f}%" for column in COLUMNS)
        lines.append(f"| {name} | {counted[NOTES] // len(FLOW)} | {' | '.join(shares)} |")
    return lines


def test_notes_find_their_calls_again() -> None:
    """Under 1% of the notes stand at a wrong call, and unsaid only those of which no file could tell."""
    figures = simulated()
    print("\n" + "\n".join(table(figures)))
    every = total(figures.values())
    assert every[NOTES] >= 1000 * len(FLOW)
    assert wrong(every) < 0.01 * every[NOTES]
    assert wrong(figures[SOME]) < 0.01 * figures[SOME][NOTES]
    assert every[WITHOUT_EXCUSE] == 0
    for name, counted in figures.items():
        assert wrong(counted) <= counted[NUMBERED], name
    assert every[NUMBERED] > 5 * wrong(every)


def test_new_ids_alone_change_nothing() -> None:
    """A flow that is only recorded again keeps every note, and nothing is said."""
    counted = simulated()["new ids alone"]
    assert counted[RIGHT] == counted[NOTES]


@pytest.mark.parametrize(("size", "changes"), [(3, 0), (8, 0), (20, 0), (8, 3), (20, 3)])
def test_a_file_of_few_entries_says_what_it_cannot_know(size: int, changes: int) -> None:
    """Of a file that lists some calls alone, every note at a wrong call is said in the recording it was written for,
    and all but 1% of the notes are right or said after three changes."""
    chance = random.Random(size)
    entries = spell(record(first(), chance))
    unsaid = 0
    for _ in range(60):
        listed, made = sorted(chance.sample(range(len(FLOW)), size)), first()
        for _ in range(changes):
            made = change(made, chance.choice(CHANGES), chance)
        alignment, true = align([entries[at] for at in listed], record(made, chance)), descendants(made)
        said = {doubt.entry for doubt in alignment.doubts}
        unsaid += sum(
            place != true[listed[entry]] and entry not in said and not in_its_gap(listed[entry], place, true, made)
            for entry, place in enumerate(alignment.placed)
            if place is not None
        )
    assert unsaid <= (0.01 * 60 * size if changes else 0)


def wrong(counted: Counter[str]) -> int:
    return counted[SAID] + counted[UNSAID]


def test_the_documentation_has_these_figures() -> None:
    """docs/annotations.md shows the table as it is measured."""
    assert "\n".join(table(simulated())) in DOCS.read_text(encoding="utf-8")
