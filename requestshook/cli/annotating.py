"""`annotate`: an annotation file is begun, or brought up to date with a new recording."""

from __future__ import annotations

import codecs
import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from requestshook.cli import opening, terminal, writing
from requestshook.cli.group import Command
from requestshook.errors import NotFoundError

if TYPE_CHECKING:
    from requestshook.annotations.adding import Added
    from requestshook.annotations.placing import Placed
    from requestshook.cli.opening import Opened
    from requestshook.store import Summary

_STDOUT = "-"
_NAMED = 10  # line numbers that are said


@click.command(
    "annotate",
    cls=Command,
    examples="""
    requestshook annotate
    requestshook annotate image-create -o docs/flows/image-create.yaml
    requestshook annotate image-create.yaml
    requestshook annotate image-create.yaml --check
    """,
)
@click.argument("name", metavar="[TRACE|FILE]", required=False, shell_complete=opening.complete_trace_or_file)
@click.option(
    "-o", "place", metavar="FILE|-", help="The file; by default NAME.yaml in this folder. - is standard output."
)
@click.option("--check", is_flag=True, help="Only say what is missing and what is stale; exit with 1 if anything is.")
def annotate(name: str | None, place: str | None, check: bool) -> int:
    """Write a first annotation file for a recording, or add to one what is new.

    A first file lists all calls, with ids and variables that can be kept. To a file that is there, the calls without
    an entry are added where they belong; every byte that was there stays. A FILE is what ends in .yaml or has a slash.
    """
    if check and place == _STDOUT:
        raise click.UsageError("--check writes nothing: leave -o - out")
    with opening.reading() as opened:
        wanted = _wanted(opened, name, place)
        if check:
            return _check(opened, wanted)
        if wanted.source is None:
            _begin(opened, wanted)
        else:
            _complete(opened, wanted, wanted.source)
    return 0


class Wanted(NamedTuple):
    """Which recording, the file that is there, and where the result goes."""

    summary: Summary
    source: str | None
    path: str  # - is standard output


def _wanted(opened: Opened, name: str | None, place: str | None) -> Wanted:
    if name is not None and ("/" in name or name.endswith((".yaml", ".yml"))):
        if place not in (None, _STDOUT) and os.path.realpath(str(place)) != os.path.realpath(name):
            raise click.UsageError(f"say which file is meant: {name} or {place}")
        summary = opening.find(opened.store, _trace_of(opened, name) or _stem(name), told=False)
        return Wanted(summary, name if os.path.exists(name) else None, place or name)
    summary = opening.find(opened.store, name)
    if place == _STDOUT:
        return Wanted(summary, None, _STDOUT)
    path = _path(summary, place)
    return Wanted(summary, path if os.path.exists(path) else None, path)


def _path(summary: Summary, place: str | None) -> str:
    from requestshook.settings import CONFIG

    file = f"{writing.slug(summary.name)}.yaml"
    if file == CONFIG:  # that is another file
        file = f"{writing.slug(summary.name)}-notes.yaml"
    return file if place is None else os.path.join(place, file) if os.path.isdir(place) else place


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


def _trace_of(opened: Opened, path: str) -> str | None:
    from requestshook.annotations.reading import read

    return read(path, opened.config.page).trace if os.path.exists(path) else None


def _begin(opened: Opened, wanted: Wanted) -> None:
    """Write a first file."""
    from requestshook import schemas
    from requestshook.annotations.writing import write

    trace = opening.build(opened, wanted.summary.id)
    nominal = _path(wanted.summary, None) if wanted.path == _STDOUT else wanted.path
    schema = schemas.line(nominal, opened.workspace.folder, "annotations")
    text = write(trace, opened.store.body, schema)
    if wanted.path == _STDOUT:
        click.echo(text, nl=False)
        return
    writing.write(os.path.realpath(wanted.path), [text])
    if schema:
        opened.workspace.keep(schemas.place("annotations"), schemas.text("annotations"))
    terminal.say(f"{wanted.path} written: {_count(len(trace.calls), 'call')}")
    terminal.say_next(_render(wanted.path))


def _complete(opened: Opened, wanted: Wanted, source: str) -> None:
    """Add what is new to the file that is there."""
    from requestshook import schemas
    from requestshook.annotations.adding import add
    from requestshook.config import files

    trace = opening.build(opened, wanted.summary.id)
    text = _text(source)
    added = add(text, files.shown(source), trace, opened.config.page)
    if wanted.path == _STDOUT:
        click.echo(added.text, nl=False)
        return
    if schemas.place("annotations") in text.partition("\n")[0]:  # the one that its first line leads to
        opened.workspace.keep(schemas.place("annotations"), schemas.text("annotations"))
    if added.text != text:
        writing.write(os.path.realpath(source), [added.text])
    _tell_added(source, added)
    for line, message in sorted([*_stale(added.placed), *_noted(added)]):
        terminal.note(f"{source}:{line}: {message}")
    terminal.say_next(_render(source))


def _tell_added(source: str, added: Added) -> None:
    if not added.new:
        terminal.say(f"{source}: nothing to add, every call has an entry")
        return
    lines = [str(entry.line) for entry in added.new]
    said = ", ".join(lines[:_NAMED]) + (f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else "")
    terminal.say(f"{source}: {_count(len(lines), 'call')} added: line{'s' if len(lines) > 1 else ''} {said}")


def _check(opened: Opened, wanted: Wanted) -> int:
    """Say what is missing and what is stale; 1 where anything is."""
    from requestshook.annotations.placing import place
    from requestshook.annotations.reading import read

    if wanted.source is None:
        name = shlex.quote(wanted.summary.name)
        raise NotFoundError(f"there is no {wanted.path}: `requestshook annotate {name}` writes it")
    trace = opening.build(opened, wanted.summary.id)
    placed = place(read(wanted.source, opened.config.page), trace)
    new = list(_missing(placed))
    found = sorted([*_stale(placed), *new])
    for line, message in found:
        terminal.say(f"{wanted.source}:{line}: {message}")
    if not found:
        terminal.say(f"{wanted.source}: up to date")
    terminal.say_next(f"requestshook annotate {shlex.quote(wanted.source)}" if new else _render(wanted.source))
    return 1 if found else 0


_Told = tuple[int, str]  # a line of the file, and what is to be known of it


def _stale(placed: Placed) -> Iterator[_Told]:
    """Entries without a call, and doubts about those that say something."""
    from requestshook.annotations.aligning import GONE

    for fault in placed.faults:
        yield fault.line, fault.message
    said = {fault.line for fault in placed.faults}
    for doubt in placed.alignment.doubts:
        entry = placed.annotations.entries[doubt.entry]
        if doubt.kind == GONE and entry.line not in said:
            suggestion = f"; {doubt.suggestion}" if doubt.suggestion else ""
            yield entry.line, f"`{entry.spelled}` {doubt.words}{suggestion}"


def _missing(placed: Placed) -> Iterator[_Told]:
    """Calls without an entry, in a file that lists all, each at the entry that it comes after."""
    from requestshook.annotations.adding import missing

    entries = placed.annotations.entries
    for item in missing(placed) if placed.alignment.complete else ():
        where = "after this" if item.gap else "before this"
        line = entries[max(item.gap - 1, 0)].line if entries else 1
        yield line, f"{where} there is a call without an entry, step {item.call.request_step}: `{item.selector}`"


def _noted(added: Added) -> Iterator[_Told]:
    """What was noted while it was recorded, of calls that had an entry already: nothing of it is in the file."""
    from requestshook.annotations.lines import notes

    for call in added.placed.trace.calls:
        entry = added.placed.entries.get(call.id)
        if call.notes and entry is not None and not all(line in added.text for line in notes(call)):
            yield from ((entry.line, line.removeprefix("# ")) for line in notes(call))


def _text(path: str) -> str:
    """The file's text with all that it has, byte order mark and line ends too; raises ConfigError."""
    from requestshook.annotations.adding import BOM
    from requestshook.config import files

    text = files.read(path)
    with open(path, "rb") as file:
        has_bom = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    return BOM + text if has_bom else text


def _render(path: str) -> str:
    name = path if path.endswith((".yaml", ".yml")) or "/" in path else f"./{path}"
    return f"requestshook render {shlex.quote(name)} --watch"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
