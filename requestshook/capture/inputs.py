"""`wsgi.input`, each piece noted as the application reads it: never ahead, and nothing else of it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from requestshook.capture.served import Served


class Input:
    """`wsgi.input` as the server made it, each piece noted as the application reads it."""

    __slots__ = ("_input", "_served")
    _input: Any
    _served: Served

    def __init__(self, input: Any, served: Served) -> None:
        object.__setattr__(self, "_input", input)
        object.__setattr__(self, "_served", served)

    def read(self, *args: Any, **options: Any) -> Any:
        """What the server's `read` gives."""
        chunk = self._noting(self._input.read, args, options)
        wanted = args[0] if args else -1
        to_the_end = wanted is None or (isinstance(wanted, int) and wanted < 0)
        self._served.received((chunk,), to_the_end or (not chunk and wanted != 0))
        return chunk

    def readline(self, *args: Any, **options: Any) -> Any:
        """What the server's `readline` gives."""
        return self._piece(self._input.readline, args, options)

    def readlines(self, *args: Any, **options: Any) -> Any:
        """What the server's `readlines` gives."""
        lines = self._noting(self._input.readlines, args, options)
        self._served.received(lines, not args or not lines)
        return lines

    def __iter__(self) -> Iterator[Any]:
        return InputIterator(iter(self._input), self._served)

    def __next__(self) -> Any:
        return next(InputIterator(self._input, self._served))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._input, name)
        if name == "read1":
            return lambda *args: self._piece(found, args, {})
        if name in ("readinto", "readinto1"):
            return lambda buffer: self._into(found, buffer)
        return found

    def _piece(self, read: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        chunk = self._noting(read, args, options)
        self._served.received((chunk,), not chunk and (not args or args[0] != 0))
        return chunk

    def _into(self, read: Callable[[Any], Any], buffer: Any) -> Any:
        count = self._noting(read, (buffer,), {})
        if count is not None:
            self._served.received((memoryview(buffer).cast("B")[:count],), not count and len(buffer) > 0)
        return count

    def _noting(self, read: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        try:
            return read(*args, **options)
        except BaseException as error:
            self._served.not_received(error)
            raise

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._input, name, value)


class InputIterator:
    """The lines of `wsgi.input`, each noted as it is taken."""

    __slots__ = ("_lines", "_served")

    def __init__(self, lines: Iterator[Any], served: Served) -> None:
        self._lines = lines
        self._served = served

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            line = next(self._lines)
        except StopIteration:
            self._served.received((), True)
            raise
        except BaseException as error:
            self._served.not_received(error)
            raise
        self._served.received((line,), False)
        return line
