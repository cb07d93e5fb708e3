"""The `github` format: Markdown for GitHub and GitLab, which leave of HTML neither styles nor classes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from requestshook.page import escape, github_prose, github_tabs
from requestshook.page.author import Variable
from requestshook.page.callmap import Row
from requestshook.page.dialect import Dialect
from requestshook.page.escape import Markdown
from requestshook.page.exchanges import Exchange
from requestshook.page.frames import Frame
from requestshook.page.github_text import code, fence, finish, inline
from requestshook.page.lives import Life
from requestshook.page.log import Line
from requestshook.page.places import Places
from requestshook.page.settings import Words
from requestshook.page.steps import StepBlock

_SIGNS = {"origin": "🔴", "passed": "⭕"}  # solid and hollow: where a failure begins, and what follows from it
_FIELD = re.compile(r"\{(\w+)\}")
_STEPS = 12  # of a value's, that are told


def _unbroken(text: str) -> Markdown:
    """A quantity or a range, which no line ends in."""
    return Markdown(inline(text).replace("–", "\u2060–\u2060").replace(" ", "&nbsp;"))


_FILTERS: dict[str, Callable[..., str]] = {
    "inline": inline,
    "title": escape.title,
    "code": code,
    "link": escape.link,
    "markdown": Markdown,
    "fence": fence,
    "file": lambda name: Markdown(quote(name)),
    "unbroken": _unbroken,
    "strong": lambda shown: Markdown(f"**{finish(shown)}**"),
    "indent": lambda row: Markdown("&emsp;" * row.indent),
    "places": lambda places: Markdown(" · ".join(map(code, places))),
}


def _filters(context: Mapping[str, Any]) -> Mapping[str, Callable[..., Any]]:
    words, anchors = context["words"], context["settings"].anchors
    says = _Says(words, context["places"], context["pairs"], context["states"], anchors=anchors)
    return {
        **_FILTERS,
        "anchored": partial(_anchored, anchors=anchors),
        "to": says.linked,
        "say": says.say,
        "told": says.told,
        "named": says.named,
        "numbers": says.numbers,
        "opening": says.opening,
        "request": says.request,
        "outcome": says.outcome,
        "happened": says.happened,
        "beside": says.beside,
        "failing": says.failing,
        "output": partial(github_tabs.output, words=words),
        "tabs": partial(github_tabs.tabs, words=words, noted=context["noted"]),
        "lines": partial(github_tabs.lines, words=words),
    }


def _anchored(shown: object, anchor: str, *, anchors: bool) -> Markdown:
    """A heading's text behind its anchor: of an `a`, both forges leave `name`, and GitLab leaves no `id`."""
    return Markdown((f'<a name="{anchor}"></a>' if anchor and anchors else "") + finish(shown))


class _Says:
    """What stands beside steps, calls and values, with links to other steps."""

    def __init__(
        self, words: Words, places: Places, pairs: Sequence[Exchange], states: Mapping[int, str], *, anchors: bool
    ) -> None:
        self._words, self._places, self._anchors = words, places, anchors
        self._states = states
        self._asked = {pair.row.number: pair for pair in pairs}
        self._answered = {pair.answer.number: pair for pair in pairs if pair.answer is not None}

    def linked(self, shown: object, anchor: str) -> Markdown:
        """A link to an anchor, on whatever page that stands."""
        return Markdown(f"[{finish(shown)}]({self._places.to(anchor)})" if self._anchors else finish(shown))

    def step(self, number: int, anchor: str = "") -> Markdown:
        """`(4)`, as a link."""
        return self.linked(Markdown(f"({number})"), anchor or self._places.anchor(number))

    def say(self, word: str, step: int = 0, anchor: str = "", **values: object) -> Markdown:
        """A word with `{field}` filled in, `{step}` by a link."""
        return self._phrase(word, **values, **({"step": self.step(step, anchor)} if step else {}))

    def told(self, life: Life) -> Markdown:
        """Where a value comes up, and where it is used."""
        shown = " ".join(map(self.step, life.used[:_STEPS]))
        if len(life.used) > _STEPS:
            shown += f" {self._phrase('and_more', count=len(life.used) - _STEPS)}"
        used = Markdown(shown)
        if life.issued is None:
            return self._phrase("known_before", steps=used) if life.used else Markdown("")
        if not life.used:
            return self.say("issued_only", life.issued)
        return self.say("issued_used", life.issued, steps=used)

    def named(self, variable: Variable) -> Markdown:
        """A variable's name, as it stands for the value."""
        return code(f"{{{variable.name}}}")

    def numbers(self, group: Frame) -> Markdown:
        """The steps of a group."""
        return self.linked(_unbroken(f"{group.first}–{group.last}"), self._places.anchor(group.first))

    def opening(self, group: Frame) -> Row:
        """The row of a group's first call."""
        return self._asked[group.first].row

    def request(self, row: Row) -> Markdown:
        """Method and target of a call."""
        return code(f"{row.method} {row.target}")

    def outcome(self, pair: Exchange) -> Markdown:
        """How a call ended: what failed is bold."""
        return _outcome(pair.row.outcome or "–", pair.state, failed=pair.row.kind in "45x")

    def happened(self, line: Line) -> Markdown:
        """What a line of the log tells."""
        if line.kind == "request":
            return code(line.what)
        return _outcome(line.what, self._states.get(line.number, ""), failed=line.status in "45x")

    def beside(self, step: StepBlock) -> Markdown:
        """Of a request where and when it is answered, of an answer what it answers."""
        pair = self._asked.get(step.number)
        if pair is not None and pair.answer is not None:
            return Markdown(f" · {self.say('answered_in', pair.answer.number)}, {_unbroken(pair.row.duration)}")
        pair = self._answered.get(step.number)
        return Markdown(f" · {self.say('answers', pair.row.number)}" if pair is not None else "")

    def failing(self, step: StepBlock) -> Markdown:
        """That a failure begins here, or what it follows from; nothing at other steps."""
        pair = self._answered.get(step.number) or self._asked.get(step.number)
        if pair is None or not pair.state or (pair.answer is not None and step.kind == "request"):
            return Markdown("")
        if pair.follows is None:
            return Markdown(f"> [!CAUTION]\n> {_SIGNS[pair.state]} {inline(self._words['failure_starts'])}")
        follows = pair.follows
        what = Markdown(f"{code(follows.name)} {inline(follows.outcome)}".strip())
        return Markdown(f"{_SIGNS[pair.state]} {self.say('follows_from', follows.number, follows.anchor, what=what)}")

    def _phrase(self, word: str, **values: object) -> Markdown:
        found = _FIELD.split(self._words[word])
        found[::2] = map(_between, found[::2])
        found[1::2] = (finish(values.get(name, f"{{{name}}}")) for name in found[1::2])
        return Markdown("".join(found).strip())


def _between(text: str) -> str:
    """Text between others: the spaces at its ends are no markup there."""
    inner = text.strip(" ")
    return text.replace(inner, inline(inner)) if inner else text


def _outcome(shown: str, state: str, *, failed: bool) -> Markdown:
    sign = f"{_SIGNS[state]} " if state else ""
    return Markdown(f"{sign}**{inline(shown)}**" if failed else f"{sign}{inline(shown)}")


DIALECT = Dialect(
    name="github",
    ending=".md",
    folder="github",
    suffix=".md.jinja2",
    mark="generator: requestshook",
    chapter="chapter.md.jinja2",
    finish=finish,
    filters=_filters,
    prose=github_prose.markdown,
    value=inline,
)
