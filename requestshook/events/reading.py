"""The event of a line: every field checked, one converter for each older version."""

from __future__ import annotations

import binascii
import json
from typing import Any

from requestshook.errors import EventError
from requestshook.events import (
    VERSION,
    Attempt,
    Body,
    BodyEnd,
    Count,
    Event,
    Failure,
    Note,
    Origin,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
)


def from_line(line: bytes | str) -> Event:
    """The event of a line; raises EventError with the reason where it is none."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EventError(f"not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise EventError("not a JSON object")
    version = fields.get("v")
    if not isinstance(version, int) or version < 1:
        raise EventError("it has no version")
    if version > VERSION:
        raise EventError(f"it is of version {version}, this requestshook reads up to {VERSION}")
    kind = fields.get("event")
    parse = _FROM_FIELDS.get(kind) if isinstance(kind, str) else None
    if parse is None:
        raise EventError(f"unknown event {kind!r}"[:100])
    try:
        event: Event = parse(fields)
    except KeyError as error:
        raise EventError(f"{kind} without {error}") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise EventError(f"{kind}: {error}") from None
    return event


def _is(value: Any, *types: type) -> Any:
    """The value, where it is of one of the types: bool is no int, int is a float."""
    if isinstance(value, bool) and bool not in types:
        raise TypeError(f"{value!r} is not {types[0].__name__}")
    if not isinstance(value, types):
        raise TypeError(f"{str(value)[:40]!r} is not {types[0].__name__}")
    if type(value) is int and not -(2**63) <= value < 2**63:  # what a store cannot hold
        raise ValueError("a number is out of range")
    return value


_NONE = type(None)


def _at(fields: dict[str, Any]) -> float:
    at = float(_is(fields["at"], float, int))
    if not -1e11 < at < 1e12:
        raise ValueError("its time is out of range")
    return at


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(_is(item, str) for item in _is(value, list))


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    pairs = tuple([(name, text) for name, text in _is(value, list)])
    for name, text in pairs:
        if type(name) is not str or type(text) is not str:  # what json gives is exactly str; _is costs six times this
            raise TypeError(f"{str((name, text))[:40]} is no pair of texts")
    return pairs


def _body(value: Any) -> Body | None:
    if value is None:
        return None
    fields = _is(value, dict)
    content: bytes | str | None = None
    if "text" in fields:
        content = _is(fields["text"], str)
    elif "base64" in fields:
        content = binascii.a2b_base64(_is(fields["base64"], str))
    return Body(
        content,
        _is(fields["size"], int),
        _is(fields.get("cut", False), bool),
        _is(fields.get("encoding"), str, _NONE),
        _is(fields.get("why"), str, _NONE),
    )


def _origin(fields: dict[str, Any]) -> Origin:
    view = _is(fields["view"], str)
    if view not in ("client", "wire", "server"):
        raise ValueError(f"{view[:20]!r} is no view")
    return Origin(
        view, _is(fields["id"], str), _is(fields["trace"], str),
        _is(fields["host"], str), _is(fields["pid"], int), _is(fields["n"], int),
    )  # fmt: skip


def _attempts(fields: dict[str, Any]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(_is(item.get("status"), int, _NONE), _is(item.get("error"), str, _NONE))
        for item in _is(fields.get("attempts", []), list)
    )


def _request(fields: dict[str, Any]) -> Request:
    return Request(
        _at(fields), _origin(fields), _is(fields.get("parent"), str, _NONE), _is(fields["from"], str),
        _is(fields.get("to"), str, _NONE), _is(fields["method"], str), _is(fields["url"], str),
        _is(fields["http"], str), _pairs(fields["headers"]), _body(fields["body"]),
    )  # fmt: skip


def _response(fields: dict[str, Any]) -> Response:
    return Response(
        _at(fields), _origin(fields), _is(fields["status"], int), _is(fields["reason"], str),
        _is(fields["http"], str), _pairs(fields["headers"]), _attempts(fields), _body(fields["body"]),
    )  # fmt: skip


def _body_end(fields: dict[str, Any]) -> BodyEnd:
    of = _is(fields["of"], str)
    if of not in ("request", "response"):
        raise ValueError("a body of neither request nor response")
    body = _body(fields["body"])
    if body is None:
        raise ValueError("no body")
    return BodyEnd(_at(fields), _origin(fields), of, body, _is(fields["end"], str))


def _failure(fields: dict[str, Any]) -> Failure:
    return Failure(_at(fields), _origin(fields), _is(fields["error"], str), _attempts(fields))


def _note(fields: dict[str, Any]) -> Note:
    return Note(_at(fields), _origin(fields), _is(fields["text"], str), _is(fields.get("mark", ""), str))


def _recording(fields: dict[str, Any]) -> Recording:
    return Recording(_at(fields), _is(fields["trace"], str), _is(fields["name"], str), _strings(fields["command"]))


def _recorded(fields: dict[str, Any]) -> Recorded:
    return Recorded(
        _at(fields), _is(fields["trace"], str), _is(fields.get("exit"), int, _NONE),
        _pairs(fields.get("output", [])), _is(fields.get("cut", False), bool),
    )  # fmt: skip


def _process(fields: dict[str, Any]) -> Process:
    return Process(
        _at(fields), _is(fields["host"], str), _is(fields["pid"], int), _is(fields.get("trace"), str, _NONE),
        _is(fields["program"], str), _pairs(fields["versions"]), _is(fields["key"], str),
        _is(fields.get("named", False), bool),
    )  # fmt: skip


def _count(fields: dict[str, Any]) -> Count:
    return Count(
        _at(fields), _is(fields["host"], str), _is(fields["pid"], int), _is(fields["untied"], int),
        _is(fields["ignored"], int), _is(fields["dropped"], int), _is(fields.get("why"), str, _NONE),
    )  # fmt: skip


_FROM_FIELDS: dict[str, Any] = {
    "request": _request,
    "response": _response,
    "body": _body_end,
    "failure": _failure,
    "note": _note,
    "recording": _recording,
    "recorded": _recorded,
    "process": _process,
    "count": _count,
}
