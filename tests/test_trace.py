from __future__ import annotations

import random
import time
from contextlib import ExitStack

import pytest
from trace_support import TRACE, Service, System

from requestshook.events import (
    Attempt,
    Body,
    BodyEnd,
    Count,
    Event,
    Failure,
    Origin,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
)
from requestshook.trace import UNSEEN, Trace, build

KEYSTONE = "http://182.161.114.101:80/identity"
SERVICES = (
    ("keystone", KEYSTONE),
    ("glance-api", "http://127.0.0.1:60999"),
    ("swift-proxy-server", "http://182.161.114.101:8080"),
)
FLOW = [
    "1 openstack --> keystone GET /identity/",
    "2 openstack <-- keystone 300",
    "3 openstack --> keystone POST /identity/v3/auth/tokens",
    "4 openstack <-- keystone 201",
    "5 openstack --> glance-api POST /v2/images",
    "6  glance-api --> keystone GET /identity/",
    "7  glance-api <-- keystone 300",
    "8  glance-api --> keystone POST /identity/v3/auth/tokens",
    "9  glance-api <-- keystone 201",
    "10  glance-api --> keystone GET /identity/v3/auth/tokens",
    "11  glance-api <-- keystone 200",
    "12 openstack <-- glance-api 201",
    "13 openstack --> glance-api PUT /v2/images/a42b/file",
    "14  glance-api --> keystone POST /identity/v3/auth/tokens",
    "15  glance-api <-- keystone 201",
    "16  glance-api --> swift-proxy-server HEAD /v1/AUTH_7c4c/glance",
    "17   swift-proxy-server --> keystone GET /identity/v3/auth/tokens",
    "18   swift-proxy-server <-- keystone 200",
    "19  glance-api <-- swift-proxy-server 204",
    "20  glance-api --> swift-proxy-server PUT /v1/AUTH_7c4c/glance/a42b",
    "21  glance-api <-- swift-proxy-server 201",
    "22 openstack <-- glance-api 204",
]


def image_create(**options: object) -> System:
    """The reference's flow; `options` are those of every service."""
    system = System()
    openstack = system.service("openstack", **options)
    keystone = system.service("keystone", base="http://182.161.114.101/identity", **options)
    glance = system.service("glance-api", base="http://127.0.0.1:60999", **options)
    swift = system.service("swift-proxy-server", base="http://182.161.114.101:8080", **options)
    with system.call(openstack, keystone, "GET", "/", 300):
        pass
    with system.call(openstack, keystone, "POST", "/v3/auth/tokens", 201):
        pass
    with system.call(openstack, glance, "POST", "/v2/images", 201) as create:
        for method, path, status in (
            ("GET", "/", 300), ("POST", "/v3/auth/tokens", 201), ("GET", "/v3/auth/tokens", 200),
        ):  # fmt: skip
            with system.call(glance, keystone, method, path, status, create):
                pass
    with system.call(openstack, glance, "PUT", "/v2/images/a42b/file", 204) as upload:
        with system.call(glance, keystone, "POST", "/v3/auth/tokens", 201, upload):
            pass
        with (
            system.call(glance, swift, "HEAD", "/v1/AUTH_7c4c/glance", 204, upload) as head,
            system.call(swift, keystone, "GET", "/v3/auth/tokens", 200, head),
        ):
            pass
        with system.call(glance, swift, "PUT", "/v1/AUTH_7c4c/glance/a42b", 201, upload):
            pass
    return system


def told(trace: Trace) -> list[str]:
    """The steps, each as one line, indented by depth."""
    lines = []
    for step in trace.steps:
        call = step.call
        arrow, what = {
            "request": ("-->", f"{call.method} {call.target}"),
            "response": ("<--", str(call.status)),
            "failure": ("<--", call.failure.error if call.failure else ""),
        }[step.kind]
        lines.append(f"{step.number} {' ' * call.depth}{call.caller} {arrow} {call.callee} {what}")
    return lines


def one(*events: Event, services: tuple[tuple[str, str], ...] = ()) -> Trace:
    """The trace of a few events."""
    return build(enumerate(events, 1), services)


def origin(view: str = "client", id: str = "a" * 32, host: str = "node1", pid: int = 1, n: int = 1) -> Origin:
    return Origin(view, id, TRACE, host, pid, n)


def request(at: float, where: Origin, **fields: object) -> Request:
    given: dict[str, object] = {
        "parent": None, "caller": "cli", "callee": None, "method": "GET", "url": "http://api.test/x",
        "http": "HTTP/1.1", "headers": (("Host", "api.test"),), "body": Body(None, 0),
    }  # fmt: skip
    return Request(at, where, **(given | fields))  # type: ignore[arg-type] # fields of a test


def response(at: float, where: Origin, status: int = 200, **fields: object) -> Response:
    given: dict[str, object] = {
        "reason": "OK", "http": "HTTP/1.1", "headers": (), "attempts": (), "body": Body(None, 0),
    }  # fmt: skip
    return Response(at, where, status, **(given | fields))  # type: ignore[arg-type] # fields of a test


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_reference_flow_has_its_22_steps(wrapped: bool) -> None:
    """Client and server views, or client views alone, give the reference's steps in its order and nesting."""
    trace = build(image_create(wrapped=wrapped).events(), SERVICES)
    assert told(trace) == FLOW
    assert [len(call.views) for call in trace.calls] == [2 if wrapped else 1] * 11
    assert trace.remarks == ()
    assert trace.figures["calls"] == 11


def test_servers_alone_tell_the_flow() -> None:
    """Where no client writes, the server views give callers, nesting and numbers."""
    assert told(build(image_create(hooked=False).events(), SERVICES)) == FLOW


@pytest.mark.parametrize("wrong", [-3600.0, -0.5, 0.5, 3600.0])
def test_a_wrong_clock_is_put_right_and_told(wrong: float) -> None:
    """Hosts whose clocks are wrong by an hour give the same steps, and a remark names them."""
    system = System()
    openstack = system.service("openstack", host="desk")
    keystone = system.service("keystone", base="http://182.161.114.101/identity", host="auth", wrong=wrong)
    glance = system.service("glance-api", base="http://127.0.0.1:60999", host="image", wrong=-wrong)
    with system.call(openstack, glance, "POST", "/v2/images", 201) as create:
        with system.call(glance, keystone, "GET", "/", 300, create):
            pass
        with system.call(glance, keystone, "POST", "/v3/auth/tokens", 201, create):
            pass
    trace = build(system.events(), SERVICES)
    assert [line.split()[1] for line in told(trace)] == ["openstack", *["glance-api"] * 4, "openstack"]
    assert [remark.split()[3] for remark in trace.remarks] == ["auth", "image"]
    for call in trace.calls:
        client, server = call.views
        assert client.request
        assert client.response
        assert server.request
        assert server.response
        assert client.request.event.at + client.shift <= server.request.event.at + server.shift + 1e-6
        assert server.response.event.at + server.shift <= client.response.event.at + client.shift + 1e-6


def test_clocks_that_nest_are_left_alone() -> None:
    """A clock that is wrong by less than the calls show is not shifted."""
    system = System()
    a = system.service("a", host="one")
    b = system.service("b", host="two", wrong=0.0005)
    with system.call(a, b, "GET", "/"):
        pass
    assert build(system.events()).remarks == ()


def test_a_clock_that_jumps_is_shifted_by_the_median() -> None:
    """Where no one shift makes all calls nest, the median is taken and said."""
    system = System()
    a, b = system.service("a", host="one"), system.service("b", host="two")
    for wrong in (10.0, 20.0, 30.0):
        b.wrong = wrong
        with system.call(a, b, "GET", "/"):
            pass
    trace = build(system.events())
    assert trace.calls[0].views[1].shift == pytest.approx(-20.0, abs=0.001)
    assert "median" in trace.remarks[0]


def test_a_lost_end_leaves_a_request_step_alone() -> None:
    """A call of which neither response nor failure came has one step."""
    trace = one(request(1.0, origin()))
    assert [(step.kind, step.number) for step in trace.steps] == [("request", 1)]
    assert trace.calls[0].answered is None
    assert trace.calls[0].response_step is None


def test_a_failure_is_a_step() -> None:
    """A call that failed without a response has a failure's step, and its earlier tries."""
    trace = one(request(1.0, origin()), Failure(2.0, origin(), "ConnectTimeout: no", (Attempt(503),)))
    assert [step.kind for step in trace.steps] == ["request", "failure"]
    assert trace.calls[0].failed
    assert trace.calls[0].attempts == (Attempt(503),)


def test_a_failure_after_a_response_follows_it() -> None:
    """A body that broke off gives three steps."""
    trace = one(request(1.0, origin()), response(2.0, origin(), body=None), Failure(3.0, origin(), "broken"))
    assert [step.kind for step in trace.steps] == ["request", "response", "failure"]
    assert trace.calls[0].response is not None
    assert trace.calls[0].response.end == UNSEEN


def test_a_caller_who_gave_up_saw_no_response() -> None:
    """What the server answered after the caller's timeout is no step, and is told."""
    trace = one(
        request(1.0, origin()),
        Failure(2.0, origin(), "ReadTimeout"),
        request(1.1, origin("server", pid=2)),
        response(3.0, origin("server", pid=2)),
    )
    assert [step.kind for step in trace.steps] == ["request", "failure"]
    assert "never got an answer" in trace.remarks[0]


def test_a_body_that_came_later_belongs_to_its_message() -> None:
    """A body line gives the message its size, its end and the number its content is asked for by."""
    trace = one(
        request(1.0, origin(), body=None),
        response(2.0, origin(), body=None),
        BodyEnd(2.5, origin(), "response", Body(b"", 1000, cut=True), "closed"),
        BodyEnd(1.5, origin(), "request", Body("", 7), "complete"),
    )
    call = trace.calls[0]
    assert call.response is not None
    assert (call.response.body, call.response.ref, call.response.end) == (Body(None, 1000, cut=True), 3, "closed")
    assert (call.request.body, call.request.ref, call.request.end) == (Body(None, 7), 4, "complete")


def test_retries_are_attempts_of_one_call() -> None:
    """Three tries that the server saw are one call: the last one's messages are shown."""
    client = origin()
    servers = [origin("server", pid=2, n=n) for n in (1, 2, 3)]
    trace = one(
        request(1.0, client),
        response(5.0, client, attempts=(Attempt(503), Attempt(503))),
        *(request(1.1 + n, where, headers=(("X-Try", str(n)),)) for n, where in enumerate(servers)),
        *(response(1.2 + n, where, 200 if n == 2 else 503) for n, where in enumerate(servers)),
    )
    (call,) = trace.calls
    assert [view.kind for view in call.views] == ["client", "server", "server", "server"]
    assert call.status == 200
    assert call.attempts == (Attempt(503), Attempt(503))
    assert call.request.event.headers == (("X-Try", "2"),)
    assert len(trace.steps) == 2


def test_a_retry_that_overtakes_its_first_try_is_told_by_its_status() -> None:
    """The first try's late 503 is not taken for the answer."""
    first, second = origin("server", pid=2, n=1), origin("server", pid=3, n=1)
    trace = one(
        request(1.0, origin()),
        response(2.0, origin(), 201, attempts=(Attempt(None, "ReadTimeout"),)),
        request(1.5, second), response(1.9, second, 201),
        request(1.6, first), response(9.0, first, 503),
    )  # fmt: skip
    assert trace.calls[0].status == 201
    assert trace.calls[0].response is not None
    assert trace.calls[0].response.event.at == 1.9


def test_retries_that_only_servers_saw_are_one_call() -> None:
    """Without a client's view, a try after a 503 is another attempt."""
    first, second = origin("server", pid=2, n=1), origin("server", pid=2, n=2)
    trace = one(request(1.0, first), response(1.1, first, 503), request(2.0, second), response(2.1, second, 200))
    (call,) = trace.calls
    assert (call.status, call.attempts) == (200, (Attempt(503),))


def test_an_id_that_comes_again_after_its_end_is_a_new_call() -> None:
    """A request replayed with the id of an answered call is another call, whose id is always the same."""
    first, second = origin("server", pid=2, n=1), origin("server", pid=2, n=2)
    events = [request(1.0, first), response(1.1, first), request(2.0, second), response(2.1, second)]
    trace = one(*events)
    assert [call.started for call in trace.calls] == [1.0, 2.0]
    assert trace.calls[0].id == "a" * 32
    assert trace.calls[1].id != "a" * 32
    assert len(trace.calls[1].id) == 32
    assert [call.id for call in one(*events[2:], *events[:2]).calls] == [call.id for call in trace.calls]


def test_a_replay_of_a_client_seen_call_is_a_new_call() -> None:
    """The client said that it tried once: what the server saw beyond that is not the client's."""
    first, replay = origin("server", pid=2, n=1), origin("server", pid=2, n=2)
    trace = one(
        request(1.0, origin()), request(1.1, first), response(1.2, first, 500), response(1.3, origin(), 500),
        request(2.0, replay), response(2.1, replay),
    )  # fmt: skip
    assert [[view.kind for view in call.views] for call in trace.calls] == [["client", "server"], ["server"]]


def test_an_id_from_another_caller_is_a_new_call() -> None:
    """One id from two callers is two calls."""
    first, second = origin("server", pid=2, n=1), origin("server", pid=2, n=2)
    trace = one(request(1.0, first), request(1.05, second, caller="mallory"), response(1.1, first))
    assert [call.caller for call in trace.calls] == ["cli", "mallory"]


def test_lines_without_a_request_are_remarked_upon() -> None:
    """A response whose request was lost makes no call and is not passed over in silence."""
    trace = one(response(1.0, origin()))
    assert trace.calls == ()
    assert "1 line is of calls whose request" in trace.remarks[0]


def test_a_response_without_its_request_line_still_belongs() -> None:
    """The client's request line was lost: its response counts, the server's request is shown."""
    trace = one(response(3.0, origin()), request(1.0, origin("server", pid=2)), response(2.0, origin("server", pid=2)))
    (call,) = trace.calls
    assert (call.answered, len(call.views), trace.remarks) == (3.0, 2, ())


def test_a_line_said_twice_is_remarked_upon() -> None:
    """Of two request lines of one exchange the first counts."""
    trace = one(request(1.0, origin()), request(1.0, origin(), method="PUT"))
    assert trace.calls[0].method == "GET"
    assert len(trace.remarks) == 1


class TestNames:
    def test_services_name_the_callee_at_the_outermost_address(self) -> None:
        """The longest base wins over the server's own name."""
        server = origin("server", pid=2)
        services = (("front", "http://api.test:80"), ("images", "http://api.test:80/x"))
        trace = one(request(1.0, origin()), request(1.1, server, callee="glance"), services=services)
        assert trace.calls[0].callee == "images"

    def test_without_services_the_server_names_itself(self) -> None:
        """The server view's own name comes next."""
        trace = one(request(1.0, origin()), request(1.1, origin("server", pid=2), callee="glance"))
        assert trace.calls[0].callee == "glance"

    @pytest.mark.parametrize("url", ["http://api.test/x", "http://[", "nonsense", "http://h:99999999/"])
    def test_without_anything_it_is_host_and_port(self, url: str) -> None:
        """Else host and port; an address that is none is no crash."""
        trace = one(request(1.0, origin(), url=url), services=SERVICES)
        assert trace.calls[0].callee
        if "api" in url:
            assert trace.calls[0].callee == "api.test:80"

    def made_by_server(self, *, named: bool) -> Trace:
        inner = origin(id="b" * 32, pid=2, n=2)
        return one(
            Process(0.5, "node1", 2, None, "glance", (), "store", named),
            request(1.0, origin()),
            request(1.1, origin("server", pid=2), callee="glance"),
            request(1.2, inner, caller="glance", url="http://auth.test/", parent="a" * 32),
            services=(("glance-api", "http://api.test:80"),),
        )

    def test_who_answers_as_a_name_calls_by_it(self) -> None:
        """A process that answered as glance-api is glance-api where it calls, too."""
        assert self.made_by_server(named=False).calls[1].caller == "glance-api"

    def test_a_given_name_stays_and_is_remarked_upon(self) -> None:
        """A name given in code or by REQUESTSHOOK_SERVICE stays; the disagreement is told once."""
        trace = self.made_by_server(named=True)
        assert trace.calls[1].caller == "glance"
        assert [r for r in trace.remarks if "answers as glance-api" in r] == list(trace.remarks)


class TestParents:
    def test_a_call_without_parent_made_while_one_was_answered_is_put_under_it(self) -> None:
        """The caller was answering exactly one call: that is the inferred parent."""
        system = System()
        a, b, c = (system.service(name, wrapped=False) for name in "abc")
        b.base, c.base = "http://b:1", "http://c:1"
        with system.call(a, b, "GET", "/"), system.call(b, c, "GET", "/"):
            pass
        trace = build(system.events(), (("b", "http://b:1"), ("c", "http://c:1")))
        inner = trace.calls[1]
        assert (inner.parent, inner.inferred, inner.depth) == (trace.calls[0].id, True, 1)

    def test_two_calls_being_answered_leave_it_open(self) -> None:
        """The caller was answering two calls: no parent is guessed."""
        system = System()
        a, b, c = (system.service(name, wrapped=False) for name in "abc")
        b.base, c.base = "http://b:1", "http://c:1"
        with system.call(a, b, "GET", "/1"), system.call(a, b, "GET", "/2"), system.call(b, c, "GET", "/"):
            pass
        trace = build(system.events(), (("b", "http://b:1"), ("c", "http://c:1")))
        assert trace.calls[2].parent is None

    def test_a_parent_that_is_not_there_is_remarked_upon(self) -> None:
        """A missing parent leaves the call outermost."""
        trace = one(request(1.0, origin(), parent="c" * 32))
        assert (trace.calls[0].parent, trace.calls[0].depth) == (None, 0)
        assert "1 call was made for a call that is not in this recording" in trace.remarks[0]

    @pytest.mark.parametrize("length", [1, 2, 5])
    def test_circles_are_cut(self, length: int) -> None:
        """Calls that name each other as parents lose one link, and no more."""
        ids = [f"{n:032x}" for n in range(length)]
        trace = one(*(
            request(1.0 + n, origin(id=id, n=n), parent=ids[n - 1]) for n, id in enumerate(ids)
        ))  # fmt: skip
        assert [call.depth for call in trace.calls] == list(range(length))
        assert len(trace.remarks) == 1

    def test_a_chain_of_ten_thousand_is_no_matter(self) -> None:
        """Depth is no recursion."""
        system = System()
        service = system.service("x")
        parent: str | None = None
        with ExitStack() as stack:
            for _ in range(10_000):
                parent = stack.enter_context(system.call(service, service, "GET", "/", parent=parent))
        trace = build(system.events())
        assert [call.depth for call in trace.calls] == list(range(10_000))
        assert [step.call.depth for step in trace.steps[10_000:]] == list(reversed(range(10_000)))


class TestOrder:
    def test_at_one_time_causes_come_first_and_answers_before_questions(self) -> None:
        """All at one moment: the parent's request, the children one after the other, the parent's response."""
        first, second = origin(id="b" * 32, n=2), origin(id="c" * 32, n=3)
        trace = one(
            request(1.0, origin()),
            request(1.0, first, parent="a" * 32), response(1.0, first),
            request(1.0, second, parent="a" * 32), response(1.0, second),
            response(1.0, origin()),
        )  # fmt: skip
        assert [(step.call.id[0], step.kind) for step in trace.steps] == [
            ("a", "request"), ("b", "request"), ("b", "response"),
            ("c", "request"), ("c", "response"), ("a", "response"),
        ]  # fmt: skip

    def test_what_its_own_clock_puts_after_the_response_stays_there(self) -> None:
        """A call that the server made once it had answered comes after the response, whatever the client's clock."""
        server, later = origin("server", host="far", pid=2), origin(id="b" * 32, host="far", pid=2, n=2)
        trace = one(
            request(1.0, origin()), request(1.1, server), response(1.2, server), response(1.5, origin()),
            request(1.3, later, parent="a" * 32, caller="api"), response(1.4, later),
        )  # fmt: skip
        assert [(step.call.id[0], step.kind) for step in trace.steps] == [
            ("a", "request"), ("a", "response"), ("b", "request"), ("b", "response"),
        ]  # fmt: skip
        assert [step.at for step in trace.steps] == sorted(step.at for step in trace.steps)

    def test_what_a_foreign_clock_puts_outside_is_put_between(self) -> None:
        """A child of another host's clock lies between its parent's request and response."""
        child = origin(id="b" * 32, host="far", pid=2)
        trace = one(
            request(1.0, origin()), response(1.5, origin()),
            request(1.4, child, parent="a" * 32), response(1.8, child),
        )  # fmt: skip
        assert [step.call.id[0] for step in trace.steps] == ["a", "b", "b", "a"]


class TestShown:
    def call(
        self, sent: tuple[tuple[str, str], ...], arrived: tuple[tuple[str, str], ...], **fields: object
    ) -> Request:
        trace = one(
            request(1.0, origin(), headers=sent),
            request(1.1, origin("server", pid=2), headers=arrived, **fields),
        )
        event = trace.calls[0].request.event
        assert isinstance(event, Request)
        return event

    def test_case_order_and_repeats_are_the_senders(self) -> None:
        """A WSGI server's headers are shown as they were sent, where the values agree."""
        sent = (("x-auth-token", "t"), ("Host", "h"), ("Accept", "a"), ("Accept", "b"), ("COOKIE", "c=1; d=2"))
        arrived = (("Accept", "a,b"), ("Cookie", "c=1; d=2"), ("Host", "h"), ("X-Auth-Token", "t"))
        assert self.call(sent, arrived).headers == sent

    def test_what_a_proxy_changed_is_shown_as_it_arrived(self) -> None:
        """A changed value, a dropped header and an added one are those of the server."""
        sent = (("Host", "front"), ("Connection", "close"), ("X-A", "1"))
        arrived = (("X-Forwarded-For", "10.0.0.1"), ("X-A", "1"), ("Host", "back"))
        assert self.call(sent, arrived).headers == (("Host", "back"), ("X-A", "1"), ("X-Forwarded-For", "10.0.0.1"))

    def test_what_the_server_invented_is_not_shown(self) -> None:
        """wsgiref's text/plain and empty length stand for nothing."""
        arrived = (("Content-Type", "text/plain"), ("Content-Length", ""), ("Host", "h"))
        assert self.call((("Host", "h"),), arrived).headers == (("Host", "h"),)

    def test_a_sent_content_type_stays(self) -> None:
        """A text/plain that was sent is shown."""
        sent = (("Content-Type", "text/plain"), ("Content-Length", "2"))
        assert self.call(sent, sent).headers == sent

    @pytest.mark.parametrize(
        ("outer", "server", "shown"),
        [
            ("http://a/%7Ex?q=1", "http://b:1/~x?q=1", "/%7Ex?q=1"),
            ("http://a/%ED%95%9C", "http://a/한", "/%ED%95%9C"),
            ("http://a/front/x", "http://b/x", "/x"),
            ("http://a/x?q=1", "http://b/x", "/x"),
        ],
    )
    def test_a_target_that_was_only_decoded_is_shown_as_sent(self, outer: str, server: str, shown: str) -> None:
        """The spelling is the sender's, a rewritten path the server's."""
        trace = one(request(1.0, origin(), url=outer), request(1.1, origin("server", pid=2), url=server))
        assert trace.calls[0].target == shown

    def test_the_fullest_body_is_shown(self) -> None:
        """The server read half of it: the client's whole body is shown."""
        trace = one(
            request(1.0, origin(), body=Body("", 10)),
            request(1.1, origin("server", pid=2), body=None),
            BodyEnd(1.2, origin("server", pid=2), "request", Body("", 5), "closed"),
        )
        shown = trace.calls[0].request
        assert (shown.ref, shown.end, shown.body) == (1, "complete", Body(None, 10))


def test_the_recording_is_told() -> None:
    """Name, command, output and exit come from the recording's lines; lost lines are remarked upon."""
    trace = one(
        Recorded(9.0, TRACE, 3, (("out", "hello\n"),), cut=True),
        Recording(1.0, TRACE, "image-create", ("openstack", "image", "create")),
        Count(5.0, "node1", 7, 0, 0, 2, "disk full"),
        Count(4.0, "node1", 7, 0, 0, 1, "disk full"),
    )
    assert (trace.id, trace.name, trace.command[0]) == (TRACE, "image-create", "openstack")
    assert (trace.started, trace.ended, trace.exit, trace.output_cut) == (1.0, 9.0, 3, True)
    assert trace.output == (("out", "hello\n"),)
    assert trace.remarks == ("Process 7 on node1 could not write 2 lines (disk full).",)


def test_nothing_is_a_trace_too() -> None:
    """No events give an empty trace."""
    assert one() == Trace("", "", (), (), False, None, 0.0, None, (), (), figures={
        "calls": 0, "services": 0, "failures": 0, "hidden": 0,
    })  # fmt: skip


def test_ten_thousand_calls_take_seconds() -> None:
    """10,000 calls with two views each are worked out in a few seconds (about one on an idle machine)."""
    system = System()
    client = system.service("client")
    server = system.service("server", base="http://s:1")
    for number in range(10_000):
        with system.call(client, server, "GET", f"/{number}"):
            pass
    events = system.events()
    started = time.process_time()
    trace = build(events, (("server", "http://s:1"),))
    assert time.process_time() - started < 6
    assert len(trace.steps) == 20_000


def test_the_order_of_files_does_not_matter() -> None:
    """Whichever file comes first, the trace is the same but for the numbers of the bodies."""
    system = image_create()
    told_first = told(build(system.events(), SERVICES))
    for seed in range(10):
        order = list(range(len(system.services)))
        random.Random(seed).shuffle(order)
        assert told(build(system.events(order), SERVICES)) == told_first


def test_support_makes_what_it_says() -> None:
    """The tests' own system writes both views of a call."""
    system = System()
    a: Service = system.service("a")
    with system.call(a, a, "GET", "/"):
        pass
    assert [type(event).__name__ for _, event in system.events()] == ["Request", "Request", "Response", "Response"]
