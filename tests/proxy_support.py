"""`requestshook proxy` as a person starts it, a configuration, and small services behind it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from requestshook import events
from tests import addon_support

PATIENCE = 60.0  # seconds for a process to end


class Home:
    """A folder with a configuration, in which `requestshook proxy` is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mitmdump = addon_support.mitmdump()

    def configure(self, text: str) -> None:
        """Write the configuration."""
        (self.folder / "requestshook.yaml").write_text(text, "utf-8")

    def environ(self, **more: str) -> dict[str, str]:
        """Ours, without proxies and what another recording left there."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("REQUESTSHOOK") and "proxy" not in name.lower()
        }
        given = {"REQUESTSHOOK_MITMDUMP": self.mitmdump, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        return {**kept, **given, **more}

    def run(self, *arguments: str, command: str = "proxy", **more: str) -> subprocess.CompletedProcess[str]:
        """Run one of our commands to its end."""
        return subprocess.run(
            [sys.executable, "-m", "requestshook", command, *arguments],
            cwd=self.folder, env=self.environ(**more), capture_output=True, encoding="utf-8", timeout=PATIENCE,
        )  # fmt: skip

    @contextmanager
    def running(self, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """The proxy without a command."""
        child = subprocess.Popen(
            [sys.executable, "-m", "requestshook", "proxy", *arguments],
            cwd=self.folder, env=self.environ(**more), encoding="utf-8", stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_interruptible,
        )  # fmt: skip
        try:
            yield child
        finally:
            child.kill()
            child.communicate(timeout=PATIENCE)

    def events(self) -> list[Any]:
        """All that was written."""
        found: list[Any] = []
        for path in sorted((self.folder / ".requestshook" / "spool").glob("*.jsonl")):
            found += [events.from_line(line) for line in path.read_bytes().splitlines() if line.strip()]
        return found

    def of(self, kind: type) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events() if isinstance(event, kind)]

    def traces(self) -> list[dict[str, Any]]:
        """The recordings, as `traces` lists them."""
        found: list[dict[str, Any]] = json.loads(self.run("--json", command="traces").stdout)
        return found


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background may ignore it


def first_line(child: subprocess.Popen[str]) -> str:
    """The first line that it prints: its listeners answer then."""
    assert child.stdout is not None
    line: str = child.stdout.readline()
    if not line:
        assert child.stderr is not None
        raise AssertionError(child.stderr.read())
    return line


def exported(text: str) -> dict[str, str]:
    """The variables that lines for a shell set."""
    words = [shlex.split(line) for line in text.splitlines()]
    assert all(word[0] == "export" for word in words), text
    return dict(word[1].partition("=")[::2] for word in words)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"path": self.path, "host": self.headers["Host"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


class _Server6(_Server):
    address_family = socket.AF_INET6


@contextmanager
def service(*, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A service that answers with what it was asked; gives its port."""
    server = (_Server6 if ":" in host else _Server)((host, 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that are not over."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError):
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and fields[0] != "Z":
                    found.append(int(name))
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
