"""Calls as pairs: a request with its answer, how long it took and what it waited for, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from requestshook.page import quantities, steps
from requestshook.page.author import Author
from requestshook.page.callmap import Row
from requestshook.page.failing import Failing
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Call, Step, Trace

PAUSE = 0.2  # seconds without a call that are told, where they are
PAUSE_SHARE = 0.05  # of the whole


@dataclass(frozen=True, slots=True)
class Follows:
    """The failure that another one follows from."""

    number: int
    anchor: str
    name: str  # of the service that failed
    outcome: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call of the page."""

    row: Row
    call: Call
    answer: Step | None
    answer_anchor: str
    answered: str  # `201 Created`, or the error's name
    heading: str  # its target as the page's headings have it
    state: str  # origin, passed or nothing
    follows: Follows | None
    share: float  # of the longest call's duration, in percent
    own: float  # of its duration that is not spent waiting for calls that it makes, in percent
    pause: str  # how long there was no call before it, where that is worth a word
    serving: tuple[str, ...]  # who serves the calls that it lies in, innermost first
    inner: tuple[Call, ...]  # the calls made for it

    @property
    def inner_last(self) -> int:
        """The last step of the calls made for it."""
        return max(end(call) for call in self.inner)

    @property
    def inner_numbers(self) -> str:
        """`6–11`: the steps of the calls made for it."""
        first, last = self.inner[0].request_step, self.inner_last
        return f"{first}–{last}" if last > first else str(last)


def end(call: Call) -> int:
    """The number of the last step of a call."""
    return call.failure_step or call.response_step or call.request_step


def exchanges(
    trace: Trace, rows: Iterable[Row], found: Failing, pseudonyms: Pseudonyms, author: Author, everywhere: bool
) -> list[Exchange]:
    """The calls in their order; `rows` are theirs, in the same order."""
    answers = {step.call.id: step for step in trace.steps if step.kind != "request"}
    by_id = {call.id: call for call in trace.calls}
    children: dict[str, list[Call]] = {}
    for call in trace.calls:
        if call.parent in by_id:
            children.setdefault(call.parent or "", []).append(call)
    longest = max((_duration(call) for call in trace.calls), default=0.0)
    pauses = dict(_pauses(trace))
    return [
        Exchange(
            row=row,
            call=call,
            answer=answers.get(call.id),
            answer_anchor=author.places.anchor(answers[call.id].number) if call.id in answers else "",
            answered=pseudonyms.numbered(steps.outcome(answers[call.id])) if call.id in answers else "",
            heading=steps.short_target(_target(call, pseudonyms, author, everywhere)),
            state=found.state(call),
            follows=_follows(found, call, author),
            share=100 * _duration(call) / longest if longest else 0.0,
            own=_own(call, children.get(call.id, ())),
            pause=quantities.duration(pauses[call.id]) if call.id in pauses else "",
            serving=tuple(_serving(call, by_id)),
            inner=tuple(children.get(call.id, ())),
        )
        for call, row in zip(trace.calls, rows, strict=True)
    ]


def chains(trace: Trace, found: Failing, pairs: Iterable[Exchange]) -> list[list[Exchange]]:
    """Each failure from its origin outward."""
    of_call = {pair.call.id: pair for pair in pairs}
    return [[of_call[call.id] for call in chain] for chain in found.chains]


def _target(call: Call, pseudonyms: Pseudonyms, author: Author, everywhere: bool) -> str:
    target = pseudonyms.numbered(call.target)
    return author.names.named(target) if everywhere else target


def _follows(found: Failing, call: Call, author: Author) -> Follows | None:
    origin = found.origin(call)
    if origin is None:
        return None
    outcome = str(origin.status or "") if origin.failure is None else steps.error_name(origin)
    return Follows(end(origin), author.places.anchor(end(origin)), origin.callee, outcome)


def _serving(call: Call, by_id: dict[str, Call]) -> Iterator[str]:
    seen = {call.id}
    while (parent := by_id.get(call.parent or "")) is not None and parent.id not in seen:
        seen.add(parent.id)
        yield parent.callee
        call = parent


def _duration(call: Call) -> float:
    return max(call.answered - call.started, 0.0) if call.answered is not None else 0.0


def _own(call: Call, inner: Iterable[Call]) -> float:
    """The part of a call's duration in which none of the calls made for it was under way."""
    whole = _duration(call)
    if not whole or call.answered is None:
        return 100.0
    waited, reached = 0.0, call.started
    for one in sorted(inner, key=lambda one: one.started):
        begins, ends = max(one.started, reached), min(one.answered or call.answered, call.answered)
        if ends > begins:
            waited += ends - begins
            reached = ends
    return 100 * max(1 - waited / whole, 0.0)


def _pauses(trace: Trace) -> Iterator[tuple[str, float]]:
    """The calls before which nothing was under way for a while, with its length in seconds."""
    if not trace.calls:
        return
    reached = first = trace.calls[0].started
    last = max(call.answered or call.started for call in trace.calls)
    for call in trace.calls:
        if call.started - reached > max(PAUSE, PAUSE_SHARE * (last - first)):
            yield call.id, call.started - reached
        reached = max(reached, call.answered or call.started)
