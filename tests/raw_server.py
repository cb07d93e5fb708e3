"""A server of raw octets on loopback: what it answers is written out here, faults included."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Callable

JSON = b'{"versions": {"values": [{"id": "v3.14", "status": "stable"}]}, "text": "\xed\x95\x9c\xea\xb8\x80"}'
LONG = bytes(range(256)) * 800  # 200 KiB
LINES = b"one\r\ntwo\nthree\n\nfour"


def whole(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: int | None = None) -> bytes:
    """An answer with a Content-Length, true unless another is given."""
    size = len(body) if length is None else length
    head = [b"HTTP/1.1 " + status, b"Content-Length: %d" % size, *headers]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def chunked(body: bytes, *headers: bytes, step: int = 37, trailers: bytes = b"") -> bytes:
    """An answer in chunks."""
    pieces = [body[i : i + step] for i in range(0, len(body), step)]
    head = b"\r\n".join([b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", *headers]) + b"\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n" + trailers + b"\r\n"


GZIP = gzip.compress(JSON * 20, mtime=0)
TYPE = b"Content-Type: application/json"

ANSWERS: dict[str, tuple[bytes, bool]] = {
    # name: the octets, and whether the connection stays open afterwards
    "json": (whole(JSON, TYPE), True),
    "empty": (whole(b""), True),
    "long": (whole(LONG, b"Content-Type: application/octet-stream"), True),
    "lines": (whole(LINES, b"Content-Type: text/plain; charset=utf-8"), True),
    "chunked": (chunked(JSON, TYPE), True),
    "chunked-long": (chunked(LONG, step=5000), True),
    "chunked-trailers": (chunked(JSON, TYPE, trailers=b"X-Sum: 1\r\n"), True),
    "chunked-gzip": (chunked(GZIP, TYPE, b"Content-Encoding: gzip"), True),
    "gzip": (whole(GZIP, TYPE, b"Content-Encoding: gzip"), True),
    "deflate": (whole(zlib.compress(JSON * 9), TYPE, b"Content-Encoding: deflate"), True),
    "bad-gzip": (whole(b"not gzip at all", b"Content-Encoding: gzip"), True),
    "until-close": (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + LINES, False),
    "connection-close": (whole(JSON, b"Connection: close"), False),
    "no-content": (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    "not-modified": (b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", True),
    "repeats": (whole(JSON, b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2", b"X-Odd: caf\xe9"), True),
    "informed": (b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n" + whole(JSON, TYPE), True),
    "unavailable": (whole(b"busy", status=b"503 Service Unavailable"), True),
    "no-reason": (whole(JSON, status=b"200"), True),
    "dies": (whole(JSON, TYPE, length=len(JSON) + 100), False),
    "dies-at-once": (b"", False),
    "dies-in-headers": (b"HTTP/1.1 200 OK\r\nContent-Le", False),
    "dies-in-chunk": (chunked(JSON)[:-40], False),
    "bad-chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", False),
    "no-http": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", False),
    "stalls": (whole(JSON, TYPE, length=len(JSON) + 9), True),
}


class RawServer:
    """Answers `/NAME` with ANSWERS[NAME]; `/redirect/NAME` leads there; every request's octets are kept."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.failures_left = 0  # answer 503 so many times first
        self.answers: dict[str, Callable[[socket.socket], bool]] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(20)
            buffer = b""
            try:
                while True:
                    while b"\r\n\r\n" not in buffer:
                        data = connection.recv(65536)
                        if not data:
                            return
                        buffer += data
                    head, _, buffer = buffer.partition(b"\r\n\r\n")
                    buffer, keep = self._answer(connection, head, buffer)
                    if not keep:
                        return
            except OSError:
                return

    def _answer(self, connection: socket.socket, head: bytes, rest: bytes) -> tuple[bytes, bool]:
        method, target = head.split(b" ", 2)[:2]
        parts = target.decode().lstrip("/").partition("?")[0].split("/")
        if parts[0] == "early":  # answers before the body, and closes
            connection.sendall(whole(b"too large", b"Connection: close", status=b"413 Content Too Large"))
            time.sleep(0.05)
            return b"", False
        body, rest = self._read_body(connection, head.lower(), rest)
        self.requests.append(head + b"\r\n\r\n" + body)
        if self.failures_left:
            self.failures_left -= 1
            connection.sendall(ANSWERS["unavailable"][0])
            return rest, True
        if parts[0] in ("redirect", "redirect307"):
            status = b"302 Found" if parts[0] == "redirect" else b"307 Temporary Redirect"
            connection.sendall(whole(b"moved", b"Location: /" + parts[1].encode(), status=status))
            return rest, True
        if parts[0] == "echo":
            octets, keep = whole(body, b"Content-Type: application/octet-stream"), True
        else:
            octets, keep = ANSWERS[parts[0]]
        if method == b"HEAD":
            octets = octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        connection.sendall(octets)
        if parts[0] == "stalls":
            time.sleep(0.6)
            return rest, False
        return rest, keep

    def _read_body(self, connection: socket.socket, head: bytes, rest: bytes) -> tuple[bytes, bytes]:
        if b"transfer-encoding: chunked" in head:
            body = b""
            while True:
                line, rest = self._line(connection, rest)
                size = int(line, 16)
                while len(rest) < size + 2:
                    rest += self._more(connection)
                body, rest = body + rest[:size], rest[size + 2 :]
                if size == 0:
                    return body, rest
        size = 0
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        while len(rest) < size:
            rest += self._more(connection)
        return rest[:size], rest[size:]

    def _line(self, connection: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
        while b"\r\n" not in rest:
            rest += self._more(connection)
        line, _, rest = rest.partition(b"\r\n")
        return line, rest

    def _more(self, connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if not data:
            raise OSError("the client went away")
        return data
