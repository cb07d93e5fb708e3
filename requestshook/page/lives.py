"""Each value's life: in which step a redacted value or a variable comes up first, and where it is used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from requestshook.page.pseudonyms import FORM
from requestshook.page.steps import Said
from requestshook.page.variables import Names
from requestshook.trace.calls import Step

_KEY = re.compile(r'(?:"([^"\\\n]{1,60})"\s*:\s*"?|\b([\w.-]{1,60})=)[^"&\n]{0,20}\Z')  # before a value in a body
_BEFORE = 100  # characters in which the key stands
_PLACES = 6  # names of places that are told


@dataclass(slots=True)
class Life:
    """A value by the name that the page shows."""

    name: str  # `‹token-1›`, or a variable's
    text: str = ""  # a variable's value
    issued: int | None = None  # the step that brought it up, where it is a response (or the variable is found there)
    used: list[int] = field(default_factory=list)  # the other steps that have it
    places: list[str] = field(default_factory=list)  # headers and keys
    number: int = 0  # among the page's values, from 1


class Lives:
    """Follows values through the first pass."""

    def __init__(self, variables: Iterable[tuple[str, str]]) -> None:
        """`variables` are names with the values as captured."""
        values = dict(variables)
        self._names = Names(values)
        self._hidden: dict[str, Life] = {}  # by the form in the store
        self._named = {name: Life(name, text) for name, text in values.items()}

    def note(self, step: Step, said: Iterable[Said]) -> None:
        """Take up what a step says."""
        for one in said:
            if "‹" in one.text:
                for found in FORM.finditer(one.text):
                    life = self._hidden.setdefault(found[0], Life(found[0]))
                    _seen(life, step)
                    _place(life, one, found.start())
            for name in self._names.found(one.text):
                _seen(self._named[name], step)

    def hidden(self, numbered: Callable[[str], str]) -> list[Life]:
        """The redacted values, by the names that the page gives them."""
        lives = list(self._hidden.values())
        for number, life in enumerate(lives, 1):
            life.name, life.number = numbered(life.name), number
        return lives

    def named(self) -> list[Life]:
        """The variables."""
        return list(self._named.values())


def _seen(life: Life, step: Step) -> None:
    if step.number == life.issued or (life.used and life.used[-1] == step.number):
        return
    if life.issued is None and not life.used and step.kind == "response":
        life.issued = step.number
    else:
        life.used.append(step.number)


def _place(life: Life, said: Said, position: int) -> None:
    name = said.name
    if said.place == "body" and (found := _KEY.search(said.text[max(position - _BEFORE, 0) : position])):
        name = found[1] or found[2]
    if name and len(life.places) < _PLACES and name.lower() not in map(str.lower, life.places):
        life.places.append(name)
