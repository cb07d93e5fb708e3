"""Where the ids in a trace's paths came from: the response whose body or header had the value first."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from requestshook import addresses
from requestshook.annotations import changing, spelling, values
from requestshook.errors import SpellingError
from requestshook.events import Body
from requestshook.highlights.paths import JsonPath, Step
from requestshook.trace.calls import Call

Load = Callable[[int], Body | None]
MOST = 30  # values; a table of more is read by nobody
_MOST_OF_ONE = 1024 * 1024  # characters of a body that is looked into
_MOST_OF_ALL = 64 * 1024 * 1024
_LONGEST = 1_000  # characters of a value
_PSEUDONYM = re.compile("‹[^›]*›")


@dataclass(frozen=True, slots=True)
class Origin:
    """A value, what to call it, and where it came from."""

    name: str
    text: str
    call: int | None = None  # the index of the call whose response had it; None: it was there before
    field: str = ""  # behind `$ID.`, as `response.body.id`


def find(calls: Sequence[Call], load: Load) -> tuple[Origin, ...]:
    """The ids in the calls' paths, in the order of their use, 30 at most; `load` gives a body by its `ref`.

    A pseudonym that no response had is left out: it must not stand in a file.
    """
    names = dict(list(spelling.name_ids(calls).items())[:MOST])
    wanted = {unquote(value): name for value, name in names.items() if len(value) <= _LONGEST}
    found = dict(_search(calls, _first_uses(calls, wanted), load))
    origins: dict[str, Origin] = {}
    for text, name in wanted.items():
        if text in found or not _PSEUDONYM.search(text):
            free = _free(name, origins)
            origins[free] = Origin(free, text, *found.get(text, ()))
    return tuple(origins.values())


def _free(name: str, taken: Mapping[str, Origin]) -> str:
    name = name if values.NAME.fullmatch(name) else "id"
    number = 1
    while (free := name if number == 1 else f"{name[:60]}_{number}") in taken:
        number += 1
    return free


def _first_uses(calls: Sequence[Call], wanted: Mapping[str, str]) -> dict[str, int]:
    """For each value the step of the first request that has it in its path."""
    uses: dict[str, int] = {}
    for call in calls:
        path = addresses.canonical_path(addresses.split_target(call.target)[0])
        for id in changing.ids_of_path(path, {}):
            text = unquote(id.value)
            if text in wanted:
                uses[text] = min(call.request_step, uses.get(text, call.request_step))
    return uses


def _search(calls: Sequence[Call], uses: Mapping[str, int], load: Load) -> Iterator[tuple[str, tuple[int, str]]]:
    """Each value that an earlier response had, with the call and the field."""
    left, budget = dict(uses), _MOST_OF_ALL
    answered = [(call.response_step, number) for number, call in enumerate(calls) if call.response_step is not None]
    for step, number in sorted(answered):
        sought = {text for text, use in left.items() if use > step}
        if not sought or budget <= 0:
            return
        for name, value in _headers(calls[number]):
            if value in sought:
                sought.discard(value)
                del left[value]
                yield value, (number, f"response.header.{name}")
        text = _body(calls[number], load, min(budget, _MOST_OF_ONE)) if sought else ""
        budget -= len(text)
        for value, path in _paths(text, sought).items():
            del left[value]
            yield value, (number, path)


def _headers(call: Call) -> Iterator[tuple[str, str]]:
    """The response's headers that a variable can name: the first of each name."""
    seen = set()
    for name, value in call.response.event.headers if call.response else ():
        if name.lower() not in seen and re.fullmatch(r"[0-9A-Za-z-]+", name):
            seen.add(name.lower())
            yield name, value


def _body(call: Call, load: Load, most: int) -> str:
    message = call.response
    if message is None or message.ref is None or message.body is None:
        return ""
    body = load(message.ref)
    content = body.content if body is not None and not body.cut else None
    return content if isinstance(content, str) and len(content) <= most else ""


def _paths(text: str, sought: set[str]) -> dict[str, str]:
    """For each value that a JSON text has the shortest path to it, rather by names than by indices."""
    if not any(value in text for value in sought):
        return {}
    try:
        root = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, tuple[int, int, tuple[str | int, ...]]] = {}
    for path, value in _leaves(root):
        if value in sought and path:
            rank = (sum(isinstance(step, int) for step in path), len(path), path)
            if value not in found or rank[:2] < found[value][:2]:
                found[value] = rank
    fields = {
        value: f"response.body{str(JsonPath(tuple(map(Step, path))))[1:]}" for value, (_, _, path) in found.items()
    }
    return {value: field for value, field in fields.items() if _is_read(field)}


def _leaves(root: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    left: list[tuple[tuple[str | int, ...], Any]] = [((), root)]
    while left:
        path, value = left.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            left += [((*path, key), child) for key, child in reversed(value.items())]
        elif isinstance(value, list):
            left += [((*path, index), child) for index, child in reversed(list(enumerate(value)))]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without what it has twice: a path would find the first, and we the last."""
    keys = [key for key, _ in pairs]
    return {key: value for key, value in pairs if len(keys) == len(set(keys)) or keys.count(key) == 1}


def _refuse(_: str) -> str:
    raise ValueError("no JSON")


def _is_read(field: str) -> bool:
    try:
        return not isinstance(values.parse(f"$x.{field}"), str)
    except SpellingError:
        return False
