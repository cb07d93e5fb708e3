"""The octets of a HAR -> its entries as plain values, one at a time, in memory bounded by the longest entry.

ijson parses; what is built from its events is ours, for its own builder's paths take memory by the square of a
nesting's depth. Tools write what JSON forbids: octets that are no UTF-8 and control characters in a text are replaced
before they are parsed.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple, cast

import ijson  # type: ignore[import-untyped]  # it has no annotations

LONGEST = 256 * 1024 * 1024  # octets from one entry's end to the next one's
_DEEPEST = 20
_MOST_MEMBERS = 10_000  # of one object or list; what comes after is left out
_PIECE = 64 * 1024
_GZIP = b"\x1f\x8b"
_SPACES = bytes.maketrans(bytes(range(32)), b" " * 32)
_BOM = codecs.BOM_UTF8

_Events = Iterator[tuple[str, Any]]


class Member(NamedTuple):
    """A member of `log`, or one of its entries."""

    name: str  # entries, for each of them
    value: Any
    cut: bool  # some of it was left out: it is too deep or has too many members


class Broken(Exception):
    """The file cannot be read further; said in one line."""


class Source:
    """A file's octets, unpacked where they are packed with gzip, as a parser can take them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        packed = file.read(2) == _GZIP
        file.seek(0)
        self._octets = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        self._decoder: codecs.IncrementalDecoder | None = None
        self.fault: str | None = None  # why the octets end here, though the file may go on
        self.since = 0  # octets since `since` was set to 0

    @property
    def done(self) -> int:
        """Octets of the file read so far."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """The next octets; the more, the longer the entry is: a parser reads a text anew with each piece of it.

        Nothing where the file ends or there is a fault, which `fault` says: an exception would go through the parser.
        """
        if size == 0:  # ijson asks whether these are octets
            return b""
        octets = self._next()
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(_coding(octets))("replace")
            octets = octets.removeprefix(_BOM)
        return self._decoder.decode(octets, final=not octets).encode().translate(_SPACES)

    def _next(self) -> bytes:
        try:
            octets = self._octets.read(max(_PIECE, self.since // 2))
        except (OSError, EOFError, zlib.error) as error:
            self.fault = f"it breaks off: {error}"
            return b""
        self.since += len(octets)
        if self.since > LONGEST:
            self.fault = f"it is longer than {LONGEST // 1024**2} MiB"
            return b""
        return octets


def as_utf8(octets: bytes) -> bytes:
    """The beginning of a file in UTF-8, without a byte order mark, where that names the coding."""
    coding = _coding(octets)
    return octets.removeprefix(_BOM) if coding == "utf-8" else octets.decode(coding, "replace").encode()


def _coding(octets: bytes) -> str:
    return "utf-16" if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def members(source: Source) -> Iterator[Member]:
    """The members of `log` in their order, entries one by one; raises Broken where the file is."""
    events = ijson.basic_parse(source, buf_size=_PIECE)
    try:
        for name in _keys(events):
            if name != "log":
                _skip(events)
                continue
            yield from _log(events, source)
    except ijson.JSONError as error:
        raise Broken(source.fault or _said(error)) from None


def _said(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else "no JSON"
    if "EOF" in said or "ncomplete" in said:
        return "it breaks off"
    return f"it is no JSON from there on ({said[:100]})"


def _log(events: _Events, source: Source) -> Iterator[Member]:
    for name in _keys(events):
        if name != "entries":
            yield Member(name, *_built(events))
            continue
        event, _ = next(events)
        if event != "start_array":
            _finish(events, event)
            continue
        source.since = 0
        while (first := next(events))[0] != "end_array":
            yield Member(name, *_built(events, first))
            source.since = 0


def _keys(events: _Events) -> Iterator[str]:
    """The keys of an object that comes now; its values are the caller's to take."""
    event, _ = next(events)
    if event != "start_map":
        _finish(events, event)
        return
    for event, value in events:
        if event == "end_map":
            return
        yield value


def _skip(events: _Events) -> None:
    _finish(events, next(events)[0])


def _finish(events: _Events, event: str) -> None:
    """Pass over the rest of a value of which the first event was taken."""
    depth = int(event.startswith("start"))
    while depth:
        event, _ = next(events)
        depth += event.startswith("start") - event.startswith("end")


def _built(events: _Events, first: tuple[str, Any] | None = None) -> tuple[Any, bool]:
    """The value that comes now, and whether some of it was left out."""
    event, value = first or next(events)
    if not event.startswith("start"):
        return _plain(value), False
    root: Any = {} if event == "start_map" else []
    stack: list[Any] = [root]
    keys: list[Any] = [None]
    cut = False
    while stack:
        event, value = next(events)
        holder = stack[-1]
        if event == "map_key":
            keys[-1] = value
            continue
        if event in ("end_map", "end_array"):
            stack.pop()
            keys.pop()
            continue
        opens = event.startswith("start")
        if len(holder) >= _MOST_MEMBERS or (opens and len(stack) >= _DEEPEST):
            cut = True
            _finish(events, event)
            continue
        made: Any = ({} if event == "start_map" else []) if opens else _plain(value)
        if isinstance(holder, dict):
            holder[keys[-1]] = made
        else:
            holder.append(made)
        if opens:
            stack.append(made)
            keys.append(None)
    return root, cut


def _plain(value: Any) -> Any:
    """A number as JSON's readers have it: none where it is beyond what a float holds."""
    if not isinstance(value, Decimal):
        return value
    number = float(value)
    return number if number - number == 0 else None
