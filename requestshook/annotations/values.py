"""Where a variable's value stands.

    value   = literal | "$" id "." message "." field
    message = "request" | "response"
    field   = "status" | "header." name | "query." name | "body" JSON path without its "$"

In a literal, `$$` is a dollar.
"""

from __future__ import annotations

import re

from requestshook.annotations.ids import PATTERN
from requestshook.annotations.model import ValueOf
from requestshook.errors import SpellingError
from requestshook.highlights.paths import JsonPath

NAME = re.compile(r"\w[\w-]{0,63}")
_ID = re.compile(rf"\$({PATTERN})")
_MESSAGE = re.compile(r"\.(request|response)(?=\.|\Z)")
_FIELD = re.compile(r"\.(status\Z|(?:header|query)\.|body(?=[.\[]|\Z))")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2


def parse(text: str) -> str | ValueOf:
    """The literal, or where the value stands; raises SpellingError, which points at the character at fault."""
    if not text.startswith("$") or text.startswith("$$"):
        return text.replace("$$", "$")
    id, position = _match(text, 0, _ID, "the id of a call after `$` (a literal `$` is `$$`)")
    message, position = _match(text, position, _MESSAGE, "`.request` or `.response`")
    field, begin = _match(text, position, _FIELD, "`.status`, `.header.NAME`, `.query.NAME` or `.body.PATH`")
    field = field.rstrip(".")
    if (field == "status" and message == "request") or (field == "query" and message == "response"):
        raise _fault(text, position, f"something that a {message} has, which is no {field},")
    rest = text[begin:]
    if field == "body":
        return ValueOf(id, message, field, path=_path(rest, begin))
    if field == "header" and not _HEADER.fullmatch(rest):
        raise _fault(text, begin, "a header's name")
    if field == "query" and not rest:
        raise _fault(text, begin, "a key of the query")
    return ValueOf(id, message, field, rest)


def _path(text: str, begin: int) -> JsonPath:
    try:
        return JsonPath.parse(f"${text}")
    except SpellingError as error:
        raise SpellingError(str(error), begin + error.position - 1) from None


def _match(text: str, position: int, pattern: re.Pattern[str], expected: str) -> tuple[str, int]:
    found = pattern.match(text, position)
    if not found:
        raise _fault(text, position, expected)
    return found[1], found.end()


def _fault(text: str, position: int, expected: str) -> SpellingError:
    found = f"found {text[position : position + 12]!r}" if position < len(text) else "it ends"
    return SpellingError(f"in {text!r}, character {position + 1}: expected {expected} but {found}", position)
