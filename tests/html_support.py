"""Pages in one file of HTML, for tests: their stories, and a real Chromium that opens them."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from notes_support import FILE, placed
from page_support import JSON, TOKEN, Story

from requestshook.page.render import render
from requestshook.page.settings import PageSettings

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDTHS = (1440, 820, 390)
OTHER_TOKEN = "‹token:fedcba9876543210›"
_CHECK = "http://h/identity/v3/auth/tokens"


def html(story: Story, settings: PageSettings | None = None, part: str = "page", **changes: object) -> str:
    """The story's page, without notes."""
    return "".join(render(story.trace(**changes), story.load, settings, part=part, dialect="html"))


def html_noted(file: str = FILE, story: Story | None = None, settings: PageSettings | None = None) -> str:
    """The page with an author's words."""
    notes, story = placed(file, story)
    return "".join(render(notes.trace, story.load, settings, notes=notes, faults=[], dialect="html"))


def failing() -> Story:
    """A flow that fails: a 503 that a retry answers, then a 401, a timeout after it and a 503 around both."""
    story = Story(name="image-create-failed")
    token = story.request("openstack", "keystone", "POST", _CHECK, *JSON, body='{"auth": {"password": "x"}}')
    story.response(token, 201, "", ("X-Subject-Token", TOKEN), *JSON, body='{"token": {}}')
    create = story.request("openstack", "glance-api", "POST", "http://h/v2/images", ("X-Auth-Token", TOKEN), body="{}")
    both = (("X-Subject-Token", TOKEN), ("X-Auth-Token", OTHER_TOKEN))
    check = story.request("glance-api", "keystone", "GET", _CHECK, *both, parent=create)
    story.response(check, 503, "")
    check = story.request("glance-api", "keystone", "GET", _CHECK, *both, parent=create)
    story.response(check, 200, "", *JSON, body='{"token": {}}')
    store = story.request("glance-api", "swift", "GET", "http://h/v1/x?limit=1&prefix=abc", parent=create)
    check = story.request("swift", "keystone", "GET", _CHECK, parent=store)
    story.response(check, 401, "Unauthorized", *JSON, body='{"error": {"code": 401, "title": "Unauthorized"}}')
    story.failure(store, "ReadTimeout: HTTPConnectionPool(host='h', port=8080): Read timed out.")
    story.response(create, 503, "", ("Content-Type", "text/html"), body="<html>\n<h1>503</h1>\n</html>\n")
    return story


def side_by_side() -> Story:
    """Calls that a service makes at once, answered in another order; one is answered late, one never."""
    story = Story(name="parallel")
    call = story.request("client", "gateway", "GET", "http://h/all")
    parts = [story.request("gateway", f"svc-{n}", "GET", f"http://h/part/{n}", parent=call) for n in range(4)]
    late = story.request("gateway", "audit", "POST", "http://h/log", parent=call)
    for part in reversed(parts):
        story.response(part, 200, "", body="ok")
    story.response(call, 200, "", body="done")
    story.response(late, 202, "")
    story.request("client", "gateway", "GET", "http://h/never", body=None)
    return story


def long(calls: int, lines: int = 1) -> Story:
    """A flow of so many calls among eight services, with bodies of about six lines for each of `lines`."""
    chosen = random.Random(1)
    names = ["keystone", "nova-api", "glance-api", "neutron-server", "nova-scheduler", "placement-api", "nova-compute"]
    links = [{"rel": "self", "href": f"http://h/v2.1/servers/{n}"} for n in range(lines)]
    body = json.dumps({"server": {"links": links, "id": "x"}})
    story = Story(name="server-create")
    fields = (("Host", "h"), ("User-Agent", "python-requests"), ("X-Auth-Token", TOKEN))
    while sum(kind == "request" for kind, _ in story.told) < calls:
        callee = chosen.choice(names)
        url = f"http://h/v2.1/servers/{chosen.randrange(99)}/os-volume_attachments"
        call = story.request("openstack", callee, chosen.choice(["GET", "POST"]), url, *fields, *JSON, body=body)
        for _ in range(chosen.randrange(4)):
            port = f"http://h/v2.0/ports?device_id={chosen.randrange(99)}"
            inner = story.request(callee, chosen.choice(names), "GET", port, *fields, parent=call)
            story.response(inner, chosen.choice([200, 200, 404]), "", *JSON, body=body)
        story.response(call, chosen.choice([200, 202]), "", *JSON, body=body)
    return story


@contextmanager
def chromium() -> Iterator[Any]:
    """A real browser; skips the test where there is none."""
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, width: int = 1440, **options: Any) -> Iterator[Any]:
    """The file in a new window; `page.asked` is what it asked the network for, `page.said` its console's faults."""
    context = browser.new_context(viewport={"width": width, "height": 1000}, **options)
    page = context.new_page()
    page.asked, page.said = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.route(re.compile(r"^(?!file:)"), lambda route: (page.asked.append(route.request.url), route.abort()))
    page.goto(path.as_uri())
    if options.get("java_script_enabled", True):
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    yield page
    context.close()


def written(folder: Path, name: str, text: str) -> Path:
    """A page as the command writes it."""
    path = folder / f"{name}.html"
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
