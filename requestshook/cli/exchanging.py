"""`import` and `export`: recordings from other tools' files and into them."""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

import click

from requestshook.cli import opening, terminal, writing
from requestshook.cli.group import Command
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from requestshook.cli.opening import Opened
    from requestshook.formats.importing import Imported, Source
    from requestshook.settings import Settings
    from requestshook.store import Store

_STREAM = "-"
_MOST_UNPACKED = 2 * 1024**3  # octets; a file of 2 MiB may unpack to that much
_PIECE = 1 << 20
_NAMED = 5  # skipped entries of a recording that are told one by one


@click.command(
    "import",
    cls=Command,
    examples="""
    requestshook import checkout.har
    requestshook import checkout.har proxy.flows --name checkout
    requestshook import node2-spool.jsonl
    curl -s https://example.com/checkout.har | requestshook import - --name checkout
    """,
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@click.option("--name", help="The recording's name, also where FILE says one; several files are one recording then.")
def import_(files: tuple[str, ...], name: str | None) -> int:
    """Make a recording of each FILE: a HAR, mitmproxy flows or spool lines, by its content; - is standard input.

    It is called as FILE says, else as FILE without its ending. What is secret is replaced as in a capture. An entry
    that cannot be read is named by its number and skipped. A FILE imported again is one more recording, save spool
    lines: reading a line twice is reading it once.
    """
    from requestshook.config import load
    from requestshook.formats import SPOOL
    from requestshook.formats.importing import sniff
    from requestshook.store import open_store
    from requestshook.workspace import Workspace

    config = load()
    with ExitStack() as stack:
        sources = [stack.enter_context(_seekable(file)) for file in files]
        kinds = [sniff(source) for source in sources]
        sources = [stack.enter_context(_unpacked(source, kind)) for source, kind in zip(sources, kinds, strict=True)]
        if name is not None and SPOOL in kinds:
            raise click.UsageError("spool lines say themselves how their recordings are called: leave --name out")
        workspace = Workspace(config)
        settings = workspace.refresh()
        store = stack.enter_context(open_store(config.store))
        lines = [source for source, kind in zip(sources, kinds, strict=True) if kind == SPOOL]
        others = [source for source, kind in zip(sources, kinds, strict=True) if kind != SPOOL]
        sound = not lines or _collect(store, lines)
        return 0 if _import_all(store, others, settings, name) and sound else 1


@contextmanager
def _seekable(file: str) -> Iterator[Source]:
    """The file itself, or a copy of what comes through a pipe."""
    from requestshook.formats.importing import Source

    if file != _STREAM and stat.S_ISREG(os.stat(file).st_mode):
        yield Source(file, file)
        return
    with tempfile.TemporaryFile() as copy:  # without a name: what is not redacted yet outlives nobody
        with nullcontext(sys.stdin.buffer) if file == _STREAM else open(file, "rb") as stream:
            shutil.copyfileobj(stream, copy)
        copy.flush()
        yield Source(f"/dev/fd/{copy.fileno()}", "stdin" if file == _STREAM else file)


@contextmanager
def _unpacked(source: Source, kind: str) -> Iterator[Source]:
    """The file itself, or an unpacked copy of it, where it is packed and whoever reads its kind cannot unpack it."""
    from requestshook.formats import HAR
    from requestshook.formats.values import is_packed

    with open(source.path, "rb") as file:
        if kind == HAR or not is_packed(file.read(2)):
            yield source
            return
        file.seek(0)
        with tempfile.TemporaryFile() as copy:
            _unpack(file, copy, source.said)
            copy.flush()
            yield source._replace(path=f"/dev/fd/{copy.fileno()}")


def _unpack(file: BinaryIO, copy: BinaryIO, said: str) -> None:
    """All that can be unpacked; raises RequestshookError where that is too much."""
    size = 0
    with gzip.open(file) as packed:
        try:
            while piece := packed.read1(_PIECE):
                size += copy.write(piece)
                if size > _MOST_UNPACKED:
                    limit = f"{_MOST_UNPACKED // 1024**3} GiB"
                    raise RequestshookError(f"{said} unpacks to more than {limit}: unpack it, and import what it holds")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            terminal.note(f"{said}: it breaks off: {error}")


def _collect(store: Store, sources: Sequence[Source]) -> bool:
    collected = opening.gather(store, [source.path for source in sources], None)
    said = {source.path: source.said for source in sources}
    collected.unread = [item._replace(file=said.get(item.file, item.file)) for item in collected.unread]
    opening.tell(collected)
    for item in collected.unfinished:
        terminal.note(f"{said.get(item.file, item.file)}:{item.number}: the last line is not whole")
    known = f", {collected.known} known already" if collected.known else ""
    terminal.say(f"{collected.new} new lines{known}")
    if collected.new:
        terminal.say_next("requestshook traces")
    return not collected.problems


def _import_all(store: Store, sources: Sequence[Source], settings: Settings, name: str | None) -> bool:
    """One recording of all sources under a name, else one of each."""
    sound = True
    for group in [sources] if name is not None and sources else [[source] for source in sources]:
        sound = _import(store, group, settings, name) and sound
    return sound


def _import(store: Store, sources: Sequence[Source], settings: Settings, name: str | None) -> bool:
    from requestshook.formats.importing import take_in

    names = {summary.name for summary in store.traces()}
    try:
        with opening.Bar("importing") as bar:
            made = take_in(store, sources, settings, name, bar.advance)
    except RequestshookError as error:
        terminal.note(f"{sources[0].said}: {error}")
        return False
    _tell(made)
    if made.name in names:
        terminal.note(f"a recording {made.name!r} was there already: the name means the one that began last")
        terminal.say_next(f"requestshook show {made.trace[:8]}")
    else:
        terminal.say_next(f"requestshook show {shlex.quote(made.name)}")
    return True


def _tell(made: Imported) -> None:
    for problem in made.problems[:_NAMED]:
        terminal.note(problem)
    if len(made.problems) > _NAMED:
        terminal.note(f"and {len(made.problems) - _NAMED} more like this")
    terminal.say(f"{made.name} ({made.trace[:8]}): {made.calls} call{'' if made.calls == 1 else 's'}")


@click.command(
    "export",
    cls=Command,
    examples="""
    requestshook export checkout checkout.har
    requestshook export checkout checkout.flows
    requestshook export checkout - | jq '.log.entries[].request.url'
    """,
)
@click.argument("name", metavar="TRACE", shell_complete=opening.complete_trace)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@click.option(
    "--format", "form", type=click.Choice(["har", "flows", "spool"]), help="Else as FILE's ending says; har for -."
)
@click.option("--force", is_flag=True, help="Replace a file that is no HAR of ours, too.")
def export(name: str, file: str, form: str | None, force: bool) -> None:
    """Write a recording as HAR 1.2, mitmproxy flows or spool lines: FILE's ending says which; - is standard output.

    What was replaced when it was captured stays replaced. What a HAR cannot hold stands in fields of its own in it,
    so that import gives the same recording back. A HAR of ours that is there is replaced.
    """
    kind = form or _kind(file)
    if file != _STREAM and not force:
        _refuse_others(file)
    with opening.reading() as opened:
        summary = opening.find(opened.store, name)
        if file == _STREAM:
            _dump(opened, summary.id, kind, sys.stdout.buffer)
            return
        with _target(file) as target:
            _dump(opened, summary.id, kind, target)
    terminal.say(file)
    terminal.say_next(f"requestshook import {shlex.quote(file)}")


def _target(file: str) -> AbstractContextManager[BinaryIO]:
    """A new file in the place of what is there, at a link's end; a pipe or a device is written to as it is."""
    if os.path.exists(file) and not os.path.isfile(file):
        return open(file, "wb")
    return writing.writing(os.path.realpath(file))


def _kind(file: str) -> str:
    from requestshook.formats import HAR, KINDS

    if file == _STREAM:
        return HAR
    for kind, found in KINDS.items():
        if file.lower().endswith(found.endings):
            return kind
    endings = ", ".join(ending for found in KINDS.values() for ending in found.endings)
    raise click.UsageError(f"{file} ends in none of {endings}: say the format with --format")


def _refuse_others(file: str) -> None:
    """Never replace what somebody else wrote: a HAR of ours says so at its beginning."""
    if os.path.isfile(file):
        with open(file, "rb") as found:
            head = found.read(2000)
        if head.strip() and b'"creator":{"name":"requestshook"' not in head:
            raise RequestshookError(f"{file} is no HAR of requestshook's: give another FILE, or --force to replace it")


def _dump(opened: Opened, id: str, kind: str, target: BinaryIO) -> None:
    from requestshook.formats import SPOOL, format_of

    if kind == SPOOL:
        for line in opened.store.lines(id):
            target.write(line)
        return
    format_of(kind).dump(opening.build(opened, id), opened.store.body, target)
