"""An annotation file laid on a trace: which call each entry speaks of, what is hidden, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from requestshook.annotations import aligning
from requestshook.annotations.aligning import Alignment
from requestshook.annotations.model import Annotations, Entry, ValueOf
from requestshook.config.notes import Notes
from requestshook.trace import Trace, selecting, without
from requestshook.trace.calls import Call

_NOTHING = Notes()


class Fault(NamedTuple):
    """What a file says that does not hold for a trace."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Placed:
    """A file's words at their calls."""

    annotations: Annotations
    trace: Trace  # without the hidden calls
    entries: Mapping[str, Entry]  # by the id of the call at which each stands
    calls: Mapping[str, Call]  # by the id that the file gives
    faults: tuple[Fault, ...]
    alignment: Alignment  # of the file's entries with the trace's calls


def place(annotations: Annotations, trace: Trace) -> Placed:
    """Lay a file on a trace."""
    hidden = {call.id for item in annotations.hide for call in selecting.select(trace.calls, item.selector)}
    shown = without(trace, hidden)
    entries = annotations.entries
    found = aligning.align([entry.selector for entry in entries], shown.calls, variables=literals(annotations))
    if hidden:
        found = _of_hidden(found, entries, [call for call in trace.calls if call.id in hidden])
    placed = [(entry, shown.calls[at]) for entry, at in zip(entries, found.placed, strict=True) if at is not None]
    return Placed(
        annotations,
        shown,
        {call.id: entry for entry, call in placed},
        {entry.id: call for entry, call in placed if entry.id is not None},
        tuple(_faults(annotations, found)),
        found,
    )


def _of_hidden(found: Alignment, entries: Sequence[Entry], hidden: Sequence[Call]) -> Alignment:
    """An entry of a call that is hidden is not gone: that is said only where its words are lost by it."""
    gone = [doubt.entry for doubt in found.doubts if doubt.kind == aligning.GONE]
    places = selecting.index(hidden, (entries[number].selector for number in gone))
    of_hidden = {number for number in gone if places[entries[number].selector]}
    doubts = (
        replace(doubt, words="names a call that `hide` leaves out", suggestion="")
        if doubt.entry in of_hidden
        else doubt
        for doubt in found.doubts
        if of_hidden.isdisjoint(doubt.alike or (doubt.entry,))
        or (doubt.kind == aligning.GONE and says_something(entries[doubt.entry]))
    )
    return replace(found, doubts=tuple(doubts))


def says_something(entry: Entry) -> bool:
    """Whether more than the selector stands there: a page is another one without it."""
    return entry.id is not None or entry.request != _NOTHING or entry.response != _NOTHING


def literals(annotations: Annotations) -> dict[str, str]:
    """The variables that are values, by name."""
    return {item.name: item.value for item in annotations.variables if not isinstance(item.value, ValueOf)}


def _faults(annotations: Annotations, found: aligning.Alignment) -> Iterator[Fault]:
    """The doubts about what a reader would see: a bare selector at the wrong one of two equal calls is seen by none."""
    entries = annotations.entries
    gone = {doubt.entry for doubt in found.doubts if doubt.kind == aligning.GONE}
    for doubt in found.doubts:
        numbers = doubt.alike or (doubt.entry,)
        if doubt.kind == aligning.COUNT and any(
            number in gone and says_something(entries[number]) for number in numbers
        ):
            continue  # the entry that has no call left says how many there are
        for entry in [entries[number] for number in numbers if says_something(entries[number])][:1]:
            suggestion = f"; {doubt.suggestion}" if doubt.suggestion else ""
            yield Fault(annotations.path, entry.line, f"`{entry.spelled}` {doubt.words}{suggestion}")
