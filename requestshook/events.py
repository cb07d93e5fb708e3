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
from json.encoder import encode_basestring as _quote
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
    key: str  # store, or random: its pseudonyms are not those of the other processes; off: nothing is redacted
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
    line: str = _TO_TEXT[type(event)](event)
    try:
        return line.encode()
    except UnicodeEncodeError:  # lone surrogates
        return (_encode_ascii(json.loads(line)) + "\n").encode()


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


# A line is put together as text: the two that every call writes take half the time that a dictionary of them takes.


def _number(value: Any) -> str:
    return str(value) if type(value) is int else _encode(value)


def _text_or_null(value: str | None) -> str:
    return "null" if value is None else _quote(value)


def _body_parts(body: Body | None) -> tuple[str, str, str]:
    """A body's pieces, its content alone: it is long, and each text that holds it is one more copy."""
    if body is None:
        return "null", "", ""
    content, size, cut, encoding, why = body
    head = kept = ""
    if isinstance(content, str):
        head, kept = '"text":', _quote(content)
    elif content is not None:
        head, kept = '"base64":', f'"{binascii.b2a_base64(content, newline=False).decode("ascii")}"'
    coded = "" if encoding is None else f',"encoding":{_quote(encoding)}'
    reason = "" if why is None else f',"why":{_quote(why)}'
    comma = "," if head else ""
    return f"{{{head}", kept, f'{comma}"size":{_number(size)},"cut":{"true" if cut else "false"}{coded}{reason}}}'


def _begin(kind: str, at: float, origin: Origin) -> str:
    view, id, trace, host, pid, n = origin
    return (
        f'{{"v":{VERSION},"event":"{kind}","at":{at!r},"view":{_quote(view)},"id":{_quote(id)},'
        f'"trace":{_quote(trace)},"host":{_quote(host)},"pid":{_number(pid)},"n":{_number(n)},'
    )


def _request_text(event: Request) -> str:
    at, origin, parent, caller, callee, method, url, http, headers, body = event
    head = (
        f'{_begin("request", at, origin)}"parent":{_text_or_null(parent)},"from":{_quote(caller)},'
        f'"to":{_text_or_null(callee)},"method":{_quote(method)},"url":{_quote(url)},"http":{_quote(http)},'
        f'"headers":[{_headers_text(headers)}],"body":'
    )
    return "".join((head, *_body_parts(body), "}\n"))


def _headers_text(headers: Headers) -> str:
    return ",".join([f"[{_quote(name)},{_quote(value)}]" for name, value in headers])


def _attempts_text(attempts: tuple[Attempt, ...]) -> str:
    fields = [{k: v for k, v in zip(Attempt._fields, a, strict=True) if v is not None} for a in attempts]
    return f',"attempts":{_encode(fields)}' if fields else ""


def _response_text(event: Response) -> str:
    at, origin, status, reason, http, headers, attempts, body = event
    head = (
        f'{_begin("response", at, origin)}"status":{_number(status)},"reason":{_quote(reason)},"http":{_quote(http)},'
        f'"headers":[{_headers_text(headers)}]{_attempts_text(attempts)},"body":'
    )
    return "".join((head, *_body_parts(body), "}\n"))


def _body_end_text(event: BodyEnd) -> str:
    at, origin, of, body, end = event
    head = f'{_begin("body", at, origin)}"of":{_quote(of)},"body":'
    return "".join((head, *_body_parts(body), f',"end":{_quote(end)}}}\n'))


def _failure_text(event: Failure) -> str:
    at, origin, error, attempts = event
    return f'{_begin("failure", at, origin)}"error":{_quote(error)}{_attempts_text(attempts)}}}\n'


def _plain_text(kind: str) -> Any:
    return lambda event: _encode({"v": VERSION, "event": kind, **event._asdict()}) + "\n"


_TO_TEXT: dict[type, Any] = {
    Request: _request_text,
    Response: _response_text,
    BodyEnd: _body_end_text,
    Failure: _failure_text,
    Recording: _plain_text("recording"),
    Recorded: _plain_text("recorded"),
    Process: _plain_text("process"),
    Count: _plain_text("count"),
}


def _is(value: Any, *types: type) -> Any:
    """The value, where it is of one of the types: bool is no int, int is a float."""
    if isinstance(value, bool) and bool not in types:
        raise TypeError(f"{value!r} is not {types[0].__name__}")
    if not isinstance(value, types):
        raise TypeError(f"{str(value)[:40]!r} is not {types[0].__name__}")
    if type(value) is int and not -(2**63) <= value < 2**63:  # what a store cannot hold
        raise ValueError("a number is out of range")
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
