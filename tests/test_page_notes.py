"""What an author says stands on the page where it belongs, and what does not fit is said."""

from __future__ import annotations

import re

import pytest
from notes_support import FILE, noted
from page_support import Story, image_create

from requestshook.config.notes import Notes, Reference, Text
from requestshook.events import Body
from requestshook.highlights import Highlight, parse
from requestshook.page.settings import PageSettings
from requestshook.selectors import Selector


def step(text: str, number: int) -> str:
    """The block of one step."""
    return text.partition(f"### ({number}) ")[2].partition("\n### ")[0]


def test_a_file_that_fits_has_no_fault() -> None:
    """All that the file says is found in the recording."""
    assert noted()[1] == []


def test_texts_stand_around_the_parts() -> None:
    """Intro and outro at the page's ends, above and below at the part's, the title on top."""
    text, _ = noted()
    assert (
        "# 이미지 생성\n\n네 개의 프로그램이 주고받는 말이다.  \n전체는 [1](#negotiate)-[10](#upload-response) 이다.\n"
        in text
    )
    assert "## Call map { #map }\n\n위\n\n" in text
    assert "\n</div>\n\n아래\n" in text
    assert text.rstrip().endswith("\n끝.")
    part, _ = noted(part="map")
    assert part.startswith("## Call map { #map }\n\n위\n\n")
    assert part.rstrip().endswith("\n아래")


def test_steps_have_the_authors_anchors() -> None:
    """`#ID`, `#ID-response`, `#ID-failure`, in headings, map and log alike; others keep their number."""
    text, _ = noted(FILE.replace("    id: check\n", "").replace("calls: check", "calls: store"))
    for number, anchor in ((1, "negotiate"), (2, "negotiate-response"), (5, "upload"), (9, "store-failure")):
        assert f'{{ #{anchor} data-toc-label="{number} ' in text
        assert f"| [{number}](#{anchor}) |" in text
    assert "](#upload){ .rh-row }" in text
    assert "{ #step-6 data-toc-label" in text


def test_a_text_stands_above_the_tabs_and_after_below() -> None:
    """Text, tabs, after; inside a tab what is said of it."""
    text, _ = noted()
    assert step(text, 1).index("을 보라: [2](#negotiate-response)") < step(text, 1).index('=== "Header"')
    assert "`2` 을 보라" in step(text, 1)
    login = step(text, 4)
    assert login.index("```\n\n!!! note") > login.index('=== "Body"')
    assert '!!! note "토큰"\n    ‹token-1› 은  \n    [5](#upload) 에서 쓰인다.' in login
    upload = step(text, 5)
    assert upload.index("    ```\n\n    머리\n") < upload.index('=== "Body"') < upload.index("    ```\n\n    몸\n")


def test_highlights_become_lines() -> None:
    """Headers by name, JSON by path with all its lines, the query by key, a text in the lines of a failure."""
    text, _ = noted()
    assert 'http title="201 Created /identity/v3/auth/tokens" linenums="1" hl_lines="1"' in step(text, 4)
    assert 'linenums="1" hl_lines="6-7"' in step(text, 2)
    assert 'a42bfade?multipart=1&name=시러스" linenums="1" hl_lines="2"' in step(text, 8)
    failure = step(text, 9)
    assert failure.index("여기서 실패한다.") < failure.index('hl_lines="1"')


def test_variables_stand_for_their_values() -> None:
    """In contents, map, diagram, log and a table; in headings and titles only where that is asked for."""
    text, _ = noted()
    assert 'data-toc-label="5 openstack → glance-api PUT /v2/images/{image_id}/file"' in text
    assert (
        '<span class="rh-p">&#47;v2&#47;images&#47;&#123;image&#95;id&#125;' in text
        or "&#123;image&#95;id&#125;" in text
    )
    assert "->>+p3: PUT /v2/images/#123;image_id#125;/file" in text
    assert "### (5) PUT /v2/images/a42bfade-" in text
    table = text.partition("## Variables { #variables }")[2].partition("## ")[0]
    assert "| `image_id` | `a42bfade-78ec-4c95-b7b4-272ba265072c` |  |" in table
    assert "| `token` | <code>‹token-1›</code> | [4](#login-response) |" in table
    assert "| `version` | `v3.14` | [2](#negotiate-response) |" in table
    everywhere, _ = noted(settings=PageSettings(variables="everywhere"))
    assert "### (5) PUT /v2/images/&#123;image&#95;id&#125;/file" in everywhere
    assert 'title="PUT /v2/images/{image_id}/file"' in everywhere


def test_phases_and_groups_frame_the_steps() -> None:
    """Phases and groups are headings, bands of map and log, and notes or frames of the diagram."""
    text, _ = noted()
    assert text.index("## 로그인 { #phase-1 }") < text.index("### (1)") < text.index("## 업로드 { #phase-2 }")
    assert text.index("## 업로드 { #phase-2 }") < text.index("### (5)")
    assert re.search(r'\[<span class="rh-t rh-g0"><span class="rh-n">1–4</span> <span class="rh-w">로그인</span>', text)
    assert "](#phase-1){ .rh-row .rh-band }" in text
    assert '<span class="rh-k">opt</span> <span class="rh-w">keystone 확인</span></span>](#check)' in text
    diagram = text.partition("``` mermaid")[2].partition("```")[0]
    assert "Note over p1,p4: 로그인\np1->>p2" in diagram
    assert "\nopt keystone 확인\np3->>p2: GET /identity/v3/auth/tokens\np2-->>p3: 200 OK\nend\n" in diagram
    heading = (
        '\n### opt: keystone 확인 (6–7) { #group-1 .rh-group data-toc-label="6–7 opt: keystone 확인" }\n\n### (6) GET'
    )
    assert heading in text
    log = text.partition("{ #log }")[2]
    assert "| [5–10](#phase-2) | | | **업로드** | | |\n| [5](#upload) |" in log
    assert "| [6–7](#check) | | | *opt* **keystone 확인** | | |\n| [6](#check) |" in log


def test_hidden_calls_are_counted() -> None:
    """Recorded, not shown: numbers have no hole, the line of figures and the last part say it."""
    text, faults = noted('hide: ["keystone GET /identity/v3/auth/tokens"]\n')
    assert faults == []
    assert "### (8) 502" in text
    assert "### (9)" not in text
    assert "**4** calls" in text
    assert "**1** hidden" in text
    assert "**Calls not shown**" in text


def test_what_does_not_fit_is_said_with_its_line() -> None:
    """Gone calls, their phases and groups, variables without a value, highlights that mark nothing: all in one run."""
    _, faults = noted(
        """\
        text: {intro: "[[gone]] and [[lost.response]]"}
        variables:
          a: $gone.response.status
          b: $login.response.body.nothing
          c: $login.request.header.Nope
        phases: [{title: P, from: gone}]
        groups: [{kind: opt, label: G, calls: gone..login}]
        calls:
          - call: "openstack -> keystone PATCH /identity/"
            id: gone
          - call: "openstack -> keystone POST /identity/v3/auth/tokens"
            id: login
            request: {highlight: [X-Hots, $.auth.nothing, 99, {text: nobody}, "?q"]}
            response: {highlight: [Host]}
          - call: "glance-api -> swift-proxy-server PUT /v1/**"
            id: lost
          - call: "openstack -> glance-api PUT /v2/images/{id}/file"
            request: {highlight: [$.a, 7, {text: x}]}
        """,
        settings=PageSettings(hide_headers=("X-Subject-Token",)),
    )
    assert sorted(faults, key=lambda fault: int(fault.split(":")[1])) == [
        "flow.yaml:1: [[gone]] names no step: the call 'gone' is not in this recording",
        "flow.yaml:3: a: the call 'gone' is not in this recording",
        "flow.yaml:4: b: there is no $.nothing in the response of 'login'",
        "flow.yaml:5: c: there is no header Nope in the request of 'login'",
        "flow.yaml:6: the phase 'P' is left out: the call 'gone' is not in this recording",
        "flow.yaml:7: the group 'G' is left out: 'gone' is not in this recording",
        "flow.yaml:9: `openstack -> keystone PATCH /identity/` names no call; did you mean"
        " `openstack -> keystone GET /identity/`?",
        "flow.yaml:13: the highlight `X-Hots` marks nothing in request (3): there is no such header; did"
        " you mean 'host'?",
        "flow.yaml:13: the highlight `$.auth.nothing` marks nothing in request (3): the body has nothing there",
        "flow.yaml:13: the highlight `99` marks nothing in request (3): the body has 6 lines",
        "flow.yaml:13: the highlight `nobody` marks nothing in request (3): no line has this text",
        "flow.yaml:13: the highlight `?q` marks nothing in request (3): there is nothing of its kind here",
        "flow.yaml:14: the highlight `Host` marks nothing in response (4): there is no such header",
        "flow.yaml:18: the highlight `$.a` marks nothing in request (5): the body is no JSON",
        "flow.yaml:18: the highlight `7` marks nothing in request (5): the body has 1 line; only the beginning of the"
        " body was recorded",
        "flow.yaml:18: the highlight `x` marks nothing in request (5): the body is no text",
    ]


def test_a_header_that_is_hidden_cannot_be_marked() -> None:
    """The reason is the page's own setting, and is named."""
    _, faults = noted(FILE, settings=PageSettings(hide_headers=("X-Subject-Token",)))
    assert faults == [
        "flow.yaml:26: the highlight `x-subject-token` marks nothing in response (4): hide_headers leaves this header"
        " out"
    ]


def test_a_reference_speaks_where_the_author_is_silent() -> None:
    """Its text and highlights stand at every such step, unless the file gives text or highlights."""
    said = Notes(text=Text("기본", 1), highlight=(Highlight(parse("Content-Type"), "Content-Type", 1),))
    reference = Reference(Selector.parse("keystone * **"), "T", "https://h/", response=said)
    text, faults = noted(settings=PageSettings(references=(reference,)))
    assert faults == []
    assert "기본" in step(text, 7)
    assert 'hl_lines="1"' in step(text, 7)
    assert "기본" not in step(text, 4)
    assert "기본" not in step(text, 6)
    assert text.count("!!! reference") == 1


VALUE = "a`b</code>{{ 7*7 }}<script>\n# x [y](z) ‹"


@pytest.mark.parametrize("around", ["[[$v]]", "`[[$v]]`", "**[[$v]]**", "[x [[$v]]](https://h/)"])
def test_a_captured_value_in_a_note_is_data(around: str) -> None:
    """What a mention brings in cannot end code, begin markup, run a macro or a heading."""
    story = Story()
    call = story.request("a", "b", "GET", "http://h/", ("X-Value", VALUE))
    story.response(call, 200, "OK")
    call = f"  - call: b GET /\n    id: c\n    request: {{text: '{around}'}}\n"
    file = f"variables: {{v: $c.request.header.X-Value}}\ncalls:\n{call}"
    text, faults = noted(file, story, part="steps")
    assert faults == []
    note = step(text, 1).partition('=== "')[0]
    assert "<script" not in note or "`" in around
    assert "{{" not in note
    assert "\n# x" not in note
    assert note.count("`") == 4 + 2 * around.count("`") // 2
    table, _ = noted(file, story, part="variables")
    assert "<script" not in table
    assert "{{" not in table


def test_a_long_flow_has_diagrams_by_phase() -> None:
    """More than 25 messages: a block begins with each phase, a frame that is cut goes on in the next block."""
    story = Story()
    outer = story.request("a", "b", "POST", "http://h/outer")
    for number in range(14):
        story.response(story.request("b", "c", "GET", f"http://h/{number}", parent=outer), 200, "OK")
    story.response(outer, 200, "OK")
    file = (
        "phases: [{title: One, from: outer}, {title: Two, from: five}]\n"
        "groups: [{kind: loop, label: all, calls: one..thirteen}]\n"
        "calls:\n  - {call: b POST /outer, id: outer}\n  - {call: c GET /1, id: one}\n"
        "  - {call: c GET /5, id: five}\n  - {call: c GET /13, id: thirteen}\n"
    )
    text, faults = noted(file, story, part="diagram")
    assert faults == []
    first, second = re.findall(r"``` mermaid\n(.*?)```", text, re.S)
    assert first.count("->>") == first.count(": GET") + first.count(": 200") + 1
    assert "Note over p1,p3: One" in first
    assert first.count("loop all") == first.rstrip().count("\nend") == 1
    assert "autonumber 12" in second
    assert "Note over p1,p3: Two" in second
    assert second.count("loop all") == second.count("\nend") == 1


def test_a_body_is_loaded_once_more_for_each_variable_only() -> None:
    """Notes cost no further look at bodies."""
    plain, with_notes = image_create(), image_create()
    noted("title: x\n", plain)
    noted(FILE, with_notes)
    assert with_notes.loaded == plain.loaded + 1


def test_highlights_of_a_cut_body_say_so() -> None:
    """A path that lies beyond what was recorded is told as such."""
    story = Story()
    call = story.request("a", "b", "GET", "http://h/")
    story.response(call, 200, "OK", ("Content-Type", "application/json"), body=Body('{"a": [1, 2', 900, True))
    file = "calls:\n  - call: b GET /\n    id: c\n    response: {highlight: [$.a, $.z]}\n"
    text, faults = noted(file, story)
    assert faults == [
        "flow.yaml:4: the highlight `$.z` marks nothing in response (2): the body has nothing there; only the beginning"
        " of the body was recorded"
    ]
    assert 'hl_lines="2-4"' in text
