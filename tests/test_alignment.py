"""Finding the calls of an annotation file again: what each rule means, and what holds for all files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from alignment_support import call
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook.annotations import sequences
from requestshook.annotations.aligning import COUNT, ELSEWHERE, GONE, MOVED, Alignment, align
from requestshook.annotations.spelling import spell
from requestshook.selectors import Selector
from requestshook.trace.calls import Call


def calls_of(paths: str) -> list[Call]:
    """`x y` as the calls /x and /y."""
    return [call(f"a -> b GET /{path}", number) for number, path in enumerate(paths.split())]


def aligned(entries: str, calls: str, complete: bool | None = None) -> Alignment:
    selectors = [Selector.parse(f"a -> b GET /{path}") for path in entries.split()]
    return align(selectors, calls_of(calls), complete=complete)


def kinds(alignment: Alignment) -> list[tuple[int, str]]:
    return [(doubt.entry, doubt.kind) for doubt in alignment.doubts]


@pytest.mark.parametrize(
    ("entries", "calls", "placed", "doubts"),
    [
        ("x y z", "x y z", [0, 1, 2], []),
        ("x y z", "x n y z", [0, 2, 3], []),
        ("x y z", "x z", [0, None, 1], [(1, GONE)]),
        ("x y z", "y z x", [2, 0, 1], []),
        ("x a y", "a x n a y", [1, 3, 4], [(1, COUNT)]),  # in order, not the first
        ("x a y", "x a n a y", [0, 1, 4], [(1, COUNT), (1, ELSEWHERE)]),  # a neighbour to the left, one to the right
        ("x a y z", "x n a n a y z", [0, 4, 5, 6], [(1, COUNT)]),  # the run
        ("a a", "a", [0, None], [(0, ELSEWHERE), (0, COUNT), (1, GONE)]),
        ("a x a", "a x", [0, 1, None], [(0, COUNT), (2, GONE)]),
        ("a x y", "x y a a", [2, 0, 1], [(0, MOVED), (0, COUNT)]),
        ("x a a y", "x a a y", [0, 1, 2, 3], []),
        ("a@2 a", "a a", [1, 0], [(1, MOVED)]),
        ("a@2 x", "a a x", [1, 2], [(0, COUNT)]),
        ("a@-1", "a a a", [2], [(0, COUNT)]),
        ("a@4", "a a a", [None], [(0, COUNT), (0, GONE)]),
        ("a@1 a@1", "a a", [0, None], [(1, GONE)]),
        ("* x *", "p x q", [0, 1, 2], []),
        ("* x *", "x q", [None, 0, 1], [(0, COUNT), (0, GONE)]),
        ("** x", "x", [0, None], [(0, ELSEWHERE), (1, GONE)]),
        ("{id} {name}", "p q", [0, 1], []),
        ("", "x", [], []),
        ("x", "", [None], [(0, GONE)]),
        ("", "", [], []),
    ],
)
def test_entries_find_their_calls(
    entries: str, calls: str, placed: list[int | None], doubts: list[tuple[int, str]]
) -> None:
    """Order first, then runs of neighbours, then what is left by selector; a number pins; what is doubtful is said."""
    alignment = aligned(entries, calls, complete=True)
    assert list(alignment.placed) == placed
    assert sorted(kinds(alignment)) == sorted(doubts)


def test_a_file_of_few_entries_is_not_asked_to_list_all() -> None:
    """Counts are compared where the file lists three of four calls, or where the caller says that it lists all."""
    calls = "x a y a z a v a"
    assert kinds(aligned("x a y", calls)) == []  # in order, there is one place for it
    assert not aligned("x a y", calls).complete
    assert kinds(aligned("x a y", calls, complete=True)) == [(1, COUNT)]
    assert aligned("x a y a z a", calls).complete
    assert kinds(aligned("x a y a z a", calls)) == [(1, COUNT)]
    assert kinds(aligned("x a y a z a", calls, complete=False)) == [(5, ELSEWHERE)]


def test_neighbours_in_a_file_of_few_entries_prove_nothing() -> None:
    """Where other calls were left out between two entries, the one that follows at once is not surer than another."""
    calls = "x a n n n a n y"
    assert aligned("x a y", calls).placed == (0, 1, 7)
    assert kinds(aligned("x a y", calls)) == [(1, ELSEWHERE)]


def test_what_is_doubtful_is_said_with_what_to_do() -> None:
    """Each doubt says where the entry stands and what else there is, and what to write."""
    (elsewhere, count) = aligned("x a y", "x a n a y", complete=True).doubts
    assert elsewhere.words == "stands at step 3, and would fit step 7 as well"
    assert elsewhere.suggestion == "if it is the right one, say so with `a -> b GET /a@1`"
    assert count.words == "is listed once and found twice"
    assert count.alike == (1,)
    (moved, _) = aligned("a x y", "x y a a").doubts
    assert moved.words == "was found out of order, at step 5: it is listed once and found twice"
    (double, fewer, left) = aligned("a a", "a").doubts
    assert fewer.alike == (0, 1)
    assert double.words == "stands at step 1, where another entry would fit as well"
    assert left.words == "has no call left: it is listed twice and found once"
    assert aligned("a@4", "a a a").doubts[0].words == "names no call: without the number it is found 3 times"
    assert aligned("a@1 a@1", "a a").doubts[0].words == "names a call that another entry has already"
    many = aligned("a", "a a a a a a").doubts[0]
    assert many.words == "stands at step 1, and would fit step 3 or step 5 or 3 others as well"


def test_a_call_that_is_gone_gets_the_nearest_one_as_a_suggestion() -> None:
    """A renamed path is suggested, with its ids as a file would list them; a call that has an entry never is."""
    lines = ["c -> keystone POST /v3/auth/tokens", "c -> glance GET /v3/images/" + "ab12" * 8, "c -> glance GET /"]
    calls = [call(line, number) for number, line in enumerate(lines)]
    entries = [
        "c -> keystone POST /v3/auth/tokens",
        "c -> glance GET /v2/images/{image_id}",
        "nobody -> nothing DELETE /never/seen",
        "c -> keystone POST /v3/auth/token",
    ]
    alignment = align([Selector.parse(entry) for entry in entries], calls)
    assert alignment.placed == (0, None, None, None)
    assert [doubt.words for doubt in alignment.doubts] == ["names no call"] * 3
    assert alignment.doubts[0].suggestion == "did you mean `c -> glance GET /v3/images/{image_id}`?"
    assert [doubt.suggestion for doubt in alignment.doubts[1:]] == ["", ""]


def test_suggestions_for_a_file_of_another_flow_take_moments() -> None:
    """Five hundred entries without a call, five hundred calls without an entry: the first are helped."""
    calls = [call(f"client-{n % 9} -> server-{n % 7} GET /v2/projects/p{n}/things/x{n * 7}", n) for n in range(1000)]
    gone = [Selector.parse(f"client-{n % 9} -> server-{n % 7} GET /v3/projects/p{n}/done/y{n * 3}") for n in range(500)]
    started = time.process_time()
    alignment = align([*spell(calls[:500]), *gone], calls)
    assert time.process_time() - started < 10
    assert alignment.doubts[0].suggestion.startswith("did you mean")


PATHS = st.lists(st.sampled_from("aaabbcde"), max_size=9).map(" ".join)
ENTRIES = st.lists(st.sampled_from(["a", "a", "a", "b", "b", "c", "d", "*", "**", "a@1", "b@2", "a@-1"]), max_size=9)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=12), st.data())
def test_a_complete_file_stands_where_it_stood(paths: list[str], data: st.DataObject) -> None:
    """A file that lists all calls, some as wildcards, some with their numbers, finds each; nothing is said."""
    spellings = [
        data.draw(st.sampled_from([path, path, "*", "{id}", f"{path}@{paths[: n + 1].count(path)}"]))
        for n, path in enumerate(paths)
    ]
    alignment = aligned(" ".join(spellings), " ".join(paths))
    assert alignment.placed == tuple(range(len(paths)))
    assert [doubt for doubt in alignment.doubts if doubt.kind != COUNT or "@" not in "".join(spellings)] == []


@settings(max_examples=500, deadline=None)
@given(ENTRIES, PATHS)
def test_what_holds_for_every_file(entries: list[str], paths: str) -> None:
    """No two entries at one call, each at a call that its selector names, pins where they say; twice the same."""
    calls = calls_of(paths)
    alignment = aligned(" ".join(entries), paths)
    assert alignment == aligned(" ".join(entries), paths)
    placed = [place for place in alignment.placed if place is not None]
    assert len(placed) == len(set(placed))
    gone = {doubt.entry for doubt in alignment.doubts if doubt.kind == GONE}
    assert gone == {number for number, place in enumerate(alignment.placed) if place is None}
    for number, (text, place) in enumerate(zip(entries, alignment.placed)):
        selector = Selector.parse(f"a -> b GET /{text}")
        matching = [n for n, one in enumerate(calls) if selector.matches(one.caller, one.callee, "GET", one.target)]
        assert place is None or place in matching
        if selector.nth is not None and text not in entries[:number] and text != "a@-1":
            picked = list(selector.pick(matching))
            taken = "a@-1" in entries[:number] and picked == matching[-1:]
            assert taken or ([] if place is None else [place]) == picked
        if place is None and selector.nth is None:
            assert set(matching) <= set(placed), "a call was left that it would fit"


def best_ways(rows: Sequence[Sequence[int]]) -> list[list[int | None]]:
    """All best ways to pair rows with columns in order, by trying everything."""
    ways: list[list[int | None]] = [[]]
    for row in rows:
        ways = [
            [*way, column]
            for way in ways
            for column in [None, *row]
            if column is None or column > max((c for c in way if c is not None), default=-1)
        ]

    def score(way: list[int | None]) -> tuple[int, int]:
        links = sum(a is not None and b == a + 1 for a, b in pairwise(way))
        return sum(column is not None for column in way), links

    best = max(map(score, ways))
    return [way for way in ways if score(way) == best]


ROWS = st.integers(0, 6).flatmap(
    lambda width: st.tuples(
        st.lists(st.sets(st.integers(0, width - 1)).map(sorted) if width else st.just([]), max_size=6), st.just(width)
    )
)


@settings(max_examples=500, deadline=None)
@given(ROWS)
def test_the_best_ways_are_what_trying_everything_finds(rows_and_width: tuple[list[list[int]], int]) -> None:
    """The chosen way is one of the best, and of each row it is known what all of these have in its place."""
    rows, width = rows_and_width
    pairing, ways = sequences.pair(rows, width), best_ways(rows)
    assert list(pairing.chosen) in ways
    for row in range(len(rows)):
        found = {way[row] for way in ways}
        assert set(pairing.choices[row]) == found - {None}
        assert pairing.free[row] is (None in found)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from("aabbcd*"), max_size=6), st.lists(st.sampled_from("aabbcd"), max_size=6))
def test_what_would_stand_elsewhere_as_well_is_said(entries: list[str], paths: list[str]) -> None:
    """An entry that another alignment as good puts at another call is said, whatever else is."""
    rows = [[n for n, path in enumerate(paths) if entry in (path, "*")] for entry in entries]
    alignment = aligned(" ".join(entries), " ".join(paths))
    said = {doubt.entry for doubt in alignment.doubts if doubt.kind != COUNT}
    for way in best_ways(rows):
        for number, place in enumerate(way):
            if place is not None and place != alignment.placed[number] and rows.count(rows[number]) > 1:
                assert number in said


@pytest.mark.parametrize("alike", [5, 300])
def test_a_thousand_entries_and_calls_take_moments(alike: int) -> None:
    """Bounded time, also where most calls are alike, and where nothing fits."""
    calls = [call(f"a -> b GET /{n * 7 % alike}", n) for n in range(1000)]
    entries = [*spell(calls[:500]), *(Selector.parse(f"a -> b GET /n{n}") for n in range(20)), *spell(calls[520:])]
    started = time.process_time()
    alignment = align(entries, calls)
    assert time.process_time() - started < 20
    assert alignment.placed[:500] == tuple(range(500))
    assert [doubt.entry for doubt in alignment.doubts if doubt.kind == GONE] == list(range(500, 520))


def test_of_thousands_the_ends_that_are_as_they_were_stay() -> None:
    """3,000 entries of which one call is gone and one is new: in seconds, with the same answer."""
    paths = [n % 7 if n % 3 else n % 101 for n in range(3000)]
    first = [call(f"a -> b GET /{path}", n) for n, path in enumerate(paths)]
    changed = paths[:1000] + paths[1001:2000] + [9999] + paths[2000:]
    started = time.process_time()
    alignment = align(spell(first), [call(f"a -> b GET /{path}", n) for n, path in enumerate(changed)])
    assert time.process_time() - started < 30
    assert alignment.placed[:990] == tuple(range(990))
    assert alignment.placed[2010:] == tuple(range(2010, 3000))
    assert alignment.placed.count(None) == 1
    whole = align(spell(first), first)
    assert whole.placed == tuple(range(3000))
    assert whole.doubts == ()
