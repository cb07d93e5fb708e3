"""A step as every format shows it: plain values, captured text in them still as captured.

The formats' templates put the values on a page, each through `escape`; `text` and `after` are the author's Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote_plus

from requestshook import tags
from requestshook.config.notes import Notes
from requestshook.events import COMPLETE, Attempt, Body, Headers, Response
from requestshook.page import content
from requestshook.page.author import Author
from requestshook.page.escape import visible
from requestshook.page.frames import Frame
from requestshook.page.marking import Marker
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.references import References
from requestshook.page.settings import PageSettings, Words
from requestshook.page.views import Views
from requestshook.trace.calls import UNSEEN, Call, Message, Step
from requestshook.trace.disagreeing import Load

QUERY_SHOWN = 60  # characters of a query in titles
_LABEL_PATH = 40  # characters of a path in the table of contents that stand whole
_HIDDEN = frozenset((tags.PARENT_ID.lower(), tags.TRACE_ID.lower()))
_PHRASES = {  # RFC 9110, 15: where `http` has an older name
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}


@dataclass(frozen=True, slots=True)
class Tab:
    """One face of a message: a label over numbered lines."""

    label: str
    language: str
    title: str
    lines: list[str]
    highlights: tuple[int, ...] = ()
    after: str = ""  # the author's Markdown
    kind: str = ""  # header, query, body or failure
    content: content.Content | None = None  # of a body


class Said(NamedTuple):
    """Captured text, and where a step has it: in the header of a name, in the body, the failure, or elsewhere."""

    place: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class StepBlock:
    """A request, a response or a failure with all that is shown of it."""

    number: int
    kind: str  # request, response or failure
    heading: str  # without the number
    anchor: str
    label: str  # for the table of contents
    caller: str
    callee: str
    depth: int
    remarks: tuple[str, ...]  # one sentence each: what changed on the way, earlier attempts, a body half read
    tabs: tuple[Tab, ...]
    reference: tuple[str, str] | None = None  # title and URL
    text: str = ""  # the author's Markdown
    after: str = ""
    start: tuple[str, str, str] = ("", "", "")  # method, target, version; or version, status, reason
    groups: int = 0  # so many of the remarks, the first, name groups that begin here


@dataclass(frozen=True, slots=True)
class StepWriter:
    """Turns steps into blocks, loading one body at a time."""

    load: Load
    settings: PageSettings
    words: Words
    pseudonyms: Pseudonyms
    references: References
    author: Author
    numbers: dict[str, int] = field(default_factory=dict)  # call id: the number of its request's step
    views: Views = field(init=False)
    _hidden: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        hidden = _HIDDEN | {name.lower() for name in self.settings.hide_headers}
        object.__setattr__(self, "_hidden", hidden)
        object.__setattr__(self, "views", Views(self.words, self.pseudonyms, self.load))

    def said(self, step: Step) -> Iterator[Said]:
        """All captured text of a step in the order of the page, for the first pass."""
        message = self.message(step)
        yield Said("", "", step.call.target)
        if message is None:
            yield Said("failure", "", _error(step.call))
        else:
            for name, value in self._headers(message):
                yield Said("header", name, value)
            body = self._load(message)
            if body is not None and isinstance(body.content, str):
                yield Said("body", "", body.content)
        for text in self.views.texts(step.number):
            yield Said("", "", text)

    def message(self, step: Step) -> Message | None:
        """What the page shows of a step: the chosen view's message, else the innermost; None for a failure."""
        if step.kind == "failure":
            return None
        request = step.kind == "request"
        for view in step.call.views:
            found = view.request if request else view.response
            if view.kind == self.settings.view and found is not None:
                return found
        return step.call.request if request else step.call.response

    def block(self, step: Step) -> StepBlock:
        """The step with all that is shown of it."""
        call = step.call
        heading = heading_of(step, self._target(call))
        notes = self.author.notes(step)
        return StepBlock(
            number=step.number,
            kind=step.kind,
            heading=heading,
            anchor=self.author.places.anchor(step.number),
            label=_label(step, self.author.names.named(self.pseudonyms.numbered(call.target))),
            caller=call.caller,
            callee=call.callee,
            depth=call.depth,
            remarks=tuple(self._remarks(step)),
            tabs=tuple(self._tabs(step, heading, notes)),
            reference=self.references.shown(step.number),
            text=self.author.prose.markdown(notes.text),
            after=self.author.prose.markdown(notes.after),
            start=self._start(step),
            groups=len(self._groups(step)),
        )

    def _start(self, step: Step) -> tuple[str, str, str]:
        message, numbered = self.message(step), self.pseudonyms.numbered
        if message is None:
            return "", error_name(step.call), ""
        event = message.event
        if isinstance(event, Response):
            return event.http, str(event.status), numbered(event.reason or _phrase(event.status))
        return step.call.method, numbered(step.call.target), event.http

    def _target(self, call: Call) -> str:
        target = self.pseudonyms.numbered(call.target)
        return self.author.names.named(target) if self.settings.variables == "everywhere" else target

    def _headers(self, message: Message) -> Headers:
        hidden = self._hidden
        return tuple([pair for pair in message.event.headers if pair[0].lower() not in hidden])

    def _header_lines(self, message: Message) -> list[str]:
        numbered = self.pseudonyms.numbered
        lines = [f"{name}: {numbered(value)}" for name, value in self._headers(message)]
        return lines if "".join(lines).isprintable() else [_in_line(line) for line in lines]

    def _load(self, message: Message) -> Body | None:
        return None if message.ref is None else self.load(message.ref)

    def _tabs(self, step: Step, heading: str, notes: Notes) -> Iterator[Tab]:
        message, marker = self.message(step), self.author.marker(step, notes)
        write = self.author.prose.markdown
        if message is None:
            lines = visible(self.pseudonyms.numbered(_error(step.call))).split("\n")
            marked = marker.body(lines, is_json=False, is_text=True, cut=False) if marker else ()
            yield Tab(self.words["failure"], "text", heading, lines, marked, write(notes.body_after), "failure")
        else:
            yield self._header_tab(message, heading, marker, write(notes.header_after))
            if step.kind == "request":
                yield from self._query_tab(step, heading, marker)
            yield self._body_tab(message, heading, marker, write(notes.body_after))
        if marker is not None:
            marker.finish()

    def _header_tab(self, message: Message, heading: str, marker: Marker | None, after: str) -> Tab:
        lines = self._header_lines(message) or [self.words["none"]]
        shown = self._headers(message)
        marked = marker.headers(shown, message.event.headers) if marker else ()
        return Tab(self.words["header"], "http", heading, lines, marked, after, "header")

    def _query_tab(self, step: Step, heading: str, marker: Marker | None) -> Iterator[Tab]:
        """The query's pairs, where the heading does not show them well, or the author marks one."""
        query = self.pseudonyms.numbered(step.call.target).partition("?")[2]
        if "&" in query or len(query) > QUERY_SHOWN or (query and marker and marker.wants_query()):
            pairs = query.split("&")
            keys = [unquote_plus(pair.partition("=")[0]) for pair in pairs]
            marked = marker.query(keys) if marker else ()
            lines = [_in_line(pair) for pair in pairs]
            yield Tab(self.words["query"], "text", heading, lines, marked, kind="query")

    def _body_tab(self, message: Message, heading: str, marker: Marker | None, after: str) -> Tab:
        body = self._load(message)
        text = self.pseudonyms.numbered(body.content) if body and isinstance(body.content, str) else None
        shown = content.show(message, body, text, self.words)
        marked: tuple[int, ...] = ()
        if marker is not None:
            cut = body is not None and body.cut
            marked = marker.body(shown.lines, is_json=shown.is_json, is_text=text is not None, cut=cut)
        title = _joined(heading, shown.remark)
        return Tab(self.words["body"], shown.language, title, shown.lines, marked, after, "body", shown)

    def _groups(self, step: Step) -> list[Frame]:
        return [group for group in self.author.groups if group.first == step.number]

    def _remarks(self, step: Step) -> Iterator[str]:
        if step.kind == "request":
            for group in self._groups(step):
                yield f"{self.words[group.kind]}: {group.label} ({group.first}–{group.last})"
        yield from remarks_on(step, self.message(step), self.numbers, self.words)
        yield from self.views.remarks(step.number)


def remarks_on(step: Step, message: Message | None, numbers: Mapping[str, int], words: Words) -> Iterator[str]:
    """What there is to say of a step, its views aside; `numbers` are those of calls' requests, by the calls' ids."""
    call = step.call
    if step.kind == "request":
        if call.inferred and call.parent is not None and call.parent in numbers:
            yield words.phrase("parent_inferred", step=numbers[call.parent])
        if call.answered is None:
            yield words["unanswered"]
    elif call.attempts:
        earlier = ", ".join(_attempt(attempt) for attempt in call.attempts)
        yield words.phrase("attempts_before", count=len(call.attempts) + 1, earlier=earlier)
    if message is not None and message.end not in (COMPLETE, UNSEEN):
        yield content.ending(message, words)


def heading_of(step: Step, target: str) -> str:
    """`METHOD target`, `STATUS reason target`, or the error's name and the target."""
    target = short_target(target)
    if step.kind == "request":
        return f"{step.call.method} {target}"
    return f"{outcome(step)} {target}"


def outcome(step: Step) -> str:
    """`STATUS reason` of a response, the error's name of a failure."""
    event = step.call.response.event if step.call.response else None
    if step.kind == "failure" or not isinstance(event, Response):
        return error_name(step.call)
    return f"{event.status} {event.reason or _phrase(event.status)}".rstrip(" ")


def error_name(call: Call) -> str:
    """`ConnectTimeout` of `ConnectTimeout: …`."""
    return _error(call).partition(":")[0].strip()[:100] or "Error"


def short_target(target: str) -> str:
    """Path and query, the query cut at 60 characters."""
    path, mark, query = target.partition("?")
    return f"{path}{mark}{query if len(query) <= QUERY_SHOWN else query[:QUERY_SHOWN] + '…'}"


def short_path(target: str, longest: int = _LABEL_PATH) -> str:
    """The path, its last two segments where it is long."""
    path = target.partition("?")[0]
    if len(path) <= longest:
        return path
    last = "/".join(path.rstrip("/").rsplit("/", 2)[-2:])
    return f"…/{last}" if len(last) < len(path) else path


def _label(step: Step, target: str) -> str:
    call = step.call
    path = short_path(target)
    if step.kind == "request":
        return f"{step.number} {call.caller} → {call.callee} {call.method} {path}"
    status = str(call.status) if step.kind == "response" else error_name(call)
    return f"{step.number} {call.caller} ← {call.callee} {status} {path}"


def _phrase(status: int) -> str:
    try:
        return _PHRASES.get(status) or HTTPStatus(status).phrase
    except ValueError:
        return ""


def _error(call: Call) -> str:
    return call.failure.error if call.failure else ""


def _in_line(text: str) -> str:
    return visible(text).replace("\n", "␊")


def _joined(heading: str, remark: str) -> str:
    return f"{heading} · {remark}" if remark else heading


def _attempt(attempt: Attempt) -> str:
    return (attempt.error or "").partition(":")[0] if attempt.status is None else str(attempt.status)
