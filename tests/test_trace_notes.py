"""What is written to a call by hand comes into the trace as its notes."""

from __future__ import annotations

from pathlib import Path

from requestshook import trace
from requestshook.events import Body, Event, Note, Origin, Request, to_line
from requestshook.store import open_store, read_line

WIRE = Origin("wire", "1" * 32, "2" * 32, "h", 7, 1)
OTHER = Origin("wire", "1" * 32, "2" * 32, "elsewhere", 8, 1)


def request(origin: Origin) -> Request:
    return Request(1.0, origin, None, "a", "b", "GET", "http://h/", "HTTP/1.1", (), Body("", 0))


def built(*events: Event) -> trace.Trace:
    return trace.build(list(enumerate(events, 1)))


def test_the_newest_note_of_an_exchange_holds() -> None:
    """Of several notes the last one is the call's, in whatever order they were read."""
    first, last = Note(2.0, WIRE, "hm", ""), Note(3.0, WIRE, "why twice?", ":warning:")
    for notes in ((first, last), (last, first)):
        (call,) = built(request(WIRE), *notes).calls
        assert call.notes == (last,)


def test_a_note_that_was_taken_back_is_none() -> None:
    """An empty note takes the one before it back."""
    (call,) = built(request(WIRE), Note(2.0, WIRE, "hm", ""), Note(3.0, WIRE, "", "")).calls
    assert call.notes == ()


def test_every_view_of_a_call_may_have_a_note() -> None:
    """Two proxies in a row are two exchanges of one call: both notes are kept, the older one first."""
    late, early = Note(9.0, WIRE, "outer", ""), Note(5.0, OTHER, "inner", "")
    (call,) = built(request(WIRE), request(OTHER), late, early).calls
    assert call.notes == (early, late)


def test_a_note_alone_makes_no_call() -> None:
    """A note whose exchange has no other line belongs nowhere."""
    assert built(Note(1.0, WIRE, "lost", "")).calls == ()


def test_notes_pass_through_the_store(tmp_path: Path) -> None:
    """A note is kept and comes back, and counts as no call."""
    note = Note(2.0, WIRE, "why twice?", ":warning:")
    with open_store(tmp_path / "traces.db") as store:
        store.keep([read_line(to_line(event).rstrip(b"\n")) for event in (request(WIRE), note)])
        (call,) = trace.build(store.events(WIRE.trace)).calls
        assert call.notes == (note,)
        (summary,) = store.traces()
        assert summary.calls == 1
