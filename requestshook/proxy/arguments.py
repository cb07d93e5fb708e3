"""What mitmdump is told: its listeners, our addon, and settings by which it changes nothing of what it passes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from requestshook.environment import PACKAGE
from requestshook.errors import NotFoundError

_ADDON = "requestshook_addon.py"
_ALWAYS = {
    "flow_detail": "0",
    "termlog_verbosity": "warn",
    "onboarding": "false",
    "keep_host_header": "true",
    "connection_strategy": "lazy",  # else a service that is not up yet breaks the connection, instead of a 502
    "requestshook_tied": "true",
}
OURS = frozenset(("mode", "listen_host", "listen_port", "requestshook_dir", "requestshook_tied"))


def addon() -> str:
    """Where the addon lies; raises NotFoundError."""
    for folder in (PACKAGE / "addons", PACKAGE.parent / "addons"):  # installed, or a checkout
        if (folder / _ADDON).is_file():
            return str(folder / _ADDON)
    raise NotFoundError(f"{_ADDON} is missing beside {PACKAGE}; install requestshook anew")


def arguments(modes: Iterable[str], settings: Mapping[str, str], given: Iterable[str]) -> Iterator[str]:
    """mitmdump's arguments. `given` are the user's own settings, NAME=VALUE: they stand in the place of ours."""
    given = tuple(given)
    names = {item.partition("=")[0] for item in given}
    for mode in modes:
        yield from ("--mode", mode)
    yield from ("--set", f"scripts={addon()}")  # those that the user gives come after it
    ours = (f"{name}={value}" for name, value in {**_ALWAYS, **settings}.items() if name not in names)
    for item in (*ours, *given):
        yield from ("--set", item)


def reverse(origin: str, host: str, port: int) -> str:
    """A listener that leads to one origin, in mitmproxy's words: an IPv6 host to listen on has no brackets there."""
    return f"reverse:{origin}@{host}:{port}"


def regular(host: str, port: int) -> str:
    """A forward proxy, in mitmproxy's words."""
    return f"regular@{host}:{port}"
