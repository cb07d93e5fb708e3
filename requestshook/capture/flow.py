"""What a mitmproxy flow says, and the tags that are put onto it. mitmproxy itself is not imported.

Octets are read as Latin-1, as they were sent. Names of HTTP/2 and HTTP/3 are in lower case (RFC 9113, 8.2.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from requestshook import tags
from requestshook.events import Headers

LED_BY = "requestshook_led_by"  # of a flow's metadata: the port of the listener whose callee it was led on to
_WANTED = frozenset((*tags.LOWER, "user-agent", "content-length", "transfer-encoding", "host"))
_LATER = ("HTTP/2.0", "HTTP/3")
_NO_TAGS = tags.Inbound(None, None, None, None)
_BY_HOST = ("transparent", "local", "wireguard")  # modes that know the callee's address alone
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LENGTH = re.compile(r"0|[1-9][0-9]*", re.ASCII)  # as mitmproxy has it

# What mitmproxy says went wrong, and what we call it; the first that is found.
_KINDS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("Killed", r"^connection killed"),
        ("ClientDisconnected", r"^client (disconnected|closed)|by caller"),
        ("ProxyError", r"^upstream proxy|exceeds mitmproxy"),
        ("ConnectionRefused", r"\brefused\b|errno (111|61)\b"),
        ("Timeout", r"timed? ?out|errno (110|60)\b"),
        ("Unreachable", r"unreachable|no route|errno (101|113)\b"),
        ("ConnectionReset", r"\breset\b|errno (104|54)\b"),
        ("NameNotFound", r"name or service|name resolution|nodename|no address|getaddrinfo"),
        ("TLSError", r"\btls\b|\bssl\b|certificate"),
        ("ServerDisconnected", r"disconnected|closed|\beof\b|incomplete|unexpected server response"),
        ("ProtocolError", r"parse|protocol|invalid|malformed|refusing|unexpected|multiple|both"),
    )
)
# What a peer sent, as mitmproxy quotes it: b'...' or '...' after a space; an address stands in (...).
_QUOTED = re.compile(r"""(?<=[\s\[{:])b?(['"]).*\1""", re.DOTALL)
_BY_CLIENT = re.compile(r"by client \((.*)\)")
_HUNG_UP = ("peer closed connection", "connection closed")  # said of either side


class Said(NamedTuple):
    """What a message's headers say that matters here: repeats are joined by a comma."""

    inbound: tags.Inbound
    agent: str
    host: str
    length: str | None
    coding: str | None  # Transfer-Encoding
    tagged: bool  # whether any of our headers is among them


def headers(message: Any) -> Headers:
    """A message's headers in their order, repeats and case."""
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers.fields])


def said(pairs: Headers) -> Said:
    """What the headers say."""
    found: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in _WANTED:
            found[lower] = f"{found[lower]}, {value}" if lower in found else value
    get = found.get
    tagged = not tags.LOWER.isdisjoint(found)
    inbound = tags.inbound(*(get(name.lower()) for name in tags.ALL)) if tagged else _NO_TAGS
    agent, host = get("user-agent", ""), get("host", "")
    return Said(inbound, agent, host, get("content-length"), get("transfer-encoding"), tagged)


def version(message: Any) -> str:
    """What a message was spoken in, as `HTTP/1.1`."""
    octets: bytes = message.data.http_version
    return octets.decode("latin-1")


def has_content(http: str, words: Said) -> bool:
    """Whether a request has, or may have, content."""
    if words.coding is not None:
        return True
    if words.length is not None:
        return words.length.strip() != "0"
    return http in _LATER


def is_framed_well(words: Said) -> bool:
    """Whether mitmproxy can tell a request's end: else it is to refuse it, before the callee sees any of it."""
    if words.coding is not None:
        return words.length is None and words.coding.lower() == "chunked"
    return words.length is None or _LENGTH.fullmatch(words.length) is not None


def answer_content(method: str, status: int, words: Said) -> tuple[bool, int | None]:
    """Whether a response has, or may have, content (RFC 9110, 6.4.1), and how long it says that it is."""
    if method == "HEAD" or 100 <= status < 200 or status in (204, 304):
        return False, None
    length = words.length if words.coding is None else None
    size = int(length) if length is not None and length.isascii() and length.isdecimal() and len(length) < 20 else None
    return size != 0, size


def url(flow: Any, words: Said) -> str:
    """The URL that is asked for at the callee's address; by its `Host` where the proxy was told no name."""
    data = flow.request.data
    scheme = data.scheme.decode("latin-1") or "http"
    host, port = str(data.host), int(data.port or 0)
    callee = flow.server_conn.address if mode(flow) == "reverse" and not host else None
    if callee:  # a request that mitmproxy refuses is not addressed yet
        host, port = str(callee[0]), int(callee[1])
        scheme = "https" if flow.server_conn.tls else scheme
    authority = f"[{host}]" if ":" in host else host
    if port and port != _DEFAULT_PORTS.get(scheme):
        authority += f":{port}"
    if mode(flow) in _BY_HOST and words.host:
        authority = words.host
    path = data.path.decode("latin-1")
    return f"{scheme}://{authority}{path if path[:1] == '/' else '/' + path}"


def mode(flow: Any) -> str:
    """How the client came to the proxy: `regular`, `reverse`, `upstream`, `transparent` …"""
    return str(getattr(getattr(flow.client_conn, "proxy_mode", None), "type_name", ""))


def is_led(flow: Any) -> bool:
    """Whether a listener leads the call to one callee: in reverse mode, or meant in a forward proxy beside it."""
    return mode(flow) == "reverse" or LED_BY in flow.metadata


def port(flow: Any) -> int | None:
    """The port of the listener that the client came in by, or meant."""
    led_by = flow.metadata.get(LED_BY)
    if led_by is not None:
        return int(led_by)
    name = flow.client_conn.sockname
    return int(name[1]) if name and len(name) > 1 else None


def tag(message: Any, http: str, pairs: Headers, words: Said, ours: Headers) -> Headers:
    """Give a message these tags and no others, and what it then says; one that has them already stays as it is."""
    if http in _LATER:
        ours = tuple((name.lower(), value) for name, value in ours)
    if words.tagged:
        found = sorted((name.lower(), value) for name, value in pairs if name.lower() in tags.LOWER)
        if found == sorted((name.lower(), value) for name, value in ours):
            return pairs
        pairs = tuple(pair for pair in pairs if pair[0].lower() not in tags.LOWER)
        message.headers.fields = tuple(_octets(pairs))
    message.headers.fields = (*message.headers.fields, *_octets(ours))
    return (*pairs, *ours)


def _octets(pairs: Headers) -> Iterator[tuple[bytes, bytes]]:
    return ((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)


def error(flow: Any) -> str:
    """What went wrong, as `KIND: what mitmproxy says`; what it quotes of a peer's octets is left out."""
    text = unquoted(str(getattr(flow.error, "msg", "") or "it broke off"))
    reset = _BY_CLIENT.search(text)
    if reset:  # mitmproxy says "client" of either side
        by = "caller" if _is_reset_by_caller(flow, reset[1]) else "callee"
        text = text.replace("by client", f"by {by}")
    elif any(words in text for words in _HUNG_UP) and not flow.client_conn.connected:
        return f"ClientDisconnected: {text}"[:2000]
    return described(text)


def _is_reset_by_caller(flow: Any, code: str) -> bool:
    if version(flow.request) not in _LATER:
        return False
    alpn = flow.server_conn.alpn or b""
    return "CANCEL" in code or not alpn.startswith((b"h2", b"h3"))


def unquoted(text: str) -> str:
    """mitmproxy's words without what they quote of a peer's octets."""
    return _QUOTED.sub("…", text)


def described(text: str, other: str = "ProxyError") -> str:
    """mitmproxy's words with the kind of error in front; `other` is what none of the known kinds is."""
    kind = next((kind for kind, pattern in _KINDS if pattern.search(text)), other)
    return f"{kind}: {text}"[:2000]


def is_by_caller(text: str) -> bool:
    """Whether it was the caller that broke it off."""
    return text.startswith("ClientDisconnected:")
