"""The author's Markdown as HTML: CommonMark with tables, admonitions, folds and titled fences as MkDocs has them.

Authors are trusted: their own HTML stays. The captured values that their mentions bring in are entities by then, which
are text wherever they stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from html import escape, unescape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token
from markupsafe import Markup

_INDENT = 4
_OPENING = re.compile(r'(!!!|\?\?\?\+?|===[!+]?)(?:[ \t]+([\w -]+?))?(?:[ \t]+"(.*)")?[ \t]*\Z')
_TITLE = re.compile(r'\btitle="([^"]*)"')
_HANGUL, _KANA = re.compile("[\uac00-\ud7a3]"), re.compile("[\u3040-\u30ff]")


def html(text: str) -> Markup:
    """The text as HTML; empty where there is nothing."""
    return Markup(_parser().render(text).strip() if text else "")


def language(text: str) -> str:
    """`ko`, `ja`, or nothing where the letters do not tell."""
    return "ko" if _HANGUL.search(text) else "ja" if _KANA.search(text) else ""


@lru_cache(1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.block.ruler.before("fence", "admonition", _admonition, {"alt": ["paragraph", "reference", "blockquote"]})
    parser.add_render_rule("fence", _fence)
    parser.add_render_rule("link_open", _link)
    return parser


def _admonition(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """`!!! note "Title"` (or `???`, `===`) over lines that are indented by four."""
    if state.sCount[start] - state.blkIndent >= _INDENT:
        return False
    found = _OPENING.match(state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]])
    if not found or (found[2] is None and found[3] is None):
        return False
    if silent:
        return True
    indent, last = state.sCount[start] + _INDENT, start + 1
    for line in range(start + 1, end):
        if not state.isEmpty(line):
            if state.sCount[line] < indent:
                break
            last = line + 1
    _write(state, found, start, last, indent)
    return True


def _write(state: StateBlock, found: re.Match[str], start: int, last: int, indent: int) -> None:
    kind = (found[2] or "").strip()
    title = found[3] if found[3] is not None else kind.partition(" ")[0].capitalize()
    folded = found[1].startswith("?")
    tag, opened = ("details", " open" if "+" in found[1] else "") if folded else ("div", "")
    label = ("summary" if folded else "p") if title or folded else ""
    _html(state, f'<{tag} class="ad {escape(kind)}"{opened}>' + (f'<{label} class="adt">' if label else ""))
    if label:
        token = state.push("inline", "", 0)
        token.content, token.map, token.children = title, [start, start + 1], []
        _html(state, f"</{label}>")
    outer, state.lineMax, state.blkIndent = (state.lineMax, state.blkIndent), last, indent
    state.md.block.tokenize(state, start + 1, last)
    state.lineMax, state.blkIndent = outer
    _html(state, f"</{tag}>")
    state.line = last


def _html(state: StateBlock, text: str) -> None:
    state.push("html_block", "", 0).content = text


def _fence(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A fence, under the title that its first line gives."""
    token = tokens[index]
    found = _TITLE.search(token.info)
    caption = f"<figcaption>{escape(unescape(found[1]))}</figcaption>" if found else ""
    return f'<figure class="nc">{caption}<pre tabindex="0"><code>{escape(token.content)}</code></pre></figure>\n'


def _link(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """A link to a step looks like its number."""
    if str(tokens[index].attrs.get("href", "")).startswith("#"):
        tokens[index].attrJoin("class", "sref")
    return renderer.renderToken(tokens, index, options, env)
