"""The main path on the command line: two processes recorded, looked at, rendered, forgotten."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli_support import CLIENT, command, environment, requestshook, serving

from requestshook.cli.terminal import breadth
from requestshook.events import Attempt, Body, BodyEnd, Origin, Recording, Request, Response, to_line
from requestshook.events import Recorded as Ended

NAME = "이미지/../생성"
PAGE = "docs/이미지-..-생성.md"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Recorded(NamedTuple):
    folder: Path
    port: str
    run: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """One recording of the client's four calls."""
    folder = tmp_path_factory.mktemp("flow")
    with serving(folder) as port:
        done = requestshook(folder, "run", "--name", NAME, "--", sys.executable, "client.py", port)
        assert done.returncode == 0, done.stderr
        yield Recorded(folder, port, done)


def _json(recorded: Recorded, *arguments: str) -> object:
    done = requestshook(recorded.folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _terminal(folder: Path, *arguments: str, **more: str) -> str:
    """What one of our commands prints on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    env = environment(folder, TERM="xterm-256color", COLUMNS="80", LINES="24", **more)
    with subprocess.Popen(
        command(*arguments), cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs
    ) as child:
        os.close(theirs)
        octets = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            octets += piece
        os.close(ours)
        child.wait(timeout=60)
    return octets.decode().replace("\r\n", "\n")


def test_run_says_nothing_in_a_pipe(recorded: Recorded) -> None:
    """What the command printed is all there is, where standard error is no terminal."""
    assert (recorded.run.stdout, recorded.run.stderr) == ("", "")


def test_traces(recorded: Recorded) -> None:
    """The recording is listed with its calls and failures, without colour in a pipe."""
    text = requestshook(recorded.folder, "traces").stdout
    assert re.search(rf"^{re.escape(NAME)}  [0-9a-f]{{8}}  \d{{4}}-\S+ \S+ +[\d.]+ m?s +4 +1 +0$", text, re.M)
    (found,) = _json(recorded, "traces")
    assert (found["name"], found["calls"], found["failures"], found["exit"], found["open"]) == (NAME, 4, 1, 0, False)
    assert found["command"][1:] == ["client.py", recorded.port]


def test_traces_on_a_narrow_terminal(tmp_path: Path) -> None:
    """A long name in wide characters gives way, so that each line takes exactly the terminal's columns."""
    name = "이미지 생성하고 볼륨에 붙이는 아주 긴 이름의 기록 하나 둘 셋 넷 다섯"
    requestshook(tmp_path, "start", "--name", name)
    requestshook(tmp_path, "stop")
    lines = _COLOUR.sub("", _terminal(tmp_path, "traces")).splitlines()
    assert [breadth(line) for line in lines[:2]] == [80, 80]
    assert lines[1].startswith("이미지")
    assert lines[2] == f"next: requestshook show '{name}'"


def test_an_empty_name_is_none(tmp_path: Path) -> None:
    """As of a variable that was never set: the recording is called as if nobody had named it."""
    assert requestshook(tmp_path, "start", "--name", "").stdout.startswith("recording recording (")
    assert requestshook(tmp_path, "stop").returncode == 0


def test_show_is_a_table(recorded: Recorded) -> None:
    """The flow is a table with steps, callee, request, status, time and size; no colour, no control character."""
    done = requestshook(recorded.folder, "show")
    assert done.stderr == ""
    assert not _CONTROL.search(done.stdout)
    rows = done.stdout.splitlines()[4:]
    assert re.fullmatch(r"step +from → to +request +status +time +size", rows[0])
    assert rows[1].split() == ["client"]
    assert re.fullmatch(r" *1-2  └ things +GET /v1/things\?limit=10 +200 +[\d.]+ ms +↓ \d+ B", rows[2])
    assert re.fullmatch(r" *3-4  └ things +POST /v1/things +200 +[\d.]+ ms +.*", rows[3])
    assert re.fullmatch(r" *7-8  └ things +GET /bad +404 +[\d.]+ ms +.*", rows[5])


def test_show_on_a_terminal(recorded: Recorded) -> None:
    """On a terminal no line is wider than it, and the last one is the next command to try."""
    text = _terminal(recorded.folder, "show")
    assert "\x1b[32m" in text
    lines = _COLOUR.sub("", text).splitlines()
    assert max(len(line) for line in lines if "└" in line) <= 80
    assert lines[-1] == f"next: requestshook render '{NAME}'"


def test_captured_escapes_never_reach_a_terminal(recorded: Recorded) -> None:
    """ESC in a header and a bidirectional control in a body become pictures, on a terminal and in a pipe."""
    for text in (
        _terminal(recorded.folder, "show", "--step", "2"),
        requestshook(recorded.folder, "show", "--step", "2").stdout,
    ):
        text = _COLOUR.sub("", text)
        assert "X-Evil: a␛[31mb" in text
        assert "한�" in text
        assert not _CONTROL.search(text)


def test_show_step(recorded: Recorded) -> None:
    """A step is its heading, who said it to whom, headers and body, the JSON re-spaced and the secret replaced."""
    text = requestshook(recorded.folder, "show", NAME, "--step", "3").stdout
    assert text.startswith("(3) POST /v1/things\nclient → things\n\nPOST /v1/things HTTP/1.1\nHost: 127.0.0.1:")
    assert re.search(r'\n\n\{\n  "name": "it\'s",\n  "password": "‹password-1›"\n\}\n', text)
    assert "hunter2" not in text
    answer = requestshook(recorded.folder, "show", "--step", "4").stdout
    assert re.match(r"\(4\) 200 OK /v1/things\nclient ← things, after [\d.]+ ms\n\nHTTP/1\.\d 200 OK\n", answer)


def test_show_step_on_a_terminal(recorded: Recorded) -> None:
    """JSON, names of headers and the status are in colours, our tags dim; without colours it is what a pipe gets."""
    for number, colour in (("3", "\x1b[36mHost\x1b[0m: "), ("4", "\x1b[32mHTTP/1."), ("8", "\x1b[31mHTTP/1.")):
        text = _terminal(recorded.folder, "show", NAME, "--step", number)
        plain, hint = _COLOUR.sub("", text).rsplit("next: ", 1)
        assert plain == requestshook(recorded.folder, "show", NAME, "--step", number).stdout
        assert hint == f"requestshook show '{NAME}' --step {number} --curl\n"
        assert colour in text
        assert "\x1b[2mX-Requestshook-Request-Id: " in text
    body = _terminal(recorded.folder, "show", NAME, "--step", "3").partition("{")[2]
    assert re.search(r"\x1b\[[0-9;]+m\"name\"\x1b\[0m", body)
    assert re.search(r"\x1b\[35[0-9;]*m‹password-1›\x1b\[0m", body)


def test_show_step_in_the_colours_of_its_language(tmp_path: Path) -> None:
    """HTML and XML have theirs too, by their type or their beginning; a text has none, whatever it holds."""
    entries = []
    bodies = (("text/html", "<h1>Bad</h1>"), ("", "<?xml version='1.0'?><Code>x</Code>"), ("text/plain", "<h1>\x1b[2J"))
    for second, (kind, text) in enumerate(bodies):
        request = {"method": "GET", "url": "http://h/", "httpVersion": "HTTP/1.1", "headers": [], "queryString": []}
        content = {"mimeType": kind, "text": text, "size": len(text)}
        headers = [{"name": "Content-Type", "value": kind}] if kind else []
        response = {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.1",
            "headers": headers,
            "content": content,
        }
        started = f"2026-01-01T00:00:0{second}Z"
        entry = {"startedDateTime": started, "time": 1, "request": request, "response": response}
        entries.append(entry)
    har = {"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": entries}}
    (tmp_path / "bodies.har").write_text(json.dumps(har))
    assert requestshook(tmp_path, "import", "bodies.har").returncode == 0
    for number, (_, text) in enumerate(bodies, 1):
        shown = _terminal(tmp_path, "show", "--step", str(2 * number))
        assert text.replace("\x1b", "␛") in _COLOUR.sub("", shown)
        body = shown.partition("\n\n")[2].partition("\n\n")[2].partition("\n")[0]
        assert bool(_COLOUR.search(body)) is (number < 3)


def test_show_without_colour(recorded: Recorded) -> None:
    """NO_COLOR leaves no colour."""
    text = "".join(_terminal(recorded.folder, "show", *what, NO_COLOR="1") for what in ((), ("--step", "3")))
    assert not re.search(r"\x1b\[(?:[0-9;]*;)?[349][0-7]", text)


def test_show_says_what_a_page_says(tmp_path: Path) -> None:
    """Earlier tries, what changed on the way and a body that broke off stand above the step's headers."""
    trace = "2" * 32
    origin = Origin("client", "a" * 32, trace, "h", 7, 1)
    served = origin._replace(view="server", pid=8)
    request = Request(1.0, origin, None, "a", None, "GET", "http://proxy/api/v2/x", "HTTP/1.1", (), Body("", 0))
    response = Response(2.0, origin, 200, "OK", "HTTP/1.1", (), (Attempt(503), Attempt(None, "ReadTimeout: x")), None)
    lines = [
        Recording(0.5, trace, "flow", ()), request, response,
        request._replace(at=1.2, origin=served, callee="b", url="http://b:5000/v2/x", headers=(("Via", "1.1 p"),)),
        response._replace(at=1.8, origin=served, attempts=()),
        BodyEnd(2.5, origin, "response", Body("ab", 2), "error: IncompleteRead: gone"),
        Ended(3.0, trace, 0),
    ]  # fmt: skip
    spool = tmp_path / ".requestshook" / "spool"
    spool.mkdir(parents=True)
    (spool / "h-7-1-aa.jsonl").write_bytes(b"".join(map(to_line, lines)))
    first = requestshook(tmp_path, "show", "--step", "1").stdout
    changed = "address proxy:80 became b:5000; the path's beginning /api/ became /; headers added: Via."
    start = f"(1) GET /v2/x\na → b\nFrom client to server: {changed}\n\nGET /v2/x HTTP/1.1\nVia: 1.1 p\n"
    assert first.startswith(start)
    assert requestshook(tmp_path, "show", "--step", "2").stdout == (
        "(2) 200 OK /v2/x\na ← b, after 1.00 s\nAttempt 3; before it: 503, ReadTimeout.\n"
        "The body broke off after 2 B: IncompleteRead: gone\n\nHTTP/1.1 200 OK\n\nab\n\n"
    )
    (tmp_path / "requestshook.yaml").write_text(
        "page: {labels: {attempts_before: '{count}번째, 전: {earlier}'}}\n", "utf-8"
    )
    assert "\n3번째, 전: 503, ReadTimeout\n" in requestshook(tmp_path, "show", "--step", "2").stdout


def test_who_was_seen_by_callers_alone_is_told(tmp_path: Path) -> None:
    """A service nearby that records elsewhere, or not at all, is named, with what helps; one that records is not."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with serving(elsewhere) as port:
        (tmp_path / "client.py").write_text(CLIENT, "utf-8")
        requestshook(tmp_path, "run", "--name", "half", "--", sys.executable, "client.py", port)
        half = requestshook(tmp_path, "show").stdout
    with serving(tmp_path) as port:
        requestshook(tmp_path, "run", "--name", "whole", "--", sys.executable, "client.py", port)
        whole = requestshook(tmp_path, "show").stdout
    said = r"^127.0.0.1:\d+ was seen by callers alone: `requestshook env` says how a service records into (.*)$"
    found = re.search(said, half, re.M)
    assert found
    assert found[1] == str(tmp_path / ".requestshook")
    assert "seen by callers alone" not in whole


def test_show_step_of_octets(recorded: Recorded) -> None:
    """A body that is no text is shown by its first octets, with its size."""
    text = requestshook(recorded.folder, "show", "--step", "5").stdout
    assert "b'\\x00\\x01\\xff\\x00" in text
    assert "...\n(60 B, no text)\n" in text


def test_show_call(recorded: Recorded) -> None:
    """A selector that names one call shows its messages; one that names several lists them; @N picks."""
    one = requestshook(recorded.folder, "show", "--call", "things GET /bad").stdout
    assert "(7) GET /bad\n" in one
    assert "(8) 404 Not Found /bad\n" in one
    several = requestshook(recorded.folder, "show", "--call", "client -> things GET **").stdout
    assert len(several.splitlines()) == 3
    last = requestshook(recorded.folder, "show", "--call", "* GET **@-1").stdout
    assert last == one


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["show", "nobody"], 1, "nobody"),
        (["show", "--step", "99"], 1, "its last is 8"),
        (["show", "--call", "* DELETE **"], 1, "* DELETE **"),
        (["show", "--call", "no selector"], 2, "requestshook: "),
        (["show", "--call", "* GET **", "--curl"], 1, "add @1 to @2"),
        (["render", "nobody"], 1, "nobody"),
        (["rm", NAME, "nobody"], 1, "nobody"),
        (["init", "nobody"], 1, "nobody"),
        (["stop"], 1, "requestshook start"),
    ],
)
def test_what_is_not_there(recorded: Recorded, arguments: list[str], status: int, said: str) -> None:
    """What cannot be found is one line, and nothing is changed."""
    done = requestshook(recorded.folder, *arguments)
    assert done.returncode == status
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert len(_json(recorded, "traces")) == 1


def test_show_json(recorded: Recorded) -> None:
    """The recording and a step of it are JSON for programs: ASCII, with headers and bodies as recorded."""
    flow = _json(recorded, "show")
    assert [(call["method"], call["status"]) for call in flow["calls"]] == [
        ("GET", 200), ("POST", 200), ("PUT", 200), ("GET", 404),
    ]  # fmt: skip
    step = _json(recorded, "show", "--step", "2")
    assert ["X-Evil", "a\x1b[31mb"] in step["headers"]
    assert json.loads(step["body"]["text"])["path"] == "/v1/things"
    assert requestshook(recorded.folder, "show", "--step", "2", "--json").stdout.isascii()


def test_curl_makes_the_call_again(recorded: Recorded, tmp_path: Path) -> None:
    """What --curl prints runs in a shell and sends the same request, without our tags, once the secret is filled in."""
    script = requestshook(recorded.folder, "show", "--call", "* POST **", "--curl").stdout
    assert "Requestshook" not in script
    assert re.match(r"(\w+)=''  # fill in: the body, recorded as ‹\w+:[0-9a-f]{16}›\ncurl ", script)
    (tmp_path / "curl").write_text(f"#!{sys.executable}\nimport sys\nprint(ascii(sys.argv[1:]))\n", "utf-8")
    (tmp_path / "curl").chmod(0o755)
    filled = re.sub(r"^(\w+)=''", r"\1=hunter2", script)
    done = subprocess.run(
        ["bash"], input=filled, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=20
    )
    words = eval(done.stdout)
    assert f"http://127.0.0.1:{recorded.port}/v1/things" in words
    assert json.loads(words[words.index("--data-raw") + 1]) == {"name": "it's", "password": "hunter2"}
    assert "Content-Type: application/json" in words


def test_render(recorded: Recorded) -> None:
    """A page goes to docs/, its name never becomes a path, letters of any script stay; the place is printed."""
    done = requestshook(recorded.folder, "render", "--strict")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{PAGE}\n", "")
    page = (recorded.folder / PAGE).read_text("utf-8")
    assert "### (3) POST /v1/things" in page
    assert "hunter2" not in page
    assert sorted(path.name for path in (recorded.folder / "docs").iterdir()) == [Path(PAGE).name]
    assert requestshook(recorded.folder, "render", "-o", "-").stdout == page


def test_render_never_replaces_what_somebody_wrote(recorded: Recorded, tmp_path: Path) -> None:
    """A page of ours is written again; a file that is none stays, unless --force says otherwise."""
    own = tmp_path / Path(PAGE).name
    assert requestshook(recorded.folder, "render", "-o", str(tmp_path)).returncode == 0
    assert requestshook(recorded.folder, "render", "-o", str(tmp_path)).returncode == 0
    own.write_text("# my notes\n", "utf-8")
    done = requestshook(recorded.folder, "render", "-o", str(tmp_path))
    assert (done.returncode, own.read_text("utf-8")) == (1, "# my notes\n")
    assert (
        done.stderr == f"requestshook: {own} is no page of requestshook's: give another -o, or --force to replace it\n"
    )
    assert requestshook(recorded.folder, "render", "-o", str(tmp_path), "--force").returncode == 0
    assert "### (3)" in own.read_text("utf-8")


def test_render_a_part(recorded: Recorded, tmp_path: Path) -> None:
    """--part gives one part, in a file of its own."""
    done = requestshook(recorded.folder, "render", "--part", "diagram", "-o", str(tmp_path))
    (path,) = tmp_path.iterdir()
    assert done.stdout == f"{path}\n"
    assert path.name.endswith(".diagram.md")
    assert "sequenceDiagram" in path.read_text("utf-8")
    assert "### (3)" not in path.read_text("utf-8")


def test_render_with_templates_of_ones_own(recorded: Recorded, tmp_path: Path) -> None:
    """A template of the author's replaces ours; a fault in it is one line, and no half page is left."""
    (tmp_path / "page.md.jinja2").write_text("mine: {{ trace.calls | length }}\n", "utf-8")
    done = requestshook(recorded.folder, "render", "--templates", str(tmp_path), "-o", "-")
    assert done.stdout == "mine: 4\n"
    (tmp_path / "page.md.jinja2").write_text("line\n" * 10_000 + "{{ nothing.at.all }}\n", "utf-8")
    done = requestshook(recorded.folder, "render", "--templates", str(tmp_path), "-o", str(tmp_path / "out"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


def test_status(recorded: Recorded) -> None:
    """Status names the processes that wrote, and none of our own commands."""
    found = _json(recorded, "status")
    assert found["open"] == []
    assert {"client", "things"} == {item["program"] for item in found["processes"]}
    text = requestshook(recorded.folder, "status").stdout
    assert "no recording is open" in text
    assert re.search(r"^things +\d+ ", text, re.M)


def test_completion_of_names(recorded: Recorded) -> None:
    """Names of recordings complete, and ids once one was begun."""
    (found,) = _json(recorded, "traces")

    def completed(word: str) -> list[str]:
        asked = {"COMP_WORDS": f"requestshook show {word}", "COMP_CWORD": "2"}
        done = requestshook(recorded.folder, _REQUESTSHOOK_COMPLETE="bash_complete", **asked)
        return [line.partition(",")[2] for line in done.stdout.splitlines() if line]

    assert completed("") == [NAME]
    assert completed("이") == [NAME]
    assert completed(found["id"][:6]) == [found["id"]]
    assert completed("zz") == []


def test_init_with_services(recorded: Recorded, tmp_path: Path) -> None:
    """init with a recording knows where its services answer, and what it writes loads."""
    path = tmp_path / "requestshook.yaml"
    folder = {"REQUESTSHOOK_DIR": str(recorded.folder / ".requestshook"), "REQUESTSHOOK_CONFIG": str(path)}
    with pytest.raises(FileNotFoundError):
        path.read_text("utf-8")
    done = requestshook(tmp_path, "init", NAME, REQUESTSHOOK_DIR=folder["REQUESTSHOOK_DIR"])
    assert done.returncode == 0, done.stderr
    assert f"  things: [http://127.0.0.1:{recorded.port}]\n" in path.read_text("utf-8")
    assert requestshook(tmp_path, "traces", **folder).returncode == 0


def test_run_on_a_terminal_says_what_was_recorded(tmp_path: Path) -> None:
    """At the end run says how many calls were recorded and what to type next; a command of no interpreter is told."""
    with serving(tmp_path) as port:
        text = _terminal(tmp_path, "run", "--", sys.executable, "client.py", port)
    name = Path(sys.executable).name
    assert re.search(
        rf"^requestshook: 4 calls recorded as {name} \([0-9a-f]{{8}}\); next: requestshook show {name}$", text, re.M
    )
    text = _terminal(tmp_path, "run", "--", "true")
    assert "no process of true reported" in text
    assert "0 calls recorded as true" in text


@pytest.mark.parametrize(("words", "status"), [(["sh", "-c", "exit 7"], 7), (["no-such-program"], 127)])
def test_run_passes_the_status_on(words: list[str], status: int, tmp_path: Path) -> None:
    """The exit status is the command's own, or what a shell would give where there is none."""
    done = requestshook(tmp_path, "run", "--", *words)
    assert done.returncode == status
    assert done.stderr.count("\n") == 1


def test_start_and_stop(tmp_path: Path) -> None:
    """Calls that belong to nothing go into the newest open recording; stop closes it and counts them."""
    with serving(tmp_path) as port:
        assert "is open" in requestshook(tmp_path, "start", "--name", "first").stdout
        second = requestshook(tmp_path, "start", "--name", "second")
        assert "'first' is open too" in second.stderr
        assert [item["name"] for item in json.loads(requestshook(tmp_path, "status", "--json").stdout)["open"]] == [
            "first", "second",
        ]  # fmt: skip
        held = requestshook(tmp_path, "rm", "second")
        assert (held.returncode, "requestshook stop" in held.stderr) == (1, True)
        subprocess.run([sys.executable, "-c", CLIENT, port], env=environment(tmp_path), check=True, timeout=60)
        done = requestshook(tmp_path, "stop")
    assert done.stdout.startswith("4 calls recorded as second (")
    assert "'first' is still open" in done.stderr
    assert requestshook(tmp_path, "stop", "fir").stdout.startswith("0 calls recorded as first (")
    assert requestshook(tmp_path, "stop").returncode == 1


def test_names_that_are_shared(tmp_path: Path) -> None:
    """Of recordings with one name the newest is meant, which one line says; rm, and a start of two names, take none."""
    for name in ("same", "same", "sand"):
        requestshook(tmp_path, "start", "--name", name)
        requestshook(tmp_path, "stop")
    ids = [item["id"] for item in json.loads(requestshook(tmp_path, "traces", "--json").stdout)]
    done = requestshook(tmp_path, "show", "same", "--json")
    assert json.loads(done.stdout)["id"] == ids[1]
    assert "2 recordings are called 'same'; taken is the newest" in done.stderr
    assert ids[2][:8] in done.stderr
    assert done.stderr.count("\n") == 1
    for text in ("same", "sam"):
        done = requestshook(tmp_path, "rm", "sand", text)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert ids[1][:8] in done.stderr
        assert ids[2][:8] in done.stderr
    assert len(json.loads(requestshook(tmp_path, "traces", "--json").stdout)) == 3
    done = requestshook(tmp_path, "show", "sa")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "same" in done.stderr
    assert "sand" in done.stderr
    assert json.loads(requestshook(tmp_path, "show", ids[2][:12], "--json").stdout)["id"] == ids[2]


def test_rm_and_prune(tmp_path: Path) -> None:
    """What is removed is printed and stays away; a dry run removes nothing."""
    for name in ("one", "two", "three"):
        requestshook(tmp_path, "start", "--name", name)
        requestshook(tmp_path, "stop")

    def names() -> list[str]:
        return [item["name"] for item in json.loads(requestshook(tmp_path, "traces", "--json").stdout)]

    assert requestshook(tmp_path, "rm", "one", "three").stdout.startswith("removed: one (")
    assert names() == ["two"]
    assert requestshook(tmp_path, "prune", "--older-than", "1d").stdout == "nothing is that old\n"
    assert requestshook(tmp_path, "prune", "--older-than", "0s", "--dry-run").stdout.startswith(
        "would be removed: two ("
    )
    assert names() == ["two"]
    assert requestshook(tmp_path, "prune", "--older-than", "0s").stdout.startswith("removed: two (")
    assert names() == []


def test_collect_from_elsewhere(recorded: Recorded, tmp_path: Path) -> None:
    """Spool files of another host come in by file, folder or standard input, each line once."""
    with serving(tmp_path) as port:
        requestshook(tmp_path, "start")
        subprocess.run([sys.executable, "-c", CLIENT, port], env=environment(tmp_path), check=True, timeout=60)
        spool = tmp_path / ".requestshook" / "spool"
        lines = "".join(path.read_text("utf-8") for path in spool.glob("*.jsonl"))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        piped = subprocess.run(
            command("collect", "-", "--json"), cwd=elsewhere, env=environment(elsewhere), input=lines,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        again = requestshook(elsewhere, "collect", str(spool), "--json")
        third = tmp_path / "third"
        third.mkdir()
        whole = requestshook(third, "collect", str(spool.parent), "--json")
    nothing = requestshook(elsewhere, "collect", str(elsewhere))
    assert json.loads(whole.stdout)["new"] == len(lines.splitlines()), "a copy of the whole folder will do"
    assert json.loads(piped.stdout)["new"] == len(lines.splitlines())
    assert nothing.returncode == 1
    assert "no spool file (*.jsonl) is in it" in nothing.stderr
    assert (json.loads(again.stdout)["new"], json.loads(again.stdout)["known"]) == (0, len(lines.splitlines()))


def test_spool_files_alone_rebuild_the_store(tmp_path: Path) -> None:
    """A store made anew from a copy of the spool, on another host, has the same recording and gives the same page."""
    with serving(tmp_path) as port:
        assert requestshook(tmp_path, "run", "--name", "x", "--", sys.executable, "client.py", port).returncode == 0
    other = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / ".requestshook" / "spool", other / "brought")
    told = [requestshook(tmp_path, *asked).stdout for asked in (("show", "--json"), ("render", "-o", "-"))]
    assert '"calls": [' in told[0]
    assert "### (8) 404 Not Found" in told[1]
    assert requestshook(other, "collect", "brought").returncode == 0
    assert [requestshook(other, *asked).stdout for asked in (("show", "--json"), ("render", "-o", "-"))] == told
