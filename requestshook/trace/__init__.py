"""A trace: events become views, views become calls, calls become numbered steps. Pure functions over values.

The way through: `pairing` gathers lines into views and views into calls, `naming` says who calls whom, `parents` finds
what each call was made for, `clocks` says how far hosts' clocks differ, `showing` picks what a page shows of several
views, and `ordering` numbers the steps; `hiding` takes calls out again. The rules: docs/trace.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from requestshook.events import Event
from requestshook.trace import remarks
from requestshook.trace.calls import UNSEEN, Call, Message, Step, Trace, View
from requestshook.trace.clocks import shifts
from requestshook.trace.hiding import figures, without
from requestshook.trace.naming import name
from requestshook.trace.ordering import order
from requestshook.trace.pairing import Paired, pair
from requestshook.trace.parents import relate

__all__ = ["UNSEEN", "Call", "Message", "Step", "Trace", "View", "build", "without"]


def build(events: Iterable[tuple[int, Event]], services: Iterable[tuple[str, str]] = ()) -> Trace:
    """The trace of one recording's events, each with the number by which its body can be asked for.

    `services` are (name, `addresses.normal_base` of an address) pairs. The order of the events does not matter,
    except that lines of one file come in the order of the file.
    """
    paired = pair(events)
    stated = list(paired.remarks)
    stated += name(paired.drafts, tuple(services), paired.processes)
    clocks, said = shifts(paired.drafts)
    keys = {(process.host, process.pid): process.key for process in paired.processes}
    for draft in paired.drafts:
        draft.shifts, draft.keys = clocks, keys
    stated += said
    stated += relate(paired.drafts)
    calls, steps = order(paired.drafts)
    return _trace(paired, calls, steps, (*stated, *_lost(paired)))


def _trace(paired: Paired, calls: tuple[Call, ...], steps: tuple[Step, ...], stated: tuple[str, ...]) -> Trace:
    began = paired.recordings[0] if paired.recordings else None
    ended = paired.recorded[-1] if paired.recorded else None
    id = began.trace if began else _most_common_trace(paired)
    return Trace(
        id=id,
        name=(began.name if began else "") or id,
        command=began.command if began else (),
        output=ended.output if ended else (),
        output_cut=ended.cut if ended else False,
        exit=ended.exit if ended else None,
        started=began.at if began else min((call.started for call in calls), default=0.0),
        ended=ended.at if ended else None,
        calls=calls,
        steps=steps,
        processes=tuple(paired.processes),
        remarks=(*stated, *remarks.of_steps(calls)),
        stated=stated,
        figures=figures(calls),
    )


def _most_common_trace(paired: Paired) -> str:
    counted = Counter(sight.origin.trace for draft in paired.drafts for sight in draft.sights)
    counted.update(event.trace for event in paired.recorded)
    return min(counted, key=lambda trace: (-counted[trace], trace), default="")


def _lost(paired: Paired) -> list[str]:
    return [
        f"Process {count.pid} on {count.host} could not write {_lines(count.dropped)} ({count.why or 'reason: ?'})."
        for count in paired.counts
        if count.dropped
    ]


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
