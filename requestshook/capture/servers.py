"""Puts the middleware around the application that a server loads, without an edit.

`SERVERS` names the modules; each function takes its module just executed and replaces one thing in it. The import
finder of `capture.startup` calls them. Doing it twice is doing it once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from requestshook import recording
from requestshook.capture.wsgi import Middleware

_COROUTINE = 0x80  # CO_COROUTINE of a code object's flags; `inspect` is too heavy to import


def wrap(application: Any) -> Any:
    """The application with the middleware around it; as it is where it has one, or is none of WSGI."""
    if isinstance(application, Middleware) or not callable(application) or _is_asgi(application):
        return application
    return Middleware(application)


def _is_asgi(application: Any) -> bool:
    for function in (application, getattr(type(application), "__call__", None)):
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        if flags & _COROUTINE:
            return True
    return False


def patch_wsgiref(module: ModuleType) -> None:
    """`wsgiref.simple_server`: what WSGIServer.get_app gives to the handler. The server's `application` stays."""
    server = module.WSGIServer
    original = server.get_app
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def get_app(self: Any) -> Any:
        return _wrapped_once(self, original(self))

    server.get_app = get_app


def patch_gunicorn(module: ModuleType) -> None:
    """`gunicorn.app.base`: what BaseApplication.wsgi gives to a worker, which also tells the application's name."""
    base = module.BaseApplication
    original = base.wsgi
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def wsgi(self: Any) -> Any:
        application = original(self)
        try:
            if _is_asgi_worker(self):
                return application
            recording.recorder.application = recording.recorder.application or _gunicorn_name(self)
        except Exception as error:
            recording.recorder.fault(f"gunicorn: {error!r}")
        return _wrapped_once(self, application)

    base.wsgi = wsgi


def _is_asgi_worker(application: Any) -> bool:
    worker = application.cfg.settings["worker_class"].get()
    name = worker if isinstance(worker, str) else f"{worker.__module__}.{worker.__qualname__}"
    return "asgi" in name.lower() or "uvicorn" in name.lower()


def _gunicorn_name(application: Any) -> str | None:
    """What gunicorn was told to load: `glance.wsgi.api:application`, or the stem of a paste.deploy file."""
    name = getattr(application, "app_uri", None)
    if not isinstance(name, str):
        return None
    if application.cfg.paste is not None:
        name = os.path.basename(name.partition("#")[0])
    return name


def patch_eventlet(module: ModuleType) -> None:
    """`eventlet.wsgi`: the `site` that `server` is given."""
    original: Callable[..., Any] = vars(module)["server"]
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def server(*args: Any, **options: Any) -> Any:
        if len(args) > 1:
            args = (args[0], wrap(args[1]), *args[2:])
        elif "site" in options:
            options["site"] = wrap(options["site"])
        return original(*args, **options)

    vars(module)["server"] = server


def _wrapped_once(owner: Any, application: Any) -> Any:
    """The wrapped application, the same for as long as the owner has the same one."""
    kept = owner.__dict__.get("_requestshook")
    if kept is None or kept[0] is not application:
        kept = owner.__dict__["_requestshook"] = (application, wrap(application))
    return kept[1]


SERVERS: dict[str, Callable[[ModuleType], None]] = {
    "wsgiref.simple_server": patch_wsgiref,
    "gunicorn.app.base": patch_gunicorn,
    "eventlet.wsgi": patch_eventlet,
}
