"""What the author says on one page, laid on its trace: notes at steps, texts around parts, names, phases and groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from requestshook.annotations.model import Annotations, Around
from requestshook.annotations.placing import Fault, Placed
from requestshook.config.notes import Notes
from requestshook.page import frames, variables
from requestshook.page.escape import Markdown, inline
from requestshook.page.marking import Marker
from requestshook.page.places import Places
from requestshook.page.prose import Prose
from requestshook.page.references import References
from requestshook.page.settings import PageSettings
from requestshook.trace.calls import Step, Trace
from requestshook.trace.disagreeing import Load

_NOTHING = Notes()
_NOWHERE = Around()


class Author:
    """The author's words, ready to be written; what cannot be is among `faults`."""

    def __init__(
        self,
        trace: Trace,
        placed: Placed | None,
        references: References,
        settings: PageSettings,
        load: Load,
        numbered: Callable[[str], str],
        faults: list[Fault],
        write: Callable[[str], str] = Markdown,
        spell: Callable[[str], str] = inline,
    ) -> None:
        self.annotations = placed.annotations if placed is not None else Annotations("")
        self.faults = faults
        faults += placed.faults if placed is not None else ()
        self.places = Places(placed.calls if placed is not None else {})
        self.values = tuple(variables.find(self.annotations.variables, self.places.call, load, self.fault))
        self.phases = frames.stretches(self.annotations.phases, self.places.call, len(trace.steps), self.fault)
        self.groups = frames.frames(self.annotations.groups, self.places.call, self.fault)
        to = self._to if settings.anchors else None
        self.prose = Prose(self.places.number, to, lambda name: self.shown.get(name), self.fault, write, spell)
        self._numbered = numbered
        self._entries = placed.entries if placed is not None else {}
        self._references = references

    @cached_property
    def shown(self) -> dict[str, str]:
        """The variables' values with the page's pseudonyms, which are numbered only once all of it was looked at."""
        return {value.name: self._numbered(value.text) for value in self.values}

    @cached_property
    def names(self) -> variables.Names:
        """What stands in the place of the values."""
        return variables.Names(self.shown)

    def _to(self, number: int) -> str:
        return self.places.to(self.places.anchor(number))

    def fault(self, line: int, message: str) -> None:
        """Note what does not hold for this trace, once."""
        fault = Fault(self.annotations.path, line, message)
        if fault not in self.faults:
            self.faults.append(fault)

    def notes(self, step: Step) -> Notes:
        """What is said about a step: text and highlights of the call's reference where the author gives neither."""
        entry = self._entries.get(step.call.id)
        notes = _NOTHING if entry is None else entry.request if step.kind == "request" else entry.response
        if notes.text is None and not notes.highlight:
            default = self._references.notes(step)
            notes = replace(notes, text=default.text, highlight=default.highlight)
        return notes

    def speaks(self, steps: Iterable[Step]) -> bool:
        """Whether there is a note or a highlight at any of the steps."""
        return any(notes.text or notes.highlight or notes.after for notes in map(self.notes, steps))

    def marker(self, step: Step, notes: Notes) -> Marker | None:
        """Marks the step's lines; a reference's highlights need not be everywhere."""
        if not notes.highlight:
            return None
        entry = self._entries.get(step.call.id)
        own = entry is not None and notes.highlight in (entry.request.highlight, entry.response.highlight)
        return Marker(notes.highlight, self.fault if own else _unheard, f"{step.kind} ({step.number})")


class Texts:
    """The author's Markdown around the parts of a page, as templates ask for it."""

    def __init__(self, author: Author) -> None:
        self._author, self._text = author, author.annotations.text

    @property
    def intro(self) -> str:
        """What stands under the title."""
        return self._author.prose.markdown(self._text.intro)

    @property
    def outro(self) -> str:
        """What stands at the end."""
        return self._author.prose.markdown(self._text.outro)

    def above(self, part: str) -> str:
        """What stands between a part's heading and the part."""
        return self._author.prose.markdown(self._text.around.get(part, _NOWHERE).above)

    def below(self, part: str) -> str:
        """What stands below a part."""
        return self._author.prose.markdown(self._text.around.get(part, _NOWHERE).below)


class Variable(NamedTuple):
    """A line of the table of variables."""

    name: str
    value: str
    step: int | None  # where it stands, if it is not the author's own
    anchor: str


def table(author: Author) -> Iterator[Variable]:
    """The variables that have a value."""
    for value in author.values:
        step = author.places.number(value.place) if value.place is not None else None
        yield Variable(value.name, author.shown[value.name], step, author.places.anchor(step) if step else "")


def _unheard(line: int, message: str) -> None:
    """A default that does not fit is no fault."""
