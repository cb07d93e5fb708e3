"""Highlights and JSON paths: how they are spelled, and which lines they name."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook import highlights
from requestshook.errors import SpellingError
from requestshook.highlights import BodyPath, HeaderName, Lines, QueryKey
from requestshook.highlights.paths import Condition, Filter, JsonPath, Step
from requestshook.highlights.selecting import Found, Shown, compares, plain, select
from requestshook.page.json_text import respace

NAMES = st.sampled_from(["a", "b", "a-b", "OS:x", "한", "a b", "it's", 'say "hi"', "0", "", "\\", "tab\t", "😀"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from([0.5, -1.5, 1e300]), NAMES, st.text(max_size=5)
)
INDICES = st.integers(-3, 3)
CONDITIONS = st.builds(
    lambda path, sign, literal: Condition(tuple(path), sign, literal if sign else None),
    st.lists(NAMES | INDICES, max_size=2),
    st.sampled_from(["", "==", "!=", "<", "<=", ">", ">="]),
    SCALARS,
)
FILTERS = st.builds(
    Filter, st.lists(st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple)
)
STEPS = st.builds(Step, st.one_of(NAMES, INDICES, st.none(), FILTERS), st.booleans())
PATHS = st.builds(lambda steps: JsonPath(tuple(steps)), st.lists(STEPS, max_size=4))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)


@given(PATHS)
def test_a_path_is_read_as_it_is_printed(path: JsonPath) -> None:
    """Printing a path and reading it again gives the same path."""
    assert JsonPath.parse(str(path)) == path


@given(VALUES, PATHS)
@settings(max_examples=400)
def test_a_path_finds_what_the_rfc_says(value: Any, path: JsonPath) -> None:
    """The lines are those of the values that a plain reading of RFC 9535 finds in the parsed text."""
    lines = respace(json.dumps(value))
    assert lines is not None
    places = dict(_places((), value, 1))
    nodes: dict[tuple[Any, ...], Any] = {(): value}
    for step in path.steps:
        if step.descend:
            nodes = {place: each for begin, top in nodes.items() for place, each in _below(begin, top)}
        nodes = {place: each for begin, top in nodes.items() for place, each in _children(begin, top, step)}
    found = select(path, lines)
    assert [(each.first, each.last) for each in found] == sorted(places[place] for place in nodes)
    tokens = [None if isinstance(each, (list, dict)) else json.dumps(each) for each in nodes.values()]
    assert sorted(each.token or "" for each in found) == sorted(token or "" for token in tokens)


def _places(place: tuple[Any, ...], value: Any, first: int) -> Iterator[tuple[tuple[Any, ...], tuple[int, int]]]:
    """The lines of a value and of all inside it, where each scalar and each bracket has one."""
    last = first
    for name, inner in _items(value):
        for below, lines in _places((*place, name), inner, last + 1):
            yield below, lines
        last = lines[1]
    yield place, (first, last + 1 if _items(value) else first)


def _below(place: tuple[Any, ...], value: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield place, value
    for name, inner in _items(value):
        yield from _below((*place, name), inner)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _children(place: tuple[Any, ...], value: Any, step: Step) -> Iterator[tuple[tuple[Any, ...], Any]]:
    for name, inner in _items(value):
        if isinstance(step.child, Filter):
            wanted = any(all(_holds(one, inner) for one in tests) for tests in step.child.alternatives)
        elif isinstance(step.child, int):
            wanted = isinstance(name, int) and step.child in (name, name - len(value))
        else:
            wanted = step.child is None or (name == step.child and isinstance(name, str))
        if wanted:
            yield (*place, name), inner


def _holds(condition: Condition, value: Any) -> bool:
    missing = object()
    for name in condition.path:
        items = dict(_items(value))
        if isinstance(name, int):
            items = items if isinstance(value, list) else {}
            name = name + len(items) if name < 0 else name
        elif not isinstance(value, dict):
            items = {}
        value = items.get(name, missing)
    if not condition.operator:
        return value is not missing
    if value is missing:
        return condition.operator == "!="
    token = None if isinstance(value, (dict, list)) else json.dumps(value)
    return compares(condition.operator, token, condition.literal)


@pytest.mark.parametrize(
    ("sign", "token", "literal", "holds"),
    [
        ("==", "1.0", 1, True), ("==", '"1"', 1, False), ("==", "true", 1, False), ("==", "null", None, True),
        ("==", r'"\u0061"', "a", True), ("!=", '"1"', 1, True), ("<", "1", 2, True), ("<", '"1"', 2, False),
        ("<", '"a"', "b", True), (">=", "true", True, True), (">", "true", False, False), ("==", None, None, False),
        ("==", "‹token:1›", "‹token:1›", True), (">=", "2", 2, True), ("<=", "3", 2, False), (">", "3", 2, True),
        ("==", "9" * 5000, "9" * 5000, True),
    ],
)  # fmt: skip
def test_comparisons(sign: str, token: str | None, literal: Any, holds: bool) -> None:
    """Values of two kinds are unequal and have no order; a pseudonym in place of a number is text."""
    assert compares(sign, token, literal) is holds


def lines_of(text: str, *, cut: bool = False) -> list[str]:
    found = respace(text, cut=cut)
    assert found is not None
    return found


def test_a_name_that_stands_twice_is_found_twice() -> None:
    """A path marks each of several; a filter asks the last, as parsers of JSON do."""
    lines = lines_of('{"a": {"x": 1}, "a": {"x": 2}, "b": [{"k": 1, "k": 2}]}')
    assert select(JsonPath.parse("$.a.x"), lines) == [Found(3, 3, "1"), Found(6, 6, "2")]
    assert select(JsonPath.parse("$.b[?@.k==1]"), lines) == []
    assert select(JsonPath.parse("$.b[?@.k==2]"), lines) == [Found(9, 12, None)]


@pytest.mark.parametrize(
    ("text", "path", "found"),
    [
        ('{"a": [1, {"b": "x', "$.a[1].b", [Found(5, 5, '"x')]),
        ('{"a": [1, {"b": "x', "$.a", [Found(2, 5, None)]),
        ('{"a": "x,', "$.a", [Found(2, 2, '"x,')]),
        ('{"a": 1, "b', "$.*", [Found(2, 2, "1")]),
        ('{"a": 1, "b":', "$.*", [Found(2, 2, "1")]),
        ('{"a": {', "$.a", [Found(2, 2, None)]),
        ("[1,", "$[0]", [Found(2, 2, "1")]),
        ("7", "$", [Found(1, 1, "7")]),
        ("7", "$.a", []),
        ("{}", "$..*", []),
    ],
)
def test_what_was_cut_is_found_as_far_as_it_goes(text: str, path: str, found: list[Found]) -> None:
    """A value that a cut has ended goes to the last line; a key without a value is nobody's."""
    assert select(JsonPath.parse(path), lines_of(text, cut=True)) == found


def test_nothing_is_found_in_no_lines() -> None:
    """A body without lines has no values."""
    assert select(JsonPath.parse("$..*"), []) == []


@pytest.mark.timeout(120)
def test_huge_and_deep_bodies_end() -> None:
    """Brackets in brackets in their ten thousands, and many values, cost a few looks at each line."""
    deep = lines_of("[" * 50_000 + "]" * 50_000)
    assert select(JsonPath.parse("$..[?@[0][0]]..[-1]..*"), deep)[-1].token is None
    wide = lines_of(json.dumps([{"id": number, "type": "image"} for number in range(50_000)]))
    assert len(Shown(wide).select(JsonPath.parse("$..[?@.type=='image' && @.id>=10].id"))) == 49_990


@pytest.mark.parametrize(
    ("token", "text"), [('"a\\u0062"', "ab"), ("1.0", "1.0"), ("true", "true"), ("‹t:1›", "‹t:1›"), ('"cut', '"cut')]
)
def test_the_text_of_a_token(token: str, text: str) -> None:
    """A string is its content; everything else is as it was spelled."""
    assert plain(token) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.a-b.OS-EXT:x", (Step("a-b"), Step("OS-EXT:x"))),
        ("$[ 'it\\'s \"so\"' ]", (Step('it\'s "so"'),)),
        ('$["\\u00e9\\n"]', (Step("é\n"),)),
        ("$..*[*]..[0]", (Step(None, True), Step(None), Step(0, True))),
        ("$[?(@.a)]", (Step(Filter(((Condition(("a",)),),))),)),
        ("$[?@['a'][0]=='x' && @>1||@.b!=null]",
         (Step(Filter(((Condition(("a", 0), "==", "x"), Condition((), ">", 1)), (Condition(("b",), "!="),)))),)),
    ],
)  # fmt: skip
def test_paths(text: str, path: tuple[Step, ...]) -> None:
    """Each form of a step, and spaces where they may stand."""
    assert JsonPath.parse(text).steps == path


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a", 0), ("$a", 1), ("$.", 2), ("$..", 3), ("$.a b", 3), ("$[", 2), ("$['a", 2), ("$[0", 3), ("$[00]", 2),
        ("$[-0]", 2), ("$[0:1]", 3), ("$[0,1]", 3), ("$[a]", 2), ("$[?a]", 3), ("$[?@.a=1]", 6), ("$[?@.a==b]", 8),
        ("$[?(@.a]", 7), ("$[?@.a==01]", 8), ("$[?@.a==1", 9), ("$[99999999999]", 2), ("$[?@..a]", 5),
        ("$['\\x']", 2), ("$[?'a'==@.b]", 3), ("$[?!@.a]", 3), ("$.length()", 8),
    ],
)  # fmt: skip
def test_errors_of_paths_point_at_the_character(text: str, position: int) -> None:
    """What is no path is refused with the index of the character at fault."""
    with pytest.raises(SpellingError, match=f"character {position + 1}: expected .*") as caught:
        JsonPath.parse(text)
    assert caught.value.position == position


@given(st.text("$.[]*?@'\"=<>!&|()ab01-: \\", max_size=20))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    """No text brings the parser down."""
    try:
        path = JsonPath.parse("$" + text)
    except SpellingError as error:
        position, path = error.position, JsonPath(())
    else:
        position = 0
    assert 0 <= position <= len(text) + 1
    assert JsonPath.parse(str(path)) == path


def test_a_path_has_an_end() -> None:
    """A path of more than a thousand characters is refused, and brackets in brackets of a filter with it."""
    with pytest.raises(SpellingError, match="1000 characters"):
        JsonPath.parse("$" + ".a" * 500)
    with pytest.raises(SpellingError):
        JsonPath.parse("$[?" + "(" * 900)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("X-Subject-Token", HeaderName("X-Subject-Token")),
        ("$.a", BodyPath(JsonPath((Step("a"),)))),
        ("?limit", QueryKey("limit")),
        ("19", Lines(19, 19)),
        ("12-14", Lines(12, 14)),
        ("007", Lines(7, 7)),
    ],
)
def test_highlights(text: str, mark: highlights.Mark) -> None:
    """Each kind by its spelling."""
    assert highlights.parse(text) == mark


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("0", 0, "lines count from 1"),
        ("0-3", 0, "lines count from 1"),
        ("99999999", 0, "lines count from 1 to 9999999"),
        ("5-3", 2, "the last line lies before the first"),
        ("?", 1, "a key of the query"),
        ("?a=b", 2, "one key of the query without its value"),
        ("a b", 1, "expected a header's name, .*{text: …}"),
        ("한", 0, "expected a header's name"),
        ("$.a[", 4, "character 5"),
        ("$.a[?@.b='c']", 8, "expected `==`"),
    ],
)
def test_errors_of_highlights(text: str, position: int, message: str) -> None:
    """What is no highlight is refused, and the character at fault is known."""
    with pytest.raises(SpellingError, match=re.compile(message)) as caught:
        highlights.parse(text)
    assert caught.value.position == position
