"""The sequence diagram in Mermaid: closed blocks that number their messages as the headings do.

What is too long for one block is cut at phases, else where the least is under way; a frame that a block's end cuts goes
on in the next. A call is drawn as active while it waits for calls that it made, where all of that is in one block:
Mermaid takes the end of what never began for an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from requestshook.page import cutting, steps
from requestshook.page.author import Author
from requestshook.page.escape import Markdown, mermaid
from requestshook.page.frames import Frame
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Step

MESSAGES = 25  # in one block: more cannot be read
CHARACTERS = 4_500
LABEL = 60  # characters of a target
FRAMES = 4  # around a message; deeper ones would leave no room for it
_NAME = 40
_METHOD = 20
_FEWEST = 10  # messages before a cut that the length alone asks for
_END = "end"
_ARROWS = {"request": "->>", "response": "-->>", "failure": "--x"}


def blocks(
    found: Sequence[Step], lanes: tuple[str, ...], pseudonyms: Pseudonyms, author: Author
) -> Iterator[list[Markdown]]:
    """The lines of each block. A block declares only who speaks in it, in the order of the lanes."""
    writer = _Writer(lanes, pseudonyms, author)
    block = _Block(writer, writer.around(found))
    for stretch in _stretches(found, {phase.first for phase in author.phases}):
        for step in stretch:
            if (step is stretch[0] and block.messages) or not block.add(step):
                yield block.lines()
                block = _Block(writer, block.open)
                block.add(step)
    if block.messages:
        yield block.lines()


def _stretches(found: Sequence[Step], starts: set[int]) -> Iterator[Sequence[Step]]:
    """All steps where they are few; else those of each phase, in as many parts as it needs."""
    if len(found) <= MESSAGES:
        yield from [found] if found else []
        return
    edges = [0, *(place for place, step in enumerate(found) if place and step.number in starts), len(found)]
    for first, last in pairwise(edges):
        yield from cutting.cut(found[first:last], MESSAGES, _FEWEST)


class _Writer:
    """Mermaid's lines for the steps of one page."""

    def __init__(self, lanes: tuple[str, ...], pseudonyms: Pseudonyms, author: Author) -> None:
        self.place = {name: number for number, name in enumerate(lanes, 1)}
        self.phases = {phase.first: phase.title for phase in author.phases}
        self._groups = [group for group in author.groups if group.depth < FRAMES]
        self._pseudonyms, self._names = pseudonyms, author.names

    def participant(self, name: str) -> str:
        return f"participant p{self.place[name]} as {_shown(name, _NAME)}"

    def around(self, found: Sequence[Step]) -> list[Frame]:
        """The frames that the first of these steps lies in, and that began before it."""
        first = found[0].number if found else 0
        return [group for group in self._groups if group.first < first <= group.last]

    def beginning(self, number: int) -> list[Frame]:
        """The frames that begin before a step, outer ones first."""
        return [group for group in self._groups if group.first == number]

    def message(self, step: Step, activation: str = "") -> str:
        """The arrow with its text; `activation` is Mermaid's sign after the arrow."""
        call = step.call
        ends = (call.caller, call.callee) if step.kind == "request" else (call.callee, call.caller)
        start, end = (f"p{self.place[name]}" for name in ends)
        return f"{start}{_ARROWS[step.kind]}{activation}{end}: {self._said(step)}"

    def _said(self, step: Step) -> str:
        if step.kind != "request":
            return _shown(steps.outcome(step), LABEL)
        target = steps.short_path(self._names.named(self._pseudonyms.numbered(step.call.target)))
        return f"{_shown(step.call.method, _METHOD)} {_shown(target, LABEL)}"


class _Block:
    """One diagram, as long as it may be."""

    def __init__(self, writer: _Writer, reopened: Sequence[Frame] = ()) -> None:
        self.open = list(reopened)
        self._writer = writer
        self._lines: list[str | Step] = [_opening(frame) for frame in reopened]
        self._messages: list[Step] = []
        self._title = ""
        self._speakers: dict[int, str] = {}
        ends = (len(_END) + 1) * len(reopened)
        self._size = (
            len("sequenceDiagram\nautonumber 100000\n" + "a title's last lane") + _size(map(_opening, reopened)) + ends
        )

    @property
    def messages(self) -> int:
        """How many it holds."""
        return len(self._messages)

    def add(self, step: Step) -> bool:
        """Take a message up; False where it would make the block too large."""
        writer, call = self._writer, step.call
        beginning = writer.beginning(step.number)
        title = writer.phases.get(step.number, "")
        speakers = {writer.place[name]: writer.participant(name) for name in (call.caller, call.callee)}
        note = _note(title, speakers) if title else ""
        fresh = {place: text for place, text in speakers.items() if place not in self._speakers}
        opened = [*([note] if note and self.messages else []), *map(_opening, beginning)]
        written = [writer.message(step, "+"), *fresh.values(), *([note] if note else []), *map(_opening, beginning)]
        size = _size(written) + (len(_END) + 1) * len(beginning)
        if self.messages and (self.messages == MESSAGES or self._size + size > CHARACTERS):
            return False
        self._title = self._title if self.messages else title
        self._speakers |= fresh
        self._size += size
        self._messages.append(step)
        self.open += beginning
        self._lines += [*opened, step]
        while self.open and self.open[-1].last <= step.number:
            self.open.pop()
            self._lines.append(_END)
        return True

    def lines(self) -> list[Markdown]:
        """The whole diagram; what is open is closed."""
        places = sorted(self._speakers)
        participants = [self._speakers[place] for place in places]
        title = [_note(self._title, places)] if self._title else []
        head = ["sequenceDiagram", f"autonumber {self._messages[0].number}", *participants, *title]
        signs = _signs(self._messages)
        written = (line if isinstance(line, str) else self._message(line, signs) for line in self._lines)
        return [Markdown(line) for line in (*head, *written, *[_END] * len(self.open))]

    def _message(self, step: Step, signs: dict[int, str]) -> str:
        return self._writer.message(step, signs.get(step.number, ""))


def _signs(messages: Iterable[Step]) -> dict[int, str]:
    """Mermaid's signs by step: `+` and `-` at both ends of each call that begins, makes a call and ends in a block."""
    begun: dict[str, int] = {}
    ended: dict[str, int] = {}  # by a call's first end: a failure may follow a response
    parents = set()
    for step in messages:
        call = step.call
        if step.kind != "request":
            ended.setdefault(call.id, step.number)
        else:
            begun[call.id] = step.number
            if call.parent in begun and call.parent not in ended:
                parents.add(call.parent)
    waiting = [id for id in parents if id in ended]
    return {begun[id]: "+" for id in waiting} | {ended[id]: "-" for id in waiting}


def _opening(frame: Frame) -> str:
    return f"{frame.kind} {_shown(frame.label, LABEL)}"


def _note(title: str, places: Iterable[int]) -> str:
    """A title over the lanes from the first to the last of these."""
    first, last = min(places), max(places)
    return f"Note over p{first},p{last}: {_shown(title, LABEL)}"


def _size(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _shown(text: str, longest: int) -> str:
    """Text in the picture, cut where it is long; a dash where there is none."""
    text = text.strip()
    return mermaid(text if len(text) <= longest else text[:longest] + "…") or "-"
