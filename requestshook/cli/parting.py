"""Writes a page into a folder: one file, or an index with its further pages, and none that an earlier one left."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from requestshook.cli import terminal, writing
from requestshook.errors import RequestshookError

if TYPE_CHECKING:
    from requestshook.page.settings import PageSettings
    from requestshook.trace.calls import Trace
    from requestshook.trace.disagreeing import Load


def write(path: str, trace: Trace, load: Load, settings: PageSettings, *, force: bool, **given: Any) -> None:
    """Write the files of a page, say which, and remove those of its parts that are no longer among them.

    `given` is what `page.render.pages` takes. A part's file that belongs to somebody else is replaced by `force` alone.
    """
    from requestshook.page.render import pages

    folder, name = os.path.split(path)
    stem, ending = os.path.splitext(name)
    files = pages(trace, load, settings, stem=stem, **given)
    if not force:
        _refuse([os.path.join(folder, file) for file, _ in files[1:]], name)
    for file, pieces in files:
        writing.write(os.path.join(folder, file), pieces)
        terminal.say(os.path.join(folder, file))
    _sweep(folder, name, stem, ending, {file for file, _ in files})


def _refuse(paths: Sequence[str], index: str) -> None:
    from requestshook.site import pages

    for path in paths:
        if os.path.isfile(path) and pages.part_of(path) != index:
            raise RequestshookError(f"{path} is no part of {index}: give another -o, or --force to replace it")


def _sweep(folder: str, index: str, stem: str, ending: str, kept: set[str]) -> None:
    """Remove the parts of an earlier rendering."""
    from requestshook.site import pages

    for name in sorted(os.listdir(folder or ".")):
        path = os.path.join(folder, name)
        if not name.startswith(f"{stem}-") or not name.endswith(ending) or name in kept or not os.path.isfile(path):
            continue
        with suppress(OSError):
            if pages.part_of(path) == index:
                os.unlink(path)
                terminal.note(f"{path} is no longer a part of {index}: removed")
