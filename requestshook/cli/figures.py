"""Sizes, times and ages as people write them: pure functions."""

from __future__ import annotations

import re
import time

from requestshook.page import quantities
from requestshook.page.quantities import size

__all__ = ["ago", "duration", "moment", "seconds", "size"]

_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(\d{1,9})\s*([smhdw])")


def duration(seconds: float | None) -> str:
    """A duration as pages say it; empty where the end was not seen."""
    return "" if seconds is None else quantities.duration(seconds)


def moment(at: float) -> str:
    """A time as the clock on this machine's wall shows it; the bare number where no calendar has it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f}"


def ago(at: float, now: float) -> str:
    """How long ago a time was, in its largest unit."""
    passed = int(now - at)
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if passed >= length:
            return f"{passed // length} {unit} ago"
    return "just now"


def seconds(age: str) -> float:
    """The seconds of an age as `30d`: a number with s, m, h, d or w; raises ValueError where it is none."""
    found = _AGE.fullmatch(age.strip().lower())
    if found is None:
        raise ValueError(f"{age!r} is not an age: a number with s, m, h, d or w, as in 30d")
    return float(int(found[1]) * _AGES[found[2]])
