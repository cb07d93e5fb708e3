"""Where a failure begins: the innermost failing call that no retry answered; the calls around it follow from it.

A 4xx by which a program only asked (it went on, and ended well) is no failure of the recording. Without an exit status
nobody says how it ended: then a 4xx counts where it is the last that the outermost caller heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from requestshook.trace.calls import Call, Trace

_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Failing:
    """The failures of a trace, each from its origin outward."""

    chains: tuple[tuple[Call, ...], ...]
    _origins: dict[str, Call]  # call id: where its failure begins

    def state(self, call: Call) -> str:
        """`origin` where a failure begins, `passed` where one follows from another, else empty."""
        origin = self._origins.get(call.id)
        return "" if origin is None else "origin" if origin is call else "passed"

    def origin(self, call: Call) -> Call | None:
        """The other call from which this one's failure follows."""
        origin = self._origins.get(call.id)
        return None if origin is call else origin


def find(trace: Trace) -> Failing:
    """What failed in a trace, and where each failure begins."""
    return _Finder(trace).find()


class _Finder:
    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._calls = {call.id: call for call in trace.calls}
        self._children: dict[str | None, list[Call]] = {}
        for call in trace.calls:
            parent = call.parent if call.parent in self._calls else None
            self._children.setdefault(parent, []).append(call)
        failing = {call.id for call in trace.calls if self._fails(call)}
        self._failing = failing - self._retried(failing)

    def find(self) -> Failing:
        tops = [call for call in self._trace.calls if call.id in self._failing and call.parent not in self._failing]
        chains = [self._chain(top) for top in tops]
        last = self._last(tops)
        chains = [chain for chain in chains if chain[-1] is last or any(map(self._grave, chain))]
        return Failing(tuple(chains), {call.id: chain[0] for chain in chains for call in chain})

    def _chain(self, top: Call) -> tuple[Call, ...]:
        """From the origin outward to the top."""
        chain = [top]
        while inner := [call for call in self._children.get(chain[0].id, ()) if call.id in self._failing]:
            grave = [call for call in inner if self._grave(call)]
            chain.insert(0, (grave or inner)[-1])
        return tuple(chain)

    def _last(self, tops: list[Call]) -> Call | None:
        """The failing call by which the whole ended, if one did."""
        if not tops or self._trace.exit == 0:
            return None
        if self._trace.exit is not None:
            return tops[-1]
        return tops[-1] if tops[-1] is self._children[None][-1] else None

    def _fails(self, call: Call) -> bool:
        return call.failed or self._lost(call)

    def _lost(self, call: Call) -> bool:
        return call.unanswered and self._trace.ended is not None

    def _grave(self, call: Call) -> bool:
        no_answer = call.failure is not None or call.broke_off or self._lost(call)
        return no_answer or (call.status or 0) >= _SERVER_ERROR

    def _retried(self, failing: set[str]) -> set[str]:
        """The failing calls that the same caller made again, and then they went well."""
        found: set[str] = set()
        for calls in self._children.values():
            well = {_request(call): call.request_step for call in calls if call.id not in failing}
            found |= {
                call.id for call in calls if call.id in failing and well.get(_request(call), 0) > call.request_step
            }
        return found


def _request(call: Call) -> tuple[str, str, str, str]:
    return call.caller, call.callee, call.method, call.target


def states(failing: Failing, calls: Iterable[Call]) -> dict[int, str]:
    """The state of each step at which a call ended, by its number."""
    ends = ((call.failure_step or call.response_step or call.request_step, failing.state(call)) for call in calls)
    return {number: state for number, state in ends if state}
