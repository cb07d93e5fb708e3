"""A response whose body is seen as the program reads it: its class becomes a subclass of itself.

A proxy around the response or its file would change what it is (isinstance, finalisation, readinto, the state of
the pool); an attribute of the instance would make a cycle that delays the return of its connection. The subclass
carries the original's name, and each of its methods does what the original does, then looks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from requestshook.capture.exchange import Exchange, describe_end
from requestshook.events import CLOSED, COMPLETE, Body, Headers

_VERSIONS = {9: "HTTP/0.9", 10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}


def see_body(exchange: Exchange, response: Any) -> None:
    """Tell the exchange what came back, and let it see the body of a urllib3 response."""
    headers = _headers(response)
    version = _VERSIONS.get(getattr(response, "version", 11), "HTTP/1.1")
    remaining = getattr(response, "length_remaining", None)
    body: Body | None = None
    teed = _teed(type(response))
    if remaining == 0:
        body = Body("", 0)
    elif teed is None:
        body = Body(None, remaining or 0, why=f"a {type(response).__name__} of {type(response).__module__}")
    exchange.answered(response.status, response.reason or "", version, headers, body=body)
    if body is None and teed is not None:
        response._requestshook = exchange
        response.__class__ = teed


def _headers(response: Any) -> Headers:
    message = getattr(getattr(response, "_original_response", None), "msg", None)
    source = message if message is not None else response.headers
    return tuple((str(name), str(value)) for name, value in source.items())


_subclasses: dict[type, type | None] = {}


def _teed(original: type) -> type | None:
    """The subclass that sees; None for a class that does not read as urllib3's do."""
    if original not in _subclasses:
        _subclasses[original] = _subclass(original)
    return _subclasses[original]


def _subclass(original: Any) -> type | None:
    reads = next((found for found in _READS if _has(original, found)), None)
    if reads is None or not _has(original, _SEEN):
        return None
    namespace = {
        "__module__": original.__module__,
        "__qualname__": original.__qualname__,
        "__doc__": original.__doc__,
        **{name: around(original) for name, around in {**reads, **_SEEN}.items()},
    }
    return type(original.__name__, (original,), namespace)


def _has(original: Any, names: Iterable[str]) -> bool:
    return all(callable(getattr(original, name, None)) for name in names)


def _raw_read(original: Any) -> Any:
    read = original._raw_read

    @functools.wraps(read)
    def _raw_read(self: Any, amt: int | None = None, **keywords: Any) -> Any:
        exchange = self._requestshook
        try:
            data = read(self, amt, **keywords) if keywords else read(self, amt)
        except BaseException as error:
            exchange.received(_partial(error) or _partial(error.__context__))
            exchange.ended(describe_end(error))
            raise
        if data:
            if (head := exchange.down) is not None:
                try:  # and not `received`, which costs a stream a hundredth
                    head.add(data)
                except Exception as error:
                    exchange.lost(error)
            if amt is not None and self.length_remaining:  # more is to come: most pieces of a stream end here
                return data
        inner = self._original_response
        if (
            self.length_remaining == 0
            or (not data and amt != 0)
            or (amt is None and not keywords)
            or (inner is not None and inner.isclosed())
        ):
            exchange.ended(COMPLETE)
        return data

    return _raw_read


def _fp_read(original: Any) -> Any:
    """For urllib3 1.26, whose `read` also undoes the coding."""
    read = original._fp_read

    @functools.wraps(read)
    def _fp_read(self: Any, amt: int | None) -> Any:
        try:
            data = read(self, amt)
        except Exception as error:
            self._requestshook.received(_partial(error))
            raise
        self._requestshook.received(data)
        return data

    return _fp_read


def _read(original: Any) -> Any:
    """For urllib3 1.26, as `_fp_read`."""
    read = original.read

    @functools.wraps(read)
    def _read(self: Any, *arguments: Any, **keywords: Any) -> Any:
        try:
            data = read(self, *arguments, **keywords)
        except BaseException as error:  # at its end, it can only be the coding
            self._requestshook.ended(COMPLETE if self.length_remaining == 0 else describe_end(error))
            raise
        if self.length_remaining == 0 or _is_closed(self):
            left = self.length_remaining  # it is not told to the program
            self._requestshook.ended(f"error: {left} octets did not come" if left else COMPLETE)
        return data

    return _read


def _handle_chunk(original: Any) -> Any:
    handle = original._handle_chunk

    @functools.wraps(handle)
    def _handle_chunk(self: Any, amt: int | None) -> Any:
        try:
            chunk = handle(self, amt)
        except Exception as error:
            self._requestshook.received(_partial(error))
            raise
        self._requestshook.received(chunk)
        return chunk

    return _handle_chunk


def _update_chunk_length(original: Any) -> Any:
    update = original._update_chunk_length

    @functools.wraps(update)
    def _update_chunk_length(self: Any) -> None:
        self._requestshook_between_chunks = True  # it closes the response before it raises
        update(self)
        self._requestshook_between_chunks = False

    return _update_chunk_length


def _partial(error: BaseException | None) -> bytes:
    """What `http.client.IncompleteRead` had read when the body broke off, which urllib3 raises its own error over."""
    partial = getattr(error, "partial", b"")
    return partial if isinstance(partial, bytes) else b""


def _read_chunked(original: Any) -> Any:
    read = original.read_chunked

    @functools.wraps(read)
    def read_chunked(self: Any, *arguments: Any, **keywords: Any) -> Iterator[bytes]:
        try:
            yield from read(self, *arguments, **keywords)
        except GeneratorExit:
            if _is_closed(self):
                self._requestshook.ended(CLOSED)
            raise
        except BaseException as error:
            self._requestshook.ended(describe_end(error))
            raise
        if _is_closed(self):
            self._requestshook.ended(COMPLETE)

    return read_chunked


def _close(original: Any) -> Any:
    close = original.close

    @functools.wraps(close)
    def _close(self: Any) -> None:
        try:
            close(self)
        finally:
            exchange = self.__dict__.get("_requestshook")
            if exchange is not None and not self.__dict__.get("_requestshook_between_chunks"):
                exchange.ended(CLOSED)

    return _close


def _del(original: Any) -> Any:
    finalise = original.__del__

    @functools.wraps(finalise)
    def __del__(self: Any) -> None:  # noqa: N807 - the finaliser calls `close` only where the file is still open
        finalise(self)
        exchange = self.__dict__.get("_requestshook")
        if exchange is not None:
            exchange.ended(CLOSED)

    return __del__


def _is_closed(response: Any) -> bool:
    inner = getattr(response, "_original_response", None)
    return inner is not None and inner.isclosed()


_READS: tuple[dict[str, Callable[[Any], Any]], ...] = ({"_raw_read": _raw_read}, {"_fp_read": _fp_read, "read": _read})
"""The methods that read a body which is not chunked: of urllib3 2, of urllib3 1.26."""

_SEEN: dict[str, Callable[[Any], Any]] = {
    "_handle_chunk": _handle_chunk,
    "_update_chunk_length": _update_chunk_length,
    "read_chunked": _read_chunked,
    "close": _close,
    "__del__": _del,
}
