"""Which lines of a JSON text, shown with one scalar or bracket a line, a path names.

The lines themselves are searched, not a parsed value: a text may have been cut, may hold a name twice, and may be
nested deeper than any recursion. A value is known by its first line; all steps together look at each value a few
times at most, whatever the path.
"""

from __future__ import annotations

import json
import operator
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from requestshook.highlights.paths import Condition, Filter, JsonPath, Scalar, Step

_LINE = re.compile(r' *(?:("[^"\\]*(?:\\.[^"\\]*)*"): )?(.*)', re.DOTALL)
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ROOT = 1
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Found(NamedTuple):
    """A value that a path names: its first and last line, counted from 1, and its token where it is a scalar."""

    first: int
    last: int
    token: str | None  # as sent: `"a\\u0062"`, `1.0`; None for an object or array


def select(path: JsonPath, lines: Sequence[str]) -> list[Found]:
    """The values that the path names, in the order of their lines; `lines` are those of `page.json_text.respace`."""
    return Shown(lines).select(path)


def plain(token: str) -> str:
    """What a token says: a string without quotes and escapes, another scalar as it is spelled."""
    value = _scalar(token)
    return value if isinstance(value, str) else token


class Shown:
    """The lines of a JSON text, read once for any number of paths."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._names: list[str | int | None] = [None] * (len(lines) + 1)  # by first line; None: no value begins here
        self._lasts = array("Q", bytes(8 * (len(lines) + 1)))
        self._read()

    def _read(self) -> None:
        outer: list[tuple[int, int]] = []  # first line; the next index, or -1 in an object
        for number, line in enumerate(self._lines, 1):
            key, value = _LINE.match(line).groups("")  # type: ignore[union-attr]  # all of it is optional
            if value[:1] in ("}", "]") and outer:
                self._lasts[outer.pop()[0]] = number
                continue
            name = self._name(outer, key)
            if name is not None:
                self._names[number], self._lasts[number] = name, number
            if value in ("{", "["):
                outer.append((number, -1 if value == "{" else 0))
        for first, _ in outer:  # the text was cut
            self._lasts[first] = len(self._lines)

    @staticmethod
    def _name(outer: list[tuple[int, int]], key: str) -> str | int | None:
        if not outer:
            return ""
        first, index = outer[-1]
        if index < 0:
            return str(_scalar(key)) if key else None  # a cut may leave a key without its value
        outer[-1] = (first, index + 1)
        return index

    def select(self, path: JsonPath) -> list[Found]:
        """The values that the path names, in the order of their lines."""
        values = [_ROOT] if len(self._names) > _ROOT and self._names[_ROOT] is not None else []
        for step in path.steps:
            values = sorted(self._step(step, self._all_below(values) if step.descend else values))
        return [Found(first, self._lasts[first], self._token(first)) for first in values]

    def _all_below(self, values: Iterable[int]) -> Iterator[int]:
        """The values and all inside them, each once; `values` are in order."""
        done = 0
        for first in values:
            for number in range(max(first, done), self._lasts[first] + 1):
                if self._names[number] is not None:
                    yield number
            done = max(done, self._lasts[first] + 1)

    def _step(self, step: Step, values: Iterable[int]) -> Iterator[int]:
        child = step.child
        for value in values:
            if isinstance(child, int) and child < 0:
                inside = list(self._children(value))
                if -child <= len(inside) and isinstance(self._names[inside[0]], int):
                    yield inside[child]
            elif isinstance(child, Filter):
                yield from (number for number in self._children(value) if self._passes(child, number))
            else:
                yield from (n for n in self._children(value) if child is None or self._is_named(n, child))

    def _children(self, value: int) -> Iterator[int]:
        number, last = value + 1, self._lasts[value]
        while number <= last:
            if self._names[number] is not None:
                yield number
            number = max(number, self._lasts[number]) + 1

    def _is_named(self, number: int, name: str | int) -> bool:
        return self._names[number] == name

    def _passes(self, wanted: Filter, value: int) -> bool:
        return any(all(self._holds(one, value) for one in conditions) for conditions in wanted.alternatives)

    def _holds(self, condition: Condition, value: int) -> bool:
        found: int | None = value
        for name in condition.path:
            found = None if found is None else self._child(found, name)
        if not condition.operator:
            return found is not None
        if found is None:
            return condition.operator == "!="
        token = self._token(found)
        return compares(condition.operator, token, condition.literal)

    def _child(self, value: int, name: str | int) -> int | None:
        """The child of this name; of several the last, as parsers of JSON take it."""
        children = list(self._children(value))
        if isinstance(name, int) and name < 0 and children and isinstance(self._names[children[0]], int):
            return children[name] if -name <= len(children) else None
        return next((number for number in reversed(children) if self._is_named(number, name)), None)

    def _token(self, first: int) -> str | None:
        value = str(_LINE.match(self._lines[first - 1])[2])  # type: ignore[index]  # all of it is optional
        if value.endswith(",") and not (value.startswith('"') and not _STRING.fullmatch(value, 0, len(value) - 1)):
            value = value[:-1]  # else the comma is the end of a string that was cut
        return None if value in ("{", "[", "{}", "[]") or not value else value


def compares(sign: str, token: str | None, literal: Scalar) -> bool:
    """Whether a token (None: an object or array) compares so with a literal; values of two kinds are unequal."""
    value = None if token is None else _scalar(token)
    same_kind = token is not None and _kind(value) is _kind(literal)
    if sign in ("==", "!="):
        return (same_kind and value == literal) is (sign == "==")
    if not same_kind or _kind(value) not in (str, float):
        return same_kind and value == literal and sign in ("<=", ">=")
    return _COMPARE[sign](value, literal)


def _kind(value: Scalar) -> type:
    return float if type(value) is int else type(value)


def _scalar(token: str) -> Scalar:
    """The value of a token; what is no JSON, such as a pseudonym in place of a number, is text as it stands."""
    try:
        value: Scalar = json.loads(token)
    except (ValueError, RecursionError):
        return token
    return value
