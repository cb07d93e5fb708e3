"""How `watch` prints a recording that goes on: a line a step for people, an object a line for programs."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from requestshook.cli import fields, figures, flow, terminal
from requestshook.cli.arriving import BROKEN, Arrival
from requestshook.cli.terminal import Cell

if TYPE_CHECKING:
    from requestshook.trace.calls import Trace

_DEEPEST = 8  # levels that are drawn
_NAMES = 0.4  # of the terminal's width, at most, for who calls whom
_USUAL = 26  # columns for names from the start, so that the next lines stand below the first


class Lines:
    """Prints for people: what happened when, who said it to whom, and what."""

    def __init__(self) -> None:
        self._names = 0
        self._has_begun = False

    def begin(self, trace: Trace) -> None:
        """Say once what is followed."""
        if not self._has_begun:
            self._has_begun = True
            command = f"  $ {shlex.join(trace.command)}" if trace.command else ""
            self._tell(f"{trace.name}  {trace.id[:8]}  {figures.moment(trace.started)}{command}", "bold")

    def step(self, arrival: Arrival, trace: Trace) -> None:
        """One line."""
        call, width = arrival.step.call, terminal.columns()
        at = "" if arrival.at is None else f"{arrival.at - trace.started:.3f}"
        names = f"{call.caller} {'→' if arrival.kind == 'request' else '←'} {call.callee}"
        names = terminal.clean_cell("│ " * min(call.depth, _DEEPEST) + names)
        tail = _tail(arrival)
        if width is not None:
            names = terminal.shorten(names, int(width * _NAMES))
            self._names = max(self._names, min(_USUAL, int(width * _NAMES)))
        self._names = max(self._names, terminal.breadth(names))
        names += " " * (self._names - terminal.breadth(names))
        what = terminal.clean_cell(_what(arrival))
        if width is not None:
            what = terminal.shorten_path(what, width - 8 - self._names - 4 - (len(tail) + 2 if tail else 0))
        cells = [Cell(f"{at:>8}  ", "dim"), Cell(f"{names}  "), Cell(what, _style(arrival))]
        terminal.print_cells([*cells, Cell(f"  {tail}", "dim")] if tail else cells)
        sys.stdout.flush()

    def end(self, trace: Trace, outdated: int) -> None:
        """Say what was recorded, and what to do next."""
        ending = "" if trace.exit is None else f", exit status {trace.exit}"
        state = "" if trace.ended is not None else "; its end was not seen yet"
        self._tell(f"{flow.summary(trace)}{ending}{state}", "bold")
        if outdated:
            many = "1 line was printed before its" if outdated == 1 else f"{outdated} lines were printed before their"
            self._tell(f"{many} place was known: `requestshook show` has all in order", "dim")
        terminal.say_next(f"requestshook show {shlex.quote(trace.name)}")

    def _tell(self, text: str, style: str) -> None:
        """On a terminal around the lines; elsewhere on standard error, so that a line is a step."""
        if terminal.on_terminal():
            terminal.say(text, style)
        else:
            terminal.note(text)


class Objects:
    """Prints for a program: one object a line."""

    def __init__(self) -> None:
        self._has_begun = False

    def begin(self, trace: Trace) -> None:
        """The recording, once."""
        if not self._has_begun:
            self._has_begun = True
            self._print("recording", trace, at=trace.started, command=list(trace.command))

    def step(self, arrival: Arrival, trace: Trace) -> None:
        """A step, with its call as it is known now."""
        call = fields.call(arrival.step.call)
        self._print(arrival.kind, trace, at=arrival.at, late=arrival.late, call=call)

    def end(self, trace: Trace, outdated: int) -> None:
        """The recording's end, where it was seen."""
        if trace.ended is not None:
            failed = sum(call.failed for call in trace.calls)
            calls = len(trace.calls)
            self._print("recorded", trace, at=trace.ended, exit=trace.exit, calls=calls, failures=failed,
                        outdated=outdated)  # fmt: skip

    def _print(self, event: str, trace: Trace, **more: Any) -> None:
        terminal.print_json({"event": event, "trace": trace.id, "name": trace.name, **more}, indent=None)


def _what(arrival: Arrival) -> str:
    from requestshook.page.steps import heading_of

    call = arrival.step.call
    if arrival.kind == BROKEN and call.response is not None:
        return f"✂ {call.status} {call.target}: {call.response.end.removeprefix('error: ')}"
    return heading_of(arrival.step, call.target)


def _tail(arrival: Arrival) -> str:
    """How long it took, and which attempt it was."""
    call = arrival.step.call
    if arrival.kind == "request" or arrival.at is None:
        return ""
    attempt = f", attempt {len(call.attempts) + 1}" if call.attempts else ""
    return figures.duration(arrival.at - call.started) + attempt


def _style(arrival: Arrival) -> str:
    return "" if arrival.kind == "request" else flow.status_style(arrival.step.call)
