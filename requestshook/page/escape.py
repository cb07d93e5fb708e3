"""Captured text is data: what stands between it and the Markdown, HTML and Mermaid around it.

Every captured character that reaches a page has passed one of the functions here. Each returns `Markdown`, text
that may stand on a page as it is; `finish` (a template's last step) puts whatever else a template prints through
`inline`, so that a template which forgets to escape still cannot be made to say more than it means. Which contents
were tried, and what each would do if it were written out plainly: tests/hostile.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

# Python-Markdown and MkDocs take these for line ends; a body's lines end at "\n" only.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
_PICTURES |= {0x7F: 0x2421, 0x85: 0x2424, 0x2028: 0x2424, 0x2029: 0x2424}
# C1 controls, bidirectional controls and lone surrogates have no picture: they hide, reorder or cannot be written.
_UNSEEN = [*range(0x80, 0x85), *range(0x86, 0xA0), 0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F)]
_UNSEEN += [*range(0x2066, 0x206A), 0xFEFF, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)]
_BLOCK = {**_PICTURES, **dict.fromkeys(_UNSEEN, 0xFFFD)}
_INLINE = {**_BLOCK, 0x09: 0x2409, 0x0A: 0x240A}

# What a site's extensions make of plain letters: fractions, ordinals, c/o, www.links, commit ids, ?12 as a reference.
_SPELLED = r"""
    [^\w /.,%?:;\-→←–·‹›…\u2400-\u2424\ufffd]
  | _
  | / (?= [0-9] ) (?<= [0-9]/ ) | / (?= [oO]\b ) (?<= \b[cC]/ )
  | [snrt] (?: (?<= [0-9]s ) t | (?<= [0-9]n ) d | (?<= [0-9]r ) d | (?<= [0-9]t ) h ) \b
  | \. (?: (?= \. ) | (?<= \.\. ) | (?<= \b[wW][wW][wW]\. ) )
  | - (?: (?= - ) | (?<= -- ) )
  | [ ] (?= [ ] )
  | \? (?= [1-9] )
  | [:;] (?: (?! [ ] ) | (?<! \w[:;] ) )
  | [a-f0-9] (?= [a-f0-9]{39} \b ) (?<! \w. )
"""
_ENTITIES = re.compile(_SPELLED, re.VERBOSE)
_SIMPLE = re.compile(r"[A-Za-z]{0,30}|[0-9]{1,4}")
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff"
# What reads a page before its Markdown is read, fences or not: macros, included files, Critic's marks.
_BEFORE_MARKDOWN = re.compile(r"\{(?=[{%#!]|--|\+\+|~~|==|>>)")
_TITLE = re.compile(rf'["<>\\`{_CONTROLS}]|{_BEFORE_MARKDOWN.pattern}')
# An attribute's value is read as Markdown before it is read as an attribute.
_LINK = re.compile(rf'[()<>"\'\\`*\s{_CONTROLS}]|{_BEFORE_MARKDOWN.pattern}')
# An underscore after a letter or digit begins no emphasis, and where none begins, none ends.
_IN_LABELS = rf"(?<=[^\W_])_(?=[^\W_])|:(?=[0-9]+(?:[ /]|$))|({_SPELLED})"
_LABEL = re.compile(_IN_LABELS, re.VERBOSE)
_JOINER = "\u2060"  # seen by nobody
_IF_NO_CODE = re.compile(r"(?<=<)|(?<=\])(?=[(\[])|(?<![\s,:\[(])(?=\{)")
_RUNS = re.compile(r"(?i)\A(\W*(?:javascript|vbscript|data))(:|&#58;)")
_MERMAID = re.compile(r"[^\w /.,?\-→←–·‹›…\u2400-\u2424\ufffd]|\b[eE](?=[nN][dD]\b)")
_REMEMBERED = 200  # characters: names and labels come back at every step
_SNIPPET = re.compile(r"(?m)^([ \t]*)(?=;*-+8<-)")
_CODE_SAFE = re.compile(r"[\w.:@/+=,-]+( [\w.:@/+=,-]+)*")
_TICKS = re.compile(r"`{3,}")


class Markdown(str):
    """Text that may stand on a page as it is: written by us or by the author, or escaped."""

    __slots__ = ()


def finish(value: object) -> str:
    """What a template prints: Markdown as it is, anything else as inline text."""
    return value if isinstance(value, Markdown) else inline(str(value))


def inline(text: str) -> Markdown:
    """Text as it stands in headings, paragraphs, table cells and links: entities for all that could be markup."""
    return _short_inline(text) if len(text) <= _REMEMBERED else _inline(text)


def title(text: str) -> Markdown:
    """Text between the double quotes of a fence's title or a tab's label: percent-encoded where it could leave them."""
    return _short_title(text) if len(text) <= _REMEMBERED else _title(text)


def label(text: str, names: Iterable[str] = ()) -> Markdown:
    """Text between the double quotes of an attribute in braces: percent-encoded where it could be markup.

    The author's `names` stay readable as `{name}`; other braces are captured ones.
    """
    pattern = _label_with(tuple(names)) if "{" in text else _LABEL
    return Markdown(pattern.sub(_in_label, text.encode("utf-8", "replace").decode()))


def link(url: str) -> Markdown:
    """An author's URL between the parentheses of a link: percent-encoded where it could leave them, else as it is."""
    return Markdown(_LINK.sub(_percent, url.encode("utf-8", "replace").decode()))


def code(text: str) -> Markdown:
    """Text as inline code."""
    if _CODE_SAFE.fullmatch(text):
        return Markdown(f"`{text}`")
    return Markdown(f"<code>{inline(text)}</code>")


def in_code(text: str) -> Markdown:
    """Text between an author's backticks, where nothing can be escaped.

    A look-alike stands for what would end them. Markdown pairs backticks block by block, and may not take these for
    code: a joiner that nobody sees stands in what would be a tag, a link or an attribute then.
    """
    text = _BEFORE_MARKDOWN.sub("{" + _JOINER, text.translate(_INLINE).replace("`", "\u02cb"))
    return Markdown(unlinked(_IF_NO_CODE.sub(_JOINER, text)))


def unlinked(text: Markdown | str) -> Markdown:
    """The text so that it runs nothing where an author made a link of it: a joiner before the colon of its scheme."""
    return Markdown(_RUNS.sub(rf"\1{_JOINER}\2", text))


def mermaid(text: str) -> Markdown:
    """Text in a Mermaid message or a participant's name: `#NN;` for all that Mermaid could read as its own."""
    return Markdown(_MERMAID.sub(lambda found: "".join(f"#{ord(c)};" for c in found[0]), text.translate(_INLINE)))


def visible(text: str) -> str:
    """The text with a picture for each control character; only tabs and line feeds stay what they are."""
    if text.isprintable() or text.replace("\n", "").isprintable():
        return text
    return text.translate(_BLOCK)


def fence(lines: Iterable[str], info: str = "", *, indent: int = 0, snippets: bool = True) -> Markdown:
    """A fenced code block of lines that hold no line feed, each indented, closed by a fence that none of them can be.

    `info` is what follows the opening fence. With `snippets`, lines that the snippets extension would take for an
    inclusion get the `;` that it removes again. Braces that macros, includes or Critic would read, which look into
    fences too, get a joiner that nobody sees.
    """
    pad = " " * indent
    body = f"\n{pad}".join(lines)
    if "8<-" in body and snippets:
        body = _SNIPPET.sub(r"\1;", body)
    if "{" in body:
        body = _BEFORE_MARKDOWN.sub("{" + _JOINER, body)
    mark = "```"
    if mark in body:
        mark = "`" * (1 + max(len(run) for run in _TICKS.findall(body)))
    return Markdown(f"{pad}{mark} {info}\n{pad}{body}\n{pad}{mark}\n")


def _inline(text: str) -> Markdown:
    if _SIMPLE.fullmatch(text):
        return Markdown(text)
    return Markdown(_ENTITIES.sub(_entities, text if text.isprintable() else text.translate(_INLINE)))


def _title(text: str) -> Markdown:
    return Markdown(_TITLE.sub(_percent, text.encode("utf-8", "replace").decode()))


_short_inline = lru_cache(512)(_inline)
_short_title = lru_cache(64)(_title)


def _entities(found: re.Match[str]) -> str:
    return "".join(f"&#{ord(c)};" for c in found[0])


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in found[0].encode())


@lru_cache(16)
def _label_with(names: tuple[str, ...]) -> re.Pattern[str]:
    """What is encoded in a label, and the names that are not."""
    if not names:
        return _LABEL
    named = rf"\{{(?:{'|'.join(map(re.escape, names))})\}}"
    return re.compile(rf"(?P<name>{named})|(?<=[^\W_])_(?={named})|{_IN_LABELS}", re.VERBOSE)


def _in_label(found: re.Match[str]) -> str:
    if "name" in found.re.groupindex and found["name"]:
        return f"{{{_LABEL.sub(_in_label, found[0][1:-1])}}}"
    return _percent(found) if found[found.re.groups] else found[0]
