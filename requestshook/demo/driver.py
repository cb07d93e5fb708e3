"""`requestshook demo`: a small real system, recorded and rendered by the commands that anyone would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from requestshook.demo import folder as folders
from requestshook.demo.system import System
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from rich.console import Console

NAME = "image-create"
COMMAND = (
    *("openstack", "image", "create", "--public", "--disk-format", "qcow2"),
    *("--file", folders.IMAGE, "cirros-0.6.1-x86_64-disk"),
)
_INJECT = Path(__file__).parents[1] / "_inject"
_GRACE = 5.0  # seconds for a command of ours to end


def demo(folder: Path, console: Console, ports: tuple[int, int, int] = (0, 0, 0)) -> int:
    """Start the services, record one command, render its page, show its flow; 0, or the command's own status.

    Everything is written below `folder`, and no process outlives the call, whatever ends it. `ports` are those of
    keystone, glance-api and swift-proxy-server; 0 is any free one. Raises RequestshookError.
    """
    shown, folder = folder, folder.absolute()
    folders.prepare(folder)
    with _signals_raise():
        status = _record(folder, console, ports)
        if status == 0:
            _requestshook(folder, "render", NAME, "-o", "docs", quiet=True)
            _print_flow(_flow(folder), console)
            _print_where(shown, console)
    return status


def _record(folder: Path, console: Console, ports: tuple[int, int, int]) -> int:
    environment = _environment(folder)
    with System(folder, _service_environment(environment, folder), ports) as system:
        folders.write_configuration(folder, system.addresses)
        system.start()
        for name, address in system.addresses.items():
            console.print(f"{name} answers at {address}")
        _print_command(("run", "--name", NAME, "--", *COMMAND), console)
        client = {**environment, **_client_environment(folder, system.addresses["keystone"])}
        return _wait(_spawn(folder, client, "run", "--name", NAME, "--", *COMMAND))


def _environment(folder: Path) -> dict[str, str]:
    """Ours without what another recording or another cloud has put into it; nothing is written beside our modules."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REQUESTSHOOK", "OS_"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def _service_environment(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """What `requestshook env` tells people to give to their services."""
    path = os.pathsep.join(filter(None, [str(_INJECT), environment.get("PYTHONPATH")]))
    ours = {"REQUESTSHOOK": "1", "REQUESTSHOOK_DIR": str(folder / ".requestshook"), "PYTHONPATH": path}
    return {**environment, **ours}


def _client_environment(folder: Path, keystone: str) -> dict[str, str]:
    return {
        "PATH": os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", os.defpath)]),
        "OS_AUTH_URL": f"{keystone}/",
        "OS_USERNAME": "admin",
        "OS_PASSWORD": "asdf",
        "OS_PROJECT_NAME": "admin",
    }


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Being told to end is an exception like Ctrl-C, so that what we started is ended on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _raise) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _spawn(folder: Path, environment: dict[str, str], *arguments: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "requestshook", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, text=True, encoding="utf-8", **options)


def _wait(child: subprocess.Popen[str]) -> int:
    """Its exit status; where we are interrupted, it is ended first."""
    try:
        status = child.wait()
        return status if status >= 0 else 128 - status
    except BaseException:
        _end(child)
        raise


def _end(child: subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.wait(_GRACE)
    except BaseException:  # it takes too long, or we are interrupted once more
        child.kill()
        child.wait()


def _requestshook(folder: Path, *arguments: str, quiet: bool = False) -> str:
    """What one of our commands prints; raises RequestshookError where it fails."""
    child = _spawn(folder, _environment(folder), *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        output, _ = child.communicate()
    except BaseException:
        _end(child)
        raise
    if child.returncode:
        raise RequestshookError(f"demo: requestshook {shlex.join(arguments)} ended with status {child.returncode}")
    return output


def _flow(folder: Path) -> dict[str, Any]:
    return dict(json.loads(_requestshook(folder, "show", NAME, "--json")))


def _print_command(arguments: Sequence[str], console: Console) -> None:
    console.print()
    console.print(f"$ requestshook {shlex.join(arguments)}", style="bold")


def _print_flow(flow: dict[str, Any], console: Console) -> None:
    """One row a call, nested as they were made."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("steps", "caller → callee", "request", "status"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for call in flow["calls"]:
        steps = f"{call['request_step']}-{call['response_step'] or call['failure_step'] or ''}"
        status = str(call["status"] or call["failure"])
        names = f"{'  ' * call['depth']}{call['from']} → {call['to']}"
        colour = "red" if call["failure"] or call["status"] >= 400 else "green"
        table.add_row(steps, names, Text(f"{call['method']} {call['target']}"), Text(status, colour))
    console.print()
    console.print(table)


def _print_where(folder: Path, console: Console) -> None:
    console.print()
    console.print(f"The page: {folder / folders.PAGE}", style="bold")
    site = shlex.quote(str(folder / "mkdocs.yml"))
    if find_spec("material") is None:
        console.print("To see it: pip install mkdocs-material")
        console.print(f"      then mkdocs serve -f {site}")
    else:
        program = "mkdocs" if shutil.which("mkdocs") else f"{shlex.quote(sys.executable)} -m mkdocs"
        console.print(f"To see it: {program} serve -f {site}")
