"""The headers that tie calls together, their ids, and what a service is called. Rules: docs/tags.md."""

from __future__ import annotations

import os
import re
import sys
from _blake2 import blake2s
from typing import NamedTuple

REQUEST_ID = "X-Requestshook-Request-Id"
REQUEST_FROM = "X-Requestshook-Request-From"
PARENT_ID = "X-Requestshook-Parent-Id"
TRACE_ID = "X-Requestshook-Trace-Id"
ALL = (REQUEST_ID, REQUEST_FROM, PARENT_ID, TRACE_ID)
LOWER = frozenset(name.lower() for name in ALL)

_ID = re.compile(r"[0-9a-f]{32}")
_NAME = re.compile(r"[\w.:@/+-]{1,128}", re.ASCII)
_NOT_IN_NAME = re.compile(r"[^\w.:@/+-]", re.ASCII)
_NO_PROGRAM = re.compile(r"(python|pypy|gunicorn|uwsgi|__main__|-)[\w.-]*|", re.ASCII)


class Inbound(NamedTuple):
    """The tags of a request that came in, each None where it is absent or not of the form."""

    id: str | None
    caller: str | None
    parent: str | None
    trace: str | None


def new_id() -> str:
    """A call's id: 32 lowercase hexadecimal digits."""
    return os.urandom(16).hex()


def new_trace_id(key: bytes) -> str:
    """A recording's id: 64 random bits and their 64-bit hash under the store's key."""
    head = os.urandom(8)
    return (head + _keyed(head, key)).hex()


def is_own_trace(trace: str | None, key: bytes) -> bool:
    """Whether a trace id was made with this key, so that no stranger's header makes a service record."""
    if trace is None or not _ID.fullmatch(trace):
        return False
    octets = bytes.fromhex(trace)
    return _keyed(octets[:8], key) == octets[8:]


def _keyed(head: bytes, key: bytes) -> bytes:
    return blake2s(head, digest_size=8, key=key[:32], person=b"rqhtrace").digest()


def valid_id(value: str | None) -> str | None:
    """The id, or None where it is not in full 32 of `[0-9a-f]`."""
    return value if value is not None and _ID.fullmatch(value) else None


def valid_name(value: str | None) -> str | None:
    """The name, or None where it is not 1 to 128 ASCII characters of `[\\w.:@/+-]`."""
    return value if value is not None and _NAME.fullmatch(value) else None


def inbound(id: str | None, caller: str | None, parent: str | None, trace: str | None) -> Inbound:
    """The tags of an inbound request, each checked."""
    return Inbound(valid_id(id), valid_name(caller), valid_id(parent), valid_id(trace))


def as_name(text: str) -> str:
    """Any text as a name that a tag may carry."""
    return text if _NAME.fullmatch(text) else _NOT_IN_NAME.sub("-", text)[:128] or "-"


def product(user_agent: str) -> str | None:
    """The product name of a User-Agent (RFC 9110, 10.1.5): `curl` of `curl/8.5.0`."""
    name = user_agent.partition(" ")[0].partition("/")[0]
    return as_name(name) if name else None


def service_name(application: str | None = None) -> str | None:
    """What this process is called, where nobody gave it a name; None where nothing tells.

    `application` is what the server was told to load (`glance.wsgi.api:application` gives `glance`).
    At an interpreter's start `sys.argv[0]` is still `-m`: ask at the first call.
    """
    given = os.environ.get("REQUESTSHOOK_SERVICE")
    if given:
        return as_name(given)
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    argv = getattr(sys, "argv", None) or [""]
    program = os.path.basename(argv[0] or "")
    if spec is None and not _NO_PROGRAM.fullmatch(program):
        return as_name(program[:-3] if program.endswith(".py") else program)
    if application:
        return as_name(application.partition(":")[0].partition(".")[0])
    package = getattr(spec, "name", "").partition(".")[0]
    return as_name(package) if package and not _NO_PROGRAM.fullmatch(package) else None
