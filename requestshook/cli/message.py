"""One step as HTTP shows it: first line, headers, body, and what is to be said of the body."""

from __future__ import annotations

from collections.abc import Iterator

from requestshook.cli import figures
from requestshook.events import CLOSED, COMPLETE, Body, Note, Request
from requestshook.trace.calls import UNSEEN, Call, Message, Step

_HEAD = 32  # octets shown of a body that is no text


def heading(step: Step) -> str:
    """`(13) PUT /v2/images/…/file`, `(2) 300 MULTIPLE CHOICES /identity/` or `(7) ConnectTimeout /identity/`."""
    call = step.call
    if step.kind == "request":
        return f"({step.number}) {call.method} {call.target}"
    if step.kind == "failure":
        error = call.failure.error.partition(":")[0] if call.failure else "failure"
        return f"({step.number}) {error} {call.target}"
    event = call.response.event if call.response else None
    assert event is not None
    assert not isinstance(event, Request)
    return f"({step.number}) {event.status} {event.reason} {call.target}".replace("  ", " ")


def arrow(step: Step) -> str:
    """Who said it to whom: the caller always on the left."""
    call = step.call
    passed = "" if step.kind == "request" else f", after {figures.duration(step.at - call.started)}"
    return f"{call.caller} {'→' if step.kind == 'request' else '←'} {call.callee}{passed}"


def note(found: Note) -> str:
    """What was written to a call by hand: `:warning: why twice?`, whatever line breaks it has."""
    return f"{found.mark} {found.text}".strip()


def message_of(step: Step) -> Message | None:
    """The message of a step; a failure has none."""
    return {"request": step.call.request, "response": step.call.response}.get(step.kind)


def first_line(message: Message, call: Call) -> str:
    """A message's first line as HTTP spells it."""
    event = message.event
    if isinstance(event, Request):
        return f"{event.method} {call.target} {event.http}"
    return f"{event.http} {event.status} {event.reason}".rstrip()


def body_lines(message: Message, content: Body | None) -> Iterator[str]:
    """The body as people read it; `content` is what was kept of it."""
    body = content if content is not None else message.body
    if body is not None:
        if isinstance(body.content, str) and body.content:
            yield readable(body.content, cut=body.cut)
        elif body.content:
            more = "..." if body.size > _HEAD else ""
            yield f"{bytes(body.content[:_HEAD])!r}{more}"
    remark = remark_of(message, body)
    if remark:
        yield f"({remark})"


def readable(text: str, *, cut: bool) -> str:
    """JSON re-spaced, never re-written, a cut one as far as it goes; any other text as it is."""
    from requestshook.page import json_text

    lines = json_text.respace(text, cut=cut) if text.lstrip()[:1] in ("{", "[") else None
    return text if lines is None else "\n".join(lines)


def remark_of(message: Message, body: Body | None) -> str:
    """What a reader has to know of a body: what is missing and why, and how it ended."""
    if body is None or message.end == UNSEEN:
        return "the end of the body was not seen"
    parts = []
    if body.size == 0:
        parts.append("no body")
    elif body.content is None:
        parts.append(f"body of {figures.size(body.size)}, not kept" + (f": {body.why}" if body.why else ""))
    elif body.cut:
        parts.append(f"the first {figures.size(_octets(body))} of {figures.size(body.size)}")
    elif isinstance(body.content, bytes):
        parts.append(f"{figures.size(body.size)}, no text")
    if body.encoding:
        parts.append(f"sent with {body.encoding}, {figures.size(body.size)}")
    if message.end == CLOSED:
        parts.append("closed before its end was read")
    elif message.end != COMPLETE:
        parts.append(message.end)
    return "; ".join(parts)


def _octets(body: Body) -> int:
    content = body.content or b""
    return len(content.encode("utf-8", "surrogatepass")) if isinstance(content, str) else len(content)
