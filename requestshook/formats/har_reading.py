"""HAR -> entries, streamed."""

from __future__ import annotations

from collections.abc import Iterator

from requestshook.formats.values import Context, Entry


def load(path: str, context: Context) -> Iterator[Entry]:
    """The calls of a HAR, one at a time; what is broken is an entry with a problem."""
    raise NotImplementedError
