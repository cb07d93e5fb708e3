"""How far the clocks of several hosts differ, judged by calls that both ends saw: what is inside cannot last longer.

A host's clock is shifted by the least amount that makes all views nest (client around wire around server); where none
does, by the median of what the single calls ask for. The clock of the host whose calls nobody made others for stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from statistics import median

from requestshook.trace.drafts import Draft

Interval = tuple[float, float]  # the least and the most that a clock may be shifted by
Pair = tuple[str, str]  # hosts, in the order of their names
_ANY: Interval = (float("-inf"), float("inf"))


def shifts(drafts: Iterable[Draft]) -> tuple[dict[str, float], list[str]]:
    """Seconds to add to each host's clock, and what is to be said about it."""
    drafts = list(drafts)
    hosts = sorted({sight.origin.host for draft in drafts for sight in draft.sights})
    if len(hosts) < 2:
        return {}, []
    views, families = _by_views(drafts), _by_families(drafts)
    found = {_reference(drafts): 0.0}
    torn: set[str] = set()
    while len(found) < len(hosts):
        # What several views of one call say comes first; only then what a call says about those it was made for.
        pair = _next(views, found) or _next(families, found)
        if pair is None:
            found[next(host for host in hosts if host not in found)] = 0.0
            continue
        known, unknown = pair if pair[0] in found else pair[::-1]
        shift, nests = _least((views if pair in views else families)[pair])
        found[unknown] = found[known] + (shift if pair[0] == known else -shift)
        if not nests:
            torn.add(unknown)
    return found, [_said(host, found[host], host in torn) for host in hosts if found[host]]


def _said(host: str, shift: float, torn: bool) -> str:
    how = "the median of what its calls ask for, which do not agree" if torn else "the least that makes its calls nest"
    return f"The clock of {host} is shifted by {shift:+.6f} s, {how}."


def _next(pairs: dict[Pair, list[Interval]], found: dict[str, float]) -> Pair | None:
    """The pair with most to say that leads from a known host to an unknown one."""
    open_pairs = [pair for pair in pairs if (pair[0] in found) != (pair[1] in found)]
    return min(open_pairs, key=lambda pair: (-len(pairs[pair]), pair), default=None)


def _reference(drafts: list[Draft]) -> str:
    """The host of the outermost callers: the most frequent of those that called without a parent."""
    roots = [draft for draft in drafts if draft.said_parent is None] or drafts
    counted = Counter(draft.outermost.origin.host for draft in roots)
    return min(counted, key=lambda host: (-counted[host], host))


def _by_views(drafts: Iterable[Draft]) -> dict[Pair, list[Interval]]:
    found: dict[Pair, list[Interval]] = defaultdict(list)
    for draft in drafts:
        for outer, inner in pairwise(draft.path):
            least, most = _ANY
            if outer.request is not None and inner.request is not None:
                least = outer.request.at - inner.request.at
            if outer.response is not None and inner.response is not None:
                most = outer.response.at - inner.response.at
            _add(found, outer.origin.host, inner.origin.host, (least, most))
    return found


def _by_families(drafts: Iterable[Draft]) -> dict[Pair, list[Interval]]:
    drafts = list(drafts)
    parents = {draft.said_id: draft for draft in drafts}
    found: dict[Pair, list[Interval]] = defaultdict(list)
    for draft in drafts:
        parent = parents.get(draft.said_parent or "")
        if parent is None or parent is draft:
            continue
        most = _ANY[1]
        if draft.decider is not None and parent.decider is not None:
            if draft.decider.origin.host != draft.outermost.origin.host:
                continue
            most = parent.decider.ended - draft.decider.ended
        outer, inner = parent.outermost.origin.host, draft.outermost.origin.host
        _add(found, outer, inner, (parent.request.at - draft.request.at, most))
    return found


def _add(found: dict[Pair, list[Interval]], outer: str, inner: str, interval: Interval) -> None:
    if outer < inner:
        found[outer, inner].append(interval)
    elif inner < outer:
        found[inner, outer].append((-interval[1], -interval[0]))


def _least(intervals: list[Interval]) -> tuple[float, bool]:
    """The least shift that all intervals allow, or the median of their middles; and whether all do."""
    least, most = max(low for low, _ in intervals), min(high for _, high in intervals)
    if least <= most:
        return min(max(0.0, least), most), True
    middles = sorted((low + high) / 2 for low, high in intervals if low > _ANY[0] and high < _ANY[1])
    ends = [end for interval in intervals for end in interval if end not in _ANY]
    return median(middles or sorted(ends)), False
