"""What pages work out of a trace: where failures begin, which calls stand in which, values' lives, folds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from html_support import OTHER_TOKEN, failing, side_by_side
from hypothesis import given
from hypothesis import strategies as st
from notes_support import placed
from page_support import JSON, TOKEN, Story, image_create

from requestshook.page import callmap, exchanges, folding, lanes, nesting
from requestshook.page import failing as failures
from requestshook.page.author import Author
from requestshook.page.exchanges import Exchange
from requestshook.page.frames import Frame, Stretch
from requestshook.page.lives import Lives
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.references import References
from requestshook.page.settings import PageSettings, Words
from requestshook.page.steps import StepWriter
from requestshook.trace.calls import Trace


def states(story: Story, **changes: object) -> dict[int, str]:
    """Of each step at which a call ended, whether a failure began there or passed."""
    trace = story.trace(**changes)
    return failures.states(failures.find(trace), trace.calls)


def pairs(trace: Trace, load: object = None) -> list[Exchange]:
    settings, pseudonyms = PageSettings(), Pseudonyms()
    author = Author(trace, None, References(trace.calls, settings), settings, load, pseudonyms.numbered, [])  # type: ignore[arg-type]  # nothing is loaded
    services = lanes.in_order(trace.calls)
    rows = list(callmap.rows(trace.calls, services, pseudonyms, Words({}), author))
    return exchanges.exchanges(trace, rows, failures.find(trace), pseudonyms, author, False)  # type: ignore[arg-type]  # there is no band


def test_a_failure_begins_innermost() -> None:
    """The 401 is the origin; the timeout and the 503 around it follow; the 503 that a retry answered is neither."""
    assert states(failing(), exit=1) == {10: "origin", 11: "passed", 12: "passed"}
    found = pairs(failing().trace(exit=1))
    assert [pair.follows.number for pair in found if pair.follows] == [10, 10]
    assert [pair.follows.name for pair in found if pair.follows] == ["keystone", "keystone"]


def test_a_failure_that_everybody_got_over_is_none() -> None:
    """A 404 by which a program only looked is no failure where the command ended well, or went on."""
    story = Story()
    look = story.request("a", "b", "GET", "http://h/cirros")
    story.response(look, 404, "")
    assert states(story, exit=1) == {2: "origin"}
    assert states(story, exit=0) == {}
    assert states(story, exit=None) == {2: "origin"}
    again = story.request("a", "b", "GET", "http://h/?name=cirros")
    story.response(again, 200, "")
    assert states(story, exit=None) == {}


def test_a_call_without_an_answer_is_where_a_failure_begins() -> None:
    """Whoever never answers is the origin, once the recording has ended; while it is open, nobody knows."""
    story = Story()
    outer = story.request("a", "b", "GET", "http://h/x")
    story.request("b", "c", "GET", "http://h/y", parent=outer, body=None)
    story.failure(outer, "ReadTimeout: x")
    assert states(story) == {2: "origin", 3: "passed"}
    assert states(story, ended=None) == {3: "origin"}


def test_two_failures_have_two_origins() -> None:
    """Failures that have nothing to do with each other each begin somewhere."""
    story = Story()
    for path in ("/x", "/y"):
        story.response(story.request("a", "b", "GET", f"http://h{path}"), 500, "")
    assert states(story) == {2: "origin", 4: "origin"}


def test_each_call_stands_in_the_call_it_was_made_for() -> None:
    """Also where calls go on side by side, or are answered after the one around them; each stands whole."""
    trace = side_by_side().trace()
    told = [(piece.kind, piece.what.row.number) for piece in nesting.nested(pairs(trace), (), ())]
    inner = [step for n in (2, 3, 4, 5, 6) for step in (("call", n), ("request", n), ("answer", n), ("call-end", n))]
    around = [("call", 1), ("request", 1), ("inner", 1), *inner, ("inner-end", 1), ("answer", 1), ("call-end", 1)]
    assert told == [*around, ("call", 13), ("request", 13), ("call-end", 13)]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Calls in calls, answered in any order, some never."""
    chosen = random.Random(draw(st.integers(0, 10_000)))
    story = Story()
    calls = []
    for _ in range(draw(st.integers(1, 40))):
        if calls and chosen.random() < 0.5:
            call = chosen.choice(calls)
            if call.response_step is None:
                story.response(call, chosen.choice([200, 404, 500]), "")
                continue
        parent = chosen.choice([None, *calls]) if chosen.random() < 0.8 else calls[-1] if calls else None
        calls.append(story.request(parent.callee if parent else "a", "b", "GET", "http://h/x", parent=parent))
    return story


@given(stories(), st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), max_size=4))
def test_whatever_begins_ends(story: Story, spans: list[tuple[int, int]]) -> None:
    """Each step stands once; calls, inner parts and groups are closed in the order in which they were opened."""
    trace = story.trace()
    groups = [Frame("opt", "x", min(span), max(span), 0) for span in spans]
    phases = [Stretch("x", "phase-1", 1, len(trace.steps))]
    for pieces in (nesting.nested(pairs(trace), phases, groups), nesting.rows(pairs(trace), phases, groups)):
        opened: list[tuple[str, object]] = []
        stood: list[int] = []
        for kind, what in pieces:
            if kind.endswith("-end"):
                assert opened.pop() == (kind.removesuffix("-end"), what)
            elif kind in ("call", "inner", "group"):
                opened.append((kind, what))
            elif kind in ("request", "answer"):
                assert opened[-1][1] is what
                stood.append(what.row.number if kind == "request" else what.answer.number)
        if stood:
            assert opened == []
            assert sorted(stood) == [step.number for step in trace.steps]
            assert len(stood) == len(set(stood))


def test_a_nest_of_any_depth_stays_shallow() -> None:
    """A chain of calls in calls is no deeper on a page than a browser and a reader can follow."""
    story, call = Story(), None
    for _ in range(300):
        call = story.request("a", "a", "GET", "http://h/x", parent=call)
    depth = deepest = 0
    for piece in nesting.nested(pairs(story.trace()), (), ()):
        depth += {"call": 1, "call-end": -1}.get(piece.kind, 0)
        deepest = max(deepest, depth)
    assert deepest == nesting.DEEPEST + 1


def test_durations_are_told_with_what_was_waited_for() -> None:
    """A bar is a call's share of the longest; its own time is what is left of calls made for it."""
    found = pairs(side_by_side().trace())
    assert found[0].share == 100
    assert found[0].own == pytest.approx(10, abs=1)  # of ten steps' time it waited for nine
    assert found[1].own == 100
    assert found[-1].share == 0


def test_values_have_lives() -> None:
    """A token is issued by the response that brings it up, a password was there before; steps and places are told."""
    notes, story = placed("variables: {image_id: a42bfade-78ec-4c95-b7b4-272ba265072c}", image_create())
    lives = lived(notes.trace, story, [("image_id", "a42bfade-78ec-4c95-b7b4-272ba265072c")])
    password, token, other = lives.hidden(lambda form: form)
    assert (password.issued, password.used, password.places) == (None, [3], ["password"])
    assert (token.name, token.issued, token.used) == (TOKEN, 4, [5, 6])
    assert token.places == ["X-Subject-Token", "X-Auth-Token"]
    assert (other.name, other.issued, other.used) == (OTHER_TOKEN, None, [6])
    (image,) = lives.named()
    assert (image.issued, image.used) == (None, [5, 10])


def lived(trace: Trace, story: Story, variables: Sequence[tuple[str, str]]) -> Lives:
    settings, pseudonyms, words = PageSettings(), Pseudonyms(), Words({})
    references = References(trace.calls, settings)
    author = Author(trace, None, references, settings, story.load, pseudonyms.numbered, [])
    writer = StepWriter(story.load, settings, words, pseudonyms, references, author)
    lives = Lives(variables)
    for step in trace.steps:
        lives.note(step, writer.said(step))
    return lives


def test_a_value_is_placed_by_its_key() -> None:
    """In a body the key before it names the place, in JSON as in a form."""
    story = Story()
    first = story.request("a", "b", "POST", "http://h/", *JSON, body='{"user": {"api_key": "‹key:00000000000000aa›"}}')
    story.response(first, 200, "", body="client_secret=‹key:00000000000000aa›&x=1")
    (key,) = lived(story.trace(), story, []).hidden(str)
    assert key.places == ["api_key", "client_secret"]


@given(
    st.integers(1, 80).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(1, n), max_size=8))),
    st.integers(0, 9),
    st.sampled_from(["x", "}", '"a": 1']),
)
def test_marked_lines_are_in_sight(lines: tuple[int, set[int]], beginning: int, line: str) -> None:
    """The runs are all lines in their order, folds alternate with what is in sight, and no marked line is folded."""
    count, marked = lines
    texts = [line if n % 3 else "text" for n in range(count)]
    found = list(folding.runs(texts, sorted(marked), whole=16, context=3, beginning=beginning))
    assert [n for run in found for n in range(run.first, run.last + 1)] == list(range(1, count + 1))
    assert not any(run.folded and run.first <= number <= run.last for run in found for number in marked)
    assert all(one.folded != other.folded for one, other in pairwise(found))
    assert count > 16 or [run.folded for run in found] == [False]


def test_a_fold_says_what_lies_inside() -> None:
    """The outermost keys, each once, not all of them where they are many."""
    assert folding.inside(['  "a": {', '    "b": 1', "  },", '  "c": 2', '  "a": 3']) == "a, c"
    assert folding.inside([f'"k{n}": {n},' for n in range(9)]) == "k0, k1, k2, k3, k4, k5 …"
    assert folding.inside(["<p>"]) == ""
