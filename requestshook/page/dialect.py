"""What a format is: a folder of templates, how it escapes captured text, and how it writes the author's Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from requestshook.page import escape

PARTS = ("page", "command", "map", "diagram", "variables", "steps", "log")
Filters = Callable[[Mapping[str, Any]], Mapping[str, Callable[..., Any]]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One format of pages. Captured text reaches a page through `finish` or through one of the `filters`."""

    name: str  # as `--format` has it
    ending: str  # of its files
    folder: str  # of its templates, below ours; empty: ours itself
    suffix: str  # of its templates: `page.md.jinja2`
    mark: str  # what a page of ours says near its beginning: only such files are replaced
    finish: Callable[[object], str]  # what a template prints, escaped unless it was before
    filters: Filters  # for what a page has: the templates' context
    prose: Callable[[str], str]  # the author's Markdown, mentions filled in, as what `finish` lets pass
    value: Callable[[str], str] = escape.inline  # a captured value among the author's words
    parts: tuple[str, ...] = PARTS
    autoescape: bool = False  # Jinja2's own escaping for HTML, behind `finish`
    chapter: str = ""  # the template of a long flow's further pages; empty: a page of this format is never split
    writer: Callable[[Mapping[str, Any], str], Iterator[str]] | None = None  # in the place of templates; gets the part
    framed: bool = False  # a part stands in the page's frame: `page` is the only template, and asks for `part`

    def template(self, part: str) -> str:
        """The name of the template that prints a part."""
        return f"page{self.suffix}" if part == "page" or self.framed else f"_{part}{self.suffix}"
