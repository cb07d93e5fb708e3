"""The demo's three services as child processes: started together, ended together, never left behind.

Their sockets are ours before they start, so that no port can be lost between choosing and using it. Each service
ends when its standard input does: by our hand, or because we are gone, however that happened.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from requestshook.errors import RequestshookError

SERVICES = Path(__file__).parent / "services"
NAMES = ("keystone", "glance-api", "swift-proxy-server")
CLIENT = "openstack"
ROUTES = (  # who calls whom
    (CLIENT, "keystone"),
    (CLIENT, "glance-api"),
    ("glance-api", "keystone"),
    ("glance-api", "swift-proxy-server"),
    ("swift-proxy-server", "keystone"),
)
HOST = "127.0.0.1"
PATIENCE = 15.0  # seconds for a service to answer
GRACE = 4.0  # seconds for a service to end; it gives itself less


class Listener(NamedTuple):
    """Where a proxy is to listen for what one service has to say to another."""

    caller: str
    callee: str
    port: int
    target: str  # the callee's own address, without a path


class System:
    """The running services; a context manager that ends them. `ports` that are 0 are chosen freely.

    With `proxied`, each caller is told another address for each callee: those of `listeners`, behind which a proxy
    has to be before anything is said.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        ports: tuple[int, int, int] = (0, 0, 0),
        *,
        proxied: bool = False,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        with ExitStack() as stack:
            self._sockets = {
                name: stack.enter_context(_listen(name, port)) for name, port in zip(NAMES, ports, strict=True)
            }
            self._reserved = {
                route: stack.enter_context(_listen("a proxy", 0)) for route in (ROUTES if proxied else ())
            }
            stack.pop_all()
        self._at = {name: _address(found) for name, found in self._sockets.items()}
        self._ways = {route: _address(found) for route, found in self._reserved.items()}
        self.listeners = tuple(
            Listener(*route, found.getsockname()[1], self._at[route[1]]) for route, found in self._reserved.items()
        )

    @property
    def addresses(self) -> dict[str, str]:
        """Where each service answers, by name."""
        return {name: _with_path(name, address) for name, address in self._at.items()}

    def address(self, caller: str, callee: str) -> str:
        """Where the caller finds the callee: at a proxy's listener, where there is one."""
        return _with_path(callee, self._ways.get((caller, callee), self._at[callee]))

    def release(self) -> None:
        """Let go of the listeners' ports, so that a proxy can have them."""
        for listener in self._reserved.values():
            listener.close()

    def __enter__(self) -> System:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the services; raises RequestshookError where one of them does not answer."""
        image, store = self.address(CLIENT, "glance-api"), self.address("glance-api", "swift-proxy-server")
        swift = ["--keystone", self.address("swift-proxy-server", "keystone")]
        swift += ["--login", self.addresses["keystone"], "--folder", str(self._folder / "swift")]
        options = {
            "keystone": ["--image", image, "--object-store", store],
            "glance-api": ["--keystone", self.address("glance-api", "keystone")],
            "swift-proxy-server": swift,
        }
        for name in NAMES:
            self._children[name] = self._spawn(name, options[name])
        self._close_sockets()
        deadline = time.monotonic() + PATIENCE
        for name in NAMES:
            self._wait_for(name, deadline)

    def stop(self) -> None:
        """End the services and wait until they are gone."""
        self._close_sockets()
        self.release()
        for child in self._children.values():
            if child.stdin is not None:
                child.stdin.close()
        deadline = time.monotonic() + GRACE
        for child in self._children.values():
            try:
                child.wait(max(deadline - time.monotonic(), 0))
            except BaseException:  # it takes too long, or we are interrupted once more
                child.kill()
                child.wait()
        self._children.clear()

    def log(self, name: str) -> Path:
        """Where a service's standard error goes."""
        return self._folder / "log" / f"{name}.log"

    def _spawn(self, name: str, options: list[str]) -> subprocess.Popen[bytes]:
        descriptor = self._sockets[name].fileno()
        with open(self.log(name), "wb") as log:
            return subprocess.Popen(
                [sys.executable, str(SERVICES / f"{name}.py"), "--socket", str(descriptor), *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=self._environment,
                pass_fds=(descriptor,),
                start_new_session=True,  # a Ctrl-C is for us, who end them in order
            )

    def _wait_for(self, name: str, deadline: float) -> None:
        while not self._answers(name):
            status = self._children[name].poll()
            if status is not None:
                raise RequestshookError(f"demo: {name} has ended with status {status}: {self._last_words(name)}")
            if time.monotonic() > deadline:
                raise RequestshookError(f"demo: {name} does not answer ({self.log(name)})")
            time.sleep(0.02)

    def _answers(self, name: str) -> bool:
        connection = HTTPConnection(self._at[name].removeprefix("http://"), timeout=PATIENCE / 3)
        try:
            connection.request("GET", "/healthcheck")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _last_words(self, name: str) -> str:
        lines = self.log(name).read_text("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def _close_sockets(self) -> None:
        for listener in self._sockets.values():
            listener.close()


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def _with_path(name: str, address: str) -> str:
    return f"{address}/identity" if name == "keystone" else address


def _listen(name: str, port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise RequestshookError(f"demo: {name} cannot listen on {HOST}:{port}: {reason}") from None
