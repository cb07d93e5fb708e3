"""The author's Markdown as it stands on a page: mentions filled in, and each line break a line break.

The author's own words are trusted; the captured values that mentions bring in are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from requestshook.config.notes import Mention, Place, Text
from requestshook.page import escape
from requestshook.page.escape import Markdown

_FENCE = re.compile(r"[ \t>]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|[0-9]{1,9}[.)])[ \t]+\S")
_RULE = re.compile(r"[ \t]*(?:=+|-+|[|:\- \t]*\|[|:\- \t]*)[ \t]*\Z")  # under a heading or a table's head
# Headings, admonitions, tabs, HTML, tables, definitions: what begins so is no line of a paragraph.
_STRUCTURE = re.compile(r"[ \t]*(?:#{1,6}[ \t]|!!!|\?\?\?|===|<[/!A-Za-z]|\[[^\]]+\]:|\*\[[^\]]+\]:|:[ \t]|\|)")
_BREAK = re.compile(r".*(?:  |\\|<br ?/?>)\Z")


class Prose:
    """Writes texts; `number` and `to` know steps, `value` the variables, `fault` hears what cannot be filled in.

    `write` makes of the Markdown what the page's format has, `spell` escapes a value among its words.
    """

    def __init__(
        self,
        number: Callable[[Place], int | None],
        to: Callable[[int], str] | None,
        value: Callable[[str], str | None],
        fault: Callable[[int, str], None],
        write: Callable[[str], str] = Markdown,
        spell: Callable[[str], str] = escape.inline,
    ) -> None:
        self._number, self._to, self._value, self._fault = number, to, value, fault
        self._write, self._spell = write, spell

    def markdown(self, text: Text | None) -> str:
        """The text as the page has it; empty where there is none."""
        if text is None:
            return self._write("")
        parts, position = [], 0
        for mention in text.mentions:
            parts += [text.value[position : mention.begin], self._mentioned(mention, text.value)]
            position = mention.end
        parts.append(text.value[position:])
        return self._write("\n".join(_broken("".join(parts).strip("\n").split("\n"))))

    def _mentioned(self, mention: Mention, text: str) -> str:
        written = self._variable(mention) if mention.variable is not None else self._steps(mention)
        return text[mention.begin : mention.end] if written is None else written

    def _variable(self, mention: Mention) -> str | None:
        value = self._value(mention.variable or "")
        if value is None:
            return None  # told where the variable stands
        return escape.in_code(value) if mention.in_code else escape.unlinked(self._spell(value))

    def _steps(self, mention: Mention) -> str | None:
        places = [place for place in (mention.first, mention.last) if place is not None]
        numbers = [self._number(place) for place in places]
        written = []
        for place, number in zip(places, numbers, strict=True):
            if number is None:
                self._fault(mention.line, f"[[{place.id}]] names no step: {self._reason(place)}")
                return None
            linked = self._to is not None and not mention.in_code
            written.append(f"[{number}]({self._to(number)})" if linked and self._to else str(number))
        return "-".join(dict.fromkeys(written))

    def _reason(self, place: Place) -> str:
        if self._number(Place(place.id, "request")) is None:
            return f"the call {place.id!r} is not in this recording"
        return f"the call has no {place.message} here"


def _broken(lines: list[str]) -> Iterator[str]:
    """The lines, with two spaces at the end of each one that its paragraph goes on after."""
    fence, in_list = "", False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip(f" \t>{fence[0]}") else fence
            yield line
            continue
        fence = mark[1] if mark else ""
        in_list = bool(_ITEM.match(line)) or (in_list and bool(line.strip()))
        goes_on = not fence and not in_list and _is_prose(line) and _is_prose(following)
        yield f"{line.rstrip()}  " if goes_on and not _BREAK.match(line) else line


def _is_prose(line: str) -> bool:
    """Whether it is a line of a paragraph."""
    return bool(line.strip()) and not any(kind.match(line) for kind in (_FENCE, _ITEM, _RULE, _STRUCTURE))
