"""The services of a trace in the order in which they appear: the call map's lanes, the diagram's participants."""

from __future__ import annotations

from collections.abc import Iterable

from requestshook.trace.calls import Call


def in_order(calls: Iterable[Call]) -> tuple[str, ...]:
    """Callers and callees by first appearance."""
    names: dict[str, None] = {}
    for call in calls:
        names.setdefault(call.caller)
        names.setdefault(call.callee)
    return tuple(names)
