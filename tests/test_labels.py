"""Labels reach every fixed word of a page, in each format: nothing is left in a language that nobody asked for.

The story below has all that a page can say something about; what it captured, and what an author wrote, is in letters
that are not English. So whatever English is left is ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import markdown
import pytest
import yaml
from cmarkgfm import github_flavored_markdown_to_html
from cmarkgfm.cmark import Options
from page_support import JSON, TOKEN, Story

from requestshook.annotations.model import KINDS
from requestshook.annotations.placing import Placed, place
from requestshook.annotations.reading import parse
from requestshook.config.notes import Reference
from requestshook.events import Attempt, Body, Process
from requestshook.page.render import pages, render
from requestshook.page.settings import PageSettings
from requestshook.selectors import Selector
from requestshook.site import project
from requestshook.trace.calls import Trace
from requestshook.words import WORDS

FIELD = re.compile(r"\{\w+\}")
MARK = "표"
LABELS = {name: " ".join([MARK, *FIELD.findall(text)]) for name, text in WORDS.items()}
# Names that stand in no language: of methods, header fields, formats, units and programs, of HTTP's own phrases; the
# kinds of pseudonyms, the alert of GitHub's that its own pages translate, and what MkDocs calls its own links.
NAMES = set(
    re.findall(
        r"\w+",
        """GET PUT OK Host Accept Content Type Auth Token Requestshook Request Id From Via Length application json Error
        Bad Gateway HTTP http UTC JSON MiB KiB ms python requestshook gzip token password eed ed CAUTION Permanent
        link""",
    )
)
ENGLISH = re.compile(r"(?<!%)[A-Za-z]{2,}")
NOTES = """\
title: 제목
variables:
  값: $a.response.header.X-Auth-Token
phases:
  - {title: 국면, from: a}
groups:
GROUPS
hide: ["* GET /숨김"]
calls:
  - {call: "가 -> 나 GET /하나", id: a, response: {text: "[[a]]"}}
  - {call: "가 -> 나 PUT /둘", id: b}
"""


def story() -> Story:
    """Every kind of message, of end and of remark that there is."""
    told = Story(name="흐름", command=("가", "‹값:00000000000000aa›"))
    first = told.request("가", "나", "GET", "http://ㄴ/하나", ("Host", "ㄴ"))
    told.response(first, 200, "", ("X-Auth-Token", TOKEN), *JSON, body="{}")
    many = "{" + ", ".join(f'"{n}": "값"' for n in range(80)) + "}"
    outer = told.request("가", "나", "PUT", "http://ㄴ/둘?ㄱ=1&ㄴ=2", ("X-Auth-Token", TOKEN), *JSON, body=many)
    told.seen_as(outer, "http://ㄷ/앞/둘?ㄱ=1&ㄴ=2", ("Via", "1"))
    inner = told.request("나", "다", "GET", "http://ㄷ/셋", ("X-Auth-Token", TOKEN), parent=outer, body=None)
    attempts = (Attempt(503), Attempt(None, "Error: 끊김"))
    told.response(inner, 200, "OK", *JSON, body=Body("{}", 4400, True, "gzip"), attempts=attempts)
    inner = told.request("나", "다", "PUT", "http://ㄷ/넷", parent=outer, body=Body(b"\0\1" * 40, 9_000_000, True))
    told.failure(inner, "Error: 끊김")
    inner = told.request("나", "라", "GET", "http://ㄹ/다섯", parent=outer)
    told.response(inner, 200, "OK", body=Body(None, 9_000_000, False, None, "값"), end="closed")
    inner = told.request("나", "라", "GET", "http://ㄹ/여섯", parent=outer)
    told.response(inner, 200, "OK", body="값", end="error: 끊김")
    told.response(outer, 502, "", *JSON, body="{}", end="closed")
    told.request("가", "라", "GET", "http://ㄹ/일곱")
    lost = told.request("가", "라", "GET", "http://ㄹ/여덟")
    told.failure(lost, "Error: 끊김")
    for number in range(20):
        again = told.request("가", "나", "GET", f"http://ㄴ/{number}")
        told.response(again, 200, "OK", body="값")
    return told


def traced(told: Story) -> Trace:
    """Its trace, ended badly, in several processes, with a call whose parent was worked out."""
    versions = (("requestshook", "0.1.0"), ("python", "3.11.9"))
    processes = tuple(
        Process(1671683885.0, "ㅎ", number, None, "가", versions, key)
        for number, key in ((1, "store"), (2, "random"), (3, "off"))
    )
    trace = told.trace(processes=processes, exit=1, output_cut=True, output=(("out", "값\n"),), ended=None)
    calls = tuple(replace(call, inferred=True) if call.target == "/셋" else call for call in trace.calls)
    by_id = {call.id: call for call in calls}
    steps = tuple(replace(step, call=by_id[step.call.id]) for step in trace.steps)
    return replace(trace, calls=calls, steps=steps, figures={**trace.figures, "hidden": 3})


def noted(trace: Trace) -> Placed:
    """An author's words about it, with a group of every kind."""
    kinds = ("opt", "loop", "par", "alt", "break", "critical")
    groups = "".join(f"  - {{kind: {kind}, label: 묶음, calls: b}}\n" for kind in kinds)
    return place(parse(NOTES.replace("GROUPS\n", groups), "ㄱ.yaml"), trace)


SETTINGS = PageSettings(
    labels=LABELS,
    hide_headers=("Via",),
    services=(("나", "http://ㄴ"),),
    ignored=("* GET /감춤",),
    references=(Reference(Selector.parse("나 GET /하나"), "설명", "https://ㄱ.ㄴ/"),),
)


class _Seen(HTMLParser):
    """All that a reader, or a reader's machine, is told by HTML; what Mermaid draws is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._out = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._out += tag in ("style", "script") or (tag == "pre" and "mermaid" in str(given))
        self.said += [given.get(name) or "" for name in ("aria-label", "title", "alt", "placeholder", "data-label")]

    def handle_endtag(self, tag: str) -> None:
        self._out -= bool(self._out) and tag in ("style", "script", "pre")

    def handle_data(self, data: str) -> None:
        if not self._out:
            self.said.append(data)


def english(text: str) -> set[str]:
    """The words of HTML that are neither the author's, nor captured, nor names."""
    seen = _Seen()
    seen.feed(text)
    return {word for said in seen.said for word in ENGLISH.findall(said)} - NAMES


def as_html(dialect: str, text: str) -> str:
    """A page as its readers' programs make it."""
    if dialect == "html":
        return text
    if dialect == "github":
        return github_flavored_markdown_to_html(text, Options.CMARK_OPT_UNSAFE)
    listed = yaml.unsafe_load(project._MKDOCS.format(name="x", style="x", script="x"))["markdown_extensions"]
    options = {name: given for one in listed if isinstance(one, dict) for name, given in one.items()}
    names = [next(iter(one)) if isinstance(one, dict) else one for one in listed]
    return markdown.markdown(text.partition("\n---\n")[2], extensions=names, extension_configs=options)


def written(dialect: str) -> Iterator[str]:
    """One long page and, where the format has them, the files of a long flow, as HTML."""
    told = story()
    trace = traced(told)
    yield as_html(dialect, "".join(render(trace, told.load, SETTINGS, notes=noted(trace), dialect=dialect)))
    for _, pieces in pages(trace, told.load, SETTINGS, stem="ㅎ", notes=noted(trace), dialect=dialect):
        yield as_html(dialect, "".join(pieces))


@pytest.mark.parametrize("dialect", ["mkdocs", "github", "html"])
def test_no_fixed_word_is_left(dialect: str) -> None:
    """With every label replaced, not a word of ours is left on the page."""
    assert set().union(*map(english, written(dialect))) == set()


def test_one_word_left_would_be_seen() -> None:
    """A single label that is not replaced is English on the page: the test above can fail."""
    told = story()
    for name in ("opt", "client", "end_unseen", "log", "hidden", "next"):
        settings = replace(SETTINGS, labels={key: text for key, text in LABELS.items() if key != name})
        files = pages(traced(told), told.load, settings, stem="ㅎ", notes=noted(traced(told)))
        assert set().union(*(english(as_html("mkdocs", "".join(pieces))) for _, pieces in files)), name


def test_every_label_stands_somewhere() -> None:
    """No label is offered that no page has."""
    root = Path(project.__file__).parents[2]
    sources = [
        *root.glob("templates/**/*.jinja2"),
        *root.glob("requestshook/page/*.py"),
        *root.glob("requestshook/trace/*.py"),
    ]
    text = "".join(path.read_text("utf-8") for path in sources)
    assert [name for name in WORDS if name not in KINDS and not re.search(rf"""["'.]{name}\b""", text)] == []
