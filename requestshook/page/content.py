"""A message's body as a page shows it: which language, which lines, and what the title must add."""

from __future__ import annotations

import re
from typing import NamedTuple

from requestshook.events import CLOSED, COMPLETE, Body, Headers
from requestshook.page import json_text, quantities
from requestshook.page.escape import visible
from requestshook.page.settings import Words
from requestshook.trace.calls import UNSEEN, Message

SHOWN_OCTETS = 32  # of what is no text
_LINE_FEED = "␊"

_LANGUAGES = (
    (re.compile(r"[/+]json\b"), "json"),
    (re.compile(r"\bhtml\b"), "html"),
    (re.compile(r"[/+]xml\b"), "xml"),
    (re.compile(r"/(?:x-)?yaml\b"), "yaml"),
    (re.compile(r"/(?:x-)?javascript\b"), "javascript"),
    (re.compile(r"/css\b"), "css"),
)
_MARKUP = re.compile(r"\s*<(!doctype\s+html|html\b|\?xml\b|[A-Za-z])", re.IGNORECASE)


class Content(NamedTuple):
    """What stands between the fences, and behind the title."""

    language: str
    lines: list[str]  # without line feeds
    remark: str = ""  # `64 KiB of 20.2 MiB`
    is_json: bool = False  # spaced by `json_text.respace`
    kind: str = "text"  # octets, none (there is no body), unkept (or its end was not seen)
    size: int = 0  # as sent
    kept: int = 0  # of it, or of what it was decoded to
    octets: bytes = b""  # the first, where it is no text


def show(message: Message, body: Body | None, text: str | None, words: Words) -> Content:
    """The content of a message; `text` is its text with the page's pseudonyms, where it has text."""
    about = body or message.body
    if about is None or (not about.size and message.end != COMPLETE):
        return Content("text", ["..."], words["body_unseen"], kind="unkept")
    whole = message.end == COMPLETE and not about.cut
    if text:
        return _text(text, about, message.event.headers, words, whole=whole)
    if isinstance(about.content, bytes) and about.content:
        return _octets(about.content, about, words, whole=whole)
    if (not about.size and about.content is None) or (about.content in ("", b"") and not about.cut):
        return Content("json", [words["none"]], kind="none")
    why = about.why or words["body_not_kept"]
    return Content("text", ["..."], f"{quantities.size(about.size)}, {why}", kind="unkept", size=about.size)


def ending(message: Message, words: Words) -> str:
    """A sentence about a body that did not come to its end; empty where it did."""
    size = quantities.size(message.body.size) if message.body else "?"
    if message.end == COMPLETE:
        return ""
    if message.end == UNSEEN:
        return words["body_unseen"]
    if message.end == CLOSED:
        return words.phrase("body_closed", size=size)
    return words.phrase("body_broke", size=size, error=message.end.removeprefix("error: "))


def _text(text: str, body: Body, headers: Headers, words: Words, *, whole: bool) -> Content:
    language = language_of(headers, text)
    kept = len(text.encode("utf-8", "replace"))
    remark = _remark(kept, body, words)
    if language == "json" or text.lstrip(" \t\r\n")[:1] in ("{", "["):
        lines = json_text.respace(text, cut=not whole)
        if lines is not None:
            if not text.isprintable():
                lines = [visible(line) for line in lines]
            return Content("json", lines, remark, True, size=body.size, kept=kept)
    if language == "json":
        language = "text"
    return Content(language, _kept_ends(visible(text).split("\n")), remark, size=body.size, kept=kept)


def _kept_ends(lines: list[str]) -> list[str]:
    """The lines with a sign for empty ones at both ends, which highlighters drop (and all numbers would be wrong)."""
    if len(lines) > 1 and not lines[-1]:
        lines = lines[:-1]  # a text ends with a line feed
    filled = [number for number, line in enumerate(lines) if line.strip()] or [len(lines)]
    return [line if filled[0] <= number <= filled[-1] else line + _LINE_FEED for number, line in enumerate(lines)]


def _octets(content: bytes, body: Body, words: Words, *, whole: bool) -> Content:
    shown = repr(content[:SHOWN_OCTETS])
    if len(content) > SHOWN_OCTETS or not whole:
        shown += "..."
    remark = _remark(len(content), body, words)
    first = content[:SHOWN_OCTETS]
    return Content("json", [shown], remark, kind="octets", size=body.size, kept=len(content), octets=first)


def _remark(kept: int, body: Body, words: Words) -> str:
    if body.encoding is None:
        return words.phrase("body_cut", kept=quantities.size(kept), size=quantities.size(body.size)) if body.cut else ""
    name = "body_cut_coded" if body.cut else "body_coded"
    return words.phrase(name, kept=quantities.size(kept), size=quantities.size(body.size), coding=body.encoding)


def language_of(headers: Headers, text: str) -> str:
    """What a body is written in, by its headers, else by its beginning: json, html, xml …, or text."""
    kind = next((value.partition(";")[0].lower() for name, value in headers if name.lower() == "content-type"), "")
    for pattern, language in _LANGUAGES:
        if pattern.search(kind):
            return language
    found = None if kind.startswith("text/plain") else _MARKUP.match(text)
    if not found:
        return "text"
    return "html" if found[1].lower().startswith(("!doctype", "html")) else "xml"
