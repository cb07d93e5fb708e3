"""Calls that fail, and what fails for us: the program gets what it would get, the record says what it can."""

from __future__ import annotations

import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from conftest import Spooled
from hook_support import OneByOne, call, calls, configure, content
from raw_server import ANSWERS, JSON, LONG, RawServer, chunked, whole
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

import requestshook
from requestshook import events, recording

INJECT = str(Path(requestshook.__file__).parent / "_inject")


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A raw server."""
    own = RawServer()
    yield own
    own.close()


@pytest.fixture
def installed(spooled: Spooled) -> Iterator[Spooled]:
    """The hook installed; what it says is the test's."""
    requestshook.install("program")
    yield spooled
    requestshook.uninstall()


@pytest.fixture
def hooked(installed: Spooled) -> Iterator[Spooled]:
    """The hook installed, silent to the end."""
    yield installed
    assert installed.said == []
    assert installed.recorder.dropped == 0


def failed(spooled: Spooled) -> str:
    """The error of the only call, which has no response."""
    seen = call(spooled)
    assert seen.response is None
    assert seen.failure is not None
    return seen.failure.error


# Calls that fail


def test_connect_timeout(hooked: Spooled) -> None:
    """A call that cannot connect in time has a request and a failure."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        with pytest.raises(requests.ConnectTimeout):
            requests.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=0.3)
        for one in full:
            one.close()
    assert failed(hooked).startswith("ConnectTimeout: HTTPConnectionPool(host='127.0.0.1'")


def test_read_timeout(hooked: Spooled) -> None:
    """A server that never answers: request and failure."""
    over = threading.Event()
    with OneByOne(lambda connection: over.wait(10) and None) as own:
        with pytest.raises(requests.ReadTimeout):
            requests.get(own.url, timeout=0.2)
        over.set()
    assert failed(hooked).startswith("ReadTimeout: ")


def test_refused(hooked: Spooled) -> None:
    """Nobody listens: request and failure."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/")
    assert failed(hooked).startswith("ConnectionError: ")


def test_proxy_refused(hooked: Spooled) -> None:
    """A proxy that is not there: request to the address asked for, and failure."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("http://stranger.example/", proxies={"http": f"http://127.0.0.1:{port}"})
    assert failed(hooked).startswith("ProxyError: ")
    assert call(hooked).request.url == "http://stranger.example/"


def test_through_a_proxy(hooked: Spooled, server: RawServer) -> None:
    """A call through a proxy is recorded with its own address and Host."""
    with OneByOne(lambda connection: connection.sendall(whole(connection.recv(65536)))) as proxy:
        echoed = requests.get("http://stranger.example/json?a", proxies={"http": proxy.url}).content
    head = echoed.decode().partition("\r\n\r\n")[0].split("\r\n")
    found = call(hooked).request
    assert head[0] == "GET http://stranger.example/json?a HTTP/1.1"
    assert [f"{name}: {value}" for name, value in found.headers] == head[1:]


@pytest.mark.parametrize("answer", ["dies-at-once", "no-http"])
def test_no_answer(answer: str, hooked: Spooled, server: RawServer) -> None:
    """A server that hangs up or speaks something else: request and failure."""
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/{answer}")
    assert failed(hooked).startswith("ConnectionError: ")


def test_too_many_redirects(hooked: Spooled, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hop is a call with its response; giving up is the program's affair."""
    monkeypatch.setitem(ANSWERS, "loop", (whole(b"", b"Location: /loop", status=b"302 Found"), True))
    with requests.Session() as session:
        session.max_redirects = 3
        with pytest.raises(requests.TooManyRedirects):
            session.get(server.url + "/loop")
    assert [seen.response and seen.response.status for seen in calls(hooked)] == [302] * 4
    assert all(seen.failure is None for seen in calls(hooked))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("answer", "kept"), [("dies", JSON), ("dies-in-chunk", chunked(JSON)[:-40]), ("bad-chunk", b"")]
)
def test_body_that_breaks_off(answer: str, kept: bytes, stream: bool, hooked: Spooled, server: RawServer) -> None:
    """A response whose body breaks off keeps what came, and says the error, streamed or awaited."""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"{server.url}/{answer}", stream=stream).content  # noqa: B018
    seen = call(hooked)
    assert seen.response is not None
    assert seen.response.body is None
    assert seen.down().end.startswith("error: ")
    came = content(seen.down().body)
    assert came == kept if answer != "dies-in-chunk" else (came and JSON.startswith(came))


def test_body_that_cannot_be_decoded(hooked: Spooled, server: RawServer) -> None:
    """What is no gzip although it says so: its octets had all come."""
    with pytest.raises(requests.exceptions.ContentDecodingError):
        requests.get(server.url + "/bad-gzip")
    seen = call(hooked)
    assert seen.response is not None
    body = seen.response.body or seen.down().body
    assert body.size == len(b"not gzip at all")


def test_certificate_nobody_knows(hooked: Spooled, tmp_path: Path) -> None:
    """A certificate that is not trusted: request and failure; with its authority given, a call like any other."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(whole(JSON, b"Connection: close"))

    with OneByOne(serve) as own:
        url = own.url.replace("http:", "https:")
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url)
        assert failed(hooked).startswith("SSLError: ")
        assert requests.get(url, verify=str(tmp_path / "ca.pem")).content == JSON
    response = calls(hooked)[1].response
    assert response is not None
    assert content(response.body) == JSON


@pytest.mark.parametrize("url", ["http://", "http://[::1", "nothing", "ftp://127.0.0.1/", "http://*.example/"])
def test_address_that_is_none(url: str, hooked: Spooled) -> None:
    """What was never sent is not recorded."""
    with pytest.raises((requests.exceptions.InvalidURL, ValueError)):
        requests.get(url)
    assert calls(hooked) == []


def test_retries_that_end_in_failure(hooked: Spooled, server: RawServer) -> None:
    """When urllib3 gives up, the failure has the tries before it."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(total=2, status_forcelist=[503], backoff_factor=0)))
        server.failures_left = 9
        with pytest.raises(requests.exceptions.RetryError):
            session.get(server.url + "/json")
    seen = call(hooked)
    assert seen.failure is not None
    assert [attempt.status for attempt in seen.failure.attempts] == [503, 503]


def test_body_that_fails_while_it_is_sent(hooked: Spooled, server: RawServer) -> None:
    """The program's own error in the middle of an upload passes through, and is the call's failure."""

    def chunks() -> Iterator[bytes]:
        yield b"first"
        raise KeyError("no second")

    with pytest.raises(KeyError):
        requests.post(server.url + "/echo", data=chunks())
    seen = call(hooked)
    assert failed(hooked) == "KeyError: 'no second'"
    assert (seen.up().end, content(seen.up().body)) == ("error: KeyError: 'no second'", b"first")


@pytest.mark.parametrize("stream", [False, True])
def test_interrupted_while_reading(stream: bool, hooked: Spooled) -> None:
    """Ctrl-C while a body is awaited passes through; what came is kept, with what ended it."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(chunked(JSON)[:-5])
        over.wait(0.8)  # until it waits for more
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        over.wait(10)

    with OneByOne(serve) as own:
        with pytest.raises(KeyboardInterrupt):
            requests.get(own.url, stream=stream).content  # noqa: B018
        over.set()
    assert call(hooked).down().end == "error: KeyboardInterrupt"
    assert content(call(hooked).down().body) == JSON


FORKED = """
import os, sys, requests
response = requests.get(sys.argv[1] + "/medium", stream=True)
first = response.raw.read(1000)
child = os.fork()
rest = response.raw.read()
assert len(first + rest) == 5000, len(first + rest)
if not child:
    del response
    assert requests.get(sys.argv[1] + "/lines").ok
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert requests.get(sys.argv[1] + "/json").ok
"""


def run(program: str, server: RawServer, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """A program under the hook in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, server.url],
        env={
            "PYTHONPATH": INJECT,
            "PYTHONDONTWRITEBYTECODE": "1",  # where files may not grow, half a module would be kept for everybody
            "REQUESTSHOOK": "1",
            "REQUESTSHOOK_DIR": str(folder),
            "REQUESTSHOOK_TRACE": "0123456789abcdef" * 2,
        },
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


def test_fork_in_mid_stream(server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parent and child read on after a fork; only the parent writes that body, and the child its own calls."""
    monkeypatch.setitem(ANSWERS, "medium", (whole(LONG[:5000]), True))
    own = Spooled(tmp_path / "r")
    done = run(FORKED, server, own.folder)
    assert (done.returncode, done.stderr) == (0, "")
    found = {seen.request.url.rpartition("/")[2]: seen for seen in calls(own)}
    assert sorted(found) == ["json", "lines", "medium"]
    assert len(found["medium"].ends) == 1
    assert content(found["medium"].down().body) == LONG[:5000]
    pids = {name: seen.request.origin.pid for name, seen in found.items()}
    assert pids["json"] == pids["medium"] != pids["lines"]
    assert len(own.of(events.Process)) == len(list((own.folder / "spool").iterdir())) == 2


# What fails for us

MANY = """
import sys, requests
for _ in range(20):
    with requests.post(sys.argv[1] + "/echo", data=b"x" * 500, stream=True) as response:
        print(len(response.content))
    print(len(requests.get(sys.argv[1] + "/json").content))
"""


def undisturbed(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that we said, where the program did all that it does."""
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"500\n{len(JSON)}\n" * 20
    (line,) = done.stderr.splitlines()
    return line


def test_disk_that_is_full(server: RawServer, tmp_path: Path) -> None:
    """Where no more can be written we say so once, and the program does what it does; no line is half there."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

    own = Spooled(tmp_path / "r")
    assert undisturbed(run(MANY, server, own.folder, preexec_fn=limit)).startswith("requestshook: cannot record")
    (path,) = (own.folder / "spool").iterdir()
    lines = path.read_bytes().split(b"\n")
    assert all(events.from_line(line) for line in lines[:-1])


@pytest.mark.parametrize("what", ["", "spool"])
def test_file_in_the_folders_place(what: str, server: RawServer, tmp_path: Path) -> None:
    """Where our folder cannot be, we say so once, and the program does what it does."""
    folder = tmp_path / "r"
    if what:
        folder.mkdir()
    (folder / what).write_text("in the way")
    assert undisturbed(run(MANY, server, folder)).startswith("requestshook: cannot record")


def test_folder_that_is_gone(installed: Spooled, server: RawServer) -> None:
    """A spool that is removed while the program runs is made again."""
    requests.get(server.url + "/json")
    for path in (installed.folder / "spool").iterdir():
        path.unlink()
    (installed.folder / "spool").rmdir()
    requests.get(server.url + "/lines")
    assert [seen.request.url.rpartition("/")[2] for seen in calls(installed)] == ["lines"]
    assert installed.said == []


def test_all_that_may_be_written(server: RawServer, tmp_path: Path) -> None:
    """When `capture: {max: …}` is reached we say so once, go on, and count what is lost."""
    own = Spooled(tmp_path / "r")
    configure(own, max=6000)
    assert "max" in undisturbed(run(MANY, server, own.folder))
    (path,) = (own.folder / "spool").iterdir()
    assert sum(len(line) for line in path.read_bytes().splitlines(True) if b'"event":"count"' not in line) <= 6000
    counted = own.of(events.Count)[-1]
    assert isinstance(counted, events.Count)
    assert counted.dropped > 0
    assert "max" in str(counted.why)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"v": 99}', '{"v": 1}', "\x00"])
def test_broken_capture_json(text: str, installed: Spooled, server: RawServer) -> None:
    """A `capture.json` that cannot be read is said once; calls go on, recorded and redacted."""
    configure(installed)
    requests.get(server.url + "/json")
    (installed.folder / "capture.json").write_text(text)
    for _ in range(3):
        assert requests.get(server.url + "/json", headers={"Authorization": "Bearer secret-secret"}).ok
    (said,) = installed.said
    assert "capture.json cannot be read" in said
    assert len(calls(installed)) == 4
    assert b"secret-secret" not in b"".join(path.read_bytes() for path in (installed.folder / "spool").iterdir())
    configure(installed, body_limit=3)
    requests.get(server.url + "/json")
    response = calls(installed)[-1].response
    assert response is not None
    assert content(response.body) == JSON[:3]


def test_changed_capture_json(hooked: Spooled, server: RawServer) -> None:
    """What `capture.json` says anew holds from the next call on: limits, what is ignored, a recording that opens."""
    requests.get(server.url + "/json")
    configure(hooked, body_limit=5, recordings=[{"trace": "c" * 32, "name": "by hand"}])
    requests.get(server.url + "/json")
    configure(hooked, ignore=[{"call": "(?s:.*)", "query": None}])
    requests.get(server.url + "/json")
    first, second = calls(hooked)
    assert second.request.origin.trace == "c" * 32 != first.request.origin.trace
    assert second.response is not None
    assert content(second.response.body) == JSON[:5]


class Broken:
    """A redactor with a bug."""

    def event(self, *arguments: Any) -> Any:
        """Fail."""
        raise ZeroDivisionError("ours")


def test_fault_of_ours(installed: Spooled, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours in writing a line is said once and counted; the program gets what it would get."""
    requests.get(server.url + "/json")
    recorder = recording.recorder
    monkeypatch.setattr(recorder, "_settings", recorder.settings()._replace(redactor=Broken()))  # type: ignore[arg-type] # broken on purpose
    for body in (b"x", iter([b"x"])):
        response = requests.post(server.url + "/echo", data=body, stream=True)  # type: ignore[arg-type] # its stubs know no iterator
        assert response.content == b"x"
    assert len(installed.said) == 1
    assert recorder.dropped > 3


@pytest.mark.parametrize("where", ["sending", "answered", "received", "_write_end", "_sent"])
def test_fault_in_the_hook(where: str, installed: Spooled, server: RawServer, monkeypatch: Any) -> None:
    """A bug of ours at any point of a call is said once and counted; the program gets what it would get."""
    from requestshook.capture import exchange

    def broken(*arguments: Any, **keywords: Any) -> Any:
        raise ZeroDivisionError("ours")

    if where == "received":
        monkeypatch.setattr(exchange.Head, "add", broken)
    else:
        monkeypatch.setattr(exchange.Exchange, where, broken)
    for stream in (False, True):
        for name in ("json", "chunked"):
            assert requests.get(f"{server.url}/{name}", stream=stream).content == JSON
        assert requests.post(server.url + "/echo", data=iter([b"x"]), stream=stream).content == b"x"
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(server.url + "/dies")
    assert len(installed.said) == 1
    assert recording.recorder.dropped > 0


def test_environment_is_as_it_was() -> None:
    """The tests above leave no recorder's variable behind."""
    assert not [name for name in os.environ if name.startswith("REQUESTSHOOK") and name != "REQUESTSHOOK_NO_SKIPS"]
