"""Who calls whom: callees by their addresses, callers by what they answer as."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from requestshook import addresses
from requestshook.events import Process
from requestshook.trace.drafts import Draft

Services = Sequence[tuple[str, str]]


def name(drafts: Iterable[Draft], services: Services, processes: Iterable[Process]) -> list[str]:
    """Give each call its caller and callee; gives remarks on names that disagree."""
    drafts = list(drafts)
    for draft in drafts:
        draft.caller = draft.request.caller
        draft.callee = _callee(draft, services)
    answers_as = _answers_as(drafts)
    named = {(process.host, process.pid) for process in processes if process.named}
    remarks: dict[str, None] = {}
    for draft in sorted(drafts, key=lambda draft: draft.id):
        if draft.outermost.origin.view != "client":
            continue
        process = (draft.outermost.origin.host, draft.outermost.origin.pid)
        callees = sorted(answers_as.get(process, ()))
        if not callees or draft.caller in callees:
            continue
        if process not in named and len(callees) == 1:
            draft.caller = callees[0]
        else:
            remarks[_disagreement(draft.caller, callees)] = None
    return list(remarks)


def _disagreement(caller: str, callees: list[str]) -> str:
    return f"{caller} answers as {' and as '.join(callees)}: as a caller it keeps its own name."


def _answers_as(drafts: Iterable[Draft]) -> dict[tuple[str, int], set[str]]:
    """The names under which each process, by host and pid, was called."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for draft in drafts:
        for sight in draft.sights:
            if sight.origin.view == "server":
                found[sight.origin.host, sight.origin.pid].add(draft.callee)
    return found


def _callee(draft: Draft, services: Services) -> str:
    """`services` at the outermost address, else what a view says from the innermost out, else host and port."""
    url = draft.request.url
    try:
        found = addresses.callee_of(url, services) if services else None
    except ValueError:
        found = None
    if found is not None:
        return found
    for sight in reversed(draft.sights):
        if sight.request is not None and sight.request.callee:
            return sight.request.callee
    return addresses.authority(url) or "unknown"
