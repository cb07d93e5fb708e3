"""`site`: a documentation site around the pages."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from requestshook.cli import terminal
from requestshook.cli.group import Command
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from requestshook.site.mermaid import Copy


@click.command(
    "site",
    cls=Command,
    examples="""
    requestshook site
    requestshook site -o handbook --name "How our services talk"
    requestshook site --mermaid npm
    requestshook site --mermaid mermaid.min.js
    """,
)
@click.option(
    "-o",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("."),
    help="The project's folder; by default this one. Pages are in its docs/.",
)
@click.option("--name", default="Flows", show_default=True, help="What a new site is called.")
@click.option(
    "--mermaid",
    "wanted",
    metavar="FILE|npm",
    type=click.Path(),
    help="The copy of Mermaid that draws the diagrams: a file, or what npm gives.",
)
def site(folder: Path, name: str, wanted: str | None) -> int:
    """Write an mkdocs project around the pages; where one is, bring its list of pages up to date.

    Material for MkDocs and Zensical both build it. Nothing that is there is replaced, but for the list of pages in
    docs/index.md, between its two marks, and with --mermaid the copy of Mermaid.
    """
    try:
        return _existing(folder, wanted) if _there(folder) else _new(folder, name, wanted)
    except OSError as error:
        raise RequestshookError(f"{error.filename or folder}: {error.strerror or error}") from None


def _there(folder: Path) -> bool:
    from requestshook.site import project

    return project.exists(folder) is not None


def _new(folder: Path, name: str, wanted: str | None) -> int:
    from requestshook.site import mermaid, project

    copy = mermaid.bring(wanted) if wanted is not None else mermaid.carried()
    for done in project.create(folder, name, copy):
        if done.what == "kept":
            terminal.note(f"{done.path} is there and stays as it is")
        else:
            terminal.say(str(done.path))
    _say_copy(copy)
    try:
        project.refresh(folder)
    except RequestshookError as error:
        terminal.note(str(error))
    terminal.say_next(f"mkdocs build --strict -f {shlex.quote(str(folder / 'mkdocs.yml'))}")
    return 0


def _existing(folder: Path, wanted: str | None) -> int:
    from requestshook.site import mermaid, project

    if wanted is not None:
        copy = mermaid.bring(wanted)
        terminal.say(str(project.put(folder, copy).path))
        _say_copy(copy)
    done = project.refresh(folder)
    terminal.say(f"{done.path}{': nothing has changed' if done.what == 'unchanged' else ''}")
    return 0


def _say_copy(copy: Copy | None) -> None:
    if copy is not None:
        terminal.note(f"Mermaid is that of {copy.source}")
    else:
        terminal.note("without a copy of Mermaid readers need the Internet to see diagrams: requestshook site --help")
