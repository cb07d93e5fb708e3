"""What happened on one side of one call, and its line in a spool file.

An event is a plain immutable value. `to_line` and `from_line` are each other's inverse; `docs/event-line.md`
describes the line. Services only write, so what reads a line is in `reading`, imported at its first use. Values
here are named tuples, not data classes: services create two or three of them for each call, and a named tuple costs
a fifth of a frozen data class and no import.

A body's content is bytes as captured, or text once it was found to be text (and, where redaction is on,
redacted); None where only the size is kept.
"""

from __future__ import annotations

import binascii
import json
from json.encoder import encode_basestring as _quote
from typing import TYPE_CHECKING, Any, NamedTuple, Union

if TYPE_CHECKING:
    from requestshook.events.reading import from_line as from_line

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


class Note(NamedTuple):
    """What somebody wrote to a call by hand while it was recorded, as in mitmweb; the newest of an origin holds."""

    at: float
    origin: Origin
    text: str
    mark: str = ""  # mitmproxy's name of the sign that was put on it, as :warning:


class Count(NamedTuple):
    """What a process has not recorded so far: totals, so that the newest line of a process tells all."""

    at: float
    host: str
    pid: int
    untied: int  # calls that belonged to no recording
    ignored: int  # calls that `ignore` names
    dropped: int  # lines lost to faults of ours or to `capture: {max: …}`
    why: str | None = None  # the last fault


Event = Union[Request, Response, BodyEnd, Failure, Note, Recording, Recorded, Process, Count]

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


def to_line(event: Event) -> bytes:
    """The event as one line of JSON in UTF-8, its end of line included."""
    line: str = _TO_TEXT[type(event)](event)
    try:
        return line.encode()
    except UnicodeEncodeError:  # lone surrogates
        return (_encode_ascii(json.loads(line)) + "\n").encode()


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


def _note_text(event: Note) -> str:
    at, origin, text, mark = event
    return f'{_begin("note", at, origin)}"text":{_quote(text)},"mark":{_quote(mark)}}}\n'


def _plain_text(kind: str) -> Any:
    return lambda event: _encode({"v": VERSION, "event": kind, **event._asdict()}) + "\n"


_TO_TEXT: dict[type, Any] = {
    Request: _request_text,
    Response: _response_text,
    BodyEnd: _body_end_text,
    Failure: _failure_text,
    Note: _note_text,
    Recording: _plain_text("recording"),
    Recorded: _plain_text("recorded"),
    Process: _plain_text("process"),
    Count: _plain_text("count"),
}


def __getattr__(name: str) -> Any:
    if name != "from_line":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from requestshook.events.reading import from_line

    globals()[name] = from_line
    return from_line
