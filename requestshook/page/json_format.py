"""The `json` format: all that a page shows, as one JSON document for other programs (docs/page-json.md).

It is written member by member and step by step, so that no more than one body is held. Nothing is escaped but what
JSON wants: captured text is as the other formats show it before they escape it, and the author's words are Markdown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from requestshook.page.callmap import Row
from requestshook.page.dialect import PARTS, Dialect
from requestshook.page.escape import Markdown
from requestshook.page.exchanges import Exchange
from requestshook.page.lives import Life
from requestshook.page.steps import StepBlock, Tab
from requestshook.trace.calls import Step

VERSION = 1
_SURROGATE = re.compile("[\ud800-\udfff]")
Model = Mapping[str, Any]  # a page's context, as templates have it


def write(model: Model, part: str) -> Iterator[str]:
    """The document in pieces; of a part, that part's members alone."""
    yield '{\n"generator": "requestshook",\n'
    yield f'"version": {VERSION}'
    for name, (of, member) in _MEMBERS.items():
        if part in ("page", of) or not of:
            yield f",\n{_dumped(name)}: "
            yield from _written(member(model))
    yield "\n}\n"


def _written(member: Any) -> Iterator[str]:
    """A member's value; of a list each item on a line, written before the next one is asked for."""
    if isinstance(member, (dict, str)):
        yield _dumped(member)
        return
    before = "[\n"
    for item in member:
        yield before + _dumped(item)
        before = ",\n"
    yield "[]" if before == "[\n" else "\n]"


def _dumped(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _recording(model: Model) -> dict[str, Any]:
    trace = model["trace"]
    return {
        "id": trace.id,
        "name": trace.name,
        "started": trace.started,
        "ended": trace.ended,
        "exit": trace.exit,
        "output_cut": trace.output_cut,
        "redaction": model["redaction"],
    }


def _counts(model: Model) -> dict[str, int]:
    calls = model["trace"].calls
    return {
        "calls": len(calls),
        "steps": len(model["trace"].steps),
        "services": len(model["services"]),
        "failures": sum(call.failed for call in calls),
        "unanswered": sum(call.unanswered for call in calls),
        "hidden": model["trace"].figures.get("hidden", 0),
        "redacted": model["redacted"],
    }


def _text(model: Model) -> dict[str, Any]:
    text = model["text"]
    parts = {part: {"above": text.above(part), "below": text.below(part)} for part in PARTS[1:]}
    return {"intro": text.intro, **parts, "outro": text.outro}


def _command(model: Model) -> dict[str, Any]:
    shown = model["command"]
    return {"title": shown.title, "lines": shown.lines, "highlights": shown.highlights}


def _phases(model: Model) -> Iterator[dict[str, Any]]:
    for phase in model["phases"].values():
        yield {"title": phase.title, "anchor": phase.anchor, "first": phase.first, "last": phase.last}


def _groups(model: Model) -> Iterator[dict[str, Any]]:
    for group in model["groups"]:
        span = {"first": group.first, "last": group.last, "depth": group.depth}
        yield {"kind": group.kind, "label": group.label, **span}


def _calls(model: Model) -> Iterator[dict[str, Any]]:
    pairs: list[Exchange] = model["pairs"]
    numbers = {pair.call.id: pair.row.number for pair in pairs}
    for pair in pairs:
        yield _call(pair, pair.row, numbers)


def _call(pair: Exchange, row: Row, numbers: Mapping[str, int]) -> dict[str, Any]:
    call, follows = pair.call, pair.follows
    return {
        "id": call.id,
        "request": row.number,
        "response": call.response_step,
        "failure": call.failure_step,
        "anchor": row.anchor,
        "caller": row.caller,
        "callee": row.callee,
        "parent": numbers.get(call.parent or ""),
        "inferred": call.inferred,
        "depth": row.depth,
        "method": row.method,
        "target": row.target,
        "status": call.status,
        "outcome": pair.answered,
        "failed": call.failed,
        "failing": pair.state or None,
        "follows": follows.number if follows else None,
        "attempts": len(call.attempts) + 1,
        "duration": None if call.answered is None else _seconds(call.answered - call.started),
        "own": None if call.answered is None else round(pair.own, 1),
        "views": [view.kind for view in call.views],
    }


def _seconds(value: float) -> float:
    return round(max(value, 0.0), 6)


def _values(model: Model) -> Iterator[dict[str, Any]]:
    for life in model["lives"]:
        yield {"name": life.name, **_life(life), "places": life.places}


def _variables(model: Model) -> Iterator[dict[str, Any]]:
    for variable in model["variables"]:
        found = {"name": variable.name, "value": variable.value, "step": variable.step}
        yield {**found, **_life(model["named_lives"][variable.name])}


def _life(life: Life) -> dict[str, Any]:
    return {"issued": life.issued, "used": life.used}


def _diagrams(model: Model) -> Iterator[str]:
    return ("\n".join(lines) for lines in model["diagrams"])


def _steps(model: Model) -> Iterator[dict[str, Any]]:
    trace = model["trace"]
    for step, block in zip(trace.steps, model["steps"], strict=True):
        yield {**_step(step, block), "offset": round(step.at - trace.started, 6)}


def _step(step: Step, block: StepBlock) -> dict[str, Any]:
    reference = block.reference
    return {
        "number": block.number,
        "kind": block.kind,
        "call": step.call.request_step,
        "heading": block.heading,
        "anchor": block.anchor,
        "caller": block.caller,
        "callee": block.callee,
        "start": list(block.start),
        "text": block.text,
        "after": block.after,
        "remarks": list(block.remarks),
        "reference": {"title": reference[0], "url": reference[1]} if reference else None,
        "tabs": list(map(_tab, block.tabs)),
    }


def _tab(tab: Tab) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": tab.kind, "label": tab.label, "language": tab.language}
    found |= {"lines": tab.lines, "highlights": tab.highlights, "after": tab.after}
    if tab.content is None:
        return found
    about = tab.content
    return found | {"content": about.kind, "size": about.size, "kept": about.kept, "remark": about.remark}


def _log(model: Model) -> Iterator[dict[str, Any]]:
    for line in model["log"]:
        found = {"number": line.number, "offset": line.offset, "caller": line.caller, "callee": line.callee}
        yield {**found, "what": line.what, "duration": line.duration, "size": line.size}


def _failures(model: Model) -> Iterator[list[int]]:
    return ([pair.row.number for pair in chain] for chain in model["failures"])


def _about(model: Model) -> Iterator[dict[str, Any]]:
    return ({"heading": heading, "lines": lines} for heading, lines in model["about"])


# By its name: the part that a member belongs to (empty: all of them), and what it is.
_MEMBERS: dict[str, tuple[str, Callable[[Model], Any]]] = {
    "title": ("", lambda model: str(model["title"])),
    "recording": ("", _recording),
    "counts": ("", _counts),
    "figures": ("page", lambda model: ({"number": number, "what": what} for number, what in model["figures"])),
    "services": ("map", lambda model: model["services"]),
    "failures": ("map", _failures),
    "text": ("page", _text),
    "command": ("command", _command),
    "phases": ("map", _phases),
    "groups": ("map", _groups),
    "hidden": ("page", lambda model: model["hidden"]),
    "calls": ("map", _calls),
    "diagrams": ("diagram", _diagrams),
    "values": ("variables", _values),
    "variables": ("variables", _variables),
    "steps": ("steps", _steps),
    "log": ("log", _log),
    "about": ("page", _about),
}

DIALECT = Dialect(
    name="json",
    ending=".json",
    folder="",
    suffix="",
    mark='"generator": "requestshook"',
    finish=str,
    filters=lambda model: {},
    prose=Markdown,
    writer=write,
)
