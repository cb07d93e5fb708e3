"""What the tests of start-up and of `run` share: programs in processes of their own, and a server to call."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from requestshook import events
from requestshook.environment import INJECT

TRACE = "0123456789abcdef" * 2


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def server() -> Iterator[str]:
    """The address of a server that answers every GET with `ok`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


def clean_environ() -> dict[str, str]:
    """The environment of a program that nobody records."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("REQUESTSHOOK", "PYTHONPATH"))}


class Programs:
    """Runs Python programs with the hook by `_inject`, and reads what they recorded into `folder`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / ".requestshook"

    def environ(self, *, on: str | None = "1", path: Sequence[Path] = (), **more: str) -> dict[str, str]:
        """With REQUESTSHOOK as `on`, and the folders of `path` behind `_inject` on PYTHONPATH."""
        found = {**clean_environ(), "REQUESTSHOOK_DIR": str(self.folder), "REQUESTSHOOK_TRACE": TRACE, **more}
        found["PYTHONPATH"] = os.pathsep.join([INJECT, *map(str, path)])
        if on is not None:
            found["REQUESTSHOOK"] = on
        return found

    def run(
        self, *arguments: str, environ: Mapping[str, str] | None = None, python: str = sys.executable
    ) -> subprocess.CompletedProcess[str]:
        """Run the interpreter with these arguments to its end."""
        return subprocess.run(
            [python, *arguments],
            env=self.environ() if environ is None else environ,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def code(self, code: str, environ: Mapping[str, str] | None = None) -> str:
        """What a program prints that ends well and says nothing on standard error."""
        done = self.run("-c", code, environ=environ)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def events(self) -> list[events.Event]:
        """All that was recorded."""
        lines = [line for path in sorted(self.folder.glob("spool/*.jsonl")) for line in path.read_bytes().splitlines()]
        return [events.from_line(line) for line in lines if line.strip()]

    def calls(self) -> list[tuple[str, str]]:
        """Method and URL of the calls that were recorded."""
        return [(event.method, event.url) for event in self.events() if isinstance(event, events.Request)]
