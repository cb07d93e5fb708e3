from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook import spoolfiles
from requestshook.collect import Collected, collect
from requestshook.events import Body, Origin, Process, Request, Response, to_line
from requestshook.spool import Spool, hostname
from requestshook.store import Store, open_store

TRACE = "5f" * 16


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as found:
        yield found


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def line(number: int, text: str = "") -> bytes:
    """A request's line, another one for each number."""
    origin = Origin("client", f"{number:032x}", TRACE, "node1", 7, number)
    body = Body(text, len(text))
    return to_line(Request(float(number), origin, None, "cli", None, "GET", "http://h/", "HTTP/1.1", (), body))


def lines(*numbers: int) -> bytes:
    return b"".join(line(number) for number in numbers)


def numbers(store: Store) -> list[int]:
    """Which lines the store has, in its order."""
    return [event.origin.n for _, event in store.events(TRACE) if isinstance(event, Request)]


def gone_pid() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def name(pid: int, started: float | None = None, host: str | None = None, random: str = "0a1b") -> str:
    """A spool file's name."""
    return f"{host or hostname()}-{pid}-{int((started or time.time()) * 1000)}-{random}.jsonl"


@contextmanager
def unprivileged(folder: str) -> Iterator[None]:
    """For the block this process is nobody, where it was root: root may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.chown(folder, 65534, -1)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_is_taken_in(store: Store, spool: Path) -> None:
    """All lines of all files of the spool folder are in the store, in the order of their files."""
    (spool / name(os.getpid(), random="01")).write_bytes(lines(1, 2, 3))
    (spool / name(os.getpid(), random="02")).write_bytes(lines(4, 5))
    result = collect(store, own_spool=str(spool))
    assert (result.new, result.known, result.files, result.problems) == (5, 0, 2, [])
    assert sorted(numbers(store)) == [1, 2, 3, 4, 5]


def test_what_a_real_spool_wrote_is_taken_in(store: Store, spool: Path) -> None:
    """The files of our own spool, rotated ones too, come through line by line."""
    first = to_line(Process(1.0, "node1", 7, TRACE, "cli", (), "store"))
    writer = Spool(str(spool), lambda: first, rotate=500)
    for number in range(1, 10):
        writer.write(line(number))
    assert len(list(spool.iterdir())) > 1
    assert collect(store, own_spool=str(spool)).unread == []
    assert sorted(numbers(store)) == list(range(1, 10))
    assert [process.program for process in store.processes(TRACE)] == ["cli"]


def test_a_growing_file_is_taken_up_where_it_was_left(store: Store, spool: Path) -> None:
    """A second collection reads only what came since, and half a line waits for its end."""
    path = spool / name(os.getpid())
    path.write_bytes(lines(1, 2) + line(3)[:20])
    result = collect(store, own_spool=str(spool))
    assert (result.new, result.unread, [item.number for item in result.unfinished]) == (2, [], [3])
    with path.open("ab") as file:
        file.write(line(3)[20:] + line(4))
    result = collect(store, own_spool=str(spool))
    assert (result.new, result.known, result.unfinished) == (2, 0, [])
    assert numbers(store) == [1, 2, 3, 4]
    assert path.exists()


def test_reading_all_again_changes_nothing(store: Store, spool: Path, tmp_path: Path) -> None:
    """The same lines from a copy, a copy of half of it, and standard input are known."""
    path = spool / name(os.getpid())
    path.write_bytes(lines(1, 2, 3))
    collect(store, own_spool=str(spool))
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(lines(2, 3))
    result = collect(store, [str(path), str(copy)], str(spool))
    assert (result.new, result.known) == (0, 2)
    assert numbers(store) == [1, 2, 3]


def test_a_file_that_was_replaced_is_read_from_its_beginning(store: Store, tmp_path: Path) -> None:
    """The place it was read to counts only while its beginning is the same."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(1, 2))
    collect(store, [str(path)])
    with path.open("r+b") as file:
        file.write(lines(3, 4, 5))
    assert collect(store, [str(path)]).new == 3
    path.write_bytes(line(6))
    assert collect(store, [str(path)]).new == 1


def test_a_file_that_was_rewritten_behind_its_beginning_is_read_again(store: Store, tmp_path: Path) -> None:
    """The same beginning is not enough: what was read last must stand there, too."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(*range(1, 40)))
    collect(store, [str(path)])
    path.write_bytes(lines(*range(1, 20), *range(50, 90)))
    assert collect(store, [str(path)]).new == 40


def test_a_file_whose_name_is_no_text_is_read(store: Store, tmp_path: Path) -> None:
    """A name of any octets does, also where a line of it is reported."""
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jsonl")
    Path(path).write_bytes(line(1) + b"nonsense\n")
    assert collect(store, [path]).new == 1
    assert store.unread()[0].file.endswith("\\udcff.jsonl")


class TestCleared:
    def test_a_dead_process_file_is_deleted(self, store: Store, spool: Path) -> None:
        """Read whole and committed, of a process that is gone: deleted."""
        path = spool / name(gone_pid())
        path.write_bytes(lines(1, 2))
        assert collect(store, own_spool=str(spool)).cleared == 1
        assert not path.exists()
        assert numbers(store) == [1, 2]
        assert store.rows("SELECT * FROM files") == []

    @pytest.mark.parametrize("who", ["a living process", "another host", "no name of ours"])
    def test_what_may_still_be_written_stays(self, store: Store, spool: Path, who: str) -> None:
        """A living process's file, one of another host, and one that is not named as ours are kept."""
        path = (
            spool
            / {
                "a living process": name(os.getpid()),
                "another host": name(gone_pid(), host="elsewhere"),
                "no name of ours": "notes.jsonl",
            }[who]
        )
        path.write_bytes(line(1))
        assert collect(store, own_spool=str(spool)).cleared == 0
        assert path.exists()

    def test_a_number_that_was_used_again_is_another_process(self, store: Store, spool: Path) -> None:
        """The process of that number began long after the file: the writer is gone."""
        path = spool / name(os.getpid(), started=time.time() - 86400 * 365)
        path.write_bytes(line(1))
        assert collect(store, own_spool=str(spool)).cleared == 1

    def test_a_zombie_writes_no_more(self, store: Store, spool: Path) -> None:
        """A process that has ended but was not waited for is gone."""
        process = subprocess.Popen([sys.executable, "-c", ""])
        deadline = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/stat").read_text().split()[2] != "Z" and time.monotonic() < deadline:
            time.sleep(0.01)
        (spool / name(process.pid)).write_bytes(line(1))
        assert collect(store, own_spool=str(spool)).cleared == 1
        process.wait()

    def test_files_given_by_hand_are_never_deleted(self, store: Store, tmp_path: Path) -> None:
        """Neither a file nor a folder that was named loses anything."""
        folder = tmp_path / "brought"
        folder.mkdir()
        path = folder / name(gone_pid())
        path.write_bytes(line(1))
        assert collect(store, [str(path), str(folder)]).cleared == 0
        assert path.exists()

    def test_the_own_spool_named_by_hand_is_still_the_own(self, store: Store, spool: Path) -> None:
        """The folder is read once, however it was named."""
        (spool / name(gone_pid())).write_bytes(line(1))
        result = collect(store, [str(spool) + "/."], str(spool))
        assert (result.files, result.cleared) == (1, 1)


class TestUnread:
    def test_a_torn_last_line_of_a_dead_process_is_kept(self, store: Store, spool: Path) -> None:
        """It is reported with file and number, its octets stay in the store, and the file may go."""
        path = spool / name(gone_pid())
        path.write_bytes(lines(1, 2) + line(3)[:30])
        result = collect(store, own_spool=str(spool))
        (item,) = result.unread
        assert (item.file, item.number, item.line) == (str(path), 3, line(3)[:30])
        assert store.unread() == [item]
        assert (numbers(store), path.exists()) == ([1, 2], False)

    @given(cut=st.integers(0, 400))
    @settings(max_examples=60, deadline=None)
    def test_a_line_cut_anywhere_costs_only_itself(self, tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
        """Whatever is left of a line, the lines around it are read, and it is told or was none."""
        folder = tmp_path_factory.mktemp("cut")
        torn = line(2)[:-1][:cut]
        (folder / "a.jsonl").write_bytes(line(1) + torn + b"\n" + line(3))
        with open_store(folder / "store.db") as store:
            result = collect(store, [str(folder / "a.jsonl")])
            whole = torn == line(2)[:-1]
            assert numbers(store) == ([1, 2, 3] if whole else [1, 3])
            assert [item.number for item in result.unread] == ([] if whole or not torn else [2])

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (b"{", "not JSON"),
            (b"[]", "not a JSON object"),
            (b'{"v":99,"event":"request"}', "version 99"),
            (b'{"v":1,"event":"nonsense"}', "unknown event"),
            (b'{"v":1,"event":"request"}', "request without 'at'"),
            (b"\xff\xfe\x00", "not JSON"),
            (b"\x00" * 50, "not JSON"),
            (b"[" * 100_000, "not JSON"),
        ],
    )
    def test_a_bad_line_is_told_once(self, store: Store, tmp_path: Path, bad: bytes, reason: str) -> None:
        """File, number and reason; the rest is taken in, and it is not told again."""
        path = tmp_path / "a.jsonl"
        path.write_bytes(line(1) + b"\n" + bad + b"\n" + line(2))
        (item,) = collect(store, [str(path)]).unread
        assert (item.file, item.number) == (str(path), 3)
        assert reason in item.reason
        assert collect(store, [str(path)]).unread == []
        assert numbers(store) == [1, 2]
        assert len(store.unread()) == 1

    def test_a_huge_line_is_passed_over(self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A line over the limit is told, its beginning kept; nobody loads it whole."""
        monkeypatch.setattr(spoolfiles, "LONGEST", 100_000)
        monkeypatch.setattr(spoolfiles, "_PIECE", 10_000)
        path = tmp_path / "a.jsonl"
        path.write_bytes(line(1) + b"x" * 300_000 + b"\n" + line(2) + b"y" * 200_000)
        result = collect(store, [str(path)])
        assert numbers(store) == [1, 2]
        assert [(item.number, len(item.line)) for item in result.unread] == [(2, 4096)]
        assert [item.number for item in result.unfinished] == [4]

    def test_a_last_line_without_its_end_is_taken_where_it_is_whole(self, store: Store, tmp_path: Path) -> None:
        """An editor may have taken the last newline: the line is read, and the newline may come later."""
        path = tmp_path / "a.jsonl"
        path.write_bytes(line(1) + line(2)[:-1])
        assert collect(store, [str(path)]).new == 2
        with path.open("ab") as file:
            file.write(b"\nnonsense\n")
        assert [item.number for item in collect(store, [str(path)]).unread] == [3]


class TestSources:
    def test_links_and_pipes_in_the_spool_are_left_alone(self, store: Store, spool: Path, tmp_path: Path) -> None:
        """Nobody makes us read another file or wait at a pipe."""
        (tmp_path / "elsewhere").write_bytes(line(1))
        (spool / name(1)).symlink_to(tmp_path / "elsewhere")
        os.mkfifo(spool / name(2))
        (spool / "folder.jsonl").mkdir()
        result = collect(store, own_spool=str(spool))
        assert (result.new, result.files, result.problems) == (0, 0, [])

    def test_a_pipe_given_by_hand_is_read(self, store: Store, tmp_path: Path) -> None:
        """`collect <(ssh …)` works, to the last line without an end."""
        os.mkfifo(tmp_path / "pipe")
        thread = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(lines(1, 2) + b"{torn"))
        thread.start()
        result = collect(store, [str(tmp_path / "pipe")])
        thread.join()
        assert (result.new, [item.number for item in result.unread]) == (2, [3])

    def test_standard_input_is_read(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """`-` is standard input."""
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines(1, 2))))
        assert collect(store, ["-"]).new == 2

    def test_what_cannot_be_read_is_told_and_the_rest_goes_on(self, store: Store, tmp_path: Path) -> None:
        """A missing file is a problem of its own."""
        (tmp_path / "b.jsonl").write_bytes(line(1))
        result = collect(store, [str(tmp_path / "missing"), str(tmp_path / "b.jsonl")])
        assert result.problems == [f"{tmp_path}/missing: No such file or directory"]
        assert numbers(store) == [1]

    @pytest.mark.parametrize("content", [b"<html>\n" * 50, b'{"log": {"entries": []}}', b"\x1f\x8b\x08\x00\n\n"])
    def test_a_file_of_another_kind_is_told(
        self, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
    ) -> None:
        """A file, or what comes by standard input, with nothing of ours: a problem each time."""
        path = tmp_path / "a.jsonl"
        path.write_bytes(content)
        for _ in range(2):
            (problem,) = collect(store, [str(path)]).problems
            assert problem.startswith(f"{path}: no spool line is in it")
        assert store.unread() == []
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        (problem,) = collect(store, ["-"]).problems
        assert problem.startswith("standard input: no spool line")
        path.write_bytes(content + b"\n" + line(1))
        assert collect(store, [str(path)]).new == 1

    def test_a_file_of_somebody_else_is_told(self, store: Store) -> None:
        """A file without permission is told, the rest is read."""
        with tempfile.TemporaryDirectory() as folder, unprivileged(folder):
            forbidden = Path(folder) / name(1)
            forbidden.write_bytes(line(1))
            forbidden.chmod(0)
            (Path(folder) / name(os.getpid())).write_bytes(line(2))
            result = collect(store, own_spool=folder)
        assert result.problems == [f"{forbidden}: Permission denied"]
        assert numbers(store) == [2]

    def test_a_folder_that_is_not_there_yet_is_empty(self, store: Store, tmp_path: Path) -> None:
        """Before the first recording there is no spool."""
        assert collect(store, own_spool=str(tmp_path / "none")) == Collected()

    def test_progress_goes_to_the_end(self, store: Store, spool: Path) -> None:
        """Octets done never go back and end at all of them."""
        (spool / name(1)).write_bytes(b"".join(line(n, "x" * 10_000) for n in range(1000)))
        (spool / name(2, random="0b")).write_bytes(lines(1, 2))
        told: list[tuple[int, int]] = []
        collect(store, own_spool=str(spool), progress=lambda done, total: told.append((done, total)))
        assert told == sorted(told)
        assert told[-1][0] == told[-1][1] > 10_000_000
        assert len(told) > 3

    def test_removed_recordings_stay_away(self, store: Store, spool: Path) -> None:
        """Lines of a removed recording are dropped, and counted."""
        path = spool / name(os.getpid())
        path.write_bytes(lines(1, 2))
        collect(store, own_spool=str(spool))
        store.remove(TRACE)
        with path.open("ab") as file:
            file.write(line(3))
        assert collect(store, own_spool=str(spool)).dropped == 1
        assert numbers(store) == []


COLLECT = """
import sys
from requestshook.collect import collect
from requestshook.store import open_store
with open_store(sys.argv[1]) as store:
    print(len(sys.argv), flush=True)
    result = collect(store, own_spool=sys.argv[2])
    print(result.new, len(result.unread))
"""


def collecting(tmp_path: Path, spool: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COLLECT, str(tmp_path / "store.db"), str(spool)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path, spool: Path) -> None:
    """SIGKILL at moments all over a collection: the next ones bring every line in, once, and clear the files."""
    count = 6
    pid = gone_pid()
    for file in range(count):
        content = b"".join(line(file * 10_000 + number, "x" * 3000) for number in range(1, 3001))
        (spool / name(pid, random=f"0{file}")).write_bytes(content + b"{torn%d" % file)
    killed = 0
    for attempt in range(40):
        process = collecting(tmp_path, spool)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.013 * (attempt % 13))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if not list(spool.iterdir()):
            break
    assert killed >= 3
    process = collecting(tmp_path, spool)
    _, error = process.communicate()
    assert (process.returncode, error) == (0, "")
    with open_store(tmp_path / "store.db") as store:
        found = numbers(store)
        assert sorted(found) == [file * 10_000 + number for file in range(count) for number in range(1, 3001)]
        for file in range(count):
            own = [number for number in found if number // 10_000 == file]
            assert own == sorted(own)
        assert sorted(item.line for item in store.unread()) == [b"{torn%d" % file for file in range(count)]
        assert {item.number for item in store.unread()} == {3001}
    assert list(spool.iterdir()) == []


def test_several_collections_at_once_take_each_line_once(tmp_path: Path, spool: Path) -> None:
    """Four at once: every line is there once, in the order of its file, and none of them fails."""
    for file in range(4):
        content = b"".join(line(file * 10_000 + number, "x" * 3000) for number in range(1, 2001))
        (spool / name(gone_pid(), random=f"0{file}")).write_bytes(content)
    running = [collecting(tmp_path, spool) for _ in range(4)]
    ends = [(*process.communicate(), process.returncode) for process in running]
    assert [(error, status) for _, error, status in ends] == [("", 0)] * 4
    assert sum(int(out.split()[1]) for out, _, _ in ends) == 8000
    with open_store(tmp_path / "store.db") as store:
        found = numbers(store)
    assert len(found) == len(set(found)) == 8000
    for file in range(4):
        own = [number for number in found if number // 10_000 == file]
        assert own == sorted(own)


WRITE = """
import sys
from requestshook.events import Body, Origin, Request, to_line
from requestshook.spool import Spool
body = Body("x" * 500, 500)
writer = Spool(sys.argv[1], lambda: b"\\n", rotate=200_000)
for number in range(1, 3001):
    origin = Origin("client", f"{number:032x}", "5f" * 16, "node1", 7, number)
    writer.write(to_line(Request(1.0, origin, None, "cli", None, "GET", "http://h/", "HTTP/1.1", (), body)))
"""


def test_collecting_while_a_process_writes(tmp_path: Path, spool: Path) -> None:
    """A writer never waits and loses nothing to a collection that runs again and again beside it."""
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(spool)])
    with open_store(tmp_path / "store.db") as store:
        while writer.poll() is None:
            assert collect(store, own_spool=str(spool)).problems == []
        collect(store, own_spool=str(spool))
        assert sorted(numbers(store)) == list(range(1, 3001))
        assert store.unread() == []
    assert list(spool.iterdir()) == []


@given(st.binary(max_size=300), st.integers(1, 50))
@settings(max_examples=150, deadline=None)
def test_pieces_are_the_file(content: bytes, size: int) -> None:
    """However the file comes in, the lines of all pieces and the rest are the file, and the positions add up."""

    class Dripping(io.BytesIO):
        def read1(self, _: int | None = -1) -> bytes:
            return self.read(size)

    reader = spoolfiles.Reader(Dripping(content))
    found = [octets for piece in reader.pieces() for octets in piece.lines]
    assert b"\n".join([*found, reader.rest]) == content
    assert reader.position == len(content) - len(reader.rest)
    assert reader.newlines == content.count(b"\n")


def test_eight_thousand_calls_a_second(store: Store, tmp_path: Path) -> None:
    """4,000 calls of two lines of 5 KB are in within seconds (8,000 a second on an idle machine)."""
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        for number in range(4000):
            file.write(line(number, "x" * 5000))
            origin = Origin("client", f"{number:032x}", TRACE, "node1", 7, number)
            body = Body("y" * 5000, 5000)
            file.write(to_line(Response(1.0, origin, 200, "OK", "HTTP/1.1", (), (), body)))
    started = time.process_time()
    assert collect(store, [str(path)]).new == 8000
    assert time.process_time() - started < 4
