from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook import environment
from requestshook.config import load
from requestshook.events import Recorded, Recording
from requestshook.run import run
from requestshook.run.relay import Kept
from requestshook.settings import read_settings
from tests.start_support import Programs, clean_environ, server
from tests.terminal_support import Terminal

RUN = [sys.executable, "-m", "requestshook", "run"]
PYTHON = sys.executable


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as found:
        yield found


def started(programs: Programs, *command: str, options: tuple[str, ...] = (), **more: Any) -> subprocess.Popen[bytes]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([*RUN, *options, "--", *command], cwd=programs.home, env=clean_environ(), **pipes)


def ran(programs: Programs, *command: str, options: tuple[str, ...] = (), **more: Any) -> tuple[int, bytes, bytes]:
    with started(programs, *command, options=options, **more) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def recorded(programs: Programs) -> Recorded:
    (found,) = (event for event in programs.events() if isinstance(event, Recorded))
    return found


def kept(programs: Programs, kind: str) -> str:
    return "".join(text for of, text in recorded(programs).output if of == kind)


def code(program: str) -> tuple[str, str, str]:
    return PYTHON, "-c", program


# In pipes


def test_a_command_is_recorded_with_its_calls_and_its_output(programs: Programs, address: str) -> None:
    """Command line, name, calls, output, errors and status of a program that was not edited are in the spool."""
    program = "import requests, sys; print(requests.get(sys.argv[1]).text); print('oh', file=sys.stderr); sys.exit(3)"
    status, out, err = ran(programs, PYTHON, "-c", program, address)
    assert (status, out, err) == (3, b"ok\n", b"oh\n")
    (begun,) = (event for event in programs.events() if isinstance(event, Recording))
    assert (begun.name, begun.command) == (os.path.basename(PYTHON), (PYTHON, "-c", program, address))
    end = recorded(programs)
    assert (end.trace, end.exit, set(end.output), end.cut) == (
        begun.trace,
        3,
        {("out", "ok\n"), ("err", "oh\n")},
        False,
    )
    assert programs.calls() == [("GET", f"{address}/")]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -9 $$"), 137),
        (("sh", "-c", "kill -TERM $$"), 143),
        (("sh", "-c", "exit 255"), 255),
        (code("import os; os.abort()"), 134),
    ],
)
def test_the_status_is_the_commands_own(programs: Programs, command: tuple[str, ...], status: int) -> None:
    """An exit status passes through; killed by signal n gives 128 + n, as a shell says it."""
    assert ran(programs, *command)[0] == status
    assert recorded(programs).exit == status


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("no-command-of-that-name", 127, "command not found: no-command-of-that-name"),
        ("./missing", 127, "there is no ./missing"),
        ("./folder", 126, "./folder is a folder"),
        ("./text", 126, "./text is not executable"),
        ("./orphan", 127, "./orphan: the interpreter that its first line names is not there"),
    ],
)
def test_a_command_that_cannot_run_is_one_clear_line(programs: Programs, command: str, status: int, said: str) -> None:
    """127 where nothing is found, 126 where it cannot be executed, and one line that says which."""
    (programs.home / "folder").mkdir()
    (programs.home / "text").write_text("text")
    (programs.home / "orphan").write_text("#!/no/such/interpreter\n")
    (programs.home / "orphan").chmod(0o755)
    found, out, err = ran(programs, command)
    assert (found, out) == (status, b"")
    assert err.decode().startswith(f"requestshook: {said}")
    assert err.count(b"\n") == 1


def test_a_script_without_a_first_line_is_the_shells(programs: Programs) -> None:
    """As from a shell, an executable text without an interpreter runs in one."""
    (programs.home / "script").write_text("echo $1 $0")
    (programs.home / "script").chmod(0o755)
    assert ran(programs, "./script", "of")[:2] == (0, b"of ./script\n")


def test_octets_pass_unchanged(programs: Programs) -> None:
    """What is no text passes on as it is, and is kept as text as far as it goes."""
    program = "import os; os.write(1, bytes(range(256)) * 3); os.write(2, b'\\xff\\r\\n')"
    status, out, err = ran(programs, *code(program))
    assert (status, out, err) == (0, bytes(range(256)) * 3, b"\xff\r\n")
    assert kept(programs, "err") == "�\r\n"


def test_output_passes_at_once_and_input_reaches_the_command(programs: Programs) -> None:
    """A prompt without an end of line arrives before its answer is given."""
    process = started(programs, *code("print(input('name? ') + '!')"), stdin=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.read(6) == b"name? "
        process.stdin.write(b"ada\n")
        process.stdin.close()
        assert process.stdout.read() == b"ada!\n"
    assert kept(programs, "out") == "name? ada!\n"


def test_the_head_of_much_output_is_kept_and_all_of_it_passes(programs: Programs) -> None:
    """Of 5 MiB, all pass and the first one is kept, said to be cut, without half a character at its end."""
    program = "import sys; sys.stdout.buffer.write('a'.encode() + 'ü'.encode() * (5 << 19))"
    status, out, _ = ran(programs, *code(program))
    assert (status, len(out)) == (0, (5 << 20) + 1)
    assert recorded(programs).cut
    assert kept(programs, "out") == "a" + "ü" * ((1 << 19) - 1)


def test_what_stays_in_the_background_is_not_waited_for(programs: Programs) -> None:
    """A grandchild that holds the pipe does not keep us once the command has ended."""
    began = time.monotonic()
    status, out, _ = ran(programs, "sh", "-c", "sleep 30 & echo $!", stderr=subprocess.DEVNULL)
    os.kill(int(out), signal.SIGKILL)
    assert status == 0
    assert time.monotonic() - began < 15


def test_a_reader_who_leaves_ends_the_command(programs: Programs) -> None:
    """`run -- yes | head -1`: the command gets the same SIGPIPE as without us."""
    process = started(programs, "yes")
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"y\n"
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("options", [(), ("--no-output",)])
def test_a_signal_to_us_reaches_the_command(
    programs: Programs, number: signal.Signals, options: tuple[str, ...]
) -> None:
    """What somebody sends to `requestshook run` is the command's to answer, and the recording is closed."""
    program = (
        f"import signal, sys; signal.signal({number:d}, lambda *_: sys.exit(9));print('up', flush=True); signal.pause()"
    )
    process = started(programs, *code(program), options=options, start_new_session=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(30) == 9
    assert recorded(programs).exit == 9


def test_an_ignored_signal_stays_ignored(programs: Programs) -> None:
    """Under nohup the command ignores SIGHUP as it would without us."""
    program = "import signal; print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    assert ran(programs, *code(program), **ignore)[1] == b"True\n"
    assert ran(programs, *code(program))[1] == b"False\n"


def test_inherited_descriptors_are_the_commands_too(programs: Programs) -> None:
    """`run -- COMMAND <(…)` and job servers work: what was opened for the command stays open, what is ours does not."""
    read, write = os.pipe()
    os.write(write, b"given")
    os.close(write)
    program = (
        f"import os; print(os.read({read}, 9), sorted(int(n) for n in os.listdir('/proc/self/fd') "
        "if os.path.exists('/proc/self/fd/' + n)))"
    )
    _, out, _ = ran(programs, *code(program), pass_fds=[read])
    os.close(read)
    assert out.decode() == f"b'given' [0, 1, 2, {read}]\n"


def test_no_output_gives_the_command_our_own_descriptors(programs: Programs) -> None:
    """With --no-output nothing is kept, and the command writes where we would."""
    program = "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in (1, 2)])"
    with (programs.home / "out").open("wb") as file:
        status, _, _ = ran(programs, *code(program), options=("--no-output",), stdout=file, stderr=file)
    assert status == 0
    assert (programs.home / "out").read_text() == f"[{str(programs.home / 'out')!r}, {str(programs.home / 'out')!r}]\n"
    assert recorded(programs).output == ()


def test_secrets_of_the_command_line_and_the_output_are_not_kept(programs: Programs) -> None:
    """A password option's value and a token that is printed reach the command, and no file of ours."""
    token = "gAAAAAB" + "x" * 100
    _, out, _ = ran(programs, "sh", "-c", "test ${#2} = 11 && echo $3", "sh", "--os-password", "s3cr3t-word", token)
    assert out == token.encode() + b"\n"
    for path in programs.folder.rglob("*"):
        if path.is_file():
            assert b"s3cr3t-word" not in path.read_bytes()
            assert token.encode() not in path.read_bytes()


def test_it_is_said_where_nothing_reported(programs: Programs) -> None:
    """A command that is no Python, or a Python that reads no environment, is told from one that made no calls."""
    assert b"no process of" in ran(programs, "true")[2]
    assert b"no process of" in ran(programs, PYTHON, "-I", "-c", "")[2]
    assert ran(programs, PYTHON, "-c", "")[2] == b""
    assert ran(programs, "sh", "-c", f"{PYTHON} -c ''")[2] == b""
    assert [path.name for path in programs.folder.iterdir() if path.name.startswith("unseen")] == []


def test_a_run_that_was_killed_leaves_nothing_for_good(programs: Programs) -> None:
    """The sign of a `run` that SIGKILL ended is taken away by the next one; that of one which goes on stays."""

    def signs() -> list[str]:
        return [path.name for path in programs.folder.iterdir() if path.name.startswith("unseen")]

    with started(programs, "sh", "-c", "echo up; read x", stdin=subprocess.PIPE) as killed:
        assert killed.stdout
        assert killed.stdout.readline() == b"up\n"
        killed.kill()
        killed.wait(20)
        (left,) = signs()
        with started(programs, "sh", "-c", "echo up; read x", stdin=subprocess.PIPE) as other:
            assert other.stdout
            assert other.stdout.readline() == b"up\n"
            (running,) = signs()
            ran(programs, PYTHON, "-c", "")
            assert running != left
            assert signs() == [running]
            assert b"no process of" in other.communicate(b"\n", timeout=20)[1]
    assert signs() == []


def test_the_commands_environment_is_ours_and_what_records_it(programs: Programs) -> None:
    """PYTHONPATH keeps its entries behind ours, the service's name is the one given, the rest is as it was."""
    program = "import json, os; print(json.dumps(dict(os.environ)))"
    environ = {**clean_environ(), "PYTHONPATH": "/of/theirs", "MARK": "x"}
    command = [*RUN, "--service", "backup", "--", *code(program)]
    done = subprocess.run(command, cwd=programs.home, env=environ, capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["PYTHONPATH"] == f"{environment.INJECT}{os.pathsep}/of/theirs"
    assert found["REQUESTSHOOK_SERVICE"] == "backup"
    assert {name: found.get(name) for name in environ if name != "PYTHONPATH"} == {
        name: value for name, value in environ.items() if name != "PYTHONPATH"
    }


def test_a_run_within_a_run_is_a_recording_of_its_own(programs: Programs, address: str) -> None:
    """The inner command's calls belong to the inner recording."""
    ran(programs, *RUN, "--name", "inner", "--", *code(f"import requests; requests.get({address!r})"))
    names = {event.trace: event.name for event in programs.events() if isinstance(event, Recording)}
    calls = [event.origin.trace for event in programs.events() if hasattr(event, "url")]
    assert sorted(names.values()) == ["inner", os.path.basename(PYTHON)]
    assert [names[trace] for trace in calls] == ["inner"]


@pytest.mark.parametrize("status", [0, 5])
def test_all_opens_the_recording_to_everything_while_the_command_runs(programs: Programs, status: int) -> None:
    """With --all a service's untied calls belong to it; afterwards, also after a failure, no recording is open."""
    program = (
        "import json, os, sys; d = json.load(open(os.environ['REQUESTSHOOK_DIR'] + '/capture.json'));"
        f"print([r['trace'] for r in d['recordings']] == [os.environ['REQUESTSHOOK_TRACE']]); sys.exit({status})"
    )
    assert ran(programs, *code(program), options=("--all",))[:2] == (status, b"True\n")
    assert read_settings((programs.folder / "capture.json").read_bytes()).open == ()
    assert ran(programs, *code(program))[1] == b"False\n"


def test_a_folder_that_cannot_be_used_is_one_line_and_nothing_runs(programs: Programs) -> None:
    """Where nothing could be kept, the command does not run in vain."""
    programs.folder.write_text("in the way")
    status, out, err = ran(programs, "echo", "ran")
    assert (status, out) == (1, b"")
    assert err.startswith(b"requestshook: cannot use requestshook's folder")
    assert err.count(b"\n") == 1


def test_run_is_a_function_too(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python: a configuration and a command give a status."""
    monkeypatch.chdir(programs.home)
    assert run(load(), [PYTHON, "-c", "raise SystemExit(4)"], name="four", keep_output=False).status == 4
    assert recorded(programs).exit == 4
    assert run(load(), ["no-command-of-that-name"]) == (127, None)


@given(
    st.lists(st.tuples(st.sampled_from(["out", "err"]), st.binary(max_size=8) | st.text(max_size=4).map(str.encode))),
    st.integers(0, 20),
)
def test_what_is_kept_is_the_head_in_the_order_of_arrival(pieces: list[tuple[str, bytes]], limit: int) -> None:
    """However output is cut into pieces, each stream's kept text is what its first octets say, up to the limit."""
    kept = Kept(limit)
    heads, left = {"out": b"", "err": b""}, limit
    for kind, data in pieces:
        kept.add(kind, data)
        heads[kind] += data[:left]
        left -= len(data[:left])
    found = kept.pieces()
    assert kept.cut == (sum(len(data) for _, data in pieces) > limit)
    for kind, head in heads.items():
        text, whole = "".join(t for k, t in found if k == kind), head.decode("utf-8", "replace")
        assert text == whole or (kept.cut and whole[: len(text)] == text and len(whole) - len(text) <= 3)
    assert all(a[0] != b[0] for a, b in pairwise(found))


# On a terminal


def on_terminal(programs: Programs, *command: str, options: tuple[str, ...] = (), **more: Any) -> Terminal:
    return Terminal([*RUN, *options, "--", *command], {**clean_environ(), "TERM": "xterm"}, programs.home, **more)


def test_a_terminal_stays_one(programs: Programs) -> None:
    """All three streams are a terminal of the same size to the command, which is in its foreground."""
    program = (
        "import os, sys; print([os.isatty(n) for n in range(3)], os.get_terminal_size(),"
        "os.ttyname(0) == os.ttyname(1), os.tcgetpgrp(0) == os.getpgrp(), open('/dev/tty').isatty())"
    )
    with on_terminal(programs, *code(program), size=(33, 123)) as terminal:
        assert terminal.ended() == 0
        shown = terminal.screen
    line = "[True, True, True] os.terminal_size(columns=123, lines=33) True True True"
    assert shown.startswith(line + "\r\n")
    assert recorded(programs).output == (("tty", line + "\n"),)


def test_a_resized_terminal_is_resized_for_the_command(programs: Programs) -> None:
    """The command is told about a new size and finds it."""
    program = (
        "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH]); print('up', flush=True);"
        "signal.sigwait([signal.SIGWINCH]);"
        "print(os.get_terminal_size())"
    )
    with on_terminal(programs, *code(program)) as terminal:
        terminal.expect("up")
        terminal.resize(50, 99)
        terminal.expect(r"columns=99, lines=50")
        assert terminal.ended() == 0


@pytest.mark.parametrize("stdin", ["terminal", "pipe"])
def test_a_password_prompt_works_and_is_not_echoed(programs: Programs, stdin: str) -> None:
    """A prompt for a password takes what is typed without showing it, wherever standard input comes from."""
    more: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin == "pipe" else {}
    with on_terminal(programs, *code("import getpass; print(len(getpass.getpass('Secret: ')))"), **more) as terminal:
        terminal.expect("Secret: ")
        terminal.type("sesame\r")
        terminal.expect("6\r\n")
        assert terminal.ended() == 0
    assert kept(programs, "tty") == "Secret: \n6\n"


def test_keys_reach_the_command(programs: Programs) -> None:
    """What is typed is echoed once, edited by the command's own terminal, and Ctrl-D ends the input."""
    with on_terminal(programs, *code("import sys; print([line for line in sys.stdin])")) as terminal:
        _wait_for_raw(terminal)
        terminal.type("one\rtwx\x7fo\r\x04")
        terminal.expect(r"\['one\\n', 'two\\n'\]")
        assert terminal.ended() == 0


def test_ctrl_c_interrupts_the_command(programs: Programs) -> None:
    """Ctrl-C is the command's; 130 where it dies of it, its own status where it does not."""
    with on_terminal(programs, "sleep", "30") as terminal:
        _wait_for_raw(terminal)
        terminal.type("\x03")
        assert terminal.ended() == 130
    program = "import signal, sys\ntry: print('up'); signal.pause()\nexcept KeyboardInterrupt: sys.exit(6)"
    with on_terminal(programs, *code(program)) as terminal:
        terminal.expect("up")
        terminal.type("\x03")
        assert terminal.ended() == 6


def _wait_for_raw(terminal: Terminal) -> None:
    import termios

    end = time.monotonic() + 20
    while terminal.modes()[3] & termios.ECHO and time.monotonic() < end:
        time.sleep(0.01)


@pytest.mark.parametrize("end", ["exit 0", "kill -9 $$", "stty raw -echo; exit 1"])
def test_our_terminal_is_left_as_it_was(programs: Programs, end: str) -> None:
    """However the command ends, and whatever it did to its terminal, ours has the modes it had."""
    with on_terminal(programs, "sh", "-c", f"read x; {end}") as terminal:
        before = terminal.modes()
        _wait_for_raw(terminal)
        assert terminal.modes() != before
        terminal.type("\r")
        terminal.ended()
        assert terminal.modes() == before


def test_a_signal_to_us_ends_a_command_on_a_terminal(programs: Programs) -> None:
    """SIGTERM reaches the command there too, and the terminal gets its modes back."""
    with on_terminal(programs, "sleep", "30") as terminal:
        before = terminal.modes()
        _wait_for_raw(terminal)
        terminal.process.terminate()
        assert terminal.ended() == 143
        assert terminal.modes() == before


def test_the_command_hears_that_the_terminal_is_gone(programs: Programs) -> None:
    """Where we are killed outright, the command's terminal hangs up, as a closed window does."""
    mark = programs.home / "mark"
    with on_terminal(
        programs, "sh", "-c", f"trap 'echo x > {mark}; exit' HUP; echo up; while :; do sleep 0.1; done"
    ) as terminal:
        terminal.expect("up")
        terminal.process.kill()
        terminal.process.wait()
        end = time.monotonic() + 20
        while not mark.exists() and time.monotonic() < end:
            time.sleep(0.02)
    assert mark.exists()


def test_suspend_and_continue(programs: Programs) -> None:
    """Ctrl-Z stops command and run, the shell has its terminal back, and `fg` goes on where it was."""
    with Terminal(
        ["bash", "--norc", "--noediting", "-i"], {**clean_environ(), "PS1": "READY ", "TERM": "dumb"}, programs.home
    ) as terminal:
        terminal.expect("READY ")
        terminal.type(f"{' '.join(RUN)} -- {PYTHON} -c 'for i in range(2): print(input(\"say: \").upper())'\r")
        terminal.expect("say: ")
        terminal.type("a1\r")
        terminal.expect("A1\r\nsay: ")
        terminal.type("\x1a")
        terminal.expect("Stopped")
        terminal.expect("READY ")
        terminal.type("echo $((40+2)); fg\r")
        terminal.expect("42\r\n")
        terminal.expect("requestshook run[^\r]*\r\n")
        terminal.type("b2\r")
        terminal.expect("B2\r\n")
        terminal.expect("READY ")
        terminal.type("exit\r")
        assert terminal.ended() == 0
    assert recorded(programs).exit == 0


def test_what_runs_on_in_the_background_lives(programs: Programs) -> None:
    """The end of a command on a terminal hangs up on nothing that it left running there."""
    mark, go = programs.home / "mark", programs.home / "go"
    waiting = f"while [ ! -e {go} ]; do sleep 0.05; done; echo x > {mark}"
    with on_terminal(programs, "sh", "-c", f"({waiting}) & echo left") as terminal:
        terminal.expect("left")
        assert terminal.ended() == 0
        assert not mark.exists()
        go.touch()
        end = time.monotonic() + 20
        while not mark.exists() and time.monotonic() < end:
            time.sleep(0.02)
    assert mark.exists()


def test_redirected_errors_stay_apart_from_the_terminal(programs: Programs) -> None:
    """`run -- COMMAND 2>file`: the output has its terminal, the errors go to the file."""
    with (
        (programs.home / "err").open("wb") as file,
        on_terminal(
            programs, *code("import os, sys; print('o', os.isatty(2)); print('e', file=sys.stderr)"), stderr=file
        ) as terminal,
    ):
        assert terminal.ended() == 0
        assert terminal.screen == "o False\r\n"
    assert (programs.home / "err").read_text() == "e\n"
    assert (kept(programs, "tty"), kept(programs, "err")) == ("o False\n", "e\n")


def test_ctrl_c_comes_once_where_only_the_output_is_redirected(programs: Programs) -> None:
    """`run -- COMMAND >file` in a terminal: the key's signal reaches the command directly, and we add none."""
    program = (
        "import signal, sys, time; n = []; signal.signal(signal.SIGINT, lambda *_: n.append(1));"
        "print('up', file=sys.stderr, flush=True); time.sleep(0.1)\n"
        "while not n: time.sleep(0.01)\n"
        "time.sleep(0.5); print(len(n))"
    )
    with (programs.home / "out").open("wb") as file, on_terminal(programs, *code(program), stdout=file) as terminal:
        terminal.expect("up")
        terminal.type("\x03")
        assert terminal.ended() == 0
    assert (programs.home / "out").read_text() == "1\n"


def test_a_terminal_without_keys_is_no_obstacle(programs: Programs) -> None:
    """Where nobody can type (a terminal for the output alone, no controlling one), the command runs to its end."""
    master, slave = os.openpty()
    process = started(
        programs,
        *code("import os; print(os.isatty(1), os.isatty(0))"),
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    assert process.wait(30) == 0
    assert os.read(master, 1000).startswith(b"True False\r")
    os.close(master)
