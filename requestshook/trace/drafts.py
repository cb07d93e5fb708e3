"""A call while it is worked out: what each capture point saw of it, outermost first, and what is known so far."""

from __future__ import annotations

from typing import Any

from requestshook import addresses
from requestshook.events import COMPLETE, Attempt, BodyEnd, Failure, Note, Origin, Request, Response
from requestshook.trace.calls import UNSEEN, Message

_RANKS = {"client": 0, "wire": 1, "server": 2}
LOST = float("inf")


class Sight:
    """One exchange as one capture point saw it, while its lines come together."""

    __slots__ = ("_messages", "bodies", "failure", "origin", "places", "refs", "request", "response")

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.request: Request | None = None
        self.response: Response | None = None
        self.failure: Failure | None = None
        self.bodies: dict[str, BodyEnd] = {}
        self.refs: dict[str, int] = {}
        self._messages: dict[str, Message | None] = {}
        self.places: dict[str, int] = {}  # of each line among those of its process

    @property
    def began(self) -> float:
        """When its request passed; where that line is lost, its first other one."""
        for event in (self.request, self.response, self.failure, *self.bodies.values()):
            if event is not None:
                return event.at
        return LOST

    @property
    def ended(self) -> float:
        """When the response or failure passed; never, where neither was seen."""
        event = self.response or self.failure
        return event.at if event is not None else LOST

    @property
    def layer(self) -> tuple[str, ...]:
        """What saw it: sights of one layer are tries of one call, other layers lie further in or out."""
        view, _, _, host, pid, _ = self.origin
        if view == "client":
            return (view,)
        if view == "wire":  # one proxy may be passed twice, each time on the way to another address
            return (view, host, str(pid), addresses.authority(self.request.url) if self.request else "")
        return (view, (self.request and self.request.callee) or "")

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The earlier tries that it tells of."""
        event = self.response or self.failure
        return event.attempts if event is not None else ()

    @property
    def tries(self) -> int | None:
        """How often the call was tried; None where it does not say, for its end was not seen."""
        return len(self.attempts) + 1 if self.response or self.failure else None

    @property
    def is_well_answered(self) -> bool:
        """Answered in a way that nobody would try again for."""
        return self.response is not None and self.failure is None and self.response.status < 400

    def key(self) -> tuple[Any, ...]:
        """A place among sights that depends on nothing but what they say."""
        return (_RANKS[self.origin.view], self.began, min(self.places.values()), self.origin)

    def add(self, ref: int, place: int, event: Request | Response | BodyEnd | Failure) -> bool:
        """Put a line in its place; False where another one stands there."""
        if isinstance(event, Request):
            kind, free = "request", self.request is None
            self.request = self.request or event
        elif isinstance(event, Response):
            kind, free = "response", self.response is None
            self.response = self.response or event
        elif isinstance(event, Failure):
            kind, free = "failure", self.failure is None
            self.failure = self.failure or event
        else:
            kind, free = event.of + " body", event.of not in self.bodies
            self.bodies.setdefault(event.of, event)
        if free:
            self.refs[kind] = ref
            self.places[kind] = place
        return free

    def message(self, of: str) -> Message | None:
        """The request or the response, with its body from wherever it stood."""
        if of not in self._messages:
            event = self.request if of == "request" else self.response
            self._messages[of] = self._message(of, event) if event is not None else None
        return self._messages[of]

    def _message(self, of: str, event: Request | Response) -> Message:
        body, ref, end = event.body, self.refs[of], COMPLETE
        if body is not None:
            stripped = body if body.content is None else body._replace(content=None)
            if stripped is not body:
                event = event._replace(body=stripped)
            return Message(event, stripped, None if stripped is body else ref, end)
        late = self.bodies.get(of)
        if late is None:
            return Message(event, None, None, UNSEEN)
        stripped = late.body if late.body.content is None else late.body._replace(content=None)
        return Message(event, stripped, None if stripped is late.body else self.refs[of + " body"], late.end)


class Draft:
    """A call while it is worked out."""

    def __init__(self, id: str, said_id: str, sights: list[Sight]) -> None:
        self.id = id
        self.said_id = said_id  # as it stood in the headers
        self.layers = _layers(sights)
        self.sights = [sight for layer in self.layers for sight in layer]
        self.outermost = next(sight for sight in self.sights if sight.request is not None)
        self.path = self._path()
        self.decider = next((s for s in self.path if s.response is not None or s.failure is not None), None)
        self.caller = self.callee = ""
        self.parent: Draft | None = None
        self.inferred = False
        self.depth = 0
        self.shifts: dict[str, float] = {}
        self.keys: dict[tuple[str, int], str] = {}
        self.notes: tuple[Note, ...] = ()

    @property
    def request(self) -> Request:
        """The request as the outermost view has it."""
        request = self.outermost.request
        assert request is not None
        return request

    @property
    def response(self) -> Response | None:
        """The response as the outermost view that saw the call's end has it."""
        return self.decider.response if self.decider is not None else None

    @property
    def failure(self) -> Failure | None:
        """The failure as the outermost view that saw the call's end has it."""
        return self.decider.failure if self.decider is not None else None

    @property
    def said_parent(self) -> str | None:
        """The parent's id, as the outermost view that knows of one says it."""
        return next((s.request.parent for s in self.sights if s.request is not None and s.request.parent), None)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The earlier tries: as the client tells, else as they were seen."""
        first = self.layers[0]
        if first[0].origin.view == "client":
            return first[0].attempts
        return tuple(
            Attempt(s.response.status if s.response else None, s.failure.error if s.failure else None)
            for s in first[:-1]
        )

    @property
    def started(self) -> float:
        """When the request passed the outermost view, by the shifted clocks."""
        return self.request.at + self.shift(self.outermost)

    @property
    def answered(self) -> float | None:
        """When status and headers were there, or it failed, by the shifted clocks."""
        return self.decider.ended + self.shift(self.decider) if self.decider is not None else None

    def shift(self, sight: Sight) -> float:
        """How far the clock of a sight's host is shifted, in seconds."""
        return self.shifts.get(sight.origin.host, 0.0)

    def _path(self) -> list[Sight]:
        """Of each layer the sight of the last try, where that came so far."""
        path: list[Sight] = []
        earlier = len(self.attempts)
        status: int | None = None
        for layer in self.layers:
            final = _final(layer, earlier, status)
            if final is None:
                continue
            path.append(final)
            if status is None and final.response is not None:
                status = final.response.status
        return path


def _final(layer: list[Sight], earlier: int, status: int | None) -> Sight | None:
    """The sight of the last try: the one that was answered like it, else the last, unless that try came never here."""
    if layer[0].origin.view == "client":
        return layer[0]
    for sight in reversed(layer):
        if status is not None and sight.response is not None and sight.response.status == status:
            return sight
    return layer[-1] if len(layer) > earlier else None


def _layers(sights: list[Sight]) -> list[list[Sight]]:
    """The sights by layer, the outermost first, each in the order of time."""
    layers: dict[tuple[str, ...], list[Sight]] = {}
    for sight in sorted(sights, key=Sight.key):
        layers.setdefault(sight.layer, []).append(sight)
    return _outermost_first(list(layers.values()))


def _outermost_first(layers: list[list[Sight]]) -> list[list[Sight]]:
    """Proxies of several hosts, whose clocks may differ: whoever saw the call for longer lies further out.

    Where one of them saw no end, or saw it fail, the other may have gone on: nothing is better than the clocks then.
    """
    wires = [layer for layer in layers if layer[0].origin.view == "wire"]
    if len({layer[0].origin.host for layer in wires}) < 2 or not all(layer[-1].response for layer in wires):
        return layers
    ordered = iter(sorted(wires, key=_lasted, reverse=True))
    return [next(ordered) if layer[0].origin.view == "wire" else layer for layer in layers]


def _lasted(layer: list[Sight]) -> float:
    """Seconds from the first try's request to the end of the last one, by the layer's own clock."""
    return layer[-1].ended - layer[0].began
