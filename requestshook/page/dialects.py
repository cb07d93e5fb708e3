"""The formats that there are. A new one is an entry here and a folder of templates (docs/templates.md)."""

from __future__ import annotations

from requestshook.errors import RequestshookError
from requestshook.page import github, html, json_format, mkdocs
from requestshook.page.dialect import Dialect

_ALL = (mkdocs.DIALECT, github.DIALECT, html.DIALECT, json_format.DIALECT)
DIALECTS: dict[str, Dialect] = {found.name: found for found in _ALL}


def find(name: str) -> Dialect:
    """The format of this name; raises RequestshookError where there is none."""
    if name not in DIALECTS:
        raise RequestshookError(f"there is no format {name!r}: {', '.join(DIALECTS)}")
    return DIALECTS[name]
