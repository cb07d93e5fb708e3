"""The reader of annotation files: YAML by position, checked as far as that goes without a trace.

A file with faults raises one ConfigError that names them all, each with file, line, column and what was expected.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from requestshook.annotations import ids, mentions, values
from requestshook.annotations.checks import Fault, Use, check_nesting, check_uses
from requestshook.annotations.model import (
    KINDS,
    PARTS,
    Annotations,
    Around,
    Command,
    Entry,
    Group,
    Hidden,
    PageText,
    Phase,
    ValueOf,
    Variable,
)
from requestshook.config import files
from requestshook.config.notes import Mention, Notes, Page, Text, read_highlights, read_page, read_selector
from requestshook.config.positions import Document, Value

_NO_PAGE = Page()


def read(path: str | os.PathLike[str], page: Page = _NO_PAGE) -> Annotations:
    """The annotation file at `path`; `page` is the configuration's. Raises ConfigError."""
    return parse(files.read(os.fspath(path)), files.shown(os.fspath(path)), page)


def parse(text: str, name: str, page: Page = _NO_PAGE) -> Annotations:
    """What the text of an annotation file says; `name` stands in the errors."""
    document = Document(text, name)
    root = document.root()
    reading = _Reading(name, page)
    found = Annotations(name, page=page) if root is None or root.empty else reading.annotations(root)
    document.check()
    return found


class _Reading:
    """One file, and the names in it that can be checked only when all of it is read."""

    def __init__(self, name: str, page: Page) -> None:
        self._name = name
        self._page = page
        self._uses: list[Use] = []
        self._spaced: list[tuple[Fault, str]] = []  # what may be meant as a mention
        self._groups: list[tuple[Fault, Group]] = []
        self._ids: dict[str, int] = {}  # with the number of the entry
        self._lines: dict[str, int] = {}  # of ids, in lower case

    def annotations(self, root: Value) -> Annotations:
        """All of the file."""
        readers: dict[str, Callable[[Value], Any]] = {
            "trace": lambda value: value.filled("the name of a recording"),
            "title": lambda value: value.filled("a title"),
            "text": self._page_text,
            "command": _command,
            "variables": lambda value: tuple(self._variables(value)),
            "phases": lambda value: tuple(self._phases(value)),
            "groups": lambda value: tuple(self._read_groups(value)),
            "hide": lambda value: tuple(
                Hidden(read_selector(item), item.line) for item in value.items("a list of selectors")
            ),
            "calls": lambda value: tuple(self._entries(value)),
            "page": lambda value: read_page(value, self._page),
        }
        fields = root.fields(readers)
        found = {key: readers[key](value) for key, value in fields.items()}
        found["entries"] = found.pop("calls", ())
        annotations = Annotations(self._name, **{"page": self._page, **found})
        check_uses(self._uses, self._ids, {variable.name for variable in annotations.variables})
        check_nesting(self._groups, self._ids)
        for fault, spaced in self._spaced:
            if spaced.startswith("$") or spaced.split(".")[0] in self._ids:
                fault(f"expected [[{spaced}]], without spaces")
        return annotations

    def _page_text(self, value: Value) -> PageText:
        fields = value.fields(("intro", "outro", *PARTS))
        around = {part: self._around(fields[part]) for part in PARTS if part in fields}
        return PageText(self._text(fields.get("intro")), self._text(fields.get("outro")), around)

    def _around(self, value: Value) -> Around:
        fields = value.fields(("above", "below"))
        return Around(self._text(fields.get("above")), self._text(fields.get("below")))

    def _text(self, value: Value | None) -> Text | None:
        text = value.text("Markdown") if value else ""
        if value is None or not text.strip():
            return None
        return Text(text, value.line, tuple(self._mentions(value, text)))

    def _mentions(self, value: Value, text: str) -> Iterator[Mention]:
        places = value.places("[[") if "[[" in text else {}
        for found in mentions.find(text):
            if isinstance(found, mentions.OpenFence):
                line, column = value.places(found.sign).get(found.begin, (value.line, 1))
                value.document.fault(line, column, f"the fence that begins here with {found.sign} never ends")
                continue
            line, column = places.get(found.begin, (value.line, 1))
            mention = self._mention(found, line, partial(value.document.fault, line, column))
            if mention:
                yield mention

    def _mention(self, found: mentions.Found, line: int, fault: Fault) -> Mention | None:
        place = (found.begin, found.end, line, found.in_code)
        name = found.content.strip()
        if name != found.content:
            self._spaced.append((fault, name))
            return None
        if name.startswith("$"):
            self._uses.append(Use(fault, name[1:], is_variable=True))
            return Mention(*place, variable=name[1:])
        try:
            first, last = mentions.steps(name)
        except ValueError as error:
            fault(str(error))
            return None
        self._uses.append(Use(fault, first.id, last.id if last else None))
        return Mention(*place, first, last)

    def _variables(self, value: Value) -> Iterator[Variable]:
        for name, key, item in value.pairs("a mapping of names to values"):
            if not values.NAME.fullmatch(name):
                key.fault(f"expected a name of letters, digits, - and _, found {name!r}")
            if not item.filled("a value, or where it stands, such as $ID.response.body.id").strip():
                continue
            nothing: str | ValueOf = ""
            found = item.parse(values.parse, nothing)
            if not isinstance(found, str):
                self._uses.append(Use(item.fault, found.id))
            yield Variable(name, found, item.line)

    def _phases(self, value: Value) -> Iterator[Phase]:
        lines: dict[str, int] = {}
        for item in value.items("a list of phases"):
            fields = item.fields(("title", "from"), required=("title", "from"))
            title = fields["title"].filled("a title") if "title" in fields else ""
            start = self._id_used(fields["from"]) if "from" in fields else None
            if start is None:
                continue
            if start in lines:
                fields["from"].fault(f"a phase in line {lines[start]} begins at this call already")
            lines.setdefault(start, item.line)
            yield Phase(title, start, item.line)

    def _id_used(self, value: Value) -> str | None:
        """An id of an entry, of which it is checked later that it is one."""
        text = value.filled("the id of a call")
        if not text.strip():
            return None
        self._uses.append(Use(value.fault, text))
        return text

    def _read_groups(self, value: Value) -> Iterator[Group]:
        for item in value.items("a list of groups"):
            fields = item.fields(("kind", "label", "calls"), required=("kind", "label", "calls"))
            kind = fields["kind"].choice(KINDS) if "kind" in fields else ""
            label = fields["label"].filled("a label") if "label" in fields else ""
            if "calls" not in fields:
                continue
            calls = fields["calls"].filled("the ids of the first and last call, as first..last")
            first, dots, last = calls.partition("..")
            if not calls.strip():
                continue
            self._uses.append(Use(fields["calls"].fault, first, last if dots else None))
            group = Group(kind, label, first, last if dots else first, item.line)
            self._groups.append((fields["calls"].fault, group))
            yield group

    def _entries(self, value: Value) -> Iterator[Entry]:
        items = value.items("a list of selectors and of mappings with call, id, request and response")
        fields = [item.fields(("call", "id", "request", "response"), ("call",)) if item.scalar is None else {}
                  for item in items]  # fmt: skip
        names = [self._id(of_call["id"], number) if "id" in of_call else None for number, of_call in enumerate(fields)]
        for item, of_call, id in zip(items, fields, names):
            spelled = item if item.scalar is not None else of_call.get("call")
            notes = {key: self._notes(of_call[key], key) for key in ("request", "response") if key in of_call}
            if spelled is not None:
                yield Entry(read_selector(spelled), spelled.scalar or "", item.line, id, **notes)

    def _id(self, value: Value, number: int) -> str | None:
        text = value.filled("an id")
        if not text.strip():
            return None
        value.parse(ids.check, "")
        earlier = self._lines.setdefault(text.lower(), value.line)
        if text in self._ids:
            value.fault(f"the id {text!r} stands here a second time; the first is in line {earlier}")
        elif earlier != value.line:
            value.fault(f"the id {text!r} differs from the one in line {earlier} only in capitals")
        self._ids.setdefault(text, number)
        return text

    def _notes(self, value: Value, message: str) -> Notes:
        fields = value.fields(("text", "highlight", "after", "header", "body"))
        return Notes(
            self._text(fields.get("text")),
            read_highlights(fields["highlight"], message) if "highlight" in fields else (),
            self._text(fields.get("after")),
            self._in_tab(fields.get("header")),
            self._in_tab(fields.get("body")),
        )

    def _in_tab(self, value: Value | None) -> Text | None:
        return self._text(value.fields(("after",)).get("after")) if value else None


def _command(value: Value) -> Command:
    fields = value.fields(("title", "highlight"))
    title = fields["title"].filled("a title") if "title" in fields else None
    return Command(title, read_highlights(fields["highlight"], "output") if "highlight" in fields else ())
