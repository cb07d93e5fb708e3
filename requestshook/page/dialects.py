"""The formats that there are. A new one is an entry here and a folder of templates (docs/templates.md)."""

from __future__ import annotations

from requestshook.errors import RequestshookError
from requestshook.page import github, html, mkdocs
from requestshook.page.dialect import Dialect

DIALECTS: dict[str, Dialect] = {found.name: found for found in (mkdocs.DIALECT, github.DIALECT, html.DIALECT)}


def find(name: str) -> Dialect:
    """The format of this name; raises RequestshookError where there is none."""
    if name not in DIALECTS:
        raise RequestshookError(f"there is no format {name!r}: {', '.join(DIALECTS)}")
    return DIALECTS[name]
