"""What a URL says about who answers there: pure functions over text."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})")
_PLAIN_HOST = re.compile(r"https?://([a-z0-9.-]+)(?::[0-9]*)?(?=[/?#]|\Z)")  # what most URLs begin with
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PLAIN_PATH = re.compile(r'[!"$&->@-~]*')
_SEGMENT_SAFE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in "/%?#")
_QUERY_SAFE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in "%#&=+*{@?")


def host_of(url: str) -> str:
    """The host of a URL in lower case, without port and brackets; empty where there is none."""
    plain = _PLAIN_HOST.match(url)
    if plain is not None and url.isascii() and url.isprintable():
        return plain[1]
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def authority(url: str) -> str:
    """`host:port` of a URL with its scheme's default port written out; the host alone for other schemes."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "unknown"
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{host}:{port}" if port else host


def host_header(url: str) -> str:
    """The `Host` that http.client would send for the URL: the port only where it is not the default."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    if port is not None:
        host = host.rpartition(":")[0]
        if port != _DEFAULT_PORTS.get(parts.scheme):
            host = f"{host}:{port}"
    return host.rstrip(":")


def is_near(host: str) -> bool:
    """Whether a host is loopback, a private address or a name without a dot: no stranger."""
    host = host.lower().strip("[]").partition("%")[0]
    numbers = _IPV4.fullmatch(host)
    if numbers:
        a, b = int(numbers[1]), int(numbers[2])
        return a in (10, 127) or (a == 172 and 16 <= b <= 31) or (a == 192 and b == 168) or (a == 169 and b == 254)
    if ":" in host:
        return host == "::1" or host[:2] in ("fc", "fd") or host[:3] in ("fe8", "fe9", "fea", "feb")
    return "." not in host and bool(host)


def canonical_path(path: str) -> str:
    """A path with one spelling: `/` divides, then each segment is decoded and encoded again.

    `%2F` stays, `%41` becomes `A`, a character beyond ASCII becomes its UTF-8 escapes.
    """
    if _PLAIN_PATH.fullmatch(path):
        return path
    return "/".join(canonical_segment(segment) for segment in path.split("/"))


def canonical_segment(segment: str) -> str:
    """One segment with one spelling."""
    octets = unquote_to_bytes(segment.encode("utf-8", "surrogatepass"))
    return quote_from_bytes(octets, safe=_SEGMENT_SAFE)


def canonical_pairs(query: str) -> list[str]:
    """The pairs of a query, each with one spelling: `key=value`, a `+` is a space, an absent value is empty."""
    return [canonical_pair(*pair.partition("=")[::2]) for pair in query.split("&") if pair]


def canonical_pair(key: str, value: str) -> str:
    """One pair of a query with one spelling."""
    return f"{canonical_part(key)}={canonical_part(value)}"


def canonical_part(text: str) -> str:
    """A key or a value of a query with one spelling."""
    octets = unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogatepass"))
    return quote_from_bytes(octets, safe=_QUERY_SAFE)


def split_target(url: str) -> tuple[str, str]:
    """The path (at least `/`) and the query (without `?`, maybe empty) of a URL or a target."""
    rest = url.partition("#")[0]
    scheme, found, after = rest.partition("://")
    if found and scheme.isalnum():
        slash = min((i for i in (after.find("/"), after.find("?")) if i >= 0), default=len(after))
        rest = after[slash:]
    path, _, query = rest.partition("?")
    return path or "/", query


def normal_base(url: str) -> str:
    """A base URL as `services` compares it: scheme and host in lower case, the port written out, no slash last."""
    parts = urlsplit(url)
    return f"{parts.scheme.lower()}://{authority(url)}{canonical_path(parts.path).rstrip('/')}"


def callee_of(url: str, services: Collection[tuple[str, str]]) -> str | None:
    """The name of the service at the longest matching base of (name, `normal_base`) pairs; None where none is."""
    if not services:
        return None
    address = normal_base(url)
    best: tuple[int, str] | None = None
    for name, base in services:
        if (address == base or address.startswith(base + "/")) and (best is None or len(base) > best[0]):
            best = (len(base), name)
    return best[1] if best else None
