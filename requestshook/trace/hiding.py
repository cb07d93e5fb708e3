"""A trace without some of its calls: recorded, not shown. Steps are numbered anew, without holes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from requestshook.trace import remarks
from requestshook.trace.calls import Call, Step, Trace


def without(trace: Trace, hidden: Collection[str]) -> Trace:
    """The trace without the calls of these ids; what was made for one of them moves up to what that was made for."""
    hidden = set(hidden)
    if not hidden:
        return trace
    left = [step for step in trace.steps if step.call.id not in hidden]
    numbers = {(step.call.id, step.kind): number for number, step in enumerate(left, 1)}
    parents = _Parents(trace.calls, hidden)
    calls = {call.id: _numbered(call, numbers, parents) for call in trace.calls if call.id not in hidden}
    shown = tuple(calls.values())
    return replace(
        trace,
        calls=shown,
        steps=tuple(Step(number, step.kind, step.at, calls[step.call.id]) for number, step in enumerate(left, 1)),
        remarks=(*trace.stated, *remarks.of_steps(shown)),
        figures=figures(shown, trace.figures.get("hidden", 0) + len(trace.calls) - len(shown)),
    )


def figures(calls: Collection[Call], hidden: int = 0) -> dict[str, int]:
    """What a page's line of figures counts."""
    return {
        "calls": len(calls),
        "services": len({name for call in calls for name in (call.caller, call.callee)}),
        "failures": sum(call.failed for call in calls),
        "hidden": hidden,
    }


class _Parents:
    """For each call the nearest one above it that is shown."""

    def __init__(self, calls: Collection[Call], hidden: Collection[str]) -> None:
        self._above = {call.id: call.parent for call in calls}
        self._hidden = hidden
        self._depths: dict[str, int] = {}

    def of(self, call: Call) -> str | None:
        """The parent that is shown."""
        above = call.parent
        while above in self._hidden:
            above = self._above.get(above) if above is not None else None
        return above

    def depth(self, call: Call) -> int:
        """How many of those above it are shown; a parent's own is known by then."""
        above = self.of(call)
        self._depths[call.id] = 0 if above is None else self._depths.get(above, 0) + 1
        return self._depths[call.id]


def _numbered(call: Call, numbers: dict[tuple[str, str], int], parents: _Parents) -> Call:
    return replace(
        call,
        parent=parents.of(call),
        depth=parents.depth(call),
        request_step=numbers[call.id, "request"],
        response_step=numbers.get((call.id, "response")),
        failure_step=numbers.get((call.id, "failure")),
    )
