"""Recordings made up, and what a HAR has to be like: the fields that its specification demands."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from requestshook.events import (
    Attempt,
    Body,
    BodyEnd,
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
from requestshook.formats.values import Context
from requestshook.store.sql import without_content
from requestshook.trace import Trace, build
from requestshook.trace.calls import Message

TRACE = "5f" * 16
NEW = "77" * 16
_IDS = [f"{n:032x}" for n in range(5)]
_TIMES = st.sampled_from([0.0, 1.0, 1.5, 2.25, 3.1, 1671683885.123456, 1671683885.223456, 4e9])
_NAMES = st.sampled_from(["openstack", "keystone", "glance-api"])
_TEXTS = st.sampled_from(
    ["", "a", "이미지", "a\nb\x00", "‹token:0123456789abcdef›", "é", "Ã©", '"}]', "\udcff"]
) | st.text(max_size=8)
_HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["Host", "X-A", "x-a", "Set-Cookie", "Content-Type", ":path", "Content-Encoding", ""]),
        _TEXTS | st.sampled_from(["gzip", "application/json", "text/plain; charset=euc-kr", "a\nb", "í\x95\x9c"]),
    ),
    max_size=4,
).map(tuple)
_CONTENTS = st.none() | st.just("") | st.just(b"") | _TEXTS | st.binary(max_size=12) | st.just(b"\x1f\x8b\x08\x00")
_BODIES = st.builds(
    Body, _CONTENTS, st.integers(0, 60) | st.just(2**40), st.booleans(), st.none() | st.just("gzip"), st.none() | _TEXTS
)
_ATTEMPTS = st.lists(st.builds(Attempt, st.none() | st.just(503), st.none() | _TEXTS), max_size=2).map(tuple)
_URLS = st.sampled_from([
    "http://keystone:5000/v3?a=1&a=2&b=", "http://h/%ED%95%9C", "http://h/한?글=값", "//", "h", "http://[::1", "",
    "http://h/?‹token:0123456789abcdef›",
])  # fmt: skip


@st.composite
def exchanges(draw: st.DrawFn) -> list[Event]:
    """The lines of one exchange as one capture point saw it."""
    view = draw(st.sampled_from(["client", "client", "wire", "server"]))
    host, pid = draw(st.sampled_from(["one", "two"])), draw(st.integers(1, 2))
    origin = Origin(view, draw(st.sampled_from(_IDS)), TRACE, host, pid, 1)
    parent, callee = draw(st.none() | st.sampled_from(_IDS)), draw(st.none() | _NAMES)
    method = draw(st.sampled_from(["GET", "POST", "", "get"]))
    http = draw(st.sampled_from(["HTTP/1.1", "HTTP/2.0", "", "h2"]))
    lines: list[Event] = []
    body = draw(st.none() | _BODIES)
    if draw(st.integers(0, 9)):
        headers = draw(_HEADERS)
        lines.append(
            Request(draw(_TIMES), origin, parent, draw(_NAMES), callee, method, draw(_URLS), http, headers, body)
        )
        if body is None and draw(st.booleans()):
            lines.append(BodyEnd(draw(_TIMES), origin, "request", draw(_BODIES), draw(st.sampled_from(_ENDS))))
    if draw(st.integers(0, 3)):
        body = draw(st.none() | _BODIES)
        status = draw(st.sampled_from([200, 304, 404, 999, 0, 100]))
        lines.append(Response(draw(_TIMES), origin, status, draw(_TEXTS), http, draw(_HEADERS), draw(_ATTEMPTS), body))
        if body is None and draw(st.booleans()):
            lines.append(BodyEnd(draw(_TIMES), origin, "response", draw(_BODIES), draw(st.sampled_from(_ENDS))))
    if draw(st.integers(0, 3)) == 0:
        lines.append(Failure(draw(_TIMES), origin, draw(_TEXTS), draw(_ATTEMPTS)))
    if draw(st.integers(0, 5)) == 0:
        lines.append(Note(draw(_TIMES), origin, draw(_TEXTS), draw(st.sampled_from(["", ":warning:"]))))
    return lines


_ENDS = ["complete", "closed", "error: reset"]
_OUTSIDE = st.tuples(
    st.builds(Recording, _TIMES, st.just(TRACE), _TEXTS.filter(bool), st.lists(_TEXTS, max_size=2).map(tuple)),
    st.none()
    | st.builds(
        Recorded, _TIMES, st.just(TRACE), st.none() | st.integers(0, 255),
        st.lists(st.tuples(st.sampled_from(["out", "err"]), _TEXTS), max_size=2).map(tuple), st.booleans(),
    ),
    st.none()
    | st.builds(
        Process, _TIMES, st.sampled_from(["one", "two"]), st.integers(1, 2), st.none() | st.just(TRACE), _TEXTS,
        st.just((("python", "3.11"),)), st.sampled_from(["store", "random"]), st.booleans(),
    ),
).map(lambda found: [event for event in found if event is not None])  # fmt: skip


def _told_apart(found: tuple[list[Event], list[list[Event]]]) -> list[Event]:
    """Every exchange with a number of its own, and no two lines at one time, whichever way clocks are shifted."""
    events: list[Event] = list(found[0])
    parts = random.Random(7)
    for number, lines in enumerate(found[1], 1):
        for line in lines:
            at, origin = line.at + parts.random(), line.origin._replace(n=number)  # type: ignore[union-attr] # a call's
            events.append(line._replace(at=at, origin=origin))
    return events


RECORDINGS = st.tuples(_OUTSIDE, st.lists(exchanges(), max_size=5)).map(_told_apart)


class Kept:
    """Events and the trace that they make up, bodies apart, as a store has them."""

    def __init__(self, events: Iterable[Event], services: Iterable[tuple[str, str]] = ()) -> None:
        self._events = dict(enumerate(events, 1))
        self.trace = build(((ref, without_content(event)) for ref, event in self._events.items()), services)

    def body(self, ref: int) -> Body | None:
        """The body in one event."""
        return getattr(self._events[ref], "body", None)


def normal(kept: Kept) -> dict[str, Any]:
    """All of a trace that does not depend on where it is kept: bodies in place of references, no recording's id."""
    trace = kept.trace
    return {
        "name": trace.name, "command": trace.command, "output": (trace.output, trace.output_cut), "exit": trace.exit,
        "times": (trace.started, trace.ended),
        "processes": tuple(process._replace(trace=None) for process in trace.processes),
        "figures": trace.figures,
        "calls": [_normal(call, kept) for call in trace.calls],
        "steps": [(step.number, step.kind, step.at, step.call.id) for step in trace.steps],
    }  # fmt: skip


def _normal(value: Any, kept: Kept) -> Any:
    if isinstance(value, Message):
        body = value.body if value.ref is None else kept.body(value.ref)
        return (_normal(value.event._replace(body=None), kept), value.event.body is None, body, value.end)
    if isinstance(value, Origin):
        return value._replace(trace="")
    if hasattr(value, "__dataclass_fields__"):
        return {name: _normal(getattr(value, name), kept) for name in value.__dataclass_fields__}
    if hasattr(value, "_fields"):
        return type(value)(*(_normal(item, kept) for item in value))
    return tuple(_normal(item, kept) for item in value) if isinstance(value, tuple) else value


def context(**changes: Any) -> Context:
    """What an import knows beside the file."""
    plain = Context(NEW, "file.har", 7, 64 * 1024, lambda agent: agent.partition("/")[0] or None)
    return replace(plain, **changes)


def write(path: Path, entries: Iterable[Any], creator: str = "WebInspector", **log: Any) -> Path:
    """A HAR of entries."""
    whole = {"version": "1.2", "creator": {"name": creator, "version": "1"}, **log, "entries": list(entries)}
    path.write_text(json.dumps({"log": whole}, ensure_ascii=False), "utf-8")
    return path


def entry(**changes: Any) -> dict[str, Any]:
    """A plain entry; `request__url` and the like change what is further in."""
    plain: dict[str, Any] = {
        "startedDateTime": "2024-05-01T10:00:00.250Z",
        "time": 12.5,
        "request": {
            "method": "GET", "url": "http://shop.example/a?b=1", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{"name": "User-Agent", "value": "curl/8.5.0"}], "queryString": [{"name": "b", "value": "1"}],
            "headersSize": -1, "bodySize": 0,
        },
        "response": {
            "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [{"name": "Content-Type", "value": "text/plain"}],
            "content": {"size": 2, "mimeType": "text/plain", "text": "hi"}, "redirectURL": "", "headersSize": -1,
            "bodySize": 2,
        },
        "cache": {},
        "timings": {"send": 1, "wait": 6.5, "receive": 5},
    }  # fmt: skip
    for name, value in changes.items():
        *path, last = name.split("__")
        place = plain
        for step in path:
            place = place[step]
        place[last] = value
    return plain


# HAR 1.2 as its specification puts it: the fields that are not optional, and of which type
_TEXT, _NUMBER, _LIST = str, (int, float), list
_NAMED: dict[str, Any] = {"name": _TEXT, "value": _TEXT}
_MESSAGE: dict[str, Any] = {
    "httpVersion": _TEXT, "cookies": [{**_NAMED}], "headers": [_NAMED], "headersSize": _NUMBER, "bodySize": _NUMBER,
}  # fmt: skip
_HAR: dict[str, Any] = {
    "log": {
        "version": _TEXT,
        "creator": {"name": _TEXT, "version": _TEXT},
        "pages?": [{"startedDateTime": "time", "id": _TEXT, "title": _TEXT, "pageTimings": {}}],
        "comment?": _TEXT,
        "entries": [
            {
                "pageref?": _TEXT, "startedDateTime": "time", "time": _NUMBER,
                "request": {
                    **_MESSAGE, "method": _TEXT, "url": _TEXT, "queryString": [_NAMED],
                    "postData?": {"mimeType": _TEXT, "text": _TEXT, "comment?": _TEXT},
                },
                "response": {
                    **_MESSAGE, "status": _NUMBER, "statusText": _TEXT, "redirectURL": _TEXT,
                    "content": {
                        "size": _NUMBER, "mimeType": _TEXT, "compression?": _NUMBER, "text?": _TEXT, "encoding?": _TEXT,
                        "comment?": _TEXT,
                    },
                },
                "cache": {}, "timings": {"send": _NUMBER, "wait": _NUMBER, "receive": _NUMBER}, "comment?": _TEXT,
            }
        ],
    }
}  # fmt: skip
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def check_har(value: Any) -> None:
    """Fails where it is no HAR 1.2: something is missing, of another type, or of no custom name."""
    _check(value, _HAR, "")


def _check(value: Any, rule: Any, where: str) -> None:
    if rule == "time":
        assert _ISO.fullmatch(value), where
    elif isinstance(rule, list):
        assert isinstance(value, list), where
        for number, item in enumerate(value):
            _check(item, rule[0], f"{where}[{number}]")
    elif isinstance(rule, dict):
        assert isinstance(value, dict), where
        required = {name for name in rule if not name.endswith("?")}
        assert required <= set(value), f"{where}: {required - set(value)} missing"
        for name, item in value.items():
            if not name.startswith("_"):
                known = rule.get(name, rule.get(f"{name}?"))
                assert known is not None, f"{where}: {name} is no field of a HAR"
                _check(item, known, f"{where}.{name}")
    else:
        assert isinstance(value, rule), where
        assert not isinstance(value, bool), where


def read_trace(path: Path, load: Any) -> Kept:
    """The trace of all that a format reads from a file."""
    return Kept(event for found in load(str(path), context()) for event in found.events)


__all__ = ["RECORDINGS", "Kept", "Trace", "check_har", "context", "entry", "exchanges", "normal", "read_trace", "write"]
