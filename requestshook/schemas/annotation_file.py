"""The schema of annotation files."""

from __future__ import annotations

from requestshook.annotations import ids
from requestshook.annotations.model import KINDS, PARTS
from requestshook.schemas.pieces import (
    DRAFT,
    Schema,
    choice,
    fields,
    highlights,
    items,
    mapping,
    markdown,
    page,
    selector,
    text,
)

_ID = ids.PATTERN
_VALUE = (
    rf"^([^$]|\$\$|\${_ID}\.(request\.(header\..|query\..|body([.\[]|$))|response\.(status$|header\..|body([.\[]|$))))"
)


def schema() -> Schema:
    """The schema, as JSON has it."""
    found = fields(
        {
            "trace": text("The recording's name: the newest with it is rendered."),
            "title": text("The page's title."),
            "text": _page_text(),
            "command": fields(
                {"title": text("What stands over the command."), "highlight": highlights("output")},
                description="What is said about the command.",
            ),
            "variables": mapping(
                text("A value, or where it stands: $ID.response.body.id, $ID.request.header.NAME …", _VALUE),
                "Names for values that would differ in the next recording, shown as {name}.",
            ),
            "phases": items(_phase(), "Parts of the flow, each from one call to the next phase."),
            "groups": items(_group(), "Frames around calls; they may nest."),
            "hide": items(selector(), "Calls that are recorded and not shown."),
            "calls": items({"anyOf": [selector(), _entry()]}, "The calls in their order, and what is said about them."),
            "page": page(),
        },
        description="What is said about one page of requestshook: docs/annotations.md.",
    )
    return {"$schema": DRAFT, "title": "requestshook annotations", **found}


def _page_text() -> Schema:
    around = fields({"above": markdown("Markdown."), "below": markdown("Markdown.")})
    parts = {part: {**around, "description": f"Markdown around the part `{part}`."} for part in PARTS}
    return fields(
        {"intro": markdown("Markdown below the title."), **parts, "outro": markdown("Markdown at the page's end.")},
        description="Markdown around the parts of the page.",
    )


def _phase() -> Schema:
    return fields({"title": text("The phase's title."), "from": text("The id of its first call.")}, ("title", "from"))


def _group() -> Schema:
    calls = text("The ids of the first and last call, as first..last.", rf"^{_ID}(\.\.{_ID})?$")
    properties = {"kind": choice(list(KINDS), "What the frame means."), "label": text("What it says."), "calls": calls}
    return fields(properties, ("kind", "label", "calls"))


def _entry() -> Schema:
    reserved = {"enum": sorted(ids.RESERVED)}
    id = text("What texts, phases, groups and variables call it; the anchor on the page.", f"^{_ID}$")
    id = {
        **id,
        "maxLength": ids.MOST_CHARACTERS,
        "not": {"anyOf": [reserved, {"type": "string", "pattern": ids.RESERVED_PATTERN}]},
    }
    properties = {"call": selector(), "id": id}
    properties |= {message: _notes(message) for message in ("request", "response")}
    return fields(properties, ("call",))


def _notes(message: str) -> Schema:
    tab = fields({"after": markdown("Markdown inside the tab, at its end.")})
    return fields(
        {
            "text": markdown("Markdown. [[id]] is that step's number, [[a..b]] a range, [[$name]] a value."),
            "highlight": highlights(message),
            "after": markdown("Markdown below the tabs."),
            "header": tab,
            "body": tab,
        },
        description=f"What is said about the {message}.",
    )
