"""What a command was given in secret does not stand in the output that is kept of it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook import events
from requestshook.config import load
from requestshook.redact import Redactor
from requestshook.run import run, secrets

REDACTOR = Redactor(b"k" * 32)


def recorded(folder: Path) -> str:
    """All lines of the recording's spool."""
    return "".join(path.read_text() for path in (folder / ".requestshook" / "spool").iterdir())


@pytest.mark.parametrize("arguments", [["--os-password", "hunter2secret"], ["--password=hunter2secret"]])
def test_an_echoed_argument(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that prints its own password leaves none in the recording, and prints it all the same."""
    monkeypatch.chdir(tmp_path)
    code = "import sys; print('password is', sys.argv[-1].split('=')[-1]); print(sys.argv[-1], file=sys.stderr)"
    assert run(load(), [sys.executable, "-c", code, *arguments]).status == 0
    lines = recorded(tmp_path)
    assert "hunter2secret" not in lines
    assert "password is ‹password:" in lines


def test_an_echoed_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands in the environment under a known name is known, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OS_PASSWORD", "hunter2secret")
    assert run(load(), [sys.executable, "-c", "import os; print('I am', os.environ['OS_PASSWORD'])"]).status == 0
    assert "hunter2secret" not in recorded(tmp_path)


@pytest.mark.parametrize("variable", ["PWD", "OLDPWD"])
def test_the_folder_is_no_password(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The working directory stands in the output as it was printed, though a shell calls it PWD."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(variable, str(tmp_path))
    assert run(load(), [sys.executable, "-c", "import os; print('I am in', os.getcwd())"]).status == 0
    assert f"I am in {tmp_path}" in recorded(tmp_path)


def test_with_redaction_off_nothing_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`redact: off` means it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "requestshook.yaml").write_text("redact: off\n")
    assert run(load(), [sys.executable, "-c", "print('hunter2secret')", "--password", "hunter2secret"]).status == 0
    kept = [events.from_line(line) for line in recorded(tmp_path).splitlines() if '"recorded"' in line]
    assert [piece for event in kept for piece in event.output] == [("out", "hunter2secret" + os.linesep)]  # type: ignore[union-attr]


@given(st.lists(st.sampled_from(["hunter2", "secret", "hun", "ter2sec", "ret", "x", "\n"]), max_size=12), st.data())
def test_a_secret_over_two_pieces(words: list[str], data: st.DataObject) -> None:
    """However the output was cut into pieces, no secret is left in a stream, and the rest is as it was."""
    streams = [data.draw(st.sampled_from(["out", "err"])) for _ in words]
    known = secrets.given(REDACTOR, ["c", "--password", "hunter2secret"], {"API_TOKEN": "secretx"})
    assert set(known) == {"hunter2secret", "secretx"}
    before = tuple(zip(streams, words))
    after = secrets.without(before, known)
    assert [name for name, _ in after] == streams
    for stream in ("out", "err"):
        old = "".join(text for name, text in before if name == stream)
        new = "".join(text for name, text in after if name == stream)
        assert not any(value in new for value in known)
        for value, pseudonym in known.items():
            new = new.replace(pseudonym, value)
        assert new == old


def test_short_values_are_left() -> None:
    """A password of four letters would take words out of the text."""
    assert secrets.given(REDACTOR, ["c", "--password", "asdf"], {"OS_TOKEN": ""}) == {}


ASKS = """
import os, requests, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Subject-Token", "a value 7of the day".replace(" ", "-"))
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *arguments): pass

server = HTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
got = requests.get(f"http://127.0.0.1:{server.server_port}/").headers["X-Subject-Token"]
print("ordered with", got + ".")
print("id=" + got, "| adminPass |", got, "|")
"""


def test_a_secret_that_a_call_carried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was replaced in a message of the recording is replaced where the command prints it, by the same name."""
    monkeypatch.chdir(tmp_path)
    assert run(load(), [sys.executable, "-c", ASKS]).status == 0
    kept = [events.from_line(line) for line in recorded(tmp_path).splitlines() if '"recorded"' in line]
    (text,) = ["".join(piece for _, piece in event.output) for event in kept]  # type: ignore[union-attr]
    assert "a-value-7of-the-day" not in text
    mark = re.findall("‹token:[0-9a-f]{16}›", recorded(tmp_path))[0]
    assert text == f"ordered with {mark}.\nid={mark} | adminPass | {mark} |\n"
