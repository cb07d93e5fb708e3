"""What a command that reads begins with: configuration, store, whatever the spool holds, and the recording meant."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from requestshook.cli import figures, terminal
from requestshook.errors import NotFoundError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.progress import Progress

    from requestshook.collect import Collected
    from requestshook.config import Config
    from requestshook.store import Store, Summary, Unread
    from requestshook.trace.calls import Trace
    from requestshook.workspace import Workspace

NOTHING_YET = "there is no recording yet: record one with `requestshook run -- COMMAND`"
_PATIENCE = 0.5  # seconds without a sign of life
_NAMED = 3  # faults that are told one by one


class Opened(NamedTuple):
    """The configuration and its store, with all that services have written until now."""

    config: Config
    store: Store
    workspace: Workspace


@contextmanager
def reading() -> Iterator[Opened]:
    """The store, after a collection; raises NotFoundError where nothing was ever recorded, and makes no store then."""
    from requestshook.config import load
    from requestshook.store import open_store
    from requestshook.workspace import Workspace

    config = load()
    workspace = Workspace(config)
    if not os.path.exists(workspace.spool) and not os.path.exists(config.store):
        raise NotFoundError(NOTHING_YET)
    workspace.refresh()
    with open_store(config.store) as store:
        tell(gather(store, (), workspace.spool))
        yield Opened(config, store, workspace)


def gather(store: Store, sources: Sequence[str], spool: str | None) -> Collected:
    """Collect, with a bar on a terminal where it takes long."""
    from requestshook.collect import collect

    with Bar("collecting") as bar:
        return collect(store, sources, spool, bar.advance)


def tell(collected: Collected) -> None:
    """Say what could not be read: each line of a file once, for it is known from then on."""
    _tell_some([_unread(item) for item in collected.unread])
    _tell_some(collected.problems)


def _unread(item: Unread) -> str:
    return f"{item.file}:{item.number}: this line is skipped: {item.reason}"


def _tell_some(faults: Sequence[str]) -> None:
    for fault in faults[:_NAMED]:
        terminal.note(fault)
    if len(faults) > _NAMED:
        terminal.note(f"and {len(faults) - _NAMED} more like this; `requestshook status` lists them")


class Bar:
    """A progress bar on standard error, from the moment on when somebody would wonder."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._begun = time.monotonic()
        self._shows = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, done: int, total: int) -> None:
        """So many octets of all are read."""
        if not self._shows or time.monotonic() - self._begun < _PATIENCE:
            return
        if self._progress is None:
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn(self._doing), BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn(),
                console=terminal.console(error=True), transient=True,
            )  # fmt: skip
            self._task = self._progress.add_task("", total=total)
            self._progress.start()
        self._progress.update(self._task, completed=done, total=max(total, done))


def find(store: Store, text: str | None, *, newest: bool = True, told: bool = True) -> Summary:
    """The recording that is meant. Where several bear the name it is the newest, which is `told`, or else none."""
    id = store.find(text)
    summaries = store.traces()
    found = next(summary for summary in summaries if summary.id == id)
    named = text is not None and not id.startswith(text)
    bearers = [summary for summary in summaries if summary.name == found.name] if named else [found]
    if len(bearers) > 1 and (told or not newest):
        _tell_bearers(found, bearers, newest)
    return found


def _tell_bearers(found: Summary, bearers: Sequence[Summary], newest: bool) -> None:
    said = [f"{bearer.id[:8]} of {figures.moment(bearer.started)}" for bearer in bearers]
    more = f" and {len(said) - _NAMED - 1} more" if len(said) > _NAMED + 1 else ""
    many = f"{len(said)} recordings are called {found.name!r}"
    if not newest:
        raise NotFoundError(f"{many}: say by id which is meant: {', '.join(said[: _NAMED + 1])}{more}")
    others = ", ".join(said[1 : _NAMED + 1])
    terminal.note(f"{many}; taken is the newest, {said[0]}; by their ids: {others}{more}")


def build(opened: Opened, id: str) -> Trace:
    """The calls of a recording."""
    from requestshook import trace

    return trace.build(opened.store.events(id), opened.config.services)


def title(summary: Summary, namesakes: Sequence[Summary]) -> str:
    """What to type for a recording: its name, or the start of its id where its name means another."""
    newest = next((s for s in namesakes if s.name == summary.name), summary)
    return summary.name if newest.id == summary.id else summary.id[:8]


def complete_trace(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names and ids of recordings that begin so, the newest first; nothing where anything goes wrong."""
    from click.shell_completion import CompletionItem

    found: dict[str, str] = {}
    with suppress(Exception):
        for summary in _known():
            for text in (summary.name, *((summary.id,) if incomplete else ())):
                if text.startswith(incomplete) and text == terminal.clean_cell(text):
                    found.setdefault(text, f"{figures.moment(summary.started)}, {summary.calls} calls")
    return [CompletionItem(text, help=help) for text, help in found.items()]


def complete_trace_or_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Recordings, and whatever files the shell completes: annotation files lie anywhere."""
    from click.shell_completion import CompletionItem

    return [*complete_trace(ctx, param, incomplete), CompletionItem(incomplete, type="file")]


def _known() -> list[Summary]:
    """What the store holds already: a completion neither collects nor makes a store."""
    from requestshook.config import load
    from requestshook.store import open_store

    config = load()
    if not os.path.exists(config.store):
        return []
    with open_store(config.store) as store:
        return store.traces()


def complete_open(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of open recordings, the newest first; nothing where anything goes wrong."""
    from click.shell_completion import CompletionItem

    with suppress(Exception):
        from requestshook.config import load
        from requestshook.workspace import Workspace

        names = dict.fromkeys(item.name for item in reversed(Workspace(load()).recordings()) if item.pid is None)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []
