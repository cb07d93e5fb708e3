"""mitmproxy's flow files, as a real mitmdump writes and reads them."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from requestshook.environment import PACKAGE
from requestshook.errors import RequestshookError
from requestshook.events import Body, Failure, Note, Request, Response
from requestshook.formats import FLOWS, flows, kind_of
from requestshook.formats.values import Context
from tests.addon_support import ADDON, ask, free_port, mitmdump
from tests.flows_support import CONTEXT, FILES, calls, dumped, entries, older, states
from tests.raw_server import GZIP, JSON, LONG, RawServer

ID = "0123456789abcdef0123456789abcdef"
PARENT = "fedcba9876543210fedcba9876543210"


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTSHOOK_MITMDUMP", mitmdump())


def recorded(home: Path, conversations: list[bytes], *options: str) -> Path:
    """The file that mitmdump leaves of what a client said to it as its forward proxy."""
    port, path = free_port(), home / "recorded"
    command = [mitmdump(), "-q", "-w", str(path), "--mode", f"regular@127.0.0.1:{port}"]
    for option in (f"confdir={home / 'confdir'}", *options):
        command += ["--set", option]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert child.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        for octets in conversations:
            ask(port, octets)
    finally:
        child.terminate()
        assert child.wait(30) == 0
    return path


def said(server: RawServer, line: str, *headers: bytes, body: bytes = b"") -> bytes:
    """A request of a forward proxy's client, which closes afterwards."""
    method, path = line.split()
    host = server.url.removeprefix("http://").encode()
    own = [b"User-Agent: openstacksdk/4.0 keystoneauth1/5", *headers, b"Connection: close"]
    if body:
        own.append(b"Content-Length: %d" % len(body))
    head = [f"{method} {server.url}{path} HTTP/1.1".encode(), b"Host: " + host, *own]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    found = RawServer()
    yield found
    found.close()


@pytest.fixture(scope="module")
def conversation(server: RawServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recorded file with calls of many sorts."""
    tags = (b"X-Requestshook-Request-Id: " + ID.encode(), b"x-requestshook-request-from: nova-api")
    return recorded(
        tmp_path_factory.mktemp("conversation"),
        [
            said(server, "GET /json?a=1&a=%ED%95%9C", *tags, b"X-Requestshook-Parent-Id: " + PARENT.encode()),
            said(server, "POST /echo", b"X-Odd: caf\xe9", b"X-Twice: 1", b"x-twice: 2", body=b"\x00\xffoctets"),
            said(server, "GET /gzip"),
            said(server, "GET /chunked"),
            said(server, "GET /repeats"),
            said(server, "HEAD /json"),
            said(server, "GET /no-content"),
            said(server, "GET /long"),
            said(server, "GET /no-reason"),
            said(server, "GET /dies-at-once"),
            said(server, "GET /dies"),
        ],
    )


def by_path(found: list[Any]) -> dict[str, list[Any]]:
    """The events of each call, by method and path; one path is asked for once."""
    of: dict[str, list[Any]] = {}
    names = {}
    for event in found:
        if isinstance(event, Request):
            names[event.origin] = f"{event.method} /{event.url.split('/', 3)[3]}"
        of.setdefault(names[event.origin], []).append(event)
    return of


def test_what_mitmdump_recorded(conversation: Path, server: RawServer) -> None:
    """Requests and responses come with every octet of their headers and contents, their times and their ends."""
    found = entries(conversation)
    of = by_path(calls(found))
    asked, answered = of["GET /json?a=1&a=%ED%95%9C"]
    assert asked.url == f"{server.url}/json?a=1&a=%ED%95%9C"
    assert (asked.http, asked.body, answered.status, answered.reason) == ("HTTP/1.1", Body("", 0), 200, "OK")
    assert answered.body == Body(JSON, len(JSON))
    assert 0 < answered.at - asked.at < 60
    assert 0 <= time.time() - answered.at < 3600
    asked, answered = of["POST /echo"]
    assert asked.body == answered.body == Body(b"\x00\xffoctets", 8)
    assert asked.headers[1:5] == (
        ("User-Agent", "openstacksdk/4.0 keystoneauth1/5"), ("X-Odd", "caf\xe9"), ("X-Twice", "1"), ("x-twice", "2"),
    )  # fmt: skip
    assert of["GET /gzip"][1].body == Body(GZIP, len(GZIP))
    assert of["GET /repeats"][1].headers[1:] == (
        ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"), ("X-Odd", "caf\xe9"),
    )  # fmt: skip
    assert of["HEAD /json"][1].body == of["GET /no-content"][1].body == Body("", 0)
    assert of["GET /long"][1].body == Body(LONG[:65536], len(LONG), cut=True)
    assert of["GET /no-reason"][1].reason == ""
    assert [entry.done for entry in found] == sorted(entry.done for entry in found)
    assert found[-1].done == conversation.stat().st_size


def test_names_and_ids_of_what_mitmdump_recorded(conversation: Path) -> None:
    """Tags in the headers say who calls and what for; without them the User-Agent does, and the flow has an id."""
    asked = [event for event in calls(entries(conversation)) if isinstance(event, Request)]
    first, *others = asked
    assert (first.origin.id, first.parent, first.caller) == (ID, PARENT, "nova-api")
    assert {(event.caller, event.parent, event.callee) for event in others} == {("openstacksdk", None, None)}
    assert len({event.origin.id for event in asked}) == len(asked)
    assert {event.origin[0::2] for event in asked} == {("wire", CONTEXT.trace, 1)}
    assert [event.origin.n for event in asked] == list(range(1, len(asked) + 1))
    later = Context(*(getattr(CONTEXT, name) for name in CONTEXT.__slots__[:-1]), begin=100)
    again = [event for event in calls(entries(conversation, later)) if isinstance(event, Request)]
    assert [event.origin.id for event in again] == [event.origin.id for event in asked]
    assert again[0].origin.n == 101


def test_what_broke_off(conversation: Path) -> None:
    """A flow's error is the call's failure, after a response or instead of one; what is not kept is said."""
    found = entries(conversation)
    of = by_path(calls(found))
    asked, failure = of["GET /dies-at-once"]
    assert isinstance(failure, Failure)
    assert failure.error.startswith("ServerDisconnected: ")
    assert asked.at <= failure.at
    asked, answer, failure = of["GET /dies"]
    assert (answer.status, answer.body) == (200, None)
    assert isinstance(failure, Failure)
    assert failure.error.startswith("ServerDisconnected: ")
    assert {entry.problem for entry in found} == {None}


def test_contents_that_mitmproxy_did_not_keep(server: RawServer, tmp_path: Path) -> None:
    """Of a streamed content the size is known where the headers tell it; else its end was not seen."""
    talk = [said(server, "GET /long"), said(server, "GET /chunked-long"), said(server, "GET /json")]
    _, long, _, chunked, _, json = calls(entries(recorded(tmp_path, talk, "stream_large_bodies=1k")))
    assert isinstance(long, Response)
    assert long.body == Body(None, len(LONG), why="mitmproxy passed it on and kept none of it")
    assert isinstance(chunked, Response)
    assert chunked.body is None
    assert isinstance(json, Response)
    assert json.body == Body(JSON, len(JSON))


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_files_of_older_mitmproxies(path: Path) -> None:
    """What mitmproxy 5 to 10 wrote is read."""
    found = entries(path)
    assert [entry.problem for entry in found] == [None] * 3
    first, answer, tagged, packed, gone, failure = calls(found)
    assert kind_of(path.read_bytes()) == FLOWS
    assert isinstance(first, Request)
    assert (first.method, first.url.partition("/v3")[2]) == ("POST", "/auth?a=1&a=2")
    assert first.body == Body(b'{"auth": {"password": "hunter2hunter2"}}', 40)
    assert isinstance(answer, Response)
    assert answer.headers[1:3] == (("X-Twice", "a"), ("x-twice", "caf\xe9"))
    assert isinstance(tagged, Request)
    assert (tagged.origin.id, tagged.caller) == (ID, "nova-api")
    assert isinstance(packed, Response)
    assert isinstance(packed.body, Body)
    assert isinstance(packed.body.content, bytes)
    assert gzip.decompress(packed.body.content).startswith(b'{"token":')
    assert isinstance(gone, Request)
    assert isinstance(failure, Failure)
    assert failure.error.startswith("ServerDisconnected: ")


def test_every_version_of_the_format(tmp_path: Path) -> None:
    """One flow as each version back to 0.11 has it says the same each time."""
    newest = states((FILES / "mitmproxy-5.3.0.flows").read_bytes())[0]
    expected = [event._replace(origin=None) for event in calls(entries(FILES / "mitmproxy-5.3.0.flows"))[:2]]
    olds = older(newest)
    (tmp_path / "olds").write_bytes(b"".join(map(dumped, olds)))
    found = entries(tmp_path / "olds")
    assert len(found) == len(olds) == 15
    for entry in found:
        assert entry.problem is None
        assert [event._replace(origin=None) for event in entry.events] == expected  # type: ignore[union-attr, call-arg] # a call's
    for state in olds:
        assert kind_of(dumped(state)) == FLOWS


def current() -> list[dict[str, Any]]:
    """Three sound states."""
    return states((FILES / "mitmproxy-10.4.2.flows").read_bytes())


def broken() -> list[dict[str, Any]]:
    """Flows in which something is missing, or is what it cannot be."""
    a, b, c, d, e, f = (current()[0] for _ in range(6))
    del a["request"]["headers"]
    b["request"] = "5ecret"
    c["type"] = "5ecret"
    d["version"] = 9999
    e["client_conn"] = None
    f["request"]["timestamp_start"] = 1e300
    return [a, b, c, d, e, f]


def test_a_broken_flow_is_skipped(tmp_path: Path) -> None:
    """It is reported by its number, never in its own words; those around it are read."""
    bad = broken()
    first, second, third = current()
    bad_inside = dumped(third).replace(b":request;", b":re;uest;")
    octets = dumped(first) + b"".join(map(dumped, bad)) + dumped(second) + bad_inside + dumped(third)
    (tmp_path / "some").write_bytes(octets)
    found = entries(tmp_path / "some")
    assert [entry.number for entry in found] == list(range(1, len(bad) + 5))
    assert [entry.number for entry in found if entry.events] == [1, len(bad) + 2, len(bad) + 4]
    problems = [entry.problem or "" for entry in found if not entry.events]
    assert len(problems) == len(bad) + 1
    assert all(
        problem.startswith(("it is broken (", "it is of flow format 9999", "it says what")) for problem in problems
    )
    assert not any("5ecret" in problem for problem in problems)


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (b"", None),
        (b"123", "the file ends in the middle of it"),
        (b"999999999999:4:type;", "the file ends in the middle of it"),
        (b"\0\1\2 garbage", "there is something else than a flow"),
        (b"9999999999999:", "there is something else than a flow"),
        (b"4:true!", "there is something else than a flow"),
        (b"CUT", "the file ends in the middle of it"),
    ],
    ids=["whole", "length", "longer", "garbage", "absurd", "value", "cut"],
)
def test_a_file_that_breaks_off(tmp_path: Path, rest: bytes, said: str | None) -> None:
    """What stands before it is read, and it is said where the rest cannot be."""
    first, second, third = map(dumped, current())
    (tmp_path / "some").write_bytes(first + second + (third[:-5] if rest == b"CUT" else rest))
    found = entries(tmp_path / "some")
    assert [bool(entry.events) for entry in found] == [True, True] + [False] * (said is not None)
    if said is not None:
        assert (found[-1].number, found[-1].problem) == (3, f"{said}: what follows cannot be read")


def test_flows_that_are_no_calls(tmp_path: Path) -> None:
    """TCP and UDP flows are counted and named once; a WebSocket's handshake is a call, its messages are left out."""
    tcp, http, socket_ = current()
    for name in ("request", "response", "websocket"):
        tcp.pop(name)
    tcp.update(type="tcp", messages=[])
    socket_["websocket"] = {
        "messages": [[1, True, b"hello", 1.0, False, False]], "closed_by_client": True, "close_code": 1000,
        "close_reason": "", "timestamp_end": 2.0,
    }  # fmt: skip
    (tmp_path / "some").write_bytes(b"".join(map(dumped, (http, tcp, socket_, tcp | {"type": "udp"}, tcp))))
    found = entries(tmp_path / "some")
    assert [(entry.number, bool(entry.events)) for entry in found] == [(1, True), (3, True), (2, False)]
    assert found[1].problem == "its WebSocket messages (1) are left out"
    assert found[2].problem == "flows without HTTP are left out: TCP 2, UDP 1"


def test_trailers(tmp_path: Path) -> None:
    """A call whose flow has trailers is read, and they are said to be left out."""
    first, second, _ = current()
    first["request"]["trailers"] = [[b"X-Sum", b"1"]]
    second["response"]["trailers"] = [[b"X-Sum", b"1"]]
    (tmp_path / "some").write_bytes(dumped(first) + dumped(second))
    assert [(len(entry.events), entry.problem) for entry in entries(tmp_path / "some")] == [
        (2, "its trailers are left out")
    ] * 2


def test_comments_and_marks(tmp_path: Path) -> None:
    """What somebody wrote to a flow is a note."""
    plain, both, mark = current()
    both.update(comment="look\nhere", marked=":warning:")
    mark.update(marked=":default:")
    (tmp_path / "some").write_bytes(b"".join(map(dumped, (plain, both, mark))))
    one, two, three = entries(tmp_path / "some")
    assert not [event for event in one.events if isinstance(event, Note)]
    assert [(e.text, e.mark) for e in two.events if isinstance(e, Note)] == [("look\nhere", ":warning:")]
    assert [(e.text, e.mark) for e in three.events if isinstance(e, Note)] == [("", ":default:")]
    assert {event.origin for event in three.events if not isinstance(event, Note)} == {three.events[-1].origin}  # type: ignore[union-attr] # a call's


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"{",
        b'{"log": {"entries": []}}',
        b'{"v":1,"event":"request"}',
        b"12",
        b"12:",
        b"5:hello,",
        b"GET / HTTP/1.1",
    ],
)
def test_what_is_no_flow_file(head: bytes) -> None:
    """Only what begins as a flow is one."""
    assert not flows.is_it(head)


def test_without_mitmdump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install, or what is wrong with what was named."""
    path = FILES / "mitmproxy-10.4.2.flows"
    monkeypatch.setenv("REQUESTSHOOK_MITMDUMP", str(tmp_path / "none"))
    with pytest.raises(RequestshookError, match=r"REQUESTSHOOK_MITMDUMP names .* no program that can be run"):
        entries(path)
    monkeypatch.setenv("REQUESTSHOOK_MITMDUMP", shutil.which("false") or "/bin/false")
    with pytest.raises(RequestshookError, match=r"mitmdump gave up \(status 1\)"):
        entries(path)
    monkeypatch.delenv("REQUESTSHOOK_MITMDUMP")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(
        RequestshookError, match=r"not found: install mitmproxy with pip install 'requestshook\[proxy\]'"
    ):
        entries(path)
    with pytest.raises(RequestshookError, match="not found"):
        flows.dump(None, lambda ref: None, io.BytesIO())  # type: ignore[arg-type] # it does not come so far


def test_it_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading makes no file and leaves no process, also where the reader goes away early; his own settings stay out."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    for folder in (home / ".mitmproxy", temporary):
        folder.mkdir(parents=True)
    (home / ".mitmproxy" / "config.yaml").write_text("no_such_option: [")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    path = tmp_path / "many"
    path.write_bytes((FILES / "mitmproxy-10.4.2.flows").read_bytes() * 2000)
    before = children()
    reading = flows.load(str(path), CONTEXT)
    assert next(reading).events
    assert children() - before
    reading.close()  # type: ignore[attr-defined] # it is a generator
    assert not children() - before
    assert [*temporary.iterdir()] == []
    assert [path.name for path in (home / ".mitmproxy").iterdir()] == ["config.yaml"]


def children() -> set[str]:
    """The processes that this one has started and not yet seen end."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_the_script_of_an_installed_package(tmp_path: Path) -> None:
    """As a wheel has it, the script loads the package that it lies in, also by a link from elsewhere."""
    place = tmp_path / "site" / "requestshook"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, place, ignore=ignored)
    shutil.copytree(ADDON.parent, place / "addons", ignore=ignored)
    (tmp_path / "link.py").symlink_to(place / "addons" / "requestshook_flows.py")
    for script in (place / "addons" / "requestshook_flows.py", tmp_path / "link.py"):
        command = [mitmdump(), "-n", "-q", "-s", str(script), "--set", f"confdir={tmp_path / 'confdir'}"]
        command += ["--set", "requestshook_flows=read"]
        with (FILES / "mitmproxy-10.4.2.flows").open("rb") as file:
            done = subprocess.run(command, stdin=file, capture_output=True, timeout=60, cwd=tmp_path, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b'"event":"request"') == 3
