"""What `--json` prints: plain values for a program to read. Times are seconds since the epoch."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from requestshook.cli.message import message_of
from requestshook.events import Body, Request

if TYPE_CHECKING:
    from requestshook.store import Summary
    from requestshook.trace.calls import Call, Message, Step, Trace


def summary(found: Summary) -> dict[str, Any]:
    """One recording of the list."""
    return {
        "id": found.id, "name": found.name, "command": list(found.command), "started": found.started,
        "ended": found.ended, "exit": found.exit, "last": found.last, "calls": found.calls,
        "failures": found.failures, "open": found.open,
    }  # fmt: skip


def trace(found: Trace) -> dict[str, Any]:
    """A recording with its calls, without headers and bodies."""
    return {
        "id": found.id, "name": found.name, "command": list(found.command),
        "output": [list(piece) for piece in found.output], "output_cut": found.output_cut, "exit": found.exit,
        "started": found.started, "ended": found.ended, "calls": [call(item) for item in found.calls],
        "remarks": list(found.remarks), "figures": dict(found.figures),
    }  # fmt: skip


def call(found: Call) -> dict[str, Any]:
    """A call of a recording."""
    return {
        "id": found.id, "parent": found.parent, "inferred": found.inferred, "depth": found.depth,
        "from": found.caller, "to": found.callee, "method": found.method, "target": found.target,
        "views": [view.kind for view in found.views], "status": found.status,
        "failure": found.failure.error if found.failure else None,
        "attempts": [attempt._asdict() for attempt in found.attempts],
        "started": found.started, "answered": found.answered,
        "request_step": found.request_step, "response_step": found.response_step, "failure_step": found.failure_step,
        "sent": _size(found.request), "received": _size(found.response),
        "notes": [{"at": note.at, "text": note.text, "mark": note.mark} for note in found.notes],
    }  # fmt: skip


def step(found: Step, content: Body | None) -> dict[str, Any]:
    """A step with its headers and body."""
    fields: dict[str, Any] = {"step": found.number, "kind": found.kind, "at": found.at, "call": call(found.call)}
    message = message_of(found)
    if message is not None:
        event = message.event
        fields["http"] = event.http
        if isinstance(event, Request):
            fields["url"] = event.url
        else:
            fields["reason"] = event.reason
        fields["headers"] = [list(pair) for pair in event.headers]
        fields["body"] = body(content if content is not None else message.body)
        fields["end"] = message.end
    return fields


def body(found: Body | None) -> dict[str, Any] | None:
    """A body as an event line spells it."""
    if found is None:
        return None
    fields: dict[str, Any] = {"size": found.size, "cut": found.cut, "encoding": found.encoding, "why": found.why}
    if isinstance(found.content, str):
        fields["text"] = found.content
    elif found.content is not None:
        fields["base64"] = base64.b64encode(found.content).decode("ascii")
    return fields


def _size(message: Message | None) -> int | None:
    return message.body.size if message is not None and message.body is not None else None
