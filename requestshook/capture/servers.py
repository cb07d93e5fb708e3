"""Puts the middleware around the application that a server loads, without an edit.

`SERVERS` names the modules; each function takes its module just executed and replaces one thing in it. The import
finder of `capture.startup` calls them. Doing it twice is doing it once, and nothing in here raises.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import ModuleType
from typing import Any

from requestshook import recording
from requestshook.capture.wsgi import Middleware

_MARK = "_requestshook"
_COROUTINE = 0x80  # CO_COROUTINE of a code object's flags; `inspect` is too heavy to import


def wrap(application: Any) -> Any:
    """The application with the middleware around it; as it is where it has one, or is none of WSGI."""
    if isinstance(application, Middleware) or not callable(application) or _is_asgi(application):
        return application
    return Middleware(application)


def _is_asgi(application: Any) -> bool:
    call = next((vars(kind)["__call__"] for kind in type(application).__mro__ if "__call__" in vars(kind)), None)
    flags = (getattr(getattr(function, "__code__", None), "co_flags", 0) for function in (application, call))
    return any(found & _COROUTINE for found in flags)


def _replace(owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace a function by one around it, once; a server that has none like it is said and left alone."""
    try:
        original = getattr(owner, name)
        if not hasattr(original, _MARK):
            replacement = wraps(original)(around(original))
            setattr(replacement, _MARK, True)
            setattr(owner, name, replacement)
    except Exception as error:
        recording.recorder.fault(f"{getattr(owner, '__name__', owner)}: calls are not recorded ({error!r})")


def patch_wsgiref(module: ModuleType) -> None:
    """`wsgiref.simple_server`: what WSGIServer.get_app gives to the handler. The server's `application` stays."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self: _wrapped_once(self, original(self))

    _replace(getattr(module, "WSGIServer", None), "get_app", around)


def patch_gunicorn(module: ModuleType) -> None:
    """`gunicorn.app.base`: what BaseApplication.wsgi gives to a worker, which also tells the application's name."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self: _of_gunicorn(self, original(self))

    _replace(getattr(module, "BaseApplication", None), "wsgi", around)


def _of_gunicorn(server: Any, application: Any) -> Any:
    try:
        if _is_asgi_worker(server):
            return application
        recording.recorder.application = recording.recorder.application or _gunicorn_name(server)
    except Exception as error:
        recording.recorder.fault(f"gunicorn: {error!r}")
    return _wrapped_once(server, application)


def _is_asgi_worker(server: Any) -> bool:
    worker = server.cfg.settings["worker_class"].get()
    name = worker if isinstance(worker, str) else f"{worker.__module__}.{worker.__qualname__}"
    return "asgi" in name.lower() or "uvicorn" in name.lower()


def _gunicorn_name(server: Any) -> str | None:
    """What gunicorn was told to load: `glance.wsgi.api:application`, or a paste.deploy file's own name."""
    name = getattr(server, "app_uri", None)
    if isinstance(name, str):
        return os.path.basename(name.partition("#")[0]) if server.cfg.paste is not None else name
    return None


def patch_eventlet(module: ModuleType) -> None:
    """`eventlet.wsgi`: the `site` that `server` is given."""

    def around(original: Callable[..., Any]) -> Callable[..., Any]:
        def server(*args: Any, **options: Any) -> Any:
            if len(args) > 1:
                args = (args[0], wrap(args[1]), *args[2:])
            elif "site" in options:
                options["site"] = wrap(options["site"])
            return original(*args, **options)

        return server

    _replace(module, "server", around)


def _wrapped_once(owner: Any, application: Any) -> Any:
    """The wrapped application, the same for as long as the owner has the same one."""
    kept = getattr(owner, _MARK, None)
    if kept is None or kept[0] is not application:
        kept = (application, wrap(application))
        with suppress(Exception):
            setattr(owner, _MARK, kept)
    return kept[1]


SERVERS: dict[str, Callable[[ModuleType], None]] = {
    "wsgiref.simple_server": patch_wsgiref,
    "gunicorn.app.base": patch_gunicorn,
    "eventlet.wsgi": patch_eventlet,
}
