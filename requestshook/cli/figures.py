"""Sizes, times and ages as people write them: pure functions."""

from __future__ import annotations

import re
import time

_UNITS = ("KiB", "MiB", "GiB", "TiB")
_AGES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGE = re.compile(r"(\d{1,9})\s*([smhdw])")


def size(octets: int) -> str:
    """`412 B`, `1.3 KiB`, `20 MiB`."""
    if octets < 1024:
        return f"{octets} B"
    amount = float(octets)
    for unit in _UNITS:
        amount /= 1024
        if amount < 1023.5 or unit == _UNITS[-1]:
            break
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def duration(seconds: float | None) -> str:
    """`3 ms`, `1.24 s`, `2 min 3 s`; empty where the end was not seen."""
    if seconds is None:
        return ""
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def moment(at: float) -> str:
    """A time as the clock on this machine's wall shows it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


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
