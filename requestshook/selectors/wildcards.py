"""Wildcards become regular expressions over canonical text, whose time grows with the text and never explodes.

A wildcard between two literals takes the shortest text that there is and never tries another: what follows may
begin later, but it never has to. Python 3.10 has no atomic groups; `(?=(?P<g>…))(?P=g)` is one.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Union

from requestshook import addresses

VARIABLE = re.compile(r"\{[^{}/?@*%\s]+\}")
_IN_PATH = re.compile(r"(\*|\{[^{}/?@*%\s]+\})")
_IN_TEXT = re.compile(r"(\*)")
_PATH_CHARACTER = r"(?:[^/%\n]|%[0-9A-F]{2})"  # an escape is one character
_QUERY_CHARACTER = r"(?:[^=%\n]|%[0-9A-F]{2})"
_SEGMENTS = r"(?:/[^/\n]*)*"
_SEGMENT_ENDS = r"(?![^/])"
_Tokens = list[Union[str, int]]  # a literal, or the least number of characters that a wildcard stands for


def path_pattern(path: str) -> str:
    """Over a canonical path: `{name}` is one or more characters of a segment, `*` any, `**` any segments."""
    if path == "**":
        return r"[^\n]*"
    groups = itertools.count()
    first, *chunks = (_chunk_pattern(chunk, groups) for chunk in _chunks(path.split("/")[1:]))
    if not chunks:
        return first
    middle = (_atomic(f"{_SEGMENTS}?{chunk}", groups) for chunk in chunks[:-1] if chunk)
    return "".join((first, *middle, _SEGMENTS, chunks[-1]))


def pair_pattern(pair: str) -> str:
    """Over a canonical pair of a query: `*` is any text of a key or a value; a key alone has any value."""
    groups = itertools.count()
    key, equals, value = pair.partition("=")
    tokens = (_tokens(part, _IN_TEXT, addresses.canonical_part) for part in (key, value if equals else "*"))
    return "=".join(_pattern(part, _QUERY_CHARACTER, r"[^=\n]", groups) for part in tokens)


def text_pattern(text: str) -> str:
    """Over any text: `*` is any part of it."""
    return _pattern(_tokens(text, _IN_TEXT, str), "(?s:.)", "(?s:.)", itertools.count())


def _chunks(segments: list[str]) -> list[list[str]]:
    """The runs of segments between `**` and `**`."""
    chunks: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            chunks.append([])
        else:
            chunks[-1].append(segment)
    return chunks


def _chunk_pattern(segments: list[str], groups: Iterator[int]) -> str:
    tokens = (_tokens(segment, _IN_PATH, addresses.canonical_segment) for segment in segments)
    pattern = "".join("/" + _pattern(part, _PATH_CHARACTER, r"[^/\n]", groups) for part in tokens)
    return pattern + _SEGMENT_ENDS if pattern else ""


def _tokens(text: str, wildcard: re.Pattern[str], canonical: Callable[[str], str]) -> _Tokens:
    tokens: _Tokens = []
    for piece in filter(None, wildcard.split(text)):
        if not wildcard.fullmatch(piece):
            tokens.append(canonical(piece))
        elif tokens and isinstance(tokens[-1], int):
            tokens[-1] += piece != "*"
        else:
            tokens.append(int(piece != "*"))
    return tokens


def _pattern(tokens: _Tokens, character: str, octet: str, groups: Iterator[int]) -> str:
    """`octet` may stand for `character` where a wildcard goes up to the end."""
    found = ""
    for i, token in enumerate(tokens):
        if isinstance(token, str):
            if i == 0:
                found += re.escape(token)
        elif i == len(tokens) - 1:
            found += f"{octet if token < 2 else character}{{{token},}}"
        else:
            literal = re.escape(str(tokens[i + 1]))
            run = f"{character}{{{token},}}"
            found += run + literal if i == len(tokens) - 2 else _atomic(f"{run}?{literal}", groups)
    return found


def _atomic(pattern: str, groups: Iterator[int]) -> str:
    number = next(groups)
    return f"(?=(?P<g{number}>{pattern}))(?P=g{number})"
