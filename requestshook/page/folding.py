"""Which lines of a long text are in sight: all marked ones with their surroundings, else its beginning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_BRACKETS = re.compile(r"[\s\[\]{},]*\Z")
_KEY = re.compile(r'( *)"((?:[^"\\]|\\.)*)": ')
_KEYS = 6  # that are named
_CHARACTERS = 90
SHORT = 5  # lines: fewer are not worth a fold


class Run(NamedTuple):
    """Lines from `first` to `last`, counted from 1; folded ones are out of sight."""

    first: int
    last: int
    folded: bool = False


def runs(lines: Sequence[str], marked: Sequence[int], *, whole: int, context: int, beginning: int) -> Iterator[Run]:
    """The lines in runs: up to `whole` lines in one; else `context` lines around marked ones are in sight.

    Where none is marked, those of the `beginning` are.
    """
    count = len(lines)
    if count <= whole:
        yield Run(1, count)
        return
    shown = bytearray(count + 2)
    for number in marked:
        first, last = max(number - context, 1), min(number + context, count)
        shown[first : last + 1] = b"\1" * (last - first + 1)
    if not marked:
        shown[1 : min(beginning, count) + 1] = b"\1" * min(beginning, count)
    _trim(lines, shown, set(marked))
    _close_gaps(lines, shown)
    first = 1
    for number in range(2, count + 2):
        if number > count or shown[number] != shown[first]:
            yield Run(first, number - 1, not shown[first])
            first = number


def inside(lines: Sequence[str]) -> str:
    """What lies in folded lines of JSON: the outermost keys."""
    keys = [found.groups() for line in lines if (found := _KEY.match(line))]
    if not keys:
        return ""
    least = min(len(pad) for pad, _ in keys)
    outer = list(dict.fromkeys(key for pad, key in keys if len(pad) == least))
    text = ", ".join(outer[:_KEYS])
    return text[:_CHARACTERS] + " …" if len(outer) > _KEYS or len(text) > _CHARACTERS else text


def _trim(lines: Sequence[str], shown: bytearray, marked: set[int]) -> None:
    """No run in sight ends on brackets alone."""
    for number in range(2, len(lines)):
        if shown[number] and not shown[number - 1] and number not in marked and _BRACKETS.match(lines[number - 1]):
            shown[number] = 0
    for number in range(len(lines) - 1, 1, -1):
        if shown[number] and not shown[number + 1] and number not in marked and _BRACKETS.match(lines[number - 1]):
            shown[number] = 0


def _close_gaps(lines: Sequence[str], shown: bytearray) -> None:
    """A fold of few lines, or of brackets alone, hides nothing worth a click."""
    number = 1
    while number <= len(lines):
        if shown[number]:
            number += 1
            continue
        last = number
        while last < len(lines) and not shown[last + 1]:
            last += 1
        gap = lines[number - 1 : last]
        if any(shown) and (len(gap) < SHORT or all(_BRACKETS.match(line) for line in gap)):
            shown[number : last + 1] = b"\1" * (last - number + 1)
        number = last + 1
