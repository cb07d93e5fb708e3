"""The `html` format: one file that opens from disk, with no network and no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from requestshook.page import authored, markup
from requestshook.page.dialect import PARTS, Dialect
from requestshook.page.markup import Values
from requestshook.page.panels import Panels


def _filters(context: Mapping[str, Any]) -> Mapping[str, Callable[..., Any]]:
    words = context["words"]
    names = [variable.name for variable in context["variables"]]
    values = Values({life.name: life.number for life in context["lives"]}, names)
    panels = Panels(values, words)
    return {
        "line": markup.in_line,
        "say": lambda name, **filled: markup.phrase(words[name], **filled),
        "count": lambda number, one, many: markup.phrase(words[one if number == 1 else many], count=number),
        "target": values.target,
        "chips": lambda text: Markup(values.linked(markup.in_line(text))),
        "colour": values.colour,
        "value_anchor": values.anchor,
        "panel": panels.tab,
        "output": panels.output,
        "language": authored.language,
        "markdown": Markup,
    }


DIALECT = Dialect(
    name="html",
    ending=".html",
    folder="html",
    suffix=".html.jinja2",
    mark='name="generator" content="requestshook"',
    finish=markup.finish,
    filters=_filters,
    prose=authored.html,
    parts=tuple(part for part in PARTS if part != "diagram"),
    framed=True,
    autoescape=True,
)
