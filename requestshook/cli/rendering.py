"""`render`: recordings as pages."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from requestshook.cli import opening, terminal, writing
from requestshook.cli.group import Command
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from requestshook.cli.opening import Opened
    from requestshook.config import Config
    from requestshook.openapi import Description
    from requestshook.page.settings import PageSettings
    from requestshook.store import Summary
    from requestshook.trace.calls import Trace

PARTS = ("page", "command", "map", "diagram", "steps", "log")
_STDOUT = "-"


@click.command(
    "render",
    cls=Command,
    examples="""
    requestshook render
    requestshook render image-create volume-attach -o docs/flows
    requestshook render image-create --part map -o - > map.md
    requestshook render --templates my-templates --strict
    """,
)
@click.argument("names", metavar="[TRACE]...", nargs=-1, shell_complete=opening.complete_trace)
@click.option(
    "-o", "place", metavar="DIR|-", default="docs", show_default=True, help="The pages' folder; - is standard output."
)
@click.option("--format", "form", type=click.Choice(["mkdocs"]), default="mkdocs", show_default=True, help="A dialect.")
@click.option("--part", type=click.Choice(PARTS), default="page", show_default=True, help="Only this part of the page.")
@click.option(
    "--templates",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Templates that replace ours one by one.",
)
@click.option("--force", is_flag=True, help="Replace a file that is no page of ours, too.")
@click.option("--open", "open_it", is_flag=True, help="Open the page when it is written.")
@click.option("--strict", is_flag=True, help="Exit with 1 where there was anything to complain about.")
def render(
    names: tuple[str, ...],
    place: str,
    form: str,
    part: str,
    templates: str | None,
    force: bool,
    open_it: bool,
    strict: bool,
) -> int:
    """Write recordings as pages: NAME.md in DIR for each, or NAME.PART.md for one part of it.

    A page of ours that is there is replaced. Without TRACE it is the newest recording.
    """
    with opening.reading() as opened:
        found = [opening.find(opened.store, name) for name in names or (None,)]
        found = list({summary.id: summary for summary in found}.values())
        paths = _paths(found, place, part)
        if part == "page" and not force:
            _refuse_others(paths)
        complaints = 0
        for summary, path in zip(found, paths, strict=True):
            trace = opening.build(opened, summary.id)
            complaints += _complain(trace)
            _put(path, _pieces(opened, trace, part, templates))
    if place != _STDOUT:
        if open_it:
            click.launch(paths[0])
        if terminal.on_terminal() and len(paths) == 1:
            terminal.say_next(f"requestshook show {shlex.quote(found[0].name)}")
    return 1 if strict and complaints else 0


def _paths(found: Sequence[Summary], place: str, part: str) -> list[str]:
    """Where each page goes: two names that give one file name are told apart by the recording's id."""
    paths: list[str] = []
    ending = ".md" if part == "page" else f".{part}.md"
    for summary in found:
        if place == _STDOUT:
            paths.append(_STDOUT)
            continue
        path = os.path.join(place, writing.slug(summary.name) + ending)
        if path in paths:
            path = os.path.join(place, f"{writing.slug(summary.name)}-{summary.id[:8]}{ending}")
        paths.append(path)
    return paths


def _refuse_others(paths: Sequence[str]) -> None:
    """Never replace what somebody else wrote: a page of ours says so in its front matter."""
    for path in paths:
        if path != _STDOUT and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                head = file.read(2000)
            if head.strip() and "generator: requestshook" not in head:
                raise RequestshookError(
                    f"{path} is no page of requestshook's: give another -o, or --force to replace it"
                )


def _put(path: str, pieces: Iterator[str]) -> None:
    if path == _STDOUT:
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    writing.write(path, pieces)
    terminal.say(path)


def _pieces(opened: Opened, trace: Trace, part: str, templates: str | None) -> Iterator[str]:
    from requestshook.page.render import render

    return render(trace, opened.store.body, _settings(opened.config), part=part, templates=templates)


def _settings(config: Config) -> PageSettings:
    from requestshook.config.notes import Reference
    from requestshook.page.settings import PageSettings

    return PageSettings(
        hide_headers=config.page.hide_headers,
        labels=config.page.labels,
        anchors=config.page.anchors,
        view=config.page.view,
        redaction=config.redact.on,
        services=config.services,
        ignored=tuple(str(selector) for selector in config.ignore),
        references=tuple(
            (found.call, found.title, found.url) for found in config.references if isinstance(found, Reference)
        ),
        descriptions=tuple(_descriptions(config)),
    )


def _descriptions(config: Config) -> Iterator[tuple[str, Description]]:
    """What the OpenAPI files of the configuration say, each read once."""
    from requestshook import openapi
    from requestshook.config.notes import OpenAPI

    read: dict[str, dict[str, Any]] = {}
    for found in config.references:
        if isinstance(found, OpenAPI):
            if found.path not in read:
                read[found.path] = openapi.load(found.path)
            bases = [base for name, base in config.services if name == found.service]
            yield found.service, openapi.Description(read[found.path], found.url, bases)


def _complain(trace: Trace) -> int:
    """Say what is wrong with a recording as it is; how many things."""
    faults = []
    if not trace.calls:
        faults.append("it has no call")
    if trace.ended is None:
        faults.append("its end was not seen: it may still be open")
    faults += [f"({call.request_step}) {call.callee} was not seen to answer" for call in trace.calls if call.unanswered]
    faults += [remark for remark in trace.remarks if "could not write" in remark]
    for fault in faults:
        terminal.note(f"{trace.name}: {fault}")
    return len(faults)
