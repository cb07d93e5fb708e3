"""HAR -> entries, one at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from requestshook import tags
from requestshook.errors import EventError
from requestshook.events import Event, Origin
from requestshook.formats import har_dialects, har_own, har_stream
from requestshook.formats.values import Context, Entry

_AS_CAPTURED = 1 << 62  # a body that we wrote was cut when it was captured
_LEFT_OUT = "a part of it is left out: it is nested too deep, or has more than 10,000 members"


def load(path: str, context: Context) -> Iterator[Entry]:
    """The calls of a HAR in its order; what is broken is an entry with a problem, never an exception.

    Raises OSError where the file cannot be read.
    """
    with open(path, "rb") as file:
        total = os.fstat(file.fileno()).st_size
        source = har_stream.Source(file)
        reading = _Reading(context)
        try:
            for member in har_stream.members(source):
                entry = reading.entry(member, source.done)
                if entry is not None:
                    yield entry
        except har_stream.Broken as error:
            what = f"{error}: what follows is left out" if source.done < total else str(error)
            yield Entry(reading.number + 1, (), what, source.done)


class _Reading:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._view = "client"
        self.number = 0

    def entry(self, member: har_stream.Member, done: int) -> Entry | None:
        """What a member of `log` holds, where it is of interest."""
        if member.name == "entries":
            self.number += 1
            return self._call(member, done)
        if member.name == "creator":
            self._view = har_dialects.view_of(member.value)
        elif member.name == har_own.FIELD:
            return self._recording(member.value, done)
        return None

    def _recording(self, value: Any, done: int) -> Entry:
        try:
            events, problem = har_own.read_recording(value, self._context.trace)
        except EventError as error:
            events, problem = (), str(error)
        return Entry(0, events, problem, done)

    def _call(self, member: har_stream.Member, done: int) -> Entry:
        own = member.value.get(har_own.FIELD) if isinstance(member.value, dict) else None
        limit = self._context.body_limit if own is None else _AS_CAPTURED
        said: tuple[Event, ...] = ()
        problem = _LEFT_OUT if member.cut else None
        try:
            said = self._said(har_dialects.read(member.value, limit))
        except har_dialects.Unreadable as error:
            problem = str(error)
        if not said and own is None:
            return Entry(self.number, (), problem, done)
        if own is not None:
            try:
                events = har_own.read_call(own, said, self._context.trace)
                return Entry(self.number, events, _LEFT_OUT if member.cut else None, done)
            except EventError as error:
                problem = problem or f"its {har_own.FIELD} is passed over: {error}"
        return Entry(self.number, said, problem, done)

    def _said(self, heard: har_dialects.Heard) -> tuple[Event, ...]:
        context = self._context
        number = context.begin + self.number
        origin = Origin(self._view, tags.new_id(), context.trace, context.host, context.pid, number)
        caller = context.caller_of(har_dialects.user_agent(heard.headers)) or "-"
        return har_dialects.events(heard, origin, caller)
