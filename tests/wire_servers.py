"""Callees for tests of the wire: what they get is kept octet for octet, before they answer."""

from __future__ import annotations

import queue
import re
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import h2.config
import h2.connection
import h2.events
import h2.exceptions

PATIENCE = 30  # seconds that anything here waits for what must come
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_TAG = re.compile(rb"^x-requestshook-[^\r\n]*\r\n", re.IGNORECASE | re.MULTILINE)


class Asked(NamedTuple):
    """A request as a callee got it; the body without its chunking."""

    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.head.split(b" ", 2)[1].decode("latin-1").partition("?")[0]


class Peer:
    """One end of a connection, read as a callee or a raw client needs it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self.connection = connection
        self.buffer = b""

    def send(self, octets: bytes) -> None:
        """Send all of it."""
        self.connection.sendall(octets)

    def more(self) -> None:
        """Read what is there; EOFError at the end."""
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def until(self, end: bytes) -> bytes:
        """What comes up to and with these octets."""
        while end not in self.buffer:
            self.more()
        found, _, self.buffer = self.buffer.partition(end)
        return found + end

    def exactly(self, size: int) -> bytes:
        """So many octets."""
        while len(self.buffer) < size:
            self.more()
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def rest(self) -> bytes:
        """What comes until the other side closes or resets."""
        with suppress(EOFError, ConnectionError):
            while True:
                self.more()
        found, self.buffer = self.buffer, b""
        return found

    def chunk(self) -> bytes:
        """One chunk of a chunked body; empty at its end, trailers read."""
        size = int(self.until(b"\r\n").split(b";")[0], 16)
        if size:
            return self.exactly(size + 2)[:-2]
        while self.until(b"\r\n") != b"\r\n":
            pass
        return b""

    def body(self, head: bytes) -> bytes:
        """The body that a request's, or a response's, head announces; none where it announces none."""
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            return b"".join(iter(self.chunk, b""))
        length = re.search(rb"\r\ncontent-length: *(\d+)", lower)
        return self.exactly(int(length[1])) if length else b""

    def asked(self) -> Asked:
        """The next request."""
        head = self.until(b"\r\n\r\n")
        return Asked(head, self.body(head))

    def answer(self) -> tuple[bytes, bytes]:
        """The next response with a length: head and body."""
        head = self.until(b"\r\n\r\n")
        return head, self.body(head)

    def is_open(self, seconds: float) -> bool:
        """Whether the other side has said and closed nothing for so long."""
        return not self.buffer and not select.select([self.connection], [], [], seconds)[0]

    def reset(self) -> None:
        """Close with a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class Callee:
    """A server that plays `script` on each connection; by default it answers OK until the other side closes."""

    def __init__(self, script: Callable[[Peer], None] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.seen: queue.Queue[Asked] = queue.Queue()
        self.answers: dict[str, bytes | Callable[[Peer, Asked], None]] = {}
        self.script = script or self._serve
        self.tls = tls
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self.listener.getsockname()[1])
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Callee:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def next(self) -> Asked:
        """The next request that came in."""
        return self.seen.get(timeout=PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._play, args=(connection,), daemon=True).start()

    def _play(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError, ValueError):
            connection.settimeout(PATIENCE)
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self.script(Peer(connection))

    def _serve(self, peer: Peer) -> None:
        while True:
            asked = peer.asked()
            self.seen.put(asked)
            answer = self.answers.get(asked.path, OK)
            if callable(answer):
                answer(peer, asked)
            elif asked.head.startswith(b"HEAD "):
                peer.send(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
            else:
                peer.send(answer)
            if b"\r\nconnection: close" in asked.head.lower() or b" HTTP/1.0\r\n" in asked.head:
                return


def echo(peer: Peer, asked: Asked) -> None:
    """Answer with the request's body."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(asked.body), asked.body))


@contextmanager
def connected(port: int) -> Iterator[Peer]:
    """A raw client."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        yield Peer(connection)


def untagged(octets: bytes) -> bytes:
    """A head without our headers."""
    return _TAG.sub(b"", octets)


def tags_in(octets: bytes) -> list[bytes]:
    """The names of our headers in a head, in lower case."""
    return [line.split(b":")[0].lower() for line in _TAG.findall(octets)]


class Stream:
    """A call of HTTP/2 as its callee has it."""

    def __init__(self, connection: H2Connection, id: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.connection = connection
        self.id = id
        self.headers = headers
        self.body = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.ended = False

    @property
    def path(self) -> str:
        """The target without its query."""
        return dict(self.headers)[b":path"].decode("latin-1").partition("?")[0]

    def respond(self, body: bytes = b"ok", *headers: tuple[str, str], status: str = "200", end: bool = True) -> None:
        """Send headers and a body."""
        state = self.connection.state
        if dict(self.headers)[b":method"] == b"HEAD":
            body = b""
        state.send_headers(self.id, [(":status", status), *headers], end_stream=end and not body)
        if body:
            state.send_data(self.id, body, end_stream=end)
        self.connection.flush()


class H2Connection:
    """One connection of an `H2Callee`."""

    def __init__(self, callee: H2Callee, connection: socket.socket) -> None:
        self.callee = callee
        self.socket = connection
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self.state = h2.connection.H2Connection(config)
        self.streams: dict[int, Stream] = {}

    def flush(self) -> None:
        """Send what is due."""
        self.socket.sendall(self.state.data_to_send())

    def run(self) -> None:
        """Read until the other side closes."""
        self.state.initiate_connection()
        self.flush()
        while data := self.socket.recv(65536):
            for event in self.state.receive_data(data):
                self._on(event)
            self.flush()

    def _on(self, event: Any) -> None:
        stream = self.streams.get(getattr(event, "stream_id", 0))
        if isinstance(event, h2.events.RequestReceived):
            stream = self.streams[event.stream_id] = Stream(self, event.stream_id, list(event.headers))
            self.callee.begun(stream)
        elif isinstance(event, h2.events.DataReceived) and stream:
            stream.body += event.data
            self.state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived) and stream:
            stream.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded) and stream:
            stream.ended = True
            self.callee.seen.put(stream)
            with suppress(h2.exceptions.ProtocolError):
                self.callee.ended(stream)


class H2Callee:
    """A server of HTTP/2 over TLS: `on_end[path]` answers when a request has ended, `on_begin[path]` before that."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        tls.set_alpn_protocols(["h2"])
        self.tls = tls
        self.seen: queue.Queue[Stream] = queue.Queue()
        self.on_begin: dict[str, Callable[[Stream], None]] = {}
        self.on_end: dict[str, Callable[[Stream], None]] = {}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self.listener.getsockname()[1])
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> H2Callee:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.close()

    def next(self) -> Stream:
        """The next request that has ended."""
        return self.seen.get(timeout=PATIENCE)

    def begun(self, stream: Stream) -> None:
        """A request's headers are here."""
        self.on_begin.get(stream.path, lambda _: None)(stream)

    def ended(self, stream: Stream) -> None:
        """A request is here."""
        self.on_end.get(stream.path, Stream.respond)(stream)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(PATIENCE)
        with suppress(OSError, h2.exceptions.H2Error), self.tls.wrap_socket(raw, server_side=True) as connection:
            H2Connection(self, connection).run()
