"""The calls of a trace that a selector names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from requestshook.selectors import Selector
from requestshook.trace.calls import Call


def select(calls: Sequence[Call], selector: Selector) -> Sequence[Call]:
    """Those of a trace's calls that the selector names, by any of their views, in the trace's order."""
    return selector.pick([call for call in calls if any(selector.matches(*names) for names in _names(call))])


def _names(call: Call) -> Iterator[tuple[str, str, str, str]]:
    yield call.caller, call.callee, call.method, call.target
    for view in call.views:
        if view.request is not None:
            event = view.request.event
            yield call.caller, call.callee, getattr(event, "method", call.method), getattr(event, "url", call.target)
