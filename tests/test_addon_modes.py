"""Modes of mitmproxy and whatever breaks off: what each leaves in the recording, and who is said to have done it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
import pytest
import requests
import trustme

from requestshook.events import BodyEnd, Failure, Request, Response
from tests.addon_support import Proxy, free_port, one, proxy
from tests.wire_servers import OK, PATIENCE, Asked, Callee, H2Callee, Peer, Stream, connected

KILLS = """
from mitmproxy import http

def requestheaders(flow):
    if flow.request.path.startswith("/made-up-early"):
        flow.response = http.Response.make(403, b"not here")

def request(flow):
    if flow.request.path == "/killed-asking":
        flow.kill()

def responseheaders(flow):
    if flow.request.path == "/killed-answering":
        flow.kill()
"""


class World(NamedTuple):
    """A proxy in regular mode, and in reverse mode before an HTTP/2 callee."""

    proxy: Proxy
    second: H2Callee
    authority: trustme.CA


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """What a server of this authority needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One proxy for all, with an addon beside ours that kills flows."""
    home = tmp_path_factory.mktemp("modes")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(home / "authority.pem"))
    (home / "kills.py").write_text(KILLS)
    options = (f"ssl_verify_upstream_trusted_ca={home / 'authority.pem'}",)
    with H2Callee(server_context(authority)) as second:
        modes = ("regular", f"reverse:{second.url}")
        with proxy(home, *modes, options=options, scripts=(home / "kills.py",)) as found:
            yield World(found, second, authority)
            found.check()


@pytest.fixture
def direct() -> Iterator[requests.Session]:
    """requests without the environment's proxies."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def through(world: World) -> dict[str, str]:
    """requests' `proxies`."""
    return {"http": world.proxy.url(), "https": world.proxy.url()}


def head(callee: Callee, path: str, *lines: str) -> bytes:
    """A request's head for a forward proxy."""
    return "\r\n".join([f"PUT {callee.url}{path} HTTP/1.1", "Host: x", *lines, "", ""]).encode()


def only_failure(world: World, path: str) -> str:
    """The failure that a call ended with."""
    return str(
        one(world.proxy.call(path, until=lambda found: any(isinstance(e, Failure) for e in found)), Failure).error
    )


def reset_at_once(peer: Peer, asked: Asked) -> None:
    peer.reset()


def close_at_once(peer: Peer, asked: Asked) -> None:
    raise EOFError


def reset_in_body(peer: Peer, asked: Asked) -> None:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    assert peer.connection.recv(1) == b"x"  # the client has read what there is
    peer.reset()


@pytest.mark.parametrize(("answer", "kinds"), [
    (reset_at_once, ("ConnectionReset", "ServerDisconnected")),
    (close_at_once, ("ServerDisconnected",)),
    (b"HTTP/1.1 200 OK\r\nX: killed by client\r\n", ("ServerDisconnected",)),
    (b"killed by client\r\n\r\n", ("ProtocolError",)),
    (b"HTTP/1.1 200 OK\r\nkilled by client\r\n\r\n", ("ProtocolError",)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: killed\r\n\r\n", ("ProtocolError",)),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ("ProtocolError",)),
])  # fmt: skip
def test_a_callee_that_gives_no_answer(
    world: World, direct: requests.Session, answer: object, kinds: tuple[str, ...]
) -> None:
    """The caller gets mitmproxy's 502; the failure says what the callee did, whatever words it used."""
    path = f"/no-answer-{abs(hash(str(answer)))}"

    def play(peer: Peer, asked: Asked) -> None:
        if callable(answer):
            answer(peer, asked)
        else:
            peer.send(answer)  # type: ignore[arg-type] # octets
            raise EOFError

    with Callee() as callee:
        callee.answers[path] = play
        assert direct.get(callee.url + path, proxies=through(world)).status_code == 502
    assert only_failure(world, path).split(":")[0] in kinds


def test_what_a_broken_answer_held_is_not_told(world: World, direct: requests.Session) -> None:
    """mitmproxy quotes an answer that it cannot read; a secret in there does not reach the recording."""
    broken = {
        "/torn": b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=hunter2secret\r\n",
        "/bad-line": b"HTTP/1.1 200 OK\r\nSet-Cookie sid=hunter2secret\r\n\r\n",
    }
    with Callee() as callee:
        for path, octets in broken.items():

            def play(peer: Peer, asked: Asked, octets: bytes = octets) -> None:
                peer.send(octets)
                raise EOFError

            callee.answers[path] = play
            assert direct.get(callee.url + path, proxies=through(world)).status_code == 502
            assert "hunter2" not in only_failure(world, path)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_callee_that_breaks_off_its_answer(world: World, how: str) -> None:
    """The caller has what had come, and sees the end; the body line says how much, the failure who."""
    read = threading.Event()

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        assert read.wait(PATIENCE)
        if how == "reset":
            peer.reset()
        raise EOFError

    path = f"/breaks-off-{how}"
    with Callee() as callee, connected(world.proxy.ports[0]) as peer:
        callee.answers[path] = play
        peer.send(head(callee, path))
        assert peer.until(b"\r\n\r\nabc")
        read.set()
        assert peer.rest() == b""
    call = world.proxy.call(path)
    assert only_failure(world, path).split(":")[0] in ("ServerDisconnected", "ConnectionReset")
    end = one(call, BodyEnd, "response")
    assert (end.body.content, end.body.size, end.end[:6]) == ("abc", 3, "error:")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_caller_that_breaks_off_while_it_is_answered(world: World, how: str) -> None:
    """A caller that leaves in the middle of an answer has read what it wanted: closed, no failure."""
    gone = threading.Event()

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
        gone.set() if peer.rest() == b"" else None

    path = f"/leaves-{how}"
    with Callee() as callee, connected(world.proxy.ports[0]) as peer:
        callee.answers[path] = play
        peer.send(head(callee, path))
        assert peer.until(b"\r\n\r\nabc")
        peer.reset() if how == "reset" else peer.connection.close()
        assert gone.wait(PATIENCE)  # the callee is told
    call = world.proxy.call(path)
    assert one(call, BodyEnd, "response").end == "closed"
    assert not [event for event in call if isinstance(event, Failure)]


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_caller_that_breaks_off_its_upload_after_the_answer_began(world: World, how: str) -> None:
    """Who leaves is told by who left, not by whether an answer had begun."""
    gone = threading.Event()

    def script(peer: Peer) -> None:
        peer.until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        peer.rest()
        gone.set()

    path = f"/both-ways-{how}"
    with Callee(script) as callee, connected(world.proxy.ports[0]) as peer:
        peer.send(head(callee, path, "Content-Length: 100") + b"12345")
        assert peer.until(b"\r\n\r\nabc")
        peer.reset() if how == "reset" else peer.connection.close()
        assert gone.wait(PATIENCE)
    call = world.proxy.call(path)
    assert {(end.of, end.end) for end in call if isinstance(end, BodyEnd)} == {
        ("request", "closed"),
        ("response", "closed"),
    }
    assert not [event for event in call if isinstance(event, Failure)]


def test_a_callee_that_resets_in_the_middle_of_an_upload(world: World) -> None:
    """The body is in error where it was, and the failure is the callee's."""

    def script(peer: Peer) -> None:
        peer.until(b"\r\n\r\n12345")
        peer.reset()

    with Callee(script) as callee, connected(world.proxy.ports[0]) as peer:
        peer.send(head(callee, "/reset-upload", "Content-Length: 100") + b"12345")
        assert b" 502 " in peer.rest()[:20]
    call = world.proxy.call("/reset-upload")
    assert one(call, Failure).error.split(":")[0] in ("ServerDisconnected", "ConnectionReset")
    end = one(call, BodyEnd, "request")
    assert (end.body.size, end.end[:6]) == (5, "error:")


def test_a_callee_that_never_answers(world: World) -> None:
    """The caller gives up: its disconnection is the failure, and the callee is disconnected too."""
    come, gone = threading.Event(), threading.Event()

    def script(peer: Peer) -> None:
        peer.until(b"\r\n\r\n")
        come.set()
        peer.rest()
        gone.set()

    with Callee(script) as callee:
        with connected(world.proxy.ports[0]) as peer:
            peer.send(head(callee, "/never"))
            assert come.wait(PATIENCE)
        assert gone.wait(PATIENCE)
    assert only_failure(world, "/never").startswith("ClientDisconnected: ")


def test_a_bad_chunk_of_the_caller(world: World) -> None:
    """A caller whose chunks cannot be read gets a 400, and the failure says so."""
    with Callee(lambda peer: peer.rest() and None) as callee, connected(world.proxy.ports[0]) as peer:
        peer.send(head(callee, "/bad-chunk", "Transfer-Encoding: chunked") + b"zz\r\nabc")
        peer.rest()
    assert only_failure(world, "/bad-chunk").startswith("ProtocolError: ")


@pytest.mark.parametrize("path", ["/killed-asking", "/killed-answering"])
def test_flows_that_somebody_kills(world: World, direct: requests.Session, path: str) -> None:
    """A flow killed before the callee is asked, or as it answers, is a failure; the caller is hung up on."""
    with Callee() as callee, pytest.raises(requests.ConnectionError):
        direct.get(callee.url + path, proxies=through(world))
    assert only_failure(world, path).startswith("Killed: ")


@pytest.mark.parametrize("body", [None, b"with a body", iter([b"in", b"chunks"])], ids=["none", "length", "chunked"])
def test_a_response_made_up_before_the_body_is_here(
    world: World, direct: requests.Session, body: object, request: pytest.FixtureRequest
) -> None:
    """An addon after ours that answers in `requestheaders` is heard, as it is by bare mitmdump: no callee is asked."""
    path = f"/made-up-early-{request.node.callspec.id}"
    with Callee() as callee:
        answer = direct.put(callee.url + path, data=body, proxies=through(world))  # type: ignore[arg-type] # any kind
        assert callee.seen.empty()
    assert (answer.status_code, answer.content) == (403, b"not here")
    call = world.proxy.call(path)
    assert one(call, Response).body.content == "not here"
    if body:
        end = one(call, BodyEnd, "request")
        assert (end.body.size, end.end) == (11 if isinstance(body, bytes) else 8, "complete")


def test_a_name_that_nobody_has(world: World, direct: requests.Session) -> None:
    """A callee whose name cannot be resolved: a 502, and the failure says that."""
    answer = direct.get("http://nobody.invalid/unnamed", proxies=through(world))
    assert answer.status_code == 502
    assert only_failure(world, "/unnamed").startswith("NameNotFound: ")


def test_an_unreachable_callee(world: World, direct: requests.Session) -> None:
    """Port 0 of loopback, a port that is closed, a network that is not there: none is a mystery."""
    answer = direct.get(f"http://127.0.0.1:{free_port()}/closed", proxies=through(world))
    assert (answer.status_code, only_failure(world, "/closed").split(":")[0]) == (502, "ConnectionRefused")


@pytest.mark.parametrize("what", ["untrusted", "no-tls"])
def test_tls_that_fails(world: World, direct: requests.Session, what: str) -> None:
    """A certificate that mitmproxy does not trust, or a callee that speaks no TLS: a 502 in the tunnel, a TLSError."""
    tls = server_context(trustme.CA()) if what == "untrusted" else None
    script = None if tls else lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with Callee(script, tls) as callee:
        url = callee.url.replace("http:", "https:") + f"/tls-{what}"
        authority = str(world.proxy.home / "mitmproxy" / "mitmproxy-ca-cert.pem")
        assert direct.get(url, proxies=through(world), verify=authority).status_code == 502
    assert only_failure(world, f"/tls-{what}").startswith("TLSError: ")


class H2Caller:
    """A client of HTTP/2 in a tunnel or at a port in reverse mode, frame by frame."""

    def __init__(self, world: World, tunnel_to: int | None = None) -> None:
        raw = socket.create_connection(("127.0.0.1", world.proxy.ports[0 if tunnel_to else 1]), PATIENCE)
        if tunnel_to:
            raw.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % tunnel_to)
            Peer(raw).until(b"\r\n\r\n")
        context = ssl.create_default_context(cafile=str(world.proxy.home / "mitmproxy" / "mitmproxy-ca-cert.pem"))
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self.state.initiate_connection()
        self.flush()

    def flush(self) -> None:
        """Send what is due."""
        self.socket.sendall(self.state.data_to_send())

    def ask(self, path: str, *headers: tuple[str, str], end: bool = True) -> int:
        """Begin a call."""
        id = int(self.state.get_next_available_stream_id())
        asked = [(":method", "POST"), (":scheme", "https"), (":authority", "127.0.0.1"), (":path", path), *headers]
        self.state.send_headers(id, asked, end_stream=end)
        self.flush()
        return id

    def wait(self, kind: type) -> h2.events.Event:
        """The next event of a kind, what comes before it dropped."""
        while True:
            data = self.socket.recv(65536)
            assert data, f"closed before {kind}"
            events = self.state.receive_data(data)
            self.flush()
            for event in events:
                if isinstance(event, kind):
                    return event


def reset_stream(code: int) -> object:
    def play(stream: Stream) -> None:
        stream.connection.state.reset_stream(stream.id, code)
        stream.connection.flush()

    return play


def answer_and_reset(stream: Stream) -> None:
    stream.respond(b"abc", end=False)
    stream.connection.state.reset_stream(stream.id, 2)
    stream.connection.flush()


def go_away(stream: Stream) -> None:
    stream.connection.state.close_connection()
    stream.connection.flush()


def hang_up(stream: Stream) -> None:
    stream.connection.socket.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("play", [reset_stream(2), answer_and_reset, go_away, hang_up],
                         ids=["resets", "answers-and-resets", "goes-away", "hangs-up"])  # fmt: skip
def test_a_callee_of_http_2_that_breaks_off(world: World, play: object, request: pytest.FixtureRequest) -> None:
    """Whatever mitmproxy's words, it was not the caller: a failure that says so."""
    path = "/h2-" + request.node.callspec.id
    world.second.on_end[path] = play  # type: ignore[assignment] # one that plays
    caller = H2Caller(world)
    caller.ask(path)
    caller.wait((h2.events.ResponseReceived, h2.events.StreamReset))  # type: ignore[arg-type] # either
    assert only_failure(world, path).split(":")[0] in ("ConnectionReset", "ServerDisconnected")
    caller.socket.close()


@pytest.mark.parametrize("how", ["resets", "hangs-up"])
@pytest.mark.parametrize("before", ["http-2", "http-1"])
@pytest.mark.parametrize("when", ["asking", "waiting", "answered"])
def test_a_caller_of_http_2_that_breaks_off(world: World, how: str, before: str, when: str) -> None:
    """A stream that its caller resets, or whose connection it ends, is the caller's doing before any callee."""
    path = f"/h2-caller-{how}-{before}-{when}"
    come, gone = threading.Event(), threading.Event()
    world.second.on_begin[path] = lambda stream: (when == "answered" and stream.respond(b"abc", end=False), come.set())[
        1
    ]
    world.second.on_end[path] = lambda stream: None

    def script(peer: Peer) -> None:
        peer.until(b"\r\n\r\n")
        if when == "answered":
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        come.set()
        peer.rest()
        gone.set()

    with Callee(script, server_context(world.authority)) as callee:
        caller = H2Caller(world, callee.port if before == "http-1" else None)
        id = caller.ask(path, ("content-length", "9" if when == "asking" else "0"), end=when != "asking")
        assert come.wait(PATIENCE)
        if when == "answered":
            caller.wait(h2.events.DataReceived)
        if how == "resets":
            caller.state.reset_stream(id, 8)
            caller.flush()
        else:
            caller.socket.close()
        call = world.proxy.call(path)
        caller.socket.close()
    failures = [event.error for event in call if isinstance(event, Failure)]
    if when == "answered":
        assert failures == []
        assert one(call, BodyEnd, "response").end == "closed"
    else:
        assert failures[0].startswith("ClientDisconnected: ")


def test_a_callee_that_mitmproxy_has_waited_for_too_long(tmp_path: Path) -> None:
    """mitmproxy ends what stood still for ten minutes (for a second here): no call stays open in the recording."""
    (tmp_path / "hasty.py").write_text("""
from mitmproxy.proxy import server
class Hasty(server.TimeoutWatchdog):
    def __init__(self, timeout, callback):
        super().__init__(1, callback)
server.TimeoutWatchdog = Hasty
""")
    over = threading.Event()
    with (
        Callee(lambda peer: over.wait(PATIENCE) and None) as callee,
        proxy(tmp_path, "regular", scripts=(tmp_path / "hasty.py",)) as found,
    ):
        with connected(found.ports[0]) as peer:
            peer.send(head(callee, "/too-long"))
            peer.rest()
        error = one(found.call("/too-long"), Failure).error
        over.set()
        found.check()
    assert error.startswith("ClientDisconnected: ")  # mitmproxy's words are those for a caller that left


def test_a_proxy_upstream_that_refuses_or_is_not_there(tmp_path: Path, direct: requests.Session) -> None:
    """In upstream mode, plain calls get the upstream proxy's own answer; tunnels that it refuses are failures."""

    def script(peer: Peer) -> None:
        peer.until(b"\r\n\r\n")
        peer.send(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")

    modes = []
    with Callee(script) as upstream:
        modes = [f"upstream:{upstream.url}", f"upstream:http://127.0.0.1:{free_port()}"]
        with proxy(tmp_path, *modes) as found:
            authority = str(tmp_path / "mitmproxy" / "mitmproxy-ca-cert.pem")
            proxies = [{"http": found.url(n), "https": found.url(n)} for n in range(2)]
            assert direct.get("http://far.invalid/up-0", proxies=proxies[0]).text == "no"
            assert direct.get("http://far.invalid/up-1", proxies=proxies[1]).status_code == 502
            for n in range(2):
                answer = direct.get(f"https://far.invalid/up-tls-{n}", proxies=proxies[n], verify=authority)
                assert answer.status_code == 502
            assert one(found.call("/up-0"), Response).status == 407
            errors = [one(found.call(path), Failure).error for path in ("/up-1", "/up-tls-0", "/up-tls-1")]
            found.check()
    assert [error.split(":")[0] for error in errors] == ["ConnectionRefused", "ProxyError", "ConnectionRefused"]


def test_tls_through_a_proxy_upstream(tmp_path: Path, direct: requests.Session) -> None:
    """In upstream mode a tunnel through another mitmdump: both see the call inside, with one id."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    with (
        Callee(tls=server_context(authority)) as callee,
        proxy(far, "regular", options=(f"ssl_verify_upstream_trusted_ca={tmp_path / 'authority.pem'}",)) as second,
        proxy(near, f"upstream:{second.url()}",
              options=(f"ssl_verify_upstream_trusted_ca={far / 'mitmproxy' / 'mitmproxy-ca-cert.pem'}",)) as first,
    ):  # fmt: skip
        trusted = str(near / "mitmproxy" / "mitmproxy-ca-cert.pem")
        answer = direct.get(callee.url + "/through", proxies={"https": first.url()}, verify=trusted)
        asked = [one(found.call("/through"), Request) for found in (first, second)]
        first.check()
        second.check()
    assert answer.content == b"ok"
    assert asked[0].origin.id == asked[1].origin.id == answer.headers["X-Requestshook-Request-Id"]
    assert OK.startswith(b"HTTP/1.1 200")
