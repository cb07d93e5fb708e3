"""What happened on one side of one call, and its line in a spool file.

An event is a plain immutable value. `to_line` and `from_line` are each other's inverse; `docs/event-line.md`
describes the line. Values here are named tuples, not data classes: services create two or three of them for
each call, and a named tuple costs a fifth of a frozen data class and no import.

A body's content is bytes as captured, or text once it was found to be text (and, where redaction is on,
redacted); None where only the size is kept.
"""

from __future__ import annotations

import binascii
import json
from typing import Any, NamedTuple, Union

from requestshook.errors import EventError

VERSION = 1

Headers = tuple[tuple[str, str], ...]

COMPLETE = "complete"
CLOSED = "closed"


class Body(NamedTuple):
    """The kept head of a message's content. `size` counts octets as sent: chunking removed, gzip still on."""

    content: bytes | str | None
    size: int
    cut: bool = False
    encoding: str | None = None  # the content coding that was undone, as gzip
    why: str | None = None  # why only the size was kept


class Origin(NamedTuple):
    """Which exchange of which process an event belongs to: lines of one view pair by it and by the id."""

    view: str  # client, wire or server
    id: str
    trace: str
    host: str
    pid: int
    n: int


class Request(NamedTuple):
    """A request's headers are about to leave (client, wire) or have arrived (server)."""

    at: float  # seconds since the epoch
    origin: Origin
    parent: str | None
    caller: str
    callee: str | None
    method: str
    url: str
    http: str
    headers: Headers
    body: Body | None  # None: it follows as a BodyEnd


class Attempt(NamedTuple):
    """One earlier try of a call that the client's own retries repeated."""

    status: int | None = None
    error: str | None = None


class Response(NamedTuple):
    """A response's status and headers are there."""

    at: float
    origin: Origin
    status: int
    reason: str
    http: str
    headers: Headers
    attempts: tuple[Attempt, ...]
    body: Body | None


class BodyEnd(NamedTuple):
    """A body that was not in its message's line has ended: `end` is complete, closed or `error: …`."""

    at: float
    origin: Origin
    of: str  # request or response
    body: Body
    end: str


class Failure(NamedTuple):
    """The call failed: no response came, or it broke off."""

    at: float
    origin: Origin
    error: str
    attempts: tuple[Attempt, ...] = ()


class Recording(NamedTuple):
    """A recording began."""

    at: float
    trace: str
    name: str
    command: tuple[str, ...]


class Recorded(NamedTuple):
    """A recording ended; `output` holds pieces of the command's output: ("out" or "err" or "tty", text)."""

    at: float
    trace: str
    exit: int | None
    output: tuple[tuple[str, str], ...] = ()
    cut: bool = False


class Process(NamedTuple):
    """The first line of each spool file: who writes it, with which versions, with which key."""

    at: float
    host: str
    pid: int
    trace: str | None
    program: str
    versions: tuple[tuple[str, str], ...]
    key: str  # store, or random: its pseudonyms are not those of the other processes
    named: bool = False  # code or REQUESTSHOOK_SERVICE gave it its name


class Count(NamedTuple):
    """What a process has not recorded so far: totals, so that the newest line of a process tells all."""

    at: float
    host: str
    pid: int
    untied: int  # calls that belonged to no recording
    ignored: int  # calls that `ignore` names
    dropped: int  # lines lost to faults of ours or to `capture: {max: …}`
    why: str | None = None  # the last fault


Event = Union[Request, Response, BodyEnd, Failure, Recording, Recorded, Process, Count]

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


def to_line(event: Event) -> bytes:
    """The event as one line of JSON in UTF-8, its end of line included."""
    fields = _TO_FIELDS[type(event)](event)
    try:
        return (_encode(fields) + "\n").encode()
    except UnicodeEncodeError:  # lone surrogates
        return (_encode_ascii(fields) + "\n").encode()


def from_line(line: bytes | str) -> Event:
    """The event of a line; raises EventError with the reason where it is none."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EventError(f"not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise EventError("not a JSON object")
    version = fields.get("v")
    if not isinstance(version, int) or version < 1:
        raise EventError("it has no version")
    if version > VERSION:
        raise EventError(f"it is of version {version}, this requestshook reads up to {VERSION}")
    kind = fields.get("event")
    parse = _FROM_FIELDS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise EventError(f"unknown event {kind!r}"[:100])
    try:
        event: Event = parse(fields)
    except KeyError as error:
        raise EventError(f"{kind} without {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise EventError(f"{kind}: {error}") from None
    return event


def _body_fields(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    content, size, cut, encoding, why = body
    fields: dict[str, Any] = {}
    if isinstance(content, str):
        fields["text"] = content
    elif content is not None:
        fields["base64"] = binascii.b2a_base64(content, newline=False).decode("ascii")
    fields["size"] = size
    fields["cut"] = cut
    if encoding is not None:
        fields["encoding"] = encoding
    if why is not None:
        fields["why"] = why
    return fields


def _origin_fields(kind: str, at: float, origin: Origin) -> dict[str, Any]:
    view, id, trace, host, pid, n = origin
    return {
        "v": VERSION, "event": kind, "at": at, "view": view, "id": id,
        "trace": trace, "host": host, "pid": pid, "n": n,
    }  # fmt: skip


def _request_fields(event: Request) -> dict[str, Any]:
    fields = _origin_fields("request", event.at, event.origin)
    fields["parent"] = event.parent
    fields["from"] = event.caller
    fields["to"] = event.callee
    fields["method"] = event.method
    fields["url"] = event.url
    fields["http"] = event.http
    fields["headers"] = event.headers
    fields["body"] = _body_fields(event.body)
    return fields


def _attempts_fields(attempts: tuple[Attempt, ...]) -> list[dict[str, Any]]:
    return [{k: v for k, v in zip(Attempt._fields, a, strict=True) if v is not None} for a in attempts]


def _response_fields(event: Response) -> dict[str, Any]:
    fields = _origin_fields("response", event.at, event.origin)
    fields["status"] = event.status
    fields["reason"] = event.reason
    fields["http"] = event.http
    fields["headers"] = event.headers
    if event.attempts:
        fields["attempts"] = _attempts_fields(event.attempts)
    fields["body"] = _body_fields(event.body)
    return fields


def _body_end_fields(event: BodyEnd) -> dict[str, Any]:
    fields = _origin_fields("body", event.at, event.origin)
    fields["of"] = event.of
    fields["body"] = _body_fields(event.body)
    fields["end"] = event.end
    return fields


def _failure_fields(event: Failure) -> dict[str, Any]:
    fields = _origin_fields("failure", event.at, event.origin)
    fields["error"] = event.error
    if event.attempts:
        fields["attempts"] = _attempts_fields(event.attempts)
    return fields


def _plain_fields(kind: str) -> Any:
    return lambda event: {"v": VERSION, "event": kind, **event._asdict()}


_TO_FIELDS: dict[type, Any] = {
    Request: _request_fields,
    Response: _response_fields,
    BodyEnd: _body_end_fields,
    Failure: _failure_fields,
    Recording: _plain_fields("recording"),
    Recorded: _plain_fields("recorded"),
    Process: _plain_fields("process"),
    Count: _plain_fields("count"),
}


def _is(value: Any, *types: type) -> Any:
    """The value, where it is of one of the types: bool is no int, int is a float."""
    if isinstance(value, bool) and bool not in types:
        raise TypeError(f"{value!r} is not {types[0].__name__}")
    if not isinstance(value, types):
        raise TypeError(f"{str(value)[:40]!r} is not {types[0].__name__}")
    return value


_NONE = type(None)


def _at(fields: dict[str, Any]) -> float:
    at = float(_is(fields["at"], float, int))
    if not -1e11 < at < 1e12:
        raise ValueError("its time is out of range")
    return at


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(_is(item, str) for item in _is(value, list))


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = tuple([(name, text) for name, text in _is(value, list)])
    for name, text in pairs:
        if type(name) is not str or type(text) is not str:  # what json gives is exactly str; _is costs six times this
            raise TypeError(f"{str((name, text))[:40]} is no pair of texts")
    return pairs


def _body(value: Any) -> Body | None:
    if value is None:
        return None
    fields = _is(value, dict)
    content: bytes | str | None = None
    if "text" in fields:
        content = _is(fields["text"], str)
    elif "base64" in fields:
        content = binascii.a2b_base64(_is(fields["base64"], str))
    return Body(
        content,
        _is(fields["size"], int),
        _is(fields.get("cut", False), bool),
        _is(fields.get("encoding"), str, _NONE),
        _is(fields.get("why"), str, _NONE),
    )


def _origin(fields: dict[str, Any]) -> Origin:
    view = _is(fields["view"], str)
    if view not in ("client", "wire", "server"):
        raise ValueError(f"{view[:20]!r} is no view")
    return Origin(
        view, _is(fields["id"], str), _is(fields["trace"], str),
        _is(fields["host"], str), _is(fields["pid"], int), _is(fields["n"], int),
    )  # fmt: skip


def _attempts(fields: dict[str, Any]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(_is(item.get("status"), int, _NONE), _is(item.get("error"), str, _NONE))
        for item in _is(fields.get("attempts", []), list)
    )


def _request(fields: dict[str, Any]) -> Request:
    return Request(
        _at(fields), _origin(fields), _is(fields.get("parent"), str, _NONE), _is(fields["from"], str),
        _is(fields.get("to"), str, _NONE), _is(fields["method"], str), _is(fields["url"], str),
        _is(fields["http"], str), _pairs(fields["headers"]), _body(fields["body"]),
    )  # fmt: skip


def _response(fields: dict[str, Any]) -> Response:
    return Response(
        _at(fields), _origin(fields), _is(fields["status"], int), _is(fields["reason"], str),
        _is(fields["http"], str), _pairs(fields["headers"]), _attempts(fields), _body(fields["body"]),
    )  # fmt: skip


def _body_end(fields: dict[str, Any]) -> BodyEnd:
    of = _is(fields["of"], str)
    if of not in ("request", "response"):
        raise ValueError("a body of neither request nor response")
    body = _body(fields["body"])
    if body is None:
        raise ValueError("no body")
    return BodyEnd(_at(fields), _origin(fields), of, body, _is(fields["end"], str))


def _failure(fields: dict[str, Any]) -> Failure:
    return Failure(_at(fields), _origin(fields), _is(fields["error"], str), _attempts(fields))


def _recording(fields: dict[str, Any]) -> Recording:
    return Recording(_at(fields), _is(fields["trace"], str), _is(fields["name"], str), _strings(fields["command"]))


def _recorded(fields: dict[str, Any]) -> Recorded:
    return Recorded(
        _at(fields), _is(fields["trace"], str), _is(fields.get("exit"), int, _NONE),
        _pairs(fields.get("output", [])), _is(fields.get("cut", False), bool),
    )  # fmt: skip


def _process(fields: dict[str, Any]) -> Process:
    return Process(
        _at(fields), _is(fields["host"], str), _is(fields["pid"], int), _is(fields.get("trace"), str, _NONE),
        _is(fields["program"], str), _pairs(fields["versions"]), _is(fields["key"], str),
        _is(fields.get("named", False), bool),
    )  # fmt: skip


def _count(fields: dict[str, Any]) -> Count:
    return Count(
        _at(fields), _is(fields["host"], str), _is(fields["pid"], int), _is(fields["untied"], int),
        _is(fields["ignored"], int), _is(fields["dropped"], int), _is(fields.get("why"), str, _NONE),
    )  # fmt: skip


_FROM_FIELDS: dict[str, Any] = {
    "request": _request,
    "response": _response,
    "body": _body_end,
    "failure": _failure,
    "recording": _recording,
    "recorded": _recorded,
    "process": _process,
    "count": _count,
}
