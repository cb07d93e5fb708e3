"""HAR 1.2: told by its content; reading is in `har_reading`, writing in `har_writing`."""

from __future__ import annotations

import re

from requestshook.formats.har_reading import load
from requestshook.formats.har_stream import as_utf8
from requestshook.formats.har_writing import dump

__all__ = ["dump", "is_it", "load"]

_BEGINS = re.compile(rb'\s*\{\s*"')
_SIGNS = re.compile(rb'"log"\s*:\s*\{')


def is_it(head: bytes) -> bool:
    """Whether a file that begins so is a HAR: an object with `log`, in UTF-8 or, marked as such, in UTF-16."""
    head = as_utf8(head)
    return _BEGINS.match(head) is not None and _SIGNS.search(head) is not None
