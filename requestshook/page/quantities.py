"""Sizes, durations and times as people read them."""

from __future__ import annotations

from datetime import datetime, timezone


def size(octets: int) -> str:
    """`512 B`, `64 KiB`, `20.2 MiB`."""
    value, unit = float(octets), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1023.95 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def duration(seconds: float) -> str:
    """`0.4 ms`, `90 ms`, `1.23 s`, `2 min 5 s`."""
    seconds = max(seconds, 0.0)
    if seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def moment(at: float) -> str:
    """`2022-12-22 04:38:05 UTC`; the bare number where no calendar has it."""
    try:
        return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f}"
