"""`requestshook demo`: a small real system, recorded and rendered by the commands that anyone would type."""

from __future__ import annotations

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
from typing import TYPE_CHECKING, NamedTuple

from requestshook import environment, mitmdump
from requestshook.demo import folder as folders
from requestshook.demo.system import CLIENT, System
from requestshook.demo.words import FILE
from requestshook.errors import RequestshookError
from requestshook.settings import FOLDER

if TYPE_CHECKING:
    from rich.console import Console

NAME = "image-create"
COMMAND = (
    *("openstack", "image", "create", "--public", "--disk-format", "qcow2"),
    *("--file", folders.IMAGE, "cirros-0.6.1-x86_64-disk"),
)
_GRACE = 5.0  # seconds for a command of ours to end


class Capture(NamedTuple):
    """How the demo is recorded."""

    hook: bool  # in every process, client and services
    proxy: bool  # between every two of them


CAPTURES = {"hook": Capture(True, False), "proxy": Capture(False, True), "both": Capture(True, True)}


def demo(folder: Path, console: Console, ports: tuple[int, int, int] = (0, 0, 0), capture: str = "hook") -> int:
    """Start the services, record one command, show its flow, write its page; 0, or the command's own status.

    Everything is written below `folder`, and no process outlives the call, whatever ends it. `ports` are those of
    keystone, glance-api and swift-proxy-server; 0 is any free one. `capture` is one of CAPTURES. Raises
    RequestshookError.
    """
    here = folder.absolute()
    how = CAPTURES[capture]
    if how.proxy:
        mitmdump.find()  # raises where there is none, before anything is done
    folders.prepare(here)
    with _signals_raise():
        status = _record(folder, console, ports, how)
        if status:
            console.print(f"The command has failed; what the services said of it is in {folder / 'log'}", style="red")
            return status
        for arguments in (("show",), ("annotate", FILE), ("render", FILE)):
            console.print()
            status = _say_and_run(here, _environment(), arguments, console)
            if status:
                raise RequestshookError(f"demo: requestshook {arguments[0]} ended with status {status}")
    _print_where(folder, console)
    return 0


def _record(folder: Path, console: Console, ports: tuple[int, int, int], capture: Capture) -> int:
    here = folder.absolute()
    variables = _service_environment(here) if capture.hook else _environment()
    with System(here, variables, ports, proxied=capture.proxy) as system:
        folders.write_configuration(here, system.addresses, system.listeners)
        system.start()
        for name, address in system.addresses.items():
            console.print(f"{name} answers at {address}")
        console.print()
        _print_command(("cd", str(folder)), console)
        client = {**_environment(), **_client_environment(here, system.address(CLIENT, "keystone"))}
        system.release()
        return _say_and_run(here, client, (*_recording(capture), "--name", NAME, "--", *COMMAND), console)


def _recording(capture: Capture) -> tuple[str, ...]:
    """The command of ours that records another one."""
    if not capture.proxy:
        return ("run",)
    return ("proxy", "--hook") if capture.hook else ("proxy",)


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _environment() -> dict[str, str]:
    """Ours without what another recording or another cloud has put into it; nothing is written beside our modules."""
    foreign = ("REQUESTSHOOK", "OS_", "PYTHONSAFEPATH")  # the programs import what lies beside them
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    if mitmdump.VARIABLE in os.environ:
        kept[mitmdump.VARIABLE] = os.environ[mitmdump.VARIABLE]
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1"}


def _service_environment(folder: Path) -> dict[str, str]:
    """What `requestshook env` tells people to give to their services."""
    given = _environment()
    return {**given, **environment.variables(str(folder / FOLDER), given)}


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
    ours = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is signal.SIG_DFL]  # not under nohup
    for number in ours:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _raise(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _say_and_run(folder: Path, variables: dict[str, str], arguments: Sequence[str], console: Console) -> int:
    """Run one of our commands as a person in that folder would, its output where ours goes; its exit status."""
    _print_command(("requestshook", *arguments), console)
    console.file.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)  # held back until the child is known, and can hear them
    child = None
    try:
        child = subprocess.Popen([sys.executable, "-m", "requestshook", *arguments], cwd=folder, env=variables)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        status = child.wait()
    except BaseException:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if child is not None:
            _end(child)
        raise
    return status if status >= 0 else 128 - status


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_GRACE)
    except BaseException:  # it takes too long, or we are interrupted once more
        child.kill()
        child.wait()


def _print_command(words: Sequence[str], console: Console) -> None:
    console.print(f"$ {shlex.join(words)}", style="bold", markup=False, highlight=False)


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
