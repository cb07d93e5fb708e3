"""The `mkdocs` format: Python-Markdown with pymdownx, for Material for MkDocs and Zensical."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from requestshook.page import command, escape, rst
from requestshook.page.dialect import Dialect
from requestshook.page.steps import Tab

TAB_INDENT = 4
_FILTERS: dict[str, Callable[..., escape.Markdown]] = {
    "inline": escape.inline,
    "title": escape.title,
    "link": escape.link,
    "code": escape.code,
    "markdown": escape.Markdown,
    "file": lambda name: escape.Markdown(quote(name)),
    "rst": rst.text,
    "rst_heading": rst.heading,
    "rst_code": rst.code,
}


def _filters(context: Mapping[str, Any]) -> Mapping[str, Callable[..., Any]]:
    settings, names = context["settings"], tuple(variable.name for variable in context["variables"])
    return {
        **_FILTERS,
        "to": lambda anchor: escape.Markdown(context["places"].to(anchor)),
        "fence": partial(escape.fence, snippets=settings.snippets),
        "label": partial(escape.label, names=names),
        "console": _console,
        "tab": partial(_tab, snippets=settings.snippets),
    }


def _console(shown: command.Command) -> str:
    """What follows the opening fence of the command."""
    info = "console" + (f' title="{escape.title(shown.title)}"' if shown.title else "")
    return info + _marked(shown.highlights)


def _tab(tab: Tab, *, snippets: bool) -> escape.Markdown:
    """A tab's fence, indented to stand under its label."""
    info = f'{tab.language} title="{escape.title(tab.title)}" linenums="1"' + _marked(tab.highlights)
    return escape.fence(tab.lines, info, indent=TAB_INDENT, snippets=snippets)


def _marked(lines: Sequence[int]) -> str:
    """`hl_lines` with ranges: `5 12-14`."""
    if not lines:
        return ""
    starts = [n for n in lines if n - 1 not in lines]
    ends = [n for n in lines if n + 1 not in lines]
    ranges = (str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
    return f' hl_lines="{" ".join(ranges)}"'


DIALECT = Dialect(
    name="mkdocs",
    ending=".md",
    folder="",
    suffix=".md.jinja2",
    mark="generator: requestshook",
    chapter="chapter.md.jinja2",
    finish=escape.finish,
    filters=_filters,
    prose=escape.Markdown,
)
