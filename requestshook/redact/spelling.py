"""How values are spelled in JSON and XML: where a string ends, what its escapes stand for, where its characters are."""

from __future__ import annotations

import re
from collections.abc import Callable

_ESCAPE = re.compile(r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.S)
_PLAIN_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&"))


def lower(text: str) -> str:
    """The text in lower case, every character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)


def string_end(text: str, start: int, marks: int, quote: str) -> tuple[int, int]:
    """Where the content of the string that began before `start` ends, and where its closing quote ends.

    `marks` backslashes stood before the opening quote: JSON in a string of JSON has one, in that again three. A
    quote after a run of backslashes closes the string as many levels up as the run's length ends in binary ones.
    """
    own = level(marks)
    at = text.find(quote, start)
    while at >= 0:
        run = at
        while run > start and text[run - 1] == "\\":
            run -= 1
        closing = level(at - run)
        if closing <= own:
            return at - (1 << closing) + 1, at + 1
        at = text.find(quote, at + 1)
    return len(text), len(text)


def level(marks: int) -> int:
    """In how many strings of JSON a quote stands before which there are so many backslashes."""
    depth = 0
    while marks & 1:
        marks >>= 1
        depth += 1
    return depth


def xml_piece(text: str, at: int, limit: int) -> tuple[int, int, int]:
    """A piece of an XML element's text, and where the next begins: at `at` itself where there is none."""
    for opening, closing in (("<![CDATA[", "]]>"), ("<!--", "-->"), ("<?", "?>")):
        if text.startswith(opening, at):
            if closing == "]]>":
                end = text.find(closing, at, limit)
                at += len(opening)
                return (at, end, end + 3) if end >= 0 else (at, limit, limit)
            end = text.find(closing, at, min(limit, at + 4096))
            return (at, at, end + len(closing)) if end >= 0 else (at, at, at)
    end = text.find("<", at, limit)
    return (at, end, end) if end >= 0 else (at, limit, limit)


def places_of(raw: str) -> list[int]:
    """For each character of the unescaped content of a JSON string, and for its end, its place in `raw`."""
    places: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(raw):
        places += range(at, escape.start() + 1)
        at = escape.end()
    places += range(at, len(raw) + 1)
    return places


def escaped(text: str) -> str:
    """The text as the content of a JSON string."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def after_unescaping(plain: Callable[[str], str]) -> Callable[[str], str]:
    """What undoes the escapes of a JSON string first, then what `plain` undoes."""
    return lambda raw: plain(unescaped(raw))


def unescaped(raw: str) -> str:
    """The content of a JSON string, escapes undone; of JSON in strings only the outer level."""
    return _ESCAPE.sub(_unescaped, raw) if "\\" in raw else raw


def _unescaped(escape: re.Match[str]) -> str:
    high, low, code, plain = escape.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) & 0x3FF) << 10) + (int(low, 16) & 0x3FF))
    return chr(int(code, 16)) if code else _PLAIN_ESCAPES.get(plain, plain)


def xml_unescaped(raw: str) -> str:
    """The text with the entities undone that every XML document knows."""
    if "&" in raw:
        for entity, character in _ENTITIES:
            raw = raw.replace(entity, character)
    return raw


def percent_decoded(raw: str) -> tuple[str, list[int]]:
    """The text with percent-encoding undone, octet by octet, and for each of its characters its place in `raw`."""
    pieces: list[str] = []
    places: list[int] = []
    at = 0
    for octet in _PERCENT.finditer(raw):
        pieces += (raw[at : octet.start()], chr(int(octet[1], 16)))
        places += range(at, octet.start() + 1)
        at = octet.end()
    places += range(at, len(raw) + 1)
    return "".join((*pieces, raw[at:])).replace("+", " "), places
