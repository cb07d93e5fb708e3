"""Each place of a page has its escaping, and no captured text leaves its place."""

from __future__ import annotations

import html
import re

import markdown
import pytest
from hostile import CONTENTS
from hypothesis import given
from hypothesis import strategies as st

from requestshook.page import escape

PICTURES = "\u2400-\u2424\ufffd"


def pictured(text: str) -> str:
    """What a reader sees of a text in one line."""
    return escape.visible(text).replace("\n", "␊").replace("\t", "␉")


@given(st.text())
def test_inline_text_reads_as_it_was(text: str) -> None:
    """Decoded as HTML it is the captured text, with pictures for what cannot be seen."""
    assert html.unescape(escape.inline(text)) == pictured(text)


@given(st.text())
def test_inline_text_holds_nothing_that_markup_could_begin_with(text: str) -> None:
    """Letters, digits, spaces and a few harmless marks stay; all else is an entity."""
    rest = re.sub(r"&#\d+;", "", escape.inline(text))
    assert re.fullmatch(rf"[^\W_]*(?:[ /.,%?:;→←–·‹›…{PICTURES}-]|[^\W_])*", rest)
    assert "--" not in rest
    assert ".." not in rest


@given(st.text())
def test_a_title_stays_between_its_quotes(text: str) -> None:
    """No quote, bracket, backslash, backtick or control is left; an ampersand stays in a title, which is no HTML."""
    for escaped in (escape.title(text), escape.label(text)):
        assert not re.search(r'["<>\\`\x00-\x1f\x7f-\x9f\u2028\u2029\u202e]', escaped)
        escaped.encode()


@given(st.text())
def test_mermaid_text_decodes_to_what_was_captured(text: str) -> None:
    """`#NN;` stands for every character that Mermaid could read as its own."""
    escaped = escape.mermaid(text)
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), escaped) == pictured(text)
    assert not re.search(r'[;#%:<>"{}|]', re.sub(r"#\d+;", "", escaped))


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n"))), st.integers(0, 8))
def test_a_fence_is_longer_than_every_run_of_backticks_inside(lines: list[str], indent: int) -> None:
    """No line inside can close it, and every line stands at its indent."""
    block = escape.fence([*lines, "```", "x````y"], "text", indent=indent)
    opening, *inside, closing = block.removesuffix("\n").split("\n")
    mark = closing.strip()
    assert opening == f"{' ' * indent}{mark} text"
    assert all(mark not in line for line in inside)
    assert all(line.startswith(" " * indent) for line in inside)


@pytest.mark.parametrize("text", CONTENTS.values(), ids=CONTENTS.keys())
def test_inline_code_is_code_alone(text: str) -> None:
    """Inline code is backticks around plain words, or an element around entities."""
    escaped = escape.code(text)
    assert re.fullmatch(r"`[^`<&]+`|<code>[^`<>]*</code>", escaped)


def test_a_line_that_would_include_a_file_is_guarded() -> None:
    """The `;` that the snippets extension takes off again stands only where it would read the line, if it is on."""
    lines = ['--8<-- "x"', "  -8<- ", "a --8<-- b", ';--8<-- "x"']
    assert escape.fence(lines).split("\n")[1:5] == [';--8<-- "x"', "  ;-8<- ", "a --8<-- b", ';;--8<-- "x"']
    assert escape.fence(lines, snippets=False).split("\n")[1:5] == lines


@pytest.mark.parametrize("text", ["{{ x }}", "{% x %}", "{# x #}", "{!x!}", "{--x--}", "{++x++}", "{~~x~>y~~}"])
def test_braces_that_others_read_in_fences_are_broken(text: str) -> None:
    """What macros, includes and Critic look for is no longer there; a reader sees no difference."""
    block = escape.fence([text])
    assert text not in block
    assert text in block.replace("\u2060", "")


def test_a_template_prints_nothing_unescaped() -> None:
    """Text that a template prints without a word about escaping is escaped as inline text."""
    assert escape.finish("<b>") == "&#60;b&#62;"
    assert escape.finish(12) == "12"
    assert escape.finish(escape.Markdown("<b>")) == "<b>"


@given(st.text())
def test_a_link_stays_between_its_parentheses(text: str) -> None:
    """No parenthesis, bracket, quote, blank or control is left; a plain URL, `&` and all, is as it was."""
    assert not re.search(r"[()<>\"'`\\\s\x00-\x1f]", escape.link(text))
    assert escape.link("https://a.test/b?c=1&d=%20#e") == "https://a.test/b?c=1&d=%20#e"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/v1/AUTH_{project_id}/glance", "/v1/AUTH_{project_id}/glance"),
        ("/a_b/x_{project_id}/y_{project_id}_z", "/a_b/x_{project_id}/y_{project_id}%5Fz"),
        ("/_{project_id} AUTH_{_a_}_", "/%5F{project_id} AUTH_{%5Fa%5F}%5F"),
        ("AUTH_{other} __x_{other}", "AUTH%5F%7Bother%7D %5F%5Fx%5F%7Bother%7D"),
    ],
)
def test_a_label_shows_the_authors_names_where_they_stand(text: str, shown: str) -> None:
    """`AUTH_{project_id}` is readable in the table of contents; what could be markup or was captured is not."""
    assert escape.label(text, ("project_id", "_a_")) == shown


@given(st.text(alphabet="_{}nx /*"))
def test_a_label_with_names_is_read_as_it_is_written(text: str) -> None:
    """Python-Markdown takes nothing in it for emphasis, and the label does not leave its attribute."""
    label = escape.label(text, ("n", "_x_", "x_n"))
    page = markdown.Markdown(extensions=["attr_list", "toc"])
    found = page.convert(f'# a {{ #b data-toc-label="{label}" }}')
    assert found == '<h1 id="b">a</h1>'
    assert html.unescape(page.toc_tokens[0]["name"]).strip() == label.strip()  # type: ignore[attr-defined]  # of toc
