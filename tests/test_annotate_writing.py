"""The first annotation file of a recording: what it lists, names and finds, and that any recording gives a good one."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from alignment_support import call
from annotate_support import lines_of, trace_of
from hostile import CONTENTS, in_header
from hypothesis import given, settings
from hypothesis import strategies as st
from page_support import JSON, TOKEN, Story, image_create

from requestshook.annotations import naming, origins, quoting
from requestshook.annotations.adding import add
from requestshook.annotations.placing import Fault, place
from requestshook.annotations.reading import parse
from requestshook.annotations.spelling import spell
from requestshook.annotations.writing import write
from requestshook.config.positions import Document
from requestshook.events import Body, Note
from requestshook.page import variables
from requestshook.page.render import render

IMAGE = "a42bfade-78ec-4c95-b7b4-272ba265072c"
PROJECT = "de5af600557d44d0996e667499376dbb"


def created() -> Story:
    """A log-in, an image that is created and uploaded, and what the service does for it."""
    story = Story()
    login = story.request("openstack", "keystone", "POST", "http://k/identity/v3/auth/tokens", *JSON, body="{}")
    story.response(login, 201, "", ("X-Subject-Token", TOKEN), body=json.dumps({"token": {"project": {"id": PROJECT}}}))
    made = story.request("openstack", "glance-api", "POST", "http://g/v2/images", ("Content-Type", "application/json"))
    story.response(made, 201, "", *JSON, body=json.dumps({"links": [IMAGE], "id": IMAGE, "size": 7}))
    put = story.request("openstack", "glance-api", "PUT", f"http://g/v2/images/{IMAGE}/file", body=b"QFI\xfb")
    store = story.request(
        "glance-api", "swift", "PUT", f"http://s/v1/AUTH_{PROJECT}/glance/{IMAGE}", parent=put, body=b"QFI\xfb"
    )
    story.response(store, 201, "")
    story.response(put, 204, "")
    return story


def test_first_file() -> None:
    """Every call in order, ids and variables that a person would choose, and what can be said, as comments."""
    story = created()
    lines = write(story.trace(), story.load, "# schema\n").splitlines()
    assert lines[0] == "# schema"
    assert [line for line in lines if not re.match(r" *#", line)] == [
        "trace: image-create",
        "title: openstack image create cirros",
        "variables:  # shown as {name} in contents, map and diagram",
        "  image_id: $create.response.body.id",
        "  project_id: $login.response.body.token.project.id",
        "",
        "calls:  # in the order of the trace",
        '  - call: "openstack -> keystone POST /identity/v3/auth/tokens"',
        "    id: login",
        '  - call: "openstack -> glance-api POST /v2/images"',
        "    id: create",
        '  - call: "openstack -> glance-api PUT /v2/images/{image_id}/file"',
        "    id: upload",
        '  - "glance-api -> swift PUT /v1/AUTH_{project_id}/glance/{image_id}"',
    ]


def faults_of(text: str, story: Story) -> list[str]:
    """What a page that is rendered with the file complains about."""
    notes = place(parse(text, "f.yaml"), story.trace())
    faults: list[Fault] = []
    assert "".join(render(notes.trace, story.load, notes=notes, faults=faults))
    return [str(fault) for fault in faults]


@pytest.mark.parametrize("story", [created, image_create], ids=lambda made: made.__name__)
def test_what_is_commented_out_can_be_used(story: object) -> None:
    """Without their `# `, the commented lines are keys that the file may have, and nothing is complained about."""
    assert callable(story)
    told = story()
    text = write(told.trace(), told.load)
    used = re.sub(r"^( *)# (?=(text|phases|hide|request|  .*):?)", r"\1", text, flags=re.M)
    assert used.count("\n# ") == 2
    found = parse(used, "f.yaml")
    assert found.text.intro
    assert found.phases
    assert found.hide
    assert found.entries[0].request.text
    assert found.entries[0].request.highlight
    assert faults_of(text, told) == []
    assert faults_of(used, told) == []


def test_notes_of_the_recording() -> None:
    """What was noted stands above its call, also above one that has an id."""
    story = created()
    trace = story.trace()
    note = Note(1.0, trace.calls[0].request.event.origin, "why: twice?", ":warning:")
    calls = tuple(replace(each, notes=(note,)) if n in (1, 3) else each for n, each in enumerate(trace.calls))
    lines = write(replace(trace, calls=calls), story.load).splitlines()
    found = [
        lines[n + 1] for n, line in enumerate(lines) if line == "  # note from the recording: why: twice? (:warning:)"
    ]
    assert [line.split(" ")[-2:] for line in found] == [
        ["POST", '/v2/images"'],
        ["PUT", '/v1/AUTH_{project_id}/glance/{image_id}"'],
    ]


NAMES = {
    "a -> b POST /v3/auth/tokens": "login",
    "a -> b POST /login": "login",
    "a -> b GET /v3/auth/tokens": "validate",
    "a -> b POST /v2/images": "create",
    "a -> b POST /v2.1/servers/5/action": "action",
    f"a -> b PUT /v2/images/{IMAGE}/file": "upload",
    f"a -> b GET /v2/images/{IMAGE}/file": "download",
    f"a -> b GET /v2/images/{IMAGE}": "show",
    "a -> b GET /v2/images": "list",
    "a -> b GET /v2/images?name=x": "list",
    "a -> b GET /identity/": "discover",
    "a -> b GET /health": "get",
    f"a -> b DELETE /v2/images/{IMAGE}": "delete",
    f"a -> b PATCH /v2/images/{IMAGE}": "update",
    f"a -> b HEAD /v2/images/{IMAGE}": "check",
    "a -> b POST /search": "post-search",  # the page has an anchor #search
    "a -> b POST /%EA%B8%80": "b",
    "a -> b PROPFIND /x": "propfind",
    "a -> b GET /": "discover",
}


@pytest.mark.parametrize("line", NAMES)
def test_an_id_is_a_short_word(line: str) -> None:
    """From the method and the last segments of the path."""
    assert named(line) == [NAMES[line]]


def named(*lines: str) -> list[str]:
    calls = [call(line, number) for number, line in enumerate(lines)]
    found = naming.name(calls, spell(calls), range(len(calls)))
    return [found[number] for number in range(len(calls))]


def test_ids_are_told_apart() -> None:
    """By what is created, by who calls, and only then by numbers; ids that differ in capitals alone are the same."""
    assert named("a -> b POST /servers", "a -> b POST /ports", "a -> b POST /ports") == [
        "create-server",
        "create-port",
        "create-port-2",
    ]
    calls = [call("a -> b POST /tokens", 0), replace(call("glance-api -> b POST /tokens", 1), depth=1)]
    assert naming.name(calls, spell(calls), {0, 1}) == {0: "login", 1: "glance-api-login"}
    assert naming.name(calls[::-1], spell(calls[::-1]), {0, 1}) == {1: "login", 0: "glance-api-login"}


def test_calls_that_are_alike_get_no_id() -> None:
    """At the next recording, with one more of them, nobody could tell which was meant."""
    trace = trace_of([call(line, n) for n, line in enumerate(["a -> b GET /x", "a -> b GET /y", "a -> b GET /x"])])
    text = write(trace, lambda _: None)
    assert [entry.id for entry in parse(text, "f").entries] == [None, "get", None]


def test_an_empty_recording() -> None:
    """Its file can be added to when there is a call."""
    text = write(trace_of([]), lambda _: None)
    assert parse(text, "f").entries == ()
    assert add(text, "f", trace_of([call("a -> b GET /x")])).text == text + '  - "a -> b GET /x"\n'


# What is in the first response, and which variable that is for an id that the second request has in its path.
BODIES = {
    '{"id": "ID"}': "$create.response.body.id",
    '{"a": {"id": "ID"}, "id": "ID"}': "$create.response.body.id",
    '{"images": [{"id": "x"}, {"id": "ID"}]}': "$create.response.body.images[1].id",
    '{"images": [{"id": "ID"}], "a": {"b": {"c": "ID"}}}': "$create.response.body.a.b.c",
    '{"a b": {"it\'s": "ID"}}': '$create.response.body["a b"]["it\'s"]',
    '{"\\ud83d\\ude00": "ID"}': '$create.response.body["\\ud83d\\ude00"]',
    '{"": "ID"}': '$create.response.body[""]',
    '["ID"]': "$create.response.body[0]",
    '{"id": "x", "id": "ID"}': "ID",  # a path would find the first
    '"ID"': "ID",
    '{"id": "ID"': "ID",  # no JSON
    "<id>ID</id>": "ID",
    "[" * 5000 + '"ID"' + "]" * 5000: "ID",
    '{"id": NaN, "image": "ID"}': "ID",
}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:40])
def test_where_an_id_comes_from(body: str) -> None:
    """The shortest path into the first response that had it, rather by names than by indices; else its value."""
    story = Story()
    made = story.request("a", "b", "POST", "http://b/images")
    story.response(made, 201, "", *JSON, body=body.replace("ID", IMAGE))
    story.request("a", "b", "GET", f"http://b/images/{IMAGE}")
    text = write(story.trace(), story.load)
    (variable,) = Document(text, "f").root().fields(["variables", *FIELDS])["variables"].pairs()  # type: ignore[union-attr]
    assert (variable[0], variable[2].scalar) == ("image_id", BODIES[body].replace("ID", IMAGE))
    assert faults_of(text, story) == []


FIELDS = ["trace", "title", "calls"]


def test_an_id_of_a_header_and_one_that_comes_too_late() -> None:
    """A header has it too; what only a later response has is a value."""
    story = Story()
    made = story.request("a", "b", "POST", "http://b/images")
    story.response(made, 201, "", ("X-Image-Id", IMAGE), ("X-Image-Id", PROJECT))
    used = story.request("a", "b", "GET", f"http://b/images/{IMAGE}/{PROJECT}")
    story.response(used, 200, "", *JSON, body=json.dumps({"id": IMAGE, "project": PROJECT}))
    found = origins.find(story.trace().calls, story.load)
    assert [(item.name, item.text, item.call, item.field) for item in found] == [
        ("image_id", IMAGE, 0, "response.header.X-Image-Id"),
        ("id", PROJECT, None, ""),
    ]


def test_a_pseudonym_is_never_written() -> None:
    """What redaction left stands in the file only as where it came from."""
    story = Story()
    for path in (f"/keys/{TOKEN}", f"/keys/{TOKEN}/x?a={TOKEN}"):
        story.response(story.request("a", "b", "GET", f"http://b{path}"), 200, "", body=json.dumps({"key": TOKEN}))
    text = write(story.trace(), story.load)
    assert "0123456789abcdef" not in text
    assert "variables" not in text
    first = story.request("c", "b", "GET", f"http://b/keys/{TOKEN}")
    assert first is not None


def test_bodies_are_bounded() -> None:
    """No body is read that no id could come from, or that was cut; of many ids the first thirty are variables."""
    story = Story()
    for number in range(40):
        id = f"{number:032x}"
        made = story.request("a", "b", "POST", "http://b/images")
        story.response(made, 201, "", body=Body(json.dumps({"id": id}), 100, number == 0))
        story.request("a", "b", "GET", f"http://b/images/{id}")
    found = origins.find(story.trace().calls, story.load)
    assert [item.call for item in found] == [None, *range(2, 60, 2)]
    assert [item.name for item in found[:3]] == ["image_id", "image_id_2", "image_id_3"]
    assert story.loaded <= 31


HOSTILE = st.one_of(
    st.sampled_from(
        [*CONTENTS.values(), IMAGE, PROJECT, TOKEN, "orders/42", "a: b", "a #b", "'\"", "{a}", "%7Ba%7D", "@-1", "글"]
    ),
    st.text(max_size=12),
)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A recording of calls with hostile names, paths, headers and bodies."""
    words = st.lists(HOSTILE.map(lambda text: text.replace("\0", "")), min_size=1, max_size=3)
    story = Story(name=draw(HOSTILE), command=tuple(draw(words)))
    pool = draw(st.lists(HOSTILE, min_size=1, max_size=4))
    part = st.sampled_from(pool)
    answered = []
    for _ in range(draw(st.integers(0, 6))):
        path = "/".join(["", *draw(st.lists(part, max_size=3))])
        made = story.request(
            draw(part), draw(part), draw(st.sampled_from(["GET", "POST", "PUT", draw(part)])), f"http://h{path}",
            (in_header(draw(part)), in_header(draw(part))), ("Accept", "*/*"), body=draw(part),
            parent=draw(st.sampled_from([None, *answered])),
        )  # fmt: skip
        if draw(st.booleans()):
            body = json.dumps({draw(part): draw(part), "id": [draw(part)]}, ensure_ascii=draw(st.booleans()))
            story.response(made, 200, "OK", ("X-Id", in_header(draw(part))), *JSON, body=body)
        answered.append(made)
    return story


@settings(max_examples=150, deadline=None)
@given(stories(), HOSTILE, HOSTILE)
def test_any_recording_gives_a_good_file(story: Story, note: str, mark: str) -> None:
    """It reads, its entries stand at their calls without a doubt, its variables have their values, it is complete."""
    trace = story.trace()
    origin = next((each.request.event.origin for each in trace.calls), None)
    if origin is not None:
        calls = tuple(replace(each, notes=(Note(1.0, origin, note, mark),)) for each in trace.calls)
        trace = replace(trace, calls=calls)
    text = write(trace, story.load)
    found = parse(text, "f")
    assert found.trace == (trace.name if trace.name.strip() else trace.id)
    placed = place(found, trace)
    assert placed.alignment.placed == tuple(range(len(trace.calls)))
    assert placed.alignment.doubts == ()
    assert placed.faults == ()
    faults: list[tuple[int, str]] = []
    values = list(variables.find(found.variables, placed.calls.get, story.load, lambda *fault: faults.append(fault)))
    assert faults == []
    wanted = {item.name: item.text for item in origins.find(trace.calls, story.load)}
    assert {value.name: value.text for value in values} == wanted
    assert add(text, "f", trace).text == text


@settings(max_examples=25, deadline=None)
@given(stories())
def test_any_recording_is_rendered_with_its_file(story: Story) -> None:
    """Without a complaint."""
    assert faults_of(write(story.trace(), story.load), story) == []


def test_a_thousand_calls() -> None:
    """Fifty of them have an id, all have an entry."""
    trace = trace_of([call(f"a -> b POST /c{number}s/{number}", number) for number in range(1000)])
    found = parse(write(trace, lambda _: None), "f")
    assert len(found.entries) == 1000
    assert sum(entry.id is not None for entry in found.entries) == 50


@given(st.text(max_size=40))
def test_scalars_and_comments(text: str) -> None:
    """A scalar reads back as it was; a comment's lines are lines of comments whatever was in them."""
    node = Document(f"a: {quoting.scalar(text)}\n", "f").root()
    assert node is not None
    assert node.fields(["a"])["a"].scalar == text if text else True
    comments = [f"# {line}\n" for line in quoting.comment(text)]
    assert Document("".join(comments), "f").root() is None
    assert len(lines_of("".join(comments))) == len(comments)
