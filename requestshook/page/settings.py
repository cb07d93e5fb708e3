"""What the author, the configuration and the site say about a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from requestshook.config.notes import Reference
from requestshook.openapi import Description
from requestshook.words import WORDS

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class PageSettings:
    """All that is not in the trace."""

    title: str | None = None  # None: the recording's name
    hide_headers: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)  # words.WORDS in the author's language
    anchors: bool = True
    variables: str = "overview"  # or "everywhere": in headings and titles too
    view: str | None = None  # client, wire or server; None: the innermost that saw the message
    redaction: bool = True  # where no process says whether it redacted
    services: tuple[tuple[str, str], ...] = ()  # (name, base URL)
    ignored: tuple[str, ...] = ()  # selectors of calls that are not recorded
    references: tuple[Reference, ...] = ()
    descriptions: tuple[tuple[str, Description], ...] = ()  # of services, by name
    snippets: bool = True  # the site may have pymdownx.snippets on: lines it would read as an inclusion are guarded


class Words:
    """The fixed words of one page, with the author's labels in place of ours."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self._words = {**WORDS, **labels}

    def __getitem__(self, name: str) -> str:
        return self._words[name]

    def view(self, label: str) -> str:
        """The word for a view, its number kept: `wire 2`."""
        kind, space, number = label.partition(" ")
        return f"{self._words.get(kind, kind)}{space}{number}"

    def phrase(self, name: str, **values: object) -> str:
        """The word with `{field}` filled in; what is filled in is not looked at again."""
        return _FIELD.sub(lambda found: str(values.get(found[1], found[0])), self[name])
