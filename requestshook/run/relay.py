"""Passes on what a running command prints, as it comes, and the signals that are meant for it.

A handler acts as soon as its signal arrives, also while a slow reader of ours blocks us; the wake-up descriptor ends
the `select` in which we wait for output.
"""

from __future__ import annotations

import codecs
import os
import select
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol

FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_PIECE = 64 * 1024
_IDLE = 0.05  # seconds without output after the command's end: a grandchild may hold the pipe for ever
_LATEST = 0.5  # seconds after the command's end


class Kept:
    """The head of the output as text, piece by piece in the order of arrival."""

    def __init__(self, limit: int) -> None:
        self.cut = False
        self._left = limit
        self._pieces: list[tuple[str, list[str]]] = []
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}

    def add(self, kind: str, data: bytes) -> None:
        """Octets that arrived: of "out", "err", or "tty" where they are one."""
        if self.cut:
            return
        self.cut = len(data) > self._left
        data = data[: self._left]
        self._left -= len(data)
        if kind not in self._decoders:
            self._decoders[kind] = codecs.getincrementaldecoder("utf-8")("replace")
        self._append(kind, self._decoders[kind].decode(data))

    def pieces(self) -> tuple[tuple[str, str], ...]:
        """All that was kept, with the line ends that the command wrote; a character that the limit cuts is left out."""
        if not self.cut:
            for kind, decoder in self._decoders.items():
                self._append(kind, decoder.decode(b"", True))
        joined = ((kind, "".join(texts)) for kind, texts in self._pieces)
        return tuple((kind, text.replace("\r\n", "\n") if kind == "tty" else text) for kind, text in joined)

    def _append(self, kind: str, text: str) -> None:
        if not text:
            return
        if not self._pieces or self._pieces[-1][0] != kind:
            self._pieces.append((kind, []))
        self._pieces[-1][1].append(text)


class Child(Protocol):
    """A started command."""

    def poll(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""


class Signals:
    """Functions that are called when signals arrive while the block runs; a signal that is ignored stays so."""

    def __init__(self, handlers: Mapping[int, Callable[[int], object]]) -> None:
        self._handlers = handlers
        self._old: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self.source, self._sink = os.pipe()
        os.set_blocking(self.source, False)
        os.set_blocking(self._sink, False)
        self._wakeup = signal.set_wakeup_fd(self._sink, warn_on_full_buffer=False)
        for number in self._handlers:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._old[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def forget(self) -> None:
        """No more waking up; what a child of ours does first."""
        signal.set_wakeup_fd(self._wakeup)
        os.close(self.source)
        os.close(self._sink)

    def default(self) -> None:
        """What a child of ours does that is not to hear them."""
        self.forget()
        for number in self._old:
            signal.signal(number, signal.SIG_DFL)

    def clear(self) -> None:
        """What woke us up has been seen to."""
        with suppress(BlockingIOError):
            os.read(self.source, 4096)

    def _arrived(self, number: int, _: FrameType | None) -> None:
        self._handlers[number](number)


class Stream:
    """One way out of the command: what is read from `source` is kept and written to `target`."""

    def __init__(self, source: int, target: int, kind: str, kept: Kept) -> None:
        self.source = source
        self._target = target
        self._kind = kind
        self._kept = kept

    def pass_on(self) -> bool:
        """Pass on what is there; False where it has ended, or nobody reads what we write."""
        try:
            data = os.read(self.source, _PIECE)
            self._kept.add(self._kind, data)
            write_all(self._target, data)
        except BlockingIOError:
            return True
        except OSError:  # the other end of a pseudo-terminal is closed (EIO), or our reader is gone
            return False
        return bool(data)

    def close(self) -> None:
        """Close the source: the command's next write fails, as it would have without us."""
        os.close(self.source)


class Keys:
    """The way into a command on a terminal: what is typed waits here until the command reads."""

    def __init__(self, source: int, target: int) -> None:
        self.source = source
        self.target = target
        self.waiting = b""
        self.ended = False

    def read(self) -> None:
        """Take what was typed."""
        try:
            data = os.read(self.source, 1024)
        except OSError:
            data = b""
        self.waiting += data
        self.ended = not data

    def write(self) -> None:
        """Give as much of it as the command's terminal takes."""
        with suppress(OSError):
            self.waiting = self.waiting[os.write(self.target, self.waiting) :]


def write_all(target: int, data: bytes) -> None:
    """Write all of it, also where somebody made the descriptor non-blocking."""
    while data:
        try:
            data = data[os.write(target, data) :]
        except BlockingIOError:
            select.select([], [target], [])


class Relay:
    """Waits for the command's end, and passes on what it prints until then."""

    def __init__(self, child: Child, streams: list[Stream], signals: Signals, keys: Keys | None = None) -> None:
        self._child = child
        self._streams = {stream.source: stream for stream in streams}
        self._signals = signals
        self._keys = keys
        self.sources: dict[int, Callable[[], None]] = {}  # others to be watched
        self.listening: Callable[[], bool] = lambda: True  # whether keys are ours to read

    def run(self) -> int:
        """The child's status, once it has ended and what it printed was passed on."""
        while (status := self._child.poll()) is None:
            self._wait(None)
        latest = time.monotonic() + _LATEST
        self._keys = None
        while self._streams and time.monotonic() < latest and self._wait(_IDLE):
            pass
        for stream in self._streams.values():
            stream.close()
        return status

    def _wait(self, timeout: float | None) -> bool:
        """Whether a stream had something."""
        reading = [*self._streams, *self.sources, self._signals.source]
        writing = []
        if self._keys is not None:
            if len(self._keys.waiting) < _PIECE and not self._keys.ended and self.listening():
                reading.append(self._keys.source)
            if self._keys.waiting:
                writing.append(self._keys.target)
        readable, writable, _ = select.select(reading, writing, [], timeout)
        self._serve(readable, bool(writable))
        return any(source in readable for source in reading if source != self._signals.source)

    def _serve(self, readable: list[int], writable: bool) -> None:
        for source in readable:
            if source == self._signals.source:
                self._signals.clear()
            elif source in self._streams:
                self._pass_on(self._streams[source])
            elif source in self.sources:
                self.sources[source]()
            elif self._keys is not None:
                self._keys.read()
        if writable and self._keys is not None:
            self._keys.write()

    def _pass_on(self, stream: Stream) -> None:
        if not stream.pass_on():
            del self._streams[stream.source]
            stream.close()
            if self._keys is not None and self._keys.target == stream.source:
                self._keys = None
