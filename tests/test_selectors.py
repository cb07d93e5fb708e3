"""Selectors: the grammar, its errors, and that the compiled form means what the grammar says."""

import re
import time
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from requestshook import addresses
from requestshook.errors import SelectorError
from requestshook.selectors import Selector
from requestshook.selectors.wildcards import text_pattern
from requestshook.settings import call_text, read_ignored

DOCS = Path(__file__).parent.parent / "docs" / "selectors.md"


def matches(selector: str, call: str) -> bool:
    caller, arrow, callee, method, target = call.split(" ", 4)
    assert arrow == "->"
    return Selector.parse(selector).matches(caller, callee, method, target)


@pytest.mark.parametrize(
    ("selector", "call", "expected"),
    [
        ("a -> b GET /x", "a -> b GET /x", True),
        ("a -> b GET /x", "z -> b GET /x", False),
        ("a -> b GET /x", "a -> z GET /x", False),
        ("a -> b GET /x", "a -> b PUT /x", False),
        ("a -> b get /x", "a -> b GET /x", False),
        ("b GET /x", "a -> b GET /x", True),
        ("* -> * * **", "a -> b GET /x/y?z=1", True),
        ("b OPTIONS **", "a -> b OPTIONS *", True),
        ("b GET /", "a -> b GET http://host:80", True),
        ("b GET /x", "a -> b GET http://host:80/x?q#f", True),
        ("b GET /x", "a -> b GET /x/", False),
        ("b GET /x/", "a -> b GET /x", False),
        ("b GET /x/{id}", "a -> b GET /x/", False),
        ("b GET /x/{id}", "a -> b GET /x/1", True),
        ("b GET /x/{id}", "a -> b GET /x/1/2", False),
        ("b GET /x/{id}", "a -> b GET /x/1%2F2", True),
        ("b GET /x/*", "a -> b GET /x/", True),
        ("b GET /x/*", "a -> b GET /x", False),
        ("b GET /AUTH_{id}/*.qcow2", "a -> b GET /AUTH_77/a.b.qcow2", True),
        ("b GET /AUTH_{id}/*.qcow2", "a -> b GET /AUTH_/a.qcow2", False),
        ("b GET /x/**", "a -> b GET /x", True),
        ("b GET /x/**", "a -> b GET /x/", True),
        ("b GET /x/**", "a -> b GET /x/y/z", True),
        ("b GET /x/**", "a -> b GET /xy", False),
        ("b GET /**/y", "a -> b GET /y", True),
        ("b GET /**/y", "a -> b GET /a/b/y", True),
        ("b GET /**/y", "a -> b GET /a/by", False),
        ("b GET /a/**/c/**/d", "a -> b GET /a/c/c/d/d", True),
        ("b GET /a/**/c/**/d", "a -> b GET /a/d/d", False),
        ("b GET /한", "a -> b GET /%ED%95%9C", True),
        ("b GET /%ed%95%9c", "a -> b GET /한", True),
        ("b GET /%41", "a -> b GET /A", True),
        ("b GET /a%2Fb", "a -> b GET /a/b", False),
        ("b GET /a%2fb", "a -> b GET /a%2Fb", True),
        ("b GET /%2A", "a -> b GET /*", True),
        ("b GET /%2A", "a -> b GET /x", False),
        ("b GET /*5", "a -> b GET /%25", False),  # a wildcard never takes half an escape
        ("b GET /*25", "a -> b GET /%2525", True),
        ("b GET /x", "a -> b GET /x?a=1", True),
        ("b GET /x?", "a -> b GET /x?a=1", False),
        ("b GET /x?", "a -> b GET /x", True),
        ("b GET /x?b=2&a=1", "a -> b GET /x?a=1&z&b=2", True),
        ("b GET /x?a=1", "a -> b GET /x?a=12", False),
        ("b GET /x?a=1*", "a -> b GET /x?a=12", True),
        ("b GET /x?a", "a -> b GET /x?a=12", True),
        ("b GET /x?a", "a -> b GET /x?a", True),
        ("b GET /x?a", "a -> b GET /x?ab=1", False),
        ("b GET /x?a=", "a -> b GET /x?a", True),
        ("b GET /x?a=", "a -> b GET /x?a=1", False),
        ("b GET /x?*=1", "a -> b GET /x?b=2&q=1", True),
        ("b GET /x?*", "a -> b GET /x", False),
        ("b GET /x?a=b%20c", "a -> b GET /x?a=b+c", True),
        ("b GET /x?a=b+c", "a -> b GET /x?a=b%2Bc", False),
        ("b GET /x?a=%41", "a -> b GET /x?%61=A", True),
        ("b GET /x?a=b=c", "a -> b GET /x?a=b%3Dc", True),
        ("b GET /x?url=http://h/?y", "a -> b GET /x?url=http%3A%2F%2Fh%2F%3Fy", True),
        ("[::1]:8080 GET /", "a -> [::1]:8080 GET /", True),
        ("b GET /x.y", "a -> b GET /xzy", False),
    ],
)
def test_the_grammar_means(selector: str, call: str, expected: bool) -> None:
    """Each rule of the grammar selects what it says and nothing else."""
    assert matches(selector, call) is expected


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 0, "the name of a caller or callee"),
        (" b GET /", 0, "the name of a caller or callee"),
        ("a->b GET /", 2, "an arrow ` -> ` with one space"),
        ("a →b GET /", 1, "an arrow ` -> ` with one space"),
        ("a -> ", 5, "the name of a callee"),
        ("nova-* GET /", 5, "`*` stands for a whole name only"),
        ("b", 1, "a space after the callee"),
        ("b /x", 2, "a method such as GET"),
        ("b GET", 5, "a space and a path"),
        ("b GET x", 6, "a path that begins with `/`"),
        ("b GET *", 6, "`**` alone"),
        ("b GET **/x", 6, "`**` alone"),
        ("b GET ?a", 6, "a path that begins"),
        ("b GET /{", 7, "{name}"),
        ("b GET /{}", 7, "{name}"),
        ("b GET /{a b}", 7, "{name}"),
        ("b GET /x\n", 8, "one line"),
        ("b GET /x?a={id}", 11, "`*` where any value will do"),
        ("b GET /x?&a", 9, "a key"),
        ("b GET /x?a&", 11, "a key"),
        ("b GET /x?a&&b", 11, "a key"),
        ("b GET /x@", 9, "1, 2"),
        ("b GET /x@0", 9, "1, 2"),
        ("b GET /x@-2", 9, "1, 2"),
        ("b GET /x@1?a", 9, "and then the end"),
        ("b GET /x@1\n", 9, "and then the end"),
        ("b GET /user@host", 12, "(a literal `@` is %40)"),
    ],
)
def test_an_error_points_at_the_character(text: str, position: int, expected: str) -> None:
    """What is no selector is refused with the character at fault and what was expected there, in one line."""
    with pytest.raises(SelectorError) as caught:
        Selector.parse(text)
    assert caught.value.position == position
    assert expected in str(caught.value)
    assert f"character {position + 1}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a -> b GET /x/{id}/**?k=*&v@2",
        "* GET /한 글@-1",
        "* * **?",
        "[fe80::1%25eth0]:80 M-SEARCH /x?",
    ],
)
def test_a_selector_prints_as_it_was_written(text: str) -> None:
    """Printing gives the text back."""
    assert str(Selector.parse(text)) == text


def test_a_caller_that_may_be_anyone_is_left_out() -> None:
    """`*` as the caller is the same as no caller."""
    assert Selector.parse("* -> b GET /") == Selector.parse("b GET /")
    assert str(Selector.parse("* -> b GET /")) == "b GET /"


def test_nth_picks_of_the_calls_that_match() -> None:
    """`@2` is the second, `@-1` the last, none is all; one that does not exist is none."""
    calls = ["x", "y", "z"]
    assert list(Selector.parse("b GET /").pick(calls)) == calls
    assert list(Selector.parse("b GET /@2").pick(calls)) == ["y"]
    assert list(Selector.parse("b GET /@-1").pick(calls)) == ["z"]
    assert list(Selector.parse("b GET /@4").pick(calls)) == []


NAMES = st.text("abc.:-_", min_size=1, max_size=6)
TARGETS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=30).map(lambda text: "/" + text),
    st.text("ab%2Ff*{}?&=@+ #;한\ud800", max_size=20).map(lambda text: "/" + text),
    st.sampled_from(["*", "host:443", "http://h", "http://h?x", ""]),
)


@settings(max_examples=400, deadline=None)
@given(NAMES, NAMES, st.sampled_from(["GET", "POST", "*", "M-SEARCH", "a b", ""]), TARGETS)
@example("a", "b", "GET", "/%zz/%2f?a&&=&%3d=%26")
def test_a_selector_made_from_a_call_selects_it(caller: str, callee: str, method: str, target: str) -> None:
    """Whatever the call, its own selector selects it, and printing and parsing give the same selector."""
    selector = Selector.of(caller, callee, method, target)
    assert selector.matches(caller, callee, method, target)
    assert Selector.parse(str(selector)) == selector


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("ab*{}%2?@ ", max_size=4), min_size=1, max_size=3), st.lists(st.text("ab", max_size=3)))
def test_a_selector_made_from_a_call_selects_no_other_path(one: list[str], other: list[str]) -> None:
    """The literal wildcards of a path are escaped."""
    path, second = "/" + "/".join(one).replace("?", "%3F"), "/" + "/".join(other)
    assume(addresses.canonical_path(path) != second)
    assert not Selector.of("a", "b", "GET", path).matches("a", "b", "GET", second)


def slow_glob(pattern: list[object], text: bytes) -> bool:
    """Whether tokens (an octet, or the least number of octets) match, by trying everything."""
    if not pattern:
        return not text
    first, rest = pattern[0], pattern[1:]
    if isinstance(first, bytes):
        return text[:1] == first and slow_glob(rest, text[1:])
    assert isinstance(first, int)
    return any(slow_glob(rest, text[i:]) for i in range(first, len(text) + 1))


def slow_tokens(text: str) -> list[object]:
    tokens: list[object] = []
    for piece in re.split(r"(\*|\{\w+\})", text):
        if piece == "*" or piece.startswith("{"):
            tokens.append(int(piece != "*"))
        else:
            tokens.extend(bytes([octet]) for octet in unquote_to_bytes(piece))
    return tokens


def slow_path(pattern: list[str], segments: list[str]) -> bool:
    if not pattern:
        return not segments
    if pattern[0] == "**":
        return any(slow_path(pattern[1:], segments[i:]) for i in range(len(segments) + 1))
    if not segments:
        return False
    return slow_glob(slow_tokens(pattern[0]), unquote_to_bytes(segments[0])) and slow_path(pattern[1:], segments[1:])


SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "%61", "%2F", "%25", "5", "한", "%ED%95%9C"]), max_size=4).map(
    "".join
)
PATTERNS = st.one_of(
    st.just("**"),
    st.lists(st.sampled_from(["a", "b", "*", "{x}", "%61", "%2F", "%25", "5", "한", "%9C"]), max_size=5).map("".join),
)


@settings(max_examples=2000, deadline=None)
@given(st.lists(PATTERNS, min_size=1, max_size=5), st.lists(SEGMENTS, min_size=1, max_size=5))
@example(["**", "a*", "**", "*b", "**"], ["a", "ab", "b"])
@example(["*5"], ["%25"])
def test_compiled_paths_are_what_trying_everything_finds(pattern: list[str], segments: list[str]) -> None:
    """The expression, which never goes back, finds what a matcher finds that tries all ways."""
    selector = Selector.parse("* * /" + "/".join(pattern))
    assert selector.matches("a", "b", "GET", "/" + "/".join(segments)) is slow_path(pattern, segments)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab*", max_size=3), st.one_of(st.none(), st.text("ab*%", max_size=4))), max_size=2),
    st.lists(st.tuples(st.text("ab", max_size=3), st.one_of(st.none(), st.text("ab%", max_size=4))), max_size=3),
)
def test_compiled_queries_are_what_trying_everything_finds(
    wanted: list[tuple[str, str | None]], given_pairs: list[tuple[str, str | None]]
) -> None:
    """A query selects where each of its pairs is contained, in whatever order."""
    assume(all(key or value is not None for key, value in wanted))
    query = "&".join(key if value is None else f"{key}={value}" for key, value in wanted)
    actual = "&".join(key if value is None else f"{key}={value}" for key, value in given_pairs)

    def contained(key: str, value: str | None) -> bool:
        return any(
            slow_glob(slow_tokens(key), unquote_to_bytes(name))
            and (value is None or slow_glob(slow_tokens(value), unquote_to_bytes(text or "")))
            for name, text in given_pairs
            if name or text is not None
        )

    expected = all(contained(key, value) for key, value in wanted) if wanted else actual == ""
    assert Selector.parse(f"* * /x?{query}").matches("a", "b", "GET", f"/x?{actual}") is expected


@pytest.mark.parametrize(
    ("selector", "target"),
    [
        ("* * /" + "*a" * 30 + "b", "/" + "a" * 60_000),
        ("* * /" + "{x}a" * 30 + "b", "/" + "a" * 60_000),
        ("* * " + "/**/a" * 30 + "/b", "/a" * 30_000),
        ("* * " + "/**/*a*" * 30 + "/b", "/aaaa" * 10_000),
        ("* * " + "/**/*a*b*" * 10 + "/**", "/" + "a" * 60_000),
        ("* * /x?" + "*a" * 30 + "b", "/x?" + "a" * 60_000),
        ("* * /x?k=" + "*%25" * 30 + "b", "/x?k=" + "%25" * 20_000),
    ],
)
def test_no_selector_explodes(selector: str, target: str) -> None:
    """Time grows with the text, whatever the pattern: 60,000 characters are done in a moment."""
    compiled = Selector.parse(selector)
    started = time.process_time()
    assert not compiled.matches("a", "b", "GET", target)
    assert time.process_time() - started < 2


@settings(max_examples=500, deadline=None)
@given(st.text("ab*\n", max_size=8), st.text("ab*\n", max_size=8))
def test_text_patterns_are_what_trying_everything_finds(pattern: str, text: str) -> None:
    """`*` in a User-Agent pattern stands for any part of it."""
    found = re.fullmatch(text_pattern(pattern), text) is not None
    tokens: list[object] = [0 if c == "*" else c.encode() for c in pattern]
    assert found is slow_glob(tokens, text.encode())


def test_capture_reads_what_is_compiled() -> None:
    """`settings.read_ignored` of `compiled()` is the very matcher that `matches` uses."""
    selector = Selector.parse("a -> b GET /x/{id}?k=*")
    ignored = read_ignored(selector.compiled())
    for target, expected in (("/x/1?k=2", True), ("/x/1", False)):
        path, query = addresses.split_target(target)
        assert ignored.matches(call_text("a", "b", "GET", path), query) is expected
        assert selector.matches("a", "b", "GET", target) is expected


def test_the_documentation_shows_selectors_and_an_error_as_they_are() -> None:
    """docs/selectors.md: each of its first examples is a selector, and the error is the one that is raised."""
    page = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"```\n(.*?)```", page, re.S)
    for line in blocks[0].splitlines():
        text = line.split("   ")[0]
        assert str(Selector.parse(text)) == text
    with pytest.raises(SelectorError) as caught:
        Selector.parse("keystone /v3")
    assert f"{caught.value}\n" in blocks
