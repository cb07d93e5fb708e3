"""Ids that authors give to calls. An id is an anchor on the page, a word in texts and a name in other entries."""

from __future__ import annotations

import re

PATTERN = r"[A-Za-z][A-Za-z0-9_-]*"
MOST_CHARACTERS = 64
# Anchors that pages have of their own.
RESERVED = frozenset(
    {"about", "command", "content", "diagram", "index", "intro", "log", "main", "map", "outro", "page", "phases",
     "search", "steps", "toc", "top", "values", "variables"}
)  # fmt: skip
_ID = re.compile(PATTERN)
RESERVED_PATTERN = r"^((step|map|call|phase|group|part|h)-?[0-9]+(-.*)?|value-.*|.*-(request|response|failure))$"
_RESERVED = re.compile(RESERVED_PATTERN)


def check(text: str) -> str:
    """The id; raises ValueError where it is none, or is an anchor that pages have of their own."""
    if not _ID.fullmatch(text):
        raise ValueError(f"expected an id: a letter, then letters from a to z, digits, - and _, found {text!r}")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"expected an id of at most {MOST_CHARACTERS} characters, found {len(text)}")
    if text.lower() in RESERVED or _RESERVED.match(text.lower()):
        raise ValueError(f"the page has an anchor {text!r} of its own; choose another id")
    return text
