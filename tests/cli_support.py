"""A tiny service and a tiny client of it, and our command line as a person would type it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from requestshook.environment import variables

SERVER = """
import json
from wsgiref.simple_server import WSGIRequestHandler, make_server


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def app(environ, start_response):
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "application/json"), ("X-Evil", "a\\x1b[31mb")]
    start_response("404 Not Found" if path == "/bad" else "200 OK", headers)
    return [json.dumps({"path": path, "글": "한\\u202e"}, ensure_ascii=False).encode()]


server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"""
CLIENT = """
import sys

import requests

base = f"http://127.0.0.1:{sys.argv[1]}"
session = requests.Session()
session.get(base + "/v1/things?limit=10", headers={"X-Auth-Token": "a-secret-token"})
session.post(base + "/v1/things", json={"name": "it's", "password": "hunter2"})
session.put(base + "/v1/things/7/file", data=b"\\x00\\x01\\xff" * 20)
session.get(base + "/bad")
"""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours, without what another recording left there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REQUESTSHOOK")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80", "HOME": str(folder), **more}


def command(*arguments: str) -> list[str]:
    """Our command line."""
    return [sys.executable, "-m", "requestshook", *arguments]


def requestshook(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one of our commands in a folder."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The service, recording into the folder's `.requestshook`; gives its port."""
    (folder / "things.py").write_text(SERVER, "utf-8")
    (folder / "client.py").write_text(CLIENT, "utf-8")
    ours = environment(folder)
    ours |= variables(str(folder / ".requestshook"), ours)
    child = subprocess.Popen([sys.executable, "things.py"], cwd=folder, env=ours, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        yield child.stdout.readline().strip()
    finally:
        child.terminate()
        child.communicate(timeout=10)
