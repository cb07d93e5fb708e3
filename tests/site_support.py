"""Sites that are really built, their links, and a real browser that reaches this machine and nothing else."""

from __future__ import annotations

import functools
import http.server
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

CHROMIUM = "/usr/bin/chromium"
BUILDERS = {
    "material": [sys.executable, "-m", "mkdocs", "build", "--strict"],
    "zensical": [sys.executable, "-m", "zensical", "build", "--strict"],
}
_STRANGERS = re.compile(r"^\w+://(?!127\.0\.0\.1[:/])(?!/)")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# Themes draw diagrams into closed shadow trees, where a test could not look.
_OPEN_SHADOWS = """
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function (wanted) { return attach.call(this, {...wanted, mode: "open"}) };
"""


def build(folder: Path, builder: str) -> Path:
    """Build the project in a folder with Material (`material`) or Zensical, strictly; gives the folder of its HTML."""
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        BUILDERS[builder], cwd=folder, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "WARNING" not in said.upper().replace("NO WARNINGS", ""), said
    return folder / "site"


class _Links(HTMLParser):
    """The ids of a page, and the links of its article."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if given.get("id"):
            self.ids.add(given["id"] or "")
        if tag == "a" and given.get("href"):
            self.links.append(given["href"] or "")


def links(site: Path) -> Iterator[tuple[Path, str, bool]]:
    """Every link inside a site: the page that has it, the link, and whether it leads to something that is there."""
    pages = {path: _read(path) for path in site.rglob("*.html") if path.name != "404.html"}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            fragment = unquote(parts.fragment)
            if fragment.startswith("__"):  # the theme's own
                continue
            there = target.is_file() and (not fragment or (target in pages and fragment in pages[target].ids))
            yield path, link, there


def _read(path: Path) -> _Links:
    found = _Links()
    found.feed(path.read_text("utf-8"))
    return found


@contextmanager
def browser() -> Iterator[Any]:
    """A context of Chromium's in which requests to other machines fail and are listed in its `strangers`."""
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_FLAGS, "--disable-sync"])
        context = started.new_context()
        context.strangers = []

        def refuse(route: Any) -> None:
            context.strangers.append(route.request.url)
            route.abort()

        context.route(_STRANGERS, refuse)
        context.add_init_script(_OPEN_SHADOWS)
        yield context
        context.unroute_all(behavior="wait")
        started.close()


@contextmanager
def served(site: Path) -> Iterator[str]:
    """The site on a free port of this machine; gives its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def drawn(page: Any, number: int) -> list[str]:
    """The text of the page's diagrams, once that many are drawn as SVG."""
    count = """() => [...document.querySelectorAll(".mermaid")].filter(
        found => (found.shadowRoot || found).querySelector("svg")).length"""
    page.wait_for_function(f"({count})() >= {number}", timeout=60_000)
    script = """() => [...document.querySelectorAll(".mermaid")].map(
        found => (found.shadowRoot || found).querySelector("svg").textContent)"""
    return list(page.evaluate(script))
