"""What `watch` takes for new, in whatever order a recording's lines are read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from requestshook import trace
from requestshook.cli.arriving import Arrival, Arrivals
from requestshook.events import Body, Event, Origin, Recording, Request, Response

TRACE = "2" * 32


def lines(parents: list[int]) -> list[Event]:
    """Calls that lie in each other as `parents` says: the n-th was made while the call of that number was served."""
    depth = [0]
    for number, parent in enumerate(parents[1:], 1):
        depth.append(depth[parent % number] + 1)
    found: list[Event] = [Recording(0.0, TRACE, "flow", ())]
    for number, parent in enumerate(parents):
        above = f"{parent % number:032x}" if number else None
        origin = Origin("client", f"{number:032x}", TRACE, "h", 7 + number, 1)
        found += [
            Request(number + 1.0, origin, above, f"s{depth[number]}", f"s{depth[number] + 1}", "GET", "http://h/",
                    "HTTP/1.1", (), Body("", 0)),
            Response(100.0 - number, origin, 200, "OK", "HTTP/1.1", (), (), Body("", 0)),
        ]  # fmt: skip
    return found


flows = st.lists(st.integers(0, 5), min_size=1, max_size=6).map(lines)


def follow(looks: list[list[Event]]) -> tuple[Arrivals, list[Arrival], trace.Trace]:
    """Look at the recording as it grows, then at its end."""
    arrivals, found = Arrivals(), []
    for seen in looks:
        built = trace.build(enumerate(seen))
        found += arrivals.look(built)
    found += arrivals.look(built, all=True)
    return arrivals, found, built


@given(flows, st.data())
def test_each_step_is_given_once(flow: list[Event], data: st.DataObject) -> None:
    """Whatever comes first: each step is given exactly once, and what is in another place in the end is counted."""
    shuffled = data.draw(st.permutations(flow))
    ends = sorted({*data.draw(st.lists(st.integers(1, len(flow)))), len(flow)})
    arrivals, found, built = follow([list(shuffled[:end]) for end in ends])
    given_steps = [(arrival.step.call.id, arrival.kind) for arrival in found]
    steps = [(step.call.id, step.kind) for step in built.steps]
    assert sorted(given_steps) == sorted(steps)
    if not arrivals.outdated(built):
        assert given_steps == steps
        assert [a.step.call.depth for a in found] == [step.call.depth for step in built.steps]
    if given_steps != steps:
        assert any(arrival.late for arrival in found)


@given(flows)
def test_what_comes_in_order_is_never_outdated(flow: list[Event]) -> None:
    """Lines that are read in the order of time are given in the order of the trace."""
    flow.sort(key=lambda event: event.at)
    arrivals, found, built = follow([flow[:end] for end in range(1, len(flow) + 1)])
    assert [arrival.step.number for arrival in found] == [step.number for step in built.steps]
    assert not any(arrival.late for arrival in found)
    assert arrivals.outdated(built) == 0


def test_a_step_is_held_back_for_one_look() -> None:
    """What names a callee is often written a moment later: it is waited for, once."""
    flow = lines([0])
    built = trace.build(enumerate(flow[:2]))
    arrivals = Arrivals()
    assert list(arrivals.look(built)) == []
    assert [arrival.kind for arrival in arrivals.look(built)] == ["request"]
    assert list(arrivals.look(built)) == []
