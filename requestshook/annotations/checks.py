"""What can be said of an annotation file by itself once it is read: names that are there, and frames that nest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from requestshook.annotations.model import Group
from requestshook.config.positions import did_you_mean

Fault = Callable[[str], None]

_SUGGESTIONS = 100  # they cost time, and more faults are not said


class Use(NamedTuple):
    """Where an id, a range of ids or a variable is named."""

    fault: Fault  # notes a fault at that place
    first: str
    last: str | None = None
    is_variable: bool = False


def check_uses(uses: Iterable[Use], ids: Mapping[str, int], variables: Collection[str]) -> None:
    """Each name has to be that of an entry (`ids` has their order) or of a variable, and a range has to go forward."""
    left = _SUGGESTIONS
    for use in uses:
        known: Collection[str] = variables if use.is_variable else ids
        what = "variable" if use.is_variable else "call with the id"
        missing = [name for name in (use.first, use.last) if name is not None and name not in known]
        for name in missing:
            left -= 1
            hint = did_you_mean(name, known) if left > 0 else ""
            use.fault(f"there is no {what} {name!r} in this file{hint}")
        if use.last is not None and not missing and ids[use.first] > ids[use.last]:
            use.fault(f"{use.first!r} comes after {use.last!r} in this file; the range is {use.last}..{use.first}")


def check_nesting(groups: Iterable[tuple[Fault, Group]], ids: Mapping[str, int]) -> None:
    """Two groups lie apart or one within the other."""
    placed = [
        (ids[group.first], -ids[group.last], group, fault)
        for fault, group in groups
        if group.first in ids and ids[group.first] <= ids.get(group.last, -1)
    ]
    outer: list[tuple[int, Group]] = []
    for begin, end, group, fault in sorted(placed, key=lambda each: each[:2]):
        while outer and outer[-1][0] < begin:
            outer.pop()
        crossed = next((other for last, other in outer if last < -end), None)
        if crossed:
            fault(f"this group crosses the one in line {crossed.line}: both or none of its ends have to lie inside")
        else:
            outer.append((-end, group))
