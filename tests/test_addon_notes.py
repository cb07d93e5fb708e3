"""What is written to a flow by hand comes into the recording, with a real mitmweb and a real mitmdump."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import addon_support as support
import pytest
from addon_support import Proxy, one

from requestshook import events

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

MARKING = """
def response(flow):
    flow.comment, flow.marked = "password=hunter2 is odd", ":warning:"
"""


def answer(connection: socket.socket, head: bytes) -> None:
    connection.sendall(ANSWER)


def port_of(folder: Path, pattern: str, child: subprocess.Popen[bytes]) -> int:
    """The port that stands in the program's log."""
    deadline = time.monotonic() + 60
    while True:
        log = (folder / "log").read_text("utf-8", "replace")
        if found := re.search(pattern, log):
            return int(found[1])
        assert child.poll() is None, log
        assert time.monotonic() < deadline, log
        time.sleep(0.05)


@contextmanager
def mitmweb(home: Path, callee: str) -> Iterator[tuple[Proxy, int]]:
    """A mitmweb with our addon before a server, and the port of its pages."""
    program = Path(support.mitmdump()).with_name("mitmweb")
    if not program.exists():
        pytest.skip("mitmweb is not installed beside mitmdump")
    pages = support.free_port()  # it can choose one itself, but does not tell which
    arguments = [
        str(program), "--no-web-open-browser", "--web-port", str(pages), "--set", f"confdir={home / 'mitmproxy'}",
        "--set", "connection_strategy=lazy", "--mode", f"reverse:{callee}@127.0.0.1:0", "-s", str(support.ADDON),
    ]  # fmt: skip
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("REQUESTSHOOK", "PYTHONPATH"))}
    with open(home / "log", "wb") as log:
        child = subprocess.Popen(arguments, cwd=home, env=environ, stdout=log, stderr=log)
    try:
        port = port_of(home, r"reverse proxy to \S+ listening at \S*?:(\d+)", child)
        assert port_of(home, r"Web server listening at http://127\.0\.0\.1:(\d+)", child) == pages
        yield Proxy(home, [port], child), pages
    finally:
        child.terminate()
        child.wait(20)


class Pages:
    """mitmweb's own interface, as its page in a browser uses it."""

    def __init__(self, port: int, log: str) -> None:
        self._port = port
        token = re.search(r"\?token=(\w+)", log)  # from mitmproxy 12 on
        self._query = f"?token={token[1]}" if token else ""
        _, self._cookies = self._ask("GET", "/" + self._query)
        self._ask("GET", "/flows")
        if (
            "_xsrf=" not in self._cookies
        ):  # from mitmproxy 12 on it comes with a WebSocket; any that is sent twice will do
            self._cookies += "; _mitmproxy_xsrf=" + "5f" * 16

    def flows(self) -> list[dict[str, Any]]:
        text, _ = self._ask("GET", "/flows")
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def change(self, id: str, **fields: str) -> None:
        self._ask("PUT", f"/flows/{id}", json.dumps(fields))

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[str, str]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        cookies = getattr(self, "_cookies", "")
        headers = {"Cookie": cookies, "Content-Type": "application/json"}
        if found := re.search(r"_xsrf=([^;]+)", cookies):
            headers["X-XSRFToken"] = found[1]
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status < 400, (answer.status, text)
        given = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        connection.close()
        return text, "; ".join(given)


def notes(proxy: Proxy, count: int) -> list[events.Note]:
    """The notes, once there are so many."""
    deadline = time.monotonic() + 30
    while True:
        found = [event for event in proxy.events() if isinstance(event, events.Note)]
        if len(found) >= count:
            return found
        assert time.monotonic() < deadline, (found, proxy.log())
        time.sleep(0.05)


def test_a_comment_made_in_mitmweb_is_told(tmp_path: Path) -> None:
    """Comment and mark of a flow become notes of its call, each when it is made, and once."""
    with support.answering(answer) as callee, mitmweb(tmp_path, callee) as (proxy, port):
        assert support.ask(proxy.ports[0], b"GET /image HTTP/1.1\r\nHost: h\r\n\r\n").endswith(b"ok")
        request = one(proxy.call("/image"), events.Request)
        pages = Pages(port, proxy.log())
        (flow,) = pages.flows()
        pages.change(flow["id"], comment="why twice?")
        pages.change(flow["id"], comment="why twice?")
        pages.change(flow["id"], marked=":warning:")
        first, second = notes(proxy, 2)
        assert first == (first.at, request.origin, "why twice?", "")
        assert second == (second.at, request.origin, "why twice?", ":warning:")
        pages.change(flow["id"], comment="", marked="")
        assert notes(proxy, 3)[2:] == [(notes(proxy, 3)[2].at, request.origin, "", "")]
        assert "Traceback" not in proxy.log()


def test_what_another_addon_writes_is_told_redacted(tmp_path: Path) -> None:
    """A comment that an addon loaded before ours has made is told when the call ends, without the secret in it."""
    script = tmp_path / "marking.py"
    script.write_text(MARKING)
    with (
        support.answering(answer) as callee,
        support.proxy(tmp_path, f"reverse:{callee}", addon=script, scripts=(support.ADDON,)) as proxy,
    ):
        assert support.ask(proxy.ports[0], b"GET /image HTTP/1.1\r\nHost: h\r\n\r\n").endswith(b"ok")
        (note,) = notes(proxy, 1)
        assert note.mark == ":warning:"
        assert "odd" in note.text
        assert "hunter2" not in note.text
