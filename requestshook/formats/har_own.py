"""`_requestshook`: what a HAR cannot say, as the fields of event lines, without those that the HAR beside it says.

An entry's holds the lines of every view of the call. A field that is left out is what `har_dialects` reads from the
entry itself, so that a reader that changed the entry is believed, and nothing stands there twice.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from requestshook import addresses
from requestshook.errors import EventError
from requestshook.events import (
    Body,
    BodyEnd,
    Event,
    Failure,
    Note,
    Origin,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
    from_line,
    to_line,
)
from requestshook.trace.calls import UNSEEN, Call, Message, Trace, View

FIELD = "_requestshook"
OCTETS = "base64"  # a whole line, instead of its fields
VERSION = 1
_COMPARED = ("method", "url", "http", "headers", "status", "reason", "error")
_CONTENT = ("text", "base64")
_LONE = re.compile(r"\\u[dD][89a-fA-F]")  # as our own lines spell it: pairs stand there as one character


# -- writing ------------------------------------------------------------------------------------------------------


def events_of(call: Call, contents: Contents) -> Iterator[Event]:
    """The events that a call's views were made of, its notes among them; when a body ended nobody knows any more."""
    for view in call.views:
        origin = _origin(view, call)
        if view.request is not None:
            yield from _message(view.request, "request", origin, contents)
        if view.response is not None:
            yield from _message(view.response, "response", origin, contents)
        if view.failure is not None:
            yield view.failure
    yield from call.notes


def _origin(view: View, call: Call) -> Origin:
    message = view.request or view.response
    event = message.event if message is not None else view.failure
    return event.origin if event is not None else Origin(view.kind, call.id, "", view.host, view.pid, view.n)


class Contents:
    """The bodies of one call's messages; each is read once."""

    def __init__(self, load: Any) -> None:
        self._load = load
        self._known: dict[int, Body | None] = {}

    def body(self, message: Message) -> Body | None:
        """A message's body, its content included; None where its end was not seen."""
        if message.ref is None or message.body is None:
            return message.body
        if message.ref not in self._known:
            self._known[message.ref] = self._load(message.ref)
        found = self._known[message.ref]
        return message.body if found is None else message.body._replace(content=found.content)


def _message(message: Message, of: str, origin: Origin, contents: Contents) -> Iterator[Event]:
    event = message.event
    if event.body is not None:
        yield event._replace(body=contents.body(message))
        return
    yield event
    body = contents.body(message)
    if body is not None and message.end != UNSEEN:
        yield BodyEnd(event.at, origin, of, body, message.end)


def lines_of(events: Iterable[Event], said: Sequence[Event], id: str) -> list[dict[str, Any]]:
    """The events as an entry has them, where `said` is what the entry says by itself."""
    base = _base(said)
    found = []
    for event in events:
        fields = _fields(event)
        if OCTETS in fields:
            found.append(fields)
            continue
        beside = base.get(_place(fields), {})
        for name in _COMPARED:
            if name in fields and fields[name] == beside.get(name):
                del fields[name]
        _leave_body_out(fields, beside.get("body"))
        if fields.get("id") == id:
            del fields["id"]
        found.append(fields)
    return found


def _fields(event: Event) -> dict[str, Any]:
    fields = _whole(event)
    fields.pop("v", None)
    fields.pop("trace", None)
    return fields


def _whole(event: Event) -> dict[str, Any]:
    """The fields of the event's line; the line itself where it holds lone surrogates, which few parsers give back."""
    line = to_line(event)
    if rb"\ud" in line and _LONE.search(line.decode("utf-8")):
        return {"event": json.loads(line)["event"], OCTETS: base64.b64encode(line).decode("ascii")}
    fields: dict[str, Any] = json.loads(line)
    return fields


def _place(fields: dict[str, Any]) -> str:
    """Which message of the entry says what the fields leave out."""
    return str(fields["of"] if fields.get("event") == "body" else fields.get("event"))


def _base(said: Iterable[Event]) -> dict[str, dict[str, Any]]:
    return {str(fields["event"]): fields for fields in map(_fields, said)}


def _leave_body_out(fields: dict[str, Any], beside: dict[str, Any] | None) -> None:
    body = fields.get("body")
    if not body or not beside:
        return
    if body == beside:
        del fields["body"]
    elif all(body.get(name) == beside.get(name) for name in _CONTENT):
        fields["body"] = {"content": "har", **{k: v for k, v in body.items() if k not in _CONTENT}}


def events_origin(call: Call) -> Origin:
    """An origin for what an entry says by itself."""
    return _origin(call.views[0], call)


def call_fields(call: Call, lines: list[dict[str, Any]], processes: Iterable[Process]) -> dict[str, Any]:
    """What stands in an entry: the call as it was understood, and the lines of its views."""
    programs = {(process.host, process.pid): process.program for process in processes}
    own = {programs.get((view.host, view.pid)) for view in call.views if view.kind == "server"}
    outermost = next((view.request.event for view in call.views if view.request is not None), None)
    authority = addresses.authority(outermost.url) if isinstance(outermost, Request) else ""
    said = {"v": VERSION, "id": call.id, "parent": call.parent, "from": call.caller, "to": call.callee}
    return {**said, "named": call.callee not in (authority or "unknown", *own), "depth": call.depth, "lines": lines}


def recording_of(trace: Trace) -> dict[str, Any]:
    """What a HAR's head holds of the recording itself."""
    began = Recording(trace.started, trace.id, trace.name, trace.command)
    lines: list[Event] = [began]
    if trace.ended is not None:
        lines.append(Recorded(trace.ended, trace.id, trace.exit, trace.output, trace.output_cut))
    fields = [_whole(event) for event in (*lines, *trace.processes)]
    return {"v": VERSION, "trace": trace.id, "lines": fields, "remarks": list(trace.remarks)}


# -- reading ------------------------------------------------------------------------------------------------------


def read_recording(value: Any, trace: str) -> tuple[tuple[Event, ...], str | None]:
    """The events of a HAR's head for a recording of another id, and what is wrong with them."""
    found: list[Event] = []
    for fields in _listed(value, "lines"):
        try:
            event = from_line(json.dumps(_line(fields)))
        except EventError as error:
            return tuple(found), str(error)
        if isinstance(event, (Recording, Recorded)):
            event = event._replace(trace=trace)
        elif isinstance(event, Process):
            event = event._replace(
                trace=None
            )  # no recording's of this store: one that is removed takes its lines along
        else:
            continue
        found.append(event)
    return tuple(found), None


def read_call(value: Any, said: Sequence[Event], trace: str) -> tuple[Event, ...]:
    """The events of an entry's views; raises EventError."""
    base = _base(said)
    found: list[Event] = []
    for fields in map(_line, _listed(value, "lines")):
        beside = base.get(_place(fields), {})
        whole = {**_beside(fields, beside), "id": value.get("id"), **fields, "v": VERSION, "trace": trace}
        _put_body_in(whole, beside.get("body"))
        event = from_line(json.dumps(whole))
        if isinstance(event, (Request, Response, BodyEnd, Failure, Note)):
            found.append(event)
    if not any(isinstance(event, Request) for event in found):
        raise EventError("none of its views has a request")
    return _named(found, value)


def _named(events: list[Event], value: dict[str, Any]) -> tuple[Event, ...]:
    """With the callee as the configuration named it where it was recorded, if nothing else in the entry names one."""
    requests = [event for event in events if isinstance(event, Request)]
    callee = value.get("to")
    if any(event.callee for event in requests) or not value.get("named") or not isinstance(callee, str):
        return tuple(events)
    return tuple(event._replace(callee=callee) if event is requests[-1] else event for event in events)


def _line(fields: dict[str, Any]) -> dict[str, Any]:
    if OCTETS not in fields:
        return fields
    try:
        found = json.loads(base64.b64decode(fields[OCTETS]))
    except (ValueError, TypeError, RecursionError) as error:
        raise EventError(f"its {FIELD}: {error}") from None
    return found if isinstance(found, dict) else {}


def _listed(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, dict) or value.get("v") != VERSION or not isinstance(value.get(name), list):
        raise EventError(f"its {FIELD} is of another version, or not ours")
    return [fields for fields in value[name] if isinstance(fields, dict)]


def _beside(fields: dict[str, Any], beside: dict[str, Any]) -> dict[str, Any]:
    wanted = (*_COMPARED, "body") if fields.get("event") != "body" else ("body",)
    return {name: beside[name] for name in wanted if name in beside}


def _put_body_in(whole: dict[str, Any], beside: dict[str, Any] | None) -> None:
    body = whole.get("body")
    if isinstance(body, dict) and body.pop("content", None) == "har":
        whole["body"] = {**body, **{name: value for name, value in (beside or {}).items() if name in _CONTENT}}
