"""Calls that carry none of our headers are tied together by those of other tools, where time alone does not tell."""

from __future__ import annotations

import time

import pytest
from test_trace import one, origin, request, response

from requestshook.events import Event, Headers
from requestshook.trace import Trace

ONE, TWO = "0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c"
REQ = "req-11111111-2222-4333-8444-555555555555"


def context(trace: str, span: int) -> Headers:
    """A W3C traceparent: every service of a flow passes the trace on, each with spans of its own."""
    return (("Traceparent", f"00-{trace}-{span:016x}-01"),)


def openstack(id: str) -> Headers:
    return (("X-Openstack-Request-Id", id),)


def story(first: Headers, second: Headers, third: Headers, *, answer: Headers = (), at: float = 1.3) -> Trace:
    """The client calls b at 1.0 and at 1.1, answered at 2.0 and 2.1; b calls c, without a parent of ours."""
    calls = [origin(id=letter * 32, pid=pid, n=n) for n, (letter, pid) in enumerate((("a", 1), ("b", 1), ("c", 2)))]
    events: list[Event] = [
        request(1.0, calls[0], url="http://b:1/one", headers=first),
        request(1.1, calls[1], url="http://b:1/two", headers=second),
        response(2.0, calls[0], headers=answer), response(2.1, calls[1]),
        request(at, calls[2], url="http://c:1/three", headers=third, caller="b"), response(at + 0.1, calls[2]),
    ]  # fmt: skip
    return one(*events, services=(("b", "http://b:1"), ("c", "http://c:1")))


@pytest.mark.parametrize(
    ("first", "second", "third", "answer"),
    [
        (context(ONE, 1), context(TWO, 2), context(ONE, 3), ()),
        (context(ONE, 1), (), context(ONE, 3), ()),
        (openstack(REQ), (), openstack(REQ), ()),
        ((), openstack(REQ.replace("1", "9")), openstack(REQ), openstack(REQ)),
    ],
)
def test_of_two_calls_that_were_being_answered_the_headers_pick_one(
    first: Headers, second: Headers, third: Headers, answer: Headers
) -> None:
    """The same traceparent trace, or the same OpenStack request id, taken in or given out by the service."""
    trace = story(first, second, third, answer=answer)
    (made,) = [call for call in trace.calls if call.callee == "c"]
    assert (made.parent, made.inferred, made.depth) == ("a" * 32, True, 1)


@pytest.mark.parametrize(
    ("first", "second", "third"),
    [
        (context(ONE, 1), context(ONE, 2), context(ONE, 3)),
        (context(ONE, 1), context(TWO, 2), ()),
        (openstack("-"), (), openstack("-")),
        ((("Traceparent", f"00-{'0' * 32}-{1:016x}-01"),), (), (("Traceparent", f"00-{'0' * 32}-{1:016x}-01"),)),
    ],
)
def test_what_tells_nothing_ties_nothing(first: Headers, second: Headers, third: Headers) -> None:
    """Two calls of one trace, a call without such a header, a header that is none: no parent is guessed."""
    (made,) = [call for call in story(first, second, third).calls if call.callee == "c"]
    assert made.parent is None


def test_what_is_done_after_the_answer_is_tied_by_headers() -> None:
    """A call made once its cause was answered has it as its parent, and stays after the answer."""
    trace = story(context(ONE, 1), context(TWO, 2), context(ONE, 3), at=3.0)
    assert [(call.callee, call.parent) for call in trace.calls][2] == ("c", "a" * 32)
    assert trace.steps[-1].call.callee == "c"


def test_another_trace_is_no_parent_though_time_would_say_so() -> None:
    """The one call that was being answered belongs to another trace: the service did this for a cause of its own."""
    outer, made = origin(), origin(id="c" * 32, pid=2)
    trace = one(
        request(1.0, outer, url="http://b:1/", headers=context(ONE, 1)), response(2.0, outer),
        request(1.1, made, url="http://c:1/", headers=context(TWO, 2), caller="b"), response(1.2, made),
        services=(("b", "http://b:1"), ("c", "http://c:1")),
    )  # fmt: skip
    assert [call.parent for call in trace.calls] == [None, None]


def test_many_calls_that_nobody_answered_take_no_time() -> None:
    """10,000 calls that wait, and 10,000 made meanwhile: each is found at once."""
    events: list[Event] = []
    for n in range(10_000):
        events.append(request(1.0, origin(id=f"{n:032x}", n=n), url="http://b:1/", headers=context(f"{n + 1:032x}", 1)))
        made = origin(id=f"{n + 10_000:032x}", pid=2, n=n)
        events.append(request(2.0, made, url="http://c:1/", headers=context(f"{n + 1:032x}", 2), caller="b"))
    began = time.process_time()
    trace = one(*events, services=(("b", "http://b:1"), ("c", "http://c:1")))
    assert time.process_time() - began < 6
    assert sum(call.depth for call in trace.calls) == 10_000
