"""One call as this process makes it: what was sent and came back becomes events, in the order of the wire.

Nothing here raises towards the program: a fault of ours is counted, and this call's record ends there.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from requestshook.capture.streams import Head, tell_end
from requestshook.events import (
    CLOSED,
    COMPLETE,
    Attempt,
    Body,
    BodyEnd,
    Failure,
    Headers,
    Origin,
    Request,
    Response,
)
from requestshook.recording import Recorder

_EMPTY = Body("", 0)
_SKIPPED = "@@@SKIP_HEADER@@@"  # urllib3.util.SKIP_HEADER
Result = TypeVar("Result")


class Exchange:
    """One call of this process, from its request's headers to the end of its response's body."""

    __slots__ = (
        "_attempts",
        "_caller",
        "_held",
        "_id",
        "_origin",
        "_parent",
        "_pid",
        "_recorder",
        "_request_headers",
        "_response_headers",
        "_streamed",
        "_trace",
        "_up",
        "depth",
        "down",
        "url",
        "waits",
    )

    def __init__(
        self, recorder: Recorder, id: str, trace: str, parent: str | None, caller: str, url: str, waits: bool
    ) -> None:
        self._recorder = recorder
        self._id, self._trace, self._parent, self._caller, self.url = id, trace, parent, caller, url
        self.waits = waits  # the program waits for the body before it sees the response
        self.depth = 0  # urllib3's retries call themselves
        self._pid = os.getpid()
        self._origin: Origin | None = None
        self._attempts: tuple[Attempt, ...] = ()
        self._request_headers: Headers = ()
        self._response_headers: Headers = ()
        self._held: Response | None = None
        self._up: Head | None = None
        self.down: Head | None = None  # the response's body, while it passes by
        self._streamed: Any = None

    def safely(self, do: Callable[..., Result], *arguments: Any) -> Result | None:
        """What a step of ours returns, or None where it failed: that is ours to know."""
        try:
            return do(*arguments)
        except Exception as error:
            self.lost(error)
            return None

    def lost(self, error: Exception) -> None:
        """Something of this call could not be recorded."""
        self._recorder.dropped += 1
        self._recorder.fault(f"cannot record a call: {type(error).__name__}: {error}")

    # What the program sends

    def sending(self, method: str, http: str, headers: Headers, body: Any) -> None:
        """A request's headers are about to leave: the first attempt writes the line, later ones change nothing."""
        if self._origin is not None:
            return
        self._origin = self._recorder.origin("client", self._id, self._trace)
        self._request_headers = headers
        kept = self._body_in_memory(body)
        if kept is None:
            self._streamed = body
        self._recorder.emit(
            Request(
                time.time(), self._origin, self._parent, self._caller, None,
                method, self.url, http, headers, kept,
            )
        )  # fmt: skip

    def _body_in_memory(self, body: Any) -> Body | None:
        if body is None:
            return _EMPTY
        if isinstance(body, Body):  # a stream that we cannot see
            return body
        if isinstance(body, str):
            body = body.encode("utf-8", "surrogatepass")
        if not isinstance(body, (bytes, bytearray, memoryview)):
            return None
        head = Head(self._recorder.body_limit)
        head.add(body)
        return head.body()

    def retrying(self, attempts: tuple[Attempt, ...]) -> None:
        """The client tries again: these are the earlier tries."""
        self._attempts = attempts

    def streams(self, body: Any) -> bool:
        """Whether this is the body that follows the request's line."""
        return self._streamed is not None and body is self._streamed

    def tee_up(self, chunks: Iterable[Any]) -> Iterator[Any]:
        """The chunks of a request's body, one for one; the first attempt's are kept, the last one's counted."""
        first = self._up
        head = Head(self._recorder.body_limit if first is None else 0)
        if first is None:
            self._up = head
        end = CLOSED
        try:
            for chunk in chunks:
                try:
                    head.add(chunk.encode() if isinstance(chunk, str) else chunk)
                except Exception as error:
                    self.lost(error)
                yield chunk
            end = COMPLETE
        except GeneratorExit:
            raise
        except BaseException as error:
            end = describe_end(error)
            raise
        finally:
            self.safely(self._sent, head, end)

    def _sent(self, head: Head, end: str) -> None:
        if self._origin is None or self._up is None or os.getpid() != self._pid:
            return
        kept = self._up.body()
        size = head.size
        body = Body(kept.content, size, size > len(kept.content or b""))
        self._recorder.emit(BodyEnd(time.time(), self._origin, "request", body, end), self._request_headers)

    # What comes back

    def answered(self, status: int, reason: str, http: str, headers: Headers, *, body: Body | None) -> None:
        """Status and headers are in. `body` is given where it is known now: none, or none that we can see."""
        if self._origin is None:
            return
        self._response_headers = headers
        response = Response(time.time(), self._origin, status, reason, http, headers, self._attempts, body)
        if body is None:
            self.down = Head(self._recorder.body_limit)
            if self.waits:
                self._held = response
                return
        self._recorder.emit(response)

    def received(self, chunk: Any) -> None:
        """A chunk of the response's body passes by."""
        down = self.down
        if down is not None and chunk:
            try:  # not `safely`: this runs for each chunk of a stream
                down.add(chunk)
            except Exception as error:
                self.lost(error)

    def ended(self, end: str) -> None:
        """The response's body is at its end, closed or broken: the first of these counts."""
        if self.down is not None:
            self.safely(self._write_end, end)

    def _write_end(self, end: str) -> None:
        head, self.down = self.down, None
        held, self._held = self._held, None
        if head is None or self._origin is None or os.getpid() != self._pid:
            return
        tell_end(self._recorder.emit, self._origin, held, head.body(), end, self._response_headers)

    def failed(self, error: BaseException) -> None:
        """The program gets this exception instead of a response; nothing is said of a call that never left."""
        if self._origin is not None and os.getpid() == self._pid:
            self.safely(self._write_failure, error)

    def _write_failure(self, error: BaseException) -> None:
        assert self._origin is not None
        self._write_end(CLOSED)
        self._recorder.emit(Failure(time.time(), self._origin, describe(error), self._attempts))


def describe(error: BaseException) -> str:
    """An exception in one piece of text: `ConnectTimeout: …`."""
    try:
        text = str(error)
    except Exception:
        text = "…"
    return f"{type(error).__name__}: {text}"[:2000] if text else type(error).__name__


def describe_end(error: BaseException) -> str:
    """How a body ended that an exception ended."""
    return f"error: {describe(error)}"


def sent_headers(headers: Any, url_host: str) -> Headers:
    """The headers of a request in the order of the wire, with those that http.client adds."""
    pairs = list(headers.items())
    if not all(type(name) is type(value) is str for name, value in pairs):
        pairs = [(_text(name), _text(value)) for name, value in pairs]
    names = [name.lower() for name, _ in pairs]
    added = []
    if "host" not in names:
        added.append(("Host", url_host))
    if "accept-encoding" not in names:
        added.append(("Accept-Encoding", "identity"))
    return tuple(added + [pair for pair in pairs if pair[1] != _SKIPPED])


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
