"""What both schemas are made of. A key without a value is an absent key: null stands wherever a key may be left out."""

from __future__ import annotations

from typing import Any

from requestshook.words import WORDS

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
_SCALARS = ["string", "number", "boolean"]
_SELECTOR = r"^(\S+ -> )?\S+ \S+ (\*\*([?@]|$)|/)"
_LINES = r"0*[1-9][0-9]*(-0*[1-9][0-9]*)?"
_HEADER = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NO_LINES = r"(?!0*(-[0-9]+)?$|[0-9]+-0*$)"


def text(description: str = "", pattern: str = r"\S") -> Schema:
    """A scalar that is not empty; where YAML takes it for text, of this pattern."""
    return _described({"type": _SCALARS, "pattern": pattern}, description)


def markdown(description: str) -> Schema:
    """Text that may be empty."""
    return _described({"type": _SCALARS}, description)


def choice(words: list[str], description: str = "") -> Schema:
    """One of some words."""
    return _described({"enum": words}, description)


def switch(description: str = "") -> Schema:
    """On or off, in any of the words for it."""
    spelled = "^([Oo][Nn]|[Yy][Ee][Ss]|[Tt][Rr][Uu][Ee]|[Oo][Ff][Ff]|[Nn][Oo]|[Ff][Aa][Ll][Ss][Ee])$"
    words = [{"enum": ["on", "off"]}, {"type": "string", "pattern": spelled}, {"type": "boolean"}]
    return _described({"anyOf": words}, description)


def off(*others: str) -> Schema:
    """The words that switch off."""
    spelled = "^([Oo][Ff][Ff]|[Nn][Oo]|[Ff][Aa][Ll][Ss][Ee])$"
    return {"anyOf": [{"enum": ["off", False, *others]}, {"type": "string", "pattern": spelled}]}


def items(schema: Schema, description: str = "") -> Schema:
    """A list."""
    return _described({"type": "array", "items": schema}, description)


def fields(properties: dict[str, Schema], required: tuple[str, ...] = (), description: str = "") -> Schema:
    """A mapping with fixed keys."""
    properties = {key: each if key in required else _or_null(each) for key, each in properties.items()}
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        found["required"] = list(required)
    return _described(found, description)


def mapping(values: Schema, description: str = "") -> Schema:
    """A mapping with the author's keys."""
    return _described({"type": "object", "additionalProperties": values}, description)


def selector(description: str = "Which calls: `[caller -> ] callee METHOD /path [?query] [@nth]`.") -> Schema:
    """A selector, roughly."""
    return _described({"type": "string", "pattern": _SELECTOR}, description)


def highlights(where: str) -> Schema:
    """A list of highlights, as `config.notes.read_highlights` takes them in a request, response or output."""
    marks = [_LINES]
    if where != "output":
        marks += [rf"{_NO_LINES}(?!\$){_HEADER}", r"\$([.\[].*)?"]
    if where == "request":
        marks.append(r"\?[^=&]+")
    said = {
        "request": "A header's name, `$.a.path` into a JSON body, `?key` of the query, lines `12-14`, or {text: …}.",
        "response": "A header's name, `$.a.path` into the JSON body, lines as `12-14`, or {text: …}.",
        "output": "Lines of the command's output, as `19` or `12-14`, or {text: …}.",
    }
    one = {
        "anyOf": [
            {"type": "string", "pattern": f"^({'|'.join(marks)})$"},
            {"type": "integer", "minimum": 1},
            fields({"text": text("All lines that contain this text.")}, ("text",)),
        ]
    }
    return items(one, said[where])


def page() -> Schema:
    """`page:` of either file."""
    labels = {key: markdown(f"Instead of: {word}") for key, word in WORDS.items()}
    return fields(
        {
            "view": choice(["client", "wire", "server"], "Which capture point's view of a call is shown."),
            "hide_headers": items(text("A header's name.", f"^{_HEADER}$"), "Headers that pages leave out."),
            "labels": fields(labels, description="The fixed words of a page, in your language."),
            "anchors": switch("off: headings without anchors and labels for the table of contents."),
            "variables": choice(["overview", "everywhere"], "everywhere: in headings and titles too."),
            "pairs": switch("on: request and response of a call are visibly together."),
            "open": {"anyOf": [{"enum": ["highlighted", "off"]}, off()], "description": "The tab that is open."},
        },
        description="How the page looks.",
    )


def _or_null(schema: Schema) -> Schema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"type": "null"}]}
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*types, "null"]}


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema
