"""Captured text in reStructuredText: for templates of a house that writes it (docs/templates.md)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from requestshook.page.escape import Markdown, visible

_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_WIDE = ("W", "F")


def text(text: str) -> Markdown:
    """Text in paragraphs, cells and headings: on one line, a backslash before all that could be markup."""
    shown = visible(text).replace("\n", "␊").replace("\t", " ")
    return Markdown(_PUNCTUATION.sub(lambda found: f"\\{found[0]}", shown).strip())


def heading(title: str, sign: str = "-") -> Markdown:
    """A section's title, underlined."""
    written = text(title) or Markdown("\\ ")
    width = sum(2 if unicodedata.east_asian_width(character) in _WIDE else 1 for character in written)
    return Markdown(f"{written}\n{sign * max(width, 4)}\n")


def code(lines: Iterable[str], language: str = "text", highlights: Sequence[int] = ()) -> Markdown:
    """A `code-block` directive with numbered lines."""
    head = [f".. code-block:: {language}", "   :linenos:"]
    if highlights:
        head.append(f"   :emphasize-lines: {','.join(map(str, highlights))}")
    body = [f"   {visible(line)}".rstrip() for line in lines] or [""]
    body[0] = body[0] or "   ␊"  # an empty first line would be taken away, and all numbers would be wrong
    return Markdown("\n".join([*head, "", *body, ""]))
