"""The author's Markdown: line breaks hold, what Markdown builds of lines does not break."""

from __future__ import annotations

import json
import re
from html import unescape

import markdown
import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook.annotations.reading import parse
from requestshook.config.notes import Text
from requestshook.page.prose import Prose

EXTENSIONS = ["admonition", "attr_list", "md_in_html", "tables", "pymdownx.superfences", "pymdownx.tabbed", "def_list"]
PROSE = Prose(lambda place: 1, lambda number: f"step-{number}", lambda name: "v", lambda line, message: None)


def written(text: str) -> str:
    return str(PROSE.markdown(Text(text, 1)))


def html(text: str) -> str:
    return markdown.markdown(written(text), extensions=EXTENSIONS)


def test_a_line_break_is_a_line_break() -> None:
    """In a paragraph, also inside an admonition and a quotation; an empty line ends it."""
    assert html("one\ntwo\n\nthree") == "<p>one<br />\ntwo</p>\n<p>three</p>"
    assert "one<br />\ntwo" in html("!!! note\n    one\n    two")
    assert "one<br />\ntwo" in html("> one\n> two")


def test_a_break_that_stands_is_not_doubled() -> None:
    """Two spaces, a backslash and a tag break already."""
    for sign in ("  ", "\\", "<br>"):
        assert written(f"one{sign}\ntwo") == f"one{sign}\ntwo"


@pytest.mark.parametrize(
    "text",
    [
        "```\none\ntwo\n```",
        "~~~ python\none\n\ntwo\n~~~",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "a | b\n--|--\n1 | 2",
        "- one\n- two\n  goes on\n- three",
        "1. one\n2. two",
        "# one\n## two",
        "one\n===",
        "one\n---",
        "!!! note\n    ```\n    one\n    two\n    ```",
        "<div>\none\n</div>",
        '=== "A"\n    x\n=== "B"\n    y',
        "[a]: https://h/\n[b]: https://h/",
    ],
)
def test_what_is_built_of_lines_stays(text: str) -> None:
    """Fences, tables, lists, headings, HTML, tabs and definitions are as Markdown makes them of the text alone."""
    assert html(text) == markdown.markdown(text, extensions=EXTENSIONS)


def test_a_fence_inside_a_fence_ends_with_its_own() -> None:
    """A longer fence holds a shorter one; prose goes on after it."""
    text = "````\n```\na\nb\n```\n````\none\ntwo"
    assert written(text) == text.replace("one\n", "one  \n")


@given(st.text(alphabet=" \t`~|#-*=>!ab1.\n\\", max_size=60))
def test_only_spaces_are_added(text: str) -> None:
    """Whatever is written: the lines are the same but for spaces at their ends, and twice is as once."""
    once = written(text)
    assert [line.rstrip() for line in once.split("\n")] == [line.rstrip() for line in text.strip("\n").split("\n")]
    assert written(once) == once


def shown(text: str, value: str) -> str:
    """The HTML of a text that mentions a captured value, `[[$v]]`."""
    said = parse(f"text: {{intro: {json.dumps(text)}}}\nvariables: {{v: x}}\n", "f").text.intro
    prose = Prose(lambda place: 1, None, lambda name: value, lambda line, message: None)
    return markdown.markdown(prose.markdown(said), extensions=[*EXTENSIONS, "footnotes"])


@pytest.mark.parametrize(
    "text",
    [
        "`[[$v]]` ``[[$v]]``",
        "# a ` b\ntext [[$v]] ` c",
        "- a ` b\n- [[$v]] ` c",
        "| a ` | b |\n|---|---|\n| [[$v]] ` | x |",
        '!!! note "a ` b"\n    [[$v]] ` c',
        "a `\n---\n[[$v]] `",
        "<div markdown>\na `\n</div>\n[[$v]] `",
        "[^1]: a `\n[^2]: [[$v]] `\n\nx[^1][^2]",
        "# a ` b\n`foo`[[$v]]`",
        "[[[$v]]](https://h) **a**[[$v]]",
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        "<img src=x onerror=alert(1)>",
        "![x](https://evil)",
        "[x](https://evil)",
        '{ onclick="alert(1)" }',
        '*a*{ onclick="alert(1)" }',
        "<https://evil>",
    ],
)
def test_a_value_between_backticks_is_text_even_where_they_are_none(text: str, value: str) -> None:
    """Backticks in two blocks pair for nobody but us; a captured value in between is still no markup."""
    tags = re.findall(r"<[a-z][^>]*>", shown(text, value))
    assert not [tag for tag in tags if re.search("img|onclick|evil", tag)]
    assert all(piece in html_text(shown(text, value)) for piece in re.findall(r"\w+", value))


@pytest.mark.parametrize("text", ["[x]([[$v]])", "[x](<[[$v]]>)", "[x](`[[$v]]`)", "[r]: [[$v]]\n\n[r]", "<[[$v]]>"])
@pytest.mark.parametrize("value", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "\x01vbscript:x"])
def test_a_link_that_a_text_makes_of_a_value_runs_nothing(text: str, value: str) -> None:
    """A scheme that runs something is broken; an address is as it was."""
    for href in re.findall(r'href="([^"]*)"', shown(text, value)):
        assert not re.match(r"(?i)\W*(javascript|vbscript|data):", unescape(href))
    assert 'href="https://h/a"' in unescape(shown("[x]([[$v]])", "https://h/a"))


def html_text(page: str) -> str:
    """What a reader sees."""
    return unescape(re.sub(r"<[^>]*>", "", page))
