"""The sequence diagram in Mermaid: closed blocks that number their messages as the headings do."""

from __future__ import annotations

from collections.abc import Iterator

from requestshook.page import steps
from requestshook.page.escape import Markdown, mermaid
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Step

MESSAGES = 25  # in one block: more cannot be read
CHARACTERS = 4_500
LABEL = 60  # characters of a target


def blocks(found: tuple[Step, ...], lanes: tuple[str, ...], pseudonyms: Pseudonyms) -> Iterator[list[Markdown]]:
    """The lines of each block. A block declares only who speaks in it, in the order of the lanes."""
    block = _Block(lanes)
    for step in found:
        if not block.add(step, pseudonyms):
            yield block.lines()
            block = _Block(lanes)
            block.add(step, pseudonyms)
    if block.messages:
        yield block.lines()


class _Block:
    def __init__(self, lanes: tuple[str, ...]) -> None:
        self.messages: list[str] = []
        self._place = {name: number for number, name in enumerate(lanes, 1)}
        self._speakers: dict[int, str] = {}
        self._start = 0
        self._size = len("sequenceDiagram\nautonumber 100000\n")

    def add(self, step: Step, pseudonyms: Pseudonyms) -> bool:
        """Take a message up; False where it would make the block too large."""
        message = _message(step, self._place, pseudonyms)
        speakers = {self._place[name]: _participant(name, self._place) for name in (step.call.caller, step.call.callee)}
        fresh = {place: text for place, text in speakers.items() if place not in self._speakers}
        size = len(message) + 1 + sum(len(text) + 1 for text in fresh.values())
        if self.messages and (len(self.messages) == MESSAGES or self._size + size > CHARACTERS):
            return False
        self._start = self._start or step.number
        self._speakers |= fresh
        self._size += size
        self.messages.append(message)
        return True

    def lines(self) -> list[Markdown]:
        participants = [self._speakers[place] for place in sorted(self._speakers)]
        text = ["sequenceDiagram", f"autonumber {self._start}", *participants, *self.messages]
        return [Markdown(line) for line in text]


def _participant(name: str, place: dict[str, int]) -> str:
    return f"participant p{place[name]} as {mermaid(_short(name, 40))}"


def _message(step: Step, place: dict[str, int], pseudonyms: Pseudonyms) -> str:
    call = step.call
    caller, callee = f"p{place[call.caller]}", f"p{place[call.callee]}"
    if step.kind == "request":
        target = _short(steps.short_path(pseudonyms.numbered(call.target)), LABEL)
        return f"{caller}->>{callee}: {mermaid(f'{_short(call.method, 20)} {target}')}"
    arrow = "--x" if step.kind == "failure" else "-->>"
    return f"{callee}{arrow}{caller}: {mermaid(_short(steps.outcome(step), LABEL)) or '-'}"


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[:longest] + "…"
