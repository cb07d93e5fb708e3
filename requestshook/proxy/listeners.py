"""Which listener leads where, and which address stands in for which: pure functions over the configuration.

mitmdump gets one listener for each entry of `proxy:`, and one for each origin of a service that no entry names. Paths
pass through unchanged, so that services which share an origin share its listener.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from requestshook import addresses
from requestshook.config import Config
from requestshook.errors import ConfigError

ABOVE = 10_000  # a service's port and this is its listener's
_HIGHEST = 65_535
_PRIVILEGED = 1024  # ports below belong to the administrator
_HERE = ("127.0.0.1", "::1", "localhost")


class Place(NamedTuple):
    """An address of a service, and the listener to use in its place."""

    service: str
    caller: str | None  # who calls through it, where `proxy:` says so
    port: int  # of the listener
    origin: str  # scheme, host and port that it leads to
    path: str  # of the service's base; empty, or `/identity`

    @property
    def target(self) -> str:
        """The service's own address."""
        return self.origin + self.path

    def address(self, host: str) -> str:
        """The address to use in its place, where listeners are opened on this host."""
        return f"http://{bracketed(host)}:{self.port}{self.path}"


def places(config: Config, is_free: Callable[[int], bool]) -> tuple[Place, ...]:
    """All places, those of `proxy:` first; `is_free` says whether a port can be listened on.

    Raises ConfigError where a listener would lead to itself, RequestshookError where no port is left.
    """
    given = tuple(_given(config))
    used = {place.port for place in given} | {_port(base) for _, base in config.services}
    named = {place.service for place in given}
    return (*given, *_chosen([item for item in config.services if item[0] not in named], used, is_free))


def _given(config: Config) -> Iterator[Place]:
    for listener in config.proxy:
        origin, path = _split(addresses.normal_base(listener.target))
        if addresses.host_of(origin) in _HERE and _port(origin) == listener.listen:
            raise ConfigError(f"{config.path}: proxy: the listener {listener.listen} leads to itself")
        paths = [_split(base) for name, base in config.services if name == listener.service]
        own = [its for at, its in paths if at == origin]
        if not path and len(own) == 1:
            path = own[0]
        yield Place(listener.service, listener.caller, listener.listen, origin, path)


def _chosen(services: Sequence[tuple[str, str]], used: set[int], is_free: Callable[[int], bool]) -> Iterator[Place]:
    ports: dict[str, int] = {}
    for name, base in services:
        origin, path = _split(base)
        if origin not in ports:
            ports[origin] = next_free(_port(base) + ABOVE, used, is_free)
            used.add(ports[origin])
        yield Place(name, None, ports[origin], origin, path)


def next_free(port: int, used: Iterable[int], is_free: Callable[[int], bool]) -> int:
    """The port, or the next that is neither used nor taken; beyond the last one it begins anew at 10000."""
    taken = set(used)
    for step in range(_HIGHEST - _PRIVILEGED):
        found = port + step
        while found > _HIGHEST:
            found -= _HIGHEST + 1 - ABOVE
        if found not in taken and is_free(found):
            return found
    raise ConfigError("no port of this machine is free")


def origins(found: Iterable[Place]) -> dict[int, str]:
    """Where each listener leads, by its port."""
    return {place.port: place.origin for place in found}


def variables(found: Sequence[Place], host: str) -> dict[str, str]:
    """The addresses to use, by the names of environment variables: `KEYSTONE_URL`, `KEYSTONE_URL_FROM_GLANCE_API`."""
    named: dict[str, str] = {}
    for place in found:
        name = variable = _variable(place)
        number = 1
        while variable in named:
            number += 1
            variable = f"{name}_{number}"
        named[variable] = place.address(host)
    return named


def _variable(place: Place) -> str:
    name = f"{_upper(place.service)}_URL" + (f"_FROM_{_upper(place.caller)}" if place.caller else "")
    return f"_{name}" if name[0].isdigit() else name


def _upper(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _split(base: str) -> tuple[str, str]:
    """Origin and path of an `addresses.normal_base`."""
    slash = base.find("/", base.index("://") + 3)
    return (base, "") if slash < 0 else (base[:slash], base[slash:])


def _port(base: str) -> int:
    return urlsplit(base).port or 0  # a normal base always has one
