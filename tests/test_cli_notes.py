"""`show` tells what somebody wrote to a call by hand."""

from __future__ import annotations

import json
from pathlib import Path

from cli_support import requestshook

from requestshook.events import Body, Note, Origin, Recording, Request, to_line

ORIGIN = Origin("wire", "1" * 32, "2" * 32, "h", 7, 1)


def test_show_tells_notes(tmp_path: Path) -> None:
    """The note of a call stands above its request, in one line, and in what programs read."""
    spool = tmp_path / ".requestshook" / "spool"
    spool.mkdir(parents=True)
    lines = (
        Recording(0.5, ORIGIN.trace, "image-create", ()),
        Request(1.0, ORIGIN, None, "a", "b", "GET", "http://h/", "HTTP/1.1", (), Body("", 0)),
        Note(2.0, ORIGIN, "why\ntwice?\x1b[31m", ":warning:"),
    )
    (spool / "h-7-1-aa.jsonl").write_bytes(b"".join(map(to_line, lines)))
    shown = requestshook(tmp_path, "show", "--step", "1")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[2] == ":warning: why␊twice?␛[31m"
    (call,) = json.loads(requestshook(tmp_path, "show", "--json").stdout)["calls"]
    assert call["notes"] == [{"at": 2.0, "text": "why\ntwice?\x1b[31m", "mark": ":warning:"}]
