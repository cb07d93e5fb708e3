"""`status`: is a recording open, who has written, when, how much, and what was lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from requestshook.cli import figures, opening, running, terminal
from requestshook.cli.group import Command
from requestshook.cli.terminal import Cell, Column

if TYPE_CHECKING:
    from requestshook.events import Count
    from requestshook.store import Store, Unread
    from requestshook.workspace import OpenRecording, Workspace

_HEADS = (
    Column("process", shrinks=True),
    Column("pid", right=True),
    Column("host", shrinks=True),
    Column("last wrote", right=True),
    Column("spool", right=True),
    Column("untied", right=True),
    Column("ignored", right=True),
    Column("dropped", right=True),
)
_MOST_UNREAD = 10
_MOST_WRITERS = 20


@dataclass(slots=True)
class Writer:
    """A process that has written: what lies in the spool of it, and what it did not record."""

    program: str
    host: str
    pid: int
    last: float
    octets: int = 0  # in spool files that are still there: of a process that is gone there are none
    untied: int = 0
    ignored: int = 0
    dropped: int = 0
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """All that `status` says."""

    folder: str
    store: str
    recordings: tuple[OpenRecording, ...]
    writers: list[Writer]
    unread: list[Unread]
    unable: list[running.Service]


@click.command(
    "status",
    cls=Command,
    examples="""
    requestshook status
    requestshook status --json | jq '.processes[] | select(.dropped > 0)'
    """,
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
def status(as_json: bool) -> None:
    """Say whether a recording is open, who has written, when and how much, and what was dropped.

    Untied calls belong to no recording and are not kept; ignored ones are named by `ignore`; dropped lines were
    lost to a fault, which is said.
    """
    found = _look()
    if as_json:
        terminal.print_json(_fields(found))
    else:
        _print(found)


def _look() -> Status:
    from requestshook.config import load
    from requestshook.store import open_store
    from requestshook.workspace import Workspace

    config = load()
    workspace = Workspace(config)
    if not os.path.isdir(config.folder):
        return Status(config.folder, config.store, (), [], [], [])
    workspace.refresh()
    files = list(_spool_files(workspace))  # before a collection clears those of processes that are gone
    with open_store(config.store) as store:
        opening.tell(opening.gather(store, (), workspace.spool))
        return Status(
            config.folder, config.store, workspace.recordings(), _writers(store, files), store.unread(),
            running.unable(workspace),
        )  # fmt: skip


def _spool_files(workspace: Workspace) -> Iterator[tuple[str, int, float, int]]:
    """Host, pid, time of the last line and size of each spool file that is there."""
    with os.scandir(workspace.spool) as entries:
        for entry in entries:
            parts = entry.name.removesuffix(".jsonl").rsplit("-", 3)
            if entry.name.endswith(".jsonl") and len(parts) == 4 and parts[1].isdigit():
                found = entry.stat(follow_symlinks=False)
                yield parts[0], int(parts[1]), found.st_mtime, found.st_size


def _writers(store: Store, files: list[tuple[str, int, float, int]]) -> list[Writer]:
    """The processes known, who wrote last first; commands of our own are left out unless they lost something."""
    writers = {(p.host, p.pid): Writer(p.program, p.host, p.pid, p.at) for p in store.writers()}
    for host, pid, last, octets in files:
        writer = writers.setdefault((host, pid), Writer("", host, pid, last))
        writer.last = max(writer.last, last)
        writer.octets += octets
    for count in store.counts():
        _add_count(writers.setdefault((count.host, count.pid), Writer("", count.host, count.pid, count.at)), count)
    found = (w for w in writers.values() if w.program != "requestshook" or w.dropped)
    return sorted(found, key=lambda writer: -writer.last)


def _add_count(writer: Writer, count: Count) -> None:
    writer.last = max(writer.last, count.at)
    writer.untied, writer.ignored, writer.dropped, writer.why = count.untied, count.ignored, count.dropped, count.why


def _print(found: Status) -> None:
    now = time.time()
    terminal.say(f"folder: {found.folder}")
    terminal.say(f"store:  {found.store}")
    for item in found.recordings:
        ends = "until `requestshook stop`" if item.pid is None else f"until its command ends (pid {item.pid})"
        terminal.say(f"open:   {item.name} ({item.trace[:8]}), begun {figures.ago(item.at, now)}, {ends}", "green")
    if not found.recordings:
        terminal.say("no recording is open")
    _print_writers(found.writers, now)
    _print_faults(found)
    terminal.say_next("requestshook stop" if found.recordings else "requestshook traces")


def _print_writers(writers: list[Writer], now: float) -> None:
    if not writers:
        terminal.say("no process has written yet")
        return
    terminal.say()
    terminal.print_table(_HEADS, [_row(writer, now) for writer in writers[:_MOST_WRITERS]])
    if len(writers) > _MOST_WRITERS:
        terminal.say(f"and {len(writers) - _MOST_WRITERS} that wrote before them", "dim")
    for writer in writers:
        if writer.dropped and writer.why:
            terminal.say(f"pid {writer.pid} dropped {writer.dropped}: {writer.why}", "red")


def _row(writer: Writer, now: float) -> tuple[Cell, ...]:
    return (
        Cell(writer.program or "?", "bold"),
        Cell(str(writer.pid)),
        Cell(writer.host),
        Cell(figures.ago(writer.last, now)),
        Cell(figures.size(writer.octets) if writer.octets else ""),
        Cell(str(writer.untied or "")),
        Cell(str(writer.ignored or "")),
        Cell(str(writer.dropped or ""), "red"),
    )


def _print_faults(found: Status) -> None:
    for service in found.unable:
        terminal.say(f"{service.program} (pid {service.pid}, user {service.user}) cannot write here", "red")
    if found.unread:
        terminal.say()
        terminal.say(
            f"{len(found.unread)} line{'' if len(found.unread) == 1 else 's'} could not be read, kept in the store:",
            "yellow",
        )
    for item in found.unread[-_MOST_UNREAD:]:
        terminal.say(f"  {item.file}:{item.number}: {item.reason}")


def _fields(found: Status) -> dict[str, Any]:
    return {
        "folder": found.folder,
        "store": found.store,
        "open": [
            {"id": item.trace, "name": item.name, "started": item.at, "all": item.all, "pid": item.pid}
            for item in found.recordings
        ],
        "processes": [asdict(writer) for writer in found.writers],
        "unread": [{"file": item.file, "line": item.number, "reason": item.reason} for item in found.unread],
        "unable": [service._asdict() for service in found.unable],
    }
