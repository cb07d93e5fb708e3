"""Where in the text of an annotation file new entries may stand, so that nothing else of it has to change.

No comment is torn from what it is about: those directly above an entry, no deeper than its dash, belong to it, others
to what is above them. Positions are indices into the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from requestshook.config.positions import Document, Value
from requestshook.errors import RequestshookError

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # YAML 1.1, 5.4
_DASH = re.compile(r"- +(?=[^\s#])")


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's text, and its gaps: before its first entry, after that, and so on."""

    text: str
    gaps: tuple[int, ...]
    dashes: tuple[str, ...]  # for each gap how an entry there begins: `  - `
    heading: str = ""  # what has to stand before the first entry

    def insert(self, entries: Sequence[tuple[int, Sequence[str]]]) -> str:
        """The text with entries, each with its gap and its lines: comments, and one that begins with `- `."""
        pieces, position, heading = [], 0, [self.heading] if self.heading else []
        for gap in sorted({gap for gap, _ in entries}):
            lines = [line for number, entry in entries if number == gap for line in entry]
            pieces += [self.text[position : self.gaps[gap]], self._joined(gap, heading, lines)]
            position, heading = self.gaps[gap], []
        return "".join([*pieces, self.text[position:]])

    def _joined(self, gap: int, heading: Sequence[str], lines: Sequence[str]) -> str:
        """The lines with line ends like those above them; a file whose last line has none goes on having none."""
        at, dash = self.gaps[gap], self.dashes[gap]
        pad = " " * dash.index("-")
        written = [*heading, *(dash + line[2:] if line.startswith("- ") else pad + line for line in lines)]
        above = list(_BREAK.finditer(self.text, 0, at))
        found = above[-1] if above else _BREAK.search(self.text)
        sign = found[0] if found else "\n"
        if at == 0 or (above and above[-1].end() == at):
            return "".join(line + sign for line in written)
        return "".join(sign + line for line in written)


def read(text: str, name: str) -> Layout:
    """The layout of a file that has no fault, without a byte order mark; RequestshookError for one in brackets."""
    root = Document(text, name).root()
    if root is None or root.empty:
        return Layout(text, (_Lines(text).document_end(),), ("  - ",), "calls:")
    if root.node.flow_style:
        raise _in_brackets(root, name, "the file is")
    lines, column, end = _Lines(text), root.node.start_mark.column, root.node.end_mark.index
    pairs = root.node.value
    for (key, node), following in zip(pairs, [*pairs[1:], None]):
        if key.value == "calls":
            below = _Below(lines.begin(following[0].start_mark.index) if following else end, column)
            return _of_calls(lines, key, Value(root.document, node), name, below)
    return Layout(text, (end,), (" " * (column + 2) + "- ",), " " * column + "calls:")


class _Below(NamedTuple):
    """What follows: where it begins, and its column; deeper comments are not its own."""

    begin: int
    column: int


def _of_calls(lines: _Lines, key: Any, calls: Value, name: str, below: _Below) -> Layout:
    node = calls.node
    if isinstance(node, ScalarNode):
        gap = lines.gap(node.end_mark.index, below)
        return Layout(lines.text, (gap,), (" " * (below.column + 2) + "- ",))
    if node.flow_style:
        raise _in_brackets(calls, name, "`calls` is")
    column = node.start_mark.column
    dashes = [lines.dash(item.start_mark.index, column) for item in node.value]
    starts = [*(_Below(lines.begin(dash), column) for dash in dashes), below]
    ends = [key.end_mark.index, *(lines.end(item) for item in node.value)]
    heads = [" " * column + (found[0] if (found := _DASH.match(lines.text, dash)) else "- ") for dash in dashes]
    gaps = tuple(lines.gap(end, start) for end, start in zip(ends, starts, strict=True))
    return Layout(lines.text, gaps, (heads[0], *heads))


def _in_brackets(value: Value, name: str, what: str) -> RequestshookError:
    return RequestshookError(
        f"{name}:{value.line}: {what} written in brackets, and nothing can be added there that leaves the rest as it "
        "is: write `calls:`, and each call on a line of its own that begins with `- `"
    )


class _Lines:
    """A text and where its lines begin."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._begins = [0, *(found.end() for found in _BREAK.finditer(text))]

    def begin(self, position: int) -> int:
        """Where the line begins in which a character stands."""
        return self._begins[bisect_right(self._begins, position) - 1]

    def following(self, position: int) -> int:
        """Where the next line begins; the position itself where a line begins there."""
        number = bisect_right(self._begins, position)
        if self._begins[number - 1] == position:
            return position
        return self._begins[number] if number < len(self._begins) else len(self.text)

    def dash(self, content: int, column: int) -> int:
        """Where the dash of an item stands whose content begins there: in its line, or in one above it."""
        begin = self.begin(content)
        while begin and not (begin + column < content and self.text[begin + column] == "-"):
            begin = self.begin(begin - 1)
        return begin + column

    def end(self, node: Any) -> int:
        """Where an item ends: a block ends with its last scalar, whose mark may lie lines below it."""
        while isinstance(node, (MappingNode, SequenceNode)) and not node.flow_style and node.value:
            node = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
        end = int(node.end_mark.index)
        if getattr(node, "style", None) in ("|", ">") and "+" not in self._header(node.start_mark.index):
            while end and self.begin(end) == end and _BREAK.fullmatch(self.text, self.begin(end - 1), end):
                end = self.begin(end - 1)  # an empty line, and no part of the text
        return end

    def _header(self, begin: int) -> str:
        return self.text[begin : self.following(begin + 1)].partition("#")[0]

    def document_end(self) -> int:
        """Where a document that says nothing ends."""
        return next((begin for begin in self._begins if self.text.startswith("...", begin)), len(self.text))

    def gap(self, end: int, below: _Below) -> int:
        """Where new lines go between what ends there and what is below."""
        above = self.following(end)
        first, last = bisect_right(self._begins, above), bisect_right(self._begins, below.begin)
        stops = [above, *self._begins[first:last]]
        if stops[-1] < below.begin:
            stops.append(below.begin)  # the last line of the file, without an end
        while len(stops) > 1 and self._is_comment(stops[-2], below.column):
            stops.pop()
        while len(stops) > 1 and not self.text[stops[-2] : stops[-1]].strip():
            stops.pop()
        return stops[-1]

    def _is_comment(self, begin: int, column: int) -> bool:
        line = self.text[begin : self.following(begin + 1)]
        content = line.lstrip(" ")
        return content.startswith("#") and len(line) - len(content) <= column
