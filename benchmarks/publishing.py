"""What a page costs those who publish it and those who read it: written, built and opened, at three lengths."""

from __future__ import annotations

import functools
import http.server
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.results import Result, Row, below, figure
from benchmarks.scale import Scale
from requestshook import events, trace
from requestshook.events import Body
from requestshook.page import render as page
from requestshook.site import mermaid, project
from requestshook.trace.calls import Trace

STEPS = (22, 110, 1000)
_BUILT, _OPENED = 12.0, 1000.0  # seconds, milliseconds
_BUILDERS = ("mkdocs", "zensical")
_CALLEES = ("keystone", "database", "store", "cache")
_BROWSER = "/usr/bin/chromium"
_SHOWN = """() => Math.max(
    performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd,
    performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0)"""
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint').length"
_JSON = (
    '{"images": [' + ", ".join(f'{{"id": "a42bfade-{n:04}", "status": "queued", "size": 1}}' for n in range(6)) + "]}"
)


def publishing(scale: Scale) -> Result:
    """A flow of nested calls with 12 header lines and 32 lines of JSON a message, and no phases by an author."""
    rows = [row for steps in STEPS[: scale.of(len(STEPS))] for row in _rows(steps, scale.of(3))]
    return Result("publishing", "A flow of so many steps: written, built, opened", tuple(rows))


def _rows(steps: int, rounds: int) -> Iterator[Row]:
    told = _flow(steps)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "docs").mkdir()
        for dialect in ("mkdocs", "html"):
            seconds = [_written(told, folder / "docs", dialect) for _ in range(rounds)]
            yield Row(f"{steps:,} steps, {dialect}: written, CPU", figure(seconds, "s"))
        sizes = {ending: _size(folder / "docs", f"*{ending}") for ending in (".md", ".html")}
        yield Row(f"{steps:,} steps, mkdocs: size as Markdown", figure([sizes[".md"]], "KiB"))
        yield Row(f"{steps:,} steps, html: size", figure([sizes[".html"]], "KiB"))
        for _ in project.create(folder, "Site", mermaid.carried()):
            pass
        for builder in _BUILDERS:
            seconds = [_built(folder, builder) for _ in range(rounds)]
            yield below(f"{steps:,} steps, built by {builder}: CPU", figure(seconds, "s"), _BUILT)
        yield from _opened(folder / "site", steps, rounds)


def _written(told: Trace, folder: Path, dialect: str) -> float:
    began = time.process_time()
    for name, pieces in page.pages(told, lambda _: Body(_JSON, len(_JSON)), stem="flow", dialect=dialect):
        (folder / name).write_text("".join(pieces), "utf-8")
    return time.process_time() - began


def _built(folder: Path, builder: str) -> float:
    began = _children()
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", builder, "build", "--strict"]
    subprocess.run(command, cwd=folder, env=environ, check=True, capture_output=True)
    return _children() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _size(folder: Path, pattern: str) -> float:
    return sum(path.stat().st_size for path in folder.glob(pattern)) / 1024


def _opened(site: Path, steps: int, rounds: int) -> Iterator[Row]:
    """Until all is parsed and something is painted, by the browser's own clock; left out where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return
    if not os.path.exists(_BROWSER):
        return
    further = [path for path in site.glob("flow--*") if path.is_dir()]
    largest = max(further, key=lambda path: (path / "index.html").stat().st_size, default=None)
    places = {"an empty page of the same site": "", "mkdocs, its page": "flow/", "html": "flow.html"}
    if largest is not None:
        del places["mkdocs, its page"]
        places |= {"mkdocs, its index": "flow/", "mkdocs, the largest page": f"{largest.name}/"}
    with sync_playwright() as playwright, _served(site) as address:
        browser = playwright.chromium.launch(executable_path=_BROWSER, args=["--no-sandbox", "--disable-gpu"])
        for what, place in places.items():
            found = [_shown(browser, f"{address}/{place}") for _ in range(rounds)]
            yield below(f"{steps:,} steps, {what}: opened in Chromium, clock", figure(found, "ms"), _OPENED)
        browser.close()


def _shown(browser: Any, address: str) -> float:
    opened = browser.new_page()
    opened.goto(address, wait_until="domcontentloaded")
    opened.wait_for_function(_PAINTED)
    found = float(opened.evaluate(_SHOWN))
    opened.close()
    return found


@contextmanager
def _served(site: Path) -> Iterator[str]:
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


def _flow(steps: int) -> Trace:
    return trace.build(_events(steps // 2))


def _events(calls: int) -> Iterator[tuple[int, events.Event]]:
    """Calls in rounds: one of the client's, and four that it brings about."""
    size = len(_CALLEES) + 1
    for first in range(0, calls, size):
        inner = [(first + n, callee) for n, callee in enumerate(_CALLEES, 1) if first + n < calls]
        yield _request(first, "openstack", "glance", None, 0.0)
        for n, callee in inner:
            yield _request(n, "glance", callee, first, 0.0)
            yield _response(n, 0.005)
        yield _response(first, 0.01 * size)


def _request(n: int, caller: str, callee: str, parent: int | None, later: float) -> tuple[int, events.Event]:
    above = None if parent is None else f"{parent:032x}"
    url = f"http://127.0.0.1:9292/v2/{callee}/{n:08x}"
    body = Body(_JSON, len(_JSON))
    return 2 * n, events.Request(
        _at(n) + later, _origin(n), above, caller, callee, "PUT", url, "HTTP/1.1", _FIELDS, body
    )


def _response(n: int, later: float) -> tuple[int, events.Event]:
    body = Body(_JSON, len(_JSON))
    return 2 * n + 1, events.Response(_at(n) + later, _origin(n), 200, "OK", "HTTP/1.1", _FIELDS, (), body)


def _at(n: int) -> float:
    return 1671683885.0 + n / 100


def _origin(n: int) -> events.Origin:
    return events.Origin("client", f"{n:032x}", "5eed" * 8, "node1", 4711, n)


_FIELDS = (
    ("Host", "127.0.0.1:9292"),
    ("Content-Type", "application/json"),
    *((f"X-Openstack-Field-{number:02}", f"value-{number} of a usual length") for number in range(10)),
)
