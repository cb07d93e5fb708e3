"""A trace becomes a page: its parts, its steps, and what it costs."""

from __future__ import annotations

import html
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from html_support import OTHER_TOKEN, failing
from page_support import JSON, TOKEN, Story, image_create

from requestshook.config.notes import Reference
from requestshook.errors import RequestshookError
from requestshook.events import Attempt, Body
from requestshook.openapi import Description
from requestshook.page.dialect import PARTS
from requestshook.page.numbering import pseudonyms
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.selectors import Selector


def page(story: Story, settings: PageSettings | None = None, **options: str) -> str:
    """The whole text."""
    return "".join(render(story.trace(), story.load, settings, **options))


def one(body: Body | str | bytes | None = b"", *, url: str = "http://h/", kind: str = "", status: int = 200) -> Story:
    """A story of one call with this answer."""
    story = Story()
    call = story.request("a", "b", "GET", url)
    story.response(call, status, "", *((("Content-Type", kind),) if kind else ()), body=body)
    return story


def reference(call: str, title: str, url: str) -> Reference:
    """An entry of `references:`."""
    return Reference(Selector.parse(call), title, url)


def body_of(text: str) -> str:
    """The fence of the last Body tab."""
    found = re.findall(r'(?s)=== "Body"\n    (```.*?\n    ```)', text)
    return str(found[-1]).replace("\n    ", "\n")


def test_a_step_is_of_the_documented_form() -> None:
    """Heading, anchor, label, arrow, tabs, fences: exactly what docs/page.md promises to authors."""
    story = one(url="http://h/v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file")
    assert page(story, part="steps").split("\n\n\n")[0].split("\n")[2:22] == [
        "### (1) GET /v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file { #step-1 data-toc-label="
        '"1 a → b GET …/a42bfade-78ec-4c95-b7b4-272ba265072c/file" }',
        "`a` --> `b`",
        "",
        '=== "Header"',
        '    ``` http title="GET /v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file" linenums="1"',
        "    X-Requestshook-Request-Id: 00000000000000000000000000000001",
        "    X-Requestshook-Request-From: a",
        "    ```",
        "",
        '=== "Body"',
        '    ``` json title="GET /v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file" linenums="1"',
        "    none",
        "    ```",
        "",
        "### (2) 200 OK /v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file { #step-2 data-toc-label="
        '"2 a ← b 200 …/a42bfade-78ec-4c95-b7b4-272ba265072c/file" }',
        "`a` <-- `b`",
        "",
        '=== "Header"',
        '    ``` http title="200 OK /v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file" linenums="1"',
        "    none",
    ]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ('{"a":[]}', "application/json", '``` json title="200 OK /" linenums="1"\n{\n  "a": []\n}\n```'),
        ('{"a":[]}', "text/plain", '``` json title="200 OK /" linenums="1"\n{\n  "a": []\n}\n```'),
        ("{oops", "application/json", '``` text title="200 OK /" linenums="1"\n{oops\n```'),
        ("<a/>", "application/xml", '``` xml title="200 OK /" linenums="1"\n<a/>\n```'),
        ("<!DOCTYPE html><p>", "", '``` html title="200 OK /" linenums="1"\n<!DOCTYPE html><p>\n```'),
        ("안녕", "text/plain; charset=utf-8", '``` text title="200 OK /" linenums="1"\n안녕\n```'),
        ("\n\na\n\n", "text/plain", '``` text title="200 OK /" linenums="1"\n␊\n␊\na\n␊\n```'),
        (b"\x00\xff", "", "``` json title=\"200 OK /\" linenums=\"1\"\nb'\\x00\\xff'\n```"),
        (b"", "", '``` json title="200 OK /" linenums="1"\nnone\n```'),
        (None, "", '``` text title="200 OK / · the end of the body was not seen" linenums="1"\n...\n```'),
        (
            Body("ab", 21233664, True), "",
            '``` text title="200 OK / · 2 B of 20.2 MiB" linenums="1"\nab\n```',
        ),
        (
            Body(None, 1024, False, None, "sent with br"), "",
            '``` text title="200 OK / · 1 KiB, sent with br" linenums="1"\n...\n```',
        ),
        (
            Body('{"a": "b', 900, True, "gzip"), "",
            '``` json title="200 OK / · the first 8 B, 900 B sent with gzip" linenums="1"\n{\n  "a": "b\n```',
        ),
    ],
)  # fmt: skip
def test_a_body_is_shown_by_its_content(body: Body | str | bytes | None, kind: str, expected: str) -> None:
    """Language, lines and what the title adds follow the content, and say what was not kept."""
    assert body_of(page(one(body, kind=kind), part="steps")) == expected


@pytest.mark.parametrize(
    ("body", "end", "expected", "said"),
    [
        (
            '{"a": [1, 2', "closed", '``` json title="200 OK /" linenums="1"\n{\n  "a": [\n    1,\n    2\n```',
            "The body was closed after 11 B, before its end.",
        ),
        (
            b"\x00", "error: IncompleteRead: 9 more expected",
            "``` json title=\"200 OK /\" linenums=\"1\"\nb'\\x00'...\n```",
            "The body broke off after 1 B: IncompleteRead: 9 more expected",
        ),
        (
            b"", "closed", '``` text title="200 OK / · the end of the body was not seen" linenums="1"\n...\n```',
            "The body was closed after 0 B, before its end.",
        ),
        (
            None, "unseen", '``` text title="200 OK / · the end of the body was not seen" linenums="1"\n...\n```',
            "the end of the body was not seen",
        ),
    ],
)  # fmt: skip
def test_a_half_read_body_is_shown_as_far_as_it_goes(
    body: str | bytes | None, end: str, expected: str, said: str
) -> None:
    """What was read stands there, never as if it were all; the step and About say how it ended."""
    story = Story()
    call = story.request("a", "b", "GET", "http://h/")
    story.response(call, 200, "", body=body, end=end)
    text = html.unescape(page(story))
    assert body_of(text.partition("## Full log")[0]) == expected
    assert said in text.partition("### (2)")[2].partition("## Full log")[0]
    assert f"- (2) {said}" in text.partition("About this recording")[2]


def test_numbers_of_redacted_values_are_known_without_a_page() -> None:
    """Who shows one step alone calls its values as the page does."""
    story = failing()
    found = pseudonyms(story.trace(), story.load, PageSettings())
    assert [found.numbered(name) for name in (TOKEN, OTHER_TOKEN)] == ["‹token-1›", "‹token-2›"]
    text = page(story)
    assert f"X-Auth-Token: {found.numbered(OTHER_TOKEN)}" in text
    assert f"**{len(found)}** values redacted" in text


@pytest.mark.parametrize("dialect", ["mkdocs", "html"])
def test_about_says_what_a_recording_may_lack(dialect: str) -> None:
    """Who was seen by callers alone, and, as with `install()` alone, that its end was not seen."""
    story = one()
    far = story.request("a", "far", "GET", "https://example.org/")
    story.response(far, 200, "")
    end = "The recording’s end was not seen"
    pages = ["".join(render(story.trace(**changes), story.load, dialect=dialect)) for changes in ({}, {"ended": None})]
    for text, ended in zip(pages, (True, False), strict=True):
        about = html.unescape(re.sub(r"(<[^>]+>|[-*\s])+", " ", text.rpartition("About this recording")[2]))
        assert "Seen by their callers alone b " in about
        assert (end in about) is not ended


@pytest.mark.parametrize(
    ("status", "phrase"), [(201, "Created"), (413, "Content Too Large"), (422, "Unprocessable Content"), (599, "")]
)
def test_a_missing_reason_is_that_of_rfc_9110(status: int, phrase: str) -> None:
    """An unknown status stands without a phrase."""
    heading = f"### (2) {status} {phrase} /" if phrase else f"### (2) {status} /"
    assert heading in page(one(status=status), part="steps")


def test_a_long_query_is_cut_and_has_a_tab() -> None:
    """A query of more than one pair, or of more than 60 characters, is whole in a tab of its own."""
    assert "Query" not in page(one(url="http://h/?a=1"), part="steps")
    text = page(one(url=f"http://h/?a=1&b={'x' * 70}"), part="steps")
    assert f'title="GET /?a=1&b={"x" * 54}…"' in text
    assert f"    a=1\n    b={'x' * 70}\n" in text


def test_headers_that_are_hidden_are_not_there() -> None:
    """Ours for parent and trace always; those of the settings whatever their case; About says which."""
    text = page(image_create(), PageSettings(hide_headers=("content-TYPE",)))
    assert "Content-Type" not in text
    assert "X-Requestshook-Trace-Id" not in text
    assert "    - content-TYPE\n" in text


def test_pseudonyms_are_numbered_by_first_use_on_the_page() -> None:
    """One number for each value of a kind, the same wherever it stands, and in every part."""
    text = page(image_create())
    assert "‹password-1›" in text
    assert "X-Subject-Token: ‹token-1›" in text
    assert "X-Auth-Token: ‹token-2›" in text
    assert not re.search("‹\\w+:", text)
    assert "X-Auth-Token: ‹token-2›" in page(image_create(), part="steps")


def test_earlier_attempts_and_what_a_proxy_changed_are_said_in_a_line() -> None:
    """The response says how many attempts, the request what its innermost view saw otherwise."""
    text = page(image_create(), part="steps")
    assert "Attempt 3; before it: 503, ConnectionError." in text
    assert (
        "From client to server: address 182.161.114.101&#58;80 became 127.0.0.1&#58;60999; "
        "the path&#39;s beginning /image/ became /&#59; headers" in text
    )
    assert "headers dropped: X-Trace." in text
    assert "The body was closed after" in text


def test_the_settings_choose_the_view() -> None:
    """With `view: client` the page shows what the client sent."""
    text = page(image_create(), PageSettings(view="client"), part="steps")
    assert "    Host: 182.161.114.101\n    X-Trace: x\n" in text


def test_a_failure_is_a_step() -> None:
    """Its heading names the error, its tab holds all of it."""
    text = page(image_create(), part="steps")
    assert "### (9) ReadTimeout /v1/AUTH" in text
    assert "ReadTimeout: HTTPConnectionPool(host='182.161.114.101', port=8080): Read timed out.\n" in text


def test_a_reference_stands_at_the_first_use_of_its_call() -> None:
    """The API documentation of the configuration: once a page, escaped as captured text is, its link intact."""
    references = (
        reference("keystone POST /identity/v3/auth/tokens", "Log [in]<b>", "https://docs.test/a?b=1&c=(2)"),
        reference("nobody GET /", "never", "https://docs.test/never"),
    )
    text = page(image_create(), PageSettings(references=references, labels={"reference": "API 참조"}))
    link = "[Log &#91;in&#93;&#60;b&#62;](https://docs.test/a?b=1&c=%282%29)"
    block = f'!!! reference "API 참조"\n    {link}\n\n=== "Header"'
    assert text.count("!!! reference") == text.count(block) == 1
    assert text.index("POST /identity/v3/auth/tokens {") < text.index(block)
    assert "never" not in text


def test_operations_of_a_description_are_references() -> None:
    """Each operation is shown at its first call, by the callee's own description, unless the author names the call."""
    calls = ("GET /v2/images/a", "GET /v2/images/b", "DELETE /v2/images/b", "GET /v2/images/detail", "GET /other")
    story = Story()
    for call in calls:
        method, path = call.split()
        story.response(story.request("client", "glance-api", method, f"http://h{path}"), 200, "OK")
    operation = {"get": {"operationId": "show", "summary": "Show <image>"}, "delete": {"summary": "Delete image"}}
    paths = {"/images/{id}": operation, "/images/detail": {"get": {"operationId": "detail"}}}
    description = Description({"servers": [{"url": "/v2"}], "paths": paths}, "https://docs.test/#{operationId}")
    other = Description({"paths": {"/v2/images/{id}": {"get": {"summary": "of another service"}}}})
    author = (reference("glance-api GET /v2/images/detail", "Mine", "https://mine.test/"),)
    settings = PageSettings(references=author, descriptions=(("keystone", other), ("glance-api", description)))
    found = re.findall(
        r'^### \((\d+)\)(?:(?!^###).)*?^!!! reference "API reference"\n    (.*?)$', page(story, settings), re.S | re.M
    )
    assert found == [
        ("1", "[Show &#60;image&#62;](https://docs.test/#show)"),
        ("5", "Delete image"),
        ("7", "[Mine](https://mine.test/)"),
    ]


def test_a_request_without_an_end_says_so() -> None:
    """Where neither a response nor a failure was seen, the request's step says it: none is made up."""
    story = Story()
    story.request("a", "b", "GET", "http://h/")
    text = page(story)
    assert "### (2)" not in text
    assert "Neither a response nor a failure was seen." in text.partition("### (1)")[2].partition("## Full log")[0]
    assert "Neither" not in page(one())
    assert "**1** call · **2** services · no failures · **1** unanswered · " in text


def test_a_body_that_broke_off_is_a_failure() -> None:
    """The status came, the body did not: the figures count it, the map marks it."""
    story = Story()
    call = story.request("a", "b", "GET", "http://h/")
    story.response(call, 200, "", body="{", end="error: ProtocolError: gone")
    text = page(story)
    assert "**1** failure · " in text
    assert "200✂" in html.unescape(text.partition("## Steps")[0])


def test_without_anchors_there_are_neither_anchors_nor_labels() -> None:
    """`anchors: off` leaves headings bare and rows without links."""
    text = page(image_create(), PageSettings(anchors=False))
    assert "data-toc-label" not in text
    assert "#step-" not in text
    assert "{ #" not in text


@pytest.mark.parametrize("part", PARTS)
def test_each_part_stands_alone(part: str) -> None:
    """A part is what the page holds of it, without front matter."""
    text = page(image_create(), part=part)
    assert text.startswith("---\ngenerator: requestshook\n") == ("\nrender_macros: false\n" in text) == (part == "page")
    if part != "page":
        assert text.strip() in page(image_create())


def test_an_empty_trace_is_a_page() -> None:
    """A recording of nothing has a title and figures, and no empty parts."""
    text = page(Story(command=()))
    assert "# image-create" in text
    assert "**0** calls" in text
    assert "## Steps" not in text


def test_a_template_of_ones_own_replaces_ours(tmp_path: Path) -> None:
    """Templates are replaced one by one, and what they print is escaped unless they say otherwise."""
    (tmp_path / "_step.md.jinja2").write_text("step {{ step.number }}: {{ step.heading }}\n")
    text = page(one(url="http://h/<b>"), templates=str(tmp_path))
    assert "step 1: GET /&#60;b&#62;\n" in text
    assert "## Full log" in text


def test_the_documented_example_of_a_template_works(tmp_path: Path) -> None:
    """docs/templates.md's `_step.md.jinja2`, word for word."""
    docs = (Path(__file__).parent.parent / "docs" / "templates.md").read_text(encoding="utf-8")
    (tmp_path / "_step.md.jinja2").write_text(docs.partition("```jinja\n")[2].partition("```")[0])
    text = page(one(), part="steps", templates=str(tmp_path))
    assert '#### 2. 200 OK / { #step-2 }\n\n`a` to `b`\n\n=== "Header"\n    ``` http' in text


@pytest.mark.parametrize(
    "template", ["\n\n{{ nothing }}", "\n\n{% if %}", "\n\n{% include 'gone' %}", "\n\n{{ step.x.y }}"]
)
def test_a_template_at_fault_is_one_line(tmp_path: Path, template: str) -> None:
    """An unknown name, a wrong tag or a missing file is an error that names the template and its line."""
    (tmp_path / "_step.md.jinja2").write_text(template)
    with pytest.raises(RequestshookError, match=r"^\S*_step\.md\.jinja2:3: .*(nothing|expression|gone|'x')"):
        page(one(), templates=str(tmp_path))


def test_captured_text_is_never_a_template() -> None:
    """Braces of a body or a path come out as they are."""
    text = page(one("{{ trace.id }}", url="http://h/{{ trace.id }}"), part="steps")
    assert "5eed" not in text


def test_the_diagram_is_in_closed_blocks_that_go_on_counting() -> None:
    """None holds more than 25 messages or 4,500 characters, and each begins where the last one stopped."""
    story = Story()
    for number in range(40):
        call = story.request(f"caller-{number % 7}", "b" * 50, "GET", f"http://h/{'x' * 30}{number}/{'가' * 300}")
        story.failure(call, "E" * 500)
    blocks = re.findall(r"(?s)``` mermaid\n(.*?)\n```", page(story, part="diagram"))
    counted = 0
    for block in blocks:
        assert len(block) <= 4500
        assert f"autonumber {counted + 1}\n" in block
        messages = len(re.findall(r"(?m)^p\d+-", block))
        assert messages <= 25
        counted += messages
    assert counted == 80


def test_a_thousand_steps_take_the_memory_of_one() -> None:
    """What rendering holds at once does not grow with the steps: bodies come and go one at a time."""

    def peak(calls: int) -> int:
        story = Story()
        for _ in range(calls):
            call = story.request("a", "b", "POST", "http://h/", *JSON, body="{}")
            story.response(call, 200, "OK", *JSON, body="{}")
        trace = story.trace()
        large = Body('["' + "x" * 100_000 + '"]', 100_004)
        tracemalloc.start()
        for _ in render(trace, lambda ref: large._replace(content=f'["{ref}{"x" * 100_000}"]')):
            pass
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1)
    assert peak(500) < peak(5) + 1_000_000


def test_every_body_is_loaded_once_a_pass() -> None:
    """Two passes, two loads."""
    story = image_create()
    page(story)
    assert story.loaded == 2 * len(story.bodies)


def test_the_call_map_names_an_error_and_attempts() -> None:
    """Each call is a row that links to its request."""
    story = Story()
    call = story.request("a", "b", "GET", "http://h/x")
    story.response(call, 503, "", attempts=(Attempt(503),))
    text = page(story, part="map")
    assert "(#step-1){ .rh-row }" in text
    assert "1–2" in text
    assert "attempt 2" in text
    assert 'rh-s5">503' in text


def test_figures_count_and_say_when_redaction_is_off() -> None:
    """The line under the command tells calls, services, failures, time, and what was redacted."""
    text = page(image_create())
    assert "**5** calls · **4** services · **2** failures · **138 ms** · recorded 2022-12-22" in text
    assert "**3** values redacted" in text
    assert "redaction off" not in page(image_create(), PageSettings(redaction=False)), "it was on when it was recorded"
    story = image_create()
    process = story.trace().processes[0]._replace(key="off")
    for processes, settings in (((process,), PageSettings()), ((), PageSettings(redaction=False))):
        text = "".join(render(story.trace(processes=processes), story.load, settings))
        assert "**redaction off**" in text
        assert ("(redaction off)" in html.unescape(text)) == bool(processes)


def test_a_label_names_a_fixed_word() -> None:
    """`labels` reaches tabs and headings."""
    text = page(image_create(), PageSettings(labels={"header": "헤더", "log": "전체 로그"}))
    assert '=== "헤더"' in text
    assert "## 전체 로그 { #log }" in text


def test_terminal_output_is_shown_as_a_terminal_would() -> None:
    """Colours are gone, a progress bar shows its last state, other controls are pictures."""
    story = one()
    output = (("tty", "\x1b[31mred\x1b[0m\r\n 10%\r 20%\r100%\r\nbell\x07\n"),)
    text = "".join(render(replace(story.trace(), output=output, exit=3), story.load, part="command"))
    assert "\nred\n100%\nbell␇\n```" in text
    assert "Exit status 3." in text
