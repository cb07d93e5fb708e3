"""The hook: every call that `requests` makes is tagged, and what it says and hears is recorded.

`HTTPAdapter.send` gives the id and sees failures; `HTTPConnectionPool.urlopen` tells that a socket is really used,
and what came back (a cache above it may answer 200 where the wire said 304); `body_to_chunks` shows a streamed
request body; the response's class becomes a subclass of itself that sees the body pass by.
"""

from __future__ import annotations

import functools
import os
import sys
from _thread import allocate_lock  # no RLock: eventlet's copy of the module has none
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from requestshook import addresses, recording, tags
from requestshook.capture.exchange import Exchange, describe_end, sent_headers
from requestshook.capture.teed import see_body
from requestshook.events import Attempt, Body, Headers

_current: ContextVar[Exchange | None] = ContextVar("requestshook_exchange", default=None)
_in_hooked_session: ContextVar[bool] = ContextVar("requestshook_hooked", default=False)


class _Patch(NamedTuple):
    owner: Any
    name: str
    ours: Callable[..., Any]
    original: Callable[..., Any]


class _Switch:
    """What the hook is on for."""

    def __init__(self) -> None:
        self.everywhere = False
        self.by_record = 0  # blocks of `record` that switched it on
        self.sessions: WeakValueDictionary[int, Any] = WeakValueDictionary()
        self.patches: list[_Patch] = []
        self.lock = allocate_lock()  # blocks of `record` begin and end in several threads at once


_switch = _Switch()


def install(service: str | None = None, *, record: str = "always") -> None:
    """Record the calls of the whole process: see `requestshook.install`."""
    if record not in ("always", "when open"):
        raise ValueError("record is 'always' or 'when open'")
    recording.recorder.on_purpose = record == "always"
    _name(service)
    with _switch.lock:
        _switch.everywhere = True
        _patch_imported()


def hook(session: Any, service: str | None = None) -> None:
    """Record the calls of one session: see `requestshook.hook`."""
    if not callable(getattr(session, "get_adapter", None)):
        raise TypeError(f"hook takes a requests.Session, not {type(session).__name__}")
    recording.recorder.on_purpose = True
    _name(service)
    with _switch.lock:
        _patch_imported()
        _wrap(sys.modules["requests.sessions"].Session, "send", _session_send)
        _switch.sessions[id(session)] = session


@contextmanager
def record(name: str) -> Iterator[str]:
    """Record the block's calls: see `requestshook.record`."""
    if not isinstance(name, str) or not name:
        raise TypeError(f"a recording's name is a text, not {name!r}")
    with _switch.lock:
        _patch_imported()
        _switch.by_record += 1
    try:
        with recording.recorder.record(name) as trace:
            yield trace
    finally:
        with _switch.lock:
            _switch.by_record -= 1
            if not (_switch.everywhere or _switch.by_record or _switch.sessions):
                _take_off()


def uninstall() -> None:
    """Restore what is still ours, switch off what others have wrapped since."""
    with _switch.lock:
        _take_off()


def _take_off() -> None:
    recording.recorder.on_purpose = False
    _switch.everywhere = False
    _switch.sessions.clear()
    _switch.patches[:] = [patch for patch in reversed(_switch.patches) if not _restored(patch)][::-1]


def _restored(patch: _Patch) -> bool:
    """Whether the original is back in its place; what others have wrapped stays, until they take theirs off."""
    if vars(patch.owner).get(patch.name) is not patch.ours:
        return vars(patch.owner).get(patch.name) is patch.original
    setattr(patch.owner, patch.name, patch.original)
    return True


def _name(service: str | None) -> None:
    if service is not None:
        if tags.valid_name(service) is None:
            raise ValueError(
                f"a service's name is 1 to 128 characters of letters, digits and _.:@/+- (not {service!r})"
            )
        recording.recorder.service = service


# Patching


def _patch_imported() -> None:
    import requests.adapters  # noqa: F401 - the caller is about to use it

    for name, patch in _PATCHES.items():
        if name in sys.modules:
            patch(sys.modules[name])


def _patch_adapters(module: ModuleType) -> None:
    _wrap(module.HTTPAdapter, "send", _send)


def _patch_pool(module: ModuleType) -> None:
    _wrap(module.HTTPConnectionPool, "urlopen", _urlopen)


def _patch_connection(module: ModuleType) -> None:
    if hasattr(module, "body_to_chunks"):  # not in urllib3 1.26
        _wrap(module, "body_to_chunks", _body_to_chunks)


_PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "requests.adapters": _patch_adapters,
    "urllib3.connectionpool": _patch_pool,
    "urllib3.connection": _patch_connection,
}


def _start(patch: Callable[[ModuleType], None], module: ModuleType) -> None:
    _switch.everywhere = True
    patch(module)


MODULES: dict[str, Callable[[ModuleType], None]] = {
    name: functools.partial(_start, patch) for name, patch in _PATCHES.items()
}
"""What start-up does to a module that was just executed, by the module's name."""


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    original = getattr(owner, name)
    if getattr(original, "_requestshook", False):
        return

    @functools.wraps(original)
    def ours(*arguments: Any, **keywords: Any) -> Any:
        return around(original, *arguments, **keywords)

    ours._requestshook = True  # type: ignore[attr-defined] # a function takes attributes
    setattr(owner, name, ours)
    _switch.patches.append(_Patch(owner, name, ours, original))


# What runs in the place of the originals


def _session_send(original: Callable[..., Any], session: Any, *arguments: Any, **keywords: Any) -> Any:
    hooked = _switch.sessions.get(id(session)) is session
    if hooked is _in_hooked_session.get():
        return original(session, *arguments, **keywords)
    token = _in_hooked_session.set(hooked)  # another session may send while this one does
    try:
        return original(session, *arguments, **keywords)
    finally:
        _in_hooked_session.reset(token)


def _send(original: Callable[..., Any], adapter: Any, *arguments: Any, **keywords: Any) -> Any:
    exchange = _begin(arguments, keywords)
    token = _current.set(exchange)
    try:
        return original(adapter, *arguments, **keywords)
    except BaseException as error:
        if exchange is not None:
            exchange.failed(error)
        raise
    finally:
        _current.reset(token)


def _begin(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Exchange | None:
    if not (_switch.everywhere or _switch.by_record or _in_hooked_session.get()):
        return None
    recorder = recording.recorder
    try:
        request = arguments[0] if arguments else keywords["request"]
        stream = arguments[1] if len(arguments) > 1 else keywords.get("stream", False)
        return _tagged(recorder, request, bool(stream))
    except Exception as error:
        recorder.dropped += 1
        recorder.fault(f"cannot record a call: {type(error).__name__}: {error}")
        return None


def _tagged(recorder: recording.Recorder, request: Any, stream: bool) -> Exchange | None:
    trace = recorder.trace_for_call()
    if trace is None:
        recorder.count_untied()
        return None
    url = request.url
    served = recording.serving.get()
    parent = served.id if served is not None else None
    id, caller = tags.new_id(), recorder.name()
    known = recorder.is_known(url)
    tag = known or recorder.may_tag(url)
    _tag(
        request.headers,
        id if tag else None,
        caller if tag else None,
        parent if known else None,
        trace if known else None,
    )
    if recorder.is_ignored(caller, None, request.method, url):
        return None
    return Exchange(recorder, id, trace, parent, caller, url, waits=not stream)


def _tag(headers: Any, *values: str | None) -> None:
    """Put the tags onto a request's headers, and take off what a redirect has copied."""
    lower = getattr(headers, "_store", None)  # as requests keeps them: to ask for one that is not there is slow
    for name, value in zip(tags.ALL, values):
        if value is not None:
            headers[name] = value
        elif lower is None or name.lower() in lower:
            headers.pop(name, None)


def _urlopen(original: Callable[..., Any], pool: Any, *arguments: Any, **keywords: Any) -> Any:
    exchange = _current.get()
    if exchange is None:
        return original(pool, *arguments, **keywords)
    exchange.safely(_sending, exchange, pool, _bound(arguments, keywords))
    exchange.depth += 1
    try:
        response = original(pool, *arguments, **keywords)
    finally:
        exchange.depth -= 1
    if exchange.depth == 0:
        exchange.safely(see_body, exchange, response)
    return response


def _bound(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
    return {**dict(zip(("method", "url", "body", "headers", "retries"), arguments)), **keywords}


def _sending(exchange: Exchange, pool: Any, given: dict[str, Any]) -> None:
    if exchange.depth:
        history = getattr(given.get("retries"), "history", ())
        exchange.retrying(tuple(Attempt(item.status, _error_of(item.error)) for item in history))
        return
    version = getattr(getattr(pool, "ConnectionCls", None), "_http_vsn_str", "HTTP/1.1")
    headers = sent_headers(given.get("headers") or {}, addresses.host_header(exchange.url))
    exchange.sending(given["method"], version, headers, _visible(given.get("body"), headers))


def _visible(body: Any, headers: Headers) -> Any:
    """The body; under urllib3 1.26, which has no place to see a stream pass, what the headers say of that."""
    if body is None or isinstance(body, (str, bytes, bytearray, memoryview)) or _shows_streams():
        return body
    lengths = [value for name, value in headers if name.lower() == "content-length"]
    return Body(
        None, int(lengths[0]) if lengths and lengths[0].isdecimal() else 0, why="a stream, not seen under urllib3 1.26"
    )


def _shows_streams() -> bool:
    return hasattr(sys.modules.get("urllib3.connection"), "body_to_chunks")


def _error_of(error: BaseException | None) -> str | None:
    return describe_end(error).removeprefix("error: ") if error is not None else None


def _body_to_chunks(original: Callable[..., Any], body: Any, *arguments: Any, **keywords: Any) -> Any:
    result = original(body, *arguments, **keywords)
    exchange = _current.get()
    if exchange is None or not exchange.streams(body) or result.chunks is None:
        return result
    return result._replace(chunks=exchange.tee_up(result.chunks))


def _forget_after_fork() -> None:
    _current.set(None)
    _switch.lock = allocate_lock()  # a thread that the child has not may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
