"""What was captured is data on GitHub and GitLab: hostile content, read by GitHub's parser, and as filters read it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest
from cli_support import requestshook
from github_support import Page
from hostile import CONTENTS, RUN, in_header
from hypothesis import given
from hypothesis import strategies as st
from notes_support import placed
from page_support import Story
from site_support import browser
from test_hostile_path import folder  # noqa: F401
from test_page_hostile import hostile_trace, squeezed

from requestshook import schemas
from requestshook.page.escape import visible
from requestshook.page.github_text import code, fence, inline
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.site import mermaid
from requestshook.trace.calls import Trace

# What both forges would read, beyond what hostile.py tries everywhere.
ON_FORGES = {
    "mentions": "@octocat @org/team (@x) a@b @all",
    "issues and their like": "#1 GH-12 org/repo#3 !5 ~label %milestone $12 &7 org/repo@e2ed7e0 JIRA-12",
    "commits": "e2ed7e0 e2ed7e0b3973f3f9eb7a26b8ef7ae514eebfe0d2 0123456789 a...b",
    "quick actions": "/close\n/label ~bug\n/assign @me",
    "an included file": "::include{file=secret.txt}",
    "emoji": ":tada: :+1: :octocat:",
    "sums": "$x$ $`y`$ $$z$$ \\(a\\) \\[b\\]",
    "a block of sums": "```math\nx\n```\n$$\ny\n$$",
    "a picture in Mermaid": '```mermaid\ngraph TD; a-->b\nclick a href "javascript:1"\n```',
    "an alert": "> [!CAUTION]\n> x",
    "quotes of several lines": ">>>\nx\n>>>",
    "folds": "</summary></details></details><details open><summary>x",
    "a fold's label": '<summary onclick="1">x</summary>',
    "contents": "[[_TOC_]]\n\n[TOC]",
    "changes": "{+ a +} [+ b +] {- c -} [- d -]",
    "colours": "#0969DA `#0969DA` `RGB(9,105,218)`",
    "tasks": "- [ ] a\n- [x] b\n1. [~] c",
    "cells": "a | b \\| c `|` |",
    "code": "`a` ``b`` ```c``` `",
    "code at its ends": "`a",
    "spaces at its ends": " a ",
    "a backslash at the end": "a\\",
    "addresses": "http://a.example https://b.example www.c.example ftp://d.example mailto:x@y.example xmpp:a@b",
    "a definition": "[x]: http://e.example 'y'",
    "a title of one line": "===\n---\n# a",
    "a description": "<dl><dt>a<dd>b",
    "Liquid": "{% raw %}{{ site.x }}{% endraw %}",
    "JSON tables": '```json:table\n{"items": []}\n```',
    "a comment for the forge": "<!-- markdownlint-disable --> --> <!--",
    "an anchor": '<a name="step-1"></a><a id="map">x</a>',
    "CDATA": "<![CDATA[x]]> <?x?> <!X>",
}
ALL = {**CONTENTS, **ON_FORGES}


def told() -> Story:
    """Every content at every place where captured text reaches a page."""
    story = Story(name="image <b>x</b> @octocat #1 {{ 7*7 }} :tada:", command=("openstack", *ALL.values()))
    for text in ALL.values():
        line = in_header(text)
        call = story.request(
            line, f"to {line}", line or "GET", f"http://h/{line}?{line}&b=1", (line, line), body=text, tagged=False
        )
        story.response(call, 200, line, ("Content-Type", "text/html"), ("X", line), body=text)
        call = story.request("a", "b", "PUT", f"http://h/{line}", body=text, end=f"error: {line}", tagged=False)
        story.failure(call, text)
    return story


@pytest.fixture(scope="module")
def story() -> Story:
    return told()


@pytest.fixture(scope="module")
def trace(story: Story) -> Trace:
    return hostile_trace(story)


@pytest.fixture(scope="module")
def text(story: Story, trace: Trace) -> str:
    settings = PageSettings(services=(("<b>x</b>", "http://h/[x](javascript:1)"),), ignored=("* GET /{{x}}",))
    return "".join(render(trace, story.load, settings, dialect="github"))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_markup(page: Page, trace: Trace) -> None:
    """No tag, attribute, link, anchor, mention, issue, commit, emoji, address or sum that is none of ours."""
    assert page.faults == []
    assert {link[0] for link in page.links} == {"#"}
    assert {link[1:] for link in page.links} <= set(page.names)
    assert len(page.names) == len(set(page.names)) == 6 + len(trace.steps) - 1


def test_the_structure_is_ours(page: Page, trace: Trace) -> None:
    """One heading a step, one fold a message's part, three tables."""
    assert [squeezed(text) for text in page.shown["h1"]] == [squeezed(trace.name)]
    assert page.shown["h2"] == ["Command", "Call map", "Sequence diagram", "Steps", "Full log"]
    assert len(page.shown["h3"]) == len(trace.steps)
    assert len(page.shown["table"]) == 2
    assert len(page.shown["tr"]) == 1 + len(trace.calls) + 1 + len(trace.steps)
    assert all(len(row) == 5 for row in cells(page.shown["tr"][: 1 + len(trace.calls)]))


def cells(rows: list[str]) -> list[list[str]]:
    """The cells of rows, which stand on a line each."""
    return [row.strip("\n").split("\n") for row in rows]


def test_a_line_of_the_source_begins_with_none_of_it(text: str) -> None:
    """Quick actions, inclusions, front matter and what else is looked for at a line's start before Markdown is read."""
    assert re.findall(r"(?m)^(?:/\w|::|---|\+\+\+|;;;|>>>|\[\[|\{[%{]|=).*", text) == []
    assert "{{" not in text
    assert "{%" not in text


def test_no_sign_of_theirs_stands_in_the_source(text: str) -> None:
    """Sums and their like are looked for before Markdown is read as well: outside of code, no such sign is left."""
    rest = text.partition("-->")[2]
    for ours in (r"(?ms)^ (`{3,})\w*\n.*?^ \1$", r"(`+)(?!`).*?(?<!`)\1(?!`)", r"</?\w+[^>]*>|&#?\w+;|\]\(#[\w-]+\)"):
        rest = re.sub(ours, "", rest)
    assert set("$@_`\\~&%\"'=+{}<^") & set(rest) == set()
    assert re.findall(r"[^-\s]:[^|\s]|\[(?!!CAUTION\]|[0-9(])", rest.replace("04:38:05", "")) == []


def test_headings_say_what_was_captured(page: Page, trace: Trace) -> None:
    """Targets, methods, services, reasons and errors read as they were captured, with pictures for controls."""
    headings = [squeezed(text) for text in page.shown["h3"]]
    who = {squeezed(text.partition(" · ")[0]).replace("\u2060", "") for text in page.shown["p"]}
    for call in trace.calls:
        if len(call.target.partition("?")[2]) <= 60:
            assert headings[call.request_step - 1] == squeezed(f"({call.request_step}){call.method}{call.target}")
        assert squeezed(f"{call.caller} → {call.callee}") in who


def test_messages_say_what_was_captured(page: Page) -> None:
    """Header fields and bodies, character for character, with pictures for what cannot be seen."""
    fences = [text.replace("\u2060", "") for _, text in page.fences]
    lines = {squeezed(line) for text in fences for line in text.split("\n")}
    for name, text in ALL.items():
        line = in_header(text)
        assert squeezed(f"{line}: {line}") in lines, name
        if name != "JSON with markup":
            assert any(same(body, visible(text)) for body in fences), name


def same(body: str, expected: str) -> bool:
    """Whether a body says this, but for the signs of empty lines at its ends."""
    return [line.removesuffix("␊") for line in body.removesuffix("\n").split("\n")] == expected.removesuffix(
        "\n"
    ).split("\n")


def test_mermaid_takes_every_diagram(page: Page) -> None:
    """Each block is valid by Mermaid's own parser as GitHub's parser hands it over."""
    blocks = [text for language, text in page.fences if language == "mermaid"]
    assert len(blocks) > 5
    copy = mermaid.carried()
    assert copy is not None
    with browser() as context:
        opened: Any = context.new_page()
        opened.add_script_tag(content=copy.content.decode("utf-8"))
        for block in blocks:
            assert opened.evaluate("block => mermaid.parse(block).then(() => '', String)", block) == ""


@given(st.text(alphabet=st.sampled_from("`|\\<>[]()#@:$*_~!&{}/.-+=^ \t\nae1wW0'\"")))
def test_any_text_is_read_back(text: str) -> None:
    """Whatever text it is, it reads as it was in a heading, a cell and a fence, and nothing is found in it."""
    shown = text.replace("\n", "␊").replace("\t", "␉")
    page = Page(f"# x{inline(text)}y\n\n| a |\n|---|\n| x{code(text)}y |\n\n{fence(text.split(chr(10)))}")
    assert page.faults == []
    assert page.shown["h1"] == [f"x{shown}y"]
    assert [cell.replace("\u2060", "") for cell in page.shown["td"]] == [f"x{shown}y"]
    assert [found.replace("\u2060", "") for _, found in page.fences] == [f"{text}\n"]


def test_a_value_among_the_authors_words_is_text() -> None:
    """What a mention brings in of captured values is found by no filter, nor ends the author's markup."""
    for name, hostile in ON_FORGES.items():
        value = json.dumps(f"x {in_header(hostile)}")
        file = f"variables:\n  x: {value}\ntext: {{intro: 'is [[$x]] and `[[$x]]`'}}"
        notes, story = placed(file)
        page = Page("".join(render(notes.trace, story.load, notes=notes, faults=[], dialect="github")))
        assert page.faults == [], name
        assert RUN not in "".join(page.links)
        assert {link[:6] for link in page.links} == {"#step-"}


def test_what_came_over_real_sockets(folder: Path) -> None:  # noqa: F811  the fixture of test_hostile_path
    """The recording of a hostile client and a hostile service, as this page and as JSON."""
    done = requestshook(folder, "render", "-o", "-", "--format", "github")
    assert (done.returncode, done.stderr) == (0, "")
    page = Page(done.stdout)
    assert page.faults == []
    assert len(page.shown["h3"]) > 100
    done = requestshook(folder, "render", "-o", "-", "--format", "json")
    found = json.loads(done.stdout)
    jsonschema.Draft7Validator(json.loads(schemas.text("page"))).validate(found)
    assert len(found["steps"]) == len(page.shown["h3"])
    done = requestshook(folder, "render", "-o", "out", "--format", "github")
    files = done.stdout.split("\n")[:-1]
    assert len(files) > 2
    for file in files:
        page = Page((folder / file).read_text("utf-8"))
        assert (file, page.faults) == (file, [])
        assert {link.partition("#")[0] for link in page.links} <= {"", *(quote(Path(name).name) for name in files)}
    assert [path.name for path in folder.parent.iterdir()] == ["inner"]
