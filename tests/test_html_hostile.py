"""What was captured is data in the one-file HTML too: a page of hostile content, opened in Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hostile import CONTENTS, RUN, in_header
from html_support import WIDTHS, chromium, opened, written
from page_support import Story
from test_page_hostile import hostile_trace, squeezed

from requestshook.page.escape import visible
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.trace.calls import Trace

# What would be read in HTML, beyond what hostile.py tries everywhere.
IN_HTML = {
    "ends the style": f"</style></title></textarea><svg/onload={RUN}>",
    "a comment that is open": "<!-- x",
    "a section of characters": f"<![CDATA[ x ]]><?php {RUN} ?>",
    "the page's base": '<base href="https://evil.example/"><meta http-equiv=refresh content="0;url=https://evil.example">',
    "an attribute without quotes": f"x onmouseover={RUN} y=`",
    "an entity without an end": "&lt &#60 &amp &notit;",
    "a template of ours": "{{ m.note('x') }}{% raw %}{# x",
    "a pseudonym": "‹token-1› ‹token-99› ‹<b>-1›",
    "a variable's name": "{image_id} {step} {name}",
    "a fragment": "#main\" id=main class=copy data-copy='x",
    "a style": "x;}body{display:none} url(https://evil.example/x.png)",
    "MathML and SVG": f'<math><mtext></mtext><svg><a xlink:href="javascript:{RUN}">x</a></svg></math>',
}
ALL = {**CONTENTS, **IN_HTML}


def told() -> Story:
    """Every content at every place where captured text reaches a page."""
    story = Story(name=f"image <img src=x onerror={RUN}> {{{{ 7*7 }}}} </title>", command=("openstack", *ALL.values()))
    for text in ALL.values():
        line = in_header(text)
        call = story.request(
            line, f"to {line}", line or "GET", f"http://h/{line}?{line}&b=1", (line, line), body=text, tagged=False
        )
        story.response(
            call, 200, line, ("Content-Type", "text/html"), ("X", line), body=text.encode("utf-8", "replace")
        )
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
def page(story: Story, trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page in a browser, all of its folds open."""
    settings = PageSettings(services=(("<b>x</b>", "http://h/[x](javascript:1)"),), ignored=("* GET /{{x}}",))
    text = "".join(render(trace, story.load, settings, dialect="html"))
    path = written(tmp_path_factory.mktemp("page"), "x", text)
    with chromium() as browser, opened(browser, path) as page:
        page.evaluate("document.querySelectorAll('details').forEach(found => { found.open = true; })")
        yield page


def texts(page: Any, selector: str) -> list[str]:
    """The text of all such elements."""
    found = page.evaluate(f"[...document.querySelectorAll({selector!r})].map(found => found.textContent)")
    return list(found)


def test_nothing_runs_and_nothing_is_asked_for(page: Any) -> None:
    """No script but ours, no handler, no script URL, no picture, no frame; no request, no complaint."""
    page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") is None
    assert (page.asked, page.said) == ([], [])
    assert len(texts(page, "script")) == len(texts(page, "style")) == len(texts(page, "title")) == 1
    assert len(texts(page, "meta")) == 5
    others = "img, iframe, svg, math, base, link, form, input, object, embed, video, audio, textarea, h5, h6, hr"
    assert texts(page, others) == []
    handlers = """[...document.querySelectorAll("*")].filter(found => [...found.attributes].some(
        given => given.name.startsWith("on") || /^\\s*javascript:/i.test(given.value))).map(found => found.outerHTML)"""
    assert page.evaluate(handlers) == []
    assert set(
        page.evaluate("[...document.querySelectorAll('a[href]')].map(found => found.getAttribute('href')[0])")
    ) == {"#"}


def test_the_structure_is_ours(page: Any, trace: Trace) -> None:
    """One section a call, one message a step, one list of everything."""
    assert len(texts(page, "h1")) == 1
    assert texts(page, "h2") == ["Call map", "Steps", "Full log"]
    assert len(texts(page, "h3")) == len(texts(page, ".msg")) == len(trace.steps)
    assert len(texts(page, "section.call")) == len(texts(page, ".rows > li")) == len(trace.calls)
    assert len(texts(page, "table")) == 1
    assert len(texts(page, "tbody tr")) == len(trace.steps)
    assert len(texts(page, "main")) == len(texts(page, "#main")) == 1
    assert texts(page, "a.v, span.v, var") == []  # nothing was redacted, nobody named a value


def test_headings_say_what_was_captured(page: Any, trace: Trace) -> None:
    """Title, targets, methods, services, reasons and errors read as they were captured, with pictures for controls."""
    assert [squeezed(text) for text in texts(page, "h1, title")] == [squeezed(trace.name)] * 2
    headings = [squeezed(text) for text in texts(page, "h3")]
    for call in trace.calls:
        if len(call.target.partition("?")[2]) <= 60:
            assert headings[call.request_step - 1] == squeezed(f"({call.request_step}){call.method}{call.target}")
    who = {squeezed(text) for text in texts(page, ".head .who")}
    assert who == {squeezed(f"{call.caller} → {call.callee}") for call in trace.calls}
    starts = [squeezed(text) for text in texts(page, ".start")]
    for step, start in zip(trace.steps, starts, strict=True):
        if step.kind == "request":
            assert start == squeezed(f"{step.call.method}{step.call.target}HTTP/1.1")
        elif step.kind == "response" and step.call.response and step.call.response.event.reason.strip():
            assert start == squeezed(f"HTTP/1.1200{step.call.response.event.reason}")


def test_messages_say_what_was_captured(page: Any) -> None:
    """Header fields and bodies, character for character, with pictures for what cannot be seen."""
    bodies = {text.removesuffix("\n") for text in texts(page, ".msg > pre:not(.hex)")}
    whole = page.evaluate("""[...document.querySelectorAll(".msg")].map(found =>
        [...found.querySelectorAll(":scope > pre:not(.hex) code, :scope > .fold code")].map(
            code => code.textContent).join(""))""")
    bodies |= {text.removesuffix("\n") for text in whole}
    fields = {squeezed(text.removesuffix("\n")) for text in texts(page, ".hd span")}
    for name, text in ALL.items():
        line = in_header(text)
        assert squeezed(f"{line}: {line}") in fields, name
        if name != "JSON with markup":
            assert any(same(body, visible(text)) for body in bodies), name


def same(body: str, expected: str) -> bool:
    """Whether a body says this, but for the signs of empty lines at its ends."""
    return [line.removesuffix("␊") for line in body.split("\n")] == expected.removesuffix("\n").split("\n")


def test_no_name_widens_the_page(page: Any) -> None:
    """The page is as wide as its window at every width."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_the_contents_are_many() -> None:
    """Those of SAFETY, and more that only HTML would read."""
    assert len(ALL) >= 46
    assert all(re.search(r"\S", text) for text in ALL.values())
