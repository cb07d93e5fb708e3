"""What of a message is marked: a header, a place in its JSON, a key of its query, lines, or lines with a text.

highlight = header-name | JSON path | "?" key | line [ "-" line ] | {text: …}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Union

from requestshook.errors import SpellingError
from requestshook.highlights.paths import JsonPath

MOST_LINES = 9_999_999
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_LINES = re.compile(r"([0-9]+)(?:-([0-9]+))?")


@dataclass(frozen=True, slots=True)
class HeaderName:
    """All headers of this name, whatever its case."""

    name: str


@dataclass(frozen=True, slots=True)
class BodyPath:
    """All values in a JSON body that the path names, with all their lines."""

    path: JsonPath


@dataclass(frozen=True, slots=True)
class QueryKey:
    """All pairs of the query with this key."""

    name: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of the body (or of the command's output) as shown, counted from 1."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Containing:
    """All lines of the body (or of the output) that contain this text."""

    text: str


Mark = Union[HeaderName, BodyPath, QueryKey, Lines, Containing]


@dataclass(frozen=True, slots=True)
class Highlight:
    """One highlight, as meant and as spelled, and its line in the file."""

    mark: Mark
    spelled: str
    line: int


def parse(text: str) -> Mark:
    """The mark that a text spells; raises SpellingError, which points at the character at fault."""
    if text.startswith("$"):
        return BodyPath(JsonPath.parse(text))
    if text.startswith("?"):
        return QueryKey(_key(text))
    lines = _LINES.fullmatch(text)
    if lines:
        return _lines(text, lines)
    found = _HEADER.match(text)
    if not found or found.end() < len(text):
        position = found.end() if found else 0
        raise SpellingError(
            f"expected a header's name, a path such as $.token.user, ?key, or lines such as 12-14, found {text!r}; "
            "lines that contain a text are {text: …}",
            position,
        )
    return HeaderName(text)


def _key(text: str) -> str:
    if len(text) == 1:
        raise SpellingError("expected ? and a key of the query, found '?'", 1)
    if "=" in text or "&" in text:
        position = min(text.find(sign) for sign in "=&" if sign in text)
        raise SpellingError(f"expected ? and one key of the query without its value, found {text!r}", position)
    return text[1:]


def _lines(text: str, found: re.Match[str]) -> Lines:
    first, last = int(found[1][:9]), int((found[2] or found[1])[:9])
    if not 0 < first <= MOST_LINES or last > MOST_LINES:
        raise SpellingError(f"lines count from 1 to {MOST_LINES}, found {text!r}")
    if last < first:
        raise SpellingError(f"the last line lies before the first, found {text!r}", found.start(2))
    return Lines(first, last)
