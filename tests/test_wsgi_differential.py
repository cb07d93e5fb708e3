"""Every kind of application, on every server, with the middleware and without: the same octets, the tags aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from wsgi_apps import APPS
from wsgi_support import Server, request, serving, without_tags

from requestshook.events import BodyEnd, Failure, Request, Response

KINDS = ("wsgiref", "gunicorn", "gthread", "eventlet")
NO_GOOD = {"peak", "how_often_sendfile", "parent_everywhere", "last_closed", "download", "own_tags"}
NAMES = sorted(set(APPS) - NO_GOOD)
LINES = b"first line\nsecond\nthe third"
# Reading beyond the content, wsgiref waits for the client to close.
NEVER_IN_WSGIREF = {"read_to_the_end", "read_lines", "read_by_iteration"}
NEVER_IN_EVENTLET = ("eventlet", "read_lines")  # its own `readlines` waits for more than the content
ONLY_WITH_CONTENT_IN_WSGIREF = {"read_line", "read_half", "upload"}


@pytest.fixture(scope="module", params=KINDS)
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, ...]]:
    folder = tmp_path_factory.mktemp("servers")
    with (
        serving(request.param, "plain", folder / "p") as plain,
        serving(request.param, "patched", folder / "w") as ours,
    ):
        yield plain, ours


def both(servers: tuple[Server, ...], message: bytes) -> tuple[bytes, bytes]:
    """What the plain server answers, and the patched one without the tags."""
    plain, ours = (server.exchange(message) for server in servers)
    return without_tags(plain), without_tags(ours)


def tag() -> str:
    return f"X-Requestshook-Request-Id: {os.urandom(16).hex()}\r\nX-Requestshook-Request-From: tester\r\n"


def ways(kind: str, name: str) -> Iterator[bytes]:
    """The requests to try on an application."""
    path = f"/{name}/a%20b;x=1?q=%C3%A4&r"
    length = f"Content-Length: {len(LINES)}\r\nContent-Type: text/plain\r\n"
    if (kind != "wsgiref" or name not in NEVER_IN_WSGIREF) and (kind, name) != NEVER_IN_EVENTLET:
        yield request("POST", path, tag() + length, LINES)
    if kind != "wsgiref" or name not in NEVER_IN_WSGIREF | ONLY_WITH_CONTENT_IN_WSGIREF:
        yield request("GET", path, tag())
        yield request("HEAD", path, tag())
        yield request("GET", path, tag(), version="1.0")
        yield request("PUT", path, tag() + "Content-Length: 0\r\n")
    if kind != "wsgiref":
        chunked = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (LINES[:7], LINES[7:8], LINES[8:]))
        yield request("POST", path, tag() + "Transfer-Encoding: chunked\r\n", chunked + b"0\r\n\r\n")


@pytest.mark.parametrize("name", NAMES)
def test_same_octets(servers: tuple[Server, ...], request: pytest.FixtureRequest, name: str) -> None:
    """Whatever the application does, the client gets what it would have got, and each call is recorded once."""
    kind = request.node.callspec.params["servers"]
    for message in ways(kind, name):
        plain, ours = both(servers, message)
        assert ours == plain, message
        id = message.partition(b"Request-Id: ")[2][:32].decode()
        check(servers[1].of_call(id, (Response, Failure)), name)


def check(found: list[Any], name: str) -> None:
    """One request, and one response or a failure; no body ends twice."""
    assert len([event for event in found if isinstance(event, Request)]) == 1
    assert len([event for event in found if isinstance(event, Response)]) <= 1
    assert len([event for event in found if isinstance(event, Failure)]) <= 1
    for of in ("request", "response"):
        assert len([event for event in found if isinstance(event, BodyEnd) and event.of == of]) <= 1
    if name.startswith("raises") or name in ("replaced_after", "never_starts", "bad_header", "too_few_arguments"):
        assert any(isinstance(event, (Failure, Response)) for event in found)


def test_kept_connection(servers: tuple[Server, ...]) -> None:
    """Calls that follow each other on one connection, some with content left unread, are answered alike."""
    length = f"Content-Length: {len(LINES)}\r\nConnection: keep-alive\r\n"
    message = b"".join(
        (
            request("GET", "/one_element", "Connection: keep-alive\r\n"),
            request("POST", "/read_half", length, LINES),
            request("POST", "/read_all", length, LINES),
            request("GET", "/generator_with_length", "Connection: keep-alive\r\n"),
            request("GET", "/two_elements"),
        )
    )
    plain, ours = both(servers, message)
    assert without_all_tags(ours) == without_all_tags(plain)


def without_all_tags(answers: bytes) -> bytes:
    return b"HTTP/".join(without_tags(answer) for answer in answers.split(b"HTTP/"))


def test_expect_continue(servers: tuple[Server, ...]) -> None:
    """The 100 that a server sends when content is first read comes as it would have."""
    message = request("POST", "/read_all", f"Expect: 100-continue\r\nContent-Length: {len(LINES)}\r\n", LINES)
    plain, ours = both(servers, message)
    assert without_all_tags(ours) == without_all_tags(plain)


def test_nothing_is_said(servers: tuple[Server, ...]) -> None:
    """No fault of ours was said while all of this ran."""
    servers[1].exchange(request("GET", "/one_element"))
    assert "requestshook: " not in servers[1].errors.read_text(errors="replace")
