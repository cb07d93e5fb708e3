"""The schema of pages in the format `json`: docs/page-json.md. What is not known is null, never left out."""

from __future__ import annotations

from requestshook.schemas.pieces import DRAFT, Schema, choice, fields, items

_PARTS = ("command", "map", "diagram", "variables", "steps", "log")
_STEP = {"type": "integer", "minimum": 1}
_COUNT = {"type": "integer", "minimum": 0}
_SWITCH = {"type": "boolean"}
_SECONDS = {"type": "number", "minimum": 0}
_ALWAYS = ("generator", "version", "title", "recording", "counts")


def schema() -> Schema:
    """The schema, as JSON has it."""
    properties = {
        "generator": {"const": "requestshook"},
        "version": {"const": 1, "description": "Of this form: another number where a member changes its meaning."},
        "title": _text("The page's title, as plain text."),
        "recording": _recording(),
        "counts": _counts(),
        "figures": items(_all(number=_text(), what=_text()), "The line of figures, in the page's words."),
        "services": items(_text(), "All services, in the order of the map's lifelines."),
        "failures": items(items(_STEP), "Each failure from its origin outward, as the numbers of the calls' requests."),
        "text": _around(),
        "command": _all(title=_text(), lines=_lines(), highlights=_highlights()),
        "phases": items(_all(title=_text(), anchor=_text(), first=_STEP, last=_STEP), "Parts of the flow."),
        "groups": items(_group(), "Frames around steps, outer ones first."),
        "hidden": items(_text(), "The selectors of calls that are recorded and not shown; `counts` says how many."),
        "calls": items(_call(), "The calls, in the order of their requests."),
        "diagrams": items(_text(), "Mermaid, in blocks of 25 messages at most."),
        "values": items(_value(), "Redacted values, by the names that stand in their places."),
        "variables": items(_variable(), "The author's names for values."),
        "steps": items(_step(), "The steps, in the order of time."),
        "log": items(_line(), "The log: a line a step."),
        "about": items(_all(heading=_text(), lines=_lines()), "About this recording."),
    }
    found = {
        "type": "object",
        "properties": properties,
        "required": list(_ALWAYS),
        "additionalProperties": False,
        "description": "A page of requestshook; a part of one has that part's members alone.",
    }
    return {"$schema": DRAFT, "title": "requestshook page", **found}


def _all(description: str = "", /, **properties: Schema) -> Schema:
    """An object that has all of these, and no others."""
    return fields(properties, tuple(properties), description)


def _text(description: str = "") -> Schema:
    return {"type": "string", **({"description": description} if description else {})}


def _or_null(schema: Schema, description: str) -> Schema:
    return {**schema, "type": [schema["type"], "null"], "description": description}


def _lines() -> Schema:
    return items(_text(), "Lines without line ends.")


def _highlights() -> Schema:
    return items(_STEP, "The numbers of the marked lines, from 1.")


def _steps_of(description: str) -> Schema:
    return items(_STEP, description)


def _recording() -> Schema:
    return _all(
        id=_text(),
        name=_text(),
        started={"type": "number", "description": "Seconds since 1970."},
        ended={"type": ["number", "null"], "description": "null: its end was not seen."},
        exit={"type": ["integer", "null"], "description": "The command's exit status."},
        output_cut={**_SWITCH, "description": "Whether only the beginning of the output was kept."},
        redaction={**_SWITCH, "description": "false: a process wrote without redaction."},
    )


def _counts() -> Schema:
    names = ("calls", "steps", "services", "failures", "unanswered", "hidden", "redacted")
    return _all(**dict.fromkeys(names, _COUNT))


def _around() -> Schema:
    markdown = _text("Markdown.")
    parts = {part: _all(above=markdown, below=markdown) for part in _PARTS}
    return _all("The author's words.", intro=markdown, **parts, outro=markdown)


def _group() -> Schema:
    return _all(kind=_text(), label=_text(), first=_STEP, last=_STEP, depth=_COUNT)


def _call() -> Schema:
    return _all(
        id=_text("X-Requestshook-Request-Id."),
        request=_STEP,
        response=_or_null(_STEP, "The step of its response."),
        failure=_or_null(_STEP, "The step of its failure, which may follow a response."),
        anchor=_text("Of its request."),
        caller=_text(),
        callee=_text(),
        parent=_or_null(_STEP, "The request of the call that this one was made for."),
        inferred={**_SWITCH, "description": "Whether the parent was found without a header of ours."},
        depth=_COUNT,
        method=_text(),
        target=_text("Path and query with the author's variables, the query cut at 60 characters."),
        status={"type": ["integer", "null"]},
        outcome=_text("Status and reason, or the error's name; empty where no answer was seen."),
        failed={**_SWITCH, "description": "A status of 400 and more, a failure, or a body that broke off."},
        failing={"enum": ["origin", "passed", None], "description": "Where a failure of the whole begins, or passes."},
        follows=_or_null(_STEP, "The step in which the failure begins that this one follows from."),
        attempts={**_STEP, "description": "How often it was tried."},
        duration=_or_null(_SECONDS, "Seconds until status and headers were there, or it failed."),
        own=_or_null(_SECONDS, "How much of it was not spent waiting for calls made for it, in percent."),
        views=items(choice(["client", "wire", "server"]), "Who saw it, outermost first."),
    )


def _value() -> Schema:
    return _all(
        name=_text("‹token-1›"),
        issued=_or_null(_STEP, "The response that brought it up."),
        used=_steps_of("The other steps that have it."),
        places=items(_text(), "Headers and keys that it stood in."),
    )


def _variable() -> Schema:
    return _all(
        name=_text("Stands as {name}."),
        value=_text(),
        step=_or_null(_STEP, "Where the author found it."),
        issued=_or_null(_STEP, "The response that brought it up."),
        used=_steps_of("The other steps that have it."),
    )


def _step() -> Schema:
    reference = {**_all(title=_text(), url=_text()), "type": ["object", "null"], "description": "API documentation."}
    return _all(
        number=_STEP,
        kind=choice(["request", "response", "failure"]),
        call={**_STEP, "description": "The step of its call's request."},
        heading=_text("Without the number."),
        anchor=_text("What links in Markdown lead to, behind #."),
        caller=_text(),
        callee=_text(),
        start=items(
            _text(), "Method, target, version; version, status, reason; or an error's name between two empty ones."
        ),
        text=_text("The author's Markdown above the message."),
        after=_text("The author's Markdown below it."),
        remarks=items(_text(), "What there is to say: groups that begin, earlier attempts, what changed on the way."),
        reference=reference,
        tabs=items(_tab(), "The faces of the message."),
        offset={"type": "number", "description": "Seconds since the recording began."},
    )


def _tab() -> Schema:
    properties: dict[str, Schema] = {
        "kind": choice(["header", "query", "body", "failure"]),
        "label": _text("In the page's words."),
        "language": _text("For a highlighter."),
        "lines": _lines(),
        "highlights": _highlights(),
        "after": _text("The author's Markdown inside the tab, at its end."),
        "content": choice(["text", "octets", "none", "unkept"], "Of a body: none, or its size alone."),
        "size": {**_COUNT, "description": "Octets as sent."},
        "kept": {**_COUNT, "description": "Octets of it that are here, decoded."},
        "remark": _text("What a title must add: `64 KiB of 20.2 MiB`."),
    }
    found = fields(properties, tuple(properties))
    return {**found, "required": [name for name in properties if name not in ("content", "size", "kept", "remark")]}


def _line() -> Schema:
    names = ("offset", "caller", "callee", "what", "duration", "size")
    return _all(number=_STEP, **dict.fromkeys(names, _text()))
