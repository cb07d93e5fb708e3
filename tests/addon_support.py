"""A real mitmdump with our addon in it, and small servers whose every octet is written out."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from requestshook import events

ADDON = Path(__file__).parents[1] / "addons" / "requestshook_addon.py"
_GIVEN = os.environ.get("REQUESTSHOOK_TEST_MITMDUMP")  # read now: no test sees variables of ours


def mitmdump() -> str:
    """mitmdump's path: REQUESTSHOOK_TEST_MITMDUMP, beside this interpreter, or on PATH; skips where there is none."""
    beside = Path(sys.executable).with_name("mitmdump")
    path = shutil.which(_GIVEN or (str(beside) if beside.exists() else "mitmdump"))
    if path is None:
        pytest.skip("mitmdump is not installed: pip install 'requestshook[proxy]', or name one of another environment")
    return path


class Proxy:
    """A mitmdump that runs. `ports` are those of its modes, in their order."""

    def __init__(self, home: Path, ports: list[int], child: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.folder = home / ".requestshook"
        self.ports = ports
        self.child = child

    def url(self, index: int = 0) -> str:
        """The address of one of its modes."""
        return f"http://127.0.0.1:{self.ports[index]}"

    def log(self) -> str:
        """What mitmdump has said."""
        return (self.home / "log").read_text("utf-8", "replace")

    def events(self) -> list[Any]:
        """All that the addon has written."""
        found: list[Any] = []
        for path in sorted(self.folder.glob("spool/*.jsonl")):
            found += [events.from_line(line) for line in path.read_bytes().splitlines() if line.strip()]
        return found

    def check(self) -> None:
        """Neither an exception nor a fault of ours is in the log, and every line of the spool can be read."""
        log = self.log()
        for sign in ("Traceback", "Addon error", "has crashed", "requestshook:"):
            assert sign not in log, log[-5000:]
        assert not [event for event in self.events() if isinstance(event, events.Count) and event.dropped]

    def call(self, path: str, *, until: Callable[[list[Any]], bool] | None = None) -> list[Any]:
        """The lines of the newest call of a path, once they are as they are to be, by default once it is over."""
        deadline = time.monotonic() + 30
        while True:
            found = self._call(path)
            if found and (until or _is_over)(found):
                return found
            assert time.monotonic() < deadline, f"{path}: {found}\n{self.log()}"
            time.sleep(0.02)

    def _call(self, path: str) -> list[Any]:
        everything = [event for event in self.events() if hasattr(event, "origin")]
        asked = [e for e in everything if isinstance(e, events.Request) and urlsplit(e.url).path == path]
        if not asked:
            return []
        number = asked[-1].origin.n
        return [event for event in everything if event.origin.n == number]


def _is_over(found: list[Any]) -> bool:
    if any(isinstance(event, events.Failure) for event in found):
        return True
    ends = {event.of for event in found if isinstance(event, events.BodyEnd)}
    answer = next((event for event in found if isinstance(event, events.Response)), None)
    asked = found[0]
    return answer is not None and all((asked.body or "request" in ends, answer.body or "response" in ends))


def one(found: list[Any], kind: type, of: str | None = None) -> Any:
    """The one event of this kind."""
    (event,) = [e for e in found if isinstance(e, kind) and (of is None or e.of == of)]
    return event


def free_port() -> int:
    """A port that nobody listens on, below those that the system gives to whoever asks for any."""
    while True:
        port = secrets.choice(range(12_000, 32_000))
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def proxy(
    home: Path, *modes: str, options: tuple[str, ...] = (), scripts: tuple[Path, ...] = (), addon: Path | None = ADDON
) -> Iterator[Proxy]:
    """mitmdump with our addon or bare, one listener for each mode; `{0}` in an option is the first one's port."""
    found = _started(home, modes, options, scripts, addon)
    try:
        _wait_until_up(found)
        yield found
    finally:
        _end(found)


@contextmanager
def bare_and_ours(home: Path, *modes: str, options: tuple[str, ...] = ()) -> Iterator[tuple[Proxy, Proxy]]:
    """A mitmdump as it is and one with our addon, else alike."""
    started = []
    try:
        for name, addon in (("bare", None), ("ours", ADDON)):
            (home / name).mkdir()
            started.append(_started(home / name, modes, options, (), addon))
        for found in started:
            _wait_until_up(found)
        yield started[0], started[1]
    finally:
        for found in started:
            _end(found)


def _end(found: Proxy) -> None:
    found.child.terminate()
    try:
        found.child.wait(20)
    except subprocess.TimeoutExpired:
        found.child.kill()
        found.child.wait()


def _started(
    home: Path, modes: tuple[str, ...], options: tuple[str, ...], scripts: tuple[Path, ...], addon: Path | None
) -> Proxy:
    program = mitmdump()
    ports = [free_port() for _ in modes]
    arguments = [program, "--set", f"confdir={home / 'mitmproxy'}"]
    if not any(option.startswith("connection_strategy=") for option in options):
        options = (*options, "connection_strategy=lazy")
    for mode, port in zip(modes, ports, strict=True):
        arguments += ["--mode", f"{mode}@127.0.0.1:{port}"]
    for script in (*([addon] if addon else []), *scripts):
        arguments += ["-s", str(script)]
    for option in options:
        arguments += ["--set", option.format(*ports)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("REQUESTSHOOK", "PYTHONPATH"))}
    with open(home / "log", "wb") as log:
        child = subprocess.Popen(arguments, cwd=home, env=environ, stdout=log, stderr=log)
    return Proxy(home, ports, child)


def _wait_until_up(found: Proxy) -> None:
    deadline = time.monotonic() + 60
    for port in found.ports:
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert found.child.poll() is None, found.log()
            assert time.monotonic() < deadline, found.log()
            time.sleep(0.05)


Handler = Callable[[socket.socket, bytes], None]


@contextmanager
def answering(handler: Handler) -> Iterator[str]:
    """A server that calls `handler` with each connection and the octets of its first request's head."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(15)
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            handler(connection, head)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def ask(port: int, octets: bytes) -> bytes:
    """All that comes back for these octets, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), 15) as connection:
        connection.sendall(octets)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the end."""
    found = b""
    with suppress(ConnectionResetError):
        while data := connection.recv(65536):
            found += data
    return found
