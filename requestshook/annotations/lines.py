"""A call about which nothing is said yet: its selector, and what somebody noted while it was recorded."""

from __future__ import annotations

from requestshook.annotations import quoting
from requestshook.selectors import Selector
from requestshook.trace.calls import Call


def bare(call: Call, selector: Selector) -> list[str]:
    """The lines of an entry about which nothing is said, without indent: notes made while recording, the selector."""
    return [*notes(call), f"- {quoting.quoted(str(selector))}"]


def notes(call: Call) -> list[str]:
    """What somebody wrote to the call while it was recorded, as comments for the author to use."""
    found = []
    for note in call.notes:
        first, *rest = quoting.comment(note.text)
        mark = " ".join(quoting.comment(note.mark))
        if rest:
            found += [f"# note from the recording{f' ({mark})' if mark else ''}:"]
            found += [f"#   {line}".rstrip() for line in (first, *rest)]
        elif first:
            found.append(f"# note from the recording: {first}{f' ({mark})' if mark else ''}")
        elif mark:
            found.append(f"# marked in the recording: {mark}")
    return found
