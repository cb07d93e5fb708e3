"""The author's Markdown, as MkDocs has it, in what GitHub and GitLab have of it: alerts, folds, plain fences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt

from requestshook.page.escape import Markdown

_INDENT = 4
_OPENING = re.compile(r'(\s*)(!!!|\?\?\?\+?|===[!+]?)(?:[ \t]+([\w -]+?))?(?:[ \t]+"(.*)")?[ \t]*\Z')
_FENCE = re.compile(r"([\s>]*(?:(?:[-*+]|[0-9]{1,9}[.)])\s+)*)(`{3,}|~{3,})(.*)\Z")
_TITLE = re.compile(r'\btitle="([^"]*)"')
_ATTRIBUTE = r"(?:[.#][\w-]+|[\w-]+=(?:\"[^\"]*\"|'[^']*'|[^\s}]+))"
_LIST = rf"\{{:?\s*{_ATTRIBUTE}(?:\s+{_ATTRIBUTE})*\s*\}}"
_ATTRIBUTES = re.compile(rf"((`+)(?!`).*?(?<!`)\2(?!`))(?: ?{_LIST})?|(?<=[)\]*]) ?{_LIST}")  # code stays as it is
_LONE = re.compile(rf"\s*\{{:\s*{_ATTRIBUTE}(?:\s+{_ATTRIBUTE})*\s*\}}\s*\Z")
_HEADING = re.compile(rf"(\s*#{{1,6}}\s+)(.*?)\s*\{{:?\s*((?:{_ATTRIBUTE}\s*)+)\}}\s*\Z")
_ID = re.compile(r"#([\w-]+)")
_ALERTS = {
    **dict.fromkeys(("tip", "hint", "success", "check", "done"), "TIP"),
    **dict.fromkeys(("important",), "IMPORTANT"),
    **dict.fromkeys(("warning", "attention"), "WARNING"),
    **dict.fromkeys(("caution", "danger", "error", "failure", "fail", "missing", "bug"), "CAUTION"),
}


def markdown(text: str) -> Markdown:
    """The text with admonitions as alerts, what folds as `<details>`, and without attribute lists."""
    return Markdown("\n".join(_blocks(text.split("\n"), nested=False)) if text else "")


def _blocks(lines: Sequence[str], *, nested: bool) -> Iterator[str]:
    """The lines, what is special among them written anew; an alert is none inside another block."""
    at, closing, blank = 0, "", True
    while at < len(lines):
        line = lines[at]
        opening = None if closing else _OPENING.match(line)
        if opening and (opening[3] or opening[4] is not None):
            end = _end(lines, at + 1, len(opening[1]) + _INDENT)
            inner = [each[len(opening[1]) + _INDENT :] for each in lines[at + 1 : end]]
            yield from [] if blank else [""]
            yield from (f"{opening[1]}{each}".rstrip("\n") for each in _special(opening, inner, nested))
            yield from [""] if end < len(lines) and lines[end].strip() else []
            at, blank = end, False
            continue
        mark = _FENCE.match(line)
        if mark and not closing:
            yield from _fence(mark, blank)
            closing = mark[2]
        else:
            if mark and mark[2].startswith(closing) and not mark[3].strip():
                closing = ""
            yield from [line] if mark or closing else _plain(line)
        at, blank = at + 1, not line.strip()


def _end(lines: Sequence[str], at: int, indent: int) -> int:
    """Where the lines end that are indented so far."""
    last = at
    for number in range(at, len(lines)):
        if lines[number].strip():
            if lines[number][:indent].strip():
                break
            last = number + 1
    return last


def _special(opening: re.Match[str], inner: Sequence[str], nested: bool) -> Iterator[str]:
    kind = (opening[3] or "").partition(" ")[0].lower()
    title = opening[4]
    nested = nested or bool(opening[1])
    if opening[2] == "!!!":
        yield from _alert(kind, title, list(_blocks(inner, nested=True)), nested)
    else:
        opened = " open" if "+" in opening[2] or opening[2].startswith("=") else ""
        label = kind.capitalize() if title is None else title
        yield f"<details{opened}><summary>{_inline(label)}</summary>"
        yield ""
        yield from _blocks(inner, nested=nested)
        yield from ("", "</details>")


def _alert(kind: str, title: str | None, inner: Sequence[str], nested: bool) -> Iterator[str]:
    """An alert, or where there is none a quotation under its title."""
    label = kind.capitalize() if title is None and nested else title
    yield from [] if nested else [f"> [!{_ALERTS.get(kind, 'NOTE')}]"]
    yield from [f"> **{label}**", ">"] if label else []
    yield from (f"> {line}".rstrip(" ") if not line.strip() else f"> {line}" for line in inner)


def _fence(found: re.Match[str], blank: bool) -> Iterator[str]:
    """A fence's first line with its language alone, under the title that it gives, which a blank line goes before."""
    before, mark, info = found.groups()
    title, language = _TITLE.search(info), info.strip().partition(" ")[0].lstrip(".{").rstrip("}")
    if title and not before.strip():
        yield from [] if blank else [""]
        yield from (f"{before}**{title[1]}**", "")
    yield f"{before}{mark}{'' if '=' in language else language}"


def _plain(line: str) -> Iterator[str]:
    """A line without attribute lists; a heading's id becomes an anchor."""
    if "{" not in line:
        yield line
        return
    if heading := _HEADING.match(line):
        id = _ID.search(heading[3])
        line = heading[1] + (f'<a name="{id[1]}"></a>' if id else "") + heading[2]
    if not _LONE.match(line):
        yield _ATTRIBUTES.sub(lambda found: found[1] or "", line)


def _inline(text: str) -> str:
    """A title as HTML, where no Markdown is read."""
    return str(_parser().renderInline(text))


@lru_cache(1)
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True})
