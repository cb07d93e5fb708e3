"""What a page shows of a call that several views saw: the innermost, as far as a server left it as it was sent.

A WSGI server joins repeated headers, changes their case and order, decodes the path and invents a content type:
where the values agree, the next view outward says how it was.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from requestshook import addresses
from requestshook.events import COMPLETE, Headers, Request
from requestshook.trace import fields
from requestshook.trace.calls import Message
from requestshook.trace.drafts import Draft, Sight


class Shown(NamedTuple):
    """What stands on the page."""

    method: str
    target: str
    request: Message
    response: Message | None


def show(draft: Draft) -> Shown:
    """The messages, the method and the target that the page shows."""
    seen = [sight for sight in draft.path if sight.request is not None] or [draft.outermost]
    inner = seen[-1]
    message, event = inner.message("request"), inner.request
    assert message is not None
    assert event is not None
    if inner.origin.view == "server":
        event = as_sent(event, seen[-2].request if len(seen) > 1 else None)
        message = replace(message, event=event._replace(body=message.event.body))
    path, query = addresses.split_target(event.url)
    target = f"{path}?{query}" if query else path
    return Shown(event.method, target, _with_fullest_body(message, draft.path, "request"), _response(draft))


def _response(draft: Draft) -> Message | None:
    """The innermost view's response of those that have the status which whoever saw the call end has."""
    if draft.response is None:
        return None
    status = draft.response.status  # another one further in is not what the caller got
    path = [sight for sight in draft.path if sight.response is not None and sight.response.status == status]
    message = path[-1].message("response")
    assert message is not None
    return _with_fullest_body(message, path, "response")


def _with_fullest_body(message: Message, path: list[Sight], of: str) -> Message:
    """The message with the body of the view that kept most of it, the innermost of equals."""
    found = [seen for seen in (sight.message(of) for sight in reversed(path)) if seen is not None]
    fullest = max(found, key=_fullness, default=message)
    if _fullness(fullest) <= _fullness(message):
        return message
    return replace(message, body=fullest.body, ref=fullest.ref, end=fullest.end)


def _fullness(message: Message) -> tuple[bool, bool, bool]:
    body = message.body
    if body is None:
        return (False, False, False)
    return (message.ref is not None or body.size == 0, message.end == COMPLETE, not body.cut)


def as_sent(server: Request, outer: Request | None) -> Request:
    """A server view's request with case, order, repeats and spelling of the next view outward, where values agree."""
    if outer is None:
        return server._replace(headers=_without_invented(server.headers))
    return server._replace(
        headers=_headers_as_sent(server.headers, outer.headers), url=_url_as_sent(server.url, outer.url)
    )


def _url_as_sent(server: str, outer: str) -> str:
    """The server's address with the outer target, where they differ in spelling only."""
    path, query = addresses.split_target(server)
    outer_path, outer_query = addresses.split_target(outer)
    same = _decoded(path) == _decoded(outer_path)  # a server decodes `%2F` as well
    if (path, query) == (outer_path, outer_query) or not same or query != outer_query:
        return server
    start = server.find("/", server.find("://") + 3) if "://" in server else 0
    base = server[:start] if start > 0 else ""
    return f"{base}{outer_path}?{outer_query}" if outer_query else base + outer_path


def _decoded(path: str) -> bytes:
    return unquote_to_bytes(path.encode("utf-8", "surrogatepass"))


def _headers_as_sent(server: Headers, outer: Headers) -> Headers:
    arrived: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, value in server:
        arrived[fields.key(name)].append((name, value))
    sent: dict[str, list[str]] = defaultdict(list)
    for name, value in outer:
        sent[fields.key(name)].append(value)
    agree = {key for key in sent if key in arrived and fields.agree(sent[key], [value for _, value in arrived[key]])}
    shown: list[tuple[str, str]] = []
    for name, value in outer:
        key = fields.key(name)
        if key in agree:
            shown.append((name, value))
        elif key in arrived:  # another value came in than went out: what came in, in the place of what went out
            shown += [(name, changed) for _, changed in arrived.pop(key)]
    return tuple(shown) + tuple(
        (name, value) for name, value in server if fields.key(name) not in sent and not _is_invented(name, value)
    )


def _without_invented(headers: Headers) -> Headers:
    """Nobody saw what was sent: left out is only what stands in for a content that is not there."""
    if any(
        fields.key(name) == "transfer-encoding" or (fields.key(name) == "content-length" and value)
        for name, value in headers
    ):
        return headers
    return tuple((name, value) for name, value in headers if not _is_invented(name, value))


def _is_invented(name: str, value: str) -> bool:
    key = fields.key(name)
    return (key == "content-type" and value in ("text/plain", "")) or (key == "content-length" and value in ("", "0"))
