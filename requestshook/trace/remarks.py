"""What a reader should know that names steps: it is said anew where calls are hidden and steps numbered anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from requestshook.trace import disagreeing
from requestshook.trace.calls import Call


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
    found = [call.request_step for call in calls if disagreeing.of_request(call)]
    found += [call.response_step for call in calls if call.response_step and disagreeing.of_response(call)]
    if not found:
        return []
    return [f"The views of one call disagree in a way that a proxy should not cause ({_steps(sorted(found))})."]


def _steps(numbers: list[int]) -> str:
    return f"step {', '.join(map(str, numbers[:8]))}{', …' if len(numbers) > 8 else ''}"
