"""The command line as a whole: help, documentation, start-up, completion, and one clear line for each bad input."""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import click
import pytest
from cli_support import command, environment, requestshook

from requestshook import cli
from requestshook.cli.group import COMMANDS
from requestshook.cli.group import cli as group

DOCS = Path(__file__).parents[1] / "docs" / "commands.md"
HELP_CPU = 0.150  # seconds


def _command(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def _sections() -> dict[str, str]:
    parts = re.split(r"^## (\S+)\n", DOCS.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command says what it does and ends in examples that begin with a command and fit a terminal."""
    assert cli.main([name, "--help"]) == 0
    text = capsys.readouterr().out
    _, found, examples = text.partition("\nExamples:\n")
    assert found
    assert f"requestshook {name}" in examples
    assert examples == "".join(f"  {line.strip()}\n" for line in examples.splitlines())
    assert max(map(len, text.splitlines())) <= 100
    assert _command(name).help
    assert all(option.help for option in _command(name).params if isinstance(option, click.Option))


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_documented(name: str) -> None:
    """Each command has a section in docs/commands.md, with its options and the examples that its help has."""
    section = _sections()[name]
    options = [p.opts[-1] for p in _command(name).params if isinstance(p, click.Option) and p.opts != ["--json"]]
    assert [option for option in options if option not in section] == []
    shown = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    assert set(shown) <= set(getattr(_command(name), "examples", ()))
    assert shown


def test_documented_commands_are_there() -> None:
    """docs/commands.md has no section of a command that does not exist."""
    assert set(_sections()) == set(COMMANDS)


@pytest.mark.parametrize("arguments", [["--help"], ["show", "--help"], ["run", "--help"], ["--version"]])
def test_help_imports_little(arguments: list[str], tmp_path: Path) -> None:
    """Help imports click, and none of what makes commands slow to start."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "requestshook", *arguments],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert done.returncode == 0
    assert "click" in loaded
    assert loaded.isdisjoint({"rich", "jinja2", "yaml", "requests", "urllib3", "sqlite3", "requestshook.store"})


def test_help_is_quick(tmp_path: Path) -> None:
    """`requestshook --help` takes less than 150 ms of CPU."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert requestshook(tmp_path, "--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < HELP_CPU


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version prints the name and the version."""
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"requestshook \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_no_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, and the status is that of wrong usage."""
    assert cli.main([]) == 2
    assert "Commands" not in capsys.readouterr().out.splitlines()[0]


WRONG = [
    (["shwo"], "there is no command 'shwo', did you mean show?"),
    (["show", "--stpe", "1"], "--step"),
    (["show", "--curl"], "say which with --step or --call"),
    (["show", "--step", "1", "--call", "* GET **"], "give one of them"),
    (["show", "--step", "0"], "0"),
    (["show", "--step", "x"], "'x' is not a valid number"),
    (["show", "image-create", "13"], "a step's number is given with --step (see requestshook show --help)"),
    (["start", "nightly"], "a recording's name is given with --name"),
    (["run", "--name"], "option '--name' requires an argument (see requestshook run --help)"),
    (["prune"], "--older-than"),
    (["prune", "--older-than", "soon"], "a number with s, m, h, d or w, as in 30d"),
    (["run"], "COMMAND"),
    (["run", "--nmae", "x", "--", "true"], "--nmae"),
    (["rm"], "TRACE"),
    (["env", "windows"], "systemd"),
    (["render", "--format", "pdf"], "mkdocs"),
    (["render", "--templates", "no-such-folder"], "no-such-folder"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_usage_is_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong usage is one line that says what is wrong and where the help is; nothing is written; the status is 2."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("requestshook: ")
    assert said in err
    assert "--help)" in err
    assert list(tmp_path.iterdir()) == []


READS = [["show"], ["show", "some"], ["render"], ["rm", "some"], ["prune", "--older-than", "1d"], ["init", "some"]]


@pytest.mark.parametrize("arguments", READS)
def test_nothing_recorded_yet(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was ever recorded, a command that reads says how to begin, and leaves no folder behind."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 1
    assert capsys.readouterr() == ("", f"requestshook: {cli_nothing()}\n")
    assert list(tmp_path.iterdir()) == []


def cli_nothing() -> str:
    from requestshook.cli.opening import NOTHING_YET

    return NOTHING_YET


def test_no_traces(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list of recordings is no error, and is a list for programs too."""
    monkeypatch.chdir(tmp_path)
    assert cli.main(["traces"]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(["traces", "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"
    assert list(tmp_path.iterdir()) == []


def _one_line(done: subprocess.CompletedProcess[str], *said: str) -> None:
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("requestshook: ")
    for text in said:
        assert text in done.stderr


@pytest.mark.parametrize("arguments", [["run", "--", "true"], ["start"], ["collect"], ["env", "shell"]])
def test_folder_that_cannot_be_made(arguments: list[str], tmp_path: Path) -> None:
    """A folder that cannot be written is one line that names it, before anything is run."""
    done = requestshook(tmp_path, *arguments, REQUESTSHOOK_DIR="/proc/nope")
    _one_line(done, "/proc/nope", "REQUESTSHOOK_DIR")
    assert done.returncode == 1


def test_file_in_place_of_the_folder(tmp_path: Path) -> None:
    """A file where the folder should be is one line that names it."""
    (tmp_path / ".requestshook").write_text("", "utf-8")
    done = requestshook(tmp_path, "start")
    _one_line(done, ".requestshook")
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [["traces"], ["show"], ["status"], ["collect"]])
def test_store_of_a_newer_version(arguments: list[str], tmp_path: Path) -> None:
    """A store of a newer version is left as it is, and one line says what to do."""
    assert requestshook(tmp_path, "collect").returncode == 0
    path = tmp_path / ".requestshook" / "traces.db"
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (1000, 0)")
    connection.close()
    done = requestshook(tmp_path, *arguments)
    _one_line(done, "traces.db", "version 1000", "reads up to")
    assert done.returncode == 1


@pytest.mark.parametrize("arguments", [["traces"], ["run", "--", "true"], ["start"], ["status"]])
def test_wrong_configuration(arguments: list[str], tmp_path: Path) -> None:
    """A wrong key is one line with file, line and what was expected; the status is that of wrong usage."""
    (tmp_path / "requestshook.yaml").write_text("services: {}\nservcies: {}\n", "utf-8")
    done = requestshook(tmp_path, *arguments)
    _one_line(done, "requestshook.yaml:2", "servcies", "services")
    assert done.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["requestshook.yaml"]


def test_unreadable_lines_are_told_once(tmp_path: Path) -> None:
    """A line that cannot be read is told with file and line number once, kept, and listed by status."""
    spool = tmp_path / ".requestshook" / "spool"
    spool.mkdir(parents=True)
    (spool / "other-1-1-00.jsonl").write_text('{"v":1,"event":"recording","at":1.0,"tr\n{"v":9}\n', "utf-8")
    done = requestshook(tmp_path, "traces")
    assert done.returncode == 0
    assert len(re.findall(r"^requestshook: .*other-1-1-00\.jsonl:[12]: ", done.stderr, re.M)) == 2
    assert "other-1-1-00" not in requestshook(tmp_path, "traces").stderr
    assert re.search(r"other-1-1-00\.jsonl:2: .*version 9", requestshook(tmp_path, "status").stdout)


def test_file_to_collect_that_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be read is one line, and the status says that not all was read."""
    done = requestshook(tmp_path, "collect", "nowhere.jsonl")
    assert done.returncode == 1
    assert done.stderr == "requestshook: nowhere.jsonl: No such file or directory\n"


def test_interrupt_is_quiet(tmp_path: Path) -> None:
    """Ctrl-C ends a command without a word, with the status of an interrupted one."""
    following = command("collect", "--follow")
    with subprocess.Popen(
        following, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "0 new lines\n"
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=20)
    assert (child.returncode, err) == (130, "")


def test_reader_that_goes_is_no_error(tmp_path: Path) -> None:
    """Where whoever reads the output has gone, nothing is said."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as gone:
        done = subprocess.run(
            command("--help"), cwd=tmp_path, env=environment(tmp_path), stdout=gone, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (141, b"")


def _completed(folder: Path, words: str) -> list[str]:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = requestshook(folder, _REQUESTSHOOK_COMPLETE="bash_complete", **asked)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion_of_commands_and_options(tmp_path: Path) -> None:
    """Commands and options complete, also where nothing was recorded."""
    assert _completed(tmp_path, "requestshook st") == ["start", "stop", "status"]
    assert "--step" in _completed(tmp_path, "requestshook show --s")
    assert _completed(tmp_path, "requestshook show ") == []
    assert list(tmp_path.iterdir()) == []


def test_completion_is_silent_on_faults(tmp_path: Path) -> None:
    """A wrong configuration or a broken store completes to nothing, without a word."""
    (tmp_path / "requestshook.yaml").write_text("servcies: {}\n", "utf-8")
    assert _completed(tmp_path, "requestshook show ") == []
    (tmp_path / "requestshook.yaml").write_text("", "utf-8")
    (tmp_path / ".requestshook").mkdir()
    (tmp_path / ".requestshook" / "traces.db").write_bytes(b"no database" * 1000)
    assert _completed(tmp_path, "requestshook show ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(shell: str, tmp_path: Path) -> None:
    """The script is printed for each shell, and bash can read its own."""
    done = requestshook(tmp_path, "completion", shell)
    assert done.returncode == 0
    assert "_REQUESTSHOOK_COMPLETE" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, text=True, timeout=10).returncode == 0


def test_init_never_overwrites(tmp_path: Path) -> None:
    """init writes a file that loads, and a second one leaves it as it is."""
    assert requestshook(tmp_path, "init").returncode == 0
    path = tmp_path / "requestshook.yaml"
    text = path.read_text("utf-8")
    assert requestshook(tmp_path, "traces").returncode == 0
    path.write_text(text + "# mine\n", "utf-8")
    done = requestshook(tmp_path, "init")
    assert done.returncode == 1
    _one_line(done, "requestshook.yaml is there already")
    assert path.read_text("utf-8") == text + "# mine\n"
