"""Which services a recording has seen, guessed from addresses: a start for the author of requestshook.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from requestshook import addresses
from requestshook.events import Request
from requestshook.trace.calls import Trace

_NUMBERS = re.compile(r"[\d.]+|\[.*\]|localhost")


def services(trace: Trace) -> list[tuple[str, str]]:
    """(name, address) pairs in the order of their first call, each once.

    Where several names share a host and port, the first part of the path tells them apart.
    """
    seen = list(dict.fromkeys(_seen(trace)))
    names: dict[str, set[str]] = {}
    for name, address, _ in seen:
        names.setdefault(address, set()).add(name)
    pairs = ((name, address + (first if len(names[address]) > 1 else "")) for name, address, first in seen)
    return list(dict.fromkeys(pairs))


def _seen(trace: Trace) -> Iterator[tuple[str, str, str]]:
    for call in trace.calls:
        event = call.views[0].request.event if call.views and call.views[0].request else call.request.event
        if isinstance(event, Request) and "://" in event.url:
            authority = addresses.authority(event.url)
            path = addresses.split_target(event.url)[0]
            first = "/" + path.split("/")[1] if path != "/" else ""
            name = _guess(authority) if call.callee == authority else call.callee
            yield name, f"{event.url.partition('://')[0].lower()}://{authority}", first


def _guess(authority: str) -> str:
    """A name for who answers there: the first part of the host's, or `service-PORT` where it has numbers alone."""
    host, _, port = authority.rpartition(":")
    if not host:
        host, port = authority, ""
    if _NUMBERS.fullmatch(host):
        return f"service-{port}" if port else "service"
    return host.partition(".")[0]
