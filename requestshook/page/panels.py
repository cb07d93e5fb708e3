"""A message's lines in HTML: numbered, marked ones with links, the others folded where they are many.

Written here and not in templates, which would take ten times as long for a line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape

from markupsafe import Markup

from requestshook.page import folding, markup, quantities
from requestshook.page.command import Command
from requestshook.page.content import Content
from requestshook.page.escape import visible
from requestshook.page.markup import Values
from requestshook.page.settings import Words
from requestshook.page.steps import Tab

BODY = {"whole": 16, "context": 3, "beginning": 8}  # lines; see `folding.runs`
HEADER = {"whole": 14, "context": 4, "beginning": 12}
_ROW = 16  # octets
_KEYED = re.compile(r'( *)("(?:[^"\\]|\\.)*")(: )(.*)\Z', re.DOTALL)
_PLAIN = re.compile(r"( *)(-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity)(,?)\Z")
_LINE_END = "\n"
# Fields that say little about what two services want of each other.
_ROUTINE = re.compile(
    r"(?:accept(?:-.*)?|cache-control|connection|content-length|date|host|keep-alive|pragma|server|transfer-encoding"
    r"|user-agent|vary|via|x-forwarded-.*|x-requestshook-.*)\Z",
    re.IGNORECASE,
)
_LANGUAGES = {"json": "JSON", "html": "HTML", "xml": "XML", "yaml": "YAML", "css": "CSS", "javascript": "JavaScript"}

Write = Callable[[str], str]


class Panels:
    """Writes the parts of a message."""

    def __init__(self, values: Values, words: Words) -> None:
        self._values, self._words = values, words

    def tab(self, tab: Tab, anchor: str, closed: bool = False) -> Markup:
        """A tab as a part of its message. `closed`: a body without a mark is folded whole."""
        if tab.kind == "header":
            if ":" not in tab.lines[0]:
                return Markup("")
            runs = self._runs(tab.lines, tab.highlights, f"{anchor}-h", self._header, **HEADER)
            return Markup(f'<div class="hd">{runs}</div>')
        if tab.content is None:
            kind = "failure" if tab.kind == "failure" else "query"
            label = "" if kind == "failure" else self._label(tab.label, "")
            return Markup(label + self._runs(tab.lines, tab.highlights, f"{anchor}-{kind[0]}", self._text, **BODY))
        return Markup(self._body(tab, tab.content, anchor, closed))

    def output(self, command: Command, prompt: int) -> Markup:
        """What the command printed; `prompt` lines of it are the command itself."""
        marked = [number - prompt for number in command.highlights]
        return Markup(self._runs(command.lines[prompt:], marked, "command-", self._text, **BODY))

    def _body(self, tab: Tab, content: Content, anchor: str, closed: bool) -> str:
        if content.kind == "none":
            return f'<p class="nobody">{markup.text(self._words["no_body"])}</p>'
        about = [_LANGUAGES.get(content.language, "")] if content.kind == "text" else []
        about += [quantities.size(content.size)] if content.size else []
        if content.kind == "unkept":
            return self._label(tab.label, content.remark)
        if content.kind == "octets":
            return self._label(tab.label, ", ".join(about)) + self._octets(content) + self._cut(content)
        count = len(tab.lines)
        about.append(self._words.phrase("lines", count=count) if count > 1 else self._words["line_one"])
        beginning = 0 if closed else BODY["beginning"]
        write = self._json if content.is_json else self._text
        limits = {**BODY, "beginning": beginning}
        label = self._label(tab.label, ", ".join(filter(None, about)))
        return label + self._runs(tab.lines, tab.highlights, f"{anchor}-b", write, **limits) + self._cut(content)

    def _label(self, label: str, about: str) -> str:
        return f'<div class="lab"><b>{markup.in_line(label)}</b> {markup.in_line(about)}</div>'

    def _cut(self, content: Content) -> str:
        """A bar of how much was kept."""
        if not content.remark:
            return ""
        share = min(100 * content.kept / content.size, 100) if content.size else 100
        bar = f'<span class="bar"><i style="width:{share:.2f}%"></i></span>' if share < 100 else ""
        return f'<p class="cut">{bar}{markup.in_line(content.remark)}</p>'

    def _octets(self, content: Content) -> str:
        octets = content.octets
        rows = [_hexadecimal(at, octets[at : at + _ROW]) for at in range(0, len(octets), _ROW)]
        label = markup.text(self._words["octets"])
        return f'<pre class="hex" tabindex="0" role="group" aria-label="{label}"><code>{"".join(rows)}</code></pre>'

    def _runs(
        self, lines: Sequence[str], marked: Sequence[int], anchor: str, write: Write,
        *, whole: int, context: int, beginning: int,
    ) -> str:  # fmt: skip
        found = []
        wanted = frozenset(marked)
        for run in folding.runs(lines, marked, whole=whole, context=context, beginning=beginning):
            shown = lines[run.first - 1 : run.last]
            text = "".join(
                self._marked(line, f"{anchor}{number}", write) if number in wanted else _line(line, write)
                for number, line in enumerate(shown, run.first)
            )
            start = f' style="--from:{run.first - 1}"' if run.first > 1 else ""
            text = f"<pre{start}><code>{text}</code></pre>"
            found.append(self._folded(text, shown) if run.folded else text)
        return "".join(found)

    def _folded(self, text: str, lines: Sequence[str]) -> str:
        count = self._words.phrase("lines", count=len(lines)) if len(lines) > 1 else self._words["line_one"]
        what = markup.in_line(folding.inside(lines))
        summary = f'<span class="fn">{markup.text(count)}</span>' + (f'<span class="fw">{what}</span>' if what else "")
        return f'<details class="fold"><summary>{summary}</summary>{text}</details>'

    def _marked(self, line: str, anchor: str, write: Write) -> str:
        """A marked line, with a link to itself in the place of its number."""
        link = f'<a class="to" href="#{anchor}" aria-label="{markup.text(self._words["to_line"])}"></a>'
        return f'<mark id="{anchor}"{_indent(line)}>{link}{write(line)}\n</mark>'

    def _text(self, line: str) -> str:
        return self._values.linked(escape(line))

    def _json(self, line: str) -> str:
        found = _KEYED.match(line)
        if found:
            pad, key, colon, rest = found.groups()
            return f"{pad}<b>{self._values.linked(escape(key, False))}</b>{colon}{self._scalar(rest)}"
        return self._scalar(line)

    def _scalar(self, text: str) -> str:
        found = _PLAIN.match(text)
        return f"{found[1]}<i>{found[2]}</i>{found[3]}" if found else self._values.linked(escape(text, False))

    def _header(self, line: str) -> str:
        name, colon, value = line.partition(":")
        written = f"<b>{escape(name)}</b>{colon}{self._values.linked(escape(value))}"
        return f"<s>{written}</s>" if _ROUTINE.match(name) else written


def _line(line: str, write: Write) -> str:
    return f"<span{_indent(line)}>{write(line)}\n</span>"


def _indent(line: str) -> str:
    """Where the line goes on when it is wrapped."""
    pad = len(line) - len(line.lstrip(" "))
    return f" style=--i:{min(pad, 40)}" if pad else ""


def _hexadecimal(at: int, octets: bytes) -> str:
    first, second = octets[:8].hex(" "), octets[8:].hex(" ")
    letters = "".join(chr(octet) if 0x20 <= octet < 0x7F else "·" for octet in octets)
    return f"<span><u>{at:08x}</u>  {first:<23}  {second:<23}  {escape(visible(letters))}\n</span>"
