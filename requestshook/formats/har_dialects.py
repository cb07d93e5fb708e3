"""One entry of a HAR, in whichever dialect -> what went to and fro: request, response or failure.

Read are those of Chrome, Edge, Firefox, Safari, Playwright, mitmproxy, Charles, Postman and Insomnia; docs/formats.md
says how they differ.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from requestshook import tags
from requestshook.events import Body, Event, Failure, Headers, Note, Origin, Request, Response
from requestshook.formats import har_bodies, har_errors
from requestshook.formats.har_values import as_octets, mapping, mappings, moment, number, text

_PROXIES = re.compile("mitm|charles|fiddler|proxyman|burp|zap|http ?toolkit|whistle", re.IGNORECASE)
_VERSIONS = {
    "h2": "HTTP/2.0", "http/2": "HTTP/2.0", "h2c": "HTTP/2.0", "spdy": "HTTP/2.0", "h3": "HTTP/3", "http/3.0": "HTTP/3",
    "unknown": "", "undefined": "",
}  # fmt: skip
_NOBODY_S = re.compile(
    r"(data|blob|about|file|javascript|chrome|(?:chrome|moz|safari)-extension|resource):", re.IGNORECASE
)
_MOST_HEADERS = 5_000


class Unreadable(Exception):
    """An entry that tells no call; said in one line."""


class Heard(NamedTuple):
    """What an entry says of a call, whoever it was between."""

    started: float
    answered: float  # status and headers were there, or it failed
    method: str
    url: str
    http: str
    headers: Headers
    body: Body
    response: Answer | None
    error: str | None  # where there is no response
    note: str


class Answer(NamedTuple):
    """The response of an entry."""

    status: int
    reason: str
    http: str
    headers: Headers
    body: Body


def view_of(creator: Any) -> str:
    """Where whoever wrote a HAR stands: a proxy on the wire, anything else is the client."""
    return "wire" if _PROXIES.search(text(mapping(creator).get("name"))) else "client"


def read(entry: Any, limit: int) -> Heard:
    """What an entry says, `limit` octets of each body; raises Unreadable."""
    if not isinstance(entry, dict):
        raise Unreadable("it is no object")
    request = entry.get("request")
    if not isinstance(request, dict):
        raise Unreadable("it has no request")
    url = text(request.get("url"))
    if not url:
        raise Unreadable("its request has no url")
    if nobody_s := _NOBODY_S.match(url):
        raise Unreadable(f"its url ({nobody_s[0].lower()}) is asked of nobody")
    started = moment(entry.get("startedDateTime"))
    if started is None:
        raise Unreadable("it has no startedDateTime, or one that is no time")
    headers = _headers(request)
    response, error = _response(mapping(entry.get("response")), entry, limit)
    return Heard(
        started,
        started + _waited(entry),
        text(request.get("method")) or "GET",
        url,
        _version(request.get("httpVersion")),
        headers,
        har_bodies.of_request(mapping(request.get("postData")), request.get("bodySize"), headers, limit),
        response,
        error,
        text(entry.get("comment")),
    )


def events(heard: Heard, origin: Origin, caller: str) -> tuple[Event, ...]:
    """The events of a call; a proxy's or hook's tags in it say its id, its caller and its parent."""
    values = {name.lower(): value for name, value in heard.headers if name.lower() in tags.LOWER}
    id, said_caller, parent = (values.get(n.lower()) for n in (tags.REQUEST_ID, tags.REQUEST_FROM, tags.PARENT_ID))
    said = tags.inbound(id, said_caller, parent, None)
    origin = origin._replace(id=said.id or origin.id)
    found: list[Event] = [
        Request(heard.started, origin, said.parent, said.caller or caller, None, *heard[2:6], heard.body)
    ]
    if heard.response is not None:
        found.append(Response(heard.answered, origin, *heard.response[:4], (), heard.response.body))
    else:
        found.append(Failure(heard.answered, origin, heard.error or har_errors.NO_RESPONSE))
    if heard.note:
        found.append(Note(heard.started, origin, heard.note))
    return tuple(found)


def user_agent(headers: Headers) -> str:
    """The User-Agent; nothing where there is none."""
    return next((value for name, value in headers if name.lower() == "user-agent"), "")


def _headers(message: dict[str, Any]) -> Headers:
    """The header fields: HTTP/2's pseudo-headers are no fields, and a line's end stands between joined ones."""
    found: list[tuple[str, str]] = []
    for item in mappings(message.get("headers")):
        name = as_octets(text(item.get("name")))
        if not name or name.startswith(":"):
            continue
        found += [(name, as_octets(value.removesuffix("\r"))) for value in text(item.get("value")).split("\n")]
    return tuple(found[:_MOST_HEADERS])


def _version(value: Any) -> str:
    said = text(value).strip()
    return _VERSIONS.get(said.lower(), said.upper())[:20]


def _response(fields: dict[str, Any], entry: dict[str, Any], limit: int) -> tuple[Answer | None, str | None]:
    status = number(fields.get("status"))
    if status is None or not 0 < status < 1000:
        reason = fields.get("statusText") if status is not None and status <= 0 else None  # else it is an answer's
        said = (fields.get("_error"), fields.get("_failureText"), entry.get("_error"), reason)
        return None, har_errors.described(next((error for error in map(text, said) if error), ""))
    headers = _headers(fields)
    body = har_bodies.of_response(mapping(fields.get("content")), fields.get("bodySize"), headers, limit)
    return (
        Answer(
            int(status), as_octets(text(fields.get("statusText"))), _version(fields.get("httpVersion")), headers, body
        ),
        None,
    )


def _waited(entry: dict[str, Any]) -> float:
    """Seconds until the response's status and headers were there: all that it took, without receiving the body."""
    timings = {name: number(value) or 0.0 for name, value in mapping(entry.get("timings")).items()}
    spent = number(entry.get("time"))
    if spent is None or spent < 0:  # `ssl` is within `connect`
        spent = sum(max(0.0, timings.get(name, 0.0)) for name in _PARTS)
    return max(0.0, spent - max(0.0, timings.get("receive", 0.0))) / 1000


_PARTS = ("blocked", "dns", "connect", "send", "wait", "receive")
