"""Where the value ends that a line of a text gives to a name: settings, header dumps, tables, options, log lines.

A line that begins with the name means it: its value is what follows, where that is one word, or credentials. In the
middle of a line a name may be prose ("invalid token: expired"): there a word of letters alone stays.
"""

from __future__ import annotations

import re

Stretch = tuple[int, int]

_LONGEST = 512  # characters of a line that are looked at, unless they are one word
_PREFIX = 100  # characters before a name that are looked at
_BEFORE = re.compile(r"(?:header:|send:|export|[ \t<>*+#-])*", re.IGNORECASE)
_LINE = re.compile(r"[^\r\n]*")
_TO_QUOTE = {'"': re.compile(r'[^"\r\n\\]*'), "'": re.compile(r"[^'\r\n\\]*"), "\\": re.compile(r"[^\r\n\\]*")}
_WORD = re.compile(r"""[^\s"'<>,;)\]}|\\]+""")
_DEEPER = re.compile(r"\r?\n([ \t]*)(- +)?([^\r\n]*)")
_YAML_TAG = re.compile(r"(?:[&!][\w!:.-]+[ \t]+)+")
_BLOCK = re.compile(r"[|>][+-]?[0-9]?")
_LITERAL = re.compile(r"(?i:true|false|null|none|yes|no)[,;]?|~|[()]|-+|%s|\$\{[^{}]*\}")
_JSON_BEGIN = re.compile(r'\ufeff?\s*[\[{"]')
_ROW_BEGIN = re.compile(r"(?:^|\n)[ \t]*[|│┃][ \t]*\Z")
_ROW = re.compile(r"[ \t]*[|│┃][ \t]*([^|│┃\r\n]*?)[ \t]*[|│┃][ \t]*(?=\r?\n|\Z)")
_OPTION = re.compile(r"""[ \t]+(?:"([^"\r\n]*)|'([^'\r\n]*)|([^\s"'<>\[\]|,)-][^\s"'\]|)]*))""")
_PROSE = re.compile(
    "an?|and|are|be|by|can|cannot|flag|for|from|has|if|in|is|it|may|must|not|of|options?|or|requires|set|should|than"
    "|that|the|they|this|to|value|was|where|which|with|you"
)


def line_value(text: str, start: int, assignment: re.Match[str], credentials: bool) -> Stretch | None:
    """Where the value stands of `name: value` or `name = value`, the name beginning at `start`."""
    at = assignment.end()
    if "\n" in assignment[0]:
        return _below(text, start)
    prefix = _prefix(text, start)
    quote = _quote(text, start, prefix)
    begins = prefix is not None and _BEFORE.fullmatch(prefix) is not None
    colon = ":" in assignment[0]
    if not (begins or quote == "\\" or text[start - 1 : start] == quote or colon):
        return None  # code has ` = ` everywhere
    if assignment[0] == ":" and (not begins or text.startswith("/", at) or quote):
        return None
    rest = _TO_QUOTE[quote] if quote else _LINE
    line = rest.match(text, at, len(text) if credentials else at + _LONGEST)
    if line and len(line[0]) == _LONGEST and not any(c.isspace() for c in line[0]):
        line = rest.match(text, at)
    raw = line[0].rstrip() if line else ""
    if not raw or raw[0] in "{[" or _LITERAL.fullmatch(raw):
        return None
    if credentials:
        return at, at + len(raw)
    if begins or quote == "\\" or (quote and text[start - 1] == quote):
        return _one_word(text, start, at, raw)
    return _word_in_prose(text, at)


def _prefix(text: str, start: int) -> str | None:
    """What stands before the name on its line; None where that is long."""
    newline = text.rfind("\n", max(0, start - _PREFIX), start)
    return text[newline + 1 : start] if newline >= 0 or start <= _PREFIX else None


def _quote(text: str, start: int, prefix: str | None) -> str:
    """What ends the text that the name stands in: a quote, a backslash (of an escaped line's end), or the line."""
    before = text[start - 1 : start]
    if before in ('"', "'") and before:
        return before
    if _JSON_BEGIN.match(text):
        return '"'
    if before == "\\" and text[start : start + 1] in ("n", "r"):  # the end of a line, escaped
        return "\\"
    near = prefix or ""
    return '"' if near.count('"') % 2 else "'" if near.count("'") % 2 else ""


def _one_word(text: str, start: int, at: int, raw: str) -> Stretch | None:
    tag = _YAML_TAG.match(raw)
    begin = tag.end() if tag else 0
    if _BLOCK.fullmatch(raw):
        return _below(text, start)
    end = raw.find(" #", begin)
    end = len(raw[:end].rstrip()) if end >= 0 else len(raw)
    word = raw[begin:end]
    return (at + begin, at + end) if len(word.split()) == 1 and "(" not in word else None


def _word_in_prose(text: str, at: int) -> Stretch | None:
    word = _WORD.match(text, at)
    if word is None:
        return None
    said = word[0].rstrip(".:!?")
    return None if len(said) < 4 or (said.isalpha() and (said.islower() or said.istitle())) else (at, at + len(said))


def _below(text: str, start: int) -> Stretch | None:
    """The value that stands on the line below, deeper, or as an item of a list; all lines of a block."""
    prefix = _prefix(text, start)
    if prefix is None or not _BEFORE.fullmatch(prefix):
        return None
    newline = text.find("\n", start)
    at = newline - (text[newline - 1 : newline] == "\r")
    own = len(prefix) - len(prefix.lstrip(" \t"))
    first = end = 0
    for _ in range(100):
        line = _DEEPER.match(text, at) if at >= 0 else None
        if line is None or not line[3] or (len(line[1]) <= own and not line[2]):
            break
        if not first and (": " in line[3] or line[3][0] in "<{["):
            break
        first = first or line.start(3)
        at = end = line.end()
    return (first, first + len(text[first:end].rstrip())) if first else None


def row_value(text: str, start: int, end: int) -> Stretch | None:
    """Where the value stands in a table's row of two cells, the first of which is the name."""
    if not _ROW_BEGIN.search(text, max(0, start - 40), start):
        return None
    row = _ROW.match(text, end)
    if row is None or not row[1] or row[1][0] in "{[" or _LITERAL.fullmatch(row[1]) or row[1] == "Value":
        return None
    return row.span(1)


def option_value(text: str, end: int) -> Stretch | None:
    """Where the value of a command line's option stands that ends at `end`; prose and usage have none."""
    option = _OPTION.match(text, end)
    if option is None:
        return None
    value = option[option.lastindex or 0]
    if not value or _PROSE.fullmatch(value) or (value.isupper() and value.replace("_", "").replace("-", "").isalpha()):
        return None
    return option.span(option.lastindex or 0)
