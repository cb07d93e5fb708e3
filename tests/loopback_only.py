"""A pytest plugin for other people's suites: what would leave this machine is refused, and written down.

The environment variable LOOPBACK_ONLY names the file that gets a line for each refusal. Where the suite's server is
httpbin, what that repeats of a request's headers is without our tags: they would make its answers longer.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

_TAGS = ("Request-Id", "Request-From", "Parent-Id", "Trace-Id")
_NEAR = ("127.", "::1", "localhost", "0.0.0.0")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.gethostbyname"):
        address = arguments[-1]
        host = address[0] if isinstance(address, tuple) else address
        if event != "socket.gethostbyname" and not isinstance(address, tuple):
            return  # a Unix socket
    else:
        return
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not name or name.startswith(_NEAR) or name == socket.gethostname():
        return
    test = os.environ.get("PYTEST_CURRENT_TEST", "?")
    with open(os.environ["LOOPBACK_ONLY"], "a", encoding="utf-8") as file:
        file.write(f"{event} {name!r} {test}\n")
    raise socket.gaierror(socket.EAI_NONAME, "only loopback here")


sys.addaudithook(_refuse)


def pytest_collection_finish() -> None:
    """Have httpbin leave our tags out of what it says of a request."""
    helpers = sys.modules.get("httpbin.helpers")
    if helpers is not None:
        helpers.ENV_HEADERS += tuple(f"X-Requestshook-{name}" for name in _TAGS)
