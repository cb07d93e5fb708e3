"""What a reader should know that names steps: it is said anew where calls are hidden and steps numbered anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from requestshook.trace import disagreeing
from requestshook.trace.calls import Call
from requestshook.trace.passage import follow


def of_steps(calls: Collection[Call]) -> tuple[str, ...]:
    """All such remarks about these calls."""
    return (*_given_up(calls), *_disagreeing(calls))


def _given_up(calls: Iterable[Call]) -> list[str]:
    """Calls that a server answered after the caller had ceased to wait."""
    found = [call for call in calls if call.response is None and call.failure and any(v.response for v in call.views)]
    if not found:
        return []
    steps = _steps([call.failure_step for call in found if call.failure_step])
    return [f"The caller never got an answer that was given further in ({steps})."]


def _disagreeing(calls: Iterable[Call]) -> list[str]:
    """Calls whose views cannot all be right."""
    found = []
    for passage in (follow(call) for call in calls if len(call.views) > 1):
        if disagreeing.of_request(passage):
            found.append(passage.call.request_step)
        if passage.call.response_step and disagreeing.of_response(passage):
            found.append(passage.call.response_step)
    if not found:
        return []
    return [f"The views of one call disagree in a way that a proxy should not cause ({_steps(sorted(found))})."]


def _steps(numbers: list[int]) -> str:
    return f"step {', '.join(map(str, numbers[:8]))}{', …' if len(numbers) > 8 else ''}"
