"""Captured text in HTML: what stands between it and the markup around it.

Each function returns `Html`, which may stand on a page as it is; `finish` (a template's last step) escapes whatever
else a template prints, in a way that holds between tags and between an attribute's quotes alike.
"""

from __future__ import annotations

from html import escape as _escape

from requestshook.page.escape import visible


class Html(str):
    """Text that may stand on a page as it is: written by us or by the author, or escaped."""

    __slots__ = ()


def finish(value: object) -> str:
    """What a template prints: HTML as it is, anything else as text."""
    return value if isinstance(value, Html) else text(str(value))


def text(text: str) -> Html:
    """Text between tags or between an attribute's quotes; control characters as pictures."""
    shown = visible(text)
    return Html(_escape(shown) if not shown.isalnum() else shown)


def in_line(text: str) -> Html:
    """The same in one line: a line feed and a tab have pictures, too."""
    return Html(_escape(visible(text).replace("\n", "␊").replace("\t", "␉")))
