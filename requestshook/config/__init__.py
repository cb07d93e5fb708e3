"""`requestshook.yaml`, checked: docs/configuration.md says what each key means.

Everything in a `Config` is parsed: selectors, sizes in bytes, addresses in the one form that `services` compares.
A file with faults raises one ConfigError that names them all, each with file, line, column and what was expected.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from requestshook import addresses, settings, tags
from requestshook.config import files
from requestshook.config.notes import (
    OpenAPI,
    Page,
    Reference,
    read_header_names,
    read_page,
    read_references,
    read_selector,
)
from requestshook.config.positions import Document, Value
from requestshook.selectors import Selector


@dataclass(frozen=True, slots=True)
class Listener:
    """One entry of `proxy:`: what the addon listens on, and where it leads."""

    listen: int
    service: str
    target: str
    caller: str | None = None  # who calls through it


@dataclass(frozen=True, slots=True)
class Capture:
    """What capture points keep and tag."""

    body_limit: int = 64 * 1024  # bytes of a body
    max: int | None = 1024**3  # bytes that one process may write; None: no end
    tag: str = "all"  # or "known": the tags go to known hosts only
    group: str | None = None  # a name or number; the folder is shared with it


@dataclass(frozen=True, slots=True)
class Redact:
    """What is redacted beyond the defaults."""

    on: bool = True
    headers: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """`requestshook.yaml`, or what holds without one."""

    path: str | None  # None: there is no file
    root: str  # relative paths begin here
    folder: str  # requestshook's folder
    store: str  # an absolute path, or a postgresql:// URL
    services: tuple[tuple[str, str], ...] = ()  # (name, addresses.normal_base)
    clients: tuple[tuple[str, str], ...] = ()  # (name, User-Agent with `*`)
    ignore: tuple[Selector, ...] = ()
    proxy: tuple[Listener, ...] = ()
    capture: Capture = field(default_factory=Capture)
    redact: Redact = field(default_factory=Redact)
    page: Page = field(default_factory=Page)
    references: tuple[Reference | OpenAPI, ...] = ()


def load(path: str | os.PathLike[str] | None = None) -> Config:
    """The configuration at `path`, else the one found from here, else all defaults; raises ConfigError."""
    found = os.path.abspath(path) if path is not None else settings.find_config()
    root = os.path.dirname(found) if found else os.getcwd()
    given = os.environ.get("REQUESTSHOOK_DIR")
    folder = os.path.abspath(given) if given else os.path.join(root, settings.FOLDER)
    config = Config(found, root, folder, os.path.join(folder, "traces.db"))
    return parse(files.read(found), config, files.shown(found)) if found else config


def parse(text: str, config: Config, name: str = settings.CONFIG) -> Config:
    """The configuration with what the text of a file says; `name` stands in the errors."""
    document = Document(text, name)
    root = document.root()
    found = {} if root is None or root.empty else _read_keys(root, config)
    document.check()
    return replace(config, **found)


def _read_keys(root: Value, config: Config) -> dict[str, Any]:
    readers: dict[str, Callable[[Value], Any]] = {
        "store": lambda value: _store(value, config.root),
        "services": _services,
        "clients": _clients,
        "ignore": lambda value: tuple(_ignore(item) for item in value.items("a list of selectors")),
        "proxy": _proxy,
        "capture": _capture,
        "redact": _redact,
        "page": lambda value: read_page(value, config.page),
        "references": lambda value: tuple(read_references(value, config.root)),
    }
    return {key: readers[key](value) for key, value in root.fields(readers).items()}


def _store(value: Value, root: str) -> str:
    text = value.filled("a path or postgresql://user@host/db")
    if text.startswith(("postgresql://", "postgres://")):
        return text
    if "://" in text:
        value.fault(f"expected a path or postgresql://user@host/db, found {text!r}")
    return os.path.join(root, os.path.expanduser(text))


def _name(value: Value) -> str:
    name = value.text("a name")
    if value.scalar is not None and tags.valid_name(name) is None:
        value.fault(f"expected a name of 1 to 128 letters, digits and _ . : @ / + -, found {name!r}")
    return name


def _services(value: Value) -> tuple[tuple[str, str], ...]:
    found: dict[str, tuple[str, int]] = {}
    for _, key, bases in value.pairs("a mapping of names to lists of addresses"):
        name = _name(key)
        for item in bases.items("a list of addresses, as [http://10.0.0.1:5000/v3]"):
            base = _base(item)
            if base in found:
                item.fault(f"this address is already that of {found[base][0]} in line {found[base][1]}")
            elif base:
                found[base] = (name, item.line)
    return tuple((name, base) for base, (name, _) in found.items())


_BASE = "an address such as http://10.0.0.1:5000/v3"


def _base(value: Value) -> str:
    return value.parse(_normal_base, "", _BASE)


def _normal_base(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or parts.port == 0 or re.search(r"\s", text):
        raise ValueError(f"expected {_BASE}, found {text!r}")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"expected an address without user, query and fragment, found {text!r}")
    return addresses.normal_base(text)


def _clients(value: Value) -> tuple[tuple[str, str], ...]:
    expected = "a list of User-Agents, as [openstacksdk/*]"
    return tuple(
        (_name(key), pattern.filled("a User-Agent, with * for any part of it"))
        for _, key, patterns in value.pairs("a mapping of names to lists of User-Agents")
        for pattern in patterns.items(expected)
    )


def _ignore(value: Value) -> Selector:
    selector = read_selector(value)
    if selector.nth is not None:
        value.fault(f"expected a selector without @{selector.nth}: while recording nobody knows how many will come")
    return selector


def _proxy(value: Value) -> tuple[Listener, ...]:
    found: dict[int, tuple[Listener, int]] = {}
    for item in value.items("a list of listeners"):
        keys = ("listen", "service", "target")
        fields = item.fields((*keys, "from"), required=keys)
        port = fields["listen"].number(1, 65535) if "listen" in fields else None
        if port is None or not all(key in fields for key in keys):
            continue
        if port in found:
            fields["listen"].fault(f"port {port} is already listened on in line {found[port][1]}")
        target = fields["target"].text("an address")
        _base(fields["target"])
        caller = _name(fields["from"]) if "from" in fields else None
        found[port] = (Listener(port, _name(fields["service"]), target, caller), item.line)
    return tuple(listener for listener, _ in found.values())


def _capture(value: Value) -> Capture:
    fields = value.fields(("body_limit", "max", "tag", "group"))
    found: dict[str, Any] = {}
    if "body_limit" in fields:
        found["body_limit"] = fields["body_limit"].size()
    if "max" in fields:
        no_end = fields["max"].is_off or fields["max"].is_null
        found["max"] = None if no_end else fields["max"].size()
    if "tag" in fields:
        found["tag"] = fields["tag"].choice(("all", "known"))
    if "group" in fields and not fields["group"].is_null:
        found["group"] = fields["group"].filled("the name of a group")
    return Capture(**found)


def _redact(value: Value) -> Redact:
    if value.scalar is not None:
        return Redact(on=value.switch("off, or a mapping with headers, keys or patterns"))
    fields = value.fields(("headers", "keys", "patterns"))
    return Redact(
        headers=tuple(read_header_names(fields["headers"])) if "headers" in fields else (),
        keys=tuple(fields["keys"].texts("key")) if "keys" in fields else (),
        patterns=tuple(_patterns(fields["patterns"])) if "patterns" in fields else (),
    )


def _patterns(value: Value) -> Iterable[str]:
    return (item.parse(_regular, "") for item in value.items("a list of regular expressions"))


def _regular(text: str) -> str:
    """The regular expression, as text: capture.json carries it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pattern = re.compile(text)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        raise ValueError(f"expected a regular expression, found {text!r}: {error}") from None
    if pattern.search(""):
        raise ValueError(f"expected a regular expression that does not match the empty text, found {text!r}")
    return text
