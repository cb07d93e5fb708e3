"""Servers of wsgi_apps in processes of their own, and what went over the wire to them, octet by octet."""

from __future__ import annotations

import glob
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from requestshook import events

HERE = Path(__file__).parent
TRACE = "ab" * 16


class Server:
    """A server of wsgi_apps."""

    def __init__(self, port: int, folder: Path, errors: Path) -> None:
        self.port = port
        self.folder = folder
        self.errors = errors

    def recorded(self) -> list[events.Event]:
        """All events so far."""
        found: list[events.Event] = []
        for path in sorted(glob.glob(str(self.folder / "spool" / "*.jsonl"))):
            with open(path, "rb") as file:
                found += [events.from_line(line) for line in file if line.strip()]
        return found

    def of_call(
        self, id: str, last: type | tuple[type, ...] = events.Response, within: float = 5
    ) -> list[events.Event]:
        """The events of one call, once there is one of the type `last`, or of one of them."""
        until = time.monotonic() + within
        while True:
            found = [event for event in self.recorded() if getattr(getattr(event, "origin", None), "id", None) == id]
            if any(isinstance(event, last) for event in found) or time.monotonic() > until:
                return found
            time.sleep(0.02)

    def exchange(self, request: bytes, timeout: float = 20) -> bytes:
        """All octets that come back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as client:
            client.sendall(request)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def get(self, path: str, headers: str = "") -> bytes:
        """The content of an answer to GET."""
        return content_of(self.exchange(request("GET", path, headers)))


@contextmanager
def serving(kind: str, how: str, folder: Path, trace: str | None = TRACE) -> Iterator[Server]:
    """A server of this kind, patched or plain, in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("REQUESTSHOOK")}
    environment["REQUESTSHOOK_DIR"] = str(folder)
    environment["PYTHONPATH"] = os.pathsep.join((str(HERE), str(HERE.parent)))
    if trace:
        environment["REQUESTSHOOK_TRACE"] = trace
    errors = folder.with_name(folder.name + "-errors.txt")
    with open(errors, "wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "wsgi_launch.py"), kind, how],
            stdout=subprocess.PIPE, stderr=stderr, env=environment, cwd=folder.parent,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        _await(port, process)
        yield Server(port, folder, errors)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.sendall(request("GET", "/empty_list"))
                if client.recv(1):
                    return
        except OSError:
            pass
        assert process.poll() is None, "the server died"
        time.sleep(0.025)
    raise AssertionError("the server did not come up")


def request(method: str, path: str, headers: str = "", body: bytes = b"", version: str = "1.1") -> bytes:
    """A request after which the server closes the connection."""
    close = "" if "Connection:" in headers else "Connection: close\r\n"
    return f"{method} {path} HTTP/{version}\r\nHost: example.test\r\n{close}{headers}\r\n".encode("latin-1") + body


def content_of(answer: bytes) -> bytes:
    """The content of one answer; chunking undone."""
    head, _, content = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return content
    pieces = []
    while content:
        size, _, content = content.partition(b"\r\n")
        pieces.append(content[: int(size, 16)])
        content = content[int(size, 16) + 2 :]
    return b"".join(pieces)


def without_tags(answer: bytes) -> bytes:
    """The answer without our two headers, and with the same date."""
    head, blank, content = answer.partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)\r\nx-requestshook-request-(id|from): [^\r]*", b"", head)
    head = re.sub(rb"\r\nDate: [^\r]*", b"\r\nDate: now", head)
    return head + blank + content
