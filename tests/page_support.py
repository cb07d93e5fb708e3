"""Traces built by hand, for the tests of pages: a story of requests and answers told in the order of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from requestshook import tags
from requestshook.events import Attempt, Body, Failure, Headers, Origin, Process, Request, Response
from requestshook.trace.calls import Call, Message, Step, Trace, View

BEGAN = 1671683885.0
STEP = 0.0125  # seconds between two steps


@dataclass
class Told:
    """A call of the story, and what is known of it so far."""

    number: int
    caller: str
    callee: str
    method: str
    url: str
    parent: Told | None
    depth: int
    request: Message
    at: float
    request_step: int
    response: Message | None = None
    failure: Failure | None = None
    attempts: tuple[Attempt, ...] = ()
    answered: float | None = None
    response_step: int | None = None
    failure_step: int | None = None
    outer: tuple[View, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.number:032x}"


@dataclass
class Story:
    """Builds a trace; `load` gives the bodies that it was told."""

    name: str = "image-create"
    command: tuple[str, ...] = ("openstack", "image", "create", "cirros")
    told: list[tuple[str, Told]] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    loaded: int = 0

    def load(self, ref: int) -> Body | None:
        """The body behind a message's `ref`."""
        self.loaded += 1
        return self.bodies[ref]

    def request(
        self,
        caller: str,
        callee: str,
        method: str,
        url: str,
        *headers: tuple[str, str],
        body: Body | str | bytes | None = b"",
        parent: Told | None = None,
        end: str = "complete",
        tagged: bool = True,
    ) -> Told:
        """A request is sent."""
        number = 1 + sum(kind == "request" for kind, _ in self.told)
        at = self._now()
        own = ((tags.REQUEST_ID, f"{number:032x}"), (tags.REQUEST_FROM, caller), (tags.TRACE_ID, "f" * 32))
        event = Request(
            at, self._origin(number), parent.id if parent else None, caller, callee, method, url, "HTTP/1.1",
            headers + (own if tagged else ()), None,
        )  # fmt: skip
        message = self._message(event, body, end)
        call = Told(
            number, caller, callee, method, url, parent, parent.depth + 1 if parent else 0, message, at,
            len(self.told) + 1,
        )  # fmt: skip
        self.told.append(("request", call))
        return call

    def response(
        self,
        call: Told,
        status: int,
        reason: str,
        *headers: tuple[str, str],
        body: Body | str | bytes | None = b"",
        attempts: tuple[Attempt, ...] = (),
        end: str = "complete",
    ) -> None:
        """It is answered."""
        call.answered, call.attempts, call.response_step = self._now(), attempts, len(self.told) + 1
        event = Response(call.answered, self._origin(call.number), status, reason, "HTTP/1.1", headers, attempts, None)
        call.response = self._message(event, body, end)
        self.told.append(("response", call))

    def failure(self, call: Told, error: str, attempts: tuple[Attempt, ...] = ()) -> None:
        """It fails."""
        call.answered, call.attempts, call.failure_step = self._now(), attempts, len(self.told) + 1
        call.failure = Failure(call.answered, self._origin(call.number), error, attempts)
        self.told.append(("failure", call))

    def seen_as(self, call: Told, url: str, *headers: tuple[str, str]) -> None:
        """The call's client saw it with this URL and these headers; what was told so far is the server's view."""
        event = call.request.event._replace(url=url, headers=headers)
        call.outer = (View("client", "node1", 1, call.number, replace(call.request, event=event)),)

    def trace(self, **changes: object) -> Trace:
        """The trace that was told."""
        calls = {told.number: _call(told) for kind, told in self.told if kind == "request"}
        steps = tuple(
            Step(number, kind, BEGAN + number * STEP, calls[told.number])
            for number, (kind, told) in enumerate(self.told, 1)
        )
        versions = (("requestshook", "0.1.0"), ("python", "3.11.9"))
        trace = Trace(
            "5eed" * 8, self.name, self.command, (("out", "id: 7\nstatus: queued\n"),), False, 0, BEGAN,
            BEGAN + (len(steps) + 1) * STEP, tuple(calls.values()), steps,
            (Process(BEGAN, "node1", 1, None, "openstack", versions, "store"),),
        )  # fmt: skip
        return replace(trace, **changes)  # type: ignore[arg-type]  # the names are checked by `replace`

    def _now(self) -> float:
        return BEGAN + (len(self.told) + 1) * STEP

    def _origin(self, number: int) -> Origin:
        return Origin("client", f"{number:032x}", "5eed" * 8, "node1", 1, number)

    def _message(self, event: Request | Response, body: Body | str | bytes | None, end: str) -> Message:
        if body is None:
            return Message(event, None, None, "unseen")
        if not isinstance(body, Body):
            body = Body(body, len(body.encode("utf-8", "replace") if isinstance(body, str) else body))
        ref = None
        if body.content:
            self.bodies.append(body)
            ref = len(self.bodies) - 1
        return Message(event, body._replace(content=None), ref, end)


def _call(told: Told) -> Call:
    view = View("client", "node1", 1, told.number, told.request, told.response, told.failure)
    if told.outer:
        view = replace(view, kind="server")
    _, _, target = told.url.partition("//")
    return Call(
        told.id, told.parent.id if told.parent else None, False, told.depth, told.caller, told.callee, told.method,
        "/" + target.partition("/")[2], (*told.outer, view), told.request, told.response, told.failure,
        told.attempts, told.at, told.answered, told.request_step, told.response_step, told.failure_step,
    )  # fmt: skip


JSON: Headers = (("Content-Type", "application/json"),)
TOKEN = "‹token:0123456789abcdef›"


def image_create() -> Story:
    """A small flow with what a page must show: nesting, Korean, pseudonyms, an upload, a retry and a failure."""
    story = Story(
        command=("openstack", "image", "create", "시러스 0.6", "--os-password", "‹password:00000000000000aa›")
    )
    host = ("Host", "182.161.114.101")
    first = story.request("openstack", "keystone", "GET", "http://182.161.114.101/identity/", host, ("Accept", "*/*"))
    story.response(
        first, 300, "MULTIPLE CHOICES", *JSON,
        body='{"versions": {"values": [{"id": "v3.14", "links": [], "rank": 1.50}]}}',
    )  # fmt: skip
    auth = story.request(
        "openstack", "keystone", "POST", "http://182.161.114.101/identity/v3/auth/tokens", host, *JSON,
        body='{"auth": {"user": "관리자", "password": "‹password:00000000000000aa›"}}',
    )  # fmt: skip
    story.response(auth, 201, "", ("X-Subject-Token", TOKEN), *JSON, body='{"token": {"roles": ["admin"]}}')
    image = "http://127.0.0.1:60999/v2/images/a42bfade-78ec-4c95-b7b4-272ba265072c/file"
    put = story.request(
        "openstack", "glance-api", "PUT", image, ("Host", "127.0.0.1:60999"), ("X-Auth-Token", TOKEN),
        body=Body(b"QFI\xfb\x00\x00\x00\x03" + bytes(64), 21233664, True),
    )  # fmt: skip
    story.seen_as(put, "http://182.161.114.101/image" + image[22:], ("Host", "182.161.114.101"), ("X-Trace", "x"))
    check = story.request(
        "glance-api", "keystone", "GET", "http://182.161.114.101/identity/v3/auth/tokens", ("X-Subject-Token", TOKEN),
        ("X-Auth-Token", "‹token:fedcba9876543210›"), parent=put,
    )  # fmt: skip
    story.response(
        check, 200, "OK", *JSON, body=Body('{"token": {"name": "gz"}}', 44, False, "gzip"),
        attempts=(Attempt(503), Attempt(None, "ConnectionError: reset")),
    )  # fmt: skip
    store = story.request(
        "glance-api", "swift-proxy-server", "PUT",
        "http://182.161.114.101:8080/v1/AUTH_de5af600557d44d0996e667499376dbb/glance/a42bfade?multipart=1&name=시러스",
        parent=put, body=Body(None, 21233664, False, None, "a coding that is not undone: br"),
    )  # fmt: skip
    story.failure(store, "ReadTimeout: HTTPConnectionPool(host='182.161.114.101', port=8080): Read timed out.")
    story.response(
        put, 502, "", ("Content-Type", "text/html"), body="<html>\n<h1>Bad Gateway</h1>\n```\n=== \"Tab\"\n</html>\n",
        end="closed",
    )  # fmt: skip
    return story


def hostile_answers() -> Story:
    """A few answers that try to leave their fences and headings."""
    story = Story(name="<b>name</b> {{ 7*7 }}", command=("curl", "http://h/`x`"))
    call = story.request("curl", "h:80", "GET", 'http://h/[x](javascript:1)?"a"=<b>&c={ #d }', ("X-Y", "a\r\n```"))
    story.response(call, 200, "</h3>", body='```\n\n=== "Tab"\n--8<-- "secret"\n{% include "x" %}\n')
    call = story.request("curl", "h:80", "GET", "http://h/end", body=None)
    story.failure(call, "Boom<img>: `x`\nsecond line")
    return story
