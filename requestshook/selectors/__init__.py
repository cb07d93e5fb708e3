"""The one grammar that names calls: `openstack -> keystone POST /identity/v3/auth/tokens`. docs/selectors.md has it.

    selector = [ caller " -> " ] callee " " method " " path [ "?" query ] [ "@" nth ]

A selector is compiled to regular expressions over a call's canonical spelling, which `capture.json` carries into
services; `matches` uses the very same ones, so that capture and command line cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from requestshook import addresses, settings
from requestshook.errors import SelectorError
from requestshook.selectors.wildcards import VARIABLE, pair_pattern, path_pattern

Call = TypeVar("Call")

_NAME = re.compile(r"\*(?=\s|\Z)|[\w.:@/+%\[\]~-]+")
_METHOD = re.compile(r"\*(?=\s|\Z)|[!#$%&'+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_ANY_PATH = re.compile(r"\*\*(?=[?@]|\Z)")
_NTH = re.compile(r"([1-9][0-9]{0,8}|-1)\Z")
_ARROWS = (" ->", "->", ">", " →", "→", "=>", " =>")


@dataclass(frozen=True, slots=True)
class Selector:
    """Which calls are meant; made by `Selector.parse` and `Selector.of`."""

    caller: str  # "*" is any
    callee: str
    method: str
    path: str  # as written
    query: str | None = None  # as written; None: not compared, "": there is none
    nth: int | None = None  # the N-th of the calls that match; -1: the last; None: all
    _matcher: settings.Ignored | None = field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Selector:
        """The selector that the text spells; raises SelectorError, which points at the character at fault."""
        return _parse(text)

    @classmethod
    def of(cls, caller: str | None, callee: str | None, method: str, target: str) -> Selector:
        """The exact selector of one call; what the grammar cannot spell becomes a wildcard."""
        path, query = addresses.split_target(target)
        return cls(
            _name_or_any(_NAME, caller),
            _name_or_any(_NAME, callee),
            _name_or_any(_METHOD, method),
            literal(addresses.canonical_path(path)) if path.startswith("/") else "**",
            "&".join(addresses.canonical_pairs(query)) or None,
        )

    def __str__(self) -> str:
        caller = "" if self.caller == "*" else f"{self.caller} -> "
        query = "" if self.query is None else f"?{self.query}"
        nth = "" if self.nth is None else f"@{self.nth}"
        return f"{caller}{self.callee} {self.method} {self.path}{query}{nth}"

    def matches(self, caller: str, callee: str, method: str, target: str) -> bool:
        """Whether one view of a call is meant; the target is a path with its query, or a URL. `nth` is not asked."""
        path, query = addresses.split_target(target)
        matcher = self._matcher
        if matcher is None:  # only now: many a selector is made to be printed
            matcher = settings.read_ignored(_compile(self))
            object.__setattr__(self, "_matcher", matcher)
        return matcher.matches(settings.call_text(caller, callee, method, path), query)

    def pick(self, matching: Sequence[Call]) -> Sequence[Call]:
        """Of a trace's calls that match, in the trace's order, those that `nth` leaves: all, one or none."""
        if self.nth is None:
            return matching
        return matching[-1:] if self.nth == -1 else matching[self.nth - 1 : self.nth]

    def compiled(self) -> dict[str, Any]:
        """The selector as `capture.json` holds it and `settings.read_ignored` reads it."""
        return _compile(self)


def _compile(selector: Selector) -> dict[str, Any]:
    words = (selector.caller, selector.callee, selector.method)
    names = (r"[^\n]*" if word == "*" else re.escape(word) for word in words)
    query = None if selector.query is None else [pair_pattern(pair) for pair in selector.query.split("&") if pair]
    return {"call": "\n".join((*names, path_pattern(selector.path))), "query": query}


def _name_or_any(pattern: re.Pattern[str], name: str | None) -> str:
    return name if name is not None and pattern.fullmatch(name) else "*"


def literal(canonical: str) -> str:
    """Text of a path in canonical spelling as a selector writes it, without wildcards."""
    return canonical.replace("*", "%2A").replace("{", "%7B").replace("@", "%40")


def _parse(text: str) -> Selector:
    caller, position = "*", 0
    callee, position = _word(text, position, _NAME, "the name of a caller or callee, or `*`,")
    if text.startswith(_ARROWS, position):
        if not text.startswith(" -> ", position):
            raise _fault(text, position, "an arrow ` -> ` with one space on either side")
        caller = callee
        callee, position = _word(text, position + 4, _NAME, "the name of a callee, or `*`,")
    position = _space(text, position, "a space after the callee (`*` stands for a whole name only)")
    method, position = _word(text, position, _METHOD, "a method such as GET, or `*`,")
    position = _space(text, position, "a space and a path after the method")
    path, position = _path(text, position)
    query, position = _query(text, position + 1) if text.startswith("?", position) else (None, position)
    nth = _nth(text, position + 1) if text.startswith("@", position) else None
    return Selector(caller, callee, method, path, query, nth)


def _fault(text: str, position: int, expected: str) -> SelectorError:
    found = f"found {text[position : position + 12]!r}" if position < len(text) else "it ends"
    return SelectorError(
        f"in the selector {text!r}, character {position + 1}: expected {expected} but {found}", position
    )


def _word(text: str, position: int, pattern: re.Pattern[str], expected: str) -> tuple[str, int]:
    found = pattern.match(text, position)
    if not found:
        raise _fault(text, position, expected)
    return found[0], found.end()


def _space(text: str, position: int, expected: str) -> int:
    if not text.startswith(" ", position):
        raise _fault(text, position, expected)
    return position + 1


def _path(text: str, start: int) -> tuple[str, int]:
    """The path that begins here, as written, and where it ends: at `?`, at `@` or with the text."""
    if _ANY_PATH.match(text, start):
        return "**", start + 2
    if not text.startswith("/", start):
        raise _fault(text, start, "a path that begins with `/`, or `**` alone for any path,")
    position = start
    while position < len(text) and text[position] not in "?@":
        if text[position] == "{":
            position += len(_word(text, position, VARIABLE, "a wildcard such as `{name}` (a literal `{` is %7B)")[0])
        else:
            position = _plain(text, position)
    return text[start:position], position


def _query(text: str, start: int) -> tuple[str, int]:
    """The query that begins here, as written, and where it ends: at `@` or with the text."""
    position = start
    while position < len(text) and text[position] != "@":
        if text[position] == "{":
            raise _fault(text, position, "`*` where any value will do (a literal `{` is %7B)")
        if text[position] == "&" and (position == start or text[position - 1] == "&"):
            raise _fault(text, position, "a key, or `key=value`,")
        position = _plain(text, position)
    if position > start and text[position - 1] == "&":
        raise _fault(text, position, "a key, or `key=value`,")
    return text[start:position], position


def _plain(text: str, position: int) -> int:
    if text[position] in "\r\n":
        raise _fault(text, position, "all on one line")
    return position + 1


def _nth(text: str, position: int) -> int:
    found = _NTH.match(text, position)
    if not found:
        raise _fault(text, position, "1, 2 … or -1, and then the end (a literal `@` is %40),")
    return int(found[0])
