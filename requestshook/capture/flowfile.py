"""A flow of a mitmproxy flow file as events, and what of events a flow cannot hold. mitmproxy itself is not imported.

What we export is a flow a call, and in its metadata the lines that the call was made of, without the contents that the
flow holds itself. They come back as they were, unless somebody changed the flow since: then the flow counts.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from _blake2 import blake2b
from collections.abc import Iterable
from typing import Any, NamedTuple

from requestshook import tags
from requestshook.capture import flow as flows
from requestshook.events import Body, BodyEnd, Event, Failure, Headers, Note, Origin, Request, Response, from_line
from requestshook.redact.bodies import BOUND, undo

KEY = "requestshook"  # of a flow's metadata
REMARK = "requestshook: "  # how a line of a comment begins that is ours
STREAMED = "mitmproxy passed it on and kept none of it"

_VERSION = 1
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_MARK_OF_PSEUDONYM = "‹".encode()
_OURS = frozenset(("gzip", "x-gzip", "deflate"))
_NO_ORIGIN = Origin("wire", "", "", "", 0, 0)


class Read(NamedTuple):
    """What a flow said. Where an origin names no host, it is to be filled in, and so is a caller without a name."""

    events: list[Event]
    recording: list[Event]  # what was said of all calls, in the first flow that we exported
    problems: list[str]  # what of it is left out


# Flow -> events


def read(flow: Any, n: int, limit: int) -> Read:
    """The events of an HTTP flow, the n-th of its file; `limit` octets of a body are kept."""
    problems = _left_out(flow)
    known = _Known(flow)
    if known.unchanged:
        return Read(known.events(), known.recording(), problems)
    events = _events(flow, n, limit, known)
    if known.fields:
        problems.append("it was changed since it was exported: what a flow cannot hold is left out")
    return Read(events, known.recording(), problems)


def _left_out(flow: Any) -> list[str]:
    problems = []
    websocket = getattr(flow, "websocket", None)
    if websocket is not None:
        problems.append(f"its WebSocket messages ({len(websocket.messages)}) are left out")
    if any(getattr(message, "trailers", None) for message in (flow.request, flow.response)):
        problems.append("its trailers are left out")
    return problems


def _events(flow: Any, n: int, limit: int, known: _Known) -> list[Event]:
    headers = _headers(flow.request, known)
    words = flows.said(headers)
    id, parent, caller, callee = known.names() or (words.inbound.id, words.inbound.parent, words.inbound.caller, None)
    origin = _NO_ORIGIN._replace(id=id or _id(flow), n=n)
    url, http = flows.url(flow, words), flows.version(flow.request)
    method = flow.request.data.method.decode("latin-1")
    length = _length(words) if flows.has_content(http, words) else 0
    body = _body(flow, flow.request, length, limit)
    began = _time(flow.request.timestamp_start, flow.timestamp_created)
    events: list[Event] = [
        Request(began, origin, parent, caller or "", callee, method, url, http, headers, body),
    ]
    if flow.response is not None:
        events.append(_response(flow, origin, method, began, limit, known))
    if flow.error is not None:
        error = flows.error(flow)
        if not (flow.response is not None and flows.is_by_caller(error)):
            events.append(Failure(_time(flow.error.timestamp, began), origin, error))
    return events + known.note(flow, origin, events[-1].at)


def _response(flow: Any, origin: Origin, method: str, began: float, limit: int, known: _Known) -> Response:
    response = flow.response
    headers = _headers(response, known)
    words = flows.said(headers)
    status = response.status_code
    has_content, length = flows.answer_content(method, status, words)
    body = _body(flow, response, length if has_content else 0, limit)
    at = _time(response.timestamp_start, began)
    reason = response.data.reason.decode("latin-1")
    return Response(at, origin, status, reason, flows.version(response), headers, (), body)


def _id(flow: Any) -> str:
    """The flow's own id as that of a call, so that the same file gives the same calls."""
    id = str(flow.id).lower()
    return id.replace("-", "") if _UUID.fullmatch(id) else tags.new_id()


def _headers(message: Any, known: _Known) -> Headers:
    """As sent; a pseudonym that we exported is the same again, though a header of mitmproxy holds octets."""
    pairs = flows.headers(message)
    if not known.fields:
        return pairs
    return tuple([(name, _text(octets)) for (name, _), (_, octets) in zip(pairs, message.headers.fields)])


def _text(octets: bytes) -> str:
    if _MARK_OF_PSEUDONYM in octets:
        try:
            return octets.decode()
        except UnicodeDecodeError:
            pass
    return octets.decode("latin-1")


def _length(words: flows.Said) -> int | None:
    length = words.length if words.coding is None else None
    return int(length) if length is not None and length.isascii() and length.isdecimal() and len(length) < 19 else None


def _body(flow: Any, message: Any, length: int | None, limit: int) -> Body | None:
    """The kept head of a content; `length` is how long the headers say it is. None: its end was not seen."""
    content = message.raw_content
    if content is not None:
        return Body(content[:limit], len(content), len(content) > limit) if content else Body("", 0)
    if length == 0:
        return Body("", 0)
    if length is None or flow.error is not None or not message.timestamp_end:
        return None
    return Body(None, length, why=STREAMED)


def _time(*found: float | None) -> float:
    """The first of the times that is one, in seconds since the epoch."""
    return next((float(at) for at in found if at), 0.0)


# What we wrote into a flow's metadata


class _Known:
    """What the metadata of a flow that we exported says; nothing where it is somebody else's."""

    def __init__(self, flow: Any) -> None:
        self._flow = flow
        self.fields: dict[str, Any] = {}
        self.unchanged = False
        text = flow.metadata.get(KEY) if isinstance(flow.metadata, dict) else None
        if not isinstance(text, str):
            return
        try:
            fields = json.loads(text)
            if fields["v"] == _VERSION:
                self.fields = fields
                self._lines = [(from_line(line), of) for line, of in fields["lines"]]
                self._recording = [from_line(line) for line in fields.get("recording", ())]
                self._charsets = {of: fields["charsets"].get(of) for of in ("request", "response")}
                self._comment = (str(fields["comment"]), str(fields["marked"]))
                asked = any(isinstance(event, Request) for event, _ in self._lines)
                self.unchanged = asked and fields["of"] == _fingerprint(flow)
        except Exception:  # a stranger's file may say anything there
            self.fields = {}

    def events(self) -> list[Event]:
        """The events as they were exported, and what was written to the flow since."""
        told: list[Event] = [self._whole(event, of) for event, of in self._lines]
        origin = next(event.origin for event in told if isinstance(event, Request))
        latest = max(event.at for event in told)
        note = self.note(self._flow, origin, latest + 0.001)  # the newest note holds
        return [event for event in told if not (note and isinstance(event, Note))] + note

    def recording(self) -> list[Event]:
        """What the flow says of all calls."""
        return self._recording if self.fields else []

    def names(self) -> tuple[str | None, str | None, str | None, str | None] | None:
        """The call's id, its parent, its caller and its callee."""
        if not self.fields:
            return None
        asked = next((event for event, _ in self._lines if isinstance(event, Request)), None)
        return (asked.origin.id, asked.parent, asked.caller, asked.callee) if asked else None

    def note(self, flow: Any, origin: Origin, at: float) -> list[Event]:
        """What is written to the flow by hand, if anything, and it is not what was exported."""
        said = (str(flow.comment or ""), str(flow.marked or ""))
        if said == (self._comment if self.fields else ("", "")):
            return []
        text, mark = said
        if self.fields:
            text = "\n".join(line for line in text.split("\n") if not line.startswith(REMARK))
        return [Note(at, origin, text, mark)]

    def _whole(self, event: Event, of: str | None) -> Event:
        """The event with the content that the flow holds."""
        if of not in ("request", "response") or not isinstance(event, (Request, Response, BodyEnd)):
            return event
        body = event.body
        message = self._flow.request if of == "request" else self._flow.response
        if body is None or message is None or message.raw_content is None:
            return event
        content: bytes | str | None = message.raw_content
        if _codings(body, flows.headers(message)):
            content = undo(message.raw_content, body.encoding or "")[0]
        charset = self._charsets[of]
        if charset is not None and isinstance(content, bytes):
            content = content.decode(charset, "surrogatepass" if charset == "utf-8" else "strict")
        return event._replace(body=body._replace(content=content))


def _fingerprint(flow: Any) -> str:
    """What tells whether a flow's messages are those that were exported; neither times nor notes are in it."""
    parts: list[Any] = [flow.error and flow.error.msg]
    asked = flow.request.data
    parts += [asked.method, asked.scheme, str(asked.host), asked.port, asked.path]
    for message in (flow.request, flow.response):
        if message is not None:
            parts += [message.data.http_version, tuple(message.headers.fields), _hash(message.raw_content)]
    if flow.response is not None:
        parts += [flow.response.status_code, flow.response.data.reason]
    return _hash(repr(parts).encode("utf-8", "surrogatepass"))


def _hash(octets: bytes | None) -> str:
    return "" if octets is None else blake2b(octets, digest_size=16).hexdigest()


# Events -> what a flow takes


class Content(NamedTuple):
    """A message's content as a flow holds it, and the charset that its text was put into."""

    octets: bytes | None
    charset: str | None


def content(event: Request | Response) -> Content:
    """The octets of a message's kept content, in the coding that its headers name."""
    body = event.body
    if body is None or body.content is None:
        return Content(None, None)
    octets, charset = _octets(body.content, event.headers)
    for name in _codings(body, event.headers):
        octets = _coded(octets, name)
    return Content(octets, charset)


def _octets(text: bytes | str, headers: Headers) -> tuple[bytes, str | None]:
    if isinstance(text, bytes):
        return text, None
    declared = _CHARSET.search(_named(headers, "content-type"))
    for charset in (declared[1].lower(),) if declared else ():
        try:
            octets = text.encode(charset)
            if octets.decode(charset) == text:
                return octets, charset
        except (UnicodeError, LookupError, ValueError):
            pass  # a pseudonym is in no charset but Unicode's
    return text.encode("utf-8", "surrogatepass"), "utf-8"


def _codings(body: Body, headers: Headers) -> list[str]:
    """The codings that were undone, where they are those that the headers name and we can do them again."""
    named = [name.strip().lower() for name in _named(headers, "content-encoding").split(",")]
    names = [name for name in named if name not in ("", "identity")]
    return names if ", ".join(names) == body.encoding and _OURS.issuperset(names) else []


def _coded(octets: bytes, name: str) -> bytes:
    """The octets in a coding; what we could not undo again for its size is stored in it, not squeezed."""
    level = 6 if len(octets) <= BOUND else 0
    return zlib.compress(octets, level) if name == "deflate" else gzip.compress(octets, level, mtime=0)


def _named(headers: Headers, name: str) -> str:
    return ",".join(value for given, value in headers if given.lower() == name)


def octets(text: str) -> bytes:
    """A header's text as octets: Latin-1 as it was read, UTF-8 where a pseudonym is in it."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def remember(
    flow: Any,
    lines: Iterable[tuple[str, str | None]],
    recording: Iterable[str],
    charsets: dict[str, str | None],
) -> None:
    """Put into a flow's metadata what the flow cannot hold; the flow is as it is to be."""
    fields = {
        "v": _VERSION,
        "of": _fingerprint(flow),
        "comment": flow.comment,
        "marked": flow.marked,
        "charsets": charsets,
        "lines": list(lines),
    }
    said = list(recording)
    if said:
        fields["recording"] = said
    flow.metadata[KEY] = json.dumps(fields)
