"""What a caller reads where a proxy of `requestshook proxy` could not reach the service: a 502 in plain words.

mitmproxy makes such a page of its own, with the system's error as it is, and lets no addon near it. Its maker is put in
ours instead: it is called in the same task as the addon's `error` before it, so that a variable of that task's context
tells it what the call was. Whatever it does not know is told by mitmproxy's own page.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from requestshook import addresses
from requestshook.capture import flow as flows

Page = Callable[[int, str], bytes]  # (status, what mitmproxy says) -> content

_BAD_GATEWAY = 502
_LONGEST = 500  # characters of mitmproxy's own words
_REASONS = {
    "ConnectionRefused": "nobody listens there. Is it started?",
    "Timeout": "the connection was not accepted in time.",
    "NameNotFound": "this name is not known here.",
    "TLSError": "TLS with it failed.",
    "ConnectionReset": "it broke the connection off before it had answered.",
    "ServerDisconnected": "it closed the connection before it had answered.",
    "ProtocolError": "what it said is no HTTP.",
}
_failed: ContextVar[tuple[str, str] | None] = ContextVar("requestshook_failed", default=None)


def remember(flow: Any, callee_of: Callable[[Any], str | None]) -> None:
    """A call has failed: keep what is to be said of it, in the context of this task. Never raises."""
    with suppress(Exception):
        error = flows.error(flow)
        origin = flows.url(flow, flows.said(flows.headers(flow.request)))
        origin = origin[: origin.index("/", origin.index("://") + 3)]
        name = callee_of(flow)
        where = origin if name in (None, addresses.authority(origin)) else f"{name} ({origin})"
        reason = _REASONS.get(error.partition(":")[0], "the call could not be passed on.")
        said = str(flow.error.msg)
        text = f"{where} does not answer: {reason}\n{said[:_LONGEST]}\n(requestshook proxy, which stands before it)\n"
        _failed.set((said, text))


def in_plain_words(theirs: Page) -> Page:
    """mitmproxy's maker of error pages, with ours in front of it."""

    def page(status: int, message: str) -> bytes:
        failed = _failed.get()
        if failed is None or status != _BAD_GATEWAY or failed[0] != message:
            return theirs(status, message)
        text = failed[1].replace("&", "&amp;").replace("<", "&lt;")  # the type is text/html, whatever we do
        return text.encode("utf-8", "replace")

    return page
