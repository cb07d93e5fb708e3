"""docs/event-line.md says what `events` does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from requestshook import events
from requestshook.events import Attempt, Body, Event, Origin, from_line, to_line

DOCUMENT = (Path(__file__).parent.parent / "docs" / "event-line.md").read_text()
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", DOCUMENT, re.DOTALL)]
LINES = {example["event"]: example for example in EXAMPLES if "event" in example}
BODIES = [example for example in EXAMPLES if "event" not in example]
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^##+ ", DOCUMENT, flags=re.MULTILINE)}

ORIGIN = Origin("client", "a" * 32, "b" * 32, "node1", 1, 2)
FULL: list[Event] = [
    events.Request(1.0, ORIGIN, "c" * 32, "a", "b", "GET", "http://h/", "HTTP/1.1", (("A", "b"),), Body("", 0)),
    events.Response(1.0, ORIGIN, 200, "OK", "HTTP/1.1", (), (Attempt(503, "no"),), Body(b"", 0)),
    events.BodyEnd(1.0, ORIGIN, "request", Body("x", 1, True, "gzip", "why"), "complete"),
    events.Failure(1.0, ORIGIN, "no", (Attempt(503),)),
    events.Note(1.0, ORIGIN, "why?", ":warning:"),
    events.Recording(1.0, "b" * 32, "name", ("x",)),
    events.Recorded(1.0, "b" * 32, 0, (("out", "x"),), True),
    events.Process(1.0, "node1", 1, "b" * 32, "x", (("python", "3"),), "store", True),
    events.Count(1.0, "node1", 1, 1, 1, 1, "why"),
]


def test_every_kind_of_line_has_an_example() -> None:
    """The document shows each event that there is, and no other."""
    assert LINES.keys() == {json.loads(to_line(event))["event"] for event in FULL}


@pytest.mark.parametrize("kind", LINES)
def test_the_examples_are_lines(kind: str) -> None:
    """Each example is read, and written again with the same fields."""
    example = LINES[kind]
    event = from_line(json.dumps(example))
    written = json.loads(to_line(event))
    assert written == example
    assert list(written) == list(example)


@pytest.mark.parametrize("event", FULL, ids=lambda event: type(event).__name__)
def test_every_field_is_described(event: Event) -> None:
    """The section of each event has a row for each of its fields that all lines do not have."""
    fields = json.loads(to_line(event))
    common = {"v", "event", "at"}
    if isinstance(event, (events.Request, events.Response, events.BodyEnd, events.Failure, events.Note)):
        common |= described("Lines of a call")
        assert described("Lines of a call") <= fields.keys()
    assert described(fields["event"]) == fields.keys() - common


def test_every_field_of_a_body_is_described() -> None:
    """The body's section has a row for each field, and its example is a body."""
    written = [json.loads(to_line(event)).get("body") or {} for event in FULL]
    assert described("A body") == {field for body in written for field in body}
    for body in BODIES:
        line = json.loads(to_line(FULL[2])) | {"body": body}
        assert json.loads(to_line(from_line(json.dumps(line))))["body"] == body


def described(section: str) -> set[str]:
    """The fields that stand first in the rows of a section's table."""
    rows = re.findall(r"^\| (`.*?) \|", SECTIONS[section], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}
