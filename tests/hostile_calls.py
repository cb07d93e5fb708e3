"""Hostile content on real sockets: a service that answers with it, and a client that sends it and prints it.

`python hostile_calls.py` serves and prints its port; `python hostile_calls.py PORT` calls that.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import requests
from hostile import CONTENTS, in_header

TEXTS = list(CONTENTS.values())
TYPES = ("text/html", "application/json", "text/markdown", "x`y", 'a"b{}', "")


class Quiet(WSGIRequestHandler):
    """Says nothing on standard error."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def octets(text: str) -> str:
    """A text as header fields carry it: octets read as Latin-1, on one line."""
    return in_header(text).encode("utf-8", "replace").decode("latin-1").translate({10: " ", 13: " ", 0: " "}).strip()


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer with the content that the first segment of the path numbers."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    number = int(environ["PATH_INFO"].split("/")[1])
    text = TEXTS[number]
    fields = [("Content-Type", octets(TYPES[number % len(TYPES)])), ("X-Hostile", octets(text))]
    start_response(f"200 {octets(text) or 'OK'}", fields)
    return [text.encode("utf-8", "surrogatepass")]


def call(base: str) -> None:
    """Send each content in all places of a request, and print it."""
    for number, text in enumerate(TEXTS):
        fields = {"X-Hostile": octets(text).encode("latin-1"), "Content-Type": TYPES[number % len(TYPES)]}
        with contextlib.suppress(requests.RequestException, ValueError):
            requests.post(
                f"{base}/{number}/{text}?{text}=1&b={text}", data=text.encode("utf-8", "replace"), headers=fields
            )
        with contextlib.suppress(requests.RequestException, ValueError):
            requests.request(
                octets(text) or "GET", f"{base}/{number}/x", headers={"User-Agent": octets(text).encode("latin-1")}
            )
        with contextlib.suppress(requests.RequestException, ValueError):
            requests.get(f"http://127.0.0.1:1/{number}/{text}")
        print(text.encode("utf-8", "replace").decode())


if len(sys.argv) > 1:
    call(f"http://127.0.0.1:{sys.argv[1]}")
else:
    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    print(server.server_port, flush=True)
    server.serve_forever()
