"""Captured text in HTML: what stands between it and the markup around it.

Each function returns `Markup`, which may stand on a page as it is; `finish` (a template's last step) escapes whatever
else a template prints, in a way that holds between tags and between an attribute's quotes alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from markupsafe import Markup

from requestshook.page.escape import visible

_FORM = re.compile(r"‹\w+-[0-9]+›")
_NAMED = re.compile(r"\{(\w+)\}")
COLOURS = 6  # of values; the seventh has the first one's


def finish(value: object) -> str:
    """What a template prints: HTML as it is, anything else as text."""
    return value if isinstance(value, Markup) else text(str(value))


def text(text: str) -> Markup:
    """Text between tags or between an attribute's quotes; control characters as pictures."""
    return Markup(escape(visible(text)))


def in_line(text: str) -> Markup:
    """The same in one line: a line feed and a tab have pictures, too."""
    return Markup(escape(visible(text).replace("\n", "␊").replace("\t", "␉")))


def phrase(word: str, /, **values: object) -> Markup:
    """A word with `{field}` filled in; what is filled in is escaped unless it was before."""
    return Markup(_NAMED.sub(lambda found: finish(values.get(found[1], found[0])), escape(word)))


class Values:
    """Marks the page's values in text that was escaped: redacted ones by a chip, the author's variables as such."""

    def __init__(self, numbers: Mapping[str, int], names: Sequence[str]) -> None:
        """`numbers` are those of the redacted values, by `‹token-1›`; `names` the variables'."""
        self._numbers = numbers
        self._names = frozenset(names)

    def linked(self, escaped: str) -> str:
        """With a link to each value's life."""
        return _FORM.sub(self._link, escaped) if "‹" in escaped else escaped

    def chipped(self, escaped: str) -> str:
        """Without links, for text that stands in one."""
        return _FORM.sub(self._chip, escaped) if "‹" in escaped else escaped

    def target(self, target: str, last: int = 2) -> Markup:
        """A target in two parts, of which the first may be cut short: the last segments stay."""
        shown = str(in_line(target))
        path, query, rest = shown.partition("?")
        slash = "/" if path.endswith("/") and len(path) > 1 else ""
        parts = path.removesuffix(slash).rsplit("/", last)
        head, tail = (parts[0], "/" + "/".join(parts[1:]) + slash) if len(parts) > last and parts[0] else ("", path)
        found = f'<span class="pa">{self._named(head)}</span>' if head else ""
        return Markup(f'{found}<span class="pb">{self._named(tail + query + rest)}</span>')

    def _named(self, escaped: str) -> str:
        known = self._names
        named = _NAMED.sub(lambda found: f"<var>{found[0]}</var>" if found[1] in known else found[0], escaped)
        return self.chipped(named)

    def anchor(self, name: str) -> str:
        """Where a redacted value's life stands."""
        return f"value-{name[1:-1]}"

    def colour(self, name: str) -> int:
        """The number of a redacted value's colour, from 1."""
        return (self._numbers[name] - 1) % COLOURS + 1

    def _link(self, found: re.Match[str]) -> str:
        name = found[0]
        if name not in self._numbers:
            return name
        return f'<a class="v v{self.colour(name)}" href="#{self.anchor(name)}">{name}</a>'

    def _chip(self, found: re.Match[str]) -> str:
        name = found[0]
        return f'<span class="v v{self.colour(name)}">{name}</span>' if name in self._numbers else name
