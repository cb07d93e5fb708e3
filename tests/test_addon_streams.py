"""Bodies pass as they come: piece by piece, in the order and at the time that they are sent, without being kept."""

from __future__ import annotations

import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
import pytest
import trustme

from requestshook.events import BodyEnd, Failure, Request, Response
from tests.addon_support import Proxy, bare_and_ours, one
from tests.wire_servers import OK, PATIENCE, Asked, Callee, H2Callee, Peer, Stream, connected, tags_in, untagged

MIB = b"\xa5" * (1 << 20)
REVERSE, SECOND = 0, 1


class World(NamedTuple):
    """A bare mitmdump that streams and ours that does by itself, before callees of HTTP/1 and HTTP/2."""

    bare: Proxy
    ours: Proxy
    callee: Callee
    second: H2Callee


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both, with the option that makes bare mitmdump stream whatever says its length."""
    home = tmp_path_factory.mktemp("streams")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(home / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    options = ("stream_large_bodies=1", f"ssl_verify_upstream_trusted_ca={home / 'authority.pem'}")
    with Callee() as callee, H2Callee(context) as second:
        modes = (f"reverse:{callee.url}", f"reverse:{second.url}")
        with bare_and_ours(home, *modes, options=options) as (bare, ours):
            yield World(bare, ours, callee, second)
            ours.check()


def peak(found: Proxy) -> int:
    """The most memory that it has had, in KiB."""
    status = Path(f"/proc/{found.child.pid}/status")
    if not status.exists():
        pytest.skip("this system has no /proc")
    (size,) = re.findall(r"VmHWM:\s+(\d+)", status.read_text())
    return int(size)


def counted(peer: Peer, size: int) -> None:
    """Read so many octets and keep none."""
    size -= len(peer.buffer)
    peer.buffer = b""
    room = bytearray(1 << 20)
    while size:
        got = peer.connection.recv_into(room, min(size, len(room)))
        assert got, f"{size} octets are missing"
        size -= got


def upload(through: Proxy, mib: int) -> bytes:
    """The answer to a body of so many MiB."""
    with connected(through.ports[REVERSE]) as peer:
        peer.send(b"PUT /up HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (mib << 20))
        for _ in range(mib):
            peer.send(MIB)
        return peer.rest()


def download(through: Proxy, mib: int) -> None:
    """Read a body of so many MiB."""
    with connected(through.ports[REVERSE]) as peer:
        peer.send(b"GET /down?%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % mib)
        peer.until(b"\r\n\r\n")
        counted(peer, mib << 20)


def large(peer: Peer) -> None:
    """Take what is sent to /up, give what is asked for at /down."""
    head = peer.until(b"\r\n\r\n")
    if head.startswith(b"PUT"):
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length
        counted(peer, int(length[1]))
        peer.send(OK)
        return
    asked = re.search(rb"/down\?(\d+)", head)
    assert asked
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (int(asked[1]) << 20))
    for _ in range(int(asked[1])):
        peer.send(MIB)


def test_large_bodies_cost_no_memory(world: World) -> None:
    """1 GiB up and 256 MiB down cost ours less than 3 MiB more than bare mitmdump, which streams them too."""
    script, world.callee.script = world.callee.script, large
    grown = []
    try:
        for through in (world.bare, world.ours):
            upload(through, 8)  # what the first of them costs
            download(through, 8)
            before = peak(through)
            assert upload(through, 1024).endswith(b"ok")
            download(through, 256)
            grown.append(peak(through) - before)
    finally:
        world.callee.script = script
    assert grown[1] - grown[0] < 3 * 1024, grown
    assert one(world.ours.call("/up"), BodyEnd, "request").body.size == 1 << 30
    assert one(world.ours.call("/down"), BodyEnd, "response").body.size == 256 << 20


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_a_response_that_drips(world: World, framing: str) -> None:
    """Each piece is with the caller before the callee sends the next, however the response tells its end."""
    heard = threading.Semaphore(0)
    lines = {"length": b"Content-Length: 30\r\n", "chunked": b"Transfer-Encoding: chunked\r\n", "close": b""}[framing]

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n")
        for n in range(10):
            assert heard.acquire(timeout=PATIENCE)
            piece = b"<%d>" % n
            peer.send(b"3\r\n%b\r\n" % piece if framing == "chunked" else piece)
        assert heard.acquire(timeout=PATIENCE)
        if framing == "chunked":
            peer.send(b"0\r\n\r\n")
        raise EOFError

    world.callee.answers["/drips"] = play
    with connected(world.ours.ports[REVERSE]) as peer:
        peer.send(b"GET /drips HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        peer.until(b"\r\n\r\n")  # the head before any of the body
        for n in range(10):
            heard.release()
            peer.until(b"<%d>" % n)
        heard.release()
        peer.rest()
    world.callee.next()
    call = world.ours.call("/drips")
    bodies = [event.body for event in call if isinstance(event, (Response, BodyEnd)) and event.body and event.body.size]
    assert [(body.content, body.size) for body in bodies] == [("".join(f"<{n}>" for n in range(10)), 30)]


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_that_drips(world: World, framing: str) -> None:
    """Each piece is with the callee before the caller sends the next; the answer may come in between."""
    pieces: queue.Queue[bytes] = queue.Queue()

    def script(peer: Peer) -> None:
        peer.until(b"\r\n\r\n")
        for n in range(10):
            peer.until(b"<%d>" % n)
            if n == 5:
                peer.send(OK)
            pieces.put(b"")
        peer.until(b"." if framing == "length" else b"0\r\n\r\n")
        pieces.put(b"end")

    before, world.callee.script = world.callee.script, script
    line = b"Content-Length: 31" if framing == "length" else b"Transfer-Encoding: chunked"
    try:
        with connected(world.ours.ports[REVERSE]) as peer:
            peer.send(b"PUT /drips-up HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n")
            for n in range(10):
                peer.send(b"<%d>" % n if framing == "length" else b"3\r\n<%d>\r\n" % n)
                pieces.get(timeout=PATIENCE)
                if n == 5:
                    assert peer.answer()[1] == b"ok"
            peer.send(b"." if framing == "length" else b"0\r\n\r\n")
            assert pieces.get(timeout=PATIENCE) == b"end"
    finally:
        world.callee.script = before
    end = one(world.ours.call("/drips-up"), BodyEnd, "request")
    assert (end.end, end.body.size) == ("complete", 31 if framing == "length" else 30)


def test_an_answer_before_the_upload_ends_keeps_the_connection(world: World) -> None:
    """A callee that answers 413 early and reads on: the caller can finish, and ask again on its connection."""
    told = []
    for through in (world.bare, world.ours):
        early = threading.Event()

        def script(peer: Peer, early: threading.Event = early) -> None:
            head = peer.until(b"\r\n\r\n")
            peer.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
            peer.body(head)
            head = peer.until(b"\r\n\r\n")
            peer.send(OK)

        before, world.callee.script = world.callee.script, script
        try:
            with connected(through.ports[REVERSE]) as peer:
                peer.send(b"PUT /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
                first = peer.answer()
                peer.send(b"67890GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                second = peer.answer()
        finally:
            world.callee.script = before
        told.append([(untagged(head), body) for head, body in (first, second)])
    assert told[0] == told[1]
    assert [body for _, body in told[1]] == [b"big", b"ok"]
    call = world.ours.call("/early")
    assert (one(call, Response).status, one(call, BodyEnd, "request").end) == (413, "complete")


def test_expect_100_continue_before_a_body_is_sent(world: World) -> None:
    """`100 Continue` reaches the caller before it sends its body, and the body the callee, as without the addon."""
    told = []
    for through in (world.bare, world.ours):
        with connected(through.ports[REVERSE]) as peer:
            peer.send(b"PUT /expects HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
            head = peer.until(b"\r\n\r\n")
            peer.send(b"abc")
            last, body = peer.answer()
            asked = world.callee.next()
            told.append((head, untagged(last), body, untagged(asked.head), asked.body))
    assert told[0] == told[1]
    assert told[1][0].startswith(b"HTTP/1.1 100 ")


def fate(through: Proxy, peer: Peer, crashes: int) -> str:
    """Whether an answer came to its end, the connection did, or mitmproxy's log has so many exceptions."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if through.log().count("Traceback") >= crashes:
            return "crashed"
        if b"\r\n0\r\n" in peer.buffer or b"\r\n\r\nok" in peer.buffer:
            return "answered"
        if not peer.is_open(0.05):
            try:
                peer.more()
            except EOFError:
                return "closed"
    raise AssertionError(through.log())


def test_trailers_of_http_1(tmp_path: Path) -> None:
    """mitmproxy 11 crashes where trailers come, with the addon as without; the bodies are closed."""
    trailed = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
    told = []
    with Callee() as callee, bare_and_ours(tmp_path, f"reverse:{callee.url}") as (bare, ours):
        callee.answers["/trailers"] = b"HTTP/1.1 200 OK\r\n" + trailed
        for through in (bare, ours):
            fates = []
            for n, octets in enumerate(
                (b"GET /trailers HTTP/1.1\r\nHost: x\r\n\r\n", b"PUT /up HTTP/1.1\r\n" + trailed)
            ):
                with connected(through.ports[0]) as peer:
                    peer.send(octets)
                    fates.append(fate(through, peer, n + 1))
            told.append(fates)
        call = ours.call("/trailers")
        assert ours.log().count("Traceback") == bare.log().count("Traceback")
        assert "requestshook" not in ours.log().partition("Traceback")[2]
    assert told[0] == told[1]
    end = one(call, BodyEnd, "response")
    assert (end.body.content, end.end) == ("abc", "closed" if told[1][0] == "crashed" else "complete")


def test_a_websocket_both_ways(world: World) -> None:
    """After the handshake messages go both ways as they are, in any order and of any size."""
    frames = [b"\x81\x05hello", b"\x82\x7e\x10\x00" + b"\xff" * 4096, b"\x89\x00", b"\x81\x00"]

    def masked(frame: bytes) -> bytes:
        size = 4 if frame[1] & 0x7F == 126 else 2
        return bytes([frame[0], frame[1] | 0x80]) + frame[2:size] + b"\0\0\0\0" + frame[size:]

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        for frame in frames:
            peer.send(frame)
            size = 4 if frame[1] & 0x7F == 126 else 2
            got = peer.exactly(len(frame) + 4)
            mask, data = got[size : size + 4], got[size + 4 :]
            assert bytes(a ^ mask[n % 4] for n, a in enumerate(data)) == frame[size:]
        peer.send(b"\x88\x02\x03\xe8")
        peer.rest()

    world.callee.answers["/socket"] = play
    told = []
    for through in (world.bare, world.ours):
        with connected(through.ports[REVERSE]) as peer:
            peer.send(
                b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            head = peer.until(b"\r\n\r\n")
            for frame in frames:
                assert peer.exactly(len(frame)) == frame
                peer.send(masked(frame))
            assert peer.exactly(4) == b"\x88\x02\x03\xe8"
        told.append((untagged(head), untagged(world.callee.next().head)))
    assert told[0] == told[1]
    assert len(tags_in(head)) == 2
    assert [type(event) for event in world.ours.call("/socket")] == [Request, Response]


def test_another_protocol_after_101(world: World) -> None:
    """An upgrade to what mitmproxy does not know is passed on as it is, both ways."""

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: odd\r\nConnection: Upgrade\r\n\r\nfirst")
        assert peer.exactly(6) == b"\xff\x00ping"
        peer.send(b"pong\x00")
        raise EOFError

    world.callee.answers["/odd"] = play
    for through in (world.bare, world.ours):
        with connected(through.ports[REVERSE]) as peer:
            peer.send(b"GET /odd HTTP/1.1\r\nHost: x\r\nUpgrade: odd\r\nConnection: Upgrade\r\n\r\n")
            assert peer.until(b"first").startswith(b"HTTP/1.1 101")
            peer.send(b"\xff\x00ping")
            assert peer.exactly(5) == b"pong\x00"
        world.callee.next()
    assert [type(event) for event in world.ours.call("/odd")] == [Request, Response]


class Caller:
    """A client of HTTP/2, frame by frame."""

    def __init__(self, through: Proxy) -> None:
        raw = socket.create_connection(("127.0.0.1", through.ports[SECOND]), PATIENCE)
        context = ssl.create_default_context(cafile=str(through.home / "mitmproxy" / "mitmproxy-ca-cert.pem"))
        context.set_alpn_protocols(["h2"])
        self.socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        self.state = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="latin-1"))
        self.state.initiate_connection()
        self.events: list[h2.events.Event] = []
        self.flush()

    def flush(self) -> None:
        """Send what is due."""
        self.socket.sendall(self.state.data_to_send())

    def wait(self, kind: type) -> h2.events.Event:
        """The next event of a kind, what comes before it dropped."""
        while True:
            while self.events:
                event = self.events.pop(0)
                if isinstance(event, kind):
                    return event
            data = self.socket.recv(65536)
            assert data, f"closed before {kind}"
            self.events += self.state.receive_data(data)
            self.flush()


def test_http_2_both_ways_at_once_with_trailers(world: World) -> None:
    """Pieces of request and response take turns on one stream; early hints are mitmproxy's to drop; trailers arrive."""
    told = []
    for name, through in (("bare", world.bare), ("ours", world.ours)):
        path = f"/turns-{name}"
        begun: queue.Queue[Stream] = queue.Queue()
        world.second.on_begin[path] = begun.put

        def on_end(stream: Stream) -> None:
            stream.connection.state.send_headers(stream.id, [("x-sum", "9")], end_stream=True)
            stream.connection.flush()

        world.second.on_end[path] = on_end
        caller = Caller(through)
        id = caller.state.get_next_available_stream_id()
        asked = [(":method", "POST"), (":scheme", "https"), (":authority", "x"), (":path", path), ("te", "trailers")]
        caller.state.send_headers(id, asked)
        caller.state.send_data(id, b"one")
        caller.flush()
        stream = begun.get(timeout=PATIENCE)
        stream.connection.state.send_headers(stream.id, [(":status", "103"), ("link", "</s>")])
        stream.respond(b"two", ("x-one", "1"), end=False)
        head = caller.wait(h2.events.ResponseReceived)
        piece = caller.wait(h2.events.DataReceived)
        caller.state.send_data(id, b"three")
        caller.state.send_headers(id, [("x-after", "3")], end_stream=True)
        caller.flush()
        trailers = caller.wait(h2.events.TrailersReceived)
        caller.socket.close()
        seen = world.second.next()
        told.append((
            [pair for pair in head.headers if "requestshook" not in pair[0]], piece.data, trailers.headers,
            seen.body, seen.trailers,
        ))  # fmt: skip
    assert told[0] == told[1]
    assert told[1][1:] == (b"two", [("x-sum", "9")], b"onethree", [(b"x-after", b"3")])
    call = world.ours.call("/turns-ours")
    assert [(end.of, end.body.content, end.end) for end in call if isinstance(end, BodyEnd)] == [
        ("request", "onethree", "complete"), ("response", "two", "complete"),
    ]  # fmt: skip
    assert not [event for event in call if isinstance(event, Failure)]
