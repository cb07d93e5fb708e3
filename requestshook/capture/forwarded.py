"""A call to a listener of this same mitmdump, by its forward proxy, goes on to where that listener leads.

mitmproxy refuses to call itself. A command of `requestshook proxy --regular` has both, the listeners' addresses and the
forward proxy that takes all its calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from requestshook.capture import flow as flows

_HERE = ("127.0.0.1", "::1", "localhost")


class Listener(NamedTuple):
    """A listener of reverse mode: the host that it is opened at, and where it leads."""

    opened_at: str
    scheme: str
    host: str
    port: int


def lead_on(flow: Any, listeners: Mapping[int, Listener]) -> None:
    """Have a request for one of the listeners (by port) go where that leads; its header fields stay. Never raises."""
    data = flow.request.data
    found = listeners.get(data.port)
    if found is None or flows.mode(flow) != "regular" or data.host not in (*_HERE, found.opened_at):
        return
    flow.metadata[flows.LED_BY] = data.port
    data.scheme, data.host, data.port = found.scheme.encode(), found.host, found.port
