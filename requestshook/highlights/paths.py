"""JSON paths: of RFC 9535 names, indices, `*`, `..` and filters that compare with a scalar. docs/annotations.md.

path    = "$" { step }
step    = ( "." | ".." ) ( name | "*" ) | [ ".." ] "[" ( string | index | "*" | "?" filter ) "]"
name    = one or more letters, digits, "_", "-" and ":"
filter  = tests { "||" tests } | "(" filter ")"
tests   = test { "&&" test }
test    = "@" { "." name | "[" ( string | index ) "]" } [ operator literal ]
literal = string | number | "true" | "false" | "null"
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, TypeVar, Union

from requestshook.errors import SpellingError

T = TypeVar("T")
Scalar = Union[str, int, float, bool, None]
MOST_CHARACTERS = 1_000

_NAME = re.compile(r"[\w:-]+")
_INDEX = re.compile(r"-?[0-9]+")
_STRING = re.compile(
    r"'(?:[^'\\\x00-\x1f]|\\(?:['\"/\\bfnrt]|u[0-9A-Fa-f]{4}))*'|\"(?:[^\"\\\x00-\x1f]|\\(?:['\"/\\bfnrt]|u[0-9A-Fa-f]{4}))*\""
)
_ESCAPE = re.compile(r"\\.")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?(?![\w.])")
_WORD = re.compile(r"(?:true|false|null)\b")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>")
_SPACE = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a value has something at `path`; with an operator, whether that compares so with `literal`."""

    path: tuple[str | int, ...]
    operator: str = ""
    literal: Scalar = None

    def __str__(self) -> str:
        steps = "".join(map(_bracketed, self.path))
        return f"@{steps}{self.operator}{json.dumps(self.literal)}" if self.operator else f"@{steps}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Children for which all tests of one of the alternatives hold."""

    alternatives: tuple[tuple[Condition, ...], ...]

    def __str__(self) -> str:
        return f"[?{' || '.join(' && '.join(map(str, tests)) for tests in self.alternatives)}]"


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: a name, an index (-1: the last), None for any child, or a filter."""

    child: str | int | Filter | None
    descend: bool = False  # `..`: from the value itself and from all below it

    def __str__(self) -> str:
        step = _bracketed(self.child) if isinstance(self.child, (str, int)) else str(self.child or "[*]")
        if isinstance(self.child, str) and _NAME.fullmatch(self.child):
            return f"..{self.child}" if self.descend else f".{self.child}"
        return f"..{step}" if self.descend else step


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path into a JSON text; without steps, the whole of it."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return "$" + "".join(map(str, self.steps))

    @classmethod
    def parse(cls, text: str) -> JsonPath:
        """The path that the text spells, from `$` on; raises SpellingError, which points at the character at fault."""
        return cls(tuple(_Parser(text).path()))


def _bracketed(child: str | int) -> str:
    return f"[{json.dumps(child)}]"


class _Parser:
    """The text and how far it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def path(self) -> list[Step]:
        if len(self.text) > MOST_CHARACTERS:
            raise SpellingError(f"a path may have {MOST_CHARACTERS} characters, this one has {len(self.text)}")
        if not self.take("$"):
            self.fail("`$`")
        steps = []
        while self.position < len(self.text):
            steps.append(self.step())
        return steps

    def step(self) -> Step:
        descend = self.take("..")
        if not descend and self.take("."):
            return Step(self.after_dot())
        if self.text.startswith("[", self.position):
            return Step(self.in_brackets(), descend)
        if not descend:
            self.fail("`.`, `..` or `[`")
        return Step(self.after_dot(), descend)

    def after_dot(self) -> str | None:
        if self.take("*"):
            return None
        return self.match(_NAME) or self.fail("a name, or `*`; another name stands in brackets, as ['a b']")

    def in_brackets(self) -> str | int | Filter | None:
        self.take("[")
        self.space()
        child: str | int | Filter | None = None
        if self.take("?"):
            child = self.filter()
        elif not self.take("*"):
            child = self.name_or_index("a name in quotes, an index, `*` or `?`")
        self.space()
        if not self.take("]"):
            self.fail("`]`")
        return child

    def name_or_index(self, expected: str) -> str | int:
        if self.at_quote():
            return self.string()
        index = self.match(_INDEX) or self.fail(expected)
        if index.startswith("-0") or len(index) > 10 or (len(index) > 1 and index[0] == "0"):
            self.position -= len(index)
            self.fail("an index such as 0, 3 or -1")
        return int(index)

    def filter(self) -> Filter:
        opened = 0
        while self.space() and self.take("("):
            opened += 1
        found = Filter(self.joined("||", lambda: self.joined("&&", self.condition)))
        for _ in range(opened):
            self.space()
            if not self.take(")"):
                self.fail("`)`")
        return found

    def joined(self, sign: str, part: Callable[[], T]) -> tuple[T, ...]:
        parts = [part()]
        while self.space() and self.take(sign):
            parts.append(part())
        return tuple(parts)

    def condition(self) -> Condition:
        self.space()
        if not self.take("@"):
            self.fail("`@`")
        path = tuple(self.condition_path())
        self.space()
        operator = self.match(_OPERATOR)
        if not operator:
            if self.text.startswith("=", self.position):
                self.fail("`==`")
            return Condition(path)
        self.space()
        return Condition(path, operator, self.literal())

    def condition_path(self) -> list[str | int]:
        path: list[str | int] = []
        while True:
            if self.take("."):
                path.append(self.match(_NAME) or self.fail("a name"))
            elif self.take("["):
                path.append(self.name_or_index("a name in quotes, or an index"))
                if not self.take("]"):
                    self.fail("`]`")
            else:
                return path

    def literal(self) -> Scalar:
        if self.at_quote():
            return self.string()
        found = self.match(_NUMBER) or self.match(_WORD) or self.fail("a text in quotes, a number, true, false or null")
        value: Scalar = json.loads(found)
        return value

    def string(self) -> str:
        found = self.match(_STRING) or self.fail("a text that ends with the quote it begins with")
        inner = _ESCAPE.sub(lambda escape: "'" if escape[0] == r"\'" else escape[0], found[1:-1])
        if found[0] == "'":
            inner = _quoted_again(inner)
        value = json.loads(f'"{inner}"')
        return str(value)

    def at_quote(self) -> bool:
        return self.text.startswith(("'", '"'), self.position)

    def take(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.position)
        self.position += len(sign) if found else 0
        return found

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.position)
        self.position = found.end() if found else self.position
        return found[0] if found else ""

    def space(self) -> bool:
        self.match(_SPACE)
        return True

    def fail(self, expected: str) -> NoReturn:
        rest = self.text[self.position : self.position + 12]
        found = f"found {rest!r}" if rest else "it ends"
        place = f"in the path {self.text!r}, character {self.position + 1}"
        raise SpellingError(f"{place}: expected {expected} but {found}", self.position)


def _quoted_again(inner: str) -> str:
    """The inside of a text in single quotes as it stands in double quotes."""
    return re.sub(r'\\.|"', lambda found: r"\"" if found[0] == '"' else found[0], inner)
