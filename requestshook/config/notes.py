"""What authors say of pages and calls, in `requestshook.yaml` and in annotation files: values and their checks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from requestshook import highlights
from requestshook.config.positions import Value
from requestshook.highlights import BodyPath, Containing, HeaderName, Highlight, Lines, Mark, QueryKey
from requestshook.openapi import FIELDS
from requestshook.selectors import Selector
from requestshook.words import WORDS

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_FIELD = re.compile(r"\{(\w+)\}")
_ANY = Selector.parse("* * **")


@dataclass(frozen=True, slots=True)
class Page:
    """How pages look; an annotation file may say it anew for its own page."""

    view: str | None = None  # client, wire or server; None: the innermost that saw the call
    hide_headers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)  # words.WORDS in the author's language
    anchors: bool = True
    variables: str = "overview"  # or "everywhere": in headings and titles too
    pairs: bool = False
    open: str | None = None  # "highlighted": the tab with a highlight


@dataclass(frozen=True, slots=True)
class Place:
    """A step by its call: an entry's id, and which of the call's messages."""

    id: str
    message: str  # request or response


@dataclass(frozen=True, slots=True)
class Mention:
    """`[[id]]`, `[[id.response]]`, `[[a..b]]` or `[[$variable]]` in a text."""

    begin: int  # where `[[` begins and `]]` ends in the text
    end: int
    line: int  # of the file
    in_code: bool = False  # inside backticks: no link
    first: Place | None = None
    last: Place | None = None  # of a range; a call named without a message ends with its response
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Markdown by the author. `mentions` are to be replaced; other brackets are text."""

    value: str
    line: int  # of the file, where it begins
    mentions: tuple[Mention, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """What is said about a message."""

    text: Text | None = None  # above the tabs
    highlight: tuple[Highlight, ...] = ()
    after: Text | None = None  # below the tabs
    header_after: Text | None = None  # inside the tab
    body_after: Text | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """API documentation of a call."""

    call: Selector
    title: str
    url: str
    request: Notes = field(default_factory=Notes)
    response: Notes = field(default_factory=Notes)
    line: int = 0


@dataclass(frozen=True, slots=True)
class OpenAPI:
    """A description that gives a service's calls their references."""

    path: str
    service: str
    url: str = ""  # a link with {operationId}, {tag}, {method} or {path} in it; empty: what the description gives
    line: int = 0


def read_page(value: Value, page: Page) -> Page:
    """The page's settings with those that a `page:` mapping gives."""
    fields = value.fields(("view", "hide_headers", "labels", "anchors", "variables", "pairs", "open"))
    found: dict[str, Any] = {}
    if "view" in fields:
        found["view"] = fields["view"].choice(("client", "wire", "server"))
    if "hide_headers" in fields:
        found["hide_headers"] = tuple(read_header_names(fields["hide_headers"]))
    if "labels" in fields:
        found["labels"] = {**page.labels, **_labels(fields["labels"])}
    for key in ("anchors", "pairs"):
        if key in fields:
            found[key] = fields[key].switch()
    if "variables" in fields:
        found["variables"] = fields["variables"].choice(("overview", "everywhere"))
    if "open" in fields:
        found["open"] = None if fields["open"].is_off else fields["open"].choice(("highlighted", "off"))
    return replace(page, **found)


def _labels(value: Value) -> dict[str, str]:
    labels = value.fields(WORDS)
    for key, label in labels.items():
        for name in _FIELD.findall(label.text()):
            if name not in _FIELD.findall(WORDS[key]):
                label.fault(f"there is no {{{name}}} here; the word is {WORDS[key]!r}")
    return {key: label.scalar or "" for key, label in labels.items()}


def read_header_names(value: Value) -> Iterator[str]:
    """A list of header names."""
    for item in value.items("a list of header names"):
        name = item.filled("a header's name")
        if name and not _HEADER.fullmatch(name):
            item.fault(f"expected a header's name, found {name!r}")
        yield name


def read_selector(value: Value) -> Selector:
    """A selector; a fault points at its character."""
    return value.parse(Selector.parse, _ANY, "a selector")


def read_references(value: Value, root: str) -> Iterator[Reference | OpenAPI]:
    """The entries of `references:`, of either kind; the paths of descriptions begin at `root`."""
    for item in value.items("a list of references"):
        yield _openapi(item, root) if item.has("openapi") else read_reference(item)


def _openapi(value: Value, root: str) -> OpenAPI:
    fields = value.fields(("openapi", "service", "url"), required=("openapi", "service"))
    path = ""
    if "openapi" in fields:
        text = fields["openapi"].filled("the path of an OpenAPI 3 description")
        path = os.path.join(root, os.path.expanduser(text))
        if text and not os.path.isfile(path):
            fields["openapi"].fault(f"there is no file {path}")
    service = fields["service"].filled("the name of a service") if "service" in fields else ""
    return OpenAPI(path, service, fields["url"].parse(_link_of_operations, "") if "url" in fields else "", value.line)


def _link_of_operations(text: str) -> str:
    for name in _FIELD.findall(text):
        if name not in FIELDS:
            raise ValueError(f"there is no {{{name}}} here; there are {', '.join(f'{{{field}}}' for field in FIELDS)}")
    return _link(text)


def read_reference(value: Value) -> Reference:
    """One entry of `references:`."""
    fields = value.fields(("call", "title", "url", "request", "response"), required=("call", "title", "url"))
    return Reference(
        read_selector(fields["call"]) if "call" in fields else _ANY,
        fields["title"].filled("a title") if "title" in fields else "",
        fields["url"].parse(_link, "") if "url" in fields else "",
        _notes(fields["request"], "request") if "request" in fields else Notes(),
        _notes(fields["response"], "response") if "response" in fields else Notes(),
        value.line,
    )


def _link(text: str) -> str:
    if not text.strip() or urlsplit(text).scheme.lower() not in ("http", "https", ""):
        raise ValueError(f"expected an address that begins with https:// or http://, found {text!r}")
    return text


def _notes(value: Value, message: str) -> Notes:
    fields = value.fields(("text", "highlight"))
    return Notes(
        Text(fields["text"].text(), fields["text"].line) if "text" in fields else None,
        read_highlights(fields["highlight"], message) if "highlight" in fields else (),
    )


# What can be marked in each, and what is said where something else is.
_MARKS: dict[str, tuple[tuple[type[Mark], ...], str]] = {
    "request": ((HeaderName, BodyPath, QueryKey, Lines, Containing), ""),
    "response": ((HeaderName, BodyPath, Lines, Containing), "something of a response, which has no query"),
    "output": ((Lines, Containing), "lines of the output, such as 19 or 12-14, or {text: …}"),
}


def read_highlights(value: Value, where: str) -> tuple[Highlight, ...]:
    """A list of header names, JSON paths, `?name`, line numbers, or `{text: …}`; in a request, response or output."""
    kinds, expected = _MARKS[where]
    found = []
    for item in value.items("a list of highlights"):
        highlight = _highlight(item)
        if highlight and not isinstance(highlight.mark, kinds):
            item.fault(f"expected {expected}, found {highlight.spelled!r}")
        elif highlight:
            found.append(highlight)
    return tuple(found)


def _highlight(value: Value) -> Highlight | None:
    if value.scalar is not None:
        text = value.filled("a highlight")
        mark = value.parse(highlights.parse, None, "a highlight") if text.strip() else None
        return Highlight(mark, text, value.line) if mark else None
    if value.begins_with("?"):
        value.fault("inside [ ] and { } a highlight that begins with ? has to be quoted")
        return None
    fields = value.fields(("text",), required=("text",))
    text = fields["text"].filled() if "text" in fields else ""
    return Highlight(Containing(text), text, value.line) if text.strip() else None
