"""The example of a house that writes reStructuredText: docutils reads it, and shows what was captured."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives
from hypothesis import given
from hypothesis import strategies as st
from notes_support import placed
from page_support import Story, hostile_answers, image_create

from requestshook.page import rst
from requestshook.page.render import render
from requestshook.page.settings import PageSettings

TEMPLATES = Path(__file__).parent.parent / "examples" / "templates-rst"
STRICT = {"halt_level": 2, "report_level": 2, "warning_stream": "", "file_insertion_enabled": False}


class CodeBlock(Directive):
    """Sphinx's directive, as far as its form goes."""

    has_content = True
    required_arguments = 1
    option_spec: ClassVar = {"linenos": directives.flag, "emphasize-lines": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        return [nodes.literal_block(text, text, marked=self.options.get("emphasize-lines", ""))]


directives.register_directive("code-block", CodeBlock)


def doctree(text: str) -> nodes.document:
    """What docutils makes of it; any warning is an error."""
    return publish_doctree(text, settings_overrides=STRICT)


@pytest.mark.parametrize("tell", [image_create, hostile_answers])
def test_the_example_is_restructured_text(tell: type[Story]) -> None:
    """Each step is a section with its headers and body as they were captured, whatever these try."""
    story = tell()
    settings = PageSettings(anchors=False)
    tree = doctree("".join(render(story.trace(), story.load, settings, templates=TEMPLATES)))
    titles = [node.astext() for node in tree.findall(nodes.title)]
    numbers = [title.partition(")")[0] for title in titles if title.startswith("(")]
    assert numbers == [f"({number}" for number in range(1, len(story.trace().steps) + 1)]
    blocks = [node.astext() for node in tree.findall(nodes.literal_block)]
    if tell is hostile_answers:
        assert '```\n\n=== "Tab"\n--8<-- "secret"\n{% include "x" %}' in blocks
        assert titles[0] == "<b>name</b> {{ 7*7 }}"
        assert not list(tree.findall(nodes.reference))


def test_notes_stand_in_the_example() -> None:
    """Texts and highlights of the author, phases as sections."""
    file = "calls:\n  - {call: keystone GET /identity/, id: n, request: {text: '*seen* in [[n]]', highlight: [Host]}}\n"
    notes, story = placed(file + "phases: [{title: 시작, from: n}]\n")
    settings = PageSettings(anchors=False)
    tree = doctree("".join(render(notes.trace, story.load, settings, notes=notes, templates=TEMPLATES)))
    assert [node.astext() for node in tree.findall(nodes.emphasis)] == ["seen"]
    assert "시작" in [node.astext() for node in tree.findall(nodes.title)]
    assert [node["marked"] for node in tree.findall(nodes.literal_block) if node["marked"]] == ["1"]


@given(st.text(max_size=40))
def test_text_is_what_it_was(text: str) -> None:
    """Captured text in a paragraph is one text node, with pictures for what cannot be shown."""
    tree = doctree(f"x {rst.text(text)}\n")
    (paragraph,) = tree.children
    assert isinstance(paragraph, nodes.paragraph)
    assert all(isinstance(child, nodes.Text) for child in paragraph.children)
    shown = paragraph.astext()
    assert [c for c in shown[1:] if c.isalnum()] == [c for c in rst.visible(text) if c.isalnum()]


@given(st.text(max_size=30).filter(str.strip), st.lists(st.text(max_size=20), max_size=4))
def test_headings_and_blocks_hold(title: str, lines: list[str]) -> None:
    """Any title is a title, any lines are a block, and nothing gets out of either."""
    lines = [line.replace("\n", "").replace("\r", "") for line in lines]
    tree = doctree(f"{rst.heading(title)}\n{rst.code(lines, 'text', (1,))}\nafter\n")
    assert [type(node) for node in tree.children if not isinstance(node, nodes.title)] == [
        nodes.literal_block, nodes.paragraph,
    ]  # fmt: skip
    assert tree.children[-1].astext() == "after"
