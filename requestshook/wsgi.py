"""The WSGI middleware: `application = requestshook.wsgi.Middleware(application, service="glance-api")`.

With paste.deploy:

    [filter:requestshook]
    paste.filter_factory = requestshook.wsgi:filter_factory
    service = glance-api
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from requestshook import recording
from requestshook.capture.wsgi import Application, Middleware

__all__ = ["Middleware", "filter_factory"]


def filter_factory(global_conf: dict[str, str] | None, **local_conf: Any) -> Callable[[Application], Middleware]:
    """A paste.deploy filter; its one option is `service`, what the application is called on the pages."""
    service = local_conf.pop("service", None)
    if local_conf:
        recording.recorder.fault(f"paste filter: unknown option {', '.join(sorted(local_conf))} (known: service)")

    def wrap(application: Application) -> Middleware:
        return Middleware(application, service)

    return wrap
