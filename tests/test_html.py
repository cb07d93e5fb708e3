"""The one-file HTML as text: the registry of formats, escaping, parts, the golden page.

After a change that is meant: REGENERATE_GOLDEN=1 python -m pytest tests/test_html.py
"""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from html_support import failing, html, html_noted, long, side_by_side
from hypothesis import given
from hypothesis import strategies as st
from notes_support import placed
from page_support import Story, image_create

from requestshook.cli.rendering import FORMATS
from requestshook.config.notes import Mention, Text
from requestshook.errors import RequestshookError
from requestshook.page import authored
from requestshook.page.dialect import Dialect
from requestshook.page.dialects import DIALECTS
from requestshook.page.escape import visible
from requestshook.page.prose import Prose
from requestshook.page.render import render
from requestshook.page.settings import PageSettings

GOLDEN = Path(__file__).parent / "golden"
VOID = {"meta", "br", "hr", "img", "wbr", "link", "input"}


class Elements(HTMLParser):
    """Reads a page; `faults` are tags that do not nest, `ids` all ids, `links` all fragments that are linked to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.shown: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if (given.get("href") or "").startswith("#"):
            self.links.append((given["href"] or "")[1:])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


PAGES = {
    "plain": lambda: html(image_create()),
    "noted": html_noted,
    "failing": lambda: html(failing(), exit=1),
    "side by side": lambda: html(side_by_side()),
    "long": lambda: html(long(200)),
    "nothing": lambda: html(Story(), command=(), output=()),
}


def test_the_command_offers_the_formats_that_there_are() -> None:
    """`--format` knows each format of the registry with the ending of its files."""
    assert {name: dialect.ending for name, dialect in DIALECTS.items()} == FORMATS


def test_what_there_is_not_is_said() -> None:
    """An unknown format, and a part that a format does not have, are named with what there is."""
    story = image_create()
    with pytest.raises(RequestshookError, match=r"no format 'pdf': mkdocs, github, html, json"):
        next(render(story.trace(), story.load, dialect="pdf"))
    with pytest.raises(RequestshookError, match=r"html has no diagram: page, command, map"):
        next(render(story.trace(), story.load, dialect="html", part="diagram"))


@pytest.mark.parametrize("name", PAGES)
def test_elements_nest_and_links_lead_somewhere(name: str) -> None:
    """Every element that is opened is closed in its place, ids are unique, and each link's target is there."""
    found = Elements(PAGES[name]())
    assert found.faults == []
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))
    assert set(found.links) <= set(found.ids)


def test_a_call_without_an_answer_is_not_called_a_failure() -> None:
    """Of a command that ended well the first sentence says what is known, and no more."""
    text = html(side_by_side(), exit=0)
    assert re.search(r"<strong>Unanswered\.</strong>\s*<b>gateway</b> was not seen to answer client in", text)
    assert "<strong>Failed.</strong>" in html(failing(), exit=1)


@pytest.mark.parametrize("part", DIALECTS["html"].parts[1:])
def test_a_part_is_a_page_of_its_own(part: str) -> None:
    """A part stands in a whole document, alone."""
    story = image_create()
    page = html(story, part=part, **({"command": ("x",)} if part == "command" else {}))
    found = Elements(page)
    assert page.startswith("<!DOCTYPE html>")
    assert {"command", "map", "variables", "steps", "log"} & set(found.ids) == {part}
    assert found.faults == []


def test_a_template_that_forgets_to_escape_escapes(tmp_path: Path) -> None:
    """What a house's own template prints without a filter is text."""
    (tmp_path / "page.html.jinja2").write_text('<p title="{{ trace.name }}">{{ trace.name }}</p>')
    story = Story(name="\"'><script>x</script>\x1b&amp;")
    page = "".join(render(story.trace(), story.load, dialect="html", templates=tmp_path))
    escaped = "&quot;&#x27;&gt;&lt;script&gt;x&lt;/script&gt;␛&amp;amp;"
    assert page == f'<p title="{escaped}">{escaped}</p>'


def test_a_format_is_templates_and_an_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/templates.md says is enough for another format."""

    class Wiki(str):
        pass

    wiki = Dialect(
        name="wiki",
        ending=".wiki",
        folder="",
        suffix=".wiki.jinja2",
        mark="generated by requestshook",
        finish=lambda value: value if isinstance(value, Wiki) else Wiki(str(value).replace("[", "&#91;")),
        filters=lambda context: {"code": lambda text: Wiki(f"[{text}]")},
        prose=Wiki,
    )
    monkeypatch.setitem(DIALECTS, "wiki", wiki)
    lines = "{% for step in steps %}{{ step.caller | code }} {{ step.heading }} {{ step.text }}\n{% endfor %}"
    (tmp_path / "_steps.wiki.jinja2").write_text(lines)
    story = Story()
    story.response(story.request("a", "b", "GET", "http://h/[x]"), 200, "OK")
    notes, story = placed('calls: [{call: "a -> b GET /%5Bx%5D", request: {text: "[said]"}}]', story)
    pieces = render(notes.trace, story.load, notes=notes, faults=[], dialect="wiki", part="steps", templates=tmp_path)
    assert "".join(pieces) == "[a] GET /&#91;x] [said]\n[a] 200 OK /&#91;x] \n"


def test_the_page_with_notes_is_as_it_was() -> None:
    """The page equals tests/golden/image-create-noted.html, its style and script left out."""
    page = re.sub(r"(?s)<(style|script)>.*?</\1>", r"<\1></\1>", html_noted())
    path = GOLDEN / "image-create-noted.html"
    if os.environ.get("REGENERATE_GOLDEN"):
        path.write_text(page, encoding="utf-8")
    assert page == path.read_text(encoding="utf-8")


def test_one_body_is_held_at_a_time() -> None:
    """The pages of a long flow come piece by piece: at its first step only that step's body has been loaded again."""
    story = long(100)
    pieces = render(story.trace(), story.load, dialect="html")
    for piece in pieces:
        if 'class="req"' in piece:
            break
    first_pass = len(story.bodies)
    assert first_pass <= story.loaded <= first_pass + 10
    assert sum(map(len, pieces)) > 100_000


def test_words_and_language_are_the_authors() -> None:
    """Labels replace the fixed words; a page whose words are Korean says that it is, and so does a Korean note."""
    page = html(image_create(), PageSettings(labels={"map": "호출 지도", "answered_in": "{step}에서 응답"}))
    assert '<html lang="ko">' in page
    assert "<h2>호출 지도</h2>" in page
    assert '<span class="sref">(2)</span>에서 응답' in page
    assert '<html lang="en">' in html(image_create())
    assert '<div class="note intro" lang="ko">' in html_noted()


def test_a_note_may_hold_what_mkdocs_knows() -> None:
    """Admonitions, folds, titled fences, tables and the author's own HTML come out as what they are."""
    text = (
        '!!! note "A `b`"\n    one\n\n    - two\n\n??? tip\n    three\n\n``` sh title="a & b"\nx <y>\n```\n\n<i>own</i>'
    )
    assert authored.html(text) == (
        '<div class="ad note"><p class="adt">A <code>b</code></p><p>one</p>\n<ul>\n<li>two</li>\n</ul>\n</div>'
        '<details class="ad tip"><summary class="adt">Tip</summary><p>three</p>\n</details>'
        '<figure class="nc"><figcaption>a &amp; b</figcaption><pre tabindex="0"><code>x &lt;y&gt;\n'
        "</code></pre></figure>\n<p><i>own</i></p>"
    )
    assert "<td>c</td>" in authored.html("| a | b |\n|---|---|\n| c | d |")
    assert "href" not in authored.html("[x](javascript:alert(1))")


def test_three_marks_that_open_nothing_are_text() -> None:
    """`===` under a line is a heading of old, `!!!` alone is a shout."""
    assert authored.html("!!!") == "<p>!!!</p>"
    assert authored.html("a\n===") == "<h1>a</h1>"


@given(st.text(max_size=80).filter(str.strip))
def test_a_captured_value_in_a_note_is_text(value: str) -> None:
    """Whatever a variable holds, a mention of it adds no element to the note, and reads as it was captured."""
    prose = Prose(lambda place: None, None, lambda name: value, lambda line, said: None, authored.html)
    note = prose.markdown(Text("x[[$v]]y", 1, (Mention(1, 7, 1, variable="v"),)))
    found = Elements(note)
    assert re.findall(r"<\w+", note) == ["<p"]
    shown = visible(value.encode("utf-8", "replace").decode()).replace("\n", "␊").replace("\t", "␉")
    assert "".join(found.shown) == f"x{shown}y"
