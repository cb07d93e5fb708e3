"""Traces for the tests of `annotate`, and how the lines of a file are told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from alignment_support import call

from requestshook.trace.calls import Call, Step, Trace

_LINE = re.compile("[^\n\r\x85\u2028\u2029]*(?:\r\n|[\n\r\x85\u2028\u2029]|$)")


def trace_of(calls: Sequence[Call], name: str = "flow") -> Trace:
    """A trace of these calls, each a request and a response."""
    calls = tuple(
        replace(call, id=f"{n:032x}", request_step=2 * n + 1, response_step=2 * n + 2) for n, call in enumerate(calls)
    )
    steps = tuple(
        Step(number, kind, 0.0, call)
        for call in calls
        for number, kind in ((call.request_step, "request"), (call.response_step or 0, "response"))
    )
    return Trace("5eed" * 8, name, ("make", "it"), (), False, 0, 0.0, 1.0, calls, steps)


def recording(paths: str | Sequence[str]) -> Trace:
    """`x y z` as a trace of three calls."""
    paths = paths.split() if isinstance(paths, str) else paths
    return trace_of([call(f"a -> b GET /{path}", number) for number, path in enumerate(paths)])


def lines_of(text: str) -> list[str]:
    """The lines as YAML counts them, with their ends."""
    return [line for line in _LINE.findall(text) if line]
