"""New calls in an annotation file: entries as text, where they belong; every byte that was there stays."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, ScalarNode

from requestshook.annotations import layout, lines, placing, reading, spelling
from requestshook.annotations.model import Entry
from requestshook.annotations.placing import Placed
from requestshook.config.notes import Page
from requestshook.config.positions import Document
from requestshook.errors import RequestshookError
from requestshook.selectors import Selector
from requestshook.trace.calls import Call, Trace

BOM = "\ufeff"
_ROUNDS = 5  # entries with wildcards may take a new call from its own entry, so that another call is left


class Missing(NamedTuple):
    """A call without an entry."""

    gap: int  # how many of the file's entries go before it
    call: Call
    selector: Selector


@dataclass(frozen=True, slots=True)
class Added:
    """A file with an entry for every call that is shown."""

    text: str
    placed: Placed  # of the new text
    new: tuple[Entry, ...]  # those that were added


def missing(placed: Placed) -> list[Missing]:
    """The calls without an entry, in the trace's order."""
    calls, has_entry = placed.trace.calls, set(placed.alignment.placed)
    if len(has_entry - {None}) == len(calls):
        return []
    selectors = spelling.spell(calls, placing.literals(placed.annotations))
    entry_of = _in_order(placed.alignment.placed)
    found, gap = [], min(entry_of.values(), default=len(placed.annotations.entries))
    for number, (call, selector) in enumerate(zip(calls, selectors, strict=True)):
        if number in entry_of:
            gap = entry_of[number] + 1
        elif number not in has_entry:
            found.append(Missing(gap, call, selector))
    return found


def add(text: str, name: str, trace: Trace, page: Page | None = None) -> Added:
    """Add the calls that have no entry to a file's text; `name` stands in errors.

    Raises ConfigError where the file has faults, RequestshookError where nothing can be added to it.
    """
    bom = BOM if text.startswith(BOM) else ""
    text, page = text.removeprefix(BOM), page or Page()
    placed = placing.place(reading.parse(text, name, page), trace)
    flags = [False] * len(placed.annotations.entries)  # which entries are new
    for _ in range(_ROUNDS):
        found = missing(placed)
        if not found:
            break
        text = _with(text, name, found)
        placed = placing.place(reading.parse(text, name, page), trace)
        for item in reversed(found):
            flags.insert(item.gap, True)
    return Added(bom + text, placed, tuple(entry for entry, new in zip(placed.annotations.entries, flags) if new))


def _with(text: str, name: str, found: Sequence[Missing]) -> str:
    entries = [(item.gap, lines.bare(item.call, item.selector)) for item in found]
    added = layout.read(text, name).insert(entries)
    if not _differs_by(text, added, found, name):
        spelled = ", ".join(f"`{item.selector}`" for item in found[:3])
        raise RequestshookError(
            f"{name} is laid out in a way that nothing can be added to it without changing the rest; "
            f"{len(found)} calls have no entry: {spelled}{' …' if len(found) > 3 else ''}"
        )
    return added


def _differs_by(old: str, new: str, found: Sequence[Missing], name: str) -> bool:
    """Whether the new text says what the old one does, and has these entries more."""
    try:
        before, after = (dict(_pairs(text, name)) for text in (old, new))
    except RequestshookError:
        return False
    listed = list(after.get("calls") or ())
    for item in found:
        if item.gap >= len(listed) or listed.pop(item.gap) != str(item.selector):
            return False
    return {**before, "calls": before.get("calls") or []} == {**after, "calls": listed}


def _pairs(text: str, name: str) -> list[tuple[Any, Any]]:
    root = Document(text, name).root()
    return _plain(root.node) if root is not None and isinstance(root.node, MappingNode) else []


def _plain(node: Any) -> Any:
    if isinstance(node, ScalarNode):  # a text after | at the end of a file without a line end has none itself
        return node.value.rstrip("\n\x85\u2028\u2029") if node.style in ("|", ">") else node.value
    if isinstance(node, MappingNode):
        return [(_plain(key), _plain(value)) for key, value in node.value]
    return [_plain(item) for item in node.value]


def _in_order(placed: Sequence[int | None]) -> dict[int, int]:
    """The entries of most calls that stand in the trace's order: for each such call its entry."""
    lasts: list[int] = []  # of the best row of each length the last call
    rows: list[tuple[int, int]] = []  # call, entry; in the order of entries
    lengths = []
    for entry, call in enumerate(placed):
        if call is not None:
            length = bisect_left(lasts, call)
            lasts[length : length + 1] = [call]
            rows.append((call, entry))
            lengths.append(length)
    chosen, wanted, limit = {}, len(lasts) - 1, float("inf")
    for (call, entry), length in zip(reversed(rows), reversed(lengths)):
        if length == wanted and call < limit:
            chosen[call], wanted, limit = entry, wanted - 1, call
    return chosen
