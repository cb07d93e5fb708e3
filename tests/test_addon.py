"""The addon, in a real mitmdump between real clients and servers."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
import requests
import trustme

from requestshook import tags
from requestshook.events import BodyEnd, Failure, Process, Request, Response
from tests.addon_support import Proxy, answering, ask, free_port, one, proxy, read_all
from tests.raw_server import ANSWERS, JSON, LONG, RawServer

OTHER_ADDON = """
from mitmproxy import http

def requestheaders(flow):
    if flow.request.path == "/kill":
        flow.kill()

def request(flow):
    if flow.request.path == "/made-up":
        flow.response = http.Response.make(418, b"short and stout", {"X-Requestshook-Request-Id": "forged"})
"""
REGULAR, REVERSE, PLAIN = 0, 1, 2


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    found = RawServer()
    yield found
    found.close()


@pytest.fixture(scope="module")
def wire(server: RawServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """One proxy for all: forward, in front of the raw server as keystone, and in front of it with no name."""
    home = tmp_path_factory.mktemp("wire")
    (home / "other.py").write_text(OTHER_ADDON)
    folder = home / ".requestshook"
    folder.mkdir()
    settings = {
        "v": 1, "key": "5a" * 32, "redact": {"on": True, "headers": [], "keys": [], "patterns": []},
        "services": [["by-address", server.url]], "clients": [["nightly", "night/.*"]],
        "ignore": [{"call": r"[^\n]*\n[^\n]*\nGET\n/empty", "query": None}],
        "body_limit": 65536, "max": None, "tag": "all", "group": None, "recordings": [],
    }  # fmt: skip
    (folder / "capture.json").write_text(json.dumps(settings))
    target = f"reverse:{server.url}"
    options = (f"requestshook_dir={folder}", "requestshook_listener={1}=openstack -> keystone", "ssl_insecure=true")
    with proxy(home, "regular", target, target, options=options, scripts=(home / "other.py",)) as found:
        yield found
    log = found.log()
    assert "Traceback" not in log
    assert "Addon error" not in log
    assert "requestshook:" not in log


def tagged(pairs: object) -> dict[str, str]:
    """The tags among headers, by their lower-case names."""
    return {name.lower(): value for name, value in pairs if name.lower() in tags.LOWER}  # type: ignore[attr-defined] # pairs of any kind


def heads(server: RawServer) -> dict[str, str]:
    """The tags of the request that the raw server got last."""
    lines = server.requests[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    return tagged([line.split(": ", 1) for line in lines])


def test_both_messages_are_tagged(wire: Proxy, server: RawServer) -> None:
    """The callee gets id, caller and trace; the caller gets id and caller; the lines have the same."""
    answer = requests.get(wire.url(REVERSE) + "/json")
    call = wire.call("/json")
    asked, answered = one(call, Request), one(call, Response)
    assert asked.origin.view == "wire"
    assert heads(server) == tagged(asked.headers) == {
        "x-requestshook-request-id": asked.origin.id,
        "x-requestshook-request-from": "openstack",
        "x-requestshook-trace-id": asked.origin.trace,
    }  # fmt: skip
    assert tagged(answer.headers.items()) == tagged(answered.headers) == {
        "x-requestshook-request-id": asked.origin.id,
        "x-requestshook-request-from": "openstack",
    }  # fmt: skip
    assert (answer.content, answered.status, answered.body.content) == (JSON, 200, JSON.decode())
    assert asked.at <= answered.at


def test_tags_of_a_hook_are_kept(wire: Proxy, server: RawServer) -> None:
    """A caller that tags its own calls keeps its id, its name and its parent."""
    own = {tags.REQUEST_ID: "a1" * 16, tags.REQUEST_FROM: "glance-api", tags.PARENT_ID: "b2" * 16}
    answer = requests.get(wire.url(REVERSE) + "/lines", headers=own)
    asked = one(wire.call("/lines"), Request)
    assert (asked.origin.id, asked.caller, asked.parent) == ("a1" * 16, "glance-api", "b2" * 16)
    assert answer.headers[tags.REQUEST_ID] == "a1" * 16
    assert heads(server)["x-requestshook-parent-id"] == "b2" * 16


@pytest.mark.parametrize("forged", ["A1" * 16 + "!", "a1" * 15 + " ", "a1" * 16 + " 0", "<b>", "caf\xe9", "a" * 60_000])
def test_forged_tags_are_replaced(wire: Proxy, server: RawServer, forged: str) -> None:
    """Tags that are not of the form, or come twice, reach neither callee, caller nor line."""
    value = forged.encode("latin-1")
    lines = b"".join(b"%s: %s\r\n" % (name.encode(), value) for name in tags.ALL)
    twice = b"".join(b"%s: %s\r\n" % (tags.REQUEST_ID.encode(), b"c3" * 16) for _ in range(2))
    for octets in (lines, twice):
        ask(wire.ports[REVERSE], b"GET /gzip HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + octets + b"\r\n")
        asked = one(wire.call("/gzip"), Request)
        assert heads(server)["x-requestshook-request-id"] == asked.origin.id not in (forged, "c3" * 16)
        assert tags.valid_id(asked.origin.id)
        assert len([pair for pair in asked.headers if pair[0].lower() == "x-requestshook-request-id"]) == 1
        assert heads(server)["x-requestshook-trace-id"] == asked.origin.trace
        assert asked.parent is None
        if octets is lines:
            assert forged not in server.requests[-1].decode("latin-1")


@pytest.mark.parametrize(
    ("index", "agent", "caller", "callee"),
    [
        (REVERSE, "curl/8", "openstack", "keystone"),
        (PLAIN, "night/7 (owl)", "nightly", "by-address"),
        (PLAIN, "curl/8 x", "curl", "by-address"),
        (REGULAR, "", "-", "by-address"),
    ],
)
def test_names(wire: Proxy, server: RawServer, index: int, agent: str, caller: str, callee: str) -> None:
    """The caller is named by the listener, else by `clients:`, else by its product; the callee by either."""
    line = b"GET %s/repeats HTTP/1.1\r\n" % (server.url.encode() if index == REGULAR else b"")
    name = f"User-Agent: {agent}\r\n".encode() if agent else b""
    ask(wire.ports[index], line + b"Host: x\r\nConnection: close\r\n" + name + b"\r\n")
    asked = one(wire.call("/repeats"), Request)
    assert (asked.caller, asked.callee) == (caller, callee)
    assert asked.url == f"{server.url}/repeats"


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"empty", "stalls", "informed", "chunked-trailers"}))
def test_answers_pass_as_they_are(wire: Proxy, server: RawServer, name: str) -> None:
    """What a caller gets is what bare mitmproxy passes on, tags aside; the line counts what passed."""
    octets = ask(wire.ports[PLAIN], b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % name.encode())
    call = wire.call(f"/{name}")
    if any(isinstance(event, Failure) for event in call):
        assert name.startswith(("dies", "bad-chunk", "no-http", "no-reason"))
        return
    head, _, rest = octets.partition(b"\r\n\r\n")
    sent_head, _, sent = ANSWERS[name][0].partition(b"\r\n\r\n")
    assert rest.replace(b"\r\n", b"").endswith(sent[-20:].replace(b"\r\n", b""))
    for line in sent_head.split(b"\r\n")[1:]:
        assert line in head.split(b"\r\n")
    answered = one(call, Response)
    ends = [event for event in call if isinstance(event, BodyEnd)]
    body = ends[0].body if ends else answered.body
    expected = {"long": len(LONG), "chunked-long": len(LONG), "json": len(JSON), "chunked": len(JSON)}
    assert body.size == expected.get(name, body.size)
    assert body.cut == (body.size > 65536)
    assert [end.end for end in ends] == ["complete"] * len(ends)


@pytest.mark.parametrize("name", ["dies", "dies-at-once", "dies-in-headers", "dies-in-chunk", "bad-chunk", "no-http"])
def test_broken_answers_are_failures(wire: Proxy, name: str) -> None:
    """A callee that breaks off or speaks no HTTP leaves a failure, after what there was of the response."""
    ask(wire.ports[PLAIN], b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % name.encode())
    call = wire.call(f"/{name}", until=lambda found: isinstance(found[-1], Failure))
    error = one(call, Failure).error
    assert error.split(":")[0] in ("ServerDisconnected", "ProtocolError")
    for end in [event for event in call if isinstance(event, BodyEnd)]:
        assert end.end == f"error: {error}"


def test_an_ignored_call_is_tagged_and_not_recorded(wire: Proxy, server: RawServer) -> None:
    """What `ignore` names has its tags and no lines."""
    answer = requests.get(wire.url(PLAIN) + "/empty")
    assert tags.valid_id(answer.headers[tags.REQUEST_ID])
    assert heads(server)["x-requestshook-request-id"] == answer.headers[tags.REQUEST_ID]
    assert not [e for e in wire.events() if isinstance(e, Request) and e.url.endswith("/empty")]


@pytest.mark.parametrize("chunked", [True, False])
def test_an_upload_streams(wire: Proxy, chunked: bool) -> None:
    """The first octets of a body reach the callee before the last ones leave the caller; all are counted."""
    arrived, go_on = threading.Event(), threading.Event()

    def handler(connection: socket.socket, head: bytes) -> None:
        data = head.partition(b"\r\n\r\n")[2]
        while b"first" not in data:
            data += connection.recv(65536)
        arrived.set()
        while b"last!" not in data[-20:]:
            data += connection.recv(1 << 20)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    def body() -> Iterator[bytes]:
        yield b"first"
        assert go_on.wait(10)
        for _ in range(16):
            yield b"\x00" * 65536
        yield b"last!"

    size = 10 + 16 * 65536
    with answering(handler) as url:
        path = f"/upload-{chunked}"
        headers = {} if chunked else {"Content-Length": str(size)}
        threading.Thread(target=lambda: (arrived.wait(10), go_on.set()), daemon=True).start()
        client = HTTPConnection("127.0.0.1", wire.ports[REGULAR], timeout=20)
        client.request("PUT", url + path, body(), headers, encode_chunked=chunked)
        assert client.getresponse().read() == b"ok"
        client.close()
    end = one(wire.call(path), BodyEnd, "request")
    assert (end.body.size, end.body.cut, end.end) == (size, True, "complete")


def test_a_response_that_drips_arrives_piece_by_piece(wire: Proxy) -> None:
    """Each server-sent event reaches the caller before the next one is sent; the caller may leave in between."""
    heard = threading.Semaphore(0)
    gone = threading.Event()

    def handler(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(3):
            connection.sendall(b"data: %d\n\n" % number)
            assert heard.acquire(timeout=10)
        gone.wait(10)

    with answering(handler) as url, socket.create_connection(("127.0.0.1", wire.ports[0]), 10) as client:
        client.sendall(f"GET {url}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        octets = b""
        for number in range(3):
            while b"data: %d\n\n" % number not in octets:
                octets += client.recv(65536)
            heard.release()
        assert one(wire.call("/events", until=lambda found: len(found) > 1), Response).body is None
        client.close()
        call = wire.call("/events")
        gone.set()
    end = one(call, BodyEnd)
    assert (end.end, end.body.content) == ("closed", "data: 0\n\ndata: 1\n\ndata: 2\n\n")
    assert not [event for event in call if isinstance(event, Failure)]


def test_an_answer_that_comes_before_the_request_ends(wire: Proxy) -> None:
    """A 413 in the middle of an upload reaches the caller; the request's body is closed where it was."""

    def handler(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")

    with answering(handler) as url, socket.create_connection(("127.0.0.1", wire.ports[0]), 10) as client:
        client.sendall(f"PUT {url}/early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc".encode())
        octets = b""
        while not octets.endswith(b"big"):
            octets += client.recv(65536)
    call = wire.call("/early")
    assert one(call, Response).status == 413
    end = one(call, BodyEnd, "request")
    assert (end.body.size, end.end) == (3, "closed")


def test_expect_100_continue(wire: Proxy) -> None:
    """The caller is told to go on, and the body arrives."""
    with socket.create_connection(("127.0.0.1", wire.ports[PLAIN]), 10) as client:
        client.sendall(
            b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        )
        assert client.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(b"hello")
        assert read_all(client).endswith(b"\r\n\r\nhello")
    call = wire.call("/echo")
    assert one(call, BodyEnd, "request").body.content == "hello"
    assert one(call, Response).body.content == "hello"


def test_http_1_0(wire: Proxy) -> None:
    """A caller of HTTP/1.0 is answered, and the line says what it spoke."""
    octets = ask(wire.ports[PLAIN], b"GET /until-close HTTP/1.0\r\n\r\n")
    assert octets.endswith(ANSWERS["until-close"][0].partition(b"\r\n\r\n")[2])
    call = wire.call("/until-close")
    assert (one(call, Request).http, one(call, Response).http) == ("HTTP/1.0", "HTTP/1.0")


def test_many_calls_on_one_connection(wire: Proxy) -> None:
    """Keep-alive: each call has an id of its own."""
    with requests.Session() as session:
        found = {session.get(wire.url(PLAIN) + "/json").headers[tags.REQUEST_ID] for _ in range(20)}
    assert len(found) == 20
    wire.call("/json")
    assert found <= {event.origin.id for event in wire.events() if isinstance(event, Response)}


def test_a_websocket(wire: Proxy) -> None:
    """The handshake is recorded, and what is said afterwards passes as it is."""
    frame = b"\x81\x05hello"

    def handler(connection: socket.socket, head: bytes) -> None:
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        masked = connection.recv(65536)
        assert masked[:2] == b"\x81\x85"
        assert bytes(a ^ b for a, b in zip(masked[6:], masked[2:6] * 9)) == b"hello"
        connection.sendall(frame)
        connection.recv(65536)

    with answering(handler) as url, socket.create_connection(("127.0.0.1", wire.ports[0]), 10) as client:
        client.sendall(
            f"GET {url}/socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        assert head.startswith(b"HTTP/1.1 101")
        client.sendall(b"\x81\x85\x01\x02\x03\x04" + bytes(a ^ b for a, b in zip(b"hello", b"\x01\x02\x03\x04\x01")))
        assert client.recv(65536) == frame
    call = wire.call("/socket")
    assert [type(event) for event in call] == [Request, Response]
    assert (one(call, Response).status, one(call, Response).body.size) == (101, 0)


def test_refused(wire: Proxy) -> None:
    """A callee that is not up: the caller gets mitmproxy's 502, and the call is a failure."""
    answer = requests.get(f"http://127.0.0.1:{free_port()}/nobody", proxies={"http": wire.url()})
    assert answer.status_code == 502
    assert one(wire.call("/nobody"), Failure).error.startswith("ConnectionRefused: ")


def test_reset(wire: Proxy) -> None:
    """A callee that resets the connection: a failure."""

    def handler(connection: socket.socket, head: bytes) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with answering(handler) as url:
        assert requests.get(f"{url}/reset", proxies={"http": wire.url()}).status_code == 502
    assert one(wire.call("/reset"), Failure).error.split(":")[0] in ("ConnectionReset", "ServerDisconnected")


def test_a_caller_that_gives_up(wire: Proxy) -> None:
    """A caller's time-out is a failure of the call."""
    over = threading.Event()
    with answering(lambda connection, head: over.wait(10) and None) as url:
        with pytest.raises(requests.Timeout):
            requests.get(f"{url}/slow", proxies={"http": wire.url()}, timeout=0.3)
        assert one(wire.call("/slow"), Failure).error.startswith("ClientDisconnected: ")
        over.set()


def test_a_caller_that_breaks_off_its_upload(wire: Proxy) -> None:
    """A caller that goes away in the middle of its body is told from a callee that does; what came is kept."""
    over = threading.Event()
    with answering(lambda connection, head: over.wait(10) and None) as url:
        with socket.create_connection(("127.0.0.1", wire.ports[REGULAR]), 10) as client:
            client.sendall(f"PUT {url}/torn HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
            wire.call("/torn", until=lambda found: len(found) > 0)
            time.sleep(0.2)
        call = wire.call("/torn")
        over.set()
    assert one(call, Failure).error.startswith("ClientDisconnected: ")
    end = one(call, BodyEnd, "request")
    assert (end.body.content, end.body.size, end.end) == ("abc", 3, "closed")


def test_killed(wire: Proxy) -> None:
    """A flow that somebody kills in mitmproxy is a failure."""
    assert ask(wire.ports[PLAIN], b"GET /kill HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert one(wire.call("/kill"), Failure).error.startswith("Killed: ")


def test_a_response_made_up_by_another_addon(wire: Proxy, server: RawServer) -> None:
    """What another addon answers is tagged and recorded like any other, and the callee is not asked."""
    answer = requests.get(wire.url(PLAIN) + "/made-up")
    call = wire.call("/made-up")
    assert (answer.status_code, answer.content) == (418, b"short and stout")
    assert one(call, Response).body.content == "short and stout"
    assert answer.headers[tags.REQUEST_ID] == one(call, Request).origin.id
    assert not [head for head in server.requests if b"/made-up" in head]


def test_hostile_headers(wire: Proxy) -> None:
    """A thousand headers, 60 KiB in one, control octets and Latin-1 pass, and are recorded as data."""
    seen: list[bytes] = []

    def handler(connection: socket.socket, head: bytes) -> None:
        seen.append(head)
        connection.sendall(
            b"HTTP/1.1 200 \xff\x1b[31m\r\nX-Odd: \xff\x02\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    many = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(1000))
    odd = b"X-Odd: caf\xe9 \x01\x1b[31m \xff\r\nX-Long: " + b"v" * 60_000 + b"\r\nUser-Agent: \xff\x01\x02<b>\r\n"
    with answering(handler) as url:
        line = b"GET /hostile?\xff[\x01 HTTP/1.1\r\nHost: %s\r\n" % url.removeprefix("http://").encode()
        octets = ask(wire.ports[REGULAR], line + many + odd + b"\r\n")
    assert octets.startswith(b"HTTP/1.1 200 \xff\x1b[31m\r\n")
    call = wire.call("/hostile")
    asked, answered = one(call, Request), one(call, Response)
    assert (many + odd) in seen[0]
    assert ("X-Odd", "caf\xe9 \x01\x1b[31m \xff") in asked.headers
    assert (answered.reason, ("X-Odd", "\xff\x02") in answered.headers) == ("\xff\x1b[31m", True)
    assert len(asked.headers) > 1000
    assert tags.valid_name(asked.caller)


@pytest.mark.parametrize(
    "framing",
    [b"Content-Length: x", b"Content-Length: 1\r\nContent-Length: 2", b"Content-Length: -1",
     b"Transfer-Encoding: nonsense", b"Content-Length: 3\r\nTransfer-Encoding: chunked"],
)  # fmt: skip
def test_lies_about_length_reach_no_callee(wire: Proxy, server: RawServer, framing: bytes) -> None:
    """What mitmproxy refuses is refused with the addon too, before the callee has seen any of it."""
    before = len(server.requests)
    octets = ask(wire.ports[PLAIN], b"POST /lies HTTP/1.1\r\nHost: x\r\n" + framing + b"\r\n\r\nabc")
    assert octets.startswith(b"HTTP/1.1 4")
    time.sleep(0.1)
    assert len(server.requests) == before


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server behind TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)

    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with raw:
                try:
                    with context.wrap_socket(raw, server_side=True) as connection:
                        octets = b""
                        while not octets.endswith((b"\r\n\r\n", b"a=1")):
                            octets += connection.recv(65536)
                        while octets.startswith(b"POST") and not octets.endswith(b"a=1"):
                            octets += connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsafe")
                except OSError:
                    continue

    threading.Thread(target=accept, daemon=True).start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_inside_tls(wire: Proxy, secure: str) -> None:
    """Where a caller trusts mitmproxy's CA, what is said inside a tunnel is recorded."""
    authority = str(wire.home / "mitmproxy" / "mitmproxy-ca-cert.pem")
    answer = requests.get(secure + "/safe", proxies={"https": wire.url()}, verify=authority)
    call = wire.call("/safe")
    assert answer.content == b"safe"
    assert answer.headers[tags.REQUEST_ID] == one(call, Request).origin.id
    assert one(call, Request).url == f"{secure}/safe"


def test_refused_inside_tls(wire: Proxy) -> None:
    """Nobody listens at the far end of a tunnel: the caller gets a 502 in it, and the call is a failure."""
    url = f"https://127.0.0.1:{free_port()}/far"
    authority = str(wire.home / "mitmproxy" / "mitmproxy-ca-cert.pem")
    assert requests.get(url, proxies={"https": wire.url()}, verify=authority, timeout=10).status_code == 502
    assert one(wire.call("/far"), Failure).error.startswith("ConnectionRefused: ")


def test_http_2(wire: Proxy, secure: str) -> None:
    """A caller of HTTP/2 gets its tags in lower case, and the line says what it spoke."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    if "HTTP2" not in subprocess.run([curl, "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this curl speaks no HTTP/2")
    done = subprocess.run(
        [curl, "-sk", "--http2", "-i", "-x", wire.url(), "-d", "a=1", f"{secure}/two"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "\nHTTP/2 200" in done.stdout
    call = wire.call("/two")
    assert one(call, Request).http == "HTTP/2.0"
    assert f"x-requestshook-request-id: {one(call, Request).origin.id}" in done.stdout
    assert one(call, BodyEnd, "request").body.content == "a=1"
    assert one(call, Request).caller == "curl"


def test_curl(wire: Proxy) -> None:
    """curl is named by its product, uploads and gets its answer."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    done = subprocess.run(
        [curl, "-s", "--data-binary", "@-", wire.url(PLAIN) + "/echo"], input=LONG, capture_output=True, check=True
    )
    assert done.stdout == LONG
    call = wire.call("/echo")
    assert one(call, Request).caller == "curl"
    assert one(call, BodyEnd, "request").body.size == one(call, BodyEnd, "response").body.size == len(LONG)


def test_the_process_says_what_it_is(wire: Proxy) -> None:
    """The first line of the spool names mitmproxy's version and the store's key."""
    requests.get(wire.url(PLAIN) + "/json")
    wire.call("/json")
    process = one(wire.events(), Process)
    assert "mitmproxy" in dict(process.versions)
    assert process.key == "store"
