"""Hostile content on its whole way: from real sockets through spool and store to a built page and the terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_support import environment, requestshook
from test_page_hostile import CHROMIUM, MKDOCS, SECRET, SECRET_FILE

from requestshook.environment import variables

TESTS = Path(__file__).parent
NAME = "../../<img src=x onerror=window.pwned=1>{{ 7*7 }}\x1b]0;pwned\x07"
SERVICE = 'x"><img src=x onerror=window.pwned=1>;\x1b[31m end'
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the hostile calls were recorded by client and service."""
    folder = tmp_path_factory.mktemp("hostile") / "inner"
    folder.mkdir()
    assert requestshook(folder, "env", "shell").returncode == 0
    ours = environment(folder, PYTHONPATH=str(TESTS), REQUESTSHOOK_SERVICE=SERVICE, PYTHONIOENCODING="utf-8")
    served = {**ours, **variables(str(folder / ".requestshook"), ours, service=SERVICE)}
    script = [sys.executable, str(TESTS / "hostile_calls.py")]
    service = subprocess.Popen(script, cwd=folder, env=served, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert service.stdout is not None
        port = service.stdout.readline().decode().strip()
        arguments = ("run", "--name", NAME, "--service", SERVICE, "--", *script, port)
        done = requestshook(folder, *arguments, PYTHONPATH=str(TESTS), PYTHONIOENCODING="utf-8")
        assert done.returncode == 0, done.stderr
        yield folder
    finally:
        service.terminate()
        service.communicate(timeout=10)


@pytest.mark.parametrize(
    "arguments",
    [
        ("collect",), ("status",), ("traces",), ("traces", "--json"), ("show",), ("show", "--json"),
        ("show", "--step", "1"), ("show", "--step", "2"),
        ("show", "--step", "1", "--curl"), ("render", "-o", "out"), ("render", "-o", "out", "--format", "html"),
        ("show", NAME), ("stop",),
        ("show", "\x1b[31m"), ("stop", "\x1b[31m"), ("render", "\x1b[31m/x.yaml"), ("show", "--call", "\x1b[31m"),
    ],
    ids=repr,
)  # fmt: skip
def test_nothing_steers_the_terminal(folder: Path, arguments: tuple[str, ...]) -> None:
    """No command passes on a character that a terminal obeys, whether it succeeds or not, nor breaks down."""
    done = requestshook(folder, *arguments)
    assert STEERING.findall(done.stdout + done.stderr) == []
    assert "Traceback" not in done.stderr
    assert done.stdout + done.stderr


def test_nothing_leaves_the_folder(folder: Path) -> None:
    """A recording's name makes no path of its own."""
    assert requestshook(folder, "render", "-o", "docs").returncode == 0
    assert [path.name for path in folder.parent.iterdir()] == ["inner"]
    assert all(re.fullmatch(r"[\w.-]+\.md", path.name) for path in (folder / "docs").iterdir())


@pytest.fixture(scope="module")
def article(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The rendered page, built by Material with all its extensions, in a real browser."""
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    site = tmp_path_factory.mktemp("site")
    done = requestshook(folder, "render", "-o", "-")  # one page, however long
    assert done.returncode == 0, done.stderr
    (site / "docs").mkdir()
    (site / "docs" / "index.md").write_text(done.stdout, "utf-8")
    (site / "mkdocs.yml").write_text(MKDOCS)
    for place in (site, site / "docs"):
        (place / SECRET_FILE).write_text(SECRET)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q"],
        cwd=site, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--disable-sync"])
        page = browser.new_page()
        page.asked = []
        page.route(re.compile(r"^(?!file:)"), lambda route: (page.asked.append(route.request.url), route.abort()))
        page.goto((site / "site" / "index.html").as_uri())
        page.wait_for_timeout(500)
        yield page
        browser.close()


def test_nothing_on_the_page_runs(article: Any) -> None:
    """What was captured is text on the page: it runs nothing, asks for nothing, includes nothing."""
    assert article.evaluate("window.pwned") is None
    made = "article :is(script, img, iframe, abbr, sup, sub, del, ins, mark, kbd, .footnote, .toc, h4, h5, h6, hr, dl)"
    assert article.evaluate(f"[...document.querySelectorAll({made!r})].map(found => found.outerHTML)") == []
    handlers = """[...document.querySelectorAll("article *")].filter(found => [...found.attributes].some(
        given => given.name.startsWith("on") || /^javascript:/i.test(given.value))).map(found => found.outerHTML)"""
    assert article.evaluate(handlers) == []
    assert [url for url in article.asked if "mermaid" not in url] == []
    assert SECRET not in article.content()


def test_the_page_has_every_call(article: Any) -> None:
    """Most of what was sent made calls, and each is on the page with the server's answer."""
    headings = article.evaluate("[...document.querySelectorAll('article h3')].map(found => found.textContent)")
    assert len(headings) > 100
    assert article.evaluate("document.querySelectorAll('article h1').length") == 1
