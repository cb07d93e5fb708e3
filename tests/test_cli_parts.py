"""The command line's parts: text for terminals, tables, file names, files, sizes, curl commands, who cannot write."""

from __future__ import annotations

import io
import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cli_support import environment
from hypothesis import example, given, settings
from hypothesis import strategies as st

from requestshook.cli import curl, figures, flow, guessing, opening, running, terminal, writing
from requestshook.cli.terminal import Cell, Column
from requestshook.config import load
from requestshook.environment import variables
from requestshook.events import Attempt, Body, Origin, Request, Response
from requestshook.trace import build
from requestshook.trace.calls import Call, Message
from requestshook.workspace import Workspace

FORBIDDEN = [chr(c) for c in (*range(0x20), *range(0x7F, 0xA0), 0x200F, 0x202E, 0x2066, 0x2028) if chr(c) not in "\n\t"]


@given(st.text(st.characters(codec="utf-8") | st.sampled_from(FORBIDDEN)))
def test_nothing_steers_a_terminal(text: str) -> None:
    """No control character is left, in text of many lines and in cells; what is plain stays as it is."""
    assert not set(terminal.clean(text)) & set(FORBIDDEN)
    assert not set(terminal.clean_cell(text)) & {*FORBIDDEN, "\n", "\t"}
    plain = "".join(c for c in text if c == "가" or (c.isascii() and c.isprintable()))
    assert terminal.clean_cell(plain) == plain


@given(
    st.lists(st.tuples(st.text(max_size=40), st.text(max_size=60), st.text("0123456789", max_size=5)), max_size=6),
    st.integers(40, 120),
)
def test_table_fits(rows: list[tuple[str, str, str]], width: int) -> None:
    """Every line of a table is as wide as the others and no wider than the terminal; in a pipe nothing is cut."""
    heads = (Column("name", shrinks=True), Column("path", shrinks=True), Column("n", right=True))
    cells = [[Cell(text) for text in row] for row in rows]
    lines = ["".join(cell.text for cell in line) for line in terminal.layout(heads, cells, width)]
    assert len(lines) == (len(rows) + 1 if rows else 0)
    assert len({terminal.breadth(line) for line in lines}) <= 1
    assert all(terminal.breadth(line) <= width for line in lines)
    for row, line in zip(rows, terminal.layout(heads, cells, None)[1:]):
        assert [cell.text.strip() for cell in line] == [terminal.clean_cell(text).strip() for text in row]


@given(st.text(), st.integers(1, 30))
def test_shortened_text_fits(text: str, width: int) -> None:
    """What is too long keeps both its ends, and is never wider than its place."""
    short = terminal.shorten(text, width)
    assert terminal.breadth(short) <= width
    if terminal.breadth(text) <= width:
        assert short == text
    else:
        head, _, tail = short.partition("…")
        assert text.startswith(head)
        assert text.endswith(tail) or "…" in text


def test_shorten_keeps_both_ends() -> None:
    """The middle of a path goes, by columns and not by characters."""
    assert terminal.shorten("abcdefghij", 5) == "ab…ij"
    assert terminal.shorten("abcdefghij", 6) == "abc…ij"
    assert terminal.shorten("이미지생성하기", 7) == "이미…기"
    assert terminal.shorten("이미지생성하기", 6) == "이…기"
    assert terminal.shorten("abc", 3) == "abc"


UUID = "e366a87e-e51c-43b0-8fc3-9f92dd902bd4"


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        (f"GET /v2/images/{UUID}", 60, f"GET /v2/images/{UUID}"),
        (f"GET /v2/images/{UUID}", 20, "GET /v2/images/e366…"),
        (f"PUT /v1/AUTH_{'a' * 32}/glance/{UUID}", 22, "PUT …/glance/e366…"),
        ("POST /identity/v3/auth/tokens", 22, "POST …/v3/auth/tokens"),
        ("GET /" + "x" * 40 + "/", 20, "GET /xxxxx…xxxxxxxx/"),
        ("ConnectTimeout", 7, "Con…out"),
        ("GET /이미지/생성/목록", 14, "GET …/목록"),
        ("GET /v1/x?limit=1&prefix=abc", 20, "GET /v1/x?limit=1&p…"),
        ("GET /identity/v3/auth/tokens?%EC%9D%B4%EB%A6%84=%EA%B0%92", 22, "GET …/v3/auth/tokens?…"),
        ("401 Unauthorized /v3/auth/tokens?%EC%9D%B4%EB%A6%84=%EA", 32, "401 Unauthorized …/auth/tokens?…"),
    ],
)
def test_paths_keep_their_ends(text: str, width: int, short: str) -> None:
    """What is too long loses its query's end, then its ids' ends, then its beginning; at last its middle."""
    assert terminal.shorten_path(text, width) == short


@given(st.text("GET /ab0f-…가?&" + "deadbeef" * 4, max_size=120), st.integers(1, 60))
def test_shortened_path_fits(text: str, width: int) -> None:
    """It is never wider than its place, and stays as it is where that fits."""
    short = terminal.shorten_path(text, width)
    assert terminal.breadth(short) <= width
    if terminal.breadth(text) <= width:
        assert short == text


@given(st.text())
def test_slug_is_one_file_name(name: str) -> None:
    """Any name becomes one file name: no separator, no dot first, short enough, and its own slug."""
    found = writing.slug(name)
    assert found
    assert not set(found) & set("/\\\0\n")
    assert not found.startswith(".")
    assert len(f".{found}.diagram.md.12345678".encode()) < 255
    assert writing.slug(found) == found


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("image-create", "image-create"),
        ("이미지 생성", "이미지-생성"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "recording"),
        ("a\x00b", "a-b"),
        ("CON:<x>", "CON-x"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    """Letters of any script stay, what makes a path goes."""
    assert writing.slug(name) == slug


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Where writing fails half way the old file stays, and nothing is left beside it; a mode is kept."""
    path = tmp_path / "docs" / "page.md"
    writing.write(str(path), ["one", "two"])
    assert path.read_text("utf-8") == "onetwo"
    path.chmod(0o640)

    def fails() -> object:
        yield "half"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match=r"No space.*page\.md"):
        writing.write(str(path), fails())  # type: ignore[arg-type]  # an iterator of str
    assert path.read_text("utf-8") == "onetwo"
    writing.write(str(path), ["three"])
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("three", 0o640)
    assert [item.name for item in path.parent.iterdir()] == ["page.md"]


def test_a_duration_whose_end_was_not_seen() -> None:
    """Where the end was not seen there is nothing to say."""
    assert figures.duration(None) == ""
    assert figures.duration(1.5) == "1.50 s"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_collection_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar appears once a collection takes long, and not before; elsewhere there is none."""
    for patience, stream, shows in ((0.0, _Terminal(), True), (60.0, _Terminal(), False), (0.0, io.StringIO(), False)):
        monkeypatch.setattr(opening, "_PATIENCE", patience)
        monkeypatch.setattr(sys, "stderr", stream)
        with opening.Bar("collecting") as bar:
            bar.advance(10, 100)
            bar.advance(100, 100)
        assert ("collecting" in stream.getvalue()) is shows


@pytest.mark.parametrize(
    ("age", "seconds"), [("30d", 30 * 86400), ("12h", 43200), ("5 m", 300), ("1W", 604800), ("0s", 0)]
)
def test_ages(age: str, seconds: int) -> None:
    """An age is a number and a unit."""
    assert figures.seconds(age) == seconds


@pytest.mark.parametrize("age", ["", "d", "30", "-1d", "1.5h", "1y", "9999999999d"])
def test_no_ages(age: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="as in 30d"):
        figures.seconds(age)


@pytest.mark.parametrize(("passed", "text"), [(0, "just now"), (59.9, "59 s ago"), (61, "1 min ago"), (9e4, "1 d ago")])
def test_how_long_ago(passed: float, text: str) -> None:
    """A past time is said in its largest unit."""
    assert figures.ago(1000.0, 1000.0 + passed) == text


def _origin(number: int = 1, view: str = "client") -> Origin:
    return Origin(view, f"{number:032x}", "b" * 32, "host", 1, number)


def _request(method: str = "GET", url: str = "http://host:1/a", headers: object = (), **more: object) -> Request:
    return Request(1.0, _origin(), None, "me", None, method, url, "HTTP/1.1", tuple(headers), None)._replace(**more)


@pytest.fixture(scope="module")
def fake_curl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `curl` that prints its arguments and standard input, apart."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "curl").write_text(
        '#!/bin/bash\nprintf "%s\\0" "$@"\nprintf "\\0STDIN\\0"\ncase " $* " in *" @- "*) cat;; esac\n', "utf-8"
    )
    (folder / "curl").chmod(0o755)
    return folder


def _arguments(script: str, fake_curl: Path) -> tuple[list[str], bytes]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["bash", "--norc"], input=script.encode("utf-8", "surrogateescape"), cwd=folder, timeout=20,
            env={"PATH": f"{fake_curl}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, capture_output=True, check=True,
        )  # fmt: skip
        assert os.listdir(folder) == []
    assert done.stderr == b""
    given_, _, stdin = done.stdout.partition(b"\0\0STDIN\0")
    return [word.decode("utf-8", "surrogateescape") for word in given_.split(b"\0")], stdin


HOSTILE = st.text(
    st.characters(codec="utf-8", exclude_characters="\0") | st.sampled_from("'\"`$\\!;&|<>\n\r\x1b(){}*?~#= ")
)


@settings(max_examples=60, deadline=None)
@given(value=HOSTILE, body=HOSTILE, path=HOSTILE)
@example(value="\u202e", body="a\u2066b", path="\u2028")
def test_curl_is_data_to_a_shell(value: str, body: str, path: str, fake_curl: Path) -> None:
    """Whatever was captured arrives in curl's arguments as it was, and nothing of it is run."""
    url = f"http://host:1/{path}"
    request = _request("PATCH", url, [("Host", "host:1"), ("X-Odd", value), ("X-Requestshook-Request-Id", "0" * 32)])
    script = curl.command(request, Body(body, len(body.encode())))
    assert not set(script) & set(FORBIDDEN)
    words, _ = _arguments(script, fake_curl)
    assert url in words
    assert (f"X-Odd: {value}" if value else "X-Odd;") in words
    assert (body in words) or not body
    assert not any("Requestshook" in word for word in words)


@settings(max_examples=25, deadline=None)
@given(body=st.binary(min_size=1))
def test_curl_sends_octets(body: bytes, fake_curl: Path) -> None:
    """A body that is no text comes by standard input, octet by octet."""
    words, stdin = _arguments(curl.command(_request("PUT"), Body(body, len(body))), fake_curl)
    assert stdin == body
    assert words[-2:] == ["--data-binary", "@-"]


def test_curl_says_what_to_fill_in(fake_curl: Path) -> None:
    """A redacted value is one variable wherever it stands, named by its kind, with where it was seen."""
    token, other = "‹token:0123456789abcdef›", "‹token:fedcba9876543210›"
    request = _request("POST", headers=[("X-Auth-Token", token), ("Authorization", f"Bearer {other}")])
    script = curl.command(request, Body(f'{{"again": "{token}"}}', 40))
    assert script.startswith(
        f"TOKEN_1=''  # fill in: header X-Auth-Token, recorded as {token}\n"
        f"TOKEN_2=''  # fill in: header Authorization, recorded as {other}\n"
    )
    words, _ = _arguments(script.replace("TOKEN_1=''", "TOKEN_1='a b'").replace("TOKEN_2=''", "TOKEN_2=c"), fake_curl)
    assert "X-Auth-Token: a b" in words
    assert "Authorization: Bearer c" in words
    assert '{"again": "a b"}' in words


@pytest.mark.parametrize(
    ("request_", "body", "said"),
    [
        (_request("HEAD"), Body(None, 0), ["--head"]),
        (_request("GET", "http://h/a/../b"), Body(None, 0), ["--path-as-is"]),
        (_request("GET", "http://h/a?x[]=1"), Body(None, 0), ["--globoff"]),
        (_request("GET", "/a", [("Host", "h:5")], origin=_origin(view="server")), Body(None, 0), ["http://h:5/a"]),
        (_request("GET", headers=[("Accept-Encoding", "gzip")]), Body(None, 0), ["--compressed"]),
        (_request("PUT"), Body("abc", 900, True), ["# put the whole body, 900 bytes", "--data-binary @body.bin"]),
        (_request("PUT"), None, ["# the request's body was not seen to its end"]),
    ],
)
def test_curl_options(request_: Request, body: Body | None, said: list[str]) -> None:
    """What a request needs of curl, and what was not kept, is said."""
    script = curl.command(request_, body)
    assert [text for text in said if text not in script] == []


def _events(calls: list[tuple[str, str, str, int]]) -> list[tuple[int, object]]:
    """Calls one after the other: caller, URL, method, status."""
    found: list[tuple[int, object]] = []
    for number, (caller, url, method, status) in enumerate(calls, 1):
        origin = _origin(number)
        body = Body(None, 10)
        found.append((number, Request(float(number), origin, None, caller, None, method, url, "HTTP/1.1", (), body)))
        attempts = (Attempt(status=503), Attempt(error="Timeout"))
        found.append((0, Response(number + 0.5, origin, status, "", "HTTP/1.1", (), attempts, body)))
    return found


def test_flow_names_callers_where_they_change() -> None:
    """A line with a name alone begins the calls of another caller; earlier tries stand before the status."""
    trace = build(
        _events([("a", "http://x:1/", "GET", 200), ("a", "http://x:1/", "GET", 500), ("b", "http://x:1/", "PUT", 201)])
    )  # type: ignore[arg-type]  # events
    rows = [[cell.text for cell in row] for row in flow.rows(trace)]
    assert [row[1] for row in rows] == ["a", "└ x:1", "└ x:1", "b", "└ x:1"]
    assert [row[3] for row in rows] == ["", "503 × 200", "503 × 500", "", "503 × 201"]
    assert rows[1][0] == "1-2"
    assert flow.summary(trace) == "3 calls between 3 services, 1 failed"


def test_flow_of_calls_without_an_answer() -> None:
    """A call of which nothing came back has one step, `…` for a status, and no time."""
    message = Message(_request(), Body(None, 0), None)
    call = Call(
        id="1" * 32, parent=None, inferred=True, depth=2, caller="a", callee="b", method="GET", target="/", views=(),
        request=message, response=None, failure=None, attempts=(), started=1.0, answered=None, request_step=7,
        response_step=None, failure_step=None,
    )  # fmt: skip
    assert [cell.text for cell in flow.row(call)] == ["7", "│ │ └ ~a → b", "GET /", "…", "", ""]


def test_guessed_services() -> None:
    """Addresses are grouped by who answered; where names share one the path tells them apart; numbers get a port."""
    calls = [
        ("a", "http://keystone.example:5000/v3/x", "GET", 200),
        ("a", "http://10.0.0.1:9292/v2", "GET", 200),
        ("a", "http://10.0.0.1:9292/v2/images", "GET", 200),
    ]
    assert guessing.services(build(_events(calls))) == [  # type: ignore[arg-type]  # events
        ("keystone", "http://keystone.example:5000"),
        ("service-9292", "http://10.0.0.1:9292"),
    ]
    shared = [("a", "http://h:80/identity/v3", "GET", 200), ("a", "http://h/image/v2", "GET", 200)]
    named = build(_events(shared), [("keystone", "http://h:80/identity"), ("glance", "http://h:80/image")])  # type: ignore[arg-type]  # events
    assert guessing.services(named) == [("keystone", "http://h:80/identity"), ("glance", "http://h:80/image")]


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.isdir("/proc/self"), reason="needs root and /proc")
def test_services_that_cannot_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running process with the hook on, whose user cannot write to the folder, is found; one that can is not."""
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(load())
    workspace.refresh()
    nobody = pwd.getpwnam("nobody")
    sleeping = ["/bin/sh", "-c", "echo; read line"]
    children = []
    try:
        for user in (nobody.pw_uid, None):
            env = environment(tmp_path)
            env |= {**variables(workspace.folder, {}), "PYTHONPATH": ""}
            child = subprocess.Popen(
                sleeping, env=env, cwd="/", user=user, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            children.append(child)
            assert child.stdout is not None
            assert child.stdout.readline() == b"\n"
        found = running.unable(workspace)
        assert [(service.pid, service.user) for service in found] == [(children[0].pid, "nobody")]
    finally:
        for child in children:
            child.communicate(timeout=10)
