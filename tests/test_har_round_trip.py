"""A recording written as a HAR and read again is the same recording."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

from har_support import RECORDINGS, Kept, check_har, context, normal, read_trace
from hypothesis import HealthCheck, given, settings

from requestshook.events import Event
from requestshook.formats import har

_CALM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def written(kept: Kept) -> bytes:
    """The trace as a HAR."""
    file = io.BytesIO()
    har.dump(kept.trace, kept.body, file)
    return file.getvalue()


def read(octets: bytes) -> Kept:
    """The trace of a HAR."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.har"
        path.write_bytes(octets)
        problems = [found.problem for found in har.load(str(path), context()) if found.problem]
        assert problems == []
        return read_trace(path, har.load)


@_CALM
@given(RECORDINGS)
def test_a_recording_comes_back(events: list[Event]) -> None:
    """Views, failures, bodies of every kind, notes, names, times to the last digit: all of it is there again."""
    kept = Kept(events)
    assert normal(read(written(kept))) == normal(kept)


@_CALM
@given(RECORDINGS)
def test_what_is_written_is_a_har(events: list[Event]) -> None:
    """Whatever was recorded, the file has every field that HAR 1.2 demands, and a second reader can parse it."""
    check_har(json.loads(written(Kept(events))))
