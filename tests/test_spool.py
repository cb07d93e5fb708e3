"""The spool: one process, one file, one write a line."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from requestshook.spool import Full, Spool


def make(folder: Path, **keywords: int) -> Spool:
    """A spool whose files begin with a known line."""
    return Spool(str(folder / "deep" / "spool"), lambda: b"first\n", **keywords)


def files(folder: Path) -> list[Path]:
    """The spool's files, oldest first."""
    return sorted((folder / "deep" / "spool").iterdir(), key=lambda p: (p.stat().st_mtime_ns, p.name))


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Files are 0600 and folders 0700, whatever the umask."""
    before = os.umask(0)
    try:
        make(tmp_path).write(b"x\n")
    finally:
        os.umask(before)
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.parent.parent.stat().st_mode) == 0o700
    assert file.read_bytes() == b"first\nx\n"


def test_a_groups_files(tmp_path: Path) -> None:
    """With a group, files are 0640 and folders 2770 of that group."""
    before = os.umask(0o077)
    try:
        make(tmp_path, group=os.getegid()).write(b"x\n")
    finally:
        os.umask(before)
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o2770


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    """Between two lines nothing is open that a daemon could hand to a socket."""
    spool = make(tmp_path)
    spool.write(b"x\n")
    here = os.listdir("/proc/self/fd")
    spool.write(b"y\n")
    assert len(os.listdir("/proc/self/fd")) == len(here)


def test_a_full_file_makes_a_new_one(tmp_path: Path) -> None:
    """After so many octets the process goes on in another file, with a first line of its own."""
    spool = make(tmp_path, rotate=20)
    for i in range(9):
        spool.write(b"%09d\n" % i)
    found = files(tmp_path)
    assert len(found) == 5
    assert all(file.read_bytes().startswith(b"first\n") for file in found)
    lines = [line for file in found for line in file.read_bytes().split(b"\n") if line.startswith(b"0")]
    assert sorted(lines) == [b"%09d" % i for i in range(9)]


def test_a_child_has_a_file_of_its_own(tmp_path: Path) -> None:
    """After fork, parent and child never write to the same file."""
    spool = make(tmp_path)
    spool.write(b"parent\n")
    if (child := os.fork()) == 0:
        spool.write(b"child\n")
        os._exit(0)
    os.waitpid(child, 0)
    spool.write(b"again\n")
    texts = {file.read_bytes() for file in files(tmp_path)}
    assert texts == {b"first\nparent\nagain\n", b"first\nchild\n"}
    assert all(f"-{os.getpid()}-" in f.name or b"child" in f.read_bytes() for f in files(tmp_path))


def test_threads_never_mix_their_lines(tmp_path: Path) -> None:
    """32 threads write at once, and each line is whole."""
    spool = make(tmp_path)
    threads = [
        threading.Thread(target=lambda n=n: [spool.write(b"%d" % n * 500 + b"\n") for _ in range(50)])
        for n in range(10, 42)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for file in files(tmp_path) for line in file.read_bytes().splitlines() if line != b"first"]
    assert len(lines) == 32 * 50
    assert all(line == line[:2] * 500 for line in lines)


def test_max_bounds_what_one_process_writes(tmp_path: Path) -> None:
    """What would go beyond is refused, a smaller line still fits."""
    spool = make(tmp_path, maximum=20)
    spool.write(b"0123456\n")
    with pytest.raises(Full):
        spool.write(b"0123456\n")
    spool.write(b"a\n")
    assert files(tmp_path)[0].read_bytes() == b"first\n0123456\na\n"


def test_a_link_in_our_place_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link where the file should be is never written through."""
    spool = make(tmp_path)
    spool.write(b"x\n")
    (file,) = files(tmp_path)
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    file.unlink()
    file.symlink_to(target)
    with pytest.raises(OSError, match=r"symbolic|loop|levels"):
        spool.write(b"y\n")
    assert target.read_bytes() == b"precious"


def test_the_folder_may_vanish(tmp_path: Path) -> None:
    """Somebody removes the folder: the next line makes it again."""
    spool = make(tmp_path)
    spool.write(b"x\n")
    (file,) = files(tmp_path)
    file.unlink()
    file.parent.rmdir()
    spool.write(b"y\n")
    assert files(tmp_path)[0].read_bytes() == b"y\n"


SMALL_FILES = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from requestshook.spool import Spool
spool = Spool(sys.argv[1], lambda: b"first\\n")
spool.write(b"a" * 9 + b"\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (30, resource.RLIM_INFINITY))
for line in (b"b" * 99 + b"\\n", b"c" * 99 + b"\\n"):
    try:
        spool.write(line)
    except OSError as error:
        print("refused", error.errno)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.write(b"d" * 9 + b"\\n")
"""


def test_a_torn_line_takes_no_other_with_it(tmp_path: Path) -> None:
    """The disk fills up in the middle of a line: the next line that fits stands on a line of its own."""
    command = [sys.executable, "-B", "-c", SMALL_FILES, str(tmp_path)]  # -B: no half module is kept for everybody
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    assert result.stdout.split("\n")[:2] == ["refused 28", "refused 27"]
    (file,) = tmp_path.iterdir()
    assert file.read_bytes().split(b"\n") == [b"first", b"a" * 9, b"b" * 14, b"d" * 9, b""]


def test_the_first_line_comes_first_also_after_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not even a file's first line could be written, it is the first that is written once there is room."""
    spool = make(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for _ in range(3):
            with pytest.raises(OSError, match="No space left"):
                spool.write(b"lost\n")
    spool.write(b"x\n")
    (file,) = files(tmp_path)
    assert file.read_bytes() == b"first\nx\n"
