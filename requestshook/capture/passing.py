"""One call that passes by between two others, told to the recorder step by step: what wire capture points share.

Nothing in here raises: a fault of ours is said by the recorder, and the call goes on. A response whose length is said
and small waits for its content, so that a call is two lines; `at` stays the time of its headers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from requestshook.capture.streams import Head, tell_end
from requestshook.events import CLOSED, COMPLETE, Body, BodyEnd, Failure, Headers, Origin, Request, Response
from requestshook.recording import Recorder

Step = TypeVar("Step", bound=Callable[..., None])
_NOTHING = Body("", 0)


def _guarded(step: Step) -> Step:
    def safe(self: Passing, *args: Any) -> None:
        try:
            step(self, *args)
        except Exception as error:
            self.lost(error)

    return cast(Step, safe)


class Passing:
    """A call that passes by. Request and response each begin and end once, in any order after the request began."""

    __slots__ = ("_down", "_held", "_origin", "_recorder", "_request_headers", "_response_headers", "_up", "answered")

    def __init__(self, recorder: Recorder, origin: Origin) -> None:
        self._recorder = recorder
        self._origin = origin
        self._up: Head | None = None  # the request's content, until its end
        self._down: Head | None = None  # the response's, until its end
        self._held: Response | None = None
        self._request_headers: Headers = ()
        self._response_headers: Headers = ()
        self.answered = False  # the response's headers are here

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.answered and self._up is None and self._down is None

    def lost(self, error: Exception) -> None:
        """Something of this call could not be recorded."""
        self._recorder.dropped += 1
        self._recorder.fault(f"cannot record a call: {error!r}")

    @_guarded
    def begin(
        self,
        parent: str | None,
        caller: str,
        callee: str | None,
        method: str,
        url: str,
        http: str,
        headers: Headers,
        has_content: bool,
    ) -> None:
        """The request's headers are about to be passed on."""
        self._request_headers = headers
        if has_content:
            self._up = Head(self._recorder.body_limit)
        body = None if has_content else _NOTHING
        self._recorder.emit(
            Request(time.time(), self._origin, parent, caller, callee, method, url, http, headers, body)
        )

    def sent(self, chunk: bytes) -> None:
        """A piece of the request's content passes by."""
        if self._up is not None:
            self._add(self._up, chunk)

    @_guarded
    def end_request(self, content: bytes | None) -> None:
        """The request's content is complete; `content` is all of it where it did not pass by in pieces."""
        if self._up is not None and content and not self._up.size:
            self._up.add(content)
        self._end_request(COMPLETE)

    def _end_request(self, end: str) -> None:
        head, self._up = self._up, None
        if head is not None:
            event = BodyEnd(time.time(), self._origin, "request", head.body(), end)
            self._recorder.emit(event, self._request_headers)

    @_guarded
    def answer(
        self, status: int, reason: str, http: str, headers: Headers, has_content: bool, length: int | None
    ) -> None:
        """The response's headers are about to be passed on; `length` is what they say of the content."""
        if self.answered:
            return
        self.answered = True
        self._response_headers = headers
        body = None if has_content else _NOTHING
        response = Response(time.time(), self._origin, status, reason, http, headers, (), body)
        limit = self._recorder.body_limit
        if has_content:
            self._down = Head(limit)
            if length is not None and length <= limit:
                self._held = response
                return
        self._recorder.emit(response)

    def received(self, chunk: bytes) -> None:
        """A piece of the response's content passes by."""
        if self._down is not None:
            self._add(self._down, chunk)

    @_guarded
    def end_response(self, content: bytes | None) -> None:
        """The response's content is complete; `content` is all of it where it did not pass by in pieces."""
        if self._down is not None and content and not self._down.size:
            self._down.add(content)
        self._end_response(COMPLETE)

    def _end_response(self, end: str) -> None:
        head, self._down = self._down, None
        held, self._held = self._held, None
        if head is None:
            return
        tell_end(self._recorder.emit, self._origin, held, head.body(), end, self._response_headers)

    @_guarded
    def fail(self, error: str, by_caller: bool) -> None:
        """It broke off. A caller that goes away while it is answered has read all that it wanted: no failure."""
        end = CLOSED if by_caller else f"error: {error}"
        self._end_request(end)
        self._end_response(end)
        if not (by_caller and self.answered):
            self._recorder.emit(Failure(time.time(), self._origin, error))
        self.answered = True

    @_guarded
    def close(self) -> None:
        """Nothing more can come, and nothing said why."""
        self._end_request(CLOSED)
        self._end_response(CLOSED)

    def _add(self, head: Head, chunk: bytes) -> None:
        try:  # not `_guarded`: this runs for each piece of a stream
            head.add(chunk)
        except Exception as error:
            self.lost(error)
