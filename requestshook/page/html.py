"""The `html` format: one file that opens from disk, with no network and no script."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any

from markupsafe import Markup

from requestshook.page import authored, markup, quantities
from requestshook.page.dialect import PARTS, Dialect
from requestshook.page.markup import Values
from requestshook.page.panels import Panels
from requestshook.page.pictures import Pictures
from requestshook.page.steps import Tab

_TAGS = re.compile(r"(<[^>]*>)")
_UNBROKEN = 30  # characters of an argument
_SAFE_URL = re.compile(r"https?://|mailto:|[/#.]|[\w.-]+(?:[/?#]|\Z)", re.IGNORECASE)


def _filters(context: Mapping[str, Any]) -> Mapping[str, Callable[..., Any]]:
    words = context["words"]
    names = [variable.name for variable in context["variables"]]
    values = Values({life.name: life.number for life in context["lives"]}, names)
    panels = Panels(values, words)
    author = context["author"]
    pictures = Pictures(author.annotations.path, author.fault)
    return {
        "line": markup.in_line,
        "say": lambda name, /, **filled: markup.phrase(words[name], **filled),
        "target": values.target,
        "chips": lambda text: Markup(values.linked(markup.in_line(text))),
        "colour": values.colour,
        "value_anchor": values.anchor,
        "panel": panels.tab,
        "output": panels.output,
        "language": authored.language,
        "chipped": lambda text: _chipped(pictures.inlined(text), values),
        "breakable": lambda text: markup.in_line(text).replace("-", Markup("-<wbr>")),
        "arguments": lambda line: _arguments(line, values),
        "size": _size,
        "url": _url,
        "digest": _digest,
    }


def _chipped(text: str, values: Values) -> Markup:
    """The author's HTML with the page's values marked where they stand between tags."""
    parts = _TAGS.split(text)
    parts[::2] = map(values.chipped, parts[::2])
    return Markup("".join(parts))


def _arguments(line: str, values: Values) -> Markup:
    """A command line that breaks between its arguments only, but for long ones."""
    found = (values.linked(markup.in_line(word)) if word else "" for word in line.split(" "))
    shown = (f'<span class="a">{word}</span>' if len(word) <= _UNBROKEN else word for word in found)
    return Markup(" ".join(shown))


def _size(tabs: Iterable[Tab]) -> str:
    """How large a message's body was."""
    return next((quantities.size(tab.content.size) for tab in tabs if tab.content and tab.content.size), "")


def _digest(script: str) -> str:
    """A script as the Content-Security-Policy names it."""
    return f"sha256-{b64encode(sha256(script.encode()).digest()).decode()}"


def _url(url: str) -> str:
    """An author's URL; nothing where it would be a script."""
    return url if _SAFE_URL.match(url) else ""


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
