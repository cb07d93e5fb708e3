"""Calls become numbered steps: in the order of time, bent only where time would put an effect before its cause.

A step has the time of the outermost view. A call's request comes before its response, and a child's steps lie between
its parent's request and response; one that its own host's clock puts after the parent's response stays after it.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from requestshook.trace.calls import Call, Step, View
from requestshook.trace.drafts import LOST, Draft, Sight
from requestshook.trace.showing import show


class _Point(NamedTuple):
    """A step before it has a number; its order is the one of steps that nothing else puts in order."""

    at: float
    is_request: bool  # responses first
    straight: float  # `at` before it was bent
    process: tuple[str, int]  # places in files of two processes cannot be compared
    place: int  # of its line in its file
    id: str
    kind: str
    number: int  # of its call among the drafts


def order(drafts: Iterable[Draft]) -> tuple[tuple[Call, ...], tuple[Step, ...]]:
    """The calls and their steps, numbered 1, 2, 3 …"""
    drafts = sorted(drafts, key=lambda draft: (draft.depth, draft.id))
    points, followers = _points(drafts)
    sequence = _sorted(points, followers)
    numbers: list[dict[str, int]] = [{} for _ in drafts]
    for number, point in enumerate(sequence, 1):
        numbers[point.number][point.kind] = number
    calls = [_call(draft, numbers[index]) for index, draft in enumerate(drafts)]
    steps = tuple(Step(number, point.kind, point.at, calls[point.number]) for number, point in enumerate(sequence, 1))
    return tuple(sorted(calls, key=lambda call: call.request_step)), steps


def _points(drafts: list[Draft]) -> tuple[list[_Point], dict[int, list[int]]]:
    """The steps of calls that come parents first, and for each the steps that must come after it."""
    points: list[_Point] = []
    followers: dict[int, list[int]] = defaultdict(list)
    own: dict[str, list[int]] = {}  # of each call: the indices of its points
    for number, draft in enumerate(drafts):
        parent = own[draft.parent.id] if draft.parent is not None else []
        begin = parent[0] if parent else None
        end = parent[1] if len(parent) > 1 else None
        indices: list[int] = []
        after = False  # and what follows such a step is after, too
        for kind, sight, raw in _moments(draft):
            index = len(points)
            at = straight = raw + draft.shift(sight)
            if begin is not None:
                at = max(at, points[begin].at)
                followers[begin].append(index)
            if end is not None and draft.parent is not None:
                after = after or _is_after(sight, raw, draft.parent)
                if after:
                    at = max(at, points[end].at)
                    followers[end].append(index)
                else:
                    at = min(at, points[end].at)
                    followers[index].append(end)
            if indices:
                at = max(at, points[indices[-1]].at)
                followers[indices[-1]].append(index)
            process = sight.origin.host, sight.origin.pid
            place = sight.places[kind]
            points.append(_Point(at, kind == "request", straight, process, place, draft.id, kind, number))
            indices.append(index)
        own[draft.id] = indices
    return points, followers


def _moments(draft: Draft) -> Iterable[tuple[str, Sight, float]]:
    yield "request", draft.outermost, draft.request.at
    if draft.decider is not None:
        if draft.response is not None:
            yield "response", draft.decider, draft.response.at
        if draft.failure is not None:
            yield "failure", draft.decider, draft.failure.at


def _is_after(sight: Sight, at: float, parent: Draft) -> bool:
    """Whether the host's own clock puts this after the parent's response: the innermost view there counts."""
    for other in reversed(parent.path):
        if other.origin.host == sight.origin.host and other.ended != LOST:
            return at > other.ended
    return False


def _sorted(points: list[_Point], followers: dict[int, list[int]]) -> list[_Point]:
    waiting = [0] * len(points)
    for indices in followers.values():
        for index in indices:
            waiting[index] += 1
    ready = [(point, index) for index, point in enumerate(points) if not waiting[index]]
    heapq.heapify(ready)
    sequence: list[_Point] = []
    while ready:
        point, index = heapq.heappop(ready)
        sequence.append(point)
        for follower in followers.get(index, ()):
            waiting[follower] -= 1
            if not waiting[follower]:
                heapq.heappush(ready, (points[follower], follower))
    return sequence


def _call(draft: Draft, numbers: dict[str, int]) -> Call:
    shown = show(draft)
    return Call(
        id=draft.id,
        parent=draft.parent.id if draft.parent is not None else None,
        inferred=draft.inferred,
        depth=draft.depth,
        caller=draft.caller,
        callee=draft.callee,
        method=shown.method,
        target=shown.target,
        views=tuple(_view(draft, sight) for sight in draft.sights),
        request=shown.request,
        response=shown.response,
        failure=draft.failure,
        attempts=draft.attempts,
        started=draft.started,
        answered=draft.answered,
        request_step=numbers["request"],
        response_step=numbers.get("response"),
        failure_step=numbers.get("failure"),
        notes=draft.notes,
    )


def _view(draft: Draft, sight: Sight) -> View:
    view, _, _, host, pid, n = sight.origin
    return View(
        view,
        host,
        pid,
        n,
        sight.message("request"),
        sight.message("response"),
        sight.failure,
        draft.shift(sight),
        all(sight is not final for final in draft.path),
        draft.keys.get((host, pid), ""),
    )
