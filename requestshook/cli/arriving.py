"""What is new in a recording that goes on: each step once, as it is known when it comes. Pure: no clock, no store.

A step is held back for one look, since what names its callee or says whom it was made for is written by another
process a moment later. What is known of it later all the same is counted, not given again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from requestshook.trace.calls import Call, Step, Trace

BROKEN = "broken"


class Arrival(NamedTuple):
    """One step, or that the body of a response broke off after it was given."""

    kind: str  # request, response, failure or BROKEN
    at: float | None  # seconds since the epoch; of what is broken nobody says it
    step: Step
    late: bool  # steps that come after it were given before it


class Arrivals:
    """Remembers what was given."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], tuple[int, str, str]] = {}
        self._held: set[tuple[str, str]] = set()
        self._late = 0

    def look(self, trace: Trace, *, all: bool = False) -> Iterator[Arrival]:
        """What is new, in the order of the trace; with `all`, what this look found first as well."""
        last = max((step.number for step in trace.steps if _key(step) in self._given), default=0)
        held: set[tuple[str, str]] = set()
        for step in trace.steps:
            for found in _arrivals(step, late=step.number < last):
                key = (step.call.id, found.kind)
                if key in self._given:
                    continue
                if not all and key not in self._held:
                    held.add(key)
                    continue
                self._given[key] = _place(step.call)
                self._late += found.late
                yield found
        self._held = held

    def outdated(self, trace: Trace) -> int:
        """How many steps were given out of order, or nested or named otherwise than is known now."""
        now = {_key(step): _place(step.call) for step in trace.steps}
        moved = sum(now.get(key, place) != place for key, place in self._given.items())
        return self._late + moved


def _arrivals(step: Step, *, late: bool) -> Iterator[Arrival]:
    yield Arrival(step.kind, step.at, step, late)
    if step.kind == "response" and step.call.broke_off:
        yield Arrival(BROKEN, None, step, False)


def _key(step: Step) -> tuple[str, str]:
    return step.call.id, step.kind


def _place(call: Call) -> tuple[int, str, str]:
    return call.depth, call.caller, call.callee
