"""What an annotation file says, as values. docs/annotations.md describes the file.

Each value that a trace may prove wrong carries its line, so that whoever finds the fault can say `file:line: …`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from requestshook.config.notes import Notes, Page, Text
from requestshook.highlights import Highlight
from requestshook.highlights.paths import JsonPath
from requestshook.selectors import Selector

PARTS = ("command", "map", "diagram", "variables", "steps", "log")  # of a page, that texts may stand around
KINDS = ("opt", "loop", "par", "alt", "break", "critical")  # of groups


@dataclass(frozen=True, slots=True)
class Around:
    """The texts above and below one part of the page."""

    above: Text | None = None
    below: Text | None = None


@dataclass(frozen=True, slots=True)
class PageText:
    """The texts that belong to no call."""

    intro: Text | None = None
    outro: Text | None = None
    around: Mapping[str, Around] = field(default_factory=dict)  # by part, one of PARTS


@dataclass(frozen=True, slots=True)
class Command:
    """What is said about the command: of `highlight` only lines of its output and texts in them."""

    title: str | None = None
    highlight: tuple[Highlight, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueOf:
    """Where a variable's value stands: `$create.response.body.id`."""

    id: str  # the entry's
    message: str  # request or response
    field: str  # status, header, query or body
    name: str = ""  # of the header, or of the query's key
    path: JsonPath | None = None  # into the body; of no segments: the whole body


@dataclass(frozen=True, slots=True)
class Variable:
    """A name for a value that would differ in the next recording; shown as {name}."""

    name: str
    value: str | ValueOf  # a str is the value itself
    line: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the flow: from this call to the next phase."""

    title: str
    start: str  # an entry's id (`from` in the file)
    line: int


@dataclass(frozen=True, slots=True)
class Group:
    """A frame around all that lies between the first call's request and the last call's response; groups nest."""

    kind: str  # one of KINDS
    label: str
    first: str  # an entry's id
    last: str  # an entry's id, the same for a group of one call
    line: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """Calls that are recorded and not shown."""

    selector: Selector
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of `calls:`: a call by its selector, and what is said about it. A bare selector says nothing."""

    selector: Selector
    spelled: str  # the selector as the file has it
    line: int
    id: str | None = None  # safe as an anchor
    request: Notes = field(default_factory=Notes)
    response: Notes = field(default_factory=Notes)  # of the failure, where no response came


@dataclass(frozen=True, slots=True)
class Annotations:
    """A whole file. Ids that phases, groups, variables and texts name are those of entries."""

    path: str  # as errors name it
    trace: str | None = None
    title: str | None = None
    text: PageText = field(default_factory=PageText)
    command: Command = field(default_factory=Command)
    variables: tuple[Variable, ...] = ()
    phases: tuple[Phase, ...] = ()
    groups: tuple[Group, ...] = ()
    hide: tuple[Hidden, ...] = ()
    entries: tuple[Entry, ...] = ()  # in the file's order, which is the trace's
    page: Page = field(default_factory=Page)  # the configuration's, with the file's changes
