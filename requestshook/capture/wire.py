"""The wire: every call that passes through mitmproxy is tagged, and what is said both ways is recorded.

The methods of `Wire` are named after mitmproxy's events; `addons/requestshook_addon.py` passes these on. Nothing in
here raises, and nothing waits: a body is counted as it passes by, its head kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar, cast
from weakref import ref

from requestshook import tags
from requestshook.capture import flow as flows
from requestshook.capture.notes import Notes
from requestshook.capture.passing import Passing
from requestshook.events import Headers
from requestshook.recording import Recorder

Hook = TypeVar("Hook", bound=Callable[..., None])


class Ends(NamedTuple):
    """Who is at the two ends of what comes in by a listener, as far as that is known."""

    caller: str | None = None
    callee: str | None = None


_UNKNOWN = Ends()


class _Known(NamedTuple):
    """A call that was tagged; `passing` is None where `ignore` names it."""

    tags: Headers
    passing: Passing | None


def _guarded(hook: Hook) -> Hook:
    def safe(self: Wire, *args: Any) -> None:
        try:
            hook(self, *args)
        except Exception as error:
            self.recorder.dropped += 1
            self.recorder.fault(f"cannot record a call: {error!r}")

    return cast(Hook, safe)


class Wire:
    """One proxy. `listeners` names both ends by port, `ends` those of any other listener."""

    def __init__(self, recorder: Recorder, listeners: Mapping[int, Ends] | None = None, ends: Ends = _UNKNOWN) -> None:
        self.recorder = recorder
        self.listeners: Mapping[int, Ends] = listeners or {}
        self.ends = ends
        self._notes = Notes()
        self._known: dict[str, _Known] = {}  # by the flow's id
        self._of_client: dict[str, set[str]] = {}  # the ids of those that a connection has

    @_guarded
    def requestheaders(self, flow: Any) -> None:
        """Tag the request and tell it, before any of it is passed on; one of a file that is opened is no call."""
        if not flow.live:
            return
        headers = flows.headers(flow.request)
        words = flows.said(headers)
        known = self._begin(flow, headers, words)
        if known is not None:
            self._known[flow.id] = known
            self._of_client.setdefault(flow.client_conn.id, set()).add(flow.id)
        if flow.response is None and flow.error is None and flows.is_framed_well(words):
            flow.request.stream = _Sent(flow, known.passing.sent if known and known.passing else None)

    def _begin(self, flow: Any, headers: Headers, words: flows.Said) -> _Known | None:
        recorder, inbound = self.recorder, words.inbound
        trace = recorder.trace_for_inbound(inbound.trace)
        if trace is None:
            recorder.count_untied()
            return None
        url, http = flows.url(flow, words), flows.version(flow.request)
        ends = self._ends(flow)
        caller = inbound.caller or ends.caller or recorder.client_name(words.agent) or "-"
        callee = ends.callee or recorder.callee_of(url)
        id = inbound.id if inbound.id and not flow.is_replay else tags.new_id()
        ours: Headers = ((tags.REQUEST_ID, id), (tags.REQUEST_FROM, caller))
        sent = self._may_be_sent(url, ours, inbound.parent, trace)
        headers = flows.tag(flow.request, http, headers, words, sent)
        method = flow.request.data.method.decode("latin-1")
        if recorder.is_ignored(caller, callee, method, url):
            return _Known(ours, None)
        origin = recorder.origin("wire", id, trace)
        self._notes.know(flow, origin)
        passing = Passing(recorder, origin)
        has_content = flows.has_content(http, words)
        passing.begin(inbound.parent, caller, callee, method, url, http, headers, has_content)
        return _Known(ours, passing)

    def _may_be_sent(self, url: str, ours: Headers, parent: str | None, trace: str) -> Headers:
        """The tags that may go to the URL."""
        sent = ours if self.recorder.may_tag(url) else ()
        if not self.recorder.is_known(url):
            return sent
        if parent is not None:
            sent = (*sent, (tags.PARENT_ID, parent))
        return (*sent, (tags.TRACE_ID, trace))

    def callee(self, flow: Any) -> str | None:
        """Who a call is for, as far as listeners and `services:` say."""
        url = flows.url(flow, flows.said(flows.headers(flow.request)))
        return self._ends(flow).callee or self.recorder.callee_of(url)

    def _ends(self, flow: Any) -> Ends:
        """Both ends by the port that the client came in by; the callee is everybody's in a forward proxy."""
        port, is_reverse = flows.port(flow), flows.is_led(flow)
        found = self.listeners.get(port) if port is not None else None
        if found is None and port is not None and is_reverse:
            found = Ends(*self.recorder.listener(port))
        caller, callee = found or _UNKNOWN
        if not is_reverse:
            callee = None
        elif callee is None:
            callee = self.ends.callee
        return Ends(caller or self.ends.caller, callee)

    @_guarded
    def request(self, flow: Any) -> None:
        """The request has ended."""
        known = self._known.get(flow.id)
        if known is not None and known.passing is not None:
            known.passing.end_request(flow.request.raw_content)
            self._forget_if_over(flow, known.passing)

    @_guarded
    def responseheaders(self, flow: Any) -> None:
        """Tag the response and tell it, before any of it is passed on."""
        if not flow.live:
            return
        known = self._known.get(flow.id)
        if known is not None:
            self._answer(flow, known)
        _stream(flow.response, known.passing.received if known and known.passing else None)

    def _answer(self, flow: Any, known: _Known) -> None:
        response = flow.response
        headers, http, status = flows.headers(response), flows.version(response), response.status_code
        words = flows.said(headers)
        headers = flows.tag(response, http, headers, words, known.tags)
        if known.passing is not None:
            has_content, length = flows.answer_content(flow.request.method, status, words)
            reason = response.data.reason.decode("latin-1")
            known.passing.answer(status, reason, http, headers, has_content, length)

    @_guarded
    def response(self, flow: Any) -> None:
        """The response has ended."""
        known = self._known.get(flow.id)
        if known is None:
            return
        if known.passing is None:
            self._forget(flow)
            return
        known.passing.end_response(flow.response.raw_content)
        if flow.comment or flow.marked:  # by another addon
            self._notes.look(flow, self.recorder)
        self._forget_if_over(flow, known.passing)

    @_guarded
    def error(self, flow: Any) -> None:
        """It broke off: refused, reset, timed out, killed."""
        known = self._known.get(flow.id)
        if known is not None and known.passing is not None:
            error = flows.error(flow)
            known.passing.fail(error, flows.is_by_caller(error))
        self._forget(flow)

    @_guarded
    def update(self, changed: Iterable[Any]) -> None:
        """Something of these flows was changed by hand: a comment or a mark is told."""
        for flow in changed:
            if hasattr(flow, "request"):
                self._notes.look(flow, self.recorder)

    @_guarded
    def http_connect_error(self, flow: Any) -> None:
        """A tunnel that could not be opened: the call in it was never made, and this is all that is seen of it."""
        if flow.response is None or flow.response.status_code != 502:
            return
        headers = flows.headers(flow.request)
        known = self._begin(flow, headers, flows.said(headers))
        if known is not None and known.passing is not None:
            known.passing.fail(flows.described(flow.response.get_text(strict=False) or ""), False)

    @_guarded
    def client_disconnected(self, client: Any) -> None:
        """No more can come of what this client asked."""
        for id in self._of_client.pop(client.id, ()):
            known = self._known.pop(id, None)
            if known is not None and known.passing is not None:
                known.passing.close()

    @_guarded
    def done(self) -> None:
        """The proxy ends."""
        ends: Iterable[_Known] = list(self._known.values())
        self._known.clear()
        self._of_client.clear()
        for known in ends:
            if known.passing is not None:
                known.passing.close()
        self.recorder.end()

    def _forget_if_over(self, flow: Any, passing: Passing) -> None:
        if passing.over:
            self._forget(flow)

    def _forget(self, flow: Any) -> None:
        self._known.pop(flow.id, None)
        flows_of_client = self._of_client.get(flow.client_conn.id)
        if flows_of_client is not None:
            flows_of_client.discard(flow.id)
            if not flows_of_client:
                del self._of_client[flow.client_conn.id]


class _Sent:
    """Has a request's content passed on piece by piece, unless an addon after ours answers before it is here.

    mitmproxy asks once, when all addons have seen the headers, and crashes where it is to do both.
    """

    __slots__ = ("_flow", "_see", "_theirs")

    def __init__(self, flow: Any, see: Callable[[bytes], None] | None) -> None:
        self._flow = ref(flow)
        self._see = see
        self._theirs = flow.request.stream if callable(flow.request.stream) else None

    def __bool__(self) -> bool:
        flow = self._flow()
        return flow is None or flow.response is None

    def __call__(self, data: bytes) -> Any:
        if self._see is not None:
            self._see(data)
        return data if self._theirs is None else self._theirs(data)


def _stream(message: Any, see: Callable[[bytes], None] | None) -> None:
    """Have a message's content passed on piece by piece, each of them seen; another addon's way of doing so is kept."""
    theirs = message.stream
    if see is None:
        message.stream = theirs or True
        return

    def passed(data: bytes) -> Any:
        see(data)
        return data

    def passed_to(data: bytes) -> Any:
        see(data)
        return theirs(data)

    message.stream = passed_to if callable(theirs) else passed
