"""Where a page shows API documentation: at the first use of each of the author's references, and of each operation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from requestshook.openapi import Operation
from requestshook.page.settings import PageSettings
from requestshook.trace import selecting
from requestshook.trace.calls import Call


def first_uses(calls: Sequence[Call], settings: PageSettings) -> dict[int, tuple[str, str]]:
    """The steps at which documentation is shown, each with title and URL: those of requests.

    What the author names by selector goes before what a description of the service says.
    """
    found: dict[int, tuple[str, str]] = {}
    named: set[str] = set()
    for selector, title, url in settings.references:
        selected = selecting.select(calls, selector)
        named |= {call.id for call in selected}
        for call in selected[:1]:
            found.setdefault(call.request_step, (title, url))
    seen: set[tuple[str, Operation]] = set()
    for call in calls if settings.descriptions else ():
        operation = _operation(call, settings)
        if operation is None or call.id in named or (call.callee, operation) in seen:
            continue
        seen.add((call.callee, operation))
        found.setdefault(call.request_step, (operation.title, operation.url))
    return found


def _operation(call: Call, settings: PageSettings) -> Operation | None:
    """The operation that a call is: as the page shows its target, else as any view saw it."""
    for service, description in settings.descriptions:
        if service != call.callee:
            continue
        for target in _targets(call):
            operation = description.find(call.method, target)
            if operation is not None:
                return operation
    return None


def _targets(call: Call) -> Iterable[str]:
    seen = (view.request.event for view in call.views if view.request is not None)
    return dict.fromkeys((call.target, *(getattr(event, "url", "") for event in seen)))
