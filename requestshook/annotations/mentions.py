"""Mentions of steps and values in the author's Markdown.

    mention = "[[" ( step | step ".." step | "$" variable ) "]]"
    step    = id [ ".request" | ".response" ]

Fences are left alone, and so is `\\[[`. Other double brackets, as in `[[ -f x ]]` and `a[[0]]`, are text.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from requestshook.config.notes import Place

_MENTION = re.compile(r"(?<!\\)\[\[ ?(\$?[^\W\d_][\w.-]*|\$[\w.-]*) ?\]\]")
_STEP = re.compile(r"([\w-]+)(?:\.(request|response))?")
_LINE = re.compile(r"[^\n]*(?:\n|\Z)")
_FENCE = re.compile(r"[ \t]*(?:(?:>|[-*+]|[0-9]{1,9}[.)])[ \t]*(?=[ \t>`~]))*(`{3,}(?=[^`\n]*$)|~{3,})")
_CLOSING = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t\r]*$")
_TICKS = re.compile(r"`+")
_TICKS_OR_ESCAPE = re.compile(r"\\[\s\S]|(`+)")


class Found(NamedTuple):
    """Where a mention stands in a text, and what is between its brackets."""

    begin: int
    end: int
    content: str
    in_code: bool


class OpenFence(NamedTuple):
    """A fence that never ends."""

    begin: int
    sign: str


def find(text: str) -> Iterator[Found | OpenFence]:
    """The mentions of a Markdown text in their order, and a fence without end where there is one."""
    for begin, end, fence in _paragraphs(text):
        if fence:
            yield OpenFence(begin, fence)
        elif "[[" in text[begin:end]:
            yield from _in_paragraph(text, begin, end)


def _in_paragraph(text: str, begin: int, end: int) -> Iterator[Found]:
    spans = list(_code(text, begin, end))
    begins = [span[0] for span in spans]
    for found in _MENTION.finditer(text, begin, end):
        before = bisect_left(begins, found.start()) - 1
        in_code = before >= 0 and found.start() < spans[before][1]
        yield Found(found.start(), found.end(), found[0][2:-2], in_code)


def steps(content: str) -> tuple[Place, Place | None]:
    """What a mention of steps means; raises ValueError. A range begins with a request and ends with a response."""
    first, dots, last = content.partition("..")
    return _step(first, "request"), _step(last, "response") if dots else None


def _step(text: str, message: str) -> Place:
    found = _STEP.fullmatch(text)
    if found:
        return Place(found[1], found[2] or message)
    if text.endswith(".failure"):
        raise ValueError(f"expected {text[:-8]}.response, which is the failure where no response came")
    raise ValueError(f"expected an id, id.response or id..id, found {text!r}")


def _paragraphs(text: str) -> Iterator[tuple[int, int, str]]:
    """Begin and end of what stands between blank lines and outside fences; and of an open fence, with its sign."""
    begin, fence, opened = 0, "", 0
    for line in _LINE.finditer(text):
        if fence:
            closing = _CLOSING.match(line[0].rstrip("\n"))
            if closing and closing[1].startswith(fence):
                begin, fence = line.end(), ""
            continue
        opening = _FENCE.match(line[0].rstrip("\n"))
        if opening or not line[0].strip():
            yield begin, line.start(), ""
            begin = line.end()
        if opening:
            fence, opened = opening[1], line.start() + opening.start(1)
    yield (opened, len(text), fence) if fence else (begin, len(text), "")


def _code(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Code spans: from a run of backticks to the next that is as long (CommonMark 6.1)."""
    runs: dict[int, list[int]] = defaultdict(list)
    for run in _TICKS.finditer(text, begin, end):
        runs[len(run[0])].append(run.start())
    position = begin
    while found := _TICKS_OR_ESCAPE.search(text, position, end):
        position = found.end()
        if not found[1]:
            continue
        ends = runs[len(found[1])]
        closing = bisect_left(ends, found.end())
        if closing < len(ends):
            position = ends[closing] + len(found[1])
            yield found.start(), position
