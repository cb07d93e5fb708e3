"""What the three services of the demo share: a threaded WSGI server on a socket that it is given.

These are plain programs that know nothing of requestshook: the standard library and `requests`, nothing else.
"""

from __future__ import annotations

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Answer = tuple[str, Headers, bytes]  # "201 Created", headers, body
Handler = Callable[..., Answer]
PIECE = 64 * 1024
GRACE = 2.0  # seconds for answers that are under way


class Refused(Exception):
    """The request is answered with an error: status, body and further headers."""

    def __init__(self, status: HTTPStatus, body: bytes, content_type: str, headers: Headers | None = None) -> None:
        super().__init__(status.phrase)
        self.status = f"{status.value} {status.phrase}"
        self.body = body
        self.headers = [("Content-Type", content_type), *(headers or [])]


class Incoming:
    """A request's body: at most its Content-Length is read, and a body that breaks off is an error."""

    def __init__(self, environ: Environ) -> None:
        self.left = self.length = int(environ.get("CONTENT_LENGTH") or 0)
        self._stream = environ["wsgi.input"]

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; empty at the end. Raises ConnectionError where the sender is gone."""
        size = self.left if size < 0 else min(size, self.left)
        piece: bytes = self._stream.read(size) if size else b""
        if len(piece) < size:
            raise ConnectionError(f"the body broke off, {self.left - len(piece)} bytes before its end")
        self.left -= len(piece)
        return piece

    def drain(self) -> None:
        """Read what is left, so that a sender in mid-body still gets the answer."""
        while self.left:
            self.read(PIECE)


class Application:
    """A WSGI application over (method, path pattern, handler) routes; a group of the pattern is an argument."""

    def __init__(self, routes: Iterable[tuple[str, str, Handler]]) -> None:
        routes = [*routes, ("GET", "/healthcheck", _healthy)]
        self._routes = [(method, re.compile(pattern), handler) for method, pattern, handler in routes]

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
        """Answer one request; a line is logged when it has come and one before it is answered."""
        _log(">", f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ.get('HTTP_USER_AGENT', '-')}")
        incoming = environ["demo.body"] = Incoming(environ)
        try:
            status, headers, body = self._answer(environ)
        except Refused as refused:
            status, headers, body = refused.status, refused.headers, refused.body
        incoming.drain()
        if not status.startswith("204"):
            headers = _with_length(headers, len(body))
        _log("<", f"{status[:3]} {environ['PATH_INFO']}")
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: Environ) -> Answer:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and method == environ["REQUEST_METHOD"]:
                return handler(environ, *found.groups())
        raise Refused(HTTPStatus.NOT_FOUND, b"404 Not Found\n", "text/plain; charset=UTF-8")


def _healthy(environ: Environ) -> Answer:
    return "200 OK", [("Content-Type", "text/plain; charset=UTF-8")], b"OK"


def _with_length(headers: Headers, length: int) -> Headers:
    """Content-Length, where the handler left it out, stands after Content-Type."""
    if any(name == "Content-Length" for name, _ in headers):
        return headers
    return [*headers[:1], ("Content-Length", str(length)), *headers[1:]]


def json_body(value: object) -> bytes:
    """JSON in UTF-8, as small as `json.dumps` makes it without options, beyond ASCII as it is."""
    return json.dumps(value, ensure_ascii=False).encode()


class _Handler(WSGIRequestHandler):
    """The application logs its requests itself; what else there is to say is said in the same way."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Said before, when the answer was given."""

    def log_message(self, format: str, *args: Any) -> None:
        _log("!", format % args)


def _log(direction: str, text: str) -> None:
    """One line on standard error, at once and in one piece: when, whether in or out, what."""
    line = f"{time.time():.6f} {direction} {text}".replace("\n", "\\n")
    os.write(2, f"{line}\n".encode("utf-8", "backslashreplace"))


class Server(ThreadingMixIn, WSGIServer):
    """A WSGI server, a thread for each request, on a socket that listens already."""

    def __init__(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__((host, port), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.server_name, self.server_port = host, port
        self.setup_environ()


def serve(application: Application, descriptor: int, prepare: Callable[[], None] | None = None) -> None:
    """Serve on an inherited socket until standard input ends: whoever started us closed it, or is gone.

    Answers that are under way get a moment to be finished. `prepare` is called before the first is given.
    """
    server = Server(socket.socket(fileno=descriptor))
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    if prepare is not None:
        prepare()
    server.set_app(application)
    server.serve_forever(poll_interval=0.05)
    server.server_close()


def _stop_at_end_of_input(server: Server) -> None:
    while os.read(0, PIECE):
        pass
    deadline = threading.Timer(GRACE, os._exit, (1,))
    deadline.daemon = True
    deadline.start()
    server.shutdown()
