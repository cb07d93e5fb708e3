"""An event and its line are each other's inverse, and a line that is none says why."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook import events
from requestshook.errors import EventError

text = st.text(max_size=30)
moment = st.floats(0, 4e9)
counts = st.integers(0, 2**63 - 1)
headers = st.lists(st.tuples(text, text), max_size=4).map(tuple)
bodies = st.builds(
    events.Body,
    st.none() | st.binary(max_size=50) | text,
    st.integers(0, 2**40),
    st.booleans(),
    st.none() | st.just("gzip"),
    st.none() | text,
)
origins = st.builds(
    events.Origin,
    st.sampled_from(["client", "wire", "server"]),
    text,
    text,
    text,
    st.integers(0, 2**22),
    counts,
)
attempts = st.lists(st.builds(events.Attempt, st.none() | st.integers(100, 599), st.none() | text), max_size=3).map(
    tuple
)
kinds = st.one_of(
    st.builds(
        events.Request, moment, origins, st.none() | text, text, st.none() | text, text, text, text, headers,
        st.none() | bodies,
    ),
    st.builds(
        events.Response, moment, origins, st.integers(100, 999), text, text, headers, attempts, st.none() | bodies
    ),
    st.builds(events.BodyEnd, moment, origins, st.sampled_from(["request", "response"]), bodies, text),
    st.builds(events.Failure, moment, origins, text, attempts),
    st.builds(events.Note, moment, origins, text, text),
    st.builds(events.Recording, moment, text, text, st.lists(text, max_size=3).map(tuple)),
    st.builds(events.Recorded, moment, text, st.none() | st.integers(0, 255), headers, st.booleans()),
    st.builds(
        events.Process, moment, text, counts, st.none() | text, text, headers, text, st.booleans()
    ),
    st.builds(
        events.Count, moment, text, counts, counts, counts, counts, st.none() | text
    ),
)  # fmt: skip


@given(kinds)
def test_a_line_gives_its_event_back(event: events.Event) -> None:
    """Writing and reading changes nothing, and the line is one line."""
    line = events.to_line(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert events.from_line(line) == event


@given(kinds, st.data())
def test_a_line_cut_anywhere_is_refused(event: events.Event, data: st.DataObject) -> None:
    """No cut of a line passes for an event."""
    line = events.to_line(event)[:-1]
    cut = line[: data.draw(st.integers(0, len(line) - 1))]
    with pytest.raises(EventError):
        events.from_line(cut)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_other_json_is_refused(value: object) -> None:
    """What is JSON and no event gets a reason, not a crash."""
    with pytest.raises(EventError):
        events.from_line(json.dumps(value))


@given(kinds, st.data())
def test_a_field_of_another_type_is_refused_or_harmless(event: events.Event, data: st.DataObject) -> None:
    """A field that holds something else is either refused with a reason or read as an event."""
    fields = json.loads(events.to_line(event))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(st.none() | st.integers() | st.text() | st.lists(st.integers(), min_size=1))
    with suppress(EventError):
        events.to_line(events.from_line(json.dumps(fields)))


def test_a_newer_version_says_so() -> None:
    """A line of a version to come is told apart from a broken one."""
    with pytest.raises(EventError, match="version 2, this requestshook reads up to 1"):
        events.from_line(b'{"v":2,"event":"request"}')


def test_surrogates_survive() -> None:
    """A lone surrogate (an argument of the command line that is no UTF-8) has a line, too."""
    event = events.Recording(1.0, "t", "\udcff", ())
    assert events.from_line(events.to_line(event)) == event


@pytest.mark.parametrize("field", ["at", "pid", "n", "status"])
@pytest.mark.parametrize("number", ["1" + "0" * 400, str(2**63), str(-(2**63) - 1)])
def test_a_number_that_no_store_can_hold(field: str, number: str) -> None:
    """A line with a number beyond 64 bits is no event: neither a fault of the reader nor of its store."""
    fields = {"at": "1", "pid": "1", "n": "1", "status": "200", field: number}
    line = (
        '{{"v":1,"event":"response","at":{at},"view":"client","id":"a","trace":"b","host":"h","pid":{pid},"n":{n},'
        '"status":{status},"reason":"","http":"","headers":[],"body":null}}'.format(**fields)
    )
    with pytest.raises(EventError, match="out of range"):
        events.from_line(line)
