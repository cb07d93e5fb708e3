"""`watch` beside a recording that goes on, each a process of its own: in a pipe, on a terminal, as JSON."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_support import command, environment, requestshook, serving
from terminal_support import Terminal

from requestshook.events import Body, BodyEnd, Event, Origin, Recorded, Recording, Request, Response, to_line
from requestshook.spool import hostname

PATIENCE = 60.0
STEPWISE = """
import os
import sys
import time

import requests

base = f"http://127.0.0.1:{sys.argv[1]}"
session = requests.Session()
for number, path in enumerate(sys.argv[2:]):
    session.get(base + path)
    while not os.path.exists(f"go-{number}"):
        time.sleep(0.02)
"""
LINE = re.compile(r" *(\d+\.\d{3})  (\S+ [→←] \S+) +(.*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Watch:
    """A `watch` in pipes, read as it writes."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            command("watch", *arguments),
            cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out, self.err = self.process.stdout, self.process.stderr
        self.text = {self.out: "", self.err: ""}

    def until(self, pattern: str, *, error: bool = False) -> re.Match[str]:
        """Wait until the output, or standard error, has the pattern."""
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.text[self.err if error else self.out])) is None:
            ready = select.select([self.out, self.err], [], [], max(0, deadline - time.monotonic()))[0]
            pieces = [(file, os.read(file.fileno(), 65536)) for file in ready]
            for file, piece in pieces:
                self.text[file] += piece.decode()
            assert any(piece for _, piece in pieces), f"{pattern!r} did not come: {self.text.values()}"
        return found

    def ended(self) -> tuple[int, str, str]:
        """Its status, and all that it wrote."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, self.text[self.out] + out.decode(), self.text[self.err] + err.decode()


@contextmanager
def watching(folder: Path, *arguments: str) -> Iterator[Watch]:
    watch = Watch(folder, *arguments)
    try:
        yield watch
    finally:
        if watch.process.poll() is None:
            watch.process.kill()
        watch.process.communicate()


@contextmanager
def stepwise(folder: Path, port: str, *paths: str) -> Iterator[subprocess.Popen[bytes]]:
    """`run` of a client that waits for a file `go-N` after each of its calls."""
    (folder / "stepwise.py").write_text(STEPWISE)
    run = subprocess.Popen(
        command("run", "--name", "slow", "--", sys.executable, "stepwise.py", port, *paths),
        cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield run
    finally:
        for number in range(len(paths)):
            (folder / f"go-{number}").touch()
        run.communicate(timeout=PATIENCE)


def steps(text: str) -> list[tuple[str, str]]:
    """Who said it to whom, and what, of each line; no line is anything else."""
    found = []
    for line in text.splitlines():
        matched = LINE.fullmatch(line)
        assert matched, line
        found.append((matched[2], re.sub(r"  [\d.]+ m?s$", "  TIME", matched[3])))
    return found


def add(folder: Path, *events: Event, file: str = "h-7-1-aa.jsonl") -> None:
    """Write lines as a process of another host does that records."""
    spool = folder / ".requestshook" / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    with open(spool / file, "ab") as stream:
        stream.write(b"".join(map(to_line, events)))


TRACE = "2" * 32
BEGUN = Recording(0.5, TRACE, "flow", ("do", "it"))


def call(number: int, path: str, *, parent: int | None = None, caller: str = "a", callee: str = "b") -> list[Event]:
    """A call's two lines, as its caller wrote them."""
    origin = Origin("client", f"{number:032x}", TRACE, "h", 7, number)
    above = f"{parent:032x}" if parent else None
    return [
        Request(number, origin, above, caller, callee, "GET", f"http://h{path}", "HTTP/1.1", (), Body("", 0)),
        Response(number + 0.5, origin, 200, "OK", "HTTP/1.1", (), (), Body("", 0)),
    ]


def test_it_waits_for_a_recording_and_prints_each_step_as_it_comes(tmp_path: Path) -> None:
    """Nothing is there: it waits, and makes no folder; then a line a step, while the client still waits for leave."""
    elsewhere = tmp_path / "here"
    elsewhere.mkdir()
    with watching(elsewhere) as watch:
        watch.until("no recording is open in .*/here/.requestshook: waiting", error=True)
        assert list(elsewhere.iterdir()) == []
        with serving(elsewhere) as port, stepwise(elsewhere, port, "/one?a=1", "/bad"):
            watch.until(r"stepwise ← things +200 OK /one\?a=1")
            assert "/bad" not in watch.text[watch.out]
            (elsewhere / "go-0").touch()
            watch.until("404 Not Found /bad")
            assert watch.process.poll() is None
            (elsewhere / "go-1").touch()
            status, out, err = watch.ended()
    assert status == 0
    assert steps(out) == [
        ("stepwise → things", "GET /one?a=1"), ("stepwise ← things", "200 OK /one?a=1  TIME"),
        ("stepwise → things", "GET /bad"), ("stepwise ← things", "404 Not Found /bad  TIME"),
    ]  # fmt: skip
    assert re.search(r"requestshook: slow  [0-9a-f]{8}  .*stepwise\.py", err)
    assert re.search(r"requestshook: 2 calls between 2 services, 1 failed, in .*, exit status 0\n", err)


def test_on_a_terminal(tmp_path: Path) -> None:
    """Eighty columns hold each line; failures are red, what was recorded and the next command come last."""
    long = "/v1/" + "long/" * 30 + "end"
    with serving(tmp_path) as port:
        requestshook(tmp_path, "start", "--name", "before")
        requestshook(tmp_path, "stop")
        env = environment(tmp_path, TERM="xterm-256color")
        del env["COLUMNS"]
        with Terminal(command("watch"), env, tmp_path, size=(24, 80)) as terminal:
            terminal.expect("waiting for the next one")
            with stepwise(tmp_path, port, long, "/bad"):
                terminal.expect("200 OK")
                (tmp_path / "go-0").touch()
                terminal.expect("\x1b\\[31m404 Not Found /bad")
                (tmp_path / "go-1").touch()
            terminal.expect("2 calls between 2 services, 1 failed")
            assert terminal.ended() == 0
            assert "next: requestshook show slow" in terminal.screen
    with Terminal(command("watch", "slow"), env, tmp_path, size=(24, 80)) as terminal:
        assert terminal.ended() == 0
        lines = _COLOUR.sub("", terminal.screen).replace("\r", "").splitlines()
    assert any("…" in line and line.endswith(" ms") for line in lines)
    assert max(len(line) for line in lines if "→" in line or "←" in line) <= 80


def test_ctrl_c_is_an_end(tmp_path: Path) -> None:
    """Ctrl-C ends it with status 0 and says what was recorded so far; the recording goes on."""
    with serving(tmp_path) as port, stepwise(tmp_path, port, "/one"):
        with watching(tmp_path) as watch:
            watch.until("200 OK /one")
            watch.process.send_signal(signal.SIGINT)
            status, out, err = watch.ended()
        assert status == 0
        assert len(steps(out)) == 2
        assert "1 call between 2 services; its end was not seen yet" in err
    (found,) = json.loads(requestshook(tmp_path, "traces", "--json").stdout)
    assert (found["calls"], found["exit"]) == (1, 0)


def test_json_is_an_object_a_line(tmp_path: Path) -> None:
    """Its lines are the recording's beginning, a step each with its call, and the end."""
    with serving(tmp_path) as port, stepwise(tmp_path, port, "/bad"), watching(tmp_path, "--json") as watch:
        watch.until('"event": "response"')
        (tmp_path / "go-0").touch()
        status, out, _ = watch.ended()
    found = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [item["event"] for item in found] == ["recording", "request", "response", "recorded"]
    assert [item["call"]["status"] for item in found[1:3]] == [404, 404] or found[1]["call"]["status"] is None
    assert found[2]["call"]["from"] == "stepwise"
    assert not found[2]["late"]
    assert (found[3]["calls"], found[3]["failures"], found[3]["exit"], found[3]["outdated"]) == (1, 1, 0, 0)


def test_it_ends_where_whoever_recorded_is_gone(tmp_path: Path) -> None:
    """`run` is killed: as long as its command lives it goes on, then it ends and says that no end was seen."""
    with serving(tmp_path) as port, stepwise(tmp_path, port, "/one", "/two") as run, watching(tmp_path) as watch:
        watch.until("200 OK /one")
        run.kill()
        run.wait(PATIENCE)
        (tmp_path / "go-0").touch()
        watch.until("200 OK /two")
        (tmp_path / "go-1").touch()
        status, out, err = watch.ended()
    assert status == 0
    assert len(steps(out)) == 4
    assert "its end was not seen" in err
    with watching(tmp_path) as watch:
        watch.until("waiting for the next one", error=True)


def test_it_takes_what_start_opened_last(tmp_path: Path) -> None:
    """Of open recordings it is the newest; what ended before, or lost its maker, is not followed."""
    add(tmp_path, BEGUN, *call(1, "/one"), file=f"{hostname()}-999999999-1-aa.jsonl")
    for name in ("first", "second"):
        requestshook(tmp_path, "start", "--name", name)
    with watching(tmp_path) as watch:
        watch.until("requestshook: second", error=True)
        requestshook(tmp_path, "stop")
        status, out, err = watch.ended()
    assert (status, out) == (0, "")
    assert "0 calls" in err
    with watching(tmp_path) as watch:
        watch.until("requestshook: first", error=True)


def test_one_that_ended_is_printed_at_once(tmp_path: Path) -> None:
    """Named, a recording that is over is printed whole, nested by its parents; its controls cannot steer a terminal."""
    inner = call(2, "/in\x1b[31mner", parent=1, caller="b", callee="c")
    first = call(1, "/one")
    add(tmp_path, BEGUN, first[0], *inner, first[1]._replace(at=3.0), Recorded(4.0, TRACE, 3))
    done = requestshook(tmp_path, "watch", "flow")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "   0.500  a → b  GET /one",
        "   1.500  │ b → c  GET /in␛[31mner",
        "   2.000  │ b ← c  200 OK /in␛[31mner  500 ms",
        "   2.500  a ← b    200 OK /one  2.00 s",
    ]
    assert "2 calls between 3 services, in 3.50 s, exit status 3" in done.stderr


def test_what_comes_late_stands_where_it_came(tmp_path: Path) -> None:
    """A line that comes after later ones is printed once, and the end says that `show` has another order."""
    add(tmp_path, BEGUN, *call(5, "/five"))
    with watching(tmp_path, "flow") as watch:
        watch.until("200 OK /five")
        add(tmp_path, *call(2, "/two"), file="h-8-1-bb.jsonl")
        watch.until("200 OK /two")
        add(tmp_path, Recorded(9.0, TRACE, 0))
        status, out, err = watch.ended()
    assert status == 0
    assert [what for _, what in steps(out)] == ["GET /five", "200 OK /five  TIME", "GET /two", "200 OK /two  TIME"]
    assert "2 lines were printed before their place was known: `requestshook show` has all in order" in err


def test_a_body_that_breaks_off_is_a_line_of_its_own(tmp_path: Path) -> None:
    """The response was printed already; that its body broke off is told once it is known."""
    request, response = call(1, "/one")
    add(tmp_path, BEGUN, request, response._replace(body=None))
    with watching(tmp_path, "flow") as watch:
        watch.until("200 OK /one")
        add(tmp_path, BodyEnd(2.0, request.origin, "response", Body("ab", 2), "error: ProtocolError: gone"))
        watch.until("✂ 200 /one: ProtocolError: gone")
        assert watch.text[watch.out].count("200 OK") == 1


@pytest.mark.parametrize(("text", "said"), [("nobody", "nobody"), ("", "")])
def test_a_name_that_is_not_there(tmp_path: Path, text: str, said: str) -> None:
    """It does not wait for a name that may be a slip."""
    add(tmp_path, BEGUN, *call(1, "/one"))
    done = requestshook(tmp_path, "watch", text)
    assert done.returncode == 1
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert said in done.stderr


def test_one_that_is_removed_meanwhile(tmp_path: Path) -> None:
    """Where the recording is removed, it ends and says so."""
    add(tmp_path, BEGUN, *call(1, "/one"))
    with watching(tmp_path, "flow") as watch:
        watch.until("200 OK /one")
        assert requestshook(tmp_path, "rm", "flow").returncode == 0
        status, _, err = watch.ended()
    assert status == 1
    assert "the recording was removed meanwhile" in err
