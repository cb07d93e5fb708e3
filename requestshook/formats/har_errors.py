"""Why a call in a HAR has no response, as `KIND: what the tool says`, with the kinds that capture has."""

from __future__ import annotations

import re

from requestshook.capture import flow

NO_RESPONSE = "NoResponse: the HAR holds none"
_LONGEST = 2000

# What Chrome, Edge and Playwright (net::ERR_…) and Firefox (NS_ERROR_…, SEC_ERROR_…) say; the first that is found.
_CODE = re.compile(r"(?:net::)?((?:ERR|NS|SEC|SSL|MOZILLA_PKIX)_\w+)")
_KINDS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("Blocked", r"BLOCKED"),
        ("ProxyError", r"PROXY|TUNNEL"),
        ("NameNotFound", r"NAME_NOT_RESOLVED|NAME_RESOLUTION|UNKNOWN_HOST"),
        ("TLSError", r"SSL|TLS|CERT|SEC_|PKIX|INADEQUATE_SECURITY"),
        ("ConnectionRefused", r"REFUSED"),
        ("Timeout", r"TIMED_OUT|TIMEOUT"),
        ("ConnectionReset", r"RESET"),
        ("Unreachable", r"UNREACHABLE|DISCONNECTED|OFFLINE"),
        ("ServerDisconnected", r"CONNECTION_CLOSED|EMPTY_RESPONSE|NET_INTERRUPT"),
        ("ProtocolError", r"INVALID|PROTOCOL"),
        ("Aborted", r"ABORT|CANCEL"),
    )
)
_HAS_KIND = re.compile(r"[A-Za-z][\w.]*(?:: |\Z)")


def described(said: str) -> str:
    """A tool's words with the kind of error in front, where none stands there; without words: that there is nothing."""
    if not said:
        return NO_RESPONSE
    code = _CODE.match(said)
    if code is not None:
        found = next((kind for kind, pattern in _KINDS if pattern.search(code[1])), code[1])
        said = said if found == said else f"{found}: {said}"
    elif not _HAS_KIND.match(said):
        said = flow.described(flow.unquoted(said), "Failed")
    return said[:_LONGEST]
