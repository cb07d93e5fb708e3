"""What a process that records knows of `requestshook.yaml`: `capture.json`, read.

`requestshook.workspace` writes it; docs/capture-startup.md says where it lies.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from requestshook import addresses, tags

if TYPE_CHECKING:
    from requestshook.redact import Redactor

FOLDER = ".requestshook"
CONFIG = "requestshook.yaml"


class Ignored(NamedTuple):
    """A compiled selector: `requestshook.selectors` makes it, docs/selectors.md says what it means."""

    call: re.Pattern[str]  # over caller, callee, method and canonical path, one a line
    query: tuple[re.Pattern[str], ...] | None  # each over one canonical pair; () is an empty query; None: any

    def matches(self, call: str, query: str) -> bool:
        """Whether the selector names the call (`call_text` of it) with this query."""
        return self.call.fullmatch(call) is not None and _has_query(self.query, query)


def call_text(caller: str, callee: str, method: str, path: str) -> str:
    """What a compiled selector reads: caller, callee, method and canonical path, one a line."""
    words = (caller, callee, method, addresses.canonical_path(path))
    text = "\n".join(words)
    return text if text.count("\n") == 3 else "\n".join(word.replace("\n", " ") for word in words)


def read_ignored(item: dict[str, Any]) -> Ignored:
    """A selector as `capture.json` holds it."""
    query = item["query"]
    return Ignored(
        re.compile(item["call"]),
        None if query is None else tuple(re.compile(pattern) for pattern in query),
    )


class Settings(NamedTuple):
    """`capture.json`, read."""

    key: bytes
    key_is_own: bool  # no capture.json: the key is this process's own
    redactor: Redactor
    services: tuple[tuple[str, str], ...]  # (name, addresses.normal_base of it)
    clients: tuple[tuple[str, re.Pattern[str]], ...]  # (name, over a User-Agent)
    ignore: tuple[Ignored, ...]
    body_limit: int
    maximum: int | None
    tag_all: bool
    group: int | None
    open: tuple[str, ...]  # traces opened by `start` and `run --all`, newest last
    listeners: tuple[tuple[int, str, str | None], ...] = ()  # of the addon: (port, service, who calls through it)

    @property
    def redaction(self) -> tuple[str, bytes]:
        """Whose key makes the pseudonyms (store, random), and the key; `off` where there are none."""
        if not self.redactor.on:
            return "off", b""
        return "random" if self.key_is_own else "store", self.key

    def client_name(self, user_agent: str) -> str | None:
        """Who sends this User-Agent: `clients:`, else its product name."""
        for name, pattern in self.clients:
            if pattern.fullmatch(user_agent):
                return name
        return tags.product(user_agent)


def folder() -> str:
    """requestshook's folder: REQUESTSHOOK_DIR, else beside the configuration, else in the working directory."""
    given = os.environ.get("REQUESTSHOOK_DIR")
    if given:
        return os.path.abspath(given)
    config = find_config()
    return os.path.join(os.path.dirname(config) if config else os.getcwd(), FOLDER)


def find_config() -> str | None:
    """The configuration: REQUESTSHOOK_CONFIG, else `requestshook.yaml` in the working directory or above it."""
    given = os.environ.get("REQUESTSHOOK_CONFIG")
    if given:
        return os.path.abspath(given)
    place = os.getcwd()
    while True:
        path = os.path.join(place, CONFIG)
        if os.path.isfile(path):
            return path
        above = os.path.dirname(place)
        if above == place:
            return None
        place = above


def read_settings(text: str | bytes) -> Settings:
    """The settings of a `capture.json`; raises ValueError, KeyError or TypeError where it is none."""
    from requestshook.redact import Redactor

    fields = json.loads(text)
    if fields["v"] != 1:
        raise ValueError(f"capture.json is of version {fields['v']}")
    key = bytes.fromhex(fields["key"])
    redact = fields["redact"]
    group = fields["group"]
    return Settings(
        key=key,
        key_is_own=False,
        redactor=Redactor(
            key, on=redact["on"], headers=redact["headers"], keys=redact["keys"], patterns=redact["patterns"]
        ),
        services=tuple((name, base) for name, base in fields["services"]),
        clients=tuple((name, re.compile(pattern)) for name, pattern in fields["clients"]),
        ignore=tuple(read_ignored(item) for item in fields["ignore"]),
        body_limit=fields["body_limit"],
        maximum=fields["max"],
        tag_all=fields["tag"] == "all",
        group=group,
        open=tuple(item["trace"] for item in fields["recordings"] if item.get("all", True)),
        listeners=tuple((port, service, caller) for port, service, caller in fields.get("proxy", ())),
    )


def own_settings() -> Settings:
    """What holds where there is no `capture.json`: the defaults, and a key of this process's own."""
    from requestshook.redact import Redactor

    key = os.urandom(32)
    return Settings(key, True, Redactor(key), (), (), (), 64 * 1024, 1024**3, True, None, ())


def _has_query(patterns: tuple[re.Pattern[str], ...] | None, query: str) -> bool:
    if patterns is None:
        return True
    if not patterns:
        return query == ""
    pairs = addresses.canonical_pairs(query)
    return all(any(pattern.fullmatch(pair) for pair in pairs) for pattern in patterns)
