"""JSON shown with an indent of 2 and otherwise as it was sent: no number, escape, duplicate or order is re-written.

One regular expression finds what one line of the result shows: a scalar, an opening or a closing bracket, with its
key before it and its comma behind it (RFC 8259, 2). A stack of brackets checks that the lines are a JSON text, so
that nesting of any depth costs no recursion.
"""

from __future__ import annotations

import re

DEEPEST = 64  # levels; what is nested deeper stays at that indent, or its spaces would outgrow the text

_WS = r"[ \t\n\r]*"
_STRING = r'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
# `json` writes NaN and Infinity; a pseudonym may stand where a number was.
_BARE = rf"{_NUMBER}|true|false|null|NaN|-?Infinity|‹\w+[:-][0-9a-f]+›"
_VALUE = rf"({_STRING}|{_BARE})"
_OPEN = rf"([{{\[])(?:{_WS}([}}\]]))?"
_LINE = re.compile(
    rf"{_WS}(?:({_STRING})(?:{_WS}:{_WS}(?:{_VALUE}|{_OPEN}))?|({_BARE})|{_OPEN}|([}}\]])){_WS}(,?)"
    r"|([\S\s]+)"  # what is none of these, to the end
)
_CUT = re.compile(
    rf':?{_WS}(?:"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{{0,4}})[^"\\\x00-\x1f]*)*\\?|[-+.\w‹:]*)'
)
_CUT_NUMBER = re.compile(r"\.|(?:\.[0-9]+)?[eE][-+]?")
_CLOSERS = {"{": "}", "[": "]"}
_PADS = ["  " * depth for depth in range(DEEPEST + 1)]


def respace(text: str, *, cut: bool = False) -> list[str] | None:
    """The lines of a JSON text, one scalar or bracket a line; None where it is no JSON.

    A text that was cut is shown as far as it goes.
    """
    lines: list[str] = []
    outer: list[str] = []  # the closing brackets that are to come, but for the innermost
    pads: list[str] = []
    kind = pad = ""  # the innermost, and its content's indent
    before: str | None = "["  # a bracket or comma that a value may follow; empty after a value, None after a mere key
    for key, value, keyed, keyed_end, bare, opener, end, closer, comma, rest in _LINE.findall(text):
        if closer:
            if closer != kind or before is None or before == ",":
                return None
            kind = outer.pop()
            pad = pads.pop()
            lines.append(f"{pad}{closer}{comma}")
        elif rest:
            return _with_rest(lines, rest, pad, before) if cut else None
        elif not before:
            return None
        elif value:
            if kind != "}":
                return None
            lines.append(f"{pad}{key}: {value}{comma}")
        elif keyed or opener:
            if key:
                opener, end = keyed, keyed_end
            if (kind == "}") != (key != ""):
                return None
            lines.append(f"{pad}{key}: {opener}{end}{comma}" if key else f"{pad}{opener}{end}{comma}")
            if end:
                if end != _CLOSERS[opener]:
                    return None
            elif comma:
                return None
            else:
                outer.append(kind)
                kind, comma = _CLOSERS[opener], opener
                pads.append(pad)
                pad = _PADS[len(outer)] if len(outer) < DEEPEST else _PADS[DEEPEST]
        elif kind == "}":
            if bare or comma or not cut:
                return None
            lines.append(pad + key)
            comma = None
        else:
            lines.append(f"{pad}{key}{bare}{comma}")
        if comma == "," and not kind:
            return None
        before = comma
    return lines if lines and (cut or (not outer and before == "")) else None


def _with_rest(lines: list[str], rest: str, pad: str, before: str | None) -> list[str] | None:
    """The lines with the part of a scalar that stands before the cut; None where it is none."""
    rest = rest.strip(" \t\r\n")
    if not rest:
        return lines or None
    if before == "" and lines[-1][-1:].isdigit() and _CUT_NUMBER.fullmatch(rest):
        lines[-1] += rest
        return lines
    if before == "" or not _CUT.fullmatch(rest) or (before is None) != rest.startswith(":"):
        return None
    if before is None:
        lines[-1] += f": {rest[1:].lstrip()}".rstrip(" ")
    else:
        lines.append(pad + rest)
    return lines
