"""Where steps stand on a page: their numbers and anchors, by number and by what the author calls them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from requestshook.config.notes import Place
from requestshook.trace.calls import Call


class Places:
    """The steps of one page; `calls` are those that the author gave an id."""

    def __init__(self, calls: Mapping[str, Call]) -> None:
        self._calls = calls
        self._anchors: dict[int, str] = {}
        self._files: Mapping[str, str] = {}
        for id, call in calls.items():
            steps = (
                (call.request_step, id),
                (call.response_step, f"{id}-response"),
                (call.failure_step, f"{id}-failure"),
            )
            self._anchors |= {number: anchor for number, anchor in steps if number is not None}

    def anchor(self, number: int) -> str:
        """The fragment that leads to a step."""
        return self._anchors.get(number) or f"step-{number}"

    def spread(self, files: Mapping[str, str]) -> None:
        """From now on these anchors stand in files of their own."""
        self._files = files

    def to(self, anchor: str) -> str:
        """What a link to an anchor leads to: a file, where it stands in one of its own, and the fragment."""
        return f"{quote(self._files.get(anchor, ''))}#{anchor}"

    def number(self, place: Place) -> int | None:
        """The number of the step that the author means; None where the call is gone, or nothing came back."""
        call = self._calls.get(place.id)
        if call is None:
            return None
        return call.request_step if place.message == "request" else call.response_step or call.failure_step

    def call(self, id: str) -> Call | None:
        """The call of this id."""
        return self._calls.get(id)
