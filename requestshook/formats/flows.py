"""mitmproxy flow files. mitmdump reads and writes them, with `addons/requestshook_flows.py` in it; we speak by pipes.

Nothing but pipes holds what was not redacted yet, and one flow at a time is in memory.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, NamedTuple

from requestshook import mitmdump
from requestshook.errors import EventError, RequestshookError
from requestshook.events import (
    COMPLETE,
    Body,
    BodyEnd,
    Event,
    Failure,
    Note,
    Process,
    Recorded,
    Recording,
    Request,
    Response,
    from_line,
    to_line,
)
from requestshook.formats.values import Context, Entry, Load
from requestshook.trace.calls import UNSEEN, Call, Message, Trace, View

_BEGINS = re.compile(rb"[0-9]{1,12}:[0-9]{1,2}:[a-z_]{1,99}[,;]")  # a tnetstring's dictionary, its first key
_LAST_WORDS = 20  # lines of what mitmdump says
_EMPTY_WORDS = "logged during startup"


def is_it(head: bytes) -> bool:
    """Whether a file that begins so holds mitmproxy's flows."""
    return _BEGINS.match(head) is not None


# File -> entries


def load(path: str, context: Context) -> Iterator[Entry]:
    """The calls of a flow file, one at a time; raises RequestshookError where mitmdump is missing or gives up."""
    with open(path, "rb") as file, _mitmdump("read", file, context.body_limit) as child:
        ended = False
        for line in child.output:
            head = json.loads(line)
            if "end" in head:
                ended = True
                break
            lines = [child.output.readline() for _ in range(head["lines"])]
            yield _entry(head, lines, context)
        child.end(ended)


def _entry(head: dict[str, Any], lines: list[bytes], context: Context) -> Entry:
    number, done = head["entry"], head["done"]
    try:
        events = tuple(_placed(from_line(line), number, context) for line in lines)
    except EventError as error:
        return Entry(number, (), f"it says what cannot be so: {error}", done)
    return Entry(number, events, head["problem"], done)


def _placed(event: Event, number: int, context: Context) -> Event:
    """The event in this recording; where a flow does not say who wrote it, it is this file's."""
    if isinstance(event, (Recording, Recorded)):
        return event._replace(trace=context.trace)
    if isinstance(event, Process):
        return event._replace(trace=None)  # no recording's of this store: its lines outlive a removed one
    if not isinstance(event, (Request, Response, BodyEnd, Failure, Note)):
        return event
    origin = event.origin._replace(trace=context.trace)
    if not origin.host:
        origin = origin._replace(host=context.host, pid=context.pid, n=number + context.begin)
    if isinstance(event, Request) and not event.caller:
        event = event._replace(caller=context.caller_of(_agent(event)) or "-")
    return event._replace(origin=origin)


def _agent(event: Request) -> str:
    return next((value for name, value in event.headers if name.lower() == "user-agent"), "")


# Trace -> file


def dump(trace: Trace, load: Load, file: BinaryIO) -> None:
    """Write a recording as mitmproxy's flows, one a call: as pages show it, with its other views beside it."""
    with _mitmdump("write", subprocess.PIPE) as child:
        copier = threading.Thread(target=_copy, args=(child, file), daemon=True)
        copier.start()
        _feed(trace, load, child)  # in this thread: a store belongs to the one that opened it
        copier.join()
        child.end(child.fed)


def _copy(child: _Child, file: BinaryIO) -> None:
    try:
        while piece := child.output.read1(1 << 16):
            file.write(piece)
    except BaseException as error:
        child.fault = error
        while child.output.read1(1 << 16):  # so that nobody waits
            pass


def _feed(trace: Trace, load: Load, child: _Child) -> None:
    try:
        said = [to_line(event).decode() for event in _recording(trace)]
        for call in trace.calls:
            child.input.write(json.dumps({**_job(call, load), "recording": said}).encode() + b"\n")
            said = []
        child.fed = True
    except BrokenPipeError:
        pass  # it says why
    except BaseException as error:
        child.fault = error
    finally:
        with suppress(OSError):
            child.input.close()


def _recording(trace: Trace) -> Iterator[Event]:
    """What is said of all calls."""
    yield Recording(trace.started, trace.id, trace.name, trace.command)
    if trace.ended is not None:
        yield Recorded(trace.ended, trace.id, trace.exit, trace.output, trace.output_cut)
    yield from trace.processes


class _Shown(NamedTuple):
    """A message with its body, and what a flow does not say of that body."""

    event: Request | Response
    remark: str | None


def _job(call: Call, load: Load) -> dict[str, Any]:
    """A call as our script in mitmdump takes it."""
    shown = {"request": _whole(call.request, load)}
    if call.response is not None:
        shown["response"] = _whole(call.response, load)
    events: list[Event] = [message.event for message in shown.values()]
    if call.failure is not None:
        events.append(call.failure)
    comment = [note.text for note in call.notes if note.text]
    comment += [f"requestshook: {of}: {message.remark}" for of, message in shown.items() if message.remark]
    return {
        "shown": [to_line(event).decode() for event in events],
        "lines": [*_lines(call, shown, load)],
        "comment": "\n".join(comment),
        "marked": next((note.mark for note in reversed(call.notes) if note.mark), ""),
    }


def _whole(message: Message, load: Load) -> _Shown:
    body = load(message.ref) if message.ref is not None else message.body
    event = message.event._replace(body=body)
    return _Shown(event, _remark(body))


def _remark(body: Body | None) -> str | None:
    if body is None:
        return "the end of the body was not seen"
    if body.content is None:
        return f"a body of {body.size} octets, not kept{f': {body.why}' if body.why else ''}" if body.size else None
    if not body.cut:
        return None
    kept = len(body.content.encode("utf-8", "surrogatepass") if isinstance(body.content, str) else body.content)
    return f"{kept} of {body.size} octets kept{f', {body.encoding} undone' if body.encoding else ''}"


def _lines(call: Call, shown: dict[str, _Shown], load: Load) -> Iterator[tuple[str, str | None]]:
    """The lines that the call was made of, and which of the flow's messages has a line's content."""
    for view in call.views:
        for of, message in (("request", view.request), ("response", view.response)):
            if message is not None:
                for event in _events(view, of, message, load):
                    yield _without(event, of, shown)
        if view.failure is not None:
            yield to_line(view.failure).decode(), None
    for note in call.notes:
        yield to_line(note).decode(), None


def _events(view: View, of: str, message: Message, load: Load) -> Iterator[Request | Response | BodyEnd]:
    event = _whole(message, load).event
    if message.end == COMPLETE:
        yield event
        return
    yield event._replace(body=None)
    if message.end != UNSEEN and event.body is not None:
        yield BodyEnd(event.at, event.origin, of, event.body, message.end)


def _without(event: Request | Response | BodyEnd, of: str, shown: dict[str, _Shown]) -> tuple[str, str | None]:
    body, in_flow = event.body, shown[of].event.body if of in shown else None
    if body is None or body.content is None or in_flow is None:
        return to_line(event).decode(), None
    if (body.content, body.encoding) != (in_flow.content, in_flow.encoding):
        return to_line(event).decode(), None
    return to_line(event._replace(body=body._replace(content=None))).decode(), of


# mitmdump


class _Child:
    """mitmdump with our script in it."""

    def __init__(self, process: subprocess.Popen[bytes], output: Any) -> None:
        self.output = output
        self.fed = False
        self.fault: BaseException | None = None
        self._process = process
        self._said: deque[bytes] = deque(maxlen=_LAST_WORDS)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def input(self) -> Any:
        """What it reads."""
        return self._process.stdin

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line[:2000])

    def end(self, well: bool) -> None:
        """Wait for its end; raises RequestshookError where it did not do all that it was to do."""
        status = self._process.wait()
        self._listener.join()
        if self.fault is not None:
            raise self.fault
        if status != 0 or not well:
            lines = b"".join(self._said).decode("utf-8", "replace").strip().splitlines()
            said = [line for line in lines if _EMPTY_WORDS not in line]
            raise RequestshookError(f"mitmdump gave up (status {status}){': ' + said[-1] if said else ''}")

    def stop(self) -> None:
        """Let it go, whatever it is at."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        self._listener.join()


@contextmanager
def _mitmdump(what: str, source: Any, limit: int = 0) -> Iterator[_Child]:
    program = mitmdump.find()
    script = mitmdump.script("requestshook_flows.py")
    reading, writing = os.pipe()
    with tempfile.TemporaryDirectory(prefix="requestshook-") as place, open(reading, "rb") as output:
        options = {"confdir": place, "requestshook_flows": what, "requestshook_flows_to": writing}
        if limit:
            options["requestshook_flows_limit"] = limit
        command = [program, "-n", "-q", "-s", script]
        command += [part for name, value in options.items() for part in ("--set", f"{name}={value}")]
        try:
            process = subprocess.Popen(
                command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, pass_fds=(writing,),
                env=mitmdump.environment(),
            )  # fmt: skip
        except OSError as error:
            raise RequestshookError(f"{program} cannot be run: {error.strerror or error}") from None
        finally:
            os.close(writing)
        child = _Child(process, output)
        try:
            yield child
        finally:
            child.stop()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
