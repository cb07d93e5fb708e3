"""Trace -> HAR 1.2, one entry a call, written as it comes. What is in `_requestshook`: `har_own`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, BinaryIO
from urllib.parse import parse_qsl

from requestshook import addresses
from requestshook.events import Body, Event, Headers, Origin, Process, Request, Response
from requestshook.formats import har_dialects, har_own
from requestshook.formats.har_own import Contents
from requestshook.formats.har_values import as_text, iso
from requestshook.formats.values import Load
from requestshook.trace.calls import Call, Trace

_PAGE = "recording"
_MOST_PAIRS = 1000
_ALL = 1 << 62


def dump(trace: Trace, load: Load, file: BinaryIO) -> None:
    """Write a recording, calls in the order of their requests' steps; memory is that of the longest call."""
    head = _json({"log": _head(trace)}).removesuffix("}}")
    file.write(_octets(head + ',"entries":['))
    times = {step.call.id: step.at for step in reversed(trace.steps) if step.kind == "request"}
    for number, call in enumerate(trace.calls):
        text = _json(_entry(call, times.get(call.id, call.started), Contents(load), trace.processes))
        file.write(_octets(("," if number else "") + "\n" + text))
    file.write(b"\n]}}\n")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _head(trace: Trace) -> dict[str, Any]:
    from requestshook import __version__

    return {
        "version": "1.2",
        "creator": {"name": "requestshook", "version": __version__},
        "pages": [{"startedDateTime": iso(trace.started), "id": _PAGE, "title": trace.name, "pageTimings": {}}],
        "comment": trace.name,
        har_own.FIELD: har_own.recording_of(trace),
    }


def _entry(call: Call, at: float, contents: Contents, processes: Sequence[Process]) -> dict[str, Any]:
    entry = _standard(call, at, contents)
    lines = har_own.lines_of(har_own.events_of(call, contents), _said(entry, har_own.events_origin(call)), call.id)
    entry[har_own.FIELD] = har_own.call_fields(call, lines, processes)
    return entry


def _said(entry: dict[str, Any], origin: Origin) -> tuple[Event, ...]:
    """What whoever reads the entry takes from it without `_requestshook`."""
    try:
        return har_dialects.events(har_dialects.read(entry, _ALL), origin, "-")
    except har_dialects.Unreadable:
        return ()


def _standard(call: Call, at: float, contents: Contents) -> dict[str, Any]:
    """What HAR 1.2 holds of a call: the messages that a page shows, by the clock that a page shows."""
    request = call.request.event
    assert isinstance(request, Request)
    waited = round(max(0.0, (call.answered or at) - at) * 1000, 3)
    entry = {
        "pageref": _PAGE,
        "startedDateTime": iso(at),
        "time": waited,
        "request": _request(request, contents.body(call.request)),
        "response": _response(call, contents),
        "cache": {},
        "timings": {"send": 0, "wait": waited, "receive": 0},
    }
    notes = "\n".join(note.text for note in call.notes if note.text)
    return {**entry, "comment": notes} if notes else entry


def _request(event: Request, body: Body | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "method": event.method,
        "url": event.url,
        "httpVersion": event.http,
        "cookies": [],
        "headers": _headers(event.headers),
        "queryString": _query(event.url),
        "headersSize": -1,
        "bodySize": -1 if body is None else body.size,
    }
    if body is not None and (body.content or body.size):
        kept = body.content if isinstance(body.content, str) else ""
        fields["postData"] = {"mimeType": _field(event.headers, "content-type"), "text": kept}
        if body.content is None or isinstance(body.content, bytes):
            fields["postData"]["comment"] = body.why or "not text"
    return fields


def _response(call: Call, contents: Contents) -> dict[str, Any]:
    if call.response is None:
        error = call.failure.error if call.failure else "neither a response nor a failure was seen"
        return {
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": {"size": 0, "mimeType": "x-unknown"},
            "redirectURL": "", "headersSize": -1, "bodySize": -1, "_error": error,
        }  # fmt: skip
    event = call.response.event
    assert isinstance(event, Response)
    body = contents.body(call.response)
    return {
        "status": event.status,
        "statusText": as_text(event.reason),
        "httpVersion": event.http,
        "cookies": [],
        "headers": _headers(event.headers),
        "content": _content(body, _field(event.headers, "content-type")),
        "redirectURL": as_text(_field(event.headers, "location")),
        "headersSize": -1,
        "bodySize": -1 if body is None else body.size,
    }


def _content(body: Body | None, mime_type: str) -> dict[str, Any]:
    fields: dict[str, Any] = {"size": 0, "mimeType": mime_type or "x-unknown"}
    if body is None:
        return fields
    content = body.content
    length = len(content.encode("utf-8", "replace") if isinstance(content, str) else content or b"")
    fields["size"] = max(body.size, length) if body.cut or content is None else length
    if body.encoding and fields["size"] > body.size:
        fields["compression"] = fields["size"] - body.size
    if isinstance(content, bytes):
        fields.update(text=base64.b64encode(content).decode("ascii"), encoding="base64")
    elif content:
        fields["text"] = content
    if body.why or body.cut:
        fields["comment"] = body.why or "only its beginning was kept"
    return fields


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": as_text(name), "value": as_text(value)} for name, value in headers]


def _field(headers: Headers, name: str) -> str:
    return next((value for found, value in headers if found.lower() == name), "")


def _query(url: str) -> list[dict[str, str]]:
    query = addresses.split_target(url)[1]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PAIRS)
    except ValueError:
        return []
    return [{"name": name, "value": value} for name, value in pairs]
