"""What capture points share of a body that passes by: its head is kept, all of it counted, nothing read ahead."""

from __future__ import annotations

import time
from collections.abc import Callable

from requestshook.events import COMPLETE, Body, BodyEnd, Headers, Origin, Response


class Head:
    """Keeps the first `limit` octets of what it is given and counts all of them."""

    __slots__ = ("_kept", "_room", "size")

    def __init__(self, limit: int) -> None:
        self._kept: list[bytes] = []
        self._room = limit
        self.size = 0

    def add(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take note of a chunk that has passed. What is kept of it is a copy, or the same immutable bytes."""
        if type(chunk) is not bytes:
            self._add_view(memoryview(chunk))
            return
        self.size += len(chunk)
        if self._room:
            kept = chunk[: self._room]  # the same where there is room for all of it
            self._kept.append(kept)
            self._room -= len(kept)

    def _add_view(self, view: memoryview) -> None:
        self.size += view.nbytes
        if self._room:
            kept = view.cast("B")[: self._room].tobytes()
            self._kept.append(kept)
            self._room -= len(kept)

    @property
    def data(self) -> bytes:
        """What was kept."""
        if len(self._kept) > 1:
            self._kept = [b"".join(self._kept)]
        return self._kept[0] if self._kept else b""

    def body(self) -> Body:
        """What has passed so far."""
        data = self.data
        return Body(data, self.size, self.size > len(data))


def tell_end(
    emit: Callable[..., None], origin: Origin, held: Response | None, body: Body, end: str, headers: Headers
) -> None:
    """A response's body has ended: it stands in the line that waited for it, else on a line of its own."""
    if held is not None and end == COMPLETE:
        emit(held._replace(body=body))
        return
    if held is not None:
        emit(held)
    emit(BodyEnd(time.time(), origin, "response", body, end), headers)
