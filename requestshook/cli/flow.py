"""The calls of a trace as a table: nested as they were made, each with its steps, status, time and size."""

from __future__ import annotations

from collections.abc import Iterator

from requestshook.cli import figures
from requestshook.cli.terminal import Cell, Column, shorten_path
from requestshook.trace.calls import Call, Message, Trace

HEADS = (
    Column("step", right=True),
    Column("from → to", shrinks=True),
    Column("request", shrinks=True, fit=shorten_path),
    Column("status"),
    Column("time", right=True),
    Column("size", right=True),
)
INFERRED = "~"


def rows(trace: Trace) -> Iterator[tuple[Cell, ...]]:
    """One row a call; where the caller is not the one that the nesting implies, the row names it."""
    callers: list[str] = []  # who is taken to make the calls of each depth
    for call in trace.calls:
        if not callers or (call.depth == 0 and callers[0] != call.caller):
            callers = [call.caller]
            yield (Cell(""), Cell(call.caller, "bold"), *(Cell(""),) * 4)
        del callers[call.depth + 1 :]
        implied = len(callers) > call.depth and callers[call.depth] == call.caller
        callers.append(call.callee)
        yield row(call, implied=implied)


def row(call: Call, *, implied: bool = False, nested: bool = True) -> tuple[Cell, ...]:
    """The row of one call; `implied` leaves its caller out, `nested` draws how deep it lies."""
    names = call.callee if implied else f"{call.caller} → {call.callee}"
    branch = "│ " * call.depth + "└ " if nested else ""
    mark = INFERRED if call.inferred else ""
    return (
        Cell(steps(call), "dim"),
        Cell(branch + mark + names),
        Cell(f"{call.method} {call.target}"),
        Cell(status(call), status_style(call)),
        Cell(figures.duration(None if call.answered is None else call.answered - call.started)),
        Cell(_size(call), "dim"),
    )


def steps(call: Call) -> str:
    """The numbers of a call's request and of what came back: `9-22`, or `9` where nothing did."""
    ends = [number for number in (call.response_step, call.failure_step) if number is not None]
    return f"{call.request_step}-{max(ends)}" if ends else str(call.request_step)


def status(call: Call) -> str:
    """How a call ended: earlier tries, status (`✂`: the body broke off), failure; `…` where nothing was seen."""
    ends = ["×" if attempt.status is None else str(attempt.status) for attempt in call.attempts]
    if call.status is not None:
        ends.append(f"{call.status}{'✂' if call.broke_off else ''}")
    if call.failure is not None:
        ends.append(call.failure.error.partition(":")[0])
    return " ".join(ends) or "…"


def status_style(call: Call) -> str:
    """The colour of a status."""
    if call.failed:
        return "red"
    if call.status is None:
        return "dim"
    return "yellow" if call.status >= 300 else "green"


def _size(call: Call) -> str:
    """The larger of what was sent and what came back, with its direction."""
    sent, got = _octets(call.request), _octets(call.response)
    if not sent and not got:
        return ""
    return f"↑ {figures.size(sent)}" if sent > got else f"↓ {figures.size(got)}"


def _octets(message: Message | None) -> int:
    return message.body.size if message is not None and message.body is not None else 0


def summary(trace: Trace) -> str:
    """`11 calls between 4 services, 1 failed, in 1.24 s`."""
    names = {name for call in trace.calls for name in (call.caller, call.callee)}
    failed = sum(call.failed for call in trace.calls)
    parts = [f"{_count(len(trace.calls), 'call')} between {_count(len(names), 'service')}"]
    if failed:
        parts.append(f"{failed} failed")
    if unanswered := sum(call.unanswered for call in trace.calls):
        parts.append(f"{unanswered} unanswered")
    if trace.ended is not None:
        parts.append(f"in {figures.duration(trace.ended - trace.started)}")
    return ", ".join(parts)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
