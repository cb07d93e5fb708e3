"""`init`, `rm` and `prune`: what is kept, and what is forgotten."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from requestshook.cli import figures, opening, terminal, writing
from requestshook.cli.group import Command
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from requestshook.cli.opening import Opened
    from requestshook.store import Summary


@click.command(
    "init",
    cls=Command,
    examples="""
    requestshook init
    requestshook init image-create
    """,
)
@click.argument("trace", required=False, shell_complete=opening.complete_trace)
def init(trace: str | None) -> int:
    """Write a starting requestshook.yaml into this folder; one that is there is never touched.

    Its first line tells editors where they find its schema, by which they complete and check it.
    With TRACE, its services are those whose addresses the recording has seen.
    """
    from requestshook.settings import CONFIG

    path = os.environ.get("REQUESTSHOOK_CONFIG") or CONFIG
    if os.path.lexists(path):
        raise RequestshookError(f"{path} is there already, and stays as it is")
    services = _services(trace) if trace is not None else []
    _write(path, services)
    terminal.say(f"{path} written" + (f", with {len(services)} addresses to check" if services else ""))
    terminal.say_next("requestshook demo" if trace is None else f"requestshook show {shlex.quote(trace)}")
    return 0


def _write(path: str, services: list[tuple[str, str]]) -> None:
    """Write the file, and its schema to where its first line says."""
    from requestshook import schemas
    from requestshook.config import load
    from requestshook.config.starting import starting_config
    from requestshook.settings import FOLDER
    from requestshook.workspace import Workspace

    folder = os.environ.get("REQUESTSHOOK_DIR") or os.path.join(os.path.dirname(os.path.abspath(path)), FOLDER)
    line = schemas.line(path, folder, "config")
    writing.create(path, starting_config(services, line))
    if line:
        Workspace(load(path)).keep(schemas.place("config"), schemas.text("config"))


def _services(text: str) -> list[tuple[str, str]]:
    from requestshook.cli.guessing import services

    with opening.reading() as opened:
        return services(opening.build(opened, opening.find(opened.store, text).id))


@click.command(
    "rm",
    cls=Command,
    examples="""
    requestshook rm image-create
    requestshook rm 9f3a 77c0
    """,
)
@click.argument("names", metavar="TRACE...", nargs=-1, required=True, shell_complete=opening.complete_trace)
def rm(names: tuple[str, ...]) -> None:
    """Forget recordings, for good: lines of theirs that come later are dropped too.

    A name that several bear removes none of them: say by id which is meant.
    """
    with opening.reading() as opened:
        found = {s.id: s for s in (opening.find(opened.store, name, newest=False) for name in names)}
        held = _open(opened)
        for summary in found.values():
            if summary.id in held:
                raise RequestshookError(f"{summary.name} is still open: close it with `requestshook stop` first")
        _remove(opened, list(found.values()), "removed")
    terminal.say_next("requestshook traces")


def _age(_: click.Context, __: click.Parameter, text: str) -> float:
    try:
        return figures.seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(
    "prune",
    cls=Command,
    examples="""
    requestshook prune --older-than 30d
    requestshook prune --older-than 12h --dry-run
    """,
)
@click.option(
    "--older-than", "age", metavar="AGE", required=True, callback=_age, help="A number with s, m, h, d or w: 30d."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
def prune(age: float, dry_run: bool) -> None:
    """Forget the recordings whose newest line is older than AGE; those that are open stay."""
    with opening.reading() as opened:
        held = _open(opened)
        old = [summary for summary in opened.store.older_than(age) if summary.id not in held]
        if not old:
            terminal.say("nothing is that old")
        elif dry_run:
            _list(old, "would be removed")
        else:
            _remove(opened, old, "removed")
    terminal.say_next("requestshook traces")


def _open(opened: Opened) -> set[str]:
    return {item.trace for item in opened.workspace.recordings()}


def _remove(opened: Opened, found: Sequence[Summary], word: str) -> None:
    for summary in found:
        opened.store.remove(summary.id)
        _list([summary], word)


def _list(found: Sequence[Summary], word: str) -> None:
    for summary in found:
        calls = f"{summary.calls} call{'' if summary.calls == 1 else 's'}"
        terminal.say(f"{word}: {summary.name} ({summary.id[:8]}, {figures.moment(summary.started)}, {calls})")
