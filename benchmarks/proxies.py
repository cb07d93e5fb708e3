"""mitmdump as it is measured: bare, with small addons, with what mitmproxy has for keeping flows, with ours.

Each is a process of its own in reverse mode before one server, and lives as long as the measure does.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from benchmarks.processes import ROOT, environment
from requestshook import mitmdump
from requestshook.errors import RequestshookError

Options = Callable[[Path], Sequence[str]]
"""What mitmdump is started with, beside what all are; the folder is its own."""

_NO_OP = "def {0}(flow): pass\n"
_HOOKS = ("requestheaders", "request", "responseheaders", "response")
_HEADERS = """
import os
def requestheaders(flow):
    flow.id_of_ours = os.urandom(16).hex()
    _tag(flow.request.headers, flow.id_of_ours)
def responseheaders(flow):
    _tag(flow.response.headers, flow.id_of_ours)
def _tag(headers, id):
    headers["X-Requestshook-Request-Id"] = id
    headers["X-Requestshook-Request-From"] = "client"
"""
_STREAM = """
def requestheaders(flow):
    flow.request.stream = True
def responseheaders(flow):
    flow.response.stream = True
"""


def _bare(folder: Path) -> Sequence[str]:
    return ()


def _script(text: str) -> Options:
    def options(folder: Path) -> Sequence[str]:
        (folder / "script.py").write_text(text)
        return "-s", str(folder / "script.py")

    return options


def _ours(configuration: str) -> Options:
    def options(folder: Path) -> Sequence[str]:
        from requestshook.config import load
        from requestshook.workspace import Workspace

        path = folder / "requestshook.yaml"
        path.write_text(f"{configuration}\n")
        Workspace(load(path)).refresh()
        addon = str(ROOT / "addons" / "requestshook_addon.py")
        return "-s", addon, "--set", f"requestshook_dir={folder / '.requestshook'}"

    return options


PROXIES: dict[str, Options] = {
    "bare": _bare,
    "bare again": _bare,
    "no-op": _script("".join(map(_NO_OP.format, _HOOKS))),
    "two headers": _script(_HEADERS),
    "stream": _script(_STREAM),
    "-q": lambda folder: ("-q",),
    "hardump": lambda folder: ("--set", f"hardump={folder / 'flows.har'}"),
    "-w": lambda folder: ("-w", str(folder / "flows.mitm")),
    "large": lambda folder: ("--set", "stream_large_bodies=1"),
    "large again": lambda folder: ("--set", "stream_large_bodies=1"),
    "tags only": _ours('capture: {max: off}\nignore: ["* * /**"]'),
    "unredacted": _ours("capture: {max: off}\nredact: off"),
    "redacted": _ours("capture: {max: off}"),
}


class Proxy:
    """A mitmdump that runs."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    def cpu(self) -> float:
        """The CPU seconds that it has taken so far: clock_getcpuclockid(3), as Linux makes it."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def peak(self) -> int:
        """How many octets of memory it had at most."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def program() -> str | None:
    """mitmdump's path, by REQUESTSHOOK_TEST_MITMDUMP or where requestshook finds it; None where there is none."""
    given = os.environ.get("REQUESTSHOOK_TEST_MITMDUMP")
    try:
        return given or mitmdump.find()
    except RequestshookError:
        return None


@contextmanager
def proxies(names: Sequence[str], server: str) -> Iterator[dict[str, Proxy]]:
    """A fresh mitmdump before the server for each name, all of them up."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(_proxy(name, server)) for name in names}
        for proxy in found.values():
            _wait_until_up(proxy)
        yield found


@contextmanager
def _proxy(name: str, server: str) -> Iterator[Proxy]:
    path = program()
    assert path is not None
    with tempfile.TemporaryDirectory(prefix="benchmark-") as place, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        folder = Path(place)
        command = [path, "--set", f"confdir={folder / 'mitmproxy'}", "--set", "connection_strategy=lazy"]
        command += ["--mode", f"reverse:{server}@127.0.0.1:{port}", *PROXIES[name](folder)]
        env = environment()
        env.pop("PYTHONPATH")
        with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL) as process:
            try:
                yield Proxy(process.pid, port)
            finally:
                process.terminate()
                process.wait(60)


def _wait_until_up(proxy: Proxy) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", proxy.port), 1):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("mitmdump does not listen")
        time.sleep(0.05)
