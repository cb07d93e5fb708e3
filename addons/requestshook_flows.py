"""Reads and writes mitmproxy flow files inside mitmdump, for `requestshook import` and `export`. See docs/formats.md.

    mitmdump -n -q -s requestshook_flows.py --set requestshook_flows=read  --set requestshook_flows_to=FD < FILE
    mitmdump -n -q -s requestshook_flows.py --set requestshook_flows=write --set requestshook_flows_to=FD < LINES

Standard input is read to its end, what comes of it goes to the file descriptor FD, then mitmdump ends. Nothing is
written anywhere else: event lines are not redacted yet. `requestshook.formats.flows` is at the other end.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any, BinaryIO

from mitmproxy import connection, ctx, flow, http, version
from mitmproxy.io import FlowWriter, compat, tnetstring

_HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, _HERE)  # mitmproxy puts the folder there that it was told, which may hold a link to this file
try:
    from _requestshook_loading import demand_mitmproxy, load_here
finally:
    sys.path.remove(_HERE)

demand_mitmproxy(version.VERSION)
load_here("requestshook.capture.flowfile")

from requestshook.capture import flowfile  # noqa: E402 - it is there now
from requestshook.events import Failure, Request, Response, from_line, to_line  # noqa: E402

_READ, _WRITE = "read", "write"
_PIECE = 1 << 20
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL)
_PORTS = {"http": 80, "https": 443}


class RequestshookFlows:
    """One file, as soon as mitmdump runs."""

    def load(self, loader: Any) -> None:
        """Make the options known."""
        loader.add_option(
            "requestshook_flows", str, "",
            "Read a flow file from standard input, or write one of lines that come there.",
            choices=["", _READ, _WRITE],
        )  # fmt: skip
        loader.add_option("requestshook_flows_to", int, 1, "The file descriptor that what comes of it is written to.")
        loader.add_option("requestshook_flows_limit", int, 65536, "How many octets of a body are kept.")

    def running(self) -> None:
        """Do what is asked for, and end."""
        options = ctx.options
        with open(0, "rb", closefd=False) as source, open(options.requestshook_flows_to, "wb") as target:
            try:
                if options.requestshook_flows == _READ:
                    Reading(source, target, options.requestshook_flows_limit).run()
                elif options.requestshook_flows == _WRITE:
                    write(source, target)
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), target.fileno())  # nobody listens any more
        ctx.master.shutdown()


class Broken(Exception):
    """The file is broken where one flow ends and the next begins: nothing that follows can be found."""


class Reading:
    """A flow file that is read, one flow at a time. Each gives a line that says how many event lines follow it."""

    def __init__(self, source: BinaryIO, target: BinaryIO, limit: int) -> None:
        self.source, self.target, self.limit = source, target, limit
        self.done = 0
        self.number = 0
        self.others: Counter[str] = Counter()
        self.first_other = 0
        about = os.fstat(source.fileno())
        self.size = about.st_size if stat.S_ISREG(about.st_mode) else None

    def run(self) -> None:
        """All flows that can be read, what is wrong with the others, and that it is the end."""
        try:
            for frame in self._frames():
                self.number += 1
                self._flow(frame)
                del frame
        except Broken as error:
            self.number += 1
            self._say([], f"{error}: what follows cannot be read")
        if self.others:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.others.items()))
            self._say([], f"flows without HTTP are left out: {kinds}", self.first_other)
        self.target.write(b'{"end":true}\n')

    def _frames(self) -> Iterator[bytearray]:
        """The octets of each flow: a tnetstring."""
        while head := self._head():
            frame = bytearray(head)
            missing = int(head[:-1]) + 1
            if self.size is not None and missing > self.size - self.done - len(head):
                raise Broken("the file ends in the middle of it")
            while missing:
                piece = self.source.read(min(missing, _PIECE))
                if not piece:
                    raise Broken("the file ends in the middle of it")
                frame += piece
                missing -= len(piece)
            self.done += len(frame)
            if frame[-1:] != b"}":
                raise Broken("there is something else than a flow")
            yield frame

    def _head(self) -> bytes:
        head = b""
        while not head.endswith(b":"):
            octet = self.source.read(1)
            if not octet and not head:
                return b""
            if not (octet.isdigit() or (octet == b":" and head)) or len(head) > 12:
                raise Broken("there is something else than a flow" if octet else "the file ends in the middle of it")
            head += octet
        return head

    def _flow(self, frame: bytearray) -> None:
        try:
            found = _flow_of(tnetstring.loads(frame))
            if found.metadata.get("duplicated"):  # the messages of a WebSocket whose handshake was a flow before it
                self._say([], "its WebSocket messages are left out")
            elif isinstance(found, http.HTTPFlow):
                said = flowfile.read(found, self.number, self.limit)
                if said.recording:
                    self._say(said.recording, None, 0)
                self._say(said.events, "; ".join(said.problems) or None)
            else:
                self.first_other = self.first_other or self.number
                self.others[found.type.upper()] += 1
        except BrokenPipeError:
            raise
        except Exception as error:
            self._say([], _described(error))

    def _say(self, events: list[Any], problem: str | None, number: int | None = None) -> None:
        lines = [to_line(event) for event in events]
        number = self.number if number is None else number
        head = {"entry": number, "lines": len(lines), "problem": problem, "done": self.done}
        self.target.write(json.dumps(head).encode() + b"\n" + b"".join(lines))
        self.target.flush()


class Newer(Exception):
    """A flow of a version that this mitmproxy does not know."""


def _flow_of(state: Any) -> flow.Flow:
    given = state.get(b"version", state.get("version"))
    if isinstance(given, int) and given > version.FLOW_FORMAT_VERSION:
        raise Newer(
            f"it is of flow format {given}, and mitmproxy {version.VERSION} reads up to {version.FLOW_FORMAT_VERSION}"
        )
    state = compat.migrate_flow(state)
    for side in ("client_conn", "server_conn"):
        if state[side].get("tls", False) is None:  # mitmproxy 6 wrote that, and 10 and later do not read it
            state[side]["tls"] = False
    found = flow.Flow.from_state(state)
    end = found.client_conn.timestamp_end
    if found.error is not None and (end is None or end > found.error.timestamp):
        found.client_conn.state = (
            connection.ConnectionState.OPEN
        )  # as it was then: who went away first tells who broke it
    return found


def _described(error: Exception) -> str:
    """What is wrong with a flow; never in the words of the error, which may hold what is secret."""
    return str(error) if isinstance(error, Newer) else f"it is broken ({type(error).__name__})"


def write(source: BinaryIO, target: BinaryIO) -> None:
    """Write a flow for each line: a call, as `requestshook.formats.flows` puts it."""
    writer = FlowWriter(target)
    ids: set[str] = set()
    for line in source:
        writer.add(_http_flow(json.loads(line), ids))
        target.flush()


def _http_flow(call: dict[str, Any], ids: set[str]) -> http.HTTPFlow:
    shown = [from_line(line) for line in call["shown"]]
    asked = next(event for event in shown if isinstance(event, Request))
    address = _address(asked)
    client = connection.Client(peername=("", 0), sockname=("", 0), timestamp_start=asked.at)
    made = http.HTTPFlow(client, connection.Server(address=(address[1], address[2])))
    made.id = _id(asked.origin.id, ids)
    made.timestamp_created = asked.at
    charsets = {"request": _request(made, asked, address), "response": None}
    for event in shown:
        if isinstance(event, Response):
            charsets["response"] = _response(made, event)
        elif isinstance(event, Failure):
            made.error = flow.Error(event.error, event.at)
    made.comment, made.marked = call["comment"], call["marked"]
    flowfile.remember(made, [(line, of) for line, of in call["lines"]], call["recording"], charsets)
    return made


def _address(asked: Request) -> tuple[str, str, int, str]:
    """Scheme, host, port and target of a URL."""
    found = _URL.match(asked.url)
    scheme, authority, target = found.groups() if found else ("http", "", asked.url)
    authority = authority.rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii() or len(port) > 5:
        host, port = authority, ""
    return scheme, host.strip("[]"), int(port) if port else _PORTS.get(scheme, 80), target or "/"


def _id(call: str, ids: set[str]) -> str:
    """A flow's id, which shows the call's where no other flow has it: mitmweb keeps one flow an id."""
    id = str(uuid.UUID(call)) if re.fullmatch("[0-9a-f]{32}", call) and call not in ids else str(uuid.uuid4())
    ids.add(call)
    return id


def _request(made: http.HTTPFlow, event: Request, address: tuple[str, str, int, str]) -> str | None:
    scheme, host, port, target = address
    authority = ""
    if event.method == "CONNECT":
        scheme, authority, target = "", f"{host}:{port}", ""
    found = flowfile.content(event)
    made.request = http.Request(
        host, port, *map(flowfile.octets, (event.method, scheme, authority, target, event.http or "HTTP/1.1")),
        _headers(event), found.octets, None, event.at, event.at,
    )  # fmt: skip
    return found.charset


def _response(made: http.HTTPFlow, event: Response) -> str | None:
    found = flowfile.content(event)
    made.response = http.Response(
        flowfile.octets(event.http or "HTTP/1.1"), event.status, flowfile.octets(event.reason), _headers(event),
        found.octets, None, event.at, event.at,
    )  # fmt: skip
    return found.charset


def _headers(event: Request | Response) -> http.Headers:
    return http.Headers([(flowfile.octets(name), flowfile.octets(value)) for name, value in event.headers])


addons = [RequestshookFlows()]
