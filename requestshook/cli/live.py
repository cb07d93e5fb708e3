"""Doing something again whenever what it depends on has changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress

_PAUSE = 0.2  # seconds between two looks


def follow(
    look: Callable[[], Mapping[str, object]], act: Callable[[Sequence[str]], None], known: Mapping[str, object]
) -> None:
    """Call `act` with the names of what has changed, at each change, until a Ctrl-C, which is how this ends well.

    `known` is what a look found before all this began. What changes while `act` runs is seen by the look after it.
    """
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(_PAUSE)
            found = look()
            changed = [name for name in {**known, **found} if known.get(name) != found.get(name)]
            known = found
            if changed:
                act(changed)


def stamps(files: Iterable[str], folders: Iterable[str]) -> dict[str, object]:
    """Of each file, and of all files in the folders, when it was changed and how large it is; None where it is gone."""
    return {path: _stamp(path) for path in (*files, *_inside(folders))}


def _inside(folders: Iterable[str]) -> Iterator[str]:
    for folder in folders:
        with suppress(OSError):
            yield from sorted(os.path.join(folder, name) for name in os.listdir(folder))


def _stamp(path: str) -> object:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
