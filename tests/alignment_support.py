"""A flow of 55 calls among eight services, most of them alike, and what can change before it is recorded again."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from requestshook.events import Body, Origin, Request
from requestshook.trace.calls import Call, Message

# A server is created: sign-in, look-ups, the request, scheduling, building, polling. `<x>` is an id.
FLOW = """
openstack -> keystone GET /identity/
openstack -> keystone POST /identity/v3/auth/tokens
openstack -> glance-api GET /v2/images/cirros
glance-api -> keystone GET /identity/v3/auth/tokens
openstack -> glance-api GET /v2/images?name=cirros
openstack -> nova-api GET /v2.1/flavors/m1.tiny
nova-api -> keystone GET /identity/v3/auth/tokens
openstack -> nova-api GET /v2.1/flavors?is_public=None
openstack -> neutron-server GET /v2.0/networks/<network>
neutron-server -> keystone GET /identity/v3/auth/tokens
openstack -> nova-api POST /v2.1/servers
nova-api -> keystone GET /identity/v3/auth/tokens
nova-api -> glance-api GET /v2/images/<image>
glance-api -> keystone GET /identity/v3/auth/tokens
nova-api -> neutron-server GET /v2.0/networks/<network>
neutron-server -> keystone GET /identity/v3/auth/tokens
nova-api -> neutron-server GET /v2.0/quotas/<project>
nova-api -> neutron-server GET /v2.0/networks/<network>
openstack -> nova-api GET /v2.1/servers/<server>
nova-scheduler -> keystone POST /identity/v3/auth/tokens
nova-scheduler -> placement-api GET /allocation_candidates?resources=VCPU:1
placement-api -> keystone GET /identity/v3/auth/tokens
nova-scheduler -> placement-api GET /allocations/<server>
nova-scheduler -> placement-api PUT /allocations/<server>
nova-scheduler -> placement-api PUT /allocations/<server>
openstack -> nova-api GET /v2.1/servers/<server>
nova-compute -> placement-api GET /resource_providers/<host>/inventories
placement-api -> keystone GET /identity/v3/auth/tokens
nova-compute -> placement-api GET /resource_providers/<host>/inventories
nova-compute -> keystone POST /identity/v3/auth/tokens
nova-compute -> keystone POST /identity/v3/auth/tokens
neutron-server -> keystone GET /identity/v3/auth/tokens
nova-compute -> neutron-server GET /v2.0/networks?id=<network>
nova-compute -> neutron-server POST /v2.0/ports
neutron-server -> nova-api POST /v2.1/os-server-external-events
nova-api -> keystone GET /identity/v3/auth/tokens
nova-compute -> neutron-server GET /v2.0/networks?id=<network>
nova-compute -> glance-api GET /v2/images/<image>
glance-api -> keystone GET /identity/v3/auth/tokens
nova-compute -> glance-api GET /v2/images/<image>/file
openstack -> nova-api GET /v2.1/servers/<server>
nova-compute -> neutron-server PUT /v2.0/ports/<port>
neutron-server -> nova-api POST /v2.1/os-server-external-events
nova-compute -> placement-api PUT /resource_providers/<host>/inventories
openstack -> nova-api GET /v2.1/servers/<server>
nova-api -> keystone GET /identity/v3/auth/tokens
nova-api -> neutron-server GET /v2.0/ports?device_id=<server>
openstack -> nova-api GET /v2.1/servers/<server>
nova-api -> neutron-server GET /v2.0/ports?device_id=<server>
openstack -> nova-api GET /v2.1/servers/<server>
openstack -> nova-api GET /v2.1/servers/<server>
nova-api -> neutron-server GET /v2.0/ports?device_id=<server>
openstack -> glance-api GET /v2/images/<image>
openstack -> nova-api GET /v2.1/flavors/<flavor>
openstack -> nova-api GET /v2.1/servers/<server>/os-volume_attachments
""".strip().splitlines()
NEW = """
nova-api -> keystone GET /identity/v3/users/<user>
openstack -> nova-api GET /v2.1/limits
nova-compute -> cinder-api GET /v3/volumes/<volume>
nova-scheduler -> placement-api GET /usages
""".strip().splitlines()


@dataclass(frozen=True)
class Made:
    """A call of a recording, and which call of the first recording it is."""

    line: str
    origin: int | None


def call(line: str, number: int = 0) -> Call:
    """`caller -> callee METHOD target` as the call of a trace, its request step `number * 2 + 1`."""
    caller, _, callee, method, target = line.split(" ", 4)
    origin = Origin("client", f"{number:032x}", "5f" * 16, "node1", 1, number)
    request = Request(0.0, origin, None, caller, callee, method, target, "HTTP/1.1", (), Body("", 0))
    message = Message(request, None, None)
    return Call(
        origin.id, None, False, 0, caller, callee, method, target, (), message, None, None, (),
        0.0, 0.0, 2 * number + 1, 2 * number + 2, None,
    )  # fmt: skip


def record(made: list[Made], chance: random.Random) -> list[Call]:
    """A recording, with ids of its own."""
    ids: dict[str, str] = {}
    calls = []
    for number, one in enumerate(made):
        for name in re.findall(r"<\w+>", one.line):
            ids.setdefault(name, _id(chance, name))
        calls.append(call(re.sub(r"<\w+>", lambda found: ids[found[0]], one.line), number))
    return calls


def first() -> list[Made]:
    """The flow as it was when its author wrote."""
    return [Made(line, number) for number, line in enumerate(FLOW)]


CHANGES = ("insert", "drop", "repeat", "reorder", "rename")


def change(made: list[Made], kind: str, chance: random.Random) -> list[Made]:
    """The flow after one change."""
    at = chance.randrange(len(made))
    before, one, after = made[:at], made[at], made[at + 1 :]
    if kind == "insert":
        return [*before, Made(chance.choice(NEW if chance.random() < 0.5 else FLOW), None), one, *after]
    if kind == "drop":
        return before + after
    if kind == "repeat":
        return [*before, one, replace(one, origin=None), *after]
    if kind == "rename":
        return [*before, replace(one, line=_renamed(one.line, chance)), *after]
    rest = before + after
    step = chance.randint(1, 3) if chance.random() < 0.75 else chance.randint(4, 20)
    to = max(0, min(len(rest), at + chance.choice([-step, step])))
    return [*rest[:to], one, *rest[to:]]


def _renamed(line: str, chance: random.Random) -> str:
    head, slash, rest = line.partition(" /")
    return f"{head}{slash}v{chance.randint(4, 9)}/{rest}"


def _id(chance: random.Random, name: str) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    if name in ("<project>", "<user>"):
        return digits
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
