"""One call that several capture points saw: one call, in one order, and what became of it on its way."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from views_support import ASKED, GIVEN, ID, Sight, client, page_of, said, server, trace_of, wire

from requestshook.events import Attempt, Body, Headers
from requestshook.page.settings import PageSettings
from requestshook.trace import Trace

NOTHING = Body("", 0)


def kinds(trace: Trace) -> list[tuple[str, ...]]:
    return [tuple(view.kind for view in call.views) for call in trace.calls]


def told(trace: Trace) -> list[str]:
    return [f"{step.number} {step.kind} {step.at - 1_700_000_000:.3f}" for step in trace.steps]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_three_views_are_one_call(order: tuple[int, ...]) -> None:
    """Whichever process's lines are read first, the call has its views outermost first, and the client's times."""
    sights = [client(), wire(), server()]
    trace = trace_of(*(sights[index] for index in order))
    assert kinds(trace) == [("client", "wire", "server")]
    assert told(trace) == ["1 request 0.000", "2 response 0.100"]
    assert trace.remarks == ()


@pytest.mark.parametrize("left_out", range(3))
def test_two_views_are_one_call(left_out: int) -> None:
    """Where one of the three is missing, the outermost of the others gives the times."""
    sights = [client(), wire(), server()]
    del sights[left_out]
    trace = trace_of(*sights)
    assert kinds(trace) == [tuple(sight.view for sight in sights)]
    assert told(trace) == [
        f"1 request {sights[0].began / 1000:.3f}", f"2 response {sights[0].ended / 1000:.3f}",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", [3_600_000, -3_600_000, 50, -50])
def test_a_proxy_whose_clock_is_wrong_is_put_right(wrong: float) -> None:
    """The wire's clock is shifted by the least that makes it lie between client and server, and a remark says so."""
    trace = trace_of(client(), wire(10 + wrong, 90 + wrong, host="proxy"), server())
    assert kinds(trace) == [("client", "wire", "server")]
    assert told(trace) == ["1 request 0.000", "2 response 0.100"]
    (remark,) = trace.remarks
    assert remark.startswith("The clock of proxy is shifted by ")
    shift = trace.calls[0].views[1].shift
    began, ended = (round(at / 1000 + shift, 5) for at in (10 + wrong, 90 + wrong))
    assert 0 <= began <= 0.020
    assert 0.080 <= ended <= 0.100


def test_a_proxy_whose_clock_nests_is_left_alone() -> None:
    """A proxy on another host, between client and server by its own clock, is not shifted."""
    trace = trace_of(client(), wire(host="proxy"), server())
    assert trace.calls[0].views[1].shift == 0
    assert trace.remarks == ()


def test_two_proxies_in_a_row() -> None:
    """Two proxies of one host are two views, the one that saw the call first further out."""
    for outer, inner in ((5, 6), (6, 5)):
        trace = trace_of(client(), wire(10, 90, pid=outer), wire(12, 88, pid=inner), server())
        assert [(view.kind, view.pid) for call in trace.calls for view in call.views] == [
            ("client", 1), ("wire", outer), ("wire", inner), ("server", 3),
        ]  # fmt: skip


@pytest.mark.parametrize("wrong", [7_200_000, -7_200_000])
def test_two_proxies_of_hosts_whose_clocks_differ(wrong: float) -> None:
    """What a clock says of who came first is not believed: whoever saw the call for longer lies further out."""
    inner = wire(15 + wrong, 85 + wrong, host="inner", pid=5)
    for sights in ([wire(10, 90, host="outer"), inner], [inner, wire(10, 90, host="outer")]):
        trace = trace_of(client(), *sights, server())
        assert [view.host for view in trace.calls[0].views] == ["node1", "outer", "inner", "node1"]
        assert told(trace) == ["1 request 0.000", "2 response 0.100"]


def test_proxies_of_other_hosts_where_one_saw_it_fail() -> None:
    """An inner proxy that waits on, when the caller has gone, does not lie further out for that."""
    outer = wire(10, 50, host="outer", status=None, error="ClientDisconnected: gone")
    trace = trace_of(client(0, 49, status=None, error="ReadTimeout: no"), wire(15, 120, host="inner", pid=5), outer)
    assert [view.host for view in trace.calls[0].views] == ["node1", "outer", "inner"]


def test_one_proxy_passed_twice() -> None:
    """One process through which a call passes twice, on the way to other addresses, has two views of one call."""
    outer, inner = wire(10, 90, url="http://127.0.0.1:2/x"), wire(12, 88, url="http://127.0.0.1:3/x", n=2)
    trace = trace_of(client(), outer, inner, server())
    assert kinds(trace) == [("client", "wire", "wire", "server")]
    assert not any(view.earlier for view in trace.calls[0].views)
    assert trace.calls[0].attempts == ()


def tries(pid: int, view: str, statuses: tuple[int, ...], inset: float) -> list[Sight]:
    """A call that was tried again, each try half of the time between 0 and 100."""
    found = []
    for number, status in enumerate(statuses):
        began = number * 50 + inset
        found.append(Sight(view, began, began + 50 - 2 * inset, n=number + 1, pid=pid, status=status))
    return found


def test_retries_through_a_proxy_are_one_call() -> None:
    """Tries that proxy and server saw twice are one call of two attempts, whose last views are the ones shown."""
    whole = client(attempts=(Attempt(503),))
    sights = [whole, *tries(2, "wire", (503, 200), 5), *tries(3, "server", (503, 200), 10)]
    trace = trace_of(*sights)
    (call,) = trace.calls
    assert call.attempts == (Attempt(503),)
    assert [(view.kind, view.n) for view in call.views if not view.earlier] == [
        ("client", 1), ("wire", 2), ("server", 2),
    ]  # fmt: skip
    assert [step.kind for step in trace.steps] == ["request", "response"]
    assert said(*sights) == []


def test_an_answer_that_the_proxy_made() -> None:
    """Nobody listens behind the proxy: the page shows the 502 that the caller got, and says why."""
    sights = [
        client(status=502, reason="Bad Gateway"),
        wire(status=None, error="ConnectionRefused: [Errno 111] Connect call failed"),
    ]
    (call,) = trace_of(*sights).calls
    assert (call.status, call.failure) == (502, None)
    page = page_of(*sights)
    assert "### (2) 502 Bad Gateway /x" in page
    assert said(*sights) == ["Further in it ended otherwise: wire ConnectionRefused: [Errno 111] Connect call failed."]


def test_a_502_that_came_again_and_again() -> None:
    """Each try was answered by the proxy alone: attempts are those of the caller, and the last one's reason is said."""
    tried = [
        wire(10 + 30 * number, 20 + 30 * number, n=number, status=None, error=f"ConnectionRefused: {number}")
        for number in range(3)
    ]
    sights = [client(status=502, reason="Bad Gateway", attempts=(Attempt(502), Attempt(502))), *tried]
    (call,) = trace_of(*sights).calls
    assert [view.earlier for view in call.views] == [False, True, True, False]
    assert said(*sights) == ["Further in it ended otherwise: wire ConnectionRefused: 2."]


def test_a_caller_who_did_not_wait() -> None:
    """The client's time-out is the step; what proxy and server saw instead is said there."""
    sights = [
        client(status=None, error="ReadTimeout: timed out"),
        wire(status=None, error="ClientDisconnected: it closed the connection"),
        server(began=20, ended=120),
    ]
    assert "### (2) ReadTimeout /x" in page_of(*sights)
    assert said(*sights) == [
        "Further in it ended otherwise: wire ClientDisconnected: it closed the connection; server 200 OK."
    ]


def test_an_application_that_raised() -> None:
    """The 500 is the server's own: the page says what the application raised."""
    sights = [client(status=500), wire(status=500), server(status=None, error="ZeroDivisionError: by zero")]
    assert said(*sights) == ["Further in it ended otherwise: server ZeroDivisionError: by zero."]


def test_secrets_in_what_is_said_are_numbered() -> None:
    """Pseudonyms in errors, addresses and fields of other views are numbered like all others."""
    hidden = "‹token:0123456789abcdef›"
    page = page_of(
        client(url=f"http://api.test/x?token={hidden}", status=502),
        wire(asked=(*ASKED, ("X-Z", hidden)), status=None, error=f"ConnectionReset: {hidden}"),
    )
    assert "‹token:" not in page
    assert "ConnectionReset: ‹token-" in page
    assert "target /x?token=‹token-" in page


def test_another_status_is_not_shown_as_the_callers() -> None:
    """A 504 whose maker nobody saw: the page shows what the caller got, and that the views disagree."""
    sights = [client(status=504, reason="Gateway Timeout"), server(status=200)]
    assert "### (2) 504 Gateway Timeout /x" in page_of(*sights)
    assert said(*sights) == ["The views disagree, which no proxy should cause: status 200 at server, 504 at client."]


def test_the_page_shows_the_view_that_it_is_told_to() -> None:
    """Innermost by default; `view` chooses another."""
    sights = [client(), wire(asked=(*ASKED, ("X-Wire", "1"))), server(asked=(*ASKED, ("X-Server", "1")))]
    shown = {
        view: [name for name in ("X-Wire: 1", "X-Server: 1") if f"    {name}" in page_of(*sights, settings=chosen)]
        for view, chosen in ((None, None), *((v, PageSettings(view=v)) for v in ("client", "wire", "server")))
    }
    assert shown == {None: ["X-Server: 1"], "client": [], "wire": ["X-Wire: 1"], "server": ["X-Server: 1"]}


def between(old: Headers, new: Headers, **options: object) -> list[str]:
    """What is said where a request's fields became others on the way to the proxy."""
    return said(client(asked=(*ASKED, *old)), wire(asked=(*ASKED, *new), **options))


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ((), (("Via", "1.1 gate"), ("X-Forwarded-For", "::1")), "headers added: Via, X-Forwarded-For"),
        ((("X-A", "1"), ("X-B", "2")), (("X-B", "2"),), "headers dropped: X-A"),
        ((("X-For", "a"),), (("X-For", "a, b"),), "headers changed: X-For (a → a, b)"),
        ((("X-A", "a" * 41),), (("X-A", "b"),), "headers changed: X-A"),
        ((("X-T", "‹token:0123456789abcdef›"),), (("X-T", "‹token:0123456789abcdee›"),), "headers changed: X-T"),
        ((("Connection", "x-a"), ("X-A", "1")), (("X-C", "1"),), "headers added: X-C"),
    ],
)
def test_what_became_of_header_fields(old: Headers, new: Headers, what: str) -> None:
    """Fields added, dropped and changed are named, with both values where these are short and no secrets."""
    assert between(old, new) == [f"From client to wire: {what}."]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((("X-A", "1"),), (("x-a", "1"),)),
        ((("X-A", "1"), ("X-A", "2")), (("X-A", "1, 2"),)),
        ((("Cookie", "a=1; b=2"),), (("cookie", "a=1"), ("cookie", "b=2"))),
        ((("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")), (("Connection", "close"),)),
        ((("TE", "trailers"), ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic x")), ()),
        ((("Connection", "X-Own"), ("X-Own", "1")), ()),
        ((("X-Requestshook-Request-Id", ID),), (("X-Requestshook-Trace-Id", ID),)),
        ((("Transfer-Encoding", "chunked"),), ()),
    ],
)
def test_what_is_no_change(old: Headers, new: Headers) -> None:
    """Spelling, repeats, fields of one connection and our own tags are not worth a word."""
    assert between(old, new) == []


def test_values_of_another_key_are_not_compared() -> None:
    """A process without the store's key gives other pseudonyms to the same secret: no change, no disagreement."""
    one, other = (("Authorization", f"Bearer ‹token:{digit * 16}›") for digit in "12")
    same = [client(asked=(*ASKED, one), key="store"), wire(asked=(*ASKED, other), key="store")]
    assert said(*same) == [
        "From client to wire: headers changed: Authorization.",
        "The views disagree, which no proxy should cause: Authorization of client is another at wire.",
    ]
    for keys in (("store", "random"), ("random", "random"), ("off", "store")):
        assert (
            said(*(Sight(s.view, s.began, s.ended, pid=s.pid, asked=s.asked, key=k) for s, k in zip(same, keys))) == []
        )


def test_what_a_wsgi_server_does_is_no_change() -> None:
    """Its view joins repeats, has names of CGI's variables, invents a type; what it adds to answers is its own."""
    sights = [
        client(
            asked=(("Host", "h"), ("X_Own-Name", "1"), ("X-B", "1"), ("X-B", "2")), sent=NOTHING,
            given=(("Date", "now"), ("Server", "gunicorn"), *GIVEN),
        ),
        server(
            asked=(("CONTENT_TYPE", "text/plain"), ("HOST", "h"), ("X-OWN-NAME", "1"), ("X-B", "1,2")), sent=NOTHING,
        ),
    ]  # fmt: skip
    assert said(*sights) == []


def test_what_became_of_a_response() -> None:
    """A proxy adds Via, replaces the server's name, drops a field and has words of its own."""
    sights = [
        client(reason="Fine", given=(*GIVEN, ("Via", "1.1 gate"), ("Server", "gate"))),
        wire(given=(*GIVEN, ("Server", "gunicorn"), ("X-Powered-By", "us"))),
        server(given=(*GIVEN, ("X-Powered-By", "us"))),
    ]
    assert said(*sights) == [
        "From server to client: reason OK became Fine; headers added: Via; headers dropped: X-Powered-By; "
        "headers changed: Server (gunicorn → gate)."
    ]


def test_another_version_of_http() -> None:
    """HTTP/2 has names in lower case, no Host and no reason: what is said is the version."""
    later = wire(
        http="HTTP/2.0", reason="", asked=tuple((name.lower(), value) for name, value in ASKED[1:]),
        given=tuple((name.lower(), value) for name, value in GIVEN),
    )  # fmt: skip
    assert said(client(), later) == [
        "From client to wire: HTTP/1.1 became HTTP/2.",
        "From wire to client: HTTP/2 became HTTP/1.1.",
    ]


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://127.0.0.1:5000/x", "address api.test:80 became 127.0.0.1:5000"),
        ("http://api.test/gate/x", "the path's beginning / became /gate/"),
        ("http://api.test/x?a=1", "target /x became /x?a=1"),
    ],
)
def test_another_address(url: str, what: str) -> None:
    """Host, beginning of the path and query are told apart; none of them is a disagreement."""
    assert said(client(), wire(url=url)) == [f"From client to wire: {what}."]


def test_a_rewritten_host_is_said_once() -> None:
    """The proxy's view has an address of its own, a server's has it from `Host`."""
    asked = (("Host", "127.0.0.1:5000"), *ASKED[1:])
    url = "http://127.0.0.1:5000/x"
    address = "address api.test:80 became 127.0.0.1:5000"
    assert said(client(), wire(url=url, asked=asked)) == [
        f"From client to wire: {address}; headers changed: Host (api.test → 127.0.0.1:5000)."
    ]
    assert said(client(), server(url=url, asked=asked)) == [f"From client to server: {address}."]


def test_what_changes_in_many_calls_is_said_once() -> None:
    """One proxy before many calls: what it does to each of them stands at the first, what is special at its own."""
    sights = []
    for number in range(5):
        own = {"id": f"{number:032x}", "n": number + 1}
        began = number * 1000
        added = (("Via", "gate"), ("X-Own", "1")) if number == 3 else (("Via", "gate"),)
        changed = {"url": "http://127.0.0.1:5000/x", "asked": (*ASKED, *added)}
        sights += [client(began, began + 100, **own), wire(began + 10, began + 90, **changed, **own)]
    assert said(*sights) == [
        "From client to wire, in this call and 4 more: address api.test:80 became 127.0.0.1:5000.",
        "From client to wire, in this call and 3 more: headers added: Via.",
        "From client to wire: headers added: Via, X-Own.",
    ]


DISAGREEMENTS = {
    "method": ({"method": "GET"}, "method POST at client, GET at wire"),
    "path": ({"url": "http://api.test/y"}, "more of the path differs between client and wire than its beginning"),
    "type": ({"asked": (ASKED[0], ASKED[2])}, "Content-Type of client is missing at wire"),
    "size": (
        {"sent": Body("abc", 3), "asked": (*ASKED[:2], ("Content-Length", "3"))},
        "a body of 2 octets at client, of 3 at wire",
    ),
    "content": ({"sent": Body("ax", 2)}, "another body at wire than at client, of the same size"),
    "length": (
        {"asked": (*ASKED[:2], ("Content-Length", "3"))},
        "at wire, Content-Length says 3 and the body has 2 octets",
    ),
    "status": ({"status": 201, "reason": "OK"}, "status 201 at wire, 200 at client"),
    "answer's type": ({"given": GIVEN[1:]}, None),
    "answer's size": (
        {"got": Body("{ }", 3), "given": (GIVEN[0], ("Content-Length", "3"))},
        "a body of 3 octets at wire, of 2 at client",
    ),
    "answer's content": ({"got": Body("[]", 2)}, "another body at wire than at client, of the same size"),
    "answer's length": (
        {"given": (GIVEN[0], ("Content-Length", "9"))},
        "at wire, Content-Length says 9 and the body has 2 octets",
    ),
}


@pytest.mark.parametrize("what", DISAGREEMENTS)
def test_disagreements(what: str) -> None:
    """What no proxy should cause is said at the step; a type that was added is none."""
    options, sentence = DISAGREEMENTS[what]
    found = [line for line in said(client(), wire(**options)) if line.startswith("The views")]
    assert found == ([f"The views disagree, which no proxy should cause: {sentence}."] if sentence else [])


def test_credentials_that_did_not_arrive() -> None:
    """An Authorization that a proxy dropped is a disagreement, and About says where to look."""
    sights = [client(asked=(*ASKED, ("Authorization", "Basic ‹password:0123456789abcdef›"))), wire()]
    assert said(*sights) == [
        "From client to wire: headers dropped: Authorization.",
        "The views disagree, which no proxy should cause: Authorization of client is missing at wire.",
    ]
    assert trace_of(*sights).remarks == (
        "The views of one call disagree in a way that a proxy should not cause (step 1).",
    )


INNOCENT = {
    "a body cut elsewhere": {"sent": Body("a", 2, True)},
    "a body read by half": {"sent": Body("a", 1), "sent_end": "closed"},
    "a body that broke off": {"got": Body("{", 1), "got_end": "error: reset"},
    "an end that was not seen": {"got": None},
    "a body of which the size alone is known": {"sent": Body(None, 2, why="a coding that is not undone: br")},
    "octets where the other has text": {"sent": Body(b"ax", 2)},
    "a coding put on": {
        "got": Body("{}", 22, False, "gzip"),
        "given": (GIVEN[0], ("Content-Encoding", "gzip"), ("Content-Length", "22")),
    },
    "another length of the same chunks": {"asked": (*ASKED[:2], ("Transfer-Encoding", "chunked"))},
    "another address and beginning": {"url": "http://127.0.0.1:1/a/x"},
    "the whole path a beginning": {"url": "http://api.test/"},
}  # fmt: skip


@pytest.mark.parametrize("what", INNOCENT)
def test_what_is_no_disagreement(what: str) -> None:
    """A proxy may do so, or nobody can tell."""
    assert not [line for line in said(client(), wire(**INNOCENT[what])) if line.startswith("The views")]


@pytest.mark.parametrize("options", [{"method": "HEAD"}, {"status": 304}, {"status": 204}])
def test_answers_without_content(options: dict[str, object]) -> None:
    """Where an answer has no content, its length and what an application gave for it say nothing."""
    given = (GIVEN[0], ("Content-Length", "500"))
    sights = [
        client(got=NOTHING, given=given, sent=NOTHING, asked=ASKED[:1], **options),
        server(got=Body("x" * 500, 500), given=GIVEN[1:], sent=NOTHING, asked=ASKED[:1], **options),
    ]
    assert not [line for line in said(*sights) if line.startswith("The views")]


def test_the_first_trys_body_is_not_the_last_ones() -> None:
    """The client keeps its first try's content: after a retry it is compared with nobody's."""
    sights = [client(attempts=(Attempt(503),)), *tries(2, "wire", (503, 200), 5)]
    for sight in sights[1:]:
        sight.sent = Body("xy", 2)
    assert said(*sights) == []


NAMES = st.sampled_from(
    ["Host", "Authorization", "Cookie", "Content-Type", "X-A", "x_b", "Via", "Connection", "Upgrade"]
)
VALUES = st.text(st.characters(codec="latin-1", categories=("L", "N", "P", "Zs")), max_size=12) | st.sampled_from(
    ["‹token:0123456789abcdef›", "X-A", "gzip", "0"]
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6).map(tuple)
BODIES = st.none() | st.builds(
    Body, st.text(max_size=4) | st.binary(max_size=4) | st.none(), st.integers(0, 5), st.booleans()
)
ENDS = st.sampled_from([None, "complete", "closed", "error: x"])


@st.composite
def same_views(draw: st.DrawFn) -> list[Sight]:
    """Any views, in any number, that saw the same."""
    options = {
        "method": draw(st.sampled_from(["GET", "HEAD", "POST"])),
        "url": draw(st.sampled_from(["http://h/", "http://h/a/b?c"])),
        "asked": draw(FIELDS), "given": draw(FIELDS), "status": draw(st.sampled_from([None, 200, 204, 304, 502])),
        "reason": draw(VALUES), "sent": draw(BODIES), "got": draw(BODIES), "sent_end": draw(ENDS),
        "got_end": draw(ENDS),
        "error": draw(st.sampled_from([None, "Reset: x"])), "http": draw(st.sampled_from(["HTTP/1.1", "HTTP/2.0"])),
    }  # fmt: skip
    found = [client(**options)] if draw(st.booleans()) else []
    found += [wire(10 + number, 90 - number, pid=10 + number, **options) for number in range(draw(st.integers(0, 3)))]
    return found or [wire(**options)]


@settings(max_examples=150, deadline=None)
@given(same_views())
def test_views_that_saw_the_same_never_disagree(sights: list[Sight]) -> None:
    """Nothing is said of a call whose views are the same, whatever they saw."""
    assert said(*sights) == []


@settings(max_examples=100, deadline=None)
@given(same_views(), st.data())
def test_whatever_changed_is_said_and_nothing_breaks(sights: list[Sight], data: st.DataObject) -> None:
    """Any two views give a page, and a field that one of them alone has is named."""
    last = sights[-1]
    last.asked = (*last.asked, ("X-New", data.draw(VALUES)))
    last.given = data.draw(FIELDS)
    page = page_of(*sights)
    assert ("headers added: X-New" in page) == (len(sights) > 1)
