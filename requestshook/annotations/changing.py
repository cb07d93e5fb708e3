"""What another recording will have otherwise: ids in paths and queries, and what a person would call them.

`/v2/images/a42bfade-…` has an image_id, `/v1/AUTH_7f6f…` a project_id. Pure text, in canonical spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from requestshook import addresses

# An id begins and ends where letters and digits do; an escape before it is whole.
_BEGIN = r"(?:(?<![0-9A-Za-z%])(?<!%[0-9A-F])|(?<=%[0-9A-F]{2}))"
_END = r"(?![0-9A-Za-z])"
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_HEX = r"[0-9A-Fa-f]{24,}"  # 24: MongoDB, 32: a UUID without hyphens, 40 and 64: digests
_PSEUDONYM = r"%E2%80%B9([\w.-]+):[0-9a-f]{16}%E2%80%BA"  # what redaction leaves
_CHANGING = re.compile(rf"{_BEGIN}(?:{_UUID}|{_HEX}){_END}|{_PSEUDONYM}")
_MOMENT = re.compile(
    rf"{_BEGIN}(?:\d{{4}}-\d\d-\d\d(?:T|%20)\d\d(?:[:%.+-]*\w+)*|\d{{10}}(?:\.\d+|\d{{3}}|\d{{6}})?){_END}"
)  # ISO 8601, seconds since 1970
_NUMBER = re.compile(r"[0-9]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]*[A-Za-z]")
_NAME = re.compile(r"[\w-]+")
_KEY = re.compile(r"\w+_(?:id|uuid)")
_LEAST = 4  # characters of a variable's value that is known as a part: `1` is not meant by `v2.1`
_SHORT = 6  # a number of fewer digits says too little to be known again
# What stands before an id says what it is, but in the words of those who wrote the service.
_PREFIXES = {"auth": "project_id", "req": "request_id", "sha256": "digest"}
_NO_PLURALS = ("ss", "us", "is")


@dataclass(frozen=True, slots=True)
class Id:
    """A part of a segment that another recording will have otherwise."""

    begin: int
    end: int
    value: str
    name: str  # what the place says that it is; empty where the place says nothing


def by_value(variables: Mapping[str, str]) -> dict[str, str]:
    """Names by canonical value, the longest value first, of variables that are values by name."""
    pairs = sorted(variables.items(), key=lambda pair: -len(pair[1]))
    return {addresses.canonical_segment(value): name for name, value in pairs if value and _NAME.fullmatch(name)}


def ids_of_segment(segment: str, before: str, known: Mapping[str, str]) -> list[Id]:
    """The ids of a segment in canonical spelling; `before` is the segment before it, `known` has names by value."""
    if segment in known:
        return [Id(0, len(segment), segment, known[segment])]
    if _NUMBER.fullmatch(segment) and _is_plural(before):
        return [Id(0, len(segment), segment, _singular_id(before))]
    ids = []
    for begin, end in _spans(segment, known):
        value = segment[begin:end]
        ids.append(Id(begin, end, value, known.get(value) or _name(segment[:begin], value, before)))
    return ids


def ids_of_path(path: str, known: Mapping[str, str]) -> Iterator[Id]:
    """The ids of a path in canonical spelling, in order; where they begin and end counts from their segment."""
    before = ""
    for segment in path.split("/"):
        yield from ids_of_segment(segment, before, known)
        before = segment


def names(paths: Iterable[str], queries: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """All ids in these paths, by value, each with the name that one of its places gives it; `id` where none does.

    A query's `network_id=…` names a value as well.
    """
    found: dict[str, str] = {}
    for path in paths:
        for id in ids_of_path(path, known):
            if not _NUMBER.fullmatch(id.value) or len(id.value) >= _SHORT:
                found[id.value] = found.get(id.value) or id.name
    by_key = dict(_by_key(queries))
    return {value: name or by_key.get(value, "id") for value, name in found.items()}


def without_changing(text: str, known: Mapping[str, str]) -> str:
    """A query's key or value in canonical spelling, with `*` for ids and times."""
    text = _MOMENT.sub("*", text)
    for begin, end in reversed(_spans(text, known)):
        text = f"{text[:begin]}*{text[end:]}"
    return text


def _spans(text: str, known: Mapping[str, str]) -> list[tuple[int, int]]:
    """Where ids and known values stand; of those that overlap the first."""
    found = [match.span() for match in _CHANGING.finditer(text)]
    for value in known:
        if value == text or (len(value) >= _LEAST and value in text):
            found += [match.span() for match in re.finditer(f"{_BEGIN}{re.escape(value)}{_END}", text)]
    spans: list[tuple[int, int]] = []
    for begin, end in sorted(found):
        if not spans or begin >= spans[-1][1]:
            spans.append((begin, end))
    return spans


def _by_key(queries: Iterable[str]) -> Iterator[tuple[str, str]]:
    for query in queries:
        for pair in addresses.canonical_pairs(query):
            key, _, value = pair.partition("=")
            if _KEY.fullmatch(key) and _CHANGING.fullmatch(value):
                yield value, key


def _name(prefix: str, value: str, before: str) -> str:
    """`AUTH_` before an id says project_id, `images` as the segment before it image_id."""
    pseudonym = re.fullmatch(_PSEUDONYM, value)
    if pseudonym:
        return re.sub(r"\W", "_", pseudonym[1])
    words = re.findall(r"[A-Za-z][A-Za-z0-9]*", re.sub(r"%[0-9A-F]{2}", " ", prefix))
    if words:
        return _PREFIXES.get(words[-1].lower(), f"{words[-1].lower()}_id")
    return _singular_id(before) if not prefix and _is_plural(before) else ""


def _is_plural(word: str) -> bool:
    return bool(_WORD.fullmatch(word)) and word.endswith("s") and not word.endswith(_NO_PLURALS)


def _singular_id(plural: str) -> str:
    word = re.sub(r"[.-]", "_", plural).lower()
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    else:
        word = word[: -2 if word.endswith(("sses", "shes", "ches", "xes", "uses")) else -1]
    return f"{word}_id"
