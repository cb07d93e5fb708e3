"""The command that was recorded, and what it printed, as a terminal would show it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from requestshook.page.escape import visible
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.trace.calls import Trace

# ECMA-48: control sequences (colours, cursor), and operating system commands (titles, links).
_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][0-9A-B]|\x1b[=>78]")


def texts(trace: Trace) -> Iterator[str]:
    """All captured text of the command, for the first pass."""
    yield from trace.command
    yield "".join(text for _, text in trace.output)


def lines(trace: Trace, pseudonyms: Pseudonyms) -> list[str]:
    """The prompt, then the output's lines without their colours."""
    shown = [f"$ {shlex.join(trace.command)}"] if trace.command else []
    output = pseudonyms.numbered("".join(text for _, text in trace.output))
    if output:
        shown += [_overwritten(line) for line in _SEQUENCES.sub("", output).removesuffix("\n").split("\n")]
    return [visible(pseudonyms.numbered(line)).replace("\n", "␊") for line in shown]


def _overwritten(line: str) -> str:
    """What a terminal shows of a line whose start was written again: a progress bar."""
    return line.removesuffix("\r").rpartition("\r")[2]
