"""`watch`: a recording as it happens, one line a step."""

from __future__ import annotations

import mmap
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from requestshook.cli import opening, terminal
from requestshook.cli.arriving import Arrivals
from requestshook.cli.group import Command
from requestshook.cli.stepping import Lines, Objects
from requestshook.errors import NotFoundError

if TYPE_CHECKING:
    from requestshook.cli.opening import Opened
    from requestshook.trace.calls import Trace
    from requestshook.workspace import Workspace

_BEGUN = re.compile(rb'"event":"(?:recording|process)"[^\n]{0,200}?"trace":"([0-9a-f]{32})"')
_PAUSE = 0.2  # seconds between two looks; where a look takes longer, as long as it takes
_QUIET = 2.0  # seconds without a new line, after which it is asked whether the recording's maker still lives


@click.command(
    "watch",
    cls=Command,
    examples="""
    requestshook watch
    requestshook watch nightly-backup
    requestshook watch --json | jq --unbuffered -c 'select(.event == "failure")'
    """,
)
@click.argument("trace", required=False, shell_complete=opening.complete_trace)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read, a line a step.")
def watch(trace: str | None, as_json: bool) -> None:
    """Follow a recording as it happens: each step as it comes, until the recording ends or Ctrl-C.

    Without TRACE it is the newest recording that is open; where none is, the next one is waited for.
    """
    printed: Lines | Objects = Objects() if as_json else Lines()
    arrivals, found = Arrivals(), None
    with suppress(KeyboardInterrupt):
        for found, is_over in _looks(trace):
            printed.begin(found)
            for arrival in arrivals.look(found, all=is_over):
                printed.step(arrival, found)
    if found is not None:
        for arrival in arrivals.look(found, all=True):
            printed.step(arrival, found)
        printed.end(found, arrivals.outdated(found))


def _looks(text: str | None) -> Iterator[tuple[Trace, bool]]:
    """The recording as it is now, again and again; with the last one, that it is over."""
    waited = text is None and _wait_for_the_folder()
    with opening.reading() as opened:
        id = opening.find(opened.store, text).id if text is not None else _newest(opened, waited)
        size, found, due = None, None, 0.0
        while True:
            begun, is_over = time.monotonic(), False
            now = opened.store.size(id)
            if not now[0]:
                raise NotFoundError("the recording was removed meanwhile")
            if now != size or found is None:
                size, found, due = now, opening.build(opened, id), begun + _QUIET
            elif found.ended is not None:
                is_over = True
            elif begun > due:
                is_over = id not in going_on(opened.workspace)
                due = begun + max(_QUIET, 10 * (time.monotonic() - begun))
            yield found, is_over
            if is_over:
                return
            _wait(opened, begun)


def _wait(opened: Opened, begun: float) -> None:
    """Until the next look, and all that was written until then is in the store."""
    time.sleep(max(_PAUSE, time.monotonic() - begun))
    opening.tell(opening.gather(opened.store, (), opened.workspace.spool))


def _wait_for_the_folder() -> bool:
    """Until there is something to open, which may be at once: waiting makes no folder. Whether it took a while."""
    from requestshook.config import load
    from requestshook.workspace import Workspace

    workspace = Workspace(load())
    waited = False
    while not os.path.exists(workspace.spool) and not os.path.exists(workspace.config.store):
        if not waited:
            _say_waiting(workspace.folder)
        waited = True
        time.sleep(_PAUSE)
    return waited


def _say_waiting(folder: str) -> None:
    terminal.note(f"no recording is open in {folder}: waiting for the next one; Ctrl-C ends this")


def _newest(opened: Opened, waited: bool) -> str:
    """The id of the newest recording that goes on, else of the next one that begins."""
    known = [] if waited else opened.store.traces()
    alive = going_on(opened.workspace)
    for summary in known:
        if summary.open and summary.id in alive:
            return summary.id
    if not waited:
        _say_waiting(opened.workspace.folder)
    ids = {summary.id for summary in known}
    while True:
        begun = time.monotonic()
        for summary in opened.store.traces():
            if summary.id not in ids:
                return summary.id
        _wait(opened, begun)


def going_on(workspace: Workspace) -> set[str]:
    """The ids of recordings that somebody may still end: by `stop`, or a process that lives began it or runs in it."""
    from requestshook.spool import hostname
    from requestshook.spoolfiles import is_gone

    found = {item.trace for item in workspace.recordings()}
    with suppress(OSError), os.scandir(workspace.spool) as entries:
        for entry in entries:
            if entry.name.endswith(".jsonl") and not is_gone(entry.name, hostname()):
                found |= _begun_in(entry.path)
    return found


def _begun_in(path: str) -> set[str]:
    """The ids of recordings that the writer of a spool file began, or was started in."""
    with (
        suppress(OSError, ValueError),  # an empty file cannot be mapped
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets,
    ):
        return {id.decode() for id in _BEGUN.findall(octets)}
    return set()
