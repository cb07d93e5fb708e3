"""The `html` format: one file that opens from disk, with no network and no script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from requestshook.page import authored, markup
from requestshook.page.dialect import PARTS, Dialect
from requestshook.page.settings import PageSettings


def _filters(settings: PageSettings, names: Sequence[str]) -> Mapping[str, Callable[..., Any]]:
    return {"line": markup.in_line, "html": markup.Html}


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
)
