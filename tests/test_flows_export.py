"""Recordings as mitmproxy's flow files: what comes back, and what mitmproxy makes of them."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from requestshook.events import (
    CLOSED,
    Attempt,
    Body,
    BodyEnd,
    Event,
    Failure,
    Note,
    Origin,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
)
from requestshook.formats import FLOWS, kind_of
from requestshook.redact import Redactor
from requestshook.trace.calls import Message
from tests import test_events as some
from tests.addon_support import mitmdump
from tests.flows_support import CONTEXT, calls, dumped, entries, exported, listed, states, traced

TRACE = CONTEXT.trace
NOTHING = Body("", 0)
REDACTOR = Redactor(b"k" * 32)
JSON = "application/json"


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTSHOOK_MITMDUMP", mitmdump())


class Told:
    """Calls one after the other, each told in full."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.n = 0

    def origin(self, view: str = "client", n: int | None = None) -> Origin:
        """Of the newest call."""
        return Origin(view, f"{self.n if n is None else n:032x}", TRACE, "node1", 7, self.n)

    def call(self, url: str, method: str = "GET", body: Body | None = NOTHING, *headers: tuple[str, str]) -> Told:
        """A request."""
        self.n += 1
        pairs = (("Host", "h"), ("User-Agent", "curl/8"), *headers)
        at = 1_700_000_000.0 + self.n
        request = Request(at, self.origin(), None, "shop", "billing", method, url, "HTTP/1.1", pairs, body)
        self.events.append(REDACTOR.event(request))
        return self

    def answer(self, status: int = 200, body: Body | None = NOTHING, *headers: tuple[str, str]) -> Told:
        """Its response."""
        at = 1_700_000_000.5 + self.n
        self.events.append(REDACTOR.event(Response(at, self.origin(), status, "OK", "HTTP/1.1", headers, (), body)))
        return self

    def add(self, event: Event, headers: tuple[tuple[str, str], ...] = ()) -> Told:
        """Anything else."""
        self.events.append(REDACTOR.event(event, headers))
        return self


def full() -> Told:
    """Calls of many sorts."""
    told = Told()
    packed = gzip.compress(b'{"password": "hunter2", "x": "y"}')
    long = gzip.compress(json.dumps({"token": "5ecret5ecret", "n": list(range(60000))}).encode())
    coded = ("Content-Encoding", "gzip"), ("Content-Type", JSON)
    told.call("http://u:pw@127.0.0.1:8080/a?token=5ecret&b=%ED%95%9C", "POST", Body(b'{"password": "x"}', 17)).answer()
    told.call("https://[::1]/x").answer(200, Body(packed, len(packed)), *coded)
    told.call("http://h/long").answer(200, Body(long[:65536], len(long), len(long) > 65536), *coded)
    deflated = zlib.compress(b"hello " * 50)
    told.call("http://h/d").answer(200, Body(deflated, len(deflated)), ("Content-Encoding", "deflate"))
    twice = gzip.compress(packed)
    told.call("http://h/t").answer(200, Body(twice, len(twice)), ("Content-Encoding", "gzip, x-gzip"), ("X", "caf\xe9"))
    told.call("http://h/br").answer(200, Body(b"\x0b\x02\x80abc\x03", 7), ("Content-Encoding", "br"))
    told.call("http://h/lie").answer(200, Body(b"no gzip", 7), ("Content-Encoding", "gzip"))
    korean = ("Content-Type", "text/plain; charset=euc-kr")
    told.call("http://h/ko").answer(200, Body("한글".encode("euc-kr"), 4), korean)
    secret = "비밀번호 password=hunter2hunter2"
    told.call("http://h/ko2").answer(200, Body(secret.encode("euc-kr"), 40), korean, ("Set-Cookie", "a=5ecret"))
    told.call("http://h/bin").answer(200, Body(b"\0\xff" * 9, 18), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"))
    told.call("http://h/cut").answer(200, Body(b"text " * 9, 20 * 1024 * 1024, cut=True))
    told.call("http://h/kept").answer(200, Body(None, 99, why="its coding (br) was not undone"))
    told.call("http://h/up", "PUT", None)
    told.add(BodyEnd(1_700_000_000.1 + told.n, told.origin(), "request", Body(b"chunk", 5), "complete")).answer()
    told.call("http://h/half").answer(200, None)
    told.add(BodyEnd(1_700_000_001.0 + told.n, told.origin(), "response", Body(b"half", 4), CLOSED))
    told.call("http://h/broke").answer(200, None)
    told.add(BodyEnd(1_700_000_001.0 + told.n, told.origin(), "response", Body(b"half", 4), "error: reset"))
    told.add(Failure(1_700_000_001.0 + told.n, told.origin(), "ConnectionResetError: reset"))
    told.call("http://h/unseen", "PUT", None).answer(200, None)
    told.call("http://h/refused")
    told.add(Failure(1_700_000_000.2 + told.n, told.origin(), "ConnectionError: refused", (Attempt(503), Attempt())))
    told.call("http://h:1/", "CONNECT").answer()
    told.call("http://h/silent")
    told.call("http://h/noted").answer().add(Note(1_700_000_001.0, told.origin(), "look\nhere", ":warning:"))
    return told


def several_views(told: Told) -> None:
    """A call that was seen three times, and passed on by its callee."""
    told.call("http://front/v3", "POST", Body(b'{"name": "a"}', 13))
    request, id = told.events[-1], told.origin().id
    for view, host, url in (("wire", "edge", "http://front/v3"), ("server", "node2", "http://back:5000/v3")):
        origin = Origin(view, id, TRACE, host, 70, 3)
        told.add(request._replace(at=request.at + 0.01, origin=origin, url=url))
        body = Body(b'{"id": 1}', 9) if view == "server" else None
        told.add(Response(request.at + 0.2, origin, 200, "OK", "HTTP/1.1", (("Content-Type", JSON),), (), body))
    told.answer(200, Body(b'{"id": 1}', 9), ("Content-Type", JSON))
    inner = Origin("client", "a" * 32, TRACE, "node2", 70, 4)
    told.add(request._replace(at=request.at + 0.05, origin=inner, parent=id, caller="billing", url="http://db/"))


def whole(events: list[Any]) -> Any:
    """All that the trace of some events says, with its bodies; which line held a body makes no difference."""
    trace, load = traced(events)

    def message(found: Message | None) -> Any:
        body = found and (load(found.ref) if found.ref is not None else found.body)
        return found and (found.event._replace(body=None), body, found.end)

    said: list[Any] = [trace.name, trace.command, trace.output, trace.exit, trace.processes, trace.remarks]
    for call in trace.calls:
        said.append(
            (call.id, call.parent, call.inferred, call.depth, call.caller, call.callee, call.attempts, call.notes)
        )
        said += [(view.kind, view.host, view.pid, view.n, view.failure, view.shift) for view in call.views]
        said += [message(of) for view in call.views for of in (view.request, view.response)]
    return said


def test_what_is_exported_comes_back(tmp_path: Path) -> None:
    """Every event of every view, its times, attempts, bodies and notes; what was said of all calls comes first."""
    told = full()
    several_views(told)
    around = [
        Recording(1_700_000_000.0, TRACE, "nightly", ("curl", "http://h/a")),
        Recorded(1_700_009_000.0, TRACE, 3, (("out", "done\n"), ("err", "한")), True),
        Process(1_700_000_000.0, "node1", 7, TRACE, "curl", (("python", "3.11"),), "store"),
    ]
    path = tmp_path / "exported.flows"
    trace = exported([*around, *told.events], path)
    assert kind_of(path.read_bytes()[:100]) == FLOWS
    first, *found = entries(path)
    around[2] = around[2]._replace(trace=None)  # a process is no recording's: it stays when one is removed
    assert (first.number, list(first.events)) == (0, around)
    assert [entry.problem for entry in found] == [None] * len(trace.calls)
    assert whole([*around, *calls(found)]) == whole([*around, *told.events])
    redacted = [REDACTOR.event(event) for event in calls(found) if isinstance(event, (Request, Response, Failure))]
    assert redacted == [event for event in calls(found) if isinstance(event, (Request, Response, Failure))]
    exported([*around, *calls(found)], tmp_path / "again.flows")
    assert whole([*around, *calls(entries(tmp_path / "again.flows"))]) == whole([*around, *told.events])


def test_what_mitmproxy_makes_of_it(tmp_path: Path) -> None:
    """Its own listing has every call and can undo every coding; nothing that was redacted is in the file."""
    told = full()
    path = tmp_path / "exported.flows"
    exported(told.events, path)
    octets = path.read_bytes()
    assert b"hunter2" not in octets
    assert b"5ecret" not in octets
    out = listed(path, tmp_path, "--set", "flow_detail=4")
    asked = [event for event in told.events if isinstance(event, Request)]
    for method, path in ((event.method, event.url.split("/", 3)[3].partition("?")[0]) for event in asked):
        assert path in ("", "silent") or re.search(rf":0: {method} https?://\S+/{path}", out), path
    assert '"password": "‹password:' in out
    assert "couldn't" not in out.lower()
    by_url = {state["request"]["path"]: state for state in states(octets)}
    assert by_url[b"/ko"]["response"]["content"] == "한글".encode("euc-kr")
    assert by_url[b"/cut"]["comment"] == "requestshook: response: 45 of 20971520 octets kept"
    assert by_url[b"/noted"]["comment"] == "look\nhere"
    assert by_url[b"/noted"]["marked"] == ":warning:"
    assert by_url[b"/refused"]["error"]["msg"] == "ConnectionError: refused"
    assert gzip.decompress(by_url[b"/x"]["response"]["content"]).startswith(b'{"password": "')
    assert len({state["id"] for state in by_url.values()}) == len(by_url)


def test_a_recording_without_calls(tmp_path: Path) -> None:
    """It gives an empty file."""
    exported([Recording(1.0, TRACE, "nothing", ())], tmp_path / "exported.flows")
    assert (tmp_path / "exported.flows").read_bytes() == b""


def changed(tmp_path: Path, change: Any) -> list[Any]:
    """The events of a call that was exported, and changed since."""
    told = Told()
    told.call("http://h/cut", "GET", NOTHING, ("Authorization", "Bearer 5ecret5ecret5ecret"))
    told.answer(200, Body(b"text", 100, cut=True), ("Content-Type", "text/plain"))
    told.add(Note(1_700_000_002.0, told.origin(), "mine", ":x:"))
    exported(told.events, tmp_path / "exported.flows")
    (state,) = states((tmp_path / "exported.flows").read_bytes())
    change(state)
    (tmp_path / "changed").write_bytes(dumped(state))
    *_, entry = entries(tmp_path / "changed")
    return [entry.problem, told.events, list(entry.events)]


def test_what_is_written_to_an_exported_flow(tmp_path: Path) -> None:
    """A new comment or mark takes the place of the exported ones; the call is as it was."""
    problem, told, found = changed(
        tmp_path, lambda state: state.update(comment=f"yours\n{state['comment']}", marked="")
    )
    assert problem is None
    assert found[:-1] == told[:-1]
    assert isinstance(found[-1], Note)
    assert found[-1] == told[-1]._replace(at=found[-1].at, text="yours\nmine", mark="")
    assert found[-1].at > told[-1].at


def test_an_exported_flow_that_was_edited(tmp_path: Path) -> None:
    """The flow counts: its own octets, with the ids and names that it was exported with; pseudonyms stay themselves."""

    def edit(state: dict[str, Any]) -> None:
        state["request"]["path"] = b"/edited"
        state["response"]["content"] = b"edited"

    problem, told, found = changed(tmp_path, edit)
    assert problem == "it was changed since it was exported: what a flow cannot hold is left out"
    asked, answer, *_ = found
    assert (asked.url, answer.body) == ("http://h/edited", Body(b"edited", 6))
    assert (asked.origin.id, asked.caller, asked.callee) == (told[0].origin.id, "shop", "billing")
    assert asked.headers == told[0].headers
    assert asked.headers[-1][1].startswith("Bearer ‹")


@pytest.mark.parametrize(
    "metadata",
    ["", "[", "5", '{"v": 1}', '{"v": 1, "of": "x", "lines": 5}', '{"v": 2, "lines": []}', b"octets", "[" * 100000],
    ids=range(8),
)
def test_metadata_of_strangers(tmp_path: Path, metadata: Any) -> None:
    """What somebody else wrote under our name is not believed: the flow is read as any other."""
    problem, told, found = changed(tmp_path, lambda state: state["metadata"].update(requestshook=metadata))
    assert problem is None
    assert (found[0].url, found[0].caller) == (told[0].url, "curl")
    assert found[1].body == Body(b"text", 4)


ids = st.text("0123456789abcdef", min_size=32, max_size=32)
places = st.builds(Origin, st.sampled_from(["client", "wire", "server"]), ids, st.just(TRACE), some.text.filter(bool),
                   st.integers(0, 9), st.integers(0, 2**40))  # fmt: skip


@st.composite
def exchanges(draw: st.DrawFn) -> list[Event]:
    """A call as one capture point tells it, with anything in it that an event can hold."""
    origin = draw(places)
    parts = (st.just(origin), st.none() | ids, some.text.filter(bool), st.none() | some.text, some.text, some.text)
    told: list[Event] = [
        draw(st.builds(Request, some.moment, *parts, some.text, some.headers, st.none() | some.bodies))
    ]
    if draw(st.booleans()):
        rest = (st.integers(100, 999), some.text, some.text, some.headers, some.attempts, st.none() | some.bodies)
        told.append(draw(st.builds(Response, some.moment, st.just(origin), *rest)))
    if draw(st.booleans()):
        told.append(draw(st.builds(Failure, some.moment, st.just(origin), some.text, some.attempts)))
    return told


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(exchanges(), min_size=20, max_size=40, unique_by=lambda told: told[0].origin.id))  # type: ignore[union-attr] # a call's
def test_anything_that_an_event_can_hold(tmp_path_factory: pytest.TempPathFactory, told: list[list[Event]]) -> None:
    """Whatever is exported comes back as it was."""
    path = tmp_path_factory.mktemp("any") / "exported.flows"
    events = [event for exchange in told for event in exchange]
    exported(events, path)
    found = [entry for entry in entries(path) if entry.number]
    assert [entry.problem for entry in found] == [None] * len(told)
    assert whole(calls(found)) == whole(events)
