"""`requestshook run`: one command, recorded with all that it causes."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import NamedTuple

from requestshook import environment, events, recording, tags
from requestshook.capture.startup import UNSEEN
from requestshook.config import Config
from requestshook.run import secrets
from requestshook.run.execution import Finished, NotStarted, execute, find
from requestshook.workspace import Workspace

_SILENT = (
    "no process of {} reported, so its own side of its calls is not recorded: it is not Python, older than "
    "Python 3.10, started with -I, -E or -S, or its user cannot write to {}{}"
)
_TRY_ALL = "; with --all, services that record here tell what it asks of them"


class Ran(NamedTuple):
    """How a command ended, and the trace's id; None where it could not be started at all."""

    status: int
    trace: str | None


def run(
    config: Config,
    command: Sequence[str],
    *,
    name: str | None = None,
    service: str | None = None,
    all: bool = False,
    keep_output: bool = True,
) -> Ran:
    """Record a command; its exit status is told as a shell does: 128 + n where signal n killed it, 127, 126.

    `name` defaults to the command's own, `service` to what the command finds out. With `all`, calls of services that
    are tied to nothing belong to the recording too. Raises RequestshookError where the folder cannot be used;
    nothing has run then.
    """
    try:
        find(command, os.environ)
        workspace = Workspace(config)
        trace = tags.new_trace_id(workspace.refresh().key)
        name = name or os.path.basename(command[0])
        ours = environment.variables(workspace.folder, os.environ, trace=trace, service=service)
        with (
            recorded(workspace, trace, name, command) as finished,
            _open_to_all(workspace, trace, name) if all else nullcontext(),
            _listening(workspace.folder, trace, command, all),
        ):
            finished.append(execute(command, {**os.environ, **ours}, keep_output=keep_output))
        return Ran(finished[0].status, trace)
    except NotStarted as error:
        _say(str(error))
        return Ran(error.status, None)


@contextmanager
def recorded(workspace: Workspace, trace: str, name: str, command: Sequence[str] = ()) -> Iterator[list[Finished]]:
    """The recording's first and last line; the block appends how the command ended, where there was one."""
    recorder = recording.Recorder(workspace.folder)
    recorder.service = "requestshook"
    recorder.settings()
    recorder.emit(events.Recording(time.time(), trace, name, tuple(command)))
    finished: list[Finished] = []
    status: int | None = None
    try:
        yield finished
        status = finished[0].status if finished else None
    except NotStarted as error:
        status = error.status
        raise
    finally:
        output, cut = (finished[0].output, finished[0].cut) if finished else ((), False)
        redactor = recorder.settings().redactor
        known = secrets.met(redactor, os.path.join(workspace.folder, "spool"), trace, output)
        known |= secrets.given(redactor, command, os.environ)
        recorder.emit(events.Recorded(time.time(), trace, status, secrets.without(output, known), cut))


@contextmanager
def _open_to_all(workspace: Workspace, trace: str, name: str) -> Iterator[None]:
    workspace.open_recording(trace, name, pid=os.getpid())
    try:
        yield
    finally:
        workspace.close_recording(trace)


@contextmanager
def _listening(folder: str, trace: str, command: Sequence[str], all: bool) -> Iterator[None]:
    """Say it where no interpreter got our environment: the first one takes a file away that we leave there."""
    _clear_signs(folder)
    sign, held = os.path.join(folder, UNSEEN + trace), None
    with suppress(OSError):
        held = os.open(sign, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(held, fcntl.LOCK_SH)
    try:
        yield
        if os.path.exists(sign):
            _say(_SILENT.format(command[0], folder, "" if all else _TRY_ALL))
    finally:
        with suppress(OSError):
            os.unlink(sign)
        if held is not None:
            os.close(held)


def _clear_signs(folder: str) -> None:
    """Take away what a `run` left that was killed outright; one that goes on holds a lock on its own."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(UNSEEN):
                _clear(os.path.join(folder, name))


def _clear(path: str) -> None:
    with suppress(OSError), open(path, "rb") as sign:
        fcntl.flock(sign, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(path)


def _say(text: str) -> None:
    with suppress(OSError):
        print(f"requestshook: {text}", file=sys.stderr)
