"""Phases and groups of a page: which steps each of them holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from requestshook.annotations.model import Group, Phase
from requestshook.trace.calls import Call

Fault = Callable[[int, str], None]
Calls = Callable[[str], "Call | None"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A phase: a title over the steps from `first` to `last`."""

    title: str
    anchor: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A group: a kind of Mermaid's frames and a label around the steps from `first` to `last`."""

    kind: str
    label: str
    first: int
    last: int
    depth: int  # how many frames lie around it


def stretches(phases: Sequence[Phase], calls: Calls, steps: int, fault: Fault) -> tuple[Stretch, ...]:
    """The phases that this recording has, in the order of their steps; `steps` is how many the page has."""
    found: list[tuple[int, Phase]] = []
    for phase in phases:
        call = calls(phase.start)
        if call is None:
            fault(
                phase.line, f"the phase {phase.title!r} is left out: the call {phase.start!r} is not in this recording"
            )
        elif found and call.request_step <= found[-1][0]:
            fault(
                phase.line,
                f"the phase {phase.title!r} is left out: {phase.start!r} came before the phase above it began",
            )
        else:
            found.append((call.request_step, phase))
    ends = [first - 1 for first, _ in found[1:]] + [steps] * bool(found)
    return tuple(
        Stretch(phase.title, f"phase-{number}", first, last)
        for number, ((first, phase), last) in enumerate(zip(found, ends, strict=True), 1)
    )


def frames(groups: Iterable[Group], calls: Calls, fault: Fault) -> tuple[Frame, ...]:
    """The groups that this recording has, outer ones before those inside; they nest, or lie apart."""
    spans = []
    for group in groups:
        first, last = calls(group.first), calls(group.last)
        missing = [id for id, call in ((group.first, first), (group.last, last)) if call is None]
        if first is None or last is None:
            fault(group.line, f"the group {group.label!r} is left out: {missing[0]!r} is not in this recording")
        elif _end(last) < first.request_step:
            fault(
                group.line, f"the group {group.label!r} is left out: {group.last!r} ended before {group.first!r} began"
            )
        else:
            spans.append((first.request_step, -_end(last), group))
    return tuple(_nested(sorted(spans, key=lambda span: span[:2]), fault))


def _nested(spans: list[tuple[int, int, Group]], fault: Fault) -> Iterable[Frame]:
    outer: list[int] = []  # the last steps of the frames around
    for first, negative, group in spans:
        while outer and outer[-1] < first:
            outer.pop()
        if outer and -negative > outer[-1]:
            fault(group.line, f"the group {group.label!r} is left out: in this recording it crosses another group")
            continue
        yield Frame(group.kind, group.label, first, -negative, len(outer))
        outer.append(-negative)


def _end(call: Call) -> int:
    return call.failure_step or call.response_step or call.request_step
