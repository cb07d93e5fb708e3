"""What headers of other tools tell about which calls belong together, where ours are missing.

W3C Trace Context, 3.2: every service of a flow passes `traceparent`'s trace id on, with span ids of its own.
OpenStack: a service answers with its `X-Openstack-Request-Id` and sends it with the calls that it makes meanwhile,
or passes on the one that it was sent.
"""

from __future__ import annotations

import re

from requestshook.trace.drafts import Draft

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
_REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Marks = frozenset[str]


def sent(draft: Draft) -> Marks:
    """The marks that a call's request carries, in whichever view."""
    return frozenset(mark for sight in draft.sights if sight.request for mark in _marks(sight.request.headers))


def known(draft: Draft) -> Marks:
    """The marks by which the service that answered knows the call: those sent, and the id that it gave in return."""
    given = frozenset(mark for sight in draft.sights if sight.response for mark in _marks(sight.response.headers))
    return sent(draft) | frozenset(mark for mark in given if mark.startswith("req-"))


def differ(made: Marks, cause: Marks) -> bool:
    """Whether both are of a W3C trace, and of different ones."""
    one, other = ({mark for mark in marks if not mark.startswith("req-")} for marks in (made, cause))
    return bool(one and other) and not one & other


def _marks(headers: tuple[tuple[str, str], ...]) -> list[str]:
    found = []
    for name, value in headers:
        if len(name) == 11 and name.lower() == "traceparent":
            parent = _TRACEPARENT.fullmatch(value.strip())
            found += [parent[1]] if parent else []
        elif len(name) == 22 and name.lower() == "x-openstack-request-id" and _REQUEST_ID.fullmatch(value.strip()):
            found.append(value.strip())
    return found
