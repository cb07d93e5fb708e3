"""Header fields as several views have them: which are the same field, and whether their values agree.

A server joins repeats and changes case, HTTP/2 writes names in lower case and divides cookies (RFC 9113, 8.2.3), CGI's
variables have no hyphens (RFC 3875, 4.1.18): none of that is another value.
"""

from __future__ import annotations

from requestshook import tags
from requestshook.events import Headers

# RFC 9110, 7.6.1: of one connection, not of the message; and those that HTTP/1.0 proxies know.
_OF_CONNECTION = frozenset(
    (
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authentication-info", "proxy-authorization", "http2-settings"),
    )
)


def key(name: str) -> str:
    """One spelling of a field's name."""
    return name.lower().replace("_", "-")


def agree(one: list[str], other: list[str]) -> bool:
    """Whether the values of a field's repeats say the same."""
    return one == other or joined(one) == joined(other)


def joined(values: list[str]) -> str:
    """All values of a field in one spelling: joined, without the blanks that may stand around them."""
    return ",".join(part.strip(" \t") for value in values for part in value.replace(";", ",").split(","))


def of_message(headers: Headers) -> dict[str, list[tuple[str, str]]]:
    """The fields that are the message's own, by key: ours and those of one connection are left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, value in headers:
        found.setdefault(key(name), []).append((name, value))
    dropped = {part.strip().lower() for _, value in found.get("connection", ()) for part in value.split(",")}
    for name in [name for name in found if name in _OF_CONNECTION or name in dropped or name in tags.LOWER]:
        del found[name]
    return found


def first(headers: Headers, name: str) -> str:
    """The first value of a field, named in lower case; empty where it is absent."""
    return next((value for other, value in headers if other.lower() == name), "")
