"""A page as JSON: one document that the schema describes, with everything that the page shows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hostile import CONTENTS
from html_support import failing, long, side_by_side
from notes_support import FILE, placed
from page_support import Story, hostile_answers, image_create

from requestshook import schemas
from requestshook.annotations.placing import Fault, Placed
from requestshook.errors import RequestshookError
from requestshook.page.dialect import PARTS
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


def test_what_the_author_says_is_there() -> None:
    """Texts, marks, phases, groups, variables, references and hidden calls, each at its place."""
    notes, story = placed(FILE.partition('  - call: "glance-api -> swift')[0] + 'hide: ["* PUT /v1/**"]\n')
    found = document(story, notes)
    assert found["title"] == "이미지 생성"
    assert found["text"]["intro"].endswith("전체는 [1](#negotiate)-[8](#upload-response) 이다.")
    assert found["text"]["map"] == {"above": "위", "below": "아래"}
    assert found["command"]["highlights"] == [2]
    assert [(phase["title"], phase["first"], phase["last"]) for phase in found["phases"]] == [
        ("로그인", 1, 4),
        ("업로드", 5, 8),
    ]
    assert found["groups"] == [{"kind": "opt", "label": "keystone 확인", "first": 6, "last": 7, "depth": 0}]
    assert (found["hidden"], found["counts"]["hidden"]) == (["* PUT /v1/**"], 1)
    assert [variable["name"] for variable in found["variables"]] == ["image_id", "token", "version"]
    assert found["variables"][1] == {"name": "token", "value": "‹token-1›", "step": 4, "issued": 4, "used": [5, 6]}
    answer = found["steps"][1]
    assert answer["anchor"] == "negotiate-response"
    assert [tab["lines"][number - 1].strip() for tab in answer["tabs"] for number in tab["highlights"]] == [
        '"links": [],',
        '"rank": 1.50',
    ]
    assert found["steps"][3]["tabs"][0]["highlights"] == [1]
    assert found["steps"][3]["after"].startswith('!!! note "토큰"\n')
    assert [tab["after"] for tab in found["steps"][4]["tabs"]] == ["머리", "몸"]


def test_what_was_recorded_is_there() -> None:
    """Calls with their parents, attempts and outcomes, failures with their origins, redacted values and cut bodies."""
    found = document(image_create())
    put, check, store = found["calls"][2:]
    assert (put["parent"], check["parent"], store["parent"]) == (None, 5, 5)
    assert (check["attempts"], check["status"], check["outcome"]) == (3, 200, "200 OK")
    assert (store["failing"], store["failure"], store["outcome"]) == ("origin", 9, "ReadTimeout")
    assert (put["failing"], put["follows"], put["views"]) == ("passed", 9, ["client", "server"])
    assert found["failures"] == [[8, 5]]
    assert {value["name"]: (value["issued"], value["used"]) for value in found["values"]} == {
        "‹password-1›": (None, [3]),
        "‹token-1›": (4, [5, 6]),
        "‹token-2›": (None, [6]),
    }
    assert (found["counts"]["redacted"], found["recording"]["redaction"]) == (3, True)
    body = found["steps"][4]["tabs"][-1]
    assert (body["content"], body["size"], body["kept"]) == ("octets", 21233664, 72)
    assert body["remark"] == "72 B of 20.2 MiB"
    assert found["command"]["lines"][1:] == ["id: 7", "status: queued"]


def test_a_key_never_leaves_the_store() -> None:
    """What stands for a redacted value in the store is in no document: pages number their own."""
    story = image_create()
    text = "".join(render(story.trace(), story.load, dialect="json"))
    assert "‹token:" not in text
    assert "0123456789abcdef" not in text


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_part_has_its_own_members_alone(part: str) -> None:
    """`--part` gives what belongs to the part, and what every document has."""
    always = {"generator", "version", "title", "recording", "counts"}
    of_part = {
        "command": {"command"},
        "map": {"services", "failures", "phases", "groups", "calls"},
        "diagram": {"diagrams"},
        "variables": {"values", "variables"},
        "steps": {"steps"},
        "log": {"log"},
    }
    assert set(document(image_create(), part=part)) == always | of_part[part]


def test_hostile_text_is_text() -> None:
    """Whatever was captured is read back as a page shows it, lone surrogates too, and the file is valid UTF-8."""
    story = Story()
    for text in CONTENTS.values():
        call = story.request(text, text, "GET", "http://h/", ("X", text), body=None)
        story.response(call, 200, text)
    pieces = list(render(story.trace(), story.load, dialect="json"))
    assert "".join(pieces).encode("utf-8")
    calls = document(story)["calls"]
    assert [call["caller"] for call in calls] == list(CONTENTS.values())


def test_there_are_no_templates(tmp_path: Path) -> None:
    """Templates that nothing would use are a fault that is said."""
    story = image_create()
    with pytest.raises(RequestshookError, match="json is written without templates"):
        next(render(story.trace(), story.load, dialect="json", templates=tmp_path))


def test_the_same_recording_gives_the_same_document() -> None:
    """Twice the same, byte by byte; each step and each call is a line."""
    story = failing()
    first, second = ("".join(render(story.trace(), story.load, dialect="json")) for _ in range(2))
    assert first == second
    lines = first.split("\n")
    assert sum(line.startswith('{"number": ') and '"tabs"' in line for line in lines) == len(story.trace().steps)


def test_it_is_written_step_by_step() -> None:
    """A step is there before the next one's body is loaded, and no piece is larger than a step."""
    story = long(200)
    pieces = render(story.trace(), story.load, dialect="json")
    until = next(piece for piece in pieces if piece.startswith('[\n{"number": 1,'))
    before = story.loaded
    assert '"tabs"' in until
    assert max(map(len, pieces)) < 10_000
    assert story.loaded > before


def test_pages_json_of_the_documentation() -> None:
    """docs/page-json.md names every member of a document, and no other."""
    text = (Path(__file__).parent.parent / "docs" / "page-json.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in text.split("\n") if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(json.loads(schemas.text("page"))["properties"])
