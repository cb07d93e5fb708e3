"""From the author's highlights to line numbers of a step's tabs, and what is said of one that marks nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from requestshook.events import Headers
from requestshook.highlights import BodyPath, Containing, HeaderName, Highlight, Lines, QueryKey, selecting

Fault = Callable[[int, str], None]


@dataclass(slots=True)
class Marker:
    """The highlights of one step; each has to mark something in one of its tabs."""

    highlights: Sequence[Highlight]
    fault: Fault
    where: str  # `the response (4)`
    _met: set[Highlight] = field(default_factory=set)
    _reasons: dict[Highlight, str] = field(default_factory=dict)

    def headers(self, shown: Headers, hidden: Headers) -> tuple[int, ...]:
        """The lines of the header tab."""
        found: set[int] = set()
        names = [name.lower() for name, _ in shown]
        for highlight in self._of(HeaderName):
            wanted = highlight.mark.name.lower()  # type: ignore[union-attr]  # it is a HeaderName
            lines = [number for number, name in enumerate(names, 1) if name == wanted]
            if not lines:
                self._reasons[highlight] = _no_header(wanted, names, [name.lower() for name, _ in hidden])
            self._mark(highlight, lines, found)
        return tuple(sorted(found))

    def wants_query(self) -> bool:
        """Whether the query needs a tab to be marked in."""
        return any(True for _ in self._of(QueryKey))

    def query(self, keys: Sequence[str]) -> tuple[int, ...]:
        """The lines of the query tab."""
        found: set[int] = set()
        for highlight in self._of(QueryKey):
            wanted = highlight.mark.name  # type: ignore[union-attr]  # it is a QueryKey
            self._mark(highlight, [number for number, key in enumerate(keys, 1) if key == wanted], found)
        return tuple(sorted(found))

    def body(self, lines: Sequence[str], *, is_json: bool, is_text: bool, cut: bool) -> tuple[int, ...]:
        """The lines of the body's tab (or of a failure's)."""
        found: set[int] = set()
        shown = selecting.Shown(lines) if is_json and any(True for _ in self._of(BodyPath)) else None
        for highlight in self._of(BodyPath, Lines, Containing):
            mark = highlight.mark
            if isinstance(mark, BodyPath):
                values = shown.select(mark.path) if shown is not None else []
                marked: Iterable[int] = [n for value in values for n in range(value.first, value.last + 1)]
            elif isinstance(mark, Lines):
                marked = range(mark.first, min(mark.last, len(lines)) + 1)
            else:
                marked = [n for n, line in enumerate(lines, 1) if is_text and mark.text in line]  # type: ignore[union-attr]
            marked = list(marked)
            if not marked:
                self._reasons[highlight] = _nothing(highlight, len(lines), is_json, is_text, cut)
            self._mark(highlight, marked, found)
        return tuple(sorted(found))

    def finish(self) -> None:
        """Say which highlights have marked nothing."""
        for highlight in self.highlights:
            if highlight not in self._met:
                reason = self._reasons.get(highlight, "there is nothing of its kind here")
                self.fault(
                    highlight.line, f"the highlight `{highlight.spelled}` marks nothing in {self.where}: {reason}"
                )

    def _of(self, *kinds: type) -> Iterable[Highlight]:
        return (highlight for highlight in self.highlights if isinstance(highlight.mark, kinds))

    def _mark(self, highlight: Highlight, lines: Iterable[int], found: set[int]) -> None:
        lines = list(lines)
        if lines:
            self._met.add(highlight)
            found.update(lines)


def _no_header(wanted: str, shown: list[str], hidden: list[str]) -> str:
    if wanted in hidden:
        return "hide_headers leaves this header out"
    near = difflib.get_close_matches(wanted, shown, 1)
    return "there is no such header" + (f"; did you mean {near[0]!r}?" if near else "")


def _nothing(highlight: Highlight, lines: int, is_json: bool, is_text: bool, cut: bool) -> str:
    beyond = "; only the beginning of the body was recorded" if cut else ""
    if isinstance(highlight.mark, Lines):
        return f"the body has {lines} line{'' if lines == 1 else 's'}{beyond}"
    if isinstance(highlight.mark, BodyPath):
        return f"the body has nothing there{beyond}" if is_json else "the body is no JSON"
    return f"no line has this text{beyond}" if is_text else "the body is no text"
