"""From spool files into the store: whole lines only, each once, however often and by whomever they are read.

Killed at any moment this loses nothing: lines and how far they were read are committed together, and a file is deleted
only when all of it is committed and the process that wrote it is gone.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from requestshook.errors import EventError
from requestshook.spool import hostname
from requestshook.spoolfiles import LONGEST, Piece, Reader, is_gone
from requestshook.store import Line, Mark, Store, Unread, digest, read_line

STDIN = "-"
_HEAD = 1024
_LOOKED_AT = 64 * 1024  # octets in which a file that was given by hand has to show a line of ours
_LINE_OF_OURS = re.compile(rb'^\s*\{\s*"v"\s*:', re.MULTILINE)
_NONE_OF_OURS = "no spool line is in it; `requestshook import` reads other kinds of files"

Progress = Callable[[int, int], None]  # octets done, octets in all


@dataclass(slots=True)
class Collected:
    """What a collection found."""

    new: int = 0  # lines taken in
    known: int = 0  # lines that were there already
    dropped: int = 0  # lines of removed recordings
    files: int = 0
    cleared: int = 0  # spool files deleted
    unread: list[Unread] = field(default_factory=list)  # lines that cannot be read, kept as they are
    unfinished: list[Unread] = field(default_factory=list)  # last lines that may still grow
    problems: list[str] = field(default_factory=list)  # files and folders that could not be read


class _Source(NamedTuple):
    name: str  # as it is reported
    path: str | None  # None: standard input
    own: bool  # of our own spool folder


def collect(
    store: Store, sources: Iterable[str] = (), own_spool: str | None = None, progress: Progress | None = None
) -> Collected:
    """Read our own spool folder and the sources (files, folders, `-` for standard input) into the store.

    Raises StoreError where the store fails; a source that cannot be read is among `problems`.
    """
    result = Collected()
    found = _find(list(sources), own_spool, result)
    collection = _Collection(store, result, progress, sum(_size(source) for source in found))
    for source in found:
        collection.read(source)
    return result


def _find(sources: list[str], own_spool: str | None, result: Collected) -> list[_Source]:
    found: list[_Source] = []
    if own_spool is not None and os.path.isdir(own_spool):
        found += _in_folder(own_spool, True, result)
    for source in sources:
        if source == STDIN:
            found.append(_Source("standard input", None, False))
        elif not os.path.isdir(source):
            found.append(_Source(source, source, False))
        elif own_spool is None or os.path.realpath(source) != os.path.realpath(own_spool):
            found += _in_other_folder(source, result)
    return found


def _in_other_folder(folder: str, result: Collected) -> list[_Source]:
    """The spool files of a folder, or of the spool in a copy of requestshook's folder; none is a problem."""
    inner = os.path.join(folder, "spool")
    known = len(result.problems)
    found = _in_folder(inner if os.path.isdir(inner) else folder, False, result)
    if not found and len(result.problems) == known:
        result.problems.append(f"{folder}: no spool file (*.jsonl) is in it")
    return found


def _in_folder(folder: str, own: bool, result: Collected) -> list[_Source]:
    """The regular files of a folder, the oldest writer first; links and pipes may be anybody's and are left alone."""
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if e.name.endswith(".jsonl") and e.is_file(follow_symlinks=False)]
    except OSError as error:
        result.problems.append(f"{folder}: {error.strerror}")
        return []
    return [_Source(os.path.join(folder, name), os.path.join(folder, name), own) for name in sorted(names)]


def _size(source: _Source) -> int:
    if source.path is None:
        return 0
    try:
        found = os.stat(source.path, follow_symlinks=not source.own)
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


class _Collection:
    def __init__(self, store: Store, result: Collected, progress: Progress | None, total: int) -> None:
        self._store, self._result, self._progress = store, result, progress
        self._done, self._total = 0, total

    def read(self, source: _Source) -> None:
        """Read one source; a fault of the source itself is told and ends it."""
        due = self._done + _size(source)
        try:
            self._open(source)
            self._result.files += 1
        except OSError as error:
            if not (source.own and isinstance(error, FileNotFoundError)):  # else another collection was faster
                self._result.problems.append(f"{source.name}: {error.strerror}")
        self._advance(max(0, due - self._done))

    def _open(self, source: _Source) -> None:
        if source.path is None:
            self._take_all(source, sys.stdin.buffer)
            return
        # Asked before reading: a process that is gone now has nothing more to write.
        gone = source.own and is_gone(os.path.basename(source.path), hostname())
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY
        if source.own:
            flags |= os.O_NOFOLLOW | os.O_NONBLOCK  # nobody makes us wait at a pipe
        with open(os.open(source.path, flags), "rb", buffering=0) as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                if source.own or _has_lines(file):
                    self._read_file(source, file, gone)
                else:
                    self._result.problems.append(f"{source.name}: {_NONE_OF_OURS}")
            elif not source.own:
                self._take_all(source, file)

    def _take_all(self, source: _Source, file: BinaryIO) -> None:
        """What comes through a pipe; that none of it is ours is known at its end."""
        result = self._result
        before, unread = result.new + result.known + result.dropped, len(result.unread)
        self._take(source, Reader(file), None, last=True)
        if result.new + result.known + result.dropped == before and len(result.unread) > unread:
            result.problems.append(f"{source.name}: {_NONE_OF_OURS}")

    def _read_file(self, source: _Source, file: BinaryIO, gone: bool) -> None:
        position, newlines = self._known_until(file)
        self._advance(position)
        file.seek(position)
        reader = Reader(file, position, newlines)
        self._take(source, reader, file, last=gone)
        if gone and source.path is not None:
            self._clear(source.path, file, reader)

    def _known_until(self, file: BinaryIO) -> tuple[int, int]:
        """How far the file was read before: position and newlines."""
        found = os.fstat(file.fileno())
        mark = self._store.mark(str(found.st_dev), str(found.st_ino))
        if mark is None or mark.position > found.st_size or mark.head != _head(file, mark.position):
            return 0, 0
        return mark.position, mark.newlines

    def _take(self, source: _Source, reader: Reader, file: BinaryIO | None, *, last: bool) -> None:
        for piece in reader.pieces():
            lines, unread = _sorted_out(piece, source.name)
            self._commit(lines, unread, reader, file)
            self._advance(piece.octets, grows=file is None)
        if not reader.rest:
            return
        lines, unread = _sorted_out(reader.rest_as_piece(), source.name)
        if not lines and not last:
            self._result.unfinished += unread
            return
        reader.take_rest()
        self._commit(lines, unread, reader, file)

    def _commit(self, lines: list[Line], unread: list[Unread], reader: Reader, file: BinaryIO | None) -> None:
        kept = self._store.keep(lines, _mark(file, reader) if file is not None else None, unread)
        self._result.new += kept.new
        self._result.known += kept.known
        self._result.dropped += kept.dropped
        self._result.unread += unread

    def _clear(self, path: str, file: BinaryIO, reader: Reader) -> None:
        """Delete a file that was read whole and committed."""
        found = os.fstat(file.fileno())
        named = os.stat(path, follow_symlinks=False)
        if found.st_size != reader.position or (named.st_dev, named.st_ino) != (found.st_dev, found.st_ino):
            return
        try:
            os.unlink(path)
        except PermissionError:  # in a folder that is not ours: it stays, and is known to be read
            return
        self._store.forget(str(found.st_dev), str(found.st_ino))
        self._result.cleared += 1

    def _advance(self, octets: int, *, grows: bool = False) -> None:
        self._done += octets
        self._total = max(self._done, self._total + octets if grows else self._total)
        if self._progress is not None:
            self._progress(self._done, self._total)


def _sorted_out(piece: Piece, name: str) -> tuple[list[Line], list[Unread]]:
    name = name.encode("utf-8", "backslashreplace").decode()  # a file's name may be no text
    if piece.huge:
        reason = f"it is longer than {LONGEST // 1024**2} MiB; its beginning is kept"
        return [], [Unread(name, piece.number, reason, piece.lines[0])]
    lines: list[Line] = []
    unread: list[Unread] = []
    for number, octets in enumerate(piece.lines, piece.number):
        if not octets or octets.isspace():
            continue
        try:
            lines.append(read_line(octets))
        except EventError as error:
            unread.append(Unread(name, number, str(error), octets))
    return lines, unread


def _has_lines(file: BinaryIO) -> bool:
    """Whether a file may hold spool lines, broken ones too; an empty one may."""
    head = os.pread(file.fileno(), _LOOKED_AT, 0)
    return not head.strip() or _LINE_OF_OURS.search(head) is not None


def _mark(file: BinaryIO, reader: Reader) -> Mark:
    found = os.fstat(file.fileno())
    return Mark(str(found.st_dev), str(found.st_ino), _head(file, reader.position), reader.position, reader.newlines)


def _head(file: BinaryIO, position: int) -> bytes:
    """A hash of the first octets and of the last ones before the position: a rewritten file is another one."""
    size = min(_HEAD, position)
    return digest(os.pread(file.fileno(), size, 0) + os.pread(file.fileno(), size, position - size))
