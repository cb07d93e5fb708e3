"""What a trace is made of: messages, views, calls and steps, as values.

A trace holds no bodies: a `Message` says how large its body was, and `ref` names it to whoever kept the events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from requestshook.events import Attempt, Body, Failure, Note, Process, Request, Response

UNSEEN = "unseen"  # the end of a body was not seen


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response as one view saw it; its body's content stays where it is."""

    event: Request | Response  # without its body's content
    body: Body | None  # size, cut, encoding and why, without content; None where its end was not seen
    ref: int | None  # names the event that holds the content; None where there is no content
    end: str = "complete"  # complete, closed, `error: …` or unseen


@dataclass(frozen=True, slots=True)
class View:
    """One call as one capture point saw it. A wire or server view of a retried call has one view an attempt."""

    kind: str  # client, wire or server
    host: str
    pid: int
    n: int
    request: Message | None
    response: Message | None = None
    failure: Failure | None = None
    shift: float = 0.0  # seconds added to this host's clock
    earlier: bool = False  # a try that another one followed
    key: str = ""  # which key this process makes pseudonyms with: `events.Process.key`, empty where nobody says it


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its response or failure, whoever saw it."""

    id: str
    parent: str | None
    inferred: bool  # the parent was found by time or by headers of other tools, not by id
    depth: int
    caller: str
    callee: str
    method: str
    target: str  # path and query, as sent
    views: tuple[View, ...]  # outermost first
    request: Message  # what the page shows: the innermost view
    response: Message | None
    failure: Failure | None
    attempts: tuple[Attempt, ...]  # the earlier tries
    started: float  # when the outermost view's request was about to leave
    answered: float | None  # when its status and headers were there, or it failed
    request_step: int
    response_step: int | None
    failure_step: int | None
    notes: tuple[Note, ...] = ()  # what was written to it by hand while it was recorded, oldest first

    @property
    def status(self) -> int | None:
        """The response's status code; None where none came."""
        return self.response.event.status if self.response and isinstance(self.response.event, Response) else None

    @property
    def failed(self) -> bool:
        """A failure, a status of 400 and more, or a response whose body broke off."""
        return self.failure is not None or self.broke_off or (self.status or 0) >= 400

    @property
    def broke_off(self) -> bool:
        """A response came, and its body ended in a fault."""
        return self.response is not None and self.response.end.startswith("error")

    @property
    def unanswered(self) -> bool:
        """Neither a response nor a failure was seen: who made or served the call is gone, or still at it."""
        return self.response is None and self.failure is None


@dataclass(frozen=True, slots=True)
class Step:
    """What a page numbers: a request, a response or a failure."""

    number: int
    kind: str  # request, response or failure
    at: float
    call: Call


@dataclass(frozen=True, slots=True)
class Trace:
    """The calls of one recording."""

    id: str
    name: str
    command: tuple[str, ...]
    output: tuple[tuple[str, str], ...]
    output_cut: bool
    exit: int | None
    started: float
    ended: float | None
    calls: tuple[Call, ...]  # in the order of their requests' steps
    steps: tuple[Step, ...]
    processes: tuple[Process, ...] = ()
    remarks: tuple[str, ...] = ()  # what a reader should know: shifted clocks, names that disagree, lost lines
    stated: tuple[str, ...] = ()  # those of the remarks that name no step
    figures: dict[str, int] = field(default_factory=dict)
