"""API documentation: where a page shows it, and what it says of every step of its calls.

It is shown at the first use of each of the author's references, and of each operation of a service's description.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from requestshook.config.notes import Notes, Reference
from requestshook.openapi import Operation
from requestshook.page.settings import PageSettings
from requestshook.trace import selecting
from requestshook.trace.calls import Call, Step

_NOTHING = Notes()


class References:
    """The documentation of a trace's calls. What is named by selector goes before what a description says."""

    def __init__(self, calls: Sequence[Call], settings: PageSettings) -> None:
        self._of_call: dict[str, Reference] = {}
        self._shown: dict[int, tuple[str, str]] = {}
        for reference in settings.references:
            selected = selecting.select(calls, reference.call)
            for call in selected:
                self._of_call.setdefault(call.id, reference)
            for call in selected[:1]:
                self._shown.setdefault(call.request_step, (reference.title, reference.url))
        for call, operation in self._operations(calls, settings) if settings.descriptions else ():
            self._shown.setdefault(call.request_step, (operation.title, operation.url))

    def shown(self, number: int) -> tuple[str, str] | None:
        """Title and URL (maybe empty) of what is shown at a step."""
        return self._shown.get(number)

    def notes(self, step: Step) -> Notes:
        """What the author says about every such step."""
        reference = self._of_call.get(step.call.id)
        if reference is None:
            return _NOTHING
        return reference.request if step.kind == "request" else reference.response

    def _operations(self, calls: Sequence[Call], settings: PageSettings) -> Iterator[tuple[Call, Operation]]:
        """The first call of each operation."""
        seen: set[tuple[str, Operation]] = set()
        for call in calls:
            operation = _operation(call, settings)
            if operation is None or call.id in self._of_call or (call.callee, operation) in seen:
                continue
            seen.add((call.callee, operation))
            yield call, operation


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
