"""The command that was recorded, and what it printed, as a terminal would show it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import NamedTuple

from requestshook.page.author import Author
from requestshook.page.escape import visible
from requestshook.page.marking import Marker
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Trace

# ECMA-48: control sequences (colours, cursor), and operating system commands (titles, links).
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78]")


def texts(trace: Trace) -> Iterator[str]:
    """All captured text of the command, for the first pass."""
    yield from trace.command
    yield "".join(text for _, text in trace.output)


class Command(NamedTuple):
    """The command as a fence: a title, numbered lines, those of them that are marked."""

    title: str
    lines: list[str]
    highlights: tuple[int, ...]


def show(trace: Trace, pseudonyms: Pseudonyms, author: Author) -> Command:
    """The command with what the author says of it; of a highlight lines are counted from the output's first."""
    said = author.annotations.command
    prompt, output = _prompt(trace), _output(trace, pseudonyms)
    marker = Marker(said.highlight, author.fault, "the command's output")
    marked = marker.body(output, is_json=False, is_text=True, cut=trace.output_cut)
    marker.finish()
    lines = [visible(pseudonyms.numbered(line)).replace("\n", "␊") for line in (*prompt, *output)]
    return Command(said.title or "", lines, tuple(number + len(prompt) for number in marked))


def _prompt(trace: Trace) -> list[str]:
    return [f"$ {shlex.join(trace.command)}"] if trace.command else []


def _output(trace: Trace, pseudonyms: Pseudonyms) -> list[str]:
    """The output's lines without their colours."""
    output = pseudonyms.numbered("".join(text for _, text in trace.output))
    if not output:
        return []
    return [_overwritten(line) for line in _SEQUENCES.sub("", output).removesuffix("\n").split("\n")]


def _overwritten(line: str) -> str:
    """What a terminal shows of a line whose start was written again: a progress bar."""
    return line.removesuffix("\r").rpartition("\r")[2]
