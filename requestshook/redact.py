"""Stub: being written."""

from __future__ import annotations

from collections.abc import Iterable

from requestshook.events import Event, Headers


class Redactor:
    """Replaces secrets by pseudonyms."""

    def __init__(
        self,
        key: bytes,
        *,
        on: bool = True,
        headers: Iterable[str] = (),
        keys: Iterable[str] = (),
        patterns: Iterable[str] = (),
    ) -> None: ...

    def event(self, event: Event, headers: Headers = ()) -> Event:
        """The event with every secret replaced."""
        return event
