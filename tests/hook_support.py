"""What the tests of the hook share: the events of a call, a server that answers by a function, `capture.json`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from conftest import Spooled

from requestshook import events

KEY = "00" * 32


class Seen(NamedTuple):
    """One call as its lines tell it."""

    request: events.Request
    response: events.Response | None
    ends: list[events.BodyEnd]
    failure: events.Failure | None

    def down(self) -> events.BodyEnd:
        """The one line of the response's body."""
        (end,) = [end for end in self.ends if end.of == "response"]
        return end

    def up(self) -> events.BodyEnd:
        """The one line of the request's body."""
        (end,) = [end for end in self.ends if end.of == "request"]
        return end

    def header(self, name: str) -> str | None:
        """A header of the request."""
        return dict(self.request.headers).get(name)


def calls(spooled: Spooled) -> list[Seen]:
    """The calls so far, in the order of their requests; each id has one request line."""
    found: dict[str, list[Any]] = {}
    for event in spooled.of(events.Request, events.Response, events.BodyEnd, events.Failure):
        found.setdefault(event.origin.id, []).append(event)  # type: ignore[union-attr] # these four have an origin
    return [_seen(lines) for lines in found.values()]


def _seen(lines: list[Any]) -> Seen:
    (request,) = [line for line in lines if isinstance(line, events.Request)]
    responses = [line for line in lines if isinstance(line, events.Response)]
    failures = [line for line in lines if isinstance(line, events.Failure)]
    assert len(responses) < 2
    assert len(failures) < 2
    ends = [line for line in lines if isinstance(line, events.BodyEnd)]
    return Seen(request, responses[0] if responses else None, ends, failures[0] if failures else None)


def call(spooled: Spooled) -> Seen:
    """The only call."""
    (found,) = calls(spooled)
    return found


def content(body: events.Body | None) -> bytes:
    """What was kept of a body, as octets."""
    assert body is not None
    assert body.content is not None
    return body.content if isinstance(body.content, bytes) else body.content.encode()


def configure(spooled: Spooled, **changed: Any) -> None:
    """Write `capture.json` as the command line compiles it."""
    fields = {
        "v": 1, "key": KEY, "services": [], "clients": [], "ignore": [], "body_limit": 65536, "max": None,
        "tag": "all", "group": None, "recordings": [],
        "redact": {"on": True, "headers": [], "keys": [], "patterns": []}, **changed,
    }  # fmt: skip
    spooled.folder.mkdir(exist_ok=True)
    new = spooled.folder / "capture.json.new"
    new.write_text(json.dumps(fields))
    new.rename(spooled.folder / "capture.json")


class OneByOne:
    """A server on loopback that gives each connection to a function, in a thread."""

    def __init__(self, serve: Callable[[socket.socket], object]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> OneByOne:
        return self

    def __exit__(self, *error: object) -> None:
        self.listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            try:  # noqa: SIM105 - the client may be gone
                self._serve(connection)
            except OSError:
                pass
