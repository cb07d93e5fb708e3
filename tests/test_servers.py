"""The application of a real server, wrapped without an edit: parents, streams, files, hang-ups, names."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from wsgi_support import HERE, TRACE, Server, content_of, request, serving

from requestshook import tags
from requestshook.capture import servers
from requestshook.capture.wsgi import Middleware
from requestshook.events import BodyEnd, Failure, Process, Request, Response

MIB = 1024 * 1024
KINDS = ("wsgiref", "gunicorn", "gthread", "eventlet")


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(request.param, "patched", tmp_path_factory.mktemp("server") / "ours") as found:
        found.kind = request.param  # type: ignore[attr-defined]  # for the tests that need to know
        yield found


def tagged(id: str, parent: str = "") -> str:
    line = f"{tags.REQUEST_ID}: {id}\r\n{tags.REQUEST_FROM}: client-{id[:4]}\r\n"
    return line + (f"{tags.PARENT_ID}: {parent}\r\n" if parent else "")


def new() -> str:
    return tags.new_id()


def test_many_at_once_each_with_its_own_parent(server: Server) -> None:
    """With 32 calls at once, every step of each application sees the id of its own call."""

    def call(_: int) -> tuple[str, bytes]:
        id = new()
        return id, server.get("/parent_everywhere", tagged(id))

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(call, range(96)))
    for id, content in answers:
        assert content.decode().split() == ["write", id, "step", id, "step", id, "step", id]
    id, _ = call(0)
    assert server.get("/last_closed").split() == [b"close", id.encode()]


def test_tags_on_the_wire(server: Server) -> None:
    """Both tags stand on the response once, whatever the application put there; the request's event has them too."""
    id, parent = new(), new()
    head = server.exchange(request("GET", "/own_tags", tagged(id, parent))).partition(b"\r\n\r\n")[0]
    assert re.findall(rb"(?i)\nx-requestshook-request-id: (\w+)", head) == [id.encode()]
    assert re.findall(rb"(?i)\nx-requestshook-request-from: (\S+)", head) == [f"client-{id[:4]}".encode()]
    found = server.of_call(id, Response)[0]
    assert isinstance(found, Request)
    assert (found.parent, found.caller, found.origin.trace) == (parent, f"client-{id[:4]}", TRACE)
    assert found.url == "http://example.test/own_tags"
    assert [name for name, _ in found.headers][:2] == ["Host", "Connection"]


def test_large_upload(server: Server) -> None:
    """A large upload costs a few MiB of memory; its head is kept and all of it counted."""
    size = 96 * MIB
    server.exchange(request("PUT", "/upload", "Content-Length: 3\r\n", b"abc"))
    before = int(server.get("/peak"))
    id = new()
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall(request("PUT", "/upload", f"{tagged(id)}Content-Length: {size}\r\n"))
        for _ in range(size // MIB):
            client.sendall(b"\xff" * MIB)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert content_of(answer) == str(size).encode()
    assert int(server.get("/peak")) - before < 6 * 1024
    ended = [event for event in server.of_call(id, Response) if isinstance(event, BodyEnd)]
    assert [(event.of, event.body.size, event.body.cut, event.end) for event in ended] == [
        ("request", size, True, "complete")
    ]


def test_large_download(server: Server) -> None:
    """A large download costs a few MiB of memory; its head is kept and all of it counted."""
    server.get("/download?1")
    before = int(server.get("/peak"))
    id, size = new(), 0
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall(request("GET", "/download?96", tagged(id), version="1.0"))
        while chunk := client.recv(MIB):
            size += len(chunk)
    assert size > 96 * MIB
    assert int(server.get("/peak")) - before < 6 * 1024
    ended = [event for event in server.of_call(id, BodyEnd) if isinstance(event, BodyEnd)]
    assert [(event.of, event.body.size, event.end) for event in ended] == [("response", 96 * MIB, "complete")]


def test_client_that_hangs_up(server: Server) -> None:
    """A client gone in mid-response leaves a half-recorded body that says so, and the application's close runs."""
    id = new()
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall(request("GET", "/download?500", tagged(id)))
        client.recv(100_000)
    ended = [event for event in server.of_call(id, BodyEnd, 15) if isinstance(event, BodyEnd)]
    assert [(event.of, event.end) for event in ended] == [("response", "closed")]
    assert 0 < ended[0].body.size < 500 * MIB
    assert server.get("/last_closed") == b"download"


def test_upload_that_breaks_off(server: Server) -> None:
    """A client gone in mid-request leaves what came, and why there is no more."""
    id = new()
    with socket.create_connection(("127.0.0.1", server.port), 30) as client:
        client.sendall(request("PUT", "/upload", f"{tagged(id)}Content-Length: 999999\r\n", b"x" * 200_000))
        time.sleep(0.05)
    ended = [event for event in server.of_call(id, (Response, Failure)) if isinstance(event, BodyEnd)]
    assert [event.of for event in ended] == ["request"]
    assert ended[0].end.startswith("error: ")
    assert ended[0].body.size <= 200_000


def test_sendfile_stays_on(server: Server) -> None:
    """Gunicorn still sends a file by sendfile (no other has it), and the recording has the file's head and size."""
    has_sendfile = server.kind in ("gunicorn", "gthread")  # type: ignore[attr-defined]  # set by the fixture
    before = int(server.get("/how_often_sendfile"))
    id = new()
    assert server.get("/a_file", tagged(id)) == b"0123456789" * 2000
    assert (int(server.get("/how_often_sendfile")) > before) is has_sendfile
    found = [event for event in server.of_call(id, (Response, BodyEnd)) if isinstance(event, (Response, BodyEnd))]
    assert [(event.body.size, event.body.cut) for event in found if event.body is not None] == [(20_000, False)]


def test_the_process_s_name(server: Server) -> None:
    """What the server was told to load names the process; no fault was said."""
    expected = "wsgi_apps" if server.kind in ("gunicorn", "gthread") else "wsgi_launch"  # type: ignore[attr-defined]
    id = new()
    server.get("/one_element", tagged(id))
    assert server.of_call(id, Response)[0].callee == expected  # type: ignore[union-attr]  # a request
    assert any(isinstance(event, Process) and event.program == expected for event in server.recorded())
    assert "requestshook: " not in server.errors.read_text(errors="replace")


def test_the_documented_servers() -> None:
    """The documentation names each server that is wrapped without an edit."""
    text = (HERE.parent / "docs" / "capture-server.md").read_text()
    for name in servers.SERVERS:
        assert name in text, name


def test_no_recording_no_lines(tmp_path: Path) -> None:
    """A patched server outside any recording tags nothing, and counts."""
    with serving("gunicorn", "patched", tmp_path / "ours", trace=None) as server:
        answer = server.exchange(request("GET", "/one_element", tagged(new())))
        assert b"requestshook" not in answer.lower()
        assert [event for event in server.recorded() if isinstance(event, (Request, Response))] == []


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """With nowhere to write, the service answers as ever and one line is said."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "spool").write_text("no folder")
    with serving("gthread", "patched", tmp_path / "ours") as server:
        for _ in range(5):
            assert server.get("/generator_with_length") == b"abcdef"
        said = [line for line in server.errors.read_text().splitlines() if "requestshook" in line]
    assert len(said) == 1
    assert said[0].startswith("requestshook: cannot record: ")


def test_calls_made_while_serving(spooled: Any, tmp_path: Path) -> None:
    """A call made in any step of an application has the served call as its parent, up to the next server's view."""
    import requests

    import requestshook

    id = new()

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        with requestshook.hook(requests.Session()) as session:
            session.trust_env = False
            yield session.get(f"http://127.0.0.1:{behind.port}/one_element").content
            start_response("200 OK", [])
            yield session.get(f"http://127.0.0.1:{behind.port}/generator").content

    with serving("wsgiref", "patched", tmp_path / "ours", trace=None) as behind:
        own = tags.new_trace_id(spooled.recorder.settings().key)
        names = (tags.REQUEST_ID, tags.TRACE_ID)
        environ = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in zip(names, (id, own))}
        result = Middleware(application)({"REQUEST_METHOD": "GET", **environ}, lambda *args: None)
        assert len(list(result)) == 2
        result.close()  # type: ignore[attr-defined]  # it has one
    made = [event for event in spooled.of(Request) if event.origin.view == "client"]
    assert [(event.parent, event.origin.trace) for event in made] == [(id, own)] * 2
    served = [event for event in spooled.of(Request) if event.origin.view == "server"]
    assert [(event.origin.id, event.parent) for event in served] == [(id, None)]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that is a function."""


class Asgi:
    """An ASGI application that is an object."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer."""


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """A WSGI application."""
    return []


def test_only_wsgi_is_wrapped() -> None:
    """An ASGI application, what is no application and what is wrapped already are left as they are."""
    for application in (asgi, Asgi(), None, 5, Middleware(wsgi)):
        assert servers.wrap(application) is application
    assert isinstance(servers.wrap(wsgi), Middleware)


class Gunicorn:
    """What `gunicorn.app.base` has of an application."""

    def __init__(self, worker: Any, uri: str | None = "glance.wsgi.api:application", paste: str | None = None) -> None:
        self.app_uri = uri
        self.cfg = SimpleNamespace(settings={"worker_class": SimpleNamespace(get=lambda: worker)}, paste=paste)

    def wsgi(self) -> Any:
        """The application."""
        return wsgi


@pytest.fixture
def gunicorn(spooled: Any) -> Any:
    module = ModuleType("gunicorn.app.base")
    module.BaseApplication = type("BaseApplication", (Gunicorn,), {"wsgi": Gunicorn.wsgi})  # type: ignore[attr-defined]
    servers.SERVERS["gunicorn.app.base"](module)
    servers.SERVERS["gunicorn.app.base"](module)
    return module.BaseApplication


@pytest.mark.parametrize("worker", ["uvicorn.workers.UvicornWorker", "asgi", Asgi])
def test_asgi_workers(gunicorn: Any, worker: Any) -> None:
    """A worker that speaks ASGI gets its application as it is."""
    assert gunicorn(worker).wsgi() is wsgi


def test_wrapped_once(gunicorn: Any, spooled: Any) -> None:
    """Patched twice, asked twice: one middleware, the same each time, and the application's name is known."""
    server = gunicorn("sync")
    wrapped = server.wsgi()
    assert isinstance(wrapped, Middleware)
    assert vars(wrapped)["_application"] is wsgi
    assert server.wsgi() is wrapped
    assert spooled.recorder.application == "glance.wsgi.api:application"


def test_name_of_a_paste_file(gunicorn: Any, spooled: Any) -> None:
    """A paste.deploy file names the process by its own name, not by its path."""
    gunicorn("sync", "/etc/keystone/keystone-paste.ini#main", "/etc/keystone/keystone-paste.ini").wsgi()
    assert tags.as_name(spooled.recorder.application) == "keystone-paste.ini"


def test_site_by_keyword_and_by_position(spooled: Any) -> None:
    """Eventlet's `server` takes the application either way, as oslo.service and swift give it."""
    module = ModuleType("eventlet.wsgi")
    module.server = lambda sock, site, log=None: site  # type: ignore[attr-defined]  # as eventlet has it
    servers.SERVERS["eventlet.wsgi"](module)
    for found in (module.server(1, wsgi), module.server(1, site=wsgi), module.server(sock=1, site=wsgi, log=2)):
        assert vars(found)["_application"] is wsgi
    with pytest.raises(TypeError):
        module.server()


@pytest.mark.parametrize("name", sorted(servers.SERVERS))
def test_a_server_of_another_shape(spooled: Any, name: str) -> None:
    """A module that lacks what is to be wrapped is left alone, and it is said."""
    servers.SERVERS[name](ModuleType(name))
    assert len(spooled.said) == 1
    assert "calls are not recorded" in spooled.said[0]


def test_wsgiref_keeps_its_application(spooled: Any) -> None:
    """The server's `application` stays the program's own; what the handler gets is wrapped, also in a subclass."""
    import importlib.util

    spec = importlib.util.find_spec("wsgiref.simple_server")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    servers.SERVERS[spec.name](module)
    with module.make_server("127.0.0.1", 0, wsgi, type("Own", (module.WSGIServer,), {})) as server:
        assert server.application is wsgi
        assert isinstance(server.get_app(), Middleware)
        assert server.get_app() is server.get_app()
        server.set_app(asgi)
        assert server.get_app() is asgi


def test_what_is_loaded() -> None:
    """The middleware and the patches load nothing heavy into a service."""
    code = (
        "import sys; before = set(sys.modules); import requestshook.capture.servers, requestshook.wsgi; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )  # fmt: skip
    heavy = "threading logging uuid sqlite3 dataclasses inspect email socket http"
    assert not set(heavy.split()) & set(found.stdout.split())
