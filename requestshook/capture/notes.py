"""What somebody writes to a flow by hand, in mitmweb or mitmproxy: a comment, a mark. It is told when it changes."""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakKeyDictionary

from requestshook.events import Note, Origin
from requestshook.recording import Recorder

_LONGEST = 16 * 1024  # characters of a comment


class _Told:
    __slots__ = ("origin", "said")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.said = ("", "")


class Notes:
    """The notes of one proxy's flows, for as long as the proxy keeps the flows."""

    def __init__(self) -> None:
        self._told: WeakKeyDictionary[Any, _Told] = WeakKeyDictionary()
        self._any = False  # most proxies never meet one, and are asked after each step of each flow

    def know(self, flow: Any, origin: Origin) -> None:
        """A flow that is recorded under this origin."""
        self._told[flow] = _Told(origin)

    def look(self, flow: Any, recorder: Recorder) -> None:
        """Tell the recorder what is written to the flow, if that is new."""
        if not (self._any or flow.comment or flow.marked):
            return
        said = (str(flow.comment or "")[:_LONGEST], str(flow.marked or "")[:100])
        told = self._told.get(flow)
        if told is not None and told.said != said:
            told.said = said
            self._any = True
            recorder.emit(Note(time.time(), told.origin, *said))
