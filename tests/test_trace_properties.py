from __future__ import annotations

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook.events import Attempt, Body, BodyEnd, Event, Failure, Origin, Request, Response
from requestshook.trace import build

TRACE = "5f" * 16
IDS = [f"{n:032x}" for n in range(6)]
TIMES = st.integers(0, 12).map(float)
HOSTS = st.sampled_from(["one", "two", "three"])
NAMES = st.sampled_from(["a", "b", "c"])
ATTEMPTS = st.lists(st.builds(Attempt, st.sampled_from([500, 503])), max_size=2).map(tuple)


@st.composite
def exchanges(draw: st.DrawFn) -> list[Event]:
    """The lines of any exchange that a capture point, a forger or a crash could leave."""
    view = draw(st.sampled_from(["client", "client", "wire", "server", "server"]))
    origin = Origin(
        view, draw(st.sampled_from(IDS)), TRACE, draw(HOSTS), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    )
    parent = draw(st.none() | st.sampled_from([*IDS, "f" * 32]))
    caller, callee = draw(NAMES), draw(st.none() | NAMES) if view == "server" else None
    url = f"http://{draw(NAMES)}:1/"
    body = Body("", 0)
    lines: list[Event] = []
    if draw(st.integers(0, 9)):
        lines.append(Request(draw(TIMES), origin, parent, caller, callee, "GET", url, "HTTP/1.1", (), body))
    if draw(st.booleans()):
        status = draw(st.sampled_from([200, 503]))
        lines.append(Response(draw(TIMES), origin, status, "", "HTTP/1.1", (), draw(ATTEMPTS), None))
    if draw(st.integers(0, 3)) == 0:
        lines.append(BodyEnd(draw(TIMES), origin, "response", body, "complete"))
    if draw(st.integers(0, 3)) == 0:
        lines.append(Failure(draw(TIMES), origin, "no", draw(ATTEMPTS)))
    return lines


FLOWS = st.lists(exchanges(), max_size=12).map(lambda found: [line for lines in found for line in lines])
SERVICES = (("a", "http://a:1"), ("b", "http://b:1"))


def numbered(events: list[Event]) -> list[tuple[int, Event]]:
    return list(enumerate(events, 1))


def by_process(events: list[Event]) -> dict[tuple[str, int], list[tuple[int, Event]]]:
    files: dict[tuple[str, int], list[tuple[int, Event]]] = defaultdict(list)
    for number, event in numbered(events):
        files[event.origin.host, event.origin.pid].append((number, event))  # type: ignore[union-attr] # call lines only
    return files


@settings(max_examples=200, deadline=None)
@given(FLOWS, st.randoms(use_true_random=False))
def test_the_trace_is_a_function_of_the_lines(events: list[Event], random: object) -> None:
    """However the lines of several processes are mixed, the trace is the same."""
    files = by_process(events)
    mixed: list[tuple[int, Event]] = []
    queues = [list(lines) for lines in files.values()]
    while queues:
        queue = random.choice(queues)  # type: ignore[attr-defined] # a random.Random
        mixed.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
    assert build(mixed, SERVICES) == build(numbered(events), SERVICES)


@settings(max_examples=200, deadline=None)
@given(FLOWS)
def test_numbers_have_no_holes_and_steps_their_order(events: list[Event]) -> None:
    """Steps are 1 to N in the order of time, and every call's request comes before what follows it."""
    trace = build(numbered(events), SERVICES)
    assert [step.number for step in trace.steps] == list(range(1, len(trace.steps) + 1))
    times = [step.at for step in trace.steps]
    assert times == sorted(times)
    for call in trace.calls:
        assert call.request_step < min(call.response_step or 10**6, call.failure_step or 10**6)
        if call.response_step and call.failure_step:
            assert call.response_step < call.failure_step
    assert [call.request_step for call in trace.calls] == sorted(call.request_step for call in trace.calls)


@settings(max_examples=200, deadline=None)
@given(FLOWS)
def test_children_come_after_their_cause(events: list[Event]) -> None:
    """A child's request comes after its parent's, and its depth is one more; no call is around itself."""
    trace = build(numbered(events), SERVICES)
    calls = {call.id: call for call in trace.calls}
    assert len(calls) == len(trace.calls)
    for call in trace.calls:
        if call.parent is None:
            assert call.depth == 0
            continue
        parent = calls[call.parent]
        assert call.depth == parent.depth + 1
        assert parent.request_step < call.request_step


@settings(max_examples=200, deadline=None)
@given(st.lists(exchanges(), max_size=12))
def test_every_line_is_used_or_remarked_upon(found: list[list[Event]]) -> None:
    """Each exchange is a view of one call; the lines of those that are not are counted by a remark."""
    lines = [_numbered_exchange(events, number) for number, events in enumerate(found)]
    trace = build(numbered([line for events in lines for line in events]), SERVICES)
    seen = [view.n for call in trace.calls for view in call.views]
    assert len(seen) == len(set(seen))
    left_out = sum(len(events) for number, events in enumerate(lines) if number not in seen)
    told = sum(int(remark.split()[0]) for remark in trace.remarks if " whose request is not " in remark)
    assert told == left_out


def _numbered_exchange(events: list[Event], number: int) -> list[Event]:
    return [event._replace(origin=event.origin._replace(n=number)) for event in events]  # type: ignore[union-attr] # call lines


@settings(max_examples=200, deadline=None)
@given(FLOWS)
def test_clients_and_servers_views_are_outermost_first(events: list[Event]) -> None:
    """A call's views go from the client inward, and there is at most one client among them."""
    ranks = {"client": 0, "wire": 1, "server": 2}
    for call in build(numbered(events), SERVICES).calls:
        kinds = [ranks[view.kind] for view in call.views]
        assert kinds == sorted(kinds)
        assert kinds.count(0) <= 1
