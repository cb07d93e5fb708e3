"""The call map: one row a call, with an arrow over the services' lifelines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from requestshook.page import quantities, steps
from requestshook.page.author import Author
from requestshook.page.frames import Frame, Stretch
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


@dataclass(frozen=True, slots=True)
class Band:
    """A phase or a group above its rows."""

    kind: str  # phase, or the group's kind
    label: str
    numbers: str
    anchor: str
    depth: int


def bands(phases: Sequence[Stretch], groups: Sequence[Frame], author: Author) -> dict[int, list[Band]]:
    """The bands by the number of the step before which they stand, outer ones first."""
    found: dict[int, list[Band]] = {}
    for phase in phases:
        band = Band("phase", phase.title, _numbers(phase.first, phase.last), phase.anchor, 0)
        found.setdefault(phase.first, []).append(band)
    for group in groups:
        anchor = author.places.anchor(group.first)
        band = Band(group.kind, group.label, _numbers(group.first, group.last), anchor, group.depth)
        found.setdefault(group.first, []).append(band)
    return found


def rows(
    calls: tuple[Call, ...], lanes: tuple[str, ...], pseudonyms: Pseudonyms, words: Words, author: Author
) -> Iterator[Row | Band]:
    """The rows in the order of the calls' requests, phases and groups above theirs."""
    above = bands(author.phases, author.groups, author)
    place = {name: number for number, name in enumerate(lanes)}
    for call in calls:
        yield from above.get(call.request_step, ())
        start, end = place[call.caller], place[call.callee]
        last = call.failure_step or call.response_step
        yield Row(
            number=call.request_step,
            numbers=_numbers(call.request_step, last or call.request_step),
            anchor=author.places.anchor(call.request_step),
            depth=call.depth,
            indent=min(call.depth, INDENTED),
            method=call.method,
            target=steps.short_target(author.names.named(pseudonyms.numbered(call.target))),
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


def _numbers(first: int, last: int) -> str:
    return f"{first}–{last}" if last > first else str(first)


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
