"""Spool lines, told by their first line; reading them is `requestshook.collect`'s."""

from __future__ import annotations

import re

from requestshook.errors import EventError
from requestshook.events import from_line

_LINE_OF_OURS = re.compile(rb'\{\s*"v"\s*:\s*\d+\s*,\s*"event"\s*:')


def is_it(head: bytes) -> bool:
    """Whether a file that begins so holds spool lines: one that is not whole is known by its beginning."""
    first = head.lstrip().partition(b"\n")[0]
    if _LINE_OF_OURS.match(first):
        return True
    try:
        from_line(first)
    except EventError:
        return False
    return True
