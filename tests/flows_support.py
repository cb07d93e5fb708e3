"""Flow files without mitmproxy: their tnetstrings, and states as older mitmproxies wrote them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from requestshook.events import Body, Event, Process, Recorded, Recording
from requestshook.formats import flows
from requestshook.formats.values import Context, Entry
from requestshook.trace import build
from requestshook.trace.calls import Trace
from tests.addon_support import mitmdump

FILES = Path(__file__).parent / "flows"
CONTEXT = Context("7" * 32, "file", 1, 65536, lambda agent: agent.partition("/")[0] or None)

State = dict[Any, Any]


def dumped(value: Any) -> bytes:
    """A value as mitmproxy's tnetstring: `;` is text, `,` octets."""
    if value is None:
        return b"0:~"
    if isinstance(value, bool):
        return _tagged(str(value).lower().encode(), b"!")
    if isinstance(value, int):
        return _tagged(b"%d" % value, b"#")
    if isinstance(value, float):
        return _tagged(repr(value).encode(), b"^")
    if isinstance(value, (str, bytes)):
        return _tagged(value.encode(), b";") if isinstance(value, str) else _tagged(value, b",")
    if isinstance(value, dict):
        return _tagged(b"".join(dumped(part) for pair in value.items() for part in pair), b"}")
    return _tagged(b"".join(map(dumped, value)), b"]")


def _tagged(octets: bytes, tag: bytes) -> bytes:
    return b"%d:%b%b" % (len(octets), octets, tag)


def states(octets: bytes) -> list[State]:
    """The states of a flow file."""
    found = []
    while octets:
        value, octets = _loaded(octets)
        found.append(value)
    return found


def _loaded(octets: bytes) -> tuple[Any, bytes]:
    size, _, rest = octets.partition(b":")
    data, tag, rest = rest[: int(size)], rest[int(size) : int(size) + 1], rest[int(size) + 1 :]
    if tag in b"]}":
        items = []
        while data:
            item, data = _loaded(data)
            items.append(item)
        return (dict(zip(items[::2], items[1::2], strict=True)) if tag == b"}" else items), rest
    plain: dict[bytes, Callable[[bytes], Any]] = {
        b",": bytes, b";": bytes.decode, b"#": int, b"^": float, b"!": b"true".__eq__, b"~": lambda _: None,
    }  # fmt: skip
    return plain[tag](data), rest


def entries(path: Path, context: Context = CONTEXT) -> list[Entry]:
    """What is in a flow file."""
    return list(flows.load(str(path), context))


def calls(found: Iterable[Entry]) -> list[Event]:
    """The events of calls."""
    return [e for entry in found for e in entry.events if not isinstance(e, (Recording, Recorded, Process))]


def traced(events: Iterable[Event]) -> tuple[Trace, Callable[[int], Body | None]]:
    """The trace of some events, and what loads their bodies."""
    kept = list(events)
    return build(enumerate(kept, 1)), lambda ref: getattr(kept[ref - 1], "body", None)


def exported(events: Iterable[Event], path: Path) -> Trace:
    """Write the trace of some events to a flow file."""
    trace, load = traced(events)
    with path.open("wb") as file:
        flows.dump(trace, load, file)
    return trace


def listed(path: Path, home: Path, *options: str) -> str:
    """What mitmdump itself says of a flow file."""
    command = [mitmdump(), "-n", "-r", str(path), "--set", f"confdir={home / 'confdir'}", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# From one version of a state to the one before it, the reverse of mitmproxy's own conversions


def _to_8(state: State) -> None:
    state["request"].pop("authority")
    state["request"].update(first_line_format="relative", is_replay=False)
    state.pop("is_replay")
    if state["response"]:
        state["response"]["is_replay"] = False


def _to_7(state: State) -> None:
    for message in (state["request"], state["response"]):
        if message:
            message.pop("trailers")


def _to_6(state: State) -> None:
    state["client_conn"].pop("tls_extensions")


def _to_5(state: State) -> None:
    for conn in (state["client_conn"], state["server_conn"]):
        conn["ssl_established"] = conn.pop("tls_established")
        conn["timestamp_ssl_setup"] = conn.pop("timestamp_tls_setup")


def _to_4(state: State) -> None:
    state["client_conn"].pop("id")
    state["server_conn"].pop("id")


def _to_3(state: State) -> None:
    pass


def _to_2(state: State) -> None:
    state["client_conn"].pop("mitmcert")
    state["server_conn"].pop("tls_version")


def _to_1(state: State) -> None:
    client, server = state["client_conn"], state["server_conn"]
    for conn, names in ((client, ("address",)), (server, ("address", "source_address", "ip_address"))):
        for name in names:
            conn[name] = {"address": conn[name], "use_ipv6": False} if conn[name] else None


def _to_018(state: State) -> None:
    for name in ("sni", "alpn_proto_negotiated", "cipher_name", "tls_version"):
        state["client_conn"].pop(name)
    state["server_conn"].pop("alpn_proto_negotiated")
    state.pop("mode")
    state.pop("metadata")


def _to_016(state: State) -> None:
    state["server_conn"].pop("ip_address")
    state.pop("marked")


def _to_013(state: State) -> None:
    request, response = state["request"], state["response"]
    request["form_in"] = request["form_out"] = request.pop("first_line_format")
    for message in (request, response):
        message["httpversion"] = [int(part) for part in message.pop("http_version")[5:].split(b".")]
    response["code"] = response.pop("status_code")
    response["msg"] = response.pop("reason")
    state["server_conn"]["state"] = []
    state["server_conn"].pop("via")


def _octets(value: Any) -> Any:
    """Python 2 knew no text."""
    if isinstance(value, dict):
        return {_octets(key): _octets(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_octets(item) for item in value]
    return value.encode() if isinstance(value, str) else value


def older(state: State) -> list[State]:
    """A state of version 9 as each version before it had it, back to 0.11."""
    found: list[State] = []
    steps: list[tuple[Any, Callable[[State], None]]] = [
        (8, _to_8), (7, _to_7), (6, _to_6), (5, _to_5), (4, _to_4), ([3, 0, 0], _to_3), ([2, 0, 0], _to_2),
        ([1, 0, 0], _to_1), ([0, 19], _to_3), ([0, 18], _to_018), ([0, 16], _to_016), ([0, 15], _to_3),
        ([0, 13], _to_013), ([0, 12], _to_3), ([0, 11], _to_3),
    ]  # fmt: skip
    for version, step in steps:
        step(state)
        state["version"] = version
        old = _octets(state) if isinstance(version, list) and version < [0, 18] else state
        found.extend(states(dumped(old)))
    return found
