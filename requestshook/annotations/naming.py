"""Ids for calls as a person would choose them: `login`, `create`, `upload`; `create-server` where two are created."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from requestshook import addresses
from requestshook.annotations import ids
from requestshook.selectors import Selector
from requestshook.trace.calls import Call

_WILDCARD = re.compile(r"[{*]")
_VERSION = re.compile(r"v[0-9.]+")
_LONGEST = 30  # characters of a word
_LOGIN = {"login", "log_in", "signin", "sign_in", "token", "tokens", "session", "sessions", "authenticate"}
_CONTENT = {"file", "data", "content", "upload", "blob"}
_VERBS = {"HEAD": "check", "PUT": "put", "PATCH": "update", "DELETE": "delete", "OPTIONS": "options"}


def name(calls: Sequence[Call], selectors: Sequence[Selector], chosen: Collection[int]) -> dict[int, str]:
    """An id for each of the chosen calls; the short words go to the outermost caller's first."""
    words = {number: _words(calls[number], selectors[number]) for number in chosen}
    alike = Counter((calls[number].caller, verb) for number, (verb, _) in words.items())
    named: dict[int, str] = {}
    for number in sorted(chosen, key=lambda number: (calls[number].depth, number)):
        call, (verb, noun) = calls[number], words[number]
        taken = {id.lower() for id in named.values()}
        candidates = _candidates(call, verb, noun, alike[call.caller, verb] == 1)
        named[number] = next(id for id in candidates if id.lower() not in taken and _is_id(id))
    return named


def _candidates(call: Call, verb: str, noun: str, alone: bool) -> Iterator[str]:
    caller = _word(call.caller) if call.depth else ""
    full = "-".join(filter(None, (verb, noun)))
    if alone:
        yield verb
    if caller:
        yield from (f"{caller}-{verb}", f"{caller}-{full}")
    yield full
    if not _is_id(full):  # nothing is left of it, or the page has such an anchor
        full = f"{_word(call.method) or 'call'}-{full or 'of'}"
        yield full
    for number in itertools.count(2):
        yield f"{full}-{number}"
        yield f"named-{number}"  # an id whatever the words are


def _words(call: Call, selector: Selector) -> tuple[str, str]:
    """What a call does, and to what."""
    segments = [segment for segment in selector.path.split("/") if segment]
    plain = [
        _word(segment) for segment in segments if not _WILDCARD.search(segment) and not _VERSION.fullmatch(segment)
    ]
    words = [word for word in plain if word] or [_word(call.callee)]
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    of_one = bool(segments and _WILDCARD.search(segments[-1]))
    if call.status == 300:
        return "negotiate", last
    if last in _CONTENT and call.method in ("PUT", "POST", "GET") and not of_one:
        return "download" if call.method == "GET" else "upload", _singular(before)
    if call.method == "POST" and not of_one:
        if last in _LOGIN:
            return "login", _word(call.callee)
        return ("create", _singular(last)) if last != _singular(last) else (last, _singular(before))
    if call.method == "GET":
        return _reading(call, last, of_one=of_one)
    return _VERBS.get(call.method, _word(call.method) or "call"), _singular(last)


def _reading(call: Call, last: str, *, of_one: bool) -> tuple[str, str]:
    if of_one:
        return "show", _singular(last)
    if last in _LOGIN:
        return "validate", _singular(last)
    if addresses.split_target(call.target)[0].endswith("/"):
        return "discover", last
    return ("list", last) if last != _singular(last) else ("get", last)


def _word(text: str) -> str:
    """What of a text may stand in an id."""
    text = re.sub(r"%[0-9A-F]{2}", "-", text).lower()
    return re.sub(r"[^a-z0-9_]+", "-", text).strip("-_")[:_LONGEST].rstrip("-_")


def _singular(word: str) -> str:
    if word.endswith(("ss", "us", "is")) or not word.endswith("s") or len(word) < 4:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[: -2 if word.endswith(("sses", "shes", "ches", "xes", "uses")) else -1]


def _is_id(text: str) -> bool:
    try:
        ids.check(text)
    except ValueError:
        return False
    return True
