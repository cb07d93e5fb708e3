"""The page of a small recording, as text.

After a change that is meant: REGENERATE_GOLDEN=1 python -m pytest tests/test_page_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from notes_support import noted
from page_support import Story, hostile_answers, image_create

from requestshook.page.render import render
from requestshook.page.settings import PageSettings

GOLDEN = Path(__file__).parent / "golden"
STORIES = {
    "image-create": (
        image_create,
        PageSettings(hide_headers=("Accept",), services=(("keystone", "http://h/identity"),)),
    ),
    "hostile-answers": (hostile_answers, PageSettings(anchors=False, redaction=False, labels={"body": "본문"})),
}


def check(name: str, page: str) -> None:
    """Compare with the golden page, or write it anew."""
    path = GOLDEN / f"{name}.md"
    if os.environ.get("REGENERATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(page, encoding="utf-8")
    assert page == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", STORIES)
def test_the_page_is_as_it_was(name: str) -> None:
    """The page equals tests/golden/NAME.md; the module's docstring says how to write it anew."""
    tell, settings = STORIES[name]
    story: Story = tell()
    page = "".join(render(story.trace(exit=1 if story.name != "image-create" else 0), story.load, settings))
    check(name, page)


def test_the_page_with_notes_is_as_it_was() -> None:
    """The same flow with an author's words in Korean: texts, highlights, variables, a phase, a group."""
    text, faults = noted()
    assert faults == []
    check("image-create-noted", text)
