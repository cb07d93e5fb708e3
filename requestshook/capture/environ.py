"""What a WSGI environ (PEP 3333) says of the request that came in: pure functions, nothing of it is changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

from requestshook import tags
from requestshook.events import Headers

_CONTENT = {"CONTENT_TYPE": "Content-Type", "CONTENT_LENGTH": "Content-Length"}
_PATH_SAFE = "/;:@&=+$,!*'()~"  # RFC 3986, 3.3: what a path segment may hold as it is
_TAGS = tuple("HTTP_" + name.upper().replace("-", "_") for name in tags.ALL)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_names: dict[str, str] = {}


def url(environ: dict[str, Any]) -> str:
    """The URL that was asked for: as sent where the server tells, else put together as PEP 3333 has it."""
    raw = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    if "://" in raw.partition("?")[0]:
        return str(raw)
    if not raw.startswith("/"):
        raw = _target(environ)
    return f"{environ.get('wsgi.url_scheme', 'http')}://{_host(environ)}{raw}"


def _target(environ: dict[str, Any]) -> str:
    path = environ.get("RAW_PATH_INFO") or _quoted(environ.get("SCRIPT_NAME", "")) + _quoted(
        environ.get("PATH_INFO", "")
    )
    query = environ.get("QUERY_STRING")
    return f"{path or '/'}?{query}" if query else path or "/"


def _quoted(path: str) -> str:
    return quote_from_bytes(path.encode("latin-1", "replace"), safe=_PATH_SAFE)


def _host(environ: dict[str, Any]) -> str:
    host = environ.get("HTTP_HOST")
    if host:
        return str(host)
    name, port = environ.get("SERVER_NAME", ""), environ.get("SERVER_PORT", "")
    if ":" in name:
        name = f"[{name}]"
    return name if port in ("", _DEFAULT_PORTS.get(environ.get("wsgi.url_scheme", ""))) else f"{name}:{port}"


def headers(environ: dict[str, Any]) -> Headers:
    """The request's headers: as sent where the server keeps them (eventlet), else from the `HTTP_` variables."""
    raw = environ.get("headers_raw")
    if isinstance(raw, tuple):
        return tuple((str(name), str(value)) for name, value in raw)
    found: list[tuple[str, str]] = []
    last: list[tuple[str, str]] = []  # wsgiref sets these before it looks at the headers
    for key, value in environ.items():
        if key[:5] == "HTTP_":
            found.append((_name(key), str(value)))
        elif key in _CONTENT and not _is_invented(key, value, environ):
            (found or last).append((_CONTENT[key], str(value)))
    return (*found, *last)


def without_forged(headers: Headers, environ: dict[str, Any], inbound: tags.Inbound, id: str, caller: str) -> Headers:
    """The headers with what took the place of tags that are of no valid form: such a value is never written."""
    forged = [key for key, value in zip(_TAGS, inbound) if value is None and key in environ]
    if not forged:
        return headers
    instead = {tags.REQUEST_ID.lower(): id, tags.REQUEST_FROM.lower(): caller}
    names = {key[5:].lower().replace("_", "-") for key in forged}
    told = ((name, instead.get(name.lower()) if name.lower() in names else value) for name, value in headers)
    return tuple((name, value) for name, value in told if value is not None)


def _name(key: str) -> str:
    name = _names.get(key)
    if name is None:
        name = "-".join(part.capitalize() for part in key[5:].split("_"))
        if len(_names) < 1000:
            _names[key] = name
    return name


def _is_invented(key: str, value: str, environ: dict[str, Any]) -> bool:
    """Whether no such header came: PEP 3333 lets a server say an empty one then, and wsgiref says `text/plain`.

    wsgiref and gunicorn have an empty Content-Type only where one was sent, as swift's client does.
    """
    server = str(environ.get("SERVER_SOFTWARE", ""))
    is_type = key == "CONTENT_TYPE"
    if not value:
        return not (is_type and server.startswith(("WSGIServer", "gunicorn")))
    return is_type and value == "text/plain" and not has_content(environ) and server.startswith("WSGIServer")


def content_length(environ: dict[str, Any]) -> int | None:
    """How long the request says that its content is; None where it does not say."""
    if environ.get("HTTP_TRANSFER_ENCODING"):  # RFC 9112, 6.3: it overrides Content-Length
        return None
    length = environ.get("CONTENT_LENGTH")
    return int(length) if isinstance(length, str) and length.isdecimal() else None


def has_content(environ: dict[str, Any]) -> bool:
    """Whether the request has, or may have, content."""
    length = content_length(environ)
    if length is not None:
        return length > 0
    if environ.get("HTTP_TRANSFER_ENCODING"):
        return True
    return bool(environ.get("wsgi.input_terminated")) and str(environ.get("SERVER_PROTOCOL")).startswith("HTTP/2")


def inbound(environ: dict[str, Any]) -> tags.Inbound:
    """The request's tags, each checked."""
    id, caller, parent, trace = _TAGS
    get = environ.get
    return tags.inbound(get(id), get(caller), get(parent), get(trace))
