"""A first annotation file: every call of a trace, names for those worth naming, and what can be said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from requestshook import tags
from requestshook.annotations import lines, naming, origins, quoting, spelling
from requestshook.annotations.origins import Load, Origin
from requestshook.selectors import Selector
from requestshook.trace.calls import Call, Trace

_MOST_NAMED = 50  # calls beyond those whose values are used
_WORD = re.compile(r"[A-Za-z][\w-]*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_TELLING = ("Content-Type", "X-Auth-Token", "Authorization", "Accept")  # headers that an example may well mark
_HEAD = """\
# An author's words about a recording; docs/annotations.md has every key.
# `requestshook render FILE --watch` shows them on the page while you write; after a new recording,
# `requestshook annotate FILE` adds the calls that are new, and leaves everything else as it is.
"""
_MORE = """\
# text:
#   intro: |
#     What happens here, in Markdown.
# phases:                                # parts of the flow, each from one call to the next phase
#   - {{title: The beginning, from: {id}}}
# hide: ["* GET /healthcheck"]           # recorded, and not shown
"""


def write(trace: Trace, load: Load, schema: str = "") -> str:
    """The text of a first file; `load` gives a body by its `ref`, `schema` is the line for editors."""
    calls = trace.calls
    selectors = spelling.spell(calls)
    found = origins.find(calls, load)
    ids = naming.name(calls, selectors, _worth_naming(calls, selectors, found))
    name = trace.name if trace.name.strip() else trace.id
    parts = [schema, _HEAD, f"trace: {quoting.scalar(name)}\n", f"title: {quoting.scalar(_title(trace) or name)}\n"]
    if ids:
        parts.append(_MORE.format(id=ids[min(ids)]))
    if found:
        parts += ["variables:  # shown as {name} in contents, map and diagram\n", *_variables(found, ids)]
    parts.append("\ncalls:  # in the order of the trace\n")
    parts += _entries(calls, selectors, ids)
    return "".join(parts)


def _worth_naming(calls: Sequence[Call], selectors: Sequence[Selector], found: Sequence[Origin]) -> set[int]:
    """The outermost caller's calls that are unlike any other, and those whose values are used.

    One of several alike would be doubted at the next recording that has one more or less.
    """
    kinds = [spelling.kind(selector) for selector in selectors]
    alike = Counter(kinds)
    outermost = [number for number, call in enumerate(calls) if call.depth == 0 and alike[kinds[number]] == 1]
    chosen = {*outermost[:_MOST_NAMED], *(origin.call for origin in found if origin.call is not None)}
    return chosen or set(range(min(1, len(calls))))


def _title(trace: Trace) -> str:
    """The words with which the command begins; nothing where it is one word."""
    words = []
    for number, word in enumerate(trace.command[:4]):
        word = word.rpartition("/")[2] if number == 0 else word
        if not _WORD.fullmatch(word):
            break
        words.append(word)
    return " ".join(words) if len(words) > 1 else ""


def _variables(found: Sequence[Origin], ids: dict[int, str]) -> Iterator[str]:
    for origin in found:
        own = origin.text.replace("$", "$$")
        value = own if origin.call is None else f"${ids[origin.call]}.{origin.field}"
        yield f"  {origin.name}: {quoting.scalar(value)}\n"


def _entries(calls: Sequence[Call], selectors: Sequence[Selector], ids: dict[int, str]) -> Iterator[str]:
    for number, (call, selector) in enumerate(zip(calls, selectors, strict=True)):
        if number not in ids:
            written = lines.bare(call, selector)
        else:
            written = [*lines.notes(call), f"- call: {quoting.quoted(str(selector))}", f"  id: {ids[number]}"]
            if number == min(ids):
                written += _example(call, ids[max(ids)])
        yield from (f"  {line}\n" for line in written)


def _example(call: Call, another: str) -> Iterator[str]:
    """What can be said of a call, to be uncommented."""
    yield "  # request:                           # response: says it of the answer"
    yield "  #   text: |"
    yield f"  #     What this step is for, in Markdown; [[{another}]] becomes the number of that step, as a link."
    header = _header(call)
    if header:
        others = "$.a.path of JSON, ?key of the query, lines 3-5, {text: in a line}"
        yield f"  #   highlight: [{header}]  # or {others}"


def _header(call: Call) -> str:
    """A header of the request that is worth a mark."""
    headers = call.request.event.headers
    names = [name for name, _ in headers if _HEADER.fullmatch(name) and name.lower() not in tags.LOWER]
    return next((name for wanted in _TELLING for name in names if name.lower() == wanted.lower()), (names or [""])[0])
