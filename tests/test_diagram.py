"""Sequence diagrams: every block is one that Mermaid's own parser takes, and none is too large to be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hostile import CONTENTS, in_header
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from page_support import Story, Told, hostile_answers, image_create
from site_support import browser

from requestshook.annotations.model import Group
from requestshook.page import diagram, lanes
from requestshook.page.frames import Frame, Stretch, frames
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.variables import Names
from requestshook.site import mermaid
from requestshook.trace.calls import Trace

KINDS = ("opt", "loop", "par", "alt", "break", "critical")
MESSAGE = re.compile(r"p(\d+)(->>|-->>|--x)([+-]?)p(\d+): .*\S.*")

Parse = Callable[[list[str]], list[str]]


@pytest.fixture(scope="module")
def parse() -> Iterator[Parse]:
    """Gives Mermaid's complaints about diagrams, an empty one for each that is valid; they are drawn as well."""
    copy = mermaid.carried()
    assert copy is not None, "mmdc is in the dev group"
    with browser() as context:
        page = context.new_page()
        page.add_script_tag(content=copy.content.decode("utf-8"))
        page.evaluate("mermaid.initialize({startOnLoad: false, suppressErrorRendering: true})")

        def complaints(blocks: list[str]) -> list[str]:
            script = """async blocks => {
                const found = [];
                for (const block of blocks) {
                    try { await mermaid.parse(block); await mermaid.render("drawn", block); found.push("") }
                    catch (error) { found.push(String(error)) }
                }
                return found
            }"""
            return list(page.evaluate(script, blocks))

        yield complaints
        assert context.strangers == []


def author(groups: tuple[Frame, ...] = (), phases: tuple[Stretch, ...] = ()) -> Any:
    """As much of an author as a diagram asks for."""
    return SimpleNamespace(groups=groups, phases=phases, names=Names({}))


def blocks(trace: Trace, said: Any = None) -> list[str]:
    """The blocks as a page has them."""
    found = diagram.blocks(trace.steps, lanes.in_order(trace.calls), Pseudonyms(), said or author())
    return ["\n".join(lines) for lines in found]


def check(trace: Trace, said: Any = None) -> list[str]:
    """The blocks, looked at line by line: sizes, numbers, participants, frames and activations."""
    found = blocks(trace, said)
    counted = 0
    for block in found:
        assert len(block) <= diagram.CHARACTERS
        head, autonumber, *lines = block.split("\n")
        assert (head, autonumber) == ("sequenceDiagram", f"autonumber {counted + 1}")
        declared = {line.split()[1] for line in lines if line.startswith("participant ")}
        messages = [match for line in lines if (match := MESSAGE.fullmatch(line))]
        assert 0 < len(messages) <= diagram.MESSAGES
        assert declared == {f"p{place}" for message in messages for place in (message[1], message[4])}
        counted += len(messages)
        balanced(lines)
    assert counted == len(trace.steps)
    return found


def balanced(lines: list[str]) -> None:
    """Every frame that begins ends, and nobody's activation ends that did not begin."""
    active: dict[str, int] = {}
    depth = 0
    for line in lines:
        depth += line.split(" ")[0] in KINDS
        depth -= line == "end"
        assert depth >= 0
        message = MESSAGE.fullmatch(line)
        if message and message[3]:
            who, sign = (message[4], 1) if message[3] == "+" else (message[1], -1)
            active[who] = active.get(who, 0) + sign
            assert active[who] >= 0
    assert depth == 0
    assert not any(active.values())


def valid(parse: Parse, trace: Trace, said: Any = None) -> list[str]:
    """The blocks, after Mermaid took them all."""
    found = check(trace, said)
    assert [(one, block) for one, block in zip(parse(found), found) if one] == []
    return found


def test_mermaid_says_what_is_wrong(parse: Parse) -> None:
    """The parser of these tests is one that complains."""
    wrong = ["sequenceDiagram\np1->>+p2: x\np2-->>-p1: y\np2-->>-p1: z", "sequenceDiagram\nopt x\np1->>p2: y"]
    assert all(parse(wrong))


def test_known_flows_are_valid(parse: Parse) -> None:
    """The flows that the other tests know, a retry, a failure and hostile answers among them."""
    for tell in (image_create, hostile_answers):
        valid(parse, tell().trace())


def test_a_call_is_active_while_it_waits_for_its_own(parse: Parse) -> None:
    """Who makes calls while answering one is drawn as active; who answers at once is not."""
    [block] = valid(parse, image_create().trace())
    assert [line for line in block.split("\n") if re.search(r">>[+-]|x[+-]", line)] == [
        "p1->>+p3: PUT …/a42bfade-78ec-4c95-b7b4-272ba265072c/file", "p3-->>-p1: 502 Bad Gateway",
    ]  # fmt: skip


def test_a_failure_after_a_response_ends_nothing_twice(parse: Parse) -> None:
    """A call that was answered and then broke off is active until its answer."""
    story = Story()
    outer = story.request("a", "b", "GET", "http://h/")
    story.response(story.request("b", "c", "GET", "http://h/", parent=outer), 200, "OK")
    story.response(outer, 200, "OK")
    story.failure(outer, "IncompleteRead: x")
    [block] = valid(parse, story.trace())
    assert block.endswith("p2-->>-p1: 200 OK\np2--xp1: IncompleteRead")


def test_hostile_names_and_labels_are_valid(parse: Parse) -> None:
    """Captured names, methods, paths, reasons and errors, an author's labels and titles: all is text in the picture."""
    story = Story()
    for text in CONTENTS.values():
        line = in_header(text)
        call = story.request(line, f"to {line}", line or "GET", f"http://h/{line}")
        inner = story.request(f"to {line}", "c", "GET", "http://h/", parent=call)
        story.failure(inner, text)
        story.response(call, 200, line)
    trace = story.trace()
    groups = tuple(
        Frame(KINDS[place % 6], in_header(text), 4 * place + 1, 4 * place + 4, 0)
        for place, text in enumerate(CONTENTS.values())
    )
    phases = tuple(
        Stretch(group.label, f"phase-{place}", group.first, group.last) for place, group in enumerate(groups)
    )
    found = valid(parse, trace, author(groups, phases))
    assert len(found) == len(CONTENTS)


def test_frames_of_every_kind_nest_and_are_cut(parse: Parse) -> None:
    """Frames inside frames, across several blocks, each closed and begun again; the label is shown each time."""
    story = Story()
    for number in range(60):
        outer = story.request("client", f"service-{number % 3}", "GET", f"http://h/{number}")
        story.response(story.request(f"service-{number % 3}", "db", "GET", "http://h/", parent=outer), 200, "OK")
        story.response(outer, 200, "OK")
    trace = story.trace()
    groups = tuple(Frame(kind, f"{kind} of {depth}", 1 + depth, 240 - depth, depth) for depth, kind in enumerate(KINDS))
    found = valid(parse, trace, author(groups))
    assert len(found) == 10
    for block in found[1:]:
        opened = [line for line in block.split("\n") if line.split(" ")[0] in KINDS]
        assert opened == [f"{kind} {kind} of {depth}" for depth, kind in enumerate(KINDS[: diagram.FRAMES])]


def test_blocks_are_cut_where_the_least_is_under_way() -> None:
    """A long flow is cut before calls of the outermost caller where there is one in reach."""
    story = Story()
    for number in range(30):
        outer = story.request("client", "a", "GET", f"http://h/{number}")
        for _ in range(number % 4):
            story.response(story.request("a", "b", "GET", "http://h/", parent=outer), 200, "OK")
        story.response(outer, 200, "OK")
    found = check(story.trace())
    assert all(MESSAGE.fullmatch(first_message(block))[1] == "1" for block in found)  # type: ignore[index]  # it is one
    assert all("->>p1" in block.rsplit("\n", 1)[1] or "-p1" in block.rsplit("\n", 1)[1] for block in found)


def first_message(block: str) -> str:
    return next(line for line in block.split("\n") if MESSAGE.fullmatch(line))


def test_a_thousand_steps_are_valid(parse: Parse) -> None:
    """Calls in calls in calls, with long paths in another script: as many blocks as it takes, all of them valid."""
    story = Story()
    while len(story.told) < 1000:
        number = len(story.told)
        calls: list[Told] = []
        for depth in range(5):
            parent = calls[-1] if calls else None
            callee = f"서비스-{(number + depth) % 9}"
            calls.append(story.request(parent.callee if parent else "client", callee, "GET", "http://h/" + "길" * 90,
                                       parent=parent))  # fmt: skip
        for call in reversed(calls):
            story.response(call, 200, "괜찮다" * 30)
    valid(parse, story.trace())


NAMES = st.sampled_from(["client", "a", "b" * 60, "end", *(in_header(text) for text in list(CONTENTS.values())[::6])])


@st.composite
def flows(draw: st.DrawFn) -> tuple[Trace, Any]:
    """Any story: requests out of requests, answered in any order or never, with groups and phases laid on them."""
    story = Story()
    pending: list[Told] = []
    told: list[Told] = []
    for _ in range(draw(st.integers(1, 90))):
        if pending and draw(st.booleans()):
            call = pending.pop(draw(st.integers(0, len(pending) - 1)))
            if draw(st.booleans()):
                story.response(call, draw(st.sampled_from([200, 404, 599])), draw(NAMES))
            if call.response is None or draw(st.integers(0, 5)) == 0:
                story.failure(call, draw(NAMES))
        else:
            parent = draw(st.sampled_from([None, *told[-3:]]))
            caller = parent.callee if parent else draw(NAMES)
            call = story.request(caller, draw(NAMES), "GET", "http://h/" + draw(NAMES) * 3, parent=parent)
            pending.append(call)
            told.append(call)
    trace = story.trace()
    calls = {str(place): call for place, call in enumerate(trace.calls)}
    ends = st.integers(0, len(calls) - 1)
    groups = [
        Group(draw(st.sampled_from(KINDS)), draw(NAMES), *map(str, sorted((draw(ends), draw(ends)))), 1)
        for _ in range(draw(st.integers(0, 9)))
    ]  # fmt: skip
    starts = sorted({calls[str(draw(ends))].request_step for _ in range(draw(st.integers(0, 4)))})
    phases = tuple(Stretch(draw(NAMES), f"phase-{first}", first, first) for first in starts)
    return trace, author(frames(groups, calls.get, lambda line, text: None), phases)


@given(flow=flows())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_flow_is_valid(parse: Parse, flow: tuple[Trace, Any]) -> None:
    """Whatever happens in a flow and whatever an author says of it: small blocks that Mermaid takes."""
    valid(parse, *flow)


def test_the_demos_diagram_is_valid(parse: Parse) -> None:
    """The page that the repository keeps as golden has a diagram that Mermaid takes."""
    text = (Path(__file__).parent / "golden" / "image-create-noted.md").read_text("utf-8")
    found = re.findall(r"(?s)``` mermaid\n(.*?)\n```", text)
    assert found
    assert parse(found) == [""] * len(found), json.dumps(found)
