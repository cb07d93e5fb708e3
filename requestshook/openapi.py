"""What an OpenAPI 3 description says about calls: which operation each of them is, its title and its link.

https://spec.openapis.org/oas/v3.1.0 has the words: paths, operations, servers, tags. Where a concrete and a templated
path both match, the concrete one is meant (4.8.8.2 there).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent

from requestshook import addresses
from requestshook.errors import RequestshookError
from requestshook.selectors import wildcards

LARGEST = 32 * 1024**2  # octets of a description
DEEPEST = 200  # collections in one another
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
FIELDS = ("operationId", "tag", "method", "path")  # what a link may be made of
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C takes a tenth of the time
_TEMPLATE = re.compile(r"\{[^{}/]+\}")
_FIELD = re.compile(r"\{(\w+)\}")


class Operation(NamedTuple):
    """One operation, as a page shows it."""

    method: str
    path: str  # as the description spells it
    title: str
    url: str  # empty where neither the description nor the configuration gives one


class _Shape(NamedTuple):
    """A path to match: `weight` sorts concrete segments before templated ones, the first that differs deciding."""

    weight: tuple[bool, ...]
    pattern: re.Pattern[str]
    operation: Operation


class Description:
    """The operations of one description, ready to be found by a call's method and target."""

    def __init__(self, document: Mapping[str, Any], url: str = "", bases: Iterable[str] = ()) -> None:
        """`url` is a link with `{operationId}` and the like; `bases` are paths that callers put before the others."""
        prefixes = {"", *(urlsplit(base).path.rstrip("/") for base in bases)}
        servers = {"", *_server_paths(document)}
        self._prefixes = sorted({base + server for base in prefixes for server in servers}, key=len, reverse=True)
        self._shapes: dict[tuple[str, int], list[_Shape]] = defaultdict(list)
        for operation in _operations(document, url):
            shape = _shape(operation)
            self._shapes[operation.method, operation.path.count("/")].append(shape)
        for shapes in self._shapes.values():
            shapes.sort(key=lambda shape: shape.weight)

    def find(self, method: str, target: str) -> Operation | None:
        """The operation that a call of this target or URL is; None where it is none."""
        path = addresses.canonical_path(addresses.split_target(target)[0])
        for prefix in self._prefixes:
            if not path.startswith(prefix):
                continue
            rest = path[len(prefix) :] or "/"
            for shape in self._shapes.get((method, rest.count("/")), ()):
                if shape.pattern.fullmatch(rest):
                    return shape.operation
        return None


def load(path: str) -> dict[str, Any]:
    """The description in a file of JSON or YAML; raises RequestshookError with what is wrong with it."""
    try:
        with open(path, "rb") as file:
            octets = file.read(LARGEST + 1)
    except OSError as error:
        raise RequestshookError(f"{path}: cannot be read ({error.strerror})") from None
    if len(octets) > LARGEST:
        raise RequestshookError(f"{path}: it is larger than {LARGEST // 1024**2} MiB")
    document = _parsed(octets, path)
    version = document.get("openapi") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not str(version or "").startswith("3."):
        found = f"of OpenAPI {version}" if version else "none"
        if isinstance(document, dict) and "swagger" in document:
            found = f"of Swagger {document['swagger']}"
        raise RequestshookError(f"{path}: expected an OpenAPI 3 description, but it is {found}"[:300])
    return document


def _parsed(octets: bytes, path: str) -> Any:
    try:
        if octets.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{":
            return json.loads(octets.decode("utf-8-sig"))
        _check_depth(octets)
        return yaml.load(octets, _LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise RequestshookError(f"{path}{where}: YAML cannot read this: {error.problem}") from None
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise RequestshookError(f"{path}: neither JSON nor YAML ({str(error)[:200]})") from None


def _check_depth(octets: bytes) -> None:
    """Refuse what is nested so deeply that the loader, which calls itself, would take the process down."""
    depth = 0
    for event in yaml.parse(octets, _LOADER):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")


def _server_paths(document: Mapping[str, Any]) -> Iterator[str]:
    """The paths of the servers' addresses, with their variables' defaults."""
    for server in _list(document.get("servers")):
        values = {
            name: str(_dict(item).get("default", "")) for name, item in _dict(_dict(server).get("variables")).items()
        }
        address = _filled(str(_dict(server).get("url", "")), values)
        try:
            yield addresses.canonical_path(urlsplit(address).path).rstrip("/")
        except ValueError:
            continue


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda found: values.get(found[1], ""), text)


def _operations(document: Mapping[str, Any], url: str) -> Iterator[Operation]:
    for path, item in _dict(document.get("paths")).items():
        if not isinstance(path, str) or not path.startswith("/"):
            continue
        item = _resolved(document, item)
        for method in METHODS:
            operation = item.get(method)
            if isinstance(operation, dict):
                yield _operation(path, method.upper(), operation, url)


def _operation(path: str, method: str, operation: Mapping[str, Any], url: str) -> Operation:
    id = str(operation.get("operationId") or "")
    tag = str(next(iter(_list(operation.get("tags"))), ""))
    title = str(operation.get("summary") or id or f"{method} {path}").strip().split("\n")[0]
    fields = {"operationId": id, "tag": tag, "method": method.lower(), "path": path}
    link = _filled(url, {name: quote(value, safe="/~") for name, value in fields.items()})
    if not url or (not id and "{operationId}" in url):
        link = _link(_dict(operation.get("externalDocs")).get("url"))
    return Operation(method, path, title, link)


def _link(url: object) -> str:
    """An address that a page may lead to; whoever wrote the description is not the author of the page."""
    return url if isinstance(url, str) and url.lower().startswith(("http://", "https://")) else ""


def _shape(operation: Operation) -> _Shape:
    """Matched as selectors are, in a time that grows with the length of a target and never explodes."""
    segments = operation.path.split("/")
    pattern = wildcards.path_pattern("/".join(map(_spelled, segments)))
    return _Shape(tuple(bool(_TEMPLATE.search(segment)) for segment in segments), re.compile(pattern), operation)


def _spelled(segment: str) -> str:
    """A segment of a path template as a selector has it."""
    pieces = (addresses.canonical_segment(piece) for piece in _TEMPLATE.split(segment))
    return "{any}".join(re.sub(r"[*{}]", lambda found: f"%{ord(found[0]):02X}", piece) for piece in pieces)


def _resolved(document: Mapping[str, Any], item: object) -> dict[str, Any]:
    """A path item, or the one in the same document that it refers to."""
    for _ in range(8):
        reference = _dict(item).get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        item = document
        for part in reference[2:].split("/"):
            item = _dict(item).get(part.replace("~1", "/").replace("~0", "~"))
    return _dict(item)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
