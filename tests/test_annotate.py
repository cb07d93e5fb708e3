"""`requestshook annotate` as a person types it: which file, what is said, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cli_support import command, environment, requestshook
from terminal_support import Terminal

from requestshook.events import Body, Event, Note, Origin, Recorded, Recording, Request, Response, to_line


def record(folder: Path, paths: str, *, name: str = "flow", trace: str = "2", note: str = "") -> None:
    """A recording of `GET /x`, `GET /y` …, as the spool lines of one process; a note stands at its first call."""
    spool = folder / ".requestshook" / "spool"
    spool.mkdir(parents=True, exist_ok=True)
    begun = float(int(trace))
    lines: list[Event] = [Recording(begun, trace * 32, name, ("make", "it"))]
    for n, path in enumerate(paths.split(), 1):
        origin = Origin("client", f"{n:032x}", trace * 32, "h", int(trace), n)
        at = begun + n / 100
        lines += [
            Request(
                at, origin, None, "a", "b", "GET", f"http://h/{path}", "HTTP/1.1", (("Accept", "*/*"),), Body("", 0)
            ),
            Response(at, origin, 200, "OK", "HTTP/1.1", (), (), Body("", 0)),
        ]
        if note and n == 1:
            lines.append(Note(at, origin, note, ":warning:"))
    lines.append(Recorded(begun + 1, trace * 32, 0, (), False))
    (spool / f"h-{trace}-1-aa.jsonl").write_bytes(b"".join(map(to_line, lines)))


def annotate(folder: Path, *arguments: str, status: int = 0) -> list[str]:
    """The lines that the command says, those on standard error last."""
    done = requestshook(folder, "annotate", *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    return [*done.stdout.splitlines(), *done.stderr.splitlines()]


X, Y, N = ('- "a -> b GET /x"', '- "a -> b GET /y"', '- "a -> b GET /n"')


def test_from_the_first_file_to_the_next_recording(tmp_path: Path) -> None:
    """A first file is written and renders; the next recording's calls are added; a second time changes nothing."""
    record(tmp_path, "x y")
    assert annotate(tmp_path) == ["flow.yaml written: 2 calls"]
    file = tmp_path / "flow.yaml"
    first = file.read_text("utf-8")
    assert annotate(tmp_path, "flow.yaml") == ["flow.yaml: nothing to add, every call has an entry"]
    assert file.read_text("utf-8") == first
    done = requestshook(tmp_path, "render", "flow.yaml", "--strict")
    assert (done.returncode, done.stderr) == (0, "")

    record(tmp_path, "x n y m", trace="3")
    said = annotate(tmp_path, "flow.yaml")
    second = file.read_text("utf-8")
    lines = second.splitlines()
    new = [number for number, line in enumerate(lines, 1) if line.strip() in (N, '- "a -> b GET /m"')]
    assert said[0] == f"flow.yaml: 2 calls added: lines {new[0]}, {new[1]}"
    assert "".join(line for n, line in enumerate(second.splitlines(True), 1) if n not in new) == first
    assert annotate(tmp_path, "flow")[0] == "flow.yaml: nothing to add, every call has an entry"
    assert file.read_text("utf-8") == second


def test_schema(tmp_path: Path) -> None:
    """The first line leads to the schema, from a folder below too; where it cannot, there is none."""
    record(tmp_path, "x")
    annotate(tmp_path, "-o", "notes/flow.yaml")
    line = (tmp_path / "notes" / "flow.yaml").read_text("utf-8").splitlines()[0]
    assert line == "# yaml-language-server: $schema=../.requestshook/schemas/annotations.json"
    assert (tmp_path / "notes" / line.partition("=")[2]).is_file()
    other = tmp_path / "other"
    other.mkdir()
    done = requestshook(other, "annotate", "-o", "flow.yaml", REQUESTSHOOK_DIR=str(tmp_path / "notes" / "x"))
    assert done.returncode == 1
    done = requestshook(tmp_path, "annotate", "-o", "-")
    assert done.stdout.startswith("# yaml-language-server: $schema=.requestshook/schemas/annotations.json\n")


@pytest.mark.parametrize("mode", [0o640, 0o600])
def test_the_file_itself_stays(tmp_path: Path, mode: int) -> None:
    """Its mode, its byte order mark, its line ends, and that it is reached by a link."""
    record(tmp_path, "x n")
    real = tmp_path / "real.yaml"
    real.write_bytes(f"\ufefftitle: 한글\r\ncalls:\r\n{X}".encode())
    real.chmod(mode)
    (tmp_path / "flow.yaml").symlink_to("real.yaml")
    assert annotate(tmp_path) == ["flow.yaml: 1 call added: line 4"]
    assert (tmp_path / "flow.yaml").is_symlink()
    assert real.read_bytes() == f"\ufefftitle: 한글\r\ncalls:\r\n{X}\r\n{N}".encode()
    assert real.stat().st_mode & 0o777 == mode
    assert sorted(path.name for path in tmp_path.iterdir()) == [".requestshook", "flow.yaml", "real.yaml"]


def test_standard_output(tmp_path: Path) -> None:
    """`-o -` prints a first file, or what a FILE would become, and writes nothing."""
    record(tmp_path, "x n")
    assert yaml.safe_load("\n".join(annotate(tmp_path, "flow", "-o", "-")))["trace"] == "flow"
    file = tmp_path / "mine.yaml"
    file.write_text(f"trace: flow\ncalls:\n  {X}\n", "utf-8")
    assert annotate(tmp_path, "mine.yaml", "-o", "-") == ["trace: flow", "calls:", f"  {X}", f"  {N}"]
    assert file.read_text("utf-8") == f"trace: flow\ncalls:\n  {X}\n"
    assert [path.name for path in tmp_path.glob("*.yaml")] == ["mine.yaml"]


def test_which_recording_and_which_file(tmp_path: Path) -> None:
    """A FILE says which recording it speaks of, else by its name; -o may be a folder; no recording makes the
    configuration's file.
    """
    record(tmp_path, "x", name="flow", trace="2")
    record(tmp_path, "y", name="requestshook", trace="3")
    assert annotate(tmp_path) == ["requestshook-notes.yaml written: 1 call"]
    (tmp_path / "sub").mkdir()
    assert annotate(tmp_path, "flow", "-o", "sub") == ["sub/flow.yaml written: 1 call"]
    (tmp_path / "mine.yaml").write_text("trace: flow\n", "utf-8")
    assert annotate(tmp_path, "mine.yaml") == ["mine.yaml: 1 call added: line 3"]
    assert annotate(tmp_path, "./flow.yaml") == ["./flow.yaml written: 1 call"]
    (said,) = annotate(tmp_path, "nothing.yaml", status=1)
    assert "nothing" in said
    assert not (tmp_path / "nothing.yaml").exists()
    assert "say which file is meant" in annotate(tmp_path, "mine.yaml", "-o", "other.yaml", status=2)[-1]


def test_check(tmp_path: Path) -> None:
    """What is missing and what is stale is said with file and line, and exit status 1; nothing is written."""
    record(tmp_path, "x y z u")
    assert annotate(tmp_path, "--check", status=1) == [
        "requestshook: there is no flow.yaml: `requestshook annotate flow` writes it"
    ]
    annotate(tmp_path)
    assert annotate(tmp_path, "--check") == ["flow.yaml: up to date"]
    file = tmp_path / "flow.yaml"
    text = file.read_text("utf-8")
    record(tmp_path, "x n y u", trace="3")
    said = annotate(tmp_path, "flow.yaml", "--check", status=1)
    lines = ["", *text.splitlines()]
    x, z = (next(n for n, line in enumerate(lines) if f"GET /{path}" in line) for path in "xz")
    assert said[:2] == [
        f"flow.yaml:{x}: after this there is a call without an entry, step 3: `a -> b GET /n`",
        f"flow.yaml:{z}: `a -> b GET /z` names no call; did you mean `a -> b GET /n`?",
    ]
    assert file.read_text("utf-8") == text
    assert "--check" in annotate(tmp_path, "--check", "-o", "-", status=2)[-1]


def test_check_of_a_file_of_few_entries(tmp_path: Path) -> None:
    """Calls that such a file does not list are no fault; entries without notes and without a call are."""
    record(tmp_path, "x y z u")
    file = tmp_path / "flow.yaml"
    file.write_text(f"calls:\n  {X}\n", "utf-8")
    assert annotate(tmp_path, "--check") == ["flow.yaml: up to date"]
    file.write_text(f"calls:\n  {N}\n", "utf-8")
    assert annotate(tmp_path, "--check", status=1)[0].startswith("flow.yaml:2: `a -> b GET /n` names no call")


def test_stale_entries_stay_and_notes_are_told(tmp_path: Path) -> None:
    """An entry whose call is gone is told and kept; so is what was noted at a call that has an entry."""
    record(tmp_path, "x y", note="why twice?")
    file = tmp_path / "flow.yaml"
    file.write_text(f"calls:\n  {X}\n  {N}\n", "utf-8")
    assert annotate(tmp_path) == [
        "flow.yaml: 1 call added: line 3",
        "requestshook: flow.yaml:2: note from the recording: why twice? (:warning:)",
        "requestshook: flow.yaml:4: `a -> b GET /n` names no call",
    ]
    assert file.read_text("utf-8") == f"calls:\n  {X}\n  {Y}\n  {N}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel: x\ncalls:\n  - nothing\n", ["flow.yaml:1:1: unknown key 'titel'", "flow.yaml:3:"]),
        ("calls: []\n", ["flow.yaml:1: `calls` is written in brackets"]),
        ("\xff", ["flow.yaml:1:1: expected UTF-8"]),
    ],
)
def test_what_is_left_alone(tmp_path: Path, text: str, said: list[str]) -> None:
    """A file with faults, all of which are said, and one that nothing can be added to."""
    record(tmp_path, "x")
    file = tmp_path / "flow.yaml"
    file.write_bytes(text.encode("latin-1"))
    found = annotate(tmp_path, status=2 if "brackets" not in said[0] else 1)
    assert len(found) == len(said)
    assert all(each in line for each, line in zip(said, found, strict=True))
    assert file.read_bytes() == text.encode("latin-1")


def test_hidden_calls(tmp_path: Path) -> None:
    """What the file hides is neither listed nor missing."""
    record(tmp_path, "x n")
    file = tmp_path / "flow.yaml"
    file.write_text(f'hide: ["* GET /n"]\ncalls:\n  {X}\n', "utf-8")
    assert annotate(tmp_path, "--check") == ["flow.yaml: up to date"]
    assert annotate(tmp_path) == ["flow.yaml: nothing to add, every call has an entry"]
    file.write_text(f'hide: ["* GET /n"]\ncalls:\n  {X}\n  {N}\n', "utf-8")
    assert annotate(tmp_path, "--check") == ["flow.yaml: up to date"]
    file.write_text('hide: ["* GET /n"]\ncalls:\n  - {call: "a -> b GET /n", id: lost}\n', "utf-8")
    assert annotate(tmp_path, "--check", status=1)[0] == (
        "flow.yaml:3: `a -> b GET /n` names a call that `hide` leaves out"
    )


def test_what_is_gone_is_said_once(tmp_path: Path) -> None:
    """The entry that has no call left says how many there are; where it has no words, another one does."""
    record(tmp_path, "y x")
    file = tmp_path / "flow.yaml"
    noted = '- {call: "a -> b GET /x", request: {text: hi}}'
    file.write_text(f"calls:\n  {Y}\n  {noted}\n  {noted}\n", "utf-8")
    said = annotate(tmp_path, "--check", status=1)
    assert [line for line in said if "twice and found once" in line] == [
        "flow.yaml:4: `a -> b GET /x` has no call left: it is listed twice and found once"
    ]
    file.write_text(f"calls:\n  {Y}\n  {noted}\n  {X}\n", "utf-8")
    said = annotate(tmp_path, "--check", status=1)
    assert "flow.yaml:3: `a -> b GET /x` is listed twice and found once" in said


def test_on_a_terminal_the_next_command_is_said(tmp_path: Path) -> None:
    """The one that shows what is written meanwhile."""
    record(tmp_path, "x")
    with Terminal(command("annotate"), environment(tmp_path), tmp_path) as terminal:
        terminal.expect(r"flow\.yaml written: 1 call")
        terminal.expect(r"next: requestshook render flow\.yaml --watch")
        assert terminal.process.wait(20) == 0


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """One line says so."""
    record(tmp_path, "x")
    (tmp_path / "file").write_text("", "utf-8")
    (said,) = annotate(tmp_path, "-o", "file/flow.yaml", status=1)
    assert said.startswith("requestshook: ")
    assert "file" in said
