"""`collect`: spool lines into the store."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from requestshook.cli import opening, terminal
from requestshook.cli.group import Command

if TYPE_CHECKING:
    from requestshook.collect import Collected

_PAUSE = 0.5  # seconds between two looks


@click.command(
    "collect",
    cls=Command,
    examples="""
    requestshook collect
    requestshook collect node2/spool/ other.jsonl
    ssh node2 'cat /srv/app/.requestshook/spool/*.jsonl' | requestshook collect -
    requestshook collect --follow
    """,
)
@click.argument("sources", nargs=-1, metavar="[FILE|DIR|-]...", type=click.Path())
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C, as services write.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read, a line a collection.")
def collect(sources: tuple[str, ...], follow: bool, as_json: bool) -> int:
    """Put spool lines into the store: those of requestshook's own folder, and of the files and folders given.

    Commands that read do this by themselves; collect is for lines of other hosts and containers, and for seeing
    that something arrives. Reading a line twice is reading it once.
    """
    from requestshook.config import load
    from requestshook.store import open_store
    from requestshook.workspace import Workspace

    config = load()
    workspace = Workspace(config)
    workspace.refresh()
    with open_store(config.store) as store:
        collected = opening.gather(store, sources, workspace.spool)
        _report(collected, as_json)
        again = tuple(source for source in sources if source != "-")
        while follow:
            time.sleep(_PAUSE)
            newer = opening.gather(store, again, workspace.spool)
            if newer.new or newer.unread:
                _report(newer, as_json)
    if not as_json:
        terminal.say_next("requestshook traces")
    return 1 if collected.problems else 0


def _report(collected: Collected, as_json: bool) -> None:
    opening.tell(collected)
    if as_json:
        terminal.print_json(_fields(collected), indent=None)
        return
    parts = [f"{collected.new} new {'line' if collected.new == 1 else 'lines'}"]
    if collected.known:
        parts.append(f"{collected.known} known already")
    if collected.dropped:
        parts.append(f"{collected.dropped} of removed recordings dropped")
    if collected.unread:
        parts.append(f"{len(collected.unread)} that cannot be read")
    if collected.unfinished:
        parts.append(f"{len(collected.unfinished)} still being written")
    terminal.say(", ".join(parts))
    sys.stdout.flush()  # --follow goes on


def _fields(collected: Collected) -> dict[str, object]:
    return {
        "new": collected.new, "known": collected.known, "dropped": collected.dropped, "files": collected.files,
        "cleared": collected.cleared, "problems": collected.problems,
        "unread": [{"file": u.file, "line": u.number, "reason": u.reason} for u in collected.unread],
        "unfinished": [{"file": u.file, "line": u.number} for u in collected.unfinished],
    }  # fmt: skip
