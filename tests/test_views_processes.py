"""Real processes: a client with the hook, one or two mitmdumps with the addon, a WSGI server with the middleware."""

from __future__ import annotations

import html
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import addon_support
import pytest

from requestshook import config, environment, events
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.store import open_store
from requestshook.trace import Trace, build
from requestshook.workspace import Workspace

HERE = Path(__file__).parent
THREE = ("client", "wire", "server")
FOUR = ("client", "wire", "wire", "server")

# A gate that is no part of ours: what it does, it does behind the addon, so that the server alone sees it.
GATE = """
def requestheaders(flow):
    if flow.request.path.startswith("/kill"):
        flow.kill()
    if flow.request.path.startswith("/gate/"):
        flow.request.path = flow.request.path[5:]
        flow.request.headers["Via"] = "1.1 gate"
        flow.request.headers["X-Forwarded-For"] = "10.0.0.1"
        flow.request.headers.pop("Authorization", None)
"""

CLIENT = """
import io
import sys
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry
session = requests.Session()
session.trust_env = False
session.mount("http://", HTTPAdapter(max_retries=Retry(4, status_forcelist=[503], backoff_factor=0)))
url = sys.argv[1]
"""


class System(NamedTuple):
    """The processes; `one` and `two` are addresses of one proxy before the server, and of two in a row."""

    home: Path
    one: str
    two: str
    dead: str  # a proxy before a port that nobody listens on

    def record(self, code: str, *arguments: str) -> str:
        """Run client code that ends well, recorded; gives the recording's id."""
        command = [sys.executable, "-m", "requestshook", "run", "--name", "views", "--service", "cli", "--"]
        done = subprocess.run(
            [*command, sys.executable, "-c", CLIENT + code, *arguments],
            cwd=self.home, env=clean(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        listed = subprocess.run(
            [sys.executable, "-m", "requestshook", "traces", "--json"],
            cwd=self.home, env=clean(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return str(re.search(r'"id": ?"([0-9a-f]{32})"', listed.stdout)[1])  # type: ignore[index] # the newest is first

    def trace(self, id: str, until: Callable[[Trace], bool]) -> Trace:
        """The recording, once all lines are there that a test waits for."""
        deadline = time.monotonic() + 30
        while True:
            found = build(self._events(id))
            if until(found) or time.monotonic() > deadline:
                assert until(found), found
                return found
            time.sleep(0.1)

    def _events(self, id: str) -> list[tuple[int, events.Event]]:
        collect = [sys.executable, "-m", "requestshook", "collect"]
        subprocess.run(collect, cwd=self.home, env=clean(), capture_output=True, timeout=120, check=True)
        with open_store(config.load(self.home / "requestshook.yaml").store) as store:
            return list(store.events(id))

    def page(self, trace: Trace, settings: PageSettings | None = None) -> str:
        """The page's steps, entities read as what they stand for."""
        with open_store(config.load(self.home / "requestshook.yaml").store) as store:
            return html.unescape("".join(render(trace, store.body, settings, part="steps")))

    def said(self, trace: Trace) -> list[str]:
        """What the page says of the way, of other ends and of disagreements."""
        lines = self.page(trace).split("\n")
        return [line for line in lines if line.startswith(("From ", "Further in", "The views"))]


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("REQUESTSHOOK", "PYTHONPATH"))}


@pytest.fixture(scope="module", params=["wsgiref", "gunicorn"])
def system(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[System]:
    """The servers, run once for all tests."""
    addon_support.mitmdump()
    if request.param == "gunicorn":
        pytest.importorskip("gunicorn")
    home = tmp_path_factory.mktemp(f"views-{request.param}")
    (home / "requestshook.yaml").write_text("services: {}\n")
    folder = Workspace(config.load(home / "requestshook.yaml"))
    folder.refresh()
    (home / "gate.py").write_text(GATE)
    with ExitStack() as stack:
        port = stack.enter_context(Application(request.param, home, folder.folder))
        ours = (f"requestshook_dir={folder.folder}", "requestshook_record=when open", "keep_host_header=true")
        places = [home / "inner", home / "outer"]
        for place in places:
            place.mkdir()
        inner = stack.enter_context(
            addon_support.proxy(
                places[0], f"reverse:http://127.0.0.1:{port}", f"reverse:http://127.0.0.1:{addon_support.free_port()}",
                options=ours, scripts=(home / "gate.py",),
            )
        )  # fmt: skip
        outer = stack.enter_context(addon_support.proxy(places[1], f"reverse:{inner.url()}", options=ours))
        yield System(home, inner.url(), outer.url(), inner.url(1))


class Application:
    """A server of views_app with the middleware, in a process of its own."""

    def __init__(self, kind: str, home: Path, folder: str) -> None:
        variables = environment.variables(folder, clean(), service="api")
        variables["PYTHONPATH"] = os.pathsep.join([variables["PYTHONPATH"], str(HERE)])
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "views_app.py"), kind, str(home)],
            cwd=home, env={**clean(), **variables}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def __enter__(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()


def kinds(trace: Trace) -> list[tuple[str, ...]]:
    return [tuple(view.kind for view in call.views if not view.earlier) for call in trace.calls]


def answered_by(*wanted: tuple[str, ...]) -> Callable[[Trace], bool]:
    """Whether these views are there, each with its end and both bodies'."""
    return lambda trace: (
        kinds(trace) == list(wanted)
        and all(
            (view.response is None or view.response.end != "unseen") and (view.response or view.failure)
            for call in trace.calls
            for view in call.views
        )
    )


def test_one_call_with_three_views(system: System) -> None:
    """Client, proxy and server saw one call, each further in for a shorter time; they say the same."""
    id = system.record("print(session.post(url + '/echo?a=1', json={'b': 'ㄱ'}).text)", system.one)
    trace = system.trace(id, answered_by(THREE))
    (call,) = trace.calls
    assert (call.caller, call.callee, call.method, call.target, call.status) == (
        "cli", "api", "POST", "/echo?a=1", 200,
    )  # fmt: skip
    asked = [view.request.event.at for view in call.views if view.request]
    given = [view.response.event.at for view in call.views if view.response]
    assert asked == sorted(asked)
    assert given == sorted(given, reverse=True)
    assert (call.started, call.answered) == (asked[0], given[0])
    assert system.said(trace) == []
    assert trace.remarks == ()


def test_two_proxies_in_a_row(system: System) -> None:
    """Two proxies give four views of one call, the outer one's before the inner one's."""
    id = system.record("session.post(url + '/pieces', data=b'x' * 200000)", system.two)
    trace = system.trace(id, answered_by(FOUR))
    (call,) = trace.calls
    urls = [view.request.event.url for view in call.views if view.request]  # type: ignore[union-attr] # requests
    assert urls[0] == f"{system.two}/pieces"
    assert urls[1] == f"{system.one}/pieces"
    assert system.said(trace) == []
    assert trace.remarks == ()


def test_redirects_are_calls_of_their_own(system: System) -> None:
    """Each hop has three views, in the order in which they were made."""
    id = system.record("session.get(url + '/redirect')", system.one)
    trace = system.trace(id, answered_by(THREE, THREE))
    assert [(step.number, step.kind, step.call.target) for step in trace.steps] == [
        (1, "request", "/redirect"), (2, "response", "/redirect"), (3, "request", "/echo"), (4, "response", "/echo"),
    ]  # fmt: skip
    assert system.said(trace) == []


@pytest.mark.parametrize("way", ["one", "two"])
def test_retries_are_attempts_of_one_call(system: System, way: str) -> None:
    """urllib3 tries a third time: one call, its earlier tries seen by all, its last one shown."""
    id = system.record(f"assert session.get(url + '/flaky/{way}').status_code == 200", getattr(system, way))
    trace = system.trace(id, answered_by(THREE if way == "one" else FOUR))
    (call,) = trace.calls
    assert [attempt.status for attempt in call.attempts] == [503, 503]
    assert len([view for view in call.views if view.earlier]) == 2 * (len(kinds(trace)[0]) - 1)
    assert call.status == 200
    assert "Attempt 3; before it: 503, 503." in system.page(trace)
    assert system.said(trace) == []


def test_an_application_that_raises(system: System) -> None:
    """The caller got the server's 500; the page says what the application raised."""
    id = system.record("assert session.get(url + '/crash').status_code == 500", system.one)
    trace = system.trace(id, answered_by(THREE))
    assert "### (2) 500 Internal Server Error /crash" in system.page(trace)
    assert system.said(trace) == ["Further in it ended otherwise: server ValueError: no such thing."]


def test_a_server_that_is_not_up(system: System) -> None:
    """The caller got the proxy's 502; the page says that the proxy was refused."""
    id = system.record("assert session.get(url + '/echo').status_code == 502", system.dead)
    trace = system.trace(id, answered_by(("client", "wire")))
    assert "### (2) 502 Bad Gateway /echo" in system.page(trace)
    on_the_way, further_in = system.said(trace)
    assert on_the_way.startswith(f"From client to wire: address {system.dead[7:]} became ")
    assert further_in.startswith("Further in it ended otherwise: wire ConnectionRefused: ")


def test_a_caller_that_does_not_wait(system: System) -> None:
    """The caller's time-out is the step; that the server answered later is said there, and in a remark."""
    (system.home / "go").unlink(missing_ok=True)
    code = "try: session.get(url + '/slow', timeout=5)\nexcept requests.ConnectionError as error: print(error)"
    id = system.record(
        "session.mount('http://', HTTPAdapter())\n" + code.replace("ConnectionError", "Timeout"), system.one
    )
    (system.home / "go").touch()
    trace = system.trace(id, answered_by(THREE))
    assert trace.calls[0].status is None
    assert "### (2) ReadTimeout /slow" in system.page(trace)
    (sentence,) = system.said(trace)
    assert re.match(r"Further in it ended otherwise: wire ClientDisconnected: .*; server 200 OK\.$", sentence)
    assert trace.remarks == ("The caller never got an answer that was given further in (step 2).",)


def test_a_flow_that_is_killed(system: System) -> None:
    """The caller's connection broke; the page says that the proxy killed the call."""
    code = "try: session.get(url + '/kill')\nexcept requests.ConnectionError: pass"
    id = system.record("session.mount('http://', HTTPAdapter())\n" + code, system.one)
    trace = system.trace(id, answered_by(("client", "wire")))
    assert "### (2) ConnectionError /kill" in system.page(trace)
    assert system.said(trace)[-1].startswith("Further in it ended otherwise: wire Killed: ")


def test_what_a_gate_changed(system: System) -> None:
    """A gate cuts the path, adds fields and drops the credentials: all of it said, the last as a disagreement."""
    id = system.record("session.get(url + '/gate/echo', auth=('a', 'b'))", system.one)
    trace = system.trace(id, answered_by(THREE))
    assert system.said(trace) == [
        "From client to server: the path's beginning /gate/ became /; headers added: Via, X-Forwarded-For; "
        "headers dropped: Authorization.",
        "The views disagree, which no proxy should cause: Authorization of wire is missing at server.",
    ]
    assert trace.calls[0].target == "/echo"
    wire = system.page(trace, PageSettings(view="wire"))
    assert "Authorization: Basic" in wire


@pytest.mark.parametrize("way", ["one", "two"])
def test_no_false_alarms(system: System, way: str) -> None:
    """HEAD, empty bodies, large, half-read, coded and secret ones, strange spellings: none of the views disagrees."""
    code = """
session.head(url + '/echo')
session.post(url + '/echo', data=b'')
session.put(url + '/echo', data=io.BytesIO(b'a' * 140000))
session.post(url + '/pieces', data='é=1&é=2'.encode(), headers={'X-A': 'é'.encode('latin-1'), 'X_B': '1'})
session.get(url + '/echo/%7Euser/%2F//x?q=%41+b', headers={'Accept': '', 'x-lower': 'A,b ; c'}, cookies={'a': 'b'})
session.get(url + '/pieces', stream=True).raw.read(3)
session.delete(url + '/echo')
session.post(url + '/zipped', json={'auth': {'password': 'hush'}, 'n': 1}, auth=('a', 'b'))
session.post(url + '/large', files={'f': b'secret' * 100}, data={'password': 'hush', 'k': 'v'})
session.post(url + '/echo?token=secret', data='<a><password>x</password></a>', headers={'Content-Type': 'text/xml'})
session.get(url + '/large', stream=True).close()
"""
    trace = system.trace(
        system.record(code, getattr(system, way)), answered_by(*[THREE if way == "one" else FOUR] * 11)
    )
    assert [line for line in system.said(trace) if "X_B" not in line] == []


def test_a_body_that_breaks_off(system: System, tmp_path: Path) -> None:
    """A server that says more than it sends: the break is the caller's, too."""

    def half(connection: socket.socket, head: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789")

    options = (f"requestshook_dir={system.home / '.requestshook'}", "keep_host_header=true")
    code = """
session.mount('http://', HTTPAdapter())
try: session.get(url + '/half')
except requests.RequestException: pass
"""
    with (
        addon_support.answering(half) as address,
        addon_support.proxy(tmp_path, f"reverse:{address}", options=options) as proxy,
    ):
        id = system.record(code, proxy.url())
        trace = system.trace(id, answered_by(("client", "wire")))
    (call,) = trace.calls
    assert call.status == 200
    assert call.failed
    assert not [line for line in system.said(trace) if line.startswith("The views")]
