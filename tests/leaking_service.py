"""A service whose answers hold secrets in all places: run where a file `mark` is; prints its port."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

MARK = Path("mark").read_text()
DOCUMENT = json.dumps({"user": "a", "password": f"{MARK}json", "list": [{"api_key": f"{MARK}list"}]})


class Quiet(WSGIRequestHandler):
    """Says nothing on standard error."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def straddling() -> Iterator[bytes]:
    """JSON of more than the body limit with a secret across the cut, in tiny pieces around it."""
    yield b'{"filler": "' + b"x" * (65536 - 40) + b'", "password": "'
    for octet in f"{MARK}straddles".encode() * 30:
        yield bytes([octet])
    yield b'"}'


ANSWERS: dict[str, tuple[list[tuple[str, str]], Any]] = {
    "/json": ([("Content-Type", "application/json")], [DOCUMENT.encode()]),
    "/unannounced": ([], [DOCUMENT.encode()]),
    "/bom": ([("Content-Type", "application/json")], [b"\xef\xbb\xbf" + DOCUMENT.encode()]),
    "/utf-16": ([("Content-Type", "application/json")], [DOCUMENT.encode("utf-16")]),
    "/lines": ([("Content-Type", "application/x-ndjson")], [b'{"a":1}\n', DOCUMENT.encode()]),
    "/pieces": ([("Content-Type", "application/json")], [bytes([c]) for c in DOCUMENT.encode()]),
    "/gzip": ([("Content-Encoding", "gzip")], [gzip.compress(DOCUMENT.encode(), 0)]),
    "/deflate": ([("Content-Encoding", "deflate")], [zlib.compress(DOCUMENT.encode(), 0)]),
    "/unknown": ([("Content-Encoding", "br")], [DOCUMENT.encode()]),
    "/xml": ([("Content-Type", "text/xml")], [f"<a><w:Password>{MARK}xml</w:Password></a>".encode()]),
    "/octets": ([("Content-Type", "application/octet-stream")], [b"\0\xff password=" + MARK.encode() + b" \0\xfe"]),
    "/jwt": (
        [],
        [b"eyJhbGciOiJIUzI1NiJ9.", base64.urlsafe_b64encode(f'{{"sub":"{MARK}jwt"}}'.encode()).strip(b"="), b".c2ln"],
    ),
    "/html": ([("Content-Type", "text/html")], [f'<input name="csrf_token" value="{MARK}html">'.encode()]),
}


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Answer with secrets; what was sent is read and sent back under a known name."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    path = environ["PATH_INFO"]
    if path == "/redirect":
        fields = [
            ("Location", f"/json?token={MARK}location&X-Amz-Signature={MARK}signature#access_token={MARK}fragment"),
            ("Set-Cookie", f'session="{MARK}cookie=1"; Path=/'),
            ("Set-Cookie", f"second={MARK}second; Path=/; HttpOnly"),
            ("Link", f"<http://a:{MARK}link@h/?sig={MARK}sig>; rel=next"),
            ("X-Subject-Token", f"{MARK}subject"),
        ]
        start_response("302 Found", fields)
        return [b""]
    if path == "/straddling":
        start_response("200 OK", [("Content-Type", "application/json")])
        return straddling()
    if path == "/error":
        raise RuntimeError(f"password={MARK}exception")
    if path == "/echo":
        start_response("200 OK", [("Content-Type", environ.get("CONTENT_TYPE", ""))])
        return [body]
    fields, pieces = ANSWERS[path]
    start_response("200 OK", [*fields, ("X-Auth-Token", f"{MARK}header")])
    return pieces


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()
