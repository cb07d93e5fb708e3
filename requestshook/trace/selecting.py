"""The calls of a trace that a selector names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from requestshook.selectors import Selector
from requestshook.trace.calls import Call

_Names = tuple[str, str, str, str]  # caller, callee, method, target


def select(calls: Sequence[Call], selector: Selector) -> Sequence[Call]:
    """Those of a trace's calls that the selector names, by any of their views, in the trace's order."""
    return selector.pick([call for call in calls if any(selector.matches(*names) for names in _names(call))])


def index(calls: Sequence[Call], selectors: Iterable[Selector]) -> dict[Selector, list[int]]:
    """For each selector where the calls stand that it names, by any of their views; `nth` is not asked.

    Each selector meets each spelling of a call once: a thousand selectors and a thousand calls are done in seconds.
    """
    places: dict[_Names, list[int]] = defaultdict(list)
    for place, call in enumerate(calls):
        for names in _names(call):
            places[names].append(place)
    return {selector: _named(places, selector) for selector in dict.fromkeys(selectors)}


def _named(places: dict[_Names, list[int]], selector: Selector) -> list[int]:
    found: set[int] = set()
    for names, here in places.items():
        if selector.callee in ("*", names[1]) and selector.method in ("*", names[2]) and selector.matches(*names):
            found.update(here)
    return sorted(found)


def _names(call: Call) -> Iterable[_Names]:
    """All that a selector may be compared with, each once."""
    found = {(call.caller, call.callee, call.method, call.target): None}
    for view in call.views:
        if view.request is not None:
            event = view.request.event
            method, target = getattr(event, "method", call.method), getattr(event, "url", call.target)
            found[call.caller, call.callee, method, target] = None
    return found
