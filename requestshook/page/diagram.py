"""The sequence diagram in Mermaid: closed blocks that number their messages as the headings do.

Where all of it is too large for one block, one begins with each phase; a frame that a block's end cuts goes on in the
next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from requestshook.page import steps
from requestshook.page.author import Author
from requestshook.page.escape import Markdown, mermaid
from requestshook.page.frames import Frame
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Step

MESSAGES = 25  # in one block: more cannot be read
CHARACTERS = 4_500
LABEL = 60  # characters of a target
_NAME = 40
_END = "end"


def blocks(
    found: Sequence[Step], lanes: tuple[str, ...], pseudonyms: Pseudonyms, author: Author
) -> Iterator[list[Markdown]]:
    """The lines of each block. A block declares only who speaks in it, in the order of the lanes."""
    writer = _Writer(lanes, pseudonyms, author)
    whole = _Block(writer)
    if len(found) <= MESSAGES and all(whole.add(step) for step in found):
        yield from [whole.lines()] if found else []
        return
    starts = {phase.first for phase in author.phases}
    block = _Block(writer)
    for step in found:
        if (step.number in starts and block.messages) or not block.add(step):
            yield block.lines()
            block = _Block(writer, block.open)
            block.add(step)
    yield block.lines()


class _Writer:
    """Mermaid's lines for the steps of one page."""

    def __init__(self, lanes: tuple[str, ...], pseudonyms: Pseudonyms, author: Author) -> None:
        self.place = {name: number for number, name in enumerate(lanes, 1)}
        self.phases = {phase.first: phase.title for phase in author.phases}
        self._groups = author.groups
        self._pseudonyms, self._names = pseudonyms, author.names

    def participant(self, name: str) -> str:
        return f"participant p{self.place[name]} as {mermaid(_short(name, _NAME))}"

    def beginning(self, number: int) -> list[Frame]:
        """The frames that begin before a step, outer ones first."""
        return [group for group in self._groups if group.first == number]

    def message(self, step: Step) -> str:
        call = step.call
        caller, callee = f"p{self.place[call.caller]}", f"p{self.place[call.callee]}"
        if step.kind == "request":
            target = steps.short_path(self._names.named(self._pseudonyms.numbered(call.target)))
            return f"{caller}->>{callee}: {mermaid(f'{_short(call.method, 20)} {_short(target, LABEL)}')}"
        arrow = "--x" if step.kind == "failure" else "-->>"
        return f"{callee}{arrow}{caller}: {mermaid(_short(steps.outcome(step), LABEL)) or '-'}"


class _Block:
    """One diagram, as long as it may be."""

    def __init__(self, writer: _Writer, reopened: Sequence[Frame] = ()) -> None:
        self.messages = 0
        self.open = list(reopened)
        self._writer = writer
        self._lines = [_opening(frame) for frame in reopened]
        self._title = ""
        self._speakers: dict[int, str] = {}
        self._start = 0
        self._size = len("sequenceDiagram\nautonumber 100000\n") + _size(self._lines)

    def add(self, step: Step) -> bool:
        """Take a message up; False where it would make the block too large."""
        writer, call = self._writer, step.call
        beginning = writer.beginning(step.number)
        title = writer.phases.get(step.number, "")
        added = [*map(_opening, beginning), writer.message(step)]
        if title and self.messages:
            added.insert(0, _note(title, call.caller, call.callee, writer.place))
        speakers = {writer.place[name]: writer.participant(name) for name in (call.caller, call.callee)}
        fresh = {place: text for place, text in speakers.items() if place not in self._speakers}
        size = _size(added) + _size(fresh.values()) + (len(_END) + 1) * len(beginning) + len(title)
        if self.messages and (self.messages == MESSAGES or self._size + size > CHARACTERS):
            return False
        if not self.messages:
            self._start, self._title = step.number, title
        self._speakers |= fresh
        self._size += size
        self.messages += 1
        self.open += beginning
        self._lines += added
        while self.open and self.open[-1].last <= step.number:
            self.open.pop()
            self._lines.append(_END)
        return True

    def lines(self) -> list[Markdown]:
        """The whole diagram; what is open is closed."""
        places = sorted(self._speakers)
        participants = [self._speakers[place] for place in places]
        title = [f"Note over p{places[0]},p{places[-1]}: {mermaid(_short(self._title, LABEL))}"] if self._title else []
        head = ["sequenceDiagram", f"autonumber {self._start}", *participants, *title]
        return [Markdown(line) for line in (*head, *self._lines, *[_END] * len(self.open))]


def _opening(frame: Frame) -> str:
    return f"{frame.kind} {mermaid(_short(frame.label, LABEL))}".rstrip()


def _note(title: str, caller: str, callee: str, place: dict[str, int]) -> str:
    first, last = sorted((place[caller], place[callee]))
    return f"Note over p{first},p{last}: {mermaid(_short(title, LABEL))}"


def _size(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"
