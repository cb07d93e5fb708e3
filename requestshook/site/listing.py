"""The list of pages between two marks of a Markdown file: what each page records, and what is new since the last list.

The first mark carries the figures that the list was written from. A list whose pages have not changed stays as it is,
so what it calls new stays new until something else changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

from requestshook.page import escape
from requestshook.site.pages import Figures, Listed

BEGIN, END = "<!-- requestshook: pages", "<!-- requestshook: end -->"
EMPTY = f"{BEGIN} -->\n{END}\n"
_LIST = re.compile(rf"{re.escape(BEGIN)}(.*?)-->.*?{re.escape(END)}", re.DOTALL)
_HEAD = "| Page | Recorded | Calls | Services | Failures | Since the last list |\n|---|---|--:|--:|--:|---|\n"
_NONE = "No page yet: `requestshook render` writes one.\n"


def heading(name: str) -> str:
    """A site's name as a heading's text."""
    return escape.inline(name)


def has_marks(text: str) -> bool:
    """Whether a file asks for the list."""
    return _LIST.search(text) is not None


def refresh(text: str, pages: Sequence[Listed]) -> str:
    """The file's text with the list of these pages; the same text where they have not changed."""
    found = _LIST.search(text)
    if found is None:
        return text
    before = _state(found[1])
    now = {page.path: page.figures for page in pages}
    if before == now and _HEAD[:8] in found[0]:
        return text
    written = "".join(_written(pages, before, now))
    return f"{text[: found.start()]}{_begin(now)}\n\n{written}\n{END}{text[found.end() :]}"


def _written(
    pages: Sequence[Listed], before: Mapping[str, Figures] | None, now: Mapping[str, Figures]
) -> Iterator[str]:
    if not pages:
        yield _NONE
        return
    yield _HEAD
    for page in pages:
        figures = page.figures
        counts = " | ".join(str(count) for count in (figures.calls, figures.services, figures.failures))
        news = "" if before is None else _news(before.get(page.path), figures)
        yield f"| [{page.title}]({quote(page.path)}) | {escape.inline(figures.recorded)} | {counts} | {news} |\n"
    gone = [path for path in before or () if path not in now]
    if gone:
        yield f"\nGone since the last list: {', '.join(escape.code(path) for path in gone)}.\n"


def _news(before: Figures | None, now: Figures) -> str:
    """`new`, or what the page counts otherwise than before."""
    if before is None:
        return "**new**"
    said = [
        f"{name} {getattr(before, name)} → {getattr(now, name)}"
        for name in ("calls", "services", "failures")
        if getattr(before, name) != getattr(now, name)
    ]
    if not said and before.recording != now.recording:
        said = ["recorded again"]
    return ", ".join(said)


def _begin(now: Mapping[str, Figures]) -> str:
    """The first mark with the figures, which cannot end the comment that it is."""
    state = json.dumps({path: figures.as_dict() for path, figures in now.items()}, sort_keys=True)
    state = state.replace("--", "-\\u002d").replace(">", "\\u003e")
    return f"{BEGIN} {state} -->"


def _state(text: str) -> dict[str, Figures] | None:
    """The figures of the last list; None where there was none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return {path: Figures.of(figures) for path, figures in found.items()} if isinstance(found, dict) else None
