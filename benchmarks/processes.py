"""Processes whose CPU time is measured: clients that work in rounds, and commands from start to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Spent(NamedTuple):
    """What a round took."""

    cpu: float  # seconds
    peak: int  # octets of memory, at most, since the process began


class Client:
    """A process that makes calls in one way."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, what: str, url: str, amount: int) -> Spent:
        """One round of work."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{what} {url} {amount}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended")
        return Spent(**json.loads(line))


def environment(**more: str) -> dict[str, str]:
    """Our own environment without what would lead calls elsewhere, or keep Python from keeping what it compiled."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept = {name: value for name, value in kept.items() if not name.startswith(("REQUESTSHOOK", "OTEL", "PYTHON"))}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def client(name: str) -> Iterator[Client]:
    """A fresh process that makes calls as `clients.CLIENTS[name]` does."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        command = [sys.executable, "-m", "benchmarks.clients", name, folder]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=folder
        ) as process:
            try:
                yield Client(process)
            finally:
                assert process.stdin is not None
                process.stdin.close()
                process.wait(60)


@contextmanager
def clients(names: Sequence[str]) -> Iterator[dict[str, Client]]:
    """A fresh process for each name."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(client(name)) for name in names}


def cpu_of(command: Sequence[str], env: Mapping[str, str]) -> float:
    """The CPU seconds of a command from its start to its end, its output thrown away."""
    null = os.open(os.devnull, os.O_RDWR)
    try:
        pid = os.posix_spawnp(
            command[0], list(command), env, file_actions=[(os.POSIX_SPAWN_DUP2, null, n) for n in (0, 1)]
        )
        _, status, usage = os.wait4(pid, 0)
    finally:
        os.close(null)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime
