"""`render`: recordings as pages."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from requestshook.cli import live, opening, parting, terminal, writing
from requestshook.cli.group import Command
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from requestshook.annotations.model import Annotations
    from requestshook.annotations.placing import Fault
    from requestshook.cli.opening import Opened
    from requestshook.config import Config
    from requestshook.openapi import Description
    from requestshook.page.settings import PageSettings
    from requestshook.store import Summary
    from requestshook.trace.calls import Trace

PARTS = ("page", "command", "map", "diagram", "variables", "steps", "log")
FORMATS = {
    "mkdocs": ".md",
    "github": ".md",
    "html": ".html",
    "json": ".json",
}  # with their files' endings: what page/dialects.py has
_STDOUT = "-"


@click.command(
    "render",
    cls=Command,
    examples="""
    requestshook render
    requestshook render image-create volume-attach -o docs/flows
    requestshook render image-create --format html -o . --open
    requestshook render image-create --format github -o docs/flows
    requestshook render image-create --format json -o - | jq '.calls[] | select(.failed)'
    requestshook render image-create.yaml --watch
    requestshook render image-create --part map -o - > map.md
    requestshook render --templates my-templates --strict
    """,
)
@click.argument("names", metavar="[TRACE|FILE]...", nargs=-1, shell_complete=opening.complete_trace_or_file)
@click.option(
    "-o", "place", metavar="DIR|-", default="docs", show_default=True, help="The pages' folder; - is standard output."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="mkdocs",
    show_default=True,
    help="Markdown for MkDocs, Markdown for GitHub and GitLab, one file of HTML that opens from disk, or JSON.",
)
@click.option("--part", type=click.Choice(PARTS), default="page", show_default=True, help="Only this part of the page.")
@click.option(
    "--templates",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="Templates that replace ours one by one.",
)
@click.option("--force", is_flag=True, help="Replace a file that is no page of ours, too.")
@click.option("--open", "open_it", is_flag=True, help="Open the page when it is written.")
@click.option("--watch", is_flag=True, help="Render again whenever file, configuration or recording change.")
@click.option("--strict", is_flag=True, help="Exit with 1 where there was anything to complain about.")
def render(
    names: tuple[str, ...],
    place: str,
    form: str,
    part: str,
    templates: str | None,
    force: bool,
    open_it: bool,
    watch: bool,
    strict: bool,
) -> int:
    """Write recordings as pages: NAME.md (NAME.html) in DIR for each, or NAME.PART.md for one part of it.

    A FILE is an annotation file (docs/annotations.md): what ends in .yaml or has a slash. It says which recording it
    speaks of. A page of ours that is there is replaced. Without TRACE or FILE it is the newest recording.
    """
    if watch and place == _STDOUT:
        raise click.UsageError("--watch writes files again and again: give another -o")
    wishes = Wishes(names, place, form, part, templates, force)
    watched = Watched(wishes)
    known = watched.look() if watch else {}
    pages, complaints = _render(wishes)
    if open_it and place != _STDOUT:
        click.launch(pages[0].path)
    if watch:
        terminal.note("rendering again at each change; Ctrl-C ends it")
        live.follow(watched.look, lambda changed: _again(wishes, changed), known)
    elif place != _STDOUT and terminal.on_terminal() and len(pages) == 1:
        terminal.say_next(_next(pages[0]))
    return 1 if strict and complaints else 0


class Wishes(NamedTuple):
    """What is to be rendered, and how."""

    names: tuple[str, ...]
    place: str
    form: str
    part: str
    templates: str | None
    force: bool


class Page(NamedTuple):
    """One page: the recording, the author's file, and where it goes."""

    summary: Summary
    file: str | None
    annotations: Annotations | None
    path: str


def _render(wishes: Wishes, *, told: bool = True) -> tuple[list[Page], int]:
    """Write the pages; how much there is to complain about."""
    complaints = 0
    with opening.reading() as opened:
        pages = _pages(opened, wishes, told=told)
        if wishes.part == "page" and not wishes.force:
            _refuse_others([page.path for page in pages], wishes.form)
        for page in pages:
            complaints += _write(opened, page, wishes)
    return pages, complaints


def _write(opened: Opened, page: Page, wishes: Wishes) -> int:
    from requestshook.annotations.placing import place
    from requestshook.page.render import render

    trace = opening.build(opened, page.summary.id)
    complaints = _complain(trace)
    notes = place(page.annotations, trace) if page.annotations is not None else None
    faults: list[Fault] = []
    settings = _settings(opened.config, page.annotations)
    given: dict[str, Any] = {"notes": notes, "faults": faults, "templates": wishes.templates, "dialect": wishes.form}
    shown = notes.trace if notes is not None else trace
    if wishes.part == "page" and page.path != _STDOUT:
        parting.write(page.path, shown, opened.store.body, settings, force=wishes.force, **given)
    else:
        _put(page.path, render(shown, opened.store.body, settings, part=wishes.part, **given))
    for fault in sorted(faults, key=lambda fault: (fault.path, fault.line)):
        terminal.note(str(fault))
    return complaints + len(faults)


def _again(wishes: Wishes, changed: Sequence[str]) -> None:
    """Render once more, and say why; a fault of a file that is being edited ends nothing."""
    terminal.note(f"changed: {', '.join(changed)}")
    try:
        _render(wishes, told=False)
    except RequestshookError as error:
        for line in str(error).splitlines():
            terminal.note(line)


class Watched:
    """What the pages depend on. What a faulty file keeps from being looked at counts as it was before."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._files: list[str] = []
        self._sizes: dict[str, object] = {}  # of the recordings

    def look(self) -> dict[str, object]:
        """All of it by a name that a person knows, each with something that changes with it."""
        with suppress(RequestshookError), opening.reading() as opened:
            config = opened.config
            described = [found.path for found in config.references if hasattr(found, "path")]
            self._files = [*([config.path] if config.path else []), *described]
            pages = _pages(opened, self._wishes, told=False)
            self._sizes = {page.summary.name: opened.store.size(page.summary.id) for page in pages}
        files = [*filter(_is_file, self._wishes.names), *self._files]
        return {**self._sizes, **live.stamps(files, [self._wishes.templates] if self._wishes.templates else [])}


def _next(page: Page) -> str:
    name = shlex.quote(page.summary.name)
    beside = f"{writing.slug(page.summary.name)}.yaml"
    if page.annotations is None and os.path.isfile(beside):
        return f"requestshook render {shlex.quote(beside)}"
    return f"requestshook render {shlex.quote(page.file)} --watch" if page.file else f"requestshook show {name}"


def _is_file(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml"))


def _pages(opened: Opened, wishes: Wishes, *, told: bool) -> list[Page]:
    """The pages that are meant, each recording or file once. A file means the newest recording of its name."""
    found: dict[tuple[str, str | None], Page] = {}
    for name in wishes.names or (None,):
        annotations = _read(name, opened.config) if name is not None and _is_file(name) else None
        if annotations is None:
            page = Page(opening.find(opened.store, name, told=told), None, None, "")
        else:
            summary = opening.find(opened.store, annotations.trace or _stem(name), told=False)
            page = Page(summary, name, annotations, "")
        found.setdefault((page.summary.id, page.file), page)
    return _placed(list(found.values()), wishes)


def _read(name: str, config: Config) -> Annotations:
    from requestshook.annotations.reading import read

    return read(name, config.page)


def _stem(path: str | None) -> str:
    return os.path.splitext(os.path.basename(path or ""))[0]


def _placed(pages: Sequence[Page], wishes: Wishes) -> list[Page]:
    """The pages with their files: those that would share one have the recording's id in their names, all of them."""
    if wishes.place == _STDOUT:
        return [page._replace(path=_STDOUT) for page in pages]
    ending = FORMATS[wishes.form] if wishes.part == "page" else f".{wishes.part}{FORMATS[wishes.form]}"
    stems = [writing.slug(_stem(page.file) if page.file else page.summary.name) for page in pages]
    unique = [
        stem if stems.count(stem) == 1 else f"{stem}-{page.summary.id[:8]}{'-notes' if page.file else ''}"
        for stem, page in zip(stems, pages, strict=True)
    ]
    return [
        page._replace(path=os.path.join(wishes.place, stem + ending)) for stem, page in zip(unique, pages, strict=True)
    ]


def _refuse_others(paths: Sequence[str], form: str) -> None:
    """Never replace what somebody else wrote: a page of ours says near its beginning that it is one."""
    from requestshook.page import dialects

    mark = dialects.find(form).mark
    for path in paths:
        if path != _STDOUT and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                head = file.read(2000)
            if head.strip() and mark not in head:
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


def _settings(config: Config, annotations: Annotations | None) -> PageSettings:
    from requestshook.config.notes import Reference
    from requestshook.page.settings import PageSettings

    page = config.page if annotations is None else annotations.page
    return PageSettings(
        hide_headers=page.hide_headers,
        labels=page.labels,
        anchors=page.anchors,
        variables=page.variables,
        view=page.view,
        redaction=config.redact.on,
        services=config.services,
        ignored=tuple(str(selector) for selector in config.ignore),
        references=tuple(found for found in config.references if isinstance(found, Reference)),
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
