"""Captured text in Markdown for GitHub and GitLab, which look for more in a page than Markdown does.

Both turn mentions, numbers of issues, ids of commits, emoji and addresses into links in every piece of text that
Markdown has made, code left out. So what can be is code; elsewhere a character that could begin any of these stands
alone between tags, as GitLab itself does it for a backslash. Where a line begins with them, and be it in a fence,
GitLab also fills in `::include{file=…}` and obeys `/close`: no captured line begins at the left margin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from requestshook.page.escape import Markdown, visible

_JOINER = "\u2060"  # seen by nobody
_LIQUID = re.compile(r"\{(?=[{%])")  # GitHub Pages reads these before Markdown is read, in fences too
_TICKS = re.compile(r"`+")
_SPECIAL = re.compile(
    r"""
    ( (?<![^\W_]) [0-9a-fA-F]{7,} (?![^\W_]) )          # could be a commit
  | ( (?<=[^\W\d_]) - (?=[^\W\d_]) | : (?=[ ]) | \. (?=\w) (?<![wW]{3}\.) | (?<=[^\W\d_]) \. (?=[ ]|$)
    | (?<=\b[12][0-9]{3}) - (?=[0-9]{2}\b) | (?<=-[0-9]{2}) - (?=[0-9]{2}\b) | (?<=\b[0-9]{2}) : (?=[0-9]{2}\b)
    | [,;/?(] )  # plain
  | [!-/:-@\[-`{-~] | ^[ ] | [ ]$ | [ ](?=[ ])
    """,
    re.VERBOSE,
)
_NO_LINK = frozenset(" )\"'<>")  # these begin and end none
_PIECE = 6  # digits; seven can be a commit


def finish(value: object) -> str:
    """What a template prints: Markdown as it is, anything else as inline text."""
    return value if isinstance(value, Markdown) else inline(str(value))


@lru_cache(512)
def inline(text: str) -> Markdown:
    """Text as it stands in headings, paragraphs, table cells, links, and between HTML's tags."""
    return Markdown(_SPECIAL.sub(_written, _in_line(text)))


@lru_cache(512)
def code(text: str) -> Markdown:
    """Text as inline code, in a table's cell as well."""
    text = _in_line(text)
    if not text or "|" in text:  # would end a cell; readers disagree about a backslash before it
        return Markdown(f"<code>{_SPECIAL.sub(_written, text)}</code>")
    mark = "`" * (_longest_run(text) + 1)
    if "`" in (text[0], text[-1]) or (text[0] == text[-1] == " " and text.strip(" ")):
        text = f" {text} "
    return Markdown(mark + _LIQUID.sub("{" + _JOINER, text) + mark)


def fence(lines: Iterable[str], language: str = "") -> Markdown:
    """A fenced code block of lines that hold no line feed, closed by a fence that none of them can be.

    It is indented by a space, which Markdown takes off again.
    """
    body = "\n".join(f" {line}" if line else "" for line in lines)
    mark = "`" * max(_longest_run(body) + 1, 3)
    return Markdown(f" {mark}{language}\n{_LIQUID.sub('{' + _JOINER, body)}\n {mark}\n")


def _in_line(text: str) -> str:
    return visible(text).replace("\n", "␊").replace("\t", "␉")


def _longest_run(text: str) -> int:
    return max((len(run) for run in _TICKS.findall(text)), default=0)


def _written(found: re.Match[str]) -> str:
    digits, plain = found.groups()
    if digits:
        pieces = [digits[at : at + _PIECE] for at in range(0, len(digits), _PIECE)]
        return "".join(f"<span>{piece}</span>" if at % 2 else piece for at, piece in enumerate(pieces))
    if plain:
        return str(plain)
    entity = f"&#{ord(found[0])};"
    return entity if found[0] in _NO_LINK else f"<span>{entity}</span>"
