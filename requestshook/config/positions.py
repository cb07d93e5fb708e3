"""YAML read by position: each value knows where it stands, and is checked against the type that its place wants.

Scalars are as spelled (`no`, `00123`, `12:30:45` are text where text is wanted), never guessed as YAML 1.1 would.
A check that fails notes a fault and gives something harmless, so that one run finds all faults of a file.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, TypeVar

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from requestshook.errors import ConfigError, RequestshookError, SpellingError

T = TypeVar("T")

_ON = ("on", "true", "yes")
_OFF = ("off", "false", "no")
_UNITS = {"": 1, "b": 1} | {
    f"{letter}{ending}": base**power
    for power, letter in enumerate("kmgt", 1)
    for ending, base in (("ib", 1024), ("b", 1000))
}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]*)")
_MOST_FAULTS = 100  # that are said
_BLOCK = "start the text on the next line after |"
_SLIP = re.compile(r"\s*(?:- )*(?:[^\s:'\"#]+:\s+)?(\[\[|[`!*&@%])")


class Fault(NamedTuple):
    """What is wrong and where, counted from 1."""

    line: int
    column: int
    message: str


class Document:
    """A YAML file and the faults found in it so far."""

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self._faults: list[Fault] = []

    def root(self) -> Value | None:
        """The file's value; None for an empty file. Raises ConfigError where YAML cannot read it."""
        try:
            node = _Loader(self.text).get_single_node()
        except yaml.MarkedYAMLError as error:
            self._cannot_read(error)
        except yaml.reader.ReaderError as error:
            self._raise_at(error.position, f"a character that YAML does not allow: U+{error.character:04X}")
        except RecursionError:
            raise ConfigError(f"{self.name}: it is nested too deeply") from None
        return None if node is None else Value(self, node)

    def fault(self, line: int, column: int, message: str) -> None:
        """Note a fault; line and column count from 1."""
        self._faults.append(Fault(line, column, message))

    def check(self) -> None:
        """Raise one ConfigError with all faults found, one a line, where there are any."""
        if self._faults:
            faults = sorted(set(self._faults))
            lines = [f"{self.name}:{line}:{column}: {message}" for line, column, message in faults[:_MOST_FAULTS]]
            if len(faults) > _MOST_FAULTS:
                lines.append(f"{self.name}: and {len(faults) - _MOST_FAULTS} faults more")
            raise ConfigError("\n".join(lines)) from None

    def _cannot_read(self, error: yaml.MarkedYAMLError) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        lines = self.text.splitlines()
        line = lines[mark.line] if mark and mark.line < len(lines) else ""
        hint = _hint(line, error.problem or "")
        message = f"YAML cannot read this: {error.problem or error.context}{hint}"
        self.fault(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, message)
        self.check()
        raise AssertionError("a fault was noted")

    def _raise_at(self, position: int, message: str) -> NoReturn:
        before = self.text[:position]
        self.fault(before.count("\n") + 1, position - before.rfind("\n"), message)
        self.check()
        raise AssertionError("a fault was noted")


class _Loader(yaml.SafeLoader):
    """Composes nodes; an alias is refused, because it could make a small file endless."""

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(AliasEvent):
            raise yaml.MarkedYAMLError(
                problem="aliases are not read here, and a text that begins with * has to be quoted",
                problem_mark=self.peek_event().start_mark,  # type: ignore[no-untyped-call]  # absent from the stubs
            )
        return super().compose_node(parent, index)


def _hint(line: str, problem: str) -> str:
    found = _SLIP.match(line)
    if "mapping values" in problem:
        return f"; a text that holds `: ` has to be quoted, or {_BLOCK}"
    if "expected ',' or" in problem:
        return "; inside [ ] and { } a text with one of [ ] { } , ? has to be quoted"
    if r"'\t'" in problem:
        return "; YAML is indented by spaces, and a text that begins with a tab has to be quoted"
    if "alphabetic or numeric" in problem and not found:
        return "; a text that begins with * or & has to be quoted"
    if found and "aliases" not in problem:
        return f"; a text that begins with {found[1]} has to be quoted, or {_BLOCK}"
    return ""


@dataclass(frozen=True, slots=True)
class Value:
    """A value and its place."""

    document: Document
    node: Any

    @property
    def line(self) -> int:
        """The line that it begins in, from 1."""
        return int(self.node.start_mark.line) + 1

    def fault(self, message: str, position: int = 0) -> None:
        """Note a fault at this value, or at a character of its text."""
        mark = self.node.start_mark
        begin = mark.index + (1 if getattr(self.node, "style", None) in ("'", '"') else 0)
        text = self.node.value if isinstance(self.node, ScalarNode) else ""
        as_spelled = position and self.document.text[begin : begin + len(text)] == text
        column = mark.column + 1 + (begin - mark.index + position if as_spelled else 0)
        self.document.fault(mark.line + 1, column, message)

    def places(self, sign: str) -> dict[int, tuple[int, int]]:
        """Line and column of each occurrence of a sign, by its index in the text, which may have many lines."""
        mark, end = self.node.start_mark, self.node.end_mark
        pattern = re.compile(re.escape(sign))
        inside = [found.start() for found in pattern.finditer(self.scalar or "")]
        outside = [found.start() for found in pattern.finditer(self.document.text, mark.index, end.index)]
        if len(inside) != len(outside):  # spelled with escapes
            return dict.fromkeys(inside, (mark.line + 1, mark.column + 1))
        line, places, counted = mark.line + 1, {}, mark.index
        for index, position in zip(inside, outside):
            line += self.document.text.count("\n", counted, position)
            places[index] = (line, position - self.document.text.rfind("\n", 0, position))
            counted = position
        return places

    @property
    def empty(self) -> bool:
        """Nothing stands there: `page:` and then the next key."""
        return self.scalar == "" and self.node.style is None and not self._mark_of_yaml()

    @property
    def scalar(self) -> str | None:
        """The scalar as spelled; None where the value is a list or a mapping."""
        return str(self.node.value) if isinstance(self.node, ScalarNode) else None

    def text(self, expected: str = "text") -> str:
        """A text as spelled."""
        if self.scalar is None:
            self.fault(f"expected {expected}, found {self._kind()}{self._hint()}")
            return ""
        self._no_tag()
        return self.scalar

    def filled(self, expected: str = "text") -> str:
        """A text that is not empty."""
        text = self.text(expected)
        if self.scalar is not None and not text.strip():
            self.fault(f"expected {expected}, found nothing")
        return text

    def choice(self, choices: Iterable[str]) -> str:
        """One of some words."""
        choices = tuple(choices)
        text = self.text(_any_of(choices))
        if self.scalar is not None and text not in choices:
            self.fault(f"expected {_any_of(choices)}, found {text!r}{did_you_mean(text, choices)}")
        return text

    def switch(self, expected: str = "on or off") -> bool:
        """`on`, `true`, `yes` or `off`, `false`, `no`."""
        text = self.text(expected)
        if self.scalar is not None and text.lower() not in _ON + _OFF:
            self.fault(f"expected {expected}, found {text!r}")
        return text.lower() in _ON

    @property
    def is_off(self) -> bool:
        """Whether it is `off`, `false` or `no`, which switch off."""
        return (self.scalar or "").lower() in _OFF

    @property
    def is_null(self) -> bool:
        """Whether it is `null` or `~`: none."""
        return self.scalar in ("null", "~") and self.node.style is None

    def number(self, low: int, high: int) -> int | None:
        """A whole number; None where it is none."""
        expected = f"a whole number from {low} to {high}"
        text = self.text(expected)
        if re.fullmatch(r"[0-9]{1,18}", text) and low <= int(text) <= high:
            return int(text)
        if self.scalar is not None:
            self.fault(f"expected {expected}, found {text!r}")
        return None

    def size(self) -> int:
        """A number of bytes: `65536`, `64KiB`, `1.5 GB`."""
        text = self.text("a size such as 64KiB")
        found = _SIZE.fullmatch(text)
        unit = _UNITS.get(found[2].lower()) if found else None
        if self.scalar is not None and (not found or unit is None):
            self.fault(f"expected a size such as 64KiB, 500 kB, 1GiB or 65536, found {text!r}")
        return int(float(found[1]) * unit) if found and unit else 0

    def items(self, expected: str = "a list") -> list[Value]:
        """The values of a list."""
        if not isinstance(self.node, SequenceNode):
            self.fault(f"expected {expected}, found {self._kind()}")
            return []
        self._no_tag()
        return [Value(self.document, item) for item in self.node.value]

    def texts(self, what: str) -> list[str]:
        """The texts of a list."""
        return [item.filled(what) for item in self.items(f"a list of {what}s")]

    def pairs(self, expected: str = "a mapping") -> list[tuple[str, Value, Value]]:
        """Each key, its place and its value; a key stands once."""
        if not isinstance(self.node, MappingNode):
            self.fault(f"expected {expected}, found {self._kind()}")
            return []
        self._no_tag()
        return list(self._unique_pairs())

    def _unique_pairs(self) -> Iterator[tuple[str, Value, Value]]:
        seen: dict[str, int] = {}
        for key_node, value_node in self.node.value:
            key = Value(self.document, key_node)
            name = key.text("a key")
            if key.scalar is None:
                continue
            if name == "<<" and key_node.style is None:
                key.fault("merge keys (<<) are not read here")
            elif name in seen:
                key.fault(f"the key {name!r} stands here a second time; the first is in line {seen[name]}")
            else:
                seen[name] = key.line
                yield name, key, Value(self.document, value_node)

    def begins_with(self, sign: str) -> bool:
        """Whether the file has this sign where the value begins."""
        return self.document.text.startswith(sign, self.node.start_mark.index)

    def has(self, key: str) -> bool:
        """Whether it is a mapping with this key."""
        pairs = self.node.value if isinstance(self.node, MappingNode) else ()
        return any(isinstance(name, ScalarNode) and name.value == key for name, _ in pairs)

    def fields(self, known: Iterable[str], required: Iterable[str] = ()) -> dict[str, Value]:
        """The values of a mapping with fixed keys, without those that are empty."""
        known = tuple(known)
        found = {}
        for name, key, value in self.pairs(f"a mapping with {_any_of(known)}"):
            if name not in known:
                hint = did_you_mean(name, known) or f"; expected {_any_of(known)}"
                key.fault(f"unknown key {name!r}{hint}")
            elif not value.empty:
                found[name] = value
        for name in required:
            if name not in found and isinstance(self.node, MappingNode):
                self.fault(f"expected a key {name!r} here")
        return found

    def parse(self, function: Callable[[str], T], default: T, expected: str = "text") -> T:
        """What the function makes of the text; a RequestshookError or ValueError of it becomes a fault."""
        text = self.text(expected)
        if self.scalar is None:
            return default
        try:
            return function(text)
        except SpellingError as error:
            self.fault(str(error), error.position)
        except (RequestshookError, ValueError) as error:
            self.fault(str(error))
        return default

    def _kind(self) -> str:
        if isinstance(self.node, ScalarNode):
            return f"{str(self.node.value)[:40]!r}" if self.node.value or self.node.style else "nothing"
        return "a list" if isinstance(self.node, SequenceNode) else "a mapping"

    def _hint(self) -> str:
        begin = self.document.text[self.node.start_mark.index :]
        if begin.startswith("[["):
            return f"; a text that begins with [[ has to be quoted, or {_BLOCK}"
        if isinstance(self.node, MappingNode):
            return f"; a text that holds `: ` or begins with {{ has to be quoted, or {_BLOCK}"
        return ""

    def _no_tag(self) -> None:
        if self._mark_of_yaml():
            self.fault(f"a text that begins with {self._mark_of_yaml()} has to be quoted, or {_BLOCK}")

    def _mark_of_yaml(self) -> str:
        """The `!` of a tag or the `&` of an anchor, where the value begins with one."""
        begin = self.node.start_mark.index
        first = self.document.text[begin : begin + 1]
        return first if first in ("!", "&") else ""


def _any_of(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else str(last)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean …?` where one of the known words is near, else nothing."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
