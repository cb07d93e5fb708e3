"""One call as several capture points saw it, made by hand: what each would have written, and the page of it."""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, field

from requestshook.events import Attempt, Body, BodyEnd, Event, Failure, Headers, Origin, Process, Request, Response
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.trace import Trace, build

TRACE = "5f" * 16
ID = "a" * 32
URL = "http://api.test/x"
ASKED: Headers = (("Host", "api.test"), ("Content-Type", "text/plain"), ("Content-Length", "2"))
GIVEN: Headers = (("Content-Type", "application/json"), ("Content-Length", "2"))


@dataclass
class Sight:
    """What one capture point saw of one exchange; `began` and `ended` in milliseconds."""

    view: str
    began: float
    ended: float
    n: int = 1
    host: str = "node1"
    pid: int = 1
    id: str = ID
    caller: str = "cli"
    method: str = "POST"
    url: str = URL
    http: str = "HTTP/1.1"
    asked: Headers = ASKED
    sent: Body | None = field(default_factory=lambda: Body("ab", 2))
    sent_end: str | None = None  # of a body that follows in a line of its own
    status: int | None = 200
    reason: str = "OK"
    given: Headers = GIVEN
    got: Body | None = field(default_factory=lambda: Body("{}", 2))
    got_end: str | None = None
    error: str | None = None
    attempts: tuple[Attempt, ...] = ()
    key: str = ""  # of its process; empty: it says nothing

    def lines(self) -> list[Event]:
        """Its lines, in the order in which they are written."""
        origin = Origin(self.view, self.id, TRACE, self.host, self.pid, self.n)
        began, ended = 1_700_000_000 + self.began / 1000, 1_700_000_000 + self.ended / 1000
        sent = None if self.sent_end else self.sent
        found: list[Event] = []
        if self.key:
            found.append(Process(began, self.host, self.pid, TRACE, "program", (), self.key))
        found.append(
            Request(began, origin, None, self.caller, None, self.method, self.url, self.http, self.asked, sent)
        )
        if self.sent_end and self.sent:
            found.append(BodyEnd(began, origin, "request", self.sent, self.sent_end))
        if self.status is not None:
            got = None if self.got_end else self.got
            found.append(Response(ended, origin, self.status, self.reason, self.http, self.given, self.attempts, got))
            if self.got_end and self.got:
                found.append(BodyEnd(ended, origin, "response", self.got, self.got_end))
        if self.error is not None:
            found.append(Failure(ended, origin, self.error, self.attempts))
        return found


def client(began: float = 0, ended: float = 100, **options: object) -> Sight:
    """What the hook saw."""
    return Sight("client", began, ended, **options)  # type: ignore[arg-type] # fields of a test


def wire(began: float = 10, ended: float = 90, **options: object) -> Sight:
    """What the addon saw."""
    return Sight("wire", began, ended, **{"pid": 2, **options})  # type: ignore[arg-type] # fields of a test


def server(began: float = 20, ended: float = 80, **options: object) -> Sight:
    """What the middleware saw."""
    return Sight("server", began, ended, **{"pid": 3, **options})  # type: ignore[arg-type] # fields of a test


def events(sights: Iterable[Sight]) -> list[tuple[int, Event]]:
    """All lines, numbered."""
    return list(enumerate((line for sight in sights for line in sight.lines()), 1))


def trace_of(*sights: Sight) -> Trace:
    """What is worked out of them."""
    return build(events(sights))


def page_of(*sights: Sight, settings: PageSettings | None = None) -> str:
    """The steps' part of the page, entities read as what they stand for."""
    numbered = dict(events(sights))

    def load(ref: int) -> Body | None:
        return getattr(numbered[ref], "body", None)

    return html.unescape("".join(render(build(numbered.items()), load, settings, part="steps")))


def said(*sights: Sight) -> list[str]:
    """The sentences that the page says of the steps, in their order."""
    page = page_of(*sights)
    return [line for line in page.split("\n") if line.startswith(("From ", "Further in", "The views"))]
