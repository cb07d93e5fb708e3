"""The call map: one row a call, with an arrow over the services' lifelines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from requestshook.page import quantities, steps
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.settings import Words
from requestshook.trace.calls import Call

INDENTED = 8  # levels; what is nested deeper stays at that indent


@dataclass(frozen=True, slots=True)
class Row:
    """One call as a line of the map. `left` and `right` are lanes, counted from 0; `back` points to the left."""

    number: int
    numbers: str  # 1–2
    anchor: str
    depth: int
    indent: int
    method: str
    target: str
    outcome: str  # the status, the error's name, or nothing where no answer was seen
    kind: str  # 2, 3, 4, 5, or x for a failure
    duration: str
    attempts: str
    caller: str
    callee: str
    left: int
    right: int
    back: bool


def rows(calls: tuple[Call, ...], lanes: tuple[str, ...], pseudonyms: Pseudonyms, words: Words) -> Iterator[Row]:
    """The rows in the order of the calls' requests."""
    place = {name: number for number, name in enumerate(lanes)}
    for call in calls:
        start, end = place[call.caller], place[call.callee]
        last = call.failure_step or call.response_step
        yield Row(
            number=call.request_step,
            numbers=f"{call.request_step}–{last}" if last else str(call.request_step),
            anchor=steps.anchor(call.request_step),
            depth=call.depth,
            indent=min(call.depth, INDENTED),
            method=call.method,
            target=steps.short_target(pseudonyms.numbered(call.target)),
            outcome=outcome(call),
            kind=kind(call),
            duration=quantities.duration(call.answered - call.started) if call.answered is not None else "",
            attempts=f"{words['attempt']} {len(call.attempts) + 1}" if call.attempts else "",
            caller=call.caller,
            callee=call.callee,
            left=min(start, end),
            right=max(start, end),
            back=end < start,
        )


def outcome(call: Call) -> str:
    """The status (`200✂` where the body broke off), the error's name, or nothing where no answer was seen."""
    if call.failure is not None:
        return steps.error_name(call)
    return f"{call.status or ''}{'✂' if call.broke_off else ''}"


def kind(call: Call) -> str:
    """The status's first digit; `x` where the call failed without one."""
    if call.failure is not None or call.broke_off or call.status is None:
        return "x"
    return str(call.status)[:1]
