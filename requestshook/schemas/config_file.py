"""The schema of `requestshook.yaml`."""

from __future__ import annotations

from requestshook.schemas.pieces import (
    DRAFT,
    Schema,
    choice,
    fields,
    highlights,
    items,
    mapping,
    markdown,
    off,
    page,
    selector,
    text,
)

_ADDRESS = r"^[Hh][Tt][Tt][Pp][Ss]?://"
_SIZE = r"^[0-9]+(\.[0-9]+)? ?([KkMmGgTt]?[Ii]?[Bb])?$"


def schema() -> Schema:
    """The schema, as JSON has it."""
    found = fields(
        {
            "store": text(
                "A path, or postgresql://user@host/db.", r"^(postgres(ql)?://[\s\S]*|(?![\s\S]*://)[\s\S]*\S[\s\S]*)$"
            ),
            "services": mapping(items(_address()), "Who answers where; the longest matching address wins."),
            "clients": mapping(
                items(text("A User-Agent; * is any part of one.")), "Who calls, where the caller carries no hook."
            ),
            "ignore": items(selector(), "Calls that are tagged and passed on, but not recorded."),
            "proxy": items(_listener(), "What the wire addon listens on, and where that leads."),
            "capture": _capture(),
            "redact": {"anyOf": [off(), _redact()], "description": "What is redacted beyond the defaults; or off."},
            "page": page(),
            "references": items(
                {"anyOf": [_reference(), _openapi()]}, "API documentation, shown at a call's first use."
            ),
        },
        description="requestshook's configuration: docs/configuration.md.",
    )
    return {"$schema": DRAFT, "title": "requestshook.yaml", **found}


def _address() -> Schema:
    return text("An address such as http://10.0.0.1:5000/v3.", _ADDRESS)


def _listener() -> Schema:
    return fields(
        {
            "listen": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "A port of this host."},
            "service": text("Whose calls these are."),
            "target": _address(),
            "from": text("Who calls through it."),
        },
        ("listen", "service", "target"),
    )


def _capture() -> Schema:
    size = {"anyOf": [{"type": "string", "pattern": _SIZE}, {"type": "integer", "minimum": 0}]}
    return fields(
        {
            "body_limit": {**size, "description": "How much is kept of each body, such as 64KiB."},
            "max": {"anyOf": [size, off("null", "~")], "description": "All that one process may write; off: no end."},
            "tag": choice(["all", "known"], "known: strangers get no tags."),
            "group": markdown("The group that shares requestshook's folder."),
        },
        description="What capture points keep and tag.",
    )


def _redact() -> Schema:
    return fields(
        {
            "headers": items(text("A header's name.", r"^\S+$")),
            "keys": items(text("A key whose value is secret.")),
            "patterns": items(text("A regular expression of secrets.")),
        }
    )


def _reference() -> Schema:
    notes = {
        message: fields({"text": markdown("Markdown."), "highlight": highlights(message)})
        for message in ("request", "response")
    }
    link = text("Where it is documented.", r"^([Hh][Tt][Tt][Pp][Ss]?:|(?![A-Za-z][A-Za-z0-9+.-]*:))")
    return fields({"call": selector(), "title": text("Its title."), "url": link, **notes}, ("call", "title", "url"))


def _openapi() -> Schema:
    properties = {
        "openapi": text("The path of an OpenAPI 3 description."),
        "service": text("Whose operations it describes."),
        "url": text("A link with {operationId}, {tag}, {method} or {path} in it."),
    }
    return fields(properties, ("openapi", "service"))
