"""Values of a HAR as whoever wrote it spelled them: of the wrong type, missing, -1, in a time format of its own."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

_TIME = re.compile(
    r"\s*(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,20}))?)?\s*(?:Z|([+-])(\d\d):?(\d\d)?)?\s*", re.I
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MOST = 2.0**53
_DASH_OR_LESS = "‹›"  # what pseudonyms begin and end with: they stand among octets read as Latin-1
_HIGH = re.compile("[\x80-\xff]+")


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """The value as text: nothing where there is none, or an object or a list."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def number(value: Any) -> float | None:
    """The value as a number, also where it is spelled as a text; None where it is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_MOST < value < _MOST:
        return None
    return float(value)


def size(value: Any) -> int | None:
    """The value as a number of octets; None where it is -1 or none."""
    found = number(value)
    return int(found) if found is not None and found >= 0 else None


def moment(value: Any) -> float | None:
    """A time in seconds since the epoch: ISO 8601 with or without fraction and offset (UTC then), or milliseconds."""
    if not isinstance(value, str):
        found = number(value)
        return found / 1000 if found is not None else None
    parts = _TIME.fullmatch(value)
    if parts is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = parts.groups()
    try:
        whole = datetime(int(year), int(month), int(day), int(hour), int(minute), tzinfo=timezone.utc)
    except ValueError:
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    seconds = int((whole - _EPOCH - offset) / timedelta(seconds=1)) + int(second or 0)
    return float(f"{seconds}.{fraction or 0}") if seconds >= 0 else seconds + float(f"0.{fraction or 0}")


def iso(at: float) -> str:
    """A time as a HAR has it, to the microsecond, in UTC; of one that no calendar has, the nearest that it has."""
    try:
        found = _EPOCH + timedelta(microseconds=round(at * 1_000_000))
    except OverflowError:
        found = (datetime.max if at > 0 else datetime.min).replace(tzinfo=timezone.utc)
    return found.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def as_octets(value: str) -> str:
    """A header's text as events have it: octets, read as Latin-1, what is beyond it being UTF-8."""
    if value.isascii() or all(character <= "\xff" or character in _DASH_OR_LESS for character in value):
        return value
    return "".join(c if c <= "\x7f" or c in _DASH_OR_LESS else _latin(c) for c in value)


def _latin(character: str) -> str:
    return character.encode("utf-8", "replace").decode("latin-1")


def as_text(value: str) -> str:
    """A header's value as people read it: octets that are UTF-8 as what they spell."""
    return value if value.isascii() else _HIGH.sub(_spelled, value)


def _spelled(octets: re.Match[str]) -> str:
    try:
        return octets[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        return octets[0]
