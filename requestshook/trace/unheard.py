"""Services that recorded nothing themselves: what a recording does not show of them."""

from __future__ import annotations

from requestshook import addresses
from requestshook.events import Request
from requestshook.trace.calls import Trace


def unheard(trace: Trace) -> list[str]:
    """The services nearby that answered callers who record here, and none of whose calls anyone else saw."""
    hooked = {(process.host, process.pid) for process in trace.processes}
    alone: dict[str, bool] = {}
    for call in trace.calls:
        view = call.views[0]
        event = view.request.event if view.request is not None else None
        is_alone = (
            len(call.views) == 1
            and view.kind == "client"
            and (view.host, view.pid) in hooked
            and call.response is not None
            and isinstance(event, Request)
            and addresses.is_near(addresses.host_of(event.url))
        )
        alone[call.callee] = alone.get(call.callee, True) and is_alone
    return [name for name, is_alone in alone.items() if is_alone]
