"""One step as HTTP shows it: first line, headers, body, and what is to be said of the body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from requestshook.cli import figures
from requestshook.events import Body, Note, Request
from requestshook.trace.calls import UNSEEN, Call, Message, Step, Trace

if TYPE_CHECKING:
    from requestshook.page.pseudonyms import Pseudonyms
    from requestshook.trace.disagreeing import Load

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


class Content(NamedTuple):
    """A body as people read it."""

    text: str
    language: str  # json, html, xml …, or text
    remark: str  # what is missing of it, and why


def content_of(message: Message, kept: Body | None) -> Content:
    """The body: JSON re-spaced, never re-written, a cut one as far as it goes; `kept` is what was kept of it."""
    from requestshook.page import content, json_text

    body = kept if kept is not None else message.body
    remark = remark_of(message, body)
    if body is None or not body.content:
        return Content("", "text", remark)
    if isinstance(body.content, bytes):
        more = "..." if body.size > _HEAD else ""
        return Content(f"{body.content[:_HEAD]!r}{more}", "text", remark)
    looks_so = body.content.lstrip()[:1] in ("{", "[")
    lines = json_text.respace(body.content, cut=body.cut) if looks_so else None
    if lines is not None:
        return Content("\n".join(lines), "json", remark)
    language = content.language_of(message.event.headers, body.content)
    return Content(body.content, "text" if language == "json" else language, remark)


def remarks(trace: Trace, step: Step, load: Load, labels: Mapping[str, str], pseudonyms: Pseudonyms) -> Iterator[str]:
    """What a page says of the step beside its content: earlier tries, what changed on the way, views that disagree."""
    from requestshook.page.settings import Words
    from requestshook.page.steps import remarks_on
    from requestshook.page.views import Views

    words = Words(labels)
    numbers = {call.id: call.request_step for call in trace.calls}
    views = Views(words, pseudonyms, load)
    views.follow([step.call])
    yield from remarks_on(step, message_of(step), numbers, words)
    yield from views.remarks(step.number)


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
    return "; ".join(parts)


def _octets(body: Body) -> int:
    content = body.content or b""
    return len(content.encode("utf-8", "surrogatepass")) if isinstance(content, str) else len(content)
