"""The author's names for values that another recording would have otherwise: found in the trace, shown as {name}."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from requestshook import addresses
from requestshook.annotations.model import ValueOf, Variable
from requestshook.config.notes import Place
from requestshook.events import Response
from requestshook.highlights import selecting
from requestshook.page import json_text
from requestshook.trace.calls import Call, Message
from requestshook.trace.disagreeing import Load

LONGEST = 1_000  # characters of a value


@dataclass(frozen=True, slots=True)
class Value:
    """A variable with its value; `place` is where it stands, where it is not the author's own."""

    name: str
    text: str  # with pseudonyms as captured
    place: Place | None = None


def find(
    variables: Iterable[Variable], calls: Callable[[str], Call | None], load: Load, fault: Callable[[int, str], None]
) -> Iterator[Value]:
    """The variables that have a value; `fault` hears of the others, by line."""
    for variable in variables:
        given = variable.value
        if not isinstance(given, ValueOf):
            yield Value(variable.name, given)
            continue
        call = calls(given.id)
        if call is None:
            fault(variable.line, f"{variable.name}: the call {given.id!r} is not in this recording")
            continue
        message = call.request if given.message == "request" else call.response
        found = _value(given, call, message, load) if message is not None else None
        if not found:
            where = f"{given.field} {given.name}".strip() if given.path is None else str(given.path)
            fault(variable.line, f"{variable.name}: there is no {where} in the {given.message} of {given.id!r}")
        elif len(found) > LONGEST:
            fault(variable.line, f"{variable.name}: the value has {len(found)} characters, of {LONGEST} at most")
        else:
            yield Value(variable.name, found, Place(given.id, given.message))


def _value(given: ValueOf, call: Call, message: Message, load: Load) -> str | None:
    event = message.event
    if given.field == "status":
        return str(event.status) if isinstance(event, Response) else None
    if given.field == "header":
        return next((value for name, value in event.headers if name.lower() == given.name.lower()), None)
    if given.field == "query":
        query = addresses.split_target(call.target)[1]
        return next((value for name, value in parse_qsl(query, keep_blank_values=True) if name == given.name), None)
    body = load(message.ref) if message.ref is not None else None
    if body is None or not isinstance(body.content, str) or given.path is None:
        return None
    if not given.path.steps:
        return body.content
    lines = json_text.respace(body.content, cut=body.cut) or ()
    tokens = [found.token for found in selecting.select(given.path, lines)]
    return next((selecting.plain(token) for token in tokens if token is not None), None)


class Names:
    """Puts names in the place of values, the longest value first, wherever such a value stands as a whole word."""

    def __init__(self, values: Mapping[str, str]) -> None:
        spelled: dict[str, str] = {}
        for name, text in values.items():
            for spelling in (text, addresses.canonical_segment(text), addresses.canonical_part(text)):
                if spelling.strip():
                    spelled.setdefault(spelling, f"{{{name}}}")
        self._names = spelled
        longest_first = sorted(spelled, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_whole, longest_first))) if spelled else None

    def found(self, text: str) -> set[str]:
        """The names whose values stand in a text."""
        return {self._names[found][1:-1] for found in self._pattern.findall(text)} if self._pattern else set()

    def named(self, text: str) -> str:
        """The text with the names."""
        return self._pattern.sub(lambda found: self._names[found[0]], text) if self._pattern else text


def _whole(value: str) -> str:
    begin = r"(?<![0-9A-Za-z])" if value[0].isalnum() else ""
    end = r"(?![0-9A-Za-z])" if value[-1].isalnum() else ""
    return f"{begin}{re.escape(value)}{end}"
