"""`render` with an annotation file, once and again at each change, as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_support import command, environment, requestshook

from requestshook.events import Body, Event, Origin, Recording, Request, Response, to_line

TRACE = "2" * 32
FILE = 'trace: flow\ntitle: First\ncalls:\n  - {call: "b GET /one", id: one, request: {text: "see [[one]]"}}\n'


def call(number: int, path: str, trace: str = TRACE) -> list[Event]:
    """A call's lines."""
    origin = Origin("client", f"{number:032x}", trace, "h", 7, number)
    return [
        Request(number, origin, None, "a", "b", "GET", f"http://h{path}", "HTTP/1.1", (), Body("", 0)),
        Response(number + 0.5, origin, 200, "OK", "HTTP/1.1", (), (), Body("", 0)),
    ]


def add(folder: Path, *events: Event) -> None:
    """Write lines as a process does that records."""
    spool = folder / ".requestshook" / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    with open(spool / "h-7-1-aa.jsonl", "ab") as file:
        file.write(b"".join(map(to_line, events)))


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """A folder with a recording and a file about it."""
    add(tmp_path, Recording(0.5, TRACE, "flow", ("do", "it")), *call(1, "/one"))
    (tmp_path / "flow.yaml").write_text(FILE, "utf-8")
    return tmp_path


def until(holds: Callable[[], bool], what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def test_a_file_names_its_recording(flow: Path) -> None:
    """The page is named after the file; what the file says stands on it."""
    (flow / "flow.yaml").rename(flow / "words.yaml")
    done = requestshook(flow, "render", "words.yaml")
    assert (done.returncode, done.stdout.strip()) == (0, "docs/words.md"), done.stderr
    text = (flow / "docs" / "words.md").read_text("utf-8")
    assert "# First" in text
    assert "see [1](#one)" in text


def test_a_file_without_a_trace_speaks_of_its_own_name(flow: Path) -> None:
    """`flow.yaml` is about the newest recording called flow."""
    (flow / "flow.yaml").write_text("title: Named\n")
    assert requestshook(flow, "render", "./flow.yaml").returncode == 0
    assert "# Named" in (flow / "docs" / "flow.md").read_text("utf-8")


def test_what_does_not_fit_is_told_and_the_page_written(flow: Path) -> None:
    """File and line on standard error; with --strict also by the exit status."""
    with open(flow / "flow.yaml", "a") as file:
        file.write('  - {call: "b GET /two", id: two, request: {text: x}}\n')
    done = requestshook(flow, "render", "flow.yaml")
    assert done.returncode == 0
    assert "flow.yaml:5: `b GET /two` names no call" in done.stderr
    assert requestshook(flow, "render", "flow.yaml", "--strict").returncode == 1
    assert "see [1](#one)" in (flow / "docs" / "flow.md").read_text("utf-8")


def test_a_file_with_faults_writes_nothing(flow: Path) -> None:
    """All faults in one run, no page, no traceback."""
    (flow / "flow.yaml").write_text("titel: x\ncalls: 7\n")
    done = requestshook(flow, "render", "flow.yaml")
    assert done.returncode != 0
    assert "flow.yaml:1:1: unknown key 'titel'" in done.stderr
    assert "flow.yaml:2:" in done.stderr
    assert not (flow / "docs").exists()


def test_pages_that_share_a_name_are_told_apart(flow: Path) -> None:
    """A recording and a file about it, or two recordings of one name: no page replaces the other, in any order."""
    add(flow, Recording(9.5, "3" * 32, "flow", ()))
    names = []
    for arguments in (("flow", "22222222"), ("22222222", "flow")):
        done = requestshook(flow, "render", *arguments)
        assert done.returncode == 0, done.stderr
        names.append(sorted(done.stdout.split()))
    assert names[0] == names[1] == ["docs/flow-22222222.md", "docs/flow-33333333.md"]
    assert "/one" in (flow / "docs" / "flow-22222222.md").read_text("utf-8")


@contextmanager
def watching(flow: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`render --watch` in the background; its standard error goes to a file."""
    with open(flow / "said", "wb") as said:
        child = subprocess.Popen(
            command("render", "flow.yaml", "--watch", *arguments),
            cwd=flow,
            env=environment(flow),
            stdout=said,
            stderr=said,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait(20)


def test_watch_renders_again_at_each_change(flow: Path) -> None:
    """Each change of file, configuration, template or recording is named and shown; only a Ctrl-C ends it."""
    page, said = flow / "docs" / "flow.md", flow / "said"

    def shows(text: str) -> None:
        until(lambda: page.exists() and text in page.read_text("utf-8"), lambda: (text, said.read_text()))

    def tells(text: str) -> None:
        until(lambda: text in said.read_text("utf-8"), lambda: (text, said.read_text()))

    (flow / "house").mkdir()
    (flow / "requestshook.yaml").write_text("services: {}\n")
    with watching(flow, "--templates", "house") as child:
        shows("# First")
        tells("Ctrl-C ends it")
        (flow / "flow.yaml").write_text("titel: x\n")
        tells("flow.yaml:1:1: unknown key 'titel'")
        tells("changed: flow.yaml\n")
        (flow / "flow.yaml").write_text(FILE.replace("First", "Second"))
        shows("# Second")
        add(flow, *call(2, "/two"))
        shows("### (3) GET /two")
        tells("changed: flow\n")
        (flow / "requestshook.yaml").write_text("page: {labels: {header: 머리}}\n")
        shows('=== "머리"')
        tells("requestshook.yaml\n")
        for fault in ("pages", "stores"):  # a fault is told, also where there was one before
            (flow / "requestshook.yaml").write_text(f"{fault}: {{}}\n")
            tells(f"unknown key {fault!r}")
        (flow / "requestshook.yaml").write_text("page: {labels: {header: 꼬리}}\n")
        shows('=== "꼬리"')
        (flow / "house" / "_log.md.jinja2").write_text("my own log\n")
        shows("my own log")
        tells("changed: house/_log.md.jinja2\n")
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    assert "Traceback" not in said.read_text("utf-8")


def test_a_file_means_the_newest_recording_of_its_name(flow: Path) -> None:
    """Which needs no word, however often it was recorded; while watching least of all."""
    add(flow, Recording(2.5, "3" * 32, "flow", ("do", "it")), *call(3, "/three", "3" * 32))
    done = requestshook(flow, "render", "flow.yaml")
    assert "recordings are called" not in done.stderr
    assert "/three" in (flow / "docs" / "flow.md").read_text("utf-8")
    said = flow / "said"
    with watching(flow) as child:
        until(lambda: "Ctrl-C ends it" in said.read_text("utf-8"), said.read_text)
        (flow / "flow.yaml").write_text(FILE.replace("First", "Second"))
        until(lambda: "changed: flow.yaml" in said.read_text("utf-8"), said.read_text)
        child.send_signal(signal.SIGINT)
        assert child.wait(30) == 0
    assert "recordings are called" not in said.read_text("utf-8")


def test_watch_needs_a_file_to_write(flow: Path) -> None:
    """Standard output cannot be written again and again."""
    done = requestshook(flow, "render", "--watch", "-o", "-")
    assert done.returncode == 2
    assert "give another -o" in done.stderr
