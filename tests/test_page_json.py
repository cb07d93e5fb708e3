"""A page as JSON: one document that the schema describes, with everything that the page shows."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from html_support import failing, long, side_by_side
from page_support import Story, hostile_answers, image_create

from requestshook import schemas
from requestshook.annotations.placing import Fault, Placed
from requestshook.page.render import render

STORIES = {
    "plain": image_create,
    "failing": failing,
    "side by side": side_by_side,
    "hostile": hostile_answers,
    "long": lambda: long(200),
    "empty": lambda: Story(command=()),
}


def document(story: Story, notes: Placed | None = None, part: str = "page", **changes: Any) -> Any:
    """The page, read again; the schema holds for it."""
    trace = notes.trace if notes else story.trace(**changes)
    faults: list[Fault] = []
    found = json.loads("".join(render(trace, story.load, notes=notes, faults=faults, part=part, dialect="json")))
    assert faults == []
    jsonschema.Draft7Validator(json.loads(schemas.text("page"))).validate(found)
    return found


@pytest.mark.parametrize("name", STORIES)
def test_the_schema_describes_every_page(name: str) -> None:
    """Whatever was recorded, the document is valid, and each step of the trace is in it once."""
    story = STORIES[name]()
    found = document(story)
    assert [step["number"] for step in found["steps"]] == [step.number for step in story.trace().steps]
    assert len(found["calls"]) == found["counts"]["calls"] == len(story.trace().calls)
