"""The full log: one line a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from requestshook.page import callmap, quantities, steps
from requestshook.page.author import Author
from requestshook.page.callmap import Band
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Step, Trace


@dataclass(frozen=True, slots=True)
class Line:
    """A step in a line."""

    number: int
    anchor: str
    offset: str  # since the recording began
    kind: str  # request, response or failure
    caller: str
    callee: str
    depth: int
    what: str  # `GET /v2/images`, `200 OK`
    duration: str  # of the call, where it ended
    size: str
    status: str  # its first digit, `x` where there was none, empty for a request
    bands: Sequence[Band] = ()  # phases and groups that begin with it


def lines(trace: Trace, pseudonyms: Pseudonyms, author: Author) -> Iterator[Line]:
    """The log's lines."""
    above = callmap.bands(author.phases, author.groups, author)
    for step in trace.steps:
        call = step.call
        yield Line(
            number=step.number,
            anchor=author.places.anchor(step.number),
            offset=f"{step.at - trace.started:.3f}",
            kind=step.kind,
            caller=call.caller,
            callee=call.callee,
            depth=call.depth,
            what=_what(step, pseudonyms, author),
            duration=_duration(step),
            size=_size(step),
            status="" if step.kind == "request" else callmap.kind(call),
            bands=above.get(step.number, ()),
        )


def _what(step: Step, pseudonyms: Pseudonyms, author: Author) -> str:
    if step.kind == "request":
        return f"{step.call.method} {steps.short_target(author.names.named(pseudonyms.numbered(step.call.target)))}"
    return pseudonyms.numbered(steps.outcome(step))


def _duration(step: Step) -> str:
    call = step.call
    return "" if step.kind == "request" or call.answered is None else quantities.duration(call.answered - call.started)


def _size(step: Step) -> str:
    message = {"request": step.call.request, "response": step.call.response}.get(step.kind)
    return quantities.size(message.body.size) if message and message.body and message.body.size else ""
