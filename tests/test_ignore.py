"""`ignore` in a real system: the names are those of the page, and a call is left out as a whole."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from requestshook import environment

SERVICE = """
import sys, requests
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, WSGIRequestHandler, make_server

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments): pass

def application(environ, start_response):
    if len(sys.argv) > 2:  # calls on
        for path in ("/item/1", "/item/2", "/price"):
            requests.get(sys.argv[2] + path)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"done"]

make_server("127.0.0.1", int(sys.argv[1]), application, Server, Quiet).serve_forever()
"""


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait(port: int) -> None:
    """Until somebody listens."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("the service did not start")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[int]:
    """Two services that have other names in the configuration than their programs; the port of the first."""
    orders, stock = free_port(), free_port()
    (tmp_path / "requestshook.yaml").write_text(
        "services:\n"
        f"  shop-orders: [http://127.0.0.1:{orders}]\n"
        f"  shop-stock: [http://127.0.0.1:{stock}]\n"
        'ignore:\n  - "shop-orders -> shop-stock GET /item/{n}"\n'
    )
    for name in ("orders.py", "stock.py"):
        (tmp_path / name).write_text(SERVICE)
    run(tmp_path, "status")  # writes capture.json
    environ = {**os.environ, **environment.variables(str(tmp_path / ".requestshook"), os.environ)}
    commands = [["orders.py", str(orders), f"http://127.0.0.1:{stock}"], ["stock.py", str(stock)]]
    services = [subprocess.Popen([sys.executable, *command], cwd=tmp_path, env=environ) for command in commands]
    try:
        wait(orders)
        wait(stock)
        yield orders
    finally:
        for service in services:
            service.terminate()
            service.wait(10)


def run(folder: Path, *arguments: str) -> str:
    """One of our commands in the folder; what it printed."""
    command = [sys.executable, "-m", "requestshook", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_what_the_page_calls_them_is_ignored_whole(shop: int, tmp_path: Path) -> None:
    """Names of `services:` are the names of `ignore`; caller's and server's half are left out alike."""
    code = f"import requests; print(requests.get('http://127.0.0.1:{shop}/buy').text)"
    for _ in range(2):
        assert (
            run(tmp_path, "run", "--name", "buy", "--service", "client", "--", sys.executable, "-c", code) == "done\n"
        )
        calls = json.loads(run(tmp_path, "show", "--json"))["calls"]
        found = [(call["from"], call["to"], call["target"], len(call["views"])) for call in calls]
        assert found == [("client", "shop-orders", "/buy", 2), ("shop-orders", "shop-stock", "/price", 2)]
