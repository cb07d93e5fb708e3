"""Calls that are hidden are taken out of a trace; the rest is numbered anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trace_support import System

from requestshook.events import Event, Failure, Request, Response
from requestshook.trace import Trace, build, without


def recorded() -> Trace:
    """client -> api; in it api -> auth, and in that auth -> db; then client -> api again, which fails."""
    system = System()
    client, api = system.service("client"), system.service("api", base="http://a:1")
    auth, db = system.service("auth", base="http://b:1"), system.service("db", base="http://c:1")
    with (
        system.call(client, api, "GET", "/one") as one,
        system.call(api, auth, "GET", "/two", parent=one) as two,
        system.call(auth, db, "GET", "/three", parent=two),
    ):
        pass
    with system.call(client, api, "GET", "/four", status=500):
        pass
    return build(system.events())


def told(trace: Trace) -> list[tuple[int, str, str, int]]:
    return [(step.number, step.kind, step.call.target, step.call.depth) for step in trace.steps]


def test_what_lies_below_a_hidden_call_moves_up() -> None:
    """The hidden call's steps are gone, the others have no hole, its children belong to its parent."""
    trace = recorded()
    one, two, three, _ = trace.calls
    shown = without(trace, {two.id})
    assert told(shown) == [
        (1, "request", "/one", 0),
        (2, "request", "/three", 1),
        (3, "response", "/three", 1),
        (4, "response", "/one", 0),
        (5, "request", "/four", 0),
        (6, "response", "/four", 0),
    ]
    assert [call.parent for call in shown.calls] == [None, one.id, None]
    assert shown.figures == {"calls": 3, "services": 4, "failures": 1, "hidden": 1}
    assert three.parent == two.id


def test_a_child_without_any_parent_left_stands_outermost() -> None:
    """Where all above it are hidden, a call is made by nobody's call."""
    trace = recorded()
    shown = without(without(trace, {trace.calls[0].id}), {trace.calls[1].id})
    assert [(call.target, call.parent, call.depth) for call in shown.calls] == [("/three", None, 0), ("/four", None, 0)]
    assert shown.figures["hidden"] == 2


@given(st.sets(st.integers(0, 3)))
def test_numbers_have_no_holes(places: set[int]) -> None:
    """Whatever is hidden: steps count from 1, each call knows its own, and nothing else of the trace changes."""
    trace = recorded()
    shown = without(trace, {trace.calls[place].id for place in places})
    assert [step.number for step in shown.steps] == list(range(1, len(shown.steps) + 1))
    for step in shown.steps:
        assert getattr(step.call, f"{step.kind}_step") == step.number
        assert any(call is step.call for call in shown.calls)
    assert len(shown.calls) + shown.figures["hidden"] == len(trace.calls)
    assert (shown.name, shown.started, shown.stated) == (trace.name, trace.started, trace.stated)


def test_remarks_name_the_new_numbers() -> None:
    """A remark that names a step names the number that it has now."""
    system = System()
    client, api = system.service("client"), system.service("api", base="http://a:1")
    with system.call(client, api, "GET", "/first"):
        pass
    with system.call(client, api, "GET", "/second"):
        pass
    events = [(ref, event) for ref, event in system.events() if not _is(event, Response)]
    asked = [event for _, event in events if isinstance(event, Request) and _is(event, Request)]
    given_up = [Failure(event.at + 0.0025, event.origin, "ReadTimeout: no") for event in asked]
    trace = build([*events, *enumerate(given_up, 900)])
    assert "(step 2, 4)" in trace.remarks[0]
    shown = without(trace, {trace.calls[0].id})
    (remark,) = [remark for remark in shown.remarks if "never got an answer" in remark]
    assert f"(step {shown.calls[0].failure_step})" in remark


def _is(event: Event, kind: type) -> bool:
    """Whether it is such a line of a client's view."""
    return isinstance(event, kind) and isinstance(event, (Request, Response)) and event.origin.view == "client"
