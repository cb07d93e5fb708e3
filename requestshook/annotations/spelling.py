"""Calls spelled as selectors that outlive their recording: ids become `{names}`, queries stand where they are needed.

docs/selectors.md, "Spelled for an annotation file", has the rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from requestshook import addresses
from requestshook.annotations import changing
from requestshook.selectors import Selector, literal
from requestshook.trace.calls import Call

_WILDCARD = re.compile(r"\{[^{}]+\}")


def spell(calls: Sequence[Call], variables: Mapping[str, str] | None = None) -> tuple[Selector, ...]:
    """For each call a selector that selects it; calls that differ by ids alone have the same one.

    `variables` are the values, by name, that the author has named. A query is written only where calls of the same
    caller, callee, method and path differ by it.
    """
    known = changing.by_value(variables or {})
    learned = name_ids(calls, variables)
    spelled = [_without_query(call, known, learned) for call in calls]
    groups: dict[str, list[int]] = defaultdict(list)
    for number, selector in enumerate(spelled):
        groups[kind(selector)].append(number)
    for numbers in groups.values():
        for number, query in zip(numbers, _queries([_pairs(calls[number], known) for number in numbers])):
            if query or not addresses.split_target(calls[number].target)[1]:  # `?&` has no pair, and is not empty
                spelled[number] = replace(spelled[number], query=query)
    return tuple(spelled)


def name_ids(calls: Iterable[Call], variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """The ids in the calls' paths, in order of first use, each with the name that a person would give it."""
    targets = [addresses.split_target(call.target) for call in calls]
    paths = (addresses.canonical_path(path) for path, _ in targets)
    return changing.names(paths, (query for _, query in targets), changing.by_value(variables or {}))


def kind(selector: Selector) -> str:
    """The selector without its number and with one name for every `{name}`: the same for those that mean the same."""
    return str(replace(selector, path=_WILDCARD.sub("{id}", selector.path), nth=None))


def _without_query(call: Call, known: Mapping[str, str], learned: Mapping[str, str]) -> Selector:
    path, _ = addresses.split_target(call.target)
    exact = Selector.of(call.caller, call.callee, call.method, path)
    return replace(exact, path=_path(path, known, learned)) if path.startswith("/") else exact


def _path(path: str, known: Mapping[str, str], learned: Mapping[str, str]) -> str:
    segments = addresses.canonical_path(path).split("/")
    spelled = []
    for before, segment in zip(["", *segments], segments):
        text, position = "", 0
        for id in changing.ids_of_segment(segment, before, known):
            name = id.name or learned.get(id.value, "id")
            text += literal(segment[position : id.begin]) + "{" + name + "}"
            position = id.end
        spelled.append(text + literal(segment[position:]))
    return "/".join(spelled)


def _pairs(call: Call, known: Mapping[str, str]) -> frozenset[str]:
    """The pairs of the call's query as a selector writes them, ids and times as `*`."""
    pairs = set()
    for pair in addresses.canonical_pairs(addresses.split_target(call.target)[1]):
        key, _, value = (changing.without_changing(part, known) for part in pair.partition("="))
        pairs.add(key if value == "*" and key else f"{key}={value}")
    return frozenset(pairs)


def _queries(calls: Sequence[frozenset[str]]) -> list[str | None]:
    """For each of several calls that differ at most by their queries the fewest pairs that tell it from others."""
    distinct = dict.fromkeys(calls)
    if len(distinct) == 1:
        return [None] * len(calls)
    having: dict[str, set[frozenset[str]]] = defaultdict(set)
    for pairs in distinct:
        for pair in pairs:
            having[pair].add(pairs)
    chosen = {pairs: _telling(pairs, set(distinct), having) for pairs in distinct}
    return [chosen[pairs] for pairs in calls]


def _telling(own: frozenset[str], others: set[frozenset[str]], having: Mapping[str, set[frozenset[str]]]) -> str | None:
    """Those of a call's own pairs that leave the fewest other calls; an empty query where it has no pair."""
    if not own:
        return ""
    told: list[str] = []
    while len(others) > 1:
        best = min(sorted(own), key=lambda pair: len(others & having[pair]))
        if others <= having[best]:
            break
        told.append(best)
        others = others & having[best]
    return "&".join(sorted(told)) or None
