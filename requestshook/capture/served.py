"""One call that this process answers, told to the recorder step by step: what server capture points share.

Nothing in here raises: a fault of ours is said by the recorder, and the call goes on. Only the process that began
the call writes: a child that was forked meanwhile holds the same objects and stays silent.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

from requestshook import tags
from requestshook.capture.streams import Head
from requestshook.events import CLOSED, COMPLETE, Body, BodyEnd, Event, Failure, Headers, Request, Response
from requestshook.recording import Recorder, Serving

Step = TypeVar("Step", bound=Callable[..., None])
_TAGS = frozenset((tags.REQUEST_ID.lower(), tags.REQUEST_FROM.lower()))
_NOTHING = Body("", 0)


def _guarded(step: Step) -> Step:
    def safe(self: Served, *args: Any) -> None:
        try:
            if self.recorded:
                step(self, *args)
        except Exception as error:
            self.recorder.fault(f"a served call is not recorded in full: {type(error).__name__}: {error}")

    return cast(Step, safe)


class Served:
    """A call that is being answered. Where it is ignored it has its tags, and its steps write nothing."""

    __slots__ = (
        "_bodiless",
        "_body",
        "_content",
        "_declared",
        "_expected",
        "_failed",
        "_http",
        "_is_head",
        "_origin",
        "_over",
        "_reason",
        "_request_ended",
        "_request_error",
        "_request_headers",
        "_response_headers",
        "_status",
        "_written",
        "recorded",
        "recorder",
        "serving",
        "tags",
    )  # fmt: skip

    def __init__(self, recorder: Recorder, serving: Serving, caller: str, method: str, *, recorded: bool) -> None:
        self.recorder = recorder
        self.serving = serving
        self.tags: Headers = ((tags.REQUEST_ID, serving.id), (tags.REQUEST_FROM, caller))
        self.recorded = recorded
        self._origin = recorder.origin("server", serving.id, serving.trace)
        self._body: Head | None = None  # the response's
        self._content: Head | None = None  # the request's
        self._expected: int | None = None
        self._request_error: str | None = None
        self._request_ended = True
        self._bodiless = self._is_head = method == "HEAD"
        self._declared: int | None = None
        self._status: int | None = None
        self._reason = self._http = ""
        self._request_headers: Headers = ()
        self._response_headers: Headers = ()
        self._written = self._over = self._failed = False

    @property
    def over(self) -> bool:
        """Whether the response has ended."""
        return self._over

    def declared(self, size: int) -> int:
        """The size of a response's content of which there are `size` octets: its Content-Length may say less."""
        return size if self._declared is None else min(size, self._declared)

    def _emit(self, event: Event, headers: Headers = ()) -> None:
        if self._origin.pid == os.getpid():
            self.recorder.emit(event, headers)

    @_guarded
    def begin(
        self,
        parent: str | None,
        callee: str,
        method: str,
        url: str,
        http: str,
        headers: Headers,
        has_content: bool,
        length: int | None,
    ) -> None:
        """The request's headers are here; `length` is what they say of the content."""
        limit = self.recorder.body_limit
        self._http, self._request_headers = http, headers
        self._body = Head(limit)
        if has_content:
            self._content, self._expected, self._request_ended = Head(limit), length, False
        caller = self.tags[1][1]
        body = None if has_content else _NOTHING
        self._emit(Request(time.time(), self._origin, parent, caller, callee, method, url, http, headers, body))

    @_guarded
    def received(self, chunks: Iterable[bytes | memoryview], at_end: bool) -> None:
        """Pieces of the request's content were read; `at_end` where there are no more."""
        if self._request_ended or self._content is None:
            return
        self._request_error = None
        for chunk in chunks:
            self._content.add(chunk)
        size, expected = self._content.size, self._expected
        if expected is not None and size >= expected:
            self._end_request(COMPLETE)
        elif at_end:
            short = expected is not None
            self._end_request(f"error: it ended after {size} of {expected} octets" if short else COMPLETE)

    @_guarded
    def not_received(self, error: BaseException) -> None:
        """Reading the request's content failed; the program may try again."""
        self._request_error = f"error: {_text(error)}"

    def _end_request(self, end: str) -> None:
        if self._request_ended or self._content is None:
            return
        self._request_ended = True
        event = BodyEnd(time.time(), self._origin, "request", self._content.body(), end)
        self._content = None
        self._emit(event, self._request_headers)

    def tagged(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """A response's headers with this call's two tags in place of any that the program put there."""
        return [*(pair for pair in headers if pair[0].lower() not in _TAGS), *self.tags]

    @_guarded
    def answer(self, status: str, headers: Iterable[tuple[str, str]]) -> None:
        """Status and headers are given; until a first octet follows they may be given anew."""
        if self._written:
            return
        self._status, self._reason = int(status[:3]) if status[:3].isdecimal() else 0, status[4:]
        self._response_headers = tuple((str(name), str(value)) for name, value in headers)
        self._bodiless = self._is_head or self._status in (204, 304)  # RFC 9110, 6.4.1
        lengths = [value for name, value in self._response_headers if name.lower() == "content-length"]
        self._declared = int(lengths[0]) if lengths and lengths[0].isdecimal() else None

    @_guarded
    def sent(self, chunk: bytes | str) -> None:
        """A piece of the response's content is on its way."""
        if self._body is None or self._over or self._status is None or not chunk:
            return
        self._add(self._body, chunk)
        if not self._written:
            whole = self._bodiless or self._body.size == self._declared
            self._write(self._body.body() if whole else None)
            self._over = whole  # as far as the lines go

    def _write(self, body: Body | None) -> None:
        assert self._status is not None
        self._written = True
        status, reason, http, headers = self._status, self._reason, self._http, self._response_headers
        self._emit(Response(time.time(), self._origin, status, reason, http, headers, (), body))

    @_guarded
    def whole(self, chunks: Iterable[bytes]) -> None:
        """The rest of the response's content is here in full."""
        for chunk in chunks:
            self._add(self._body, chunk)
        self._end(COMPLETE)

    def _add(self, body: Head | None, chunk: object) -> None:
        if isinstance(chunk, str):  # wrong, and yet sent by eventlet
            chunk = chunk.encode("latin-1", "replace")
        if body is not None and not self._bodiless and isinstance(chunk, (bytes, bytearray, memoryview)):
            body.add(chunk)

    @_guarded
    def known(self, body: Body) -> None:
        """The response's content is a file that the server sends by itself."""
        if self._status is not None and not self._written:
            self._write(_NOTHING if self._bodiless else body)
            self._over = True
        self._end(COMPLETE)

    @_guarded
    def end(self, end: str) -> None:
        """The response is complete, or was closed before."""
        self._end(end)

    def _end(self, end: str) -> None:
        self._end_request(self._request_error or CLOSED)
        if self._over or self._body is None:
            return
        self._over = True
        if self._status is None:
            if not any(name.lower() == "upgrade" for name, _ in self._request_headers):  # it has taken the socket
                self._fail("no response: start_response was not called")
        elif not self._written and (end == COMPLETE or self._bodiless):
            self._write(self._body.body())
        else:
            if not self._written:
                self._write(None)
            self._end_body(self._body, end)

    def _end_body(self, body: Head, end: str) -> None:
        event = BodyEnd(time.time(), self._origin, "response", body.body(), end)
        self._emit(event, self._response_headers)

    @_guarded
    def fail(self, error: BaseException) -> None:
        """The program raised: before the response, within it or after it."""
        self._end_request(self._request_error or CLOSED)
        if self._written and not self._over and self._body is not None:
            self._end_body(self._body, f"error: {_text(error)}")
        self._over = True
        self._fail(_text(error))

    def _fail(self, error: str) -> None:
        if not self._failed:
            self._failed = True
            self._emit(Failure(time.time(), self._origin, error))


def _text(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:2000]
