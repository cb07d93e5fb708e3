"""WSGI applications of every kind, good and bad, one a path; served with and without the middleware by the tests."""

from __future__ import annotations

import io
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

Start = Callable[..., Any]
Environ = dict[str, Any]
TEXT = [("Content-Type", "text/plain")]
CONSTANT = [("Content-Type", "text/plain"), ("X-Constant", "1")]
closed: list[str] = []
sendfiles: list[int] = []
APPS: dict[str, Callable[[Environ, Start], Any]] = {}


def app(function: Callable[[Environ, Start], Any]) -> Callable[[Environ, Start], Any]:
    APPS[function.__name__] = function
    return function


def _length(count: int) -> list[tuple[str, str]]:
    return [*TEXT, ("Content-Length", str(count))]


@app
def empty_list(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return []


@app
def one_element(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return [b"hello"]


@app
def two_elements(environ: Environ, start: Start) -> Any:
    start("200 Fine", TEXT[:])
    return [b"hello ", b"world"]


@app
def a_tuple(environ: Environ, start: Start) -> Any:
    start("201 Created", [*TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return (b"hello ", b"", b"tuple")


class ListWithClose(list):  # type: ignore[type-arg]  # a list of any kind
    def close(self) -> None:
        closed.append("list")


@app
def list_with_close(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return ListWithClose([b"hello"])


@app
def with_length(environ: Environ, start: Start) -> Any:
    start("200 OK", _length(5))
    return [b"hello"]


@app
def generator(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", TEXT[:])
    for number in range(5):
        yield b"chunk %d\n" % number


@app
def generator_with_length(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", _length(6))
    try:
        yield b"abc"
        yield b""
        yield b"def"
    finally:
        closed.append("generator")


@app
def generator_whole(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", _length(3))
    yield b"abc"


@app
def empty_chunk_first(environ: Environ, start: Start) -> Iterator[bytes]:
    yield b""
    start("200 OK", TEXT[:])
    yield b""
    yield b"late"


@app
def starts_late(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", TEXT[:])
    yield b"late"


class Counting:
    """An iterator that cannot be closed."""

    def __init__(self, count: int) -> None:
        self.left = count

    def __iter__(self) -> Counting:
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        self.left -= 1
        return b"%d," % self.left


@app
def an_iterator(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return Counting(4)


class Sized:
    """Tells its length, and can be gone through more than once."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[bytes]:
        yield b"si"
        yield b"zed"

    def close(self) -> None:
        closed.append("sized")


@app
def sized(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return Sized()


class Indexed:
    def __getitem__(self, index: int) -> bytes:
        return (b"in", b"dex", b"ed")[index]


@app
def indexed(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return Indexed()


@app
def a_set(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return {b"only"}


@app
def written(environ: Environ, start: Start) -> Any:
    write = start("200 OK", TEXT[:])
    write(b"written ")
    write(b"")
    write(b"twice")
    return []


@app
def written_and_returned(environ: Environ, start: Start) -> Iterator[bytes]:
    write = start("200 OK", TEXT[:])
    write(b"written, ")
    return iter([b"then ", b"returned"])


@app
def no_content(environ: Environ, start: Start) -> Any:
    start("204 No Content", [])
    return []


@app
def not_modified(environ: Environ, start: Start) -> Any:
    start("304 Not Modified", [("ETag", '"x"')])
    return [b""]


@app
def no_reason(environ: Environ, start: Start) -> Any:
    start("200 ", TEXT[:])
    return [b"x"]


@app
def replaced_before(environ: Environ, start: Start) -> Any:
    start("200 OK", _length(5))
    try:
        raise KeyError("lost")
    except KeyError:
        start("500 Lost", [*TEXT, ("X-Lost", "1")], sys.exc_info())
    return [b"replaced"]


@app
def replaced_in_generator(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", TEXT[:])
    yield b""
    try:
        raise KeyError("lost")
    except KeyError:
        start("502 Lost", TEXT[:], sys.exc_info())
    yield b"replaced"


@app
def replaced_after(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", TEXT[:])
    yield b"already gone"
    try:
        raise KeyError("lost")
    except KeyError:
        start("500 Lost", TEXT[:], sys.exc_info())
    yield b"never"


@app
def called_twice(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    try:
        start("201 Again", TEXT[:])
    except AssertionError:
        return [b"refused"]
    return [b"allowed"]


@app
def raises_at_once(environ: Environ, start: Start) -> Any:
    raise ValueError("at once")


@app
def raises_after_start(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    raise ValueError("after start")


@app
def raises_in_first_step(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", TEXT[:])
    if environ:
        raise ValueError("first step")
    yield b"x"


@app
def raises_midway(environ: Environ, start: Start) -> Iterator[bytes]:
    start("200 OK", TEXT[:])
    yield b"half"
    raise ValueError("midway")


class RaisesInClose(Counting):
    def close(self) -> None:
        raise ValueError("in close")


@app
def raises_in_close(environ: Environ, start: Start) -> Any:
    start("200 OK", _length(4))
    return RaisesInClose(2)


@app
def raises_in_iter(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return 42


@app
def returns_none(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])


@app
def returns_bytes(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return b"abc"


@app
def yields_text(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return iter(["text"])


@app
def never_starts(environ: Environ, start: Start) -> Any:
    return [b"no headers"]


@app
def headers_in_a_tuple(environ: Environ, start: Start) -> Any:
    start("200 OK", tuple(TEXT))
    return [b"x"]


@app
def bad_header(environ: Environ, start: Start) -> Any:
    start("200 OK", [("X-Number", 5)])
    return [b"x"]


@app
def bad_status(environ: Environ, start: Start) -> Any:
    start("OK", TEXT[:])
    return [b"x"]


@app
def too_few_arguments(environ: Environ, start: Start) -> Any:
    start("200 OK")
    return [b"x"]


@app
def by_keyword(environ: Environ, start: Start) -> Any:
    start(status="200 OK", headers=TEXT[:])
    return [b"x"]


@app
def constant_headers(environ: Environ, start: Start) -> Any:
    start("200 OK", CONSTANT)
    return [str(len(CONSTANT)).encode(), b"!"]


@app
def too_long_a_length(environ: Environ, start: Start) -> Any:
    start("200 OK", _length(9))
    return [b"short"]


@app
def too_short_a_length(environ: Environ, start: Start) -> Any:
    start("200 OK", _length(2))
    return [b"a bit ", b"long"]


@app
def read_all(environ: Environ, start: Start) -> Any:
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    start("200 OK", TEXT[:])
    return [body]


@app
def read_pieces(environ: Environ, start: Start) -> Iterator[bytes]:
    left = int(environ.get("CONTENT_LENGTH") or 0)
    start("200 OK", TEXT[:])
    while left:
        piece = environ["wsgi.input"].read(min(3, left))
        left -= len(piece)
        yield piece


@app
def read_to_the_end(environ: Environ, start: Start) -> Any:
    pieces = iter(lambda: environ["wsgi.input"].read(4), b"")
    start("200 OK", TEXT[:])
    return [b"|".join(pieces)]


@app
def read_line(environ: Environ, start: Start) -> Any:
    line = environ["wsgi.input"].readline()
    start("200 OK", TEXT[:])
    return [line]


@app
def read_lines(environ: Environ, start: Start) -> Any:
    lines = environ["wsgi.input"].readlines()
    start("200 OK", TEXT[:])
    return [b"|".join(lines)]


@app
def read_by_iteration(environ: Environ, start: Start) -> Any:
    lines = list(environ["wsgi.input"])
    start("200 OK", TEXT[:])
    return [b"|".join(lines)]


@app
def read_half(environ: Environ, start: Start) -> Any:
    half = environ["wsgi.input"].read(4)
    start("200 OK", TEXT[:])
    return [half]


@app
def read_nothing(environ: Environ, start: Start) -> Any:
    start("413 Too Large", TEXT[:])
    return [b"no"]


@app
def read_badly(environ: Environ, start: Start) -> Any:
    try:
        environ["wsgi.input"].read(1, 2, 3)
    except TypeError:
        start("200 OK", TEXT[:])
        return [b"refused"]
    start("200 OK", TEXT[:])
    return [b"allowed"]


@app
def what_input_has(environ: Environ, start: Start) -> Any:
    """The attributes of the input, found and missing alike."""
    names = ("fileno", "tell", "seek", "read1", "readinto", "get_socket", "send_hundred_continue_response", "len", "x")
    found = [name for name in names if hasattr(environ["wsgi.input"], name)]
    start("200 OK", TEXT[:])
    return [",".join(found).encode()]


@app
def upload(environ: Environ, start: Start) -> Any:
    """Takes any amount, keeps nothing, says how much."""
    left, size = int(environ.get("CONTENT_LENGTH") or sys.maxsize), 0
    while left:
        piece = environ["wsgi.input"].read(min(left, 65536))
        if not piece:
            break
        size += len(piece)
        left -= len(piece)
    start("200 OK", TEXT[:])
    return [str(size).encode()]


@app
def download(environ: Environ, start: Start) -> Iterator[bytes]:
    """As many MiB as the query says."""
    start("200 OK", TEXT[:])
    block = bytes(range(256)) * 256
    try:
        for _ in range(16 * int(environ["QUERY_STRING"])):
            yield block
    finally:
        closed.append("download")


@app
def peak(environ: Environ, start: Start) -> Any:
    """The most memory that this process has had, in KiB."""
    with open("/proc/self/status") as file:
        found = next(line.split()[1] for line in file if line.startswith("VmHWM"))
    start("200 OK", TEXT[:])
    return [found.encode()]


def _temporary() -> Any:
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # the server closes it
    file.write(b"0123456789" * 2000)
    file.seek(0)
    return file


def _as_file(environ: Environ, file: Any) -> Any:
    return environ["wsgi.file_wrapper"](file, 4096) if "wsgi.file_wrapper" in environ else iter(file)


@app
def a_file(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return _as_file(environ, _temporary())


@app
def rest_of_a_file(environ: Environ, start: Start) -> Any:
    file = _temporary()
    file.seek(19990)
    start("200 OK", _length(10))
    return _as_file(environ, file)


@app
def part_of_a_file(environ: Environ, start: Start) -> Any:
    file = _temporary()
    file.seek(5)
    start("206 Partial Content", _length(7))
    return _as_file(environ, file)


@app
def file_in_memory(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return _as_file(environ, io.BytesIO(b"line\n" * 3))


@app
def plain_file(environ: Environ, start: Start) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # the server closes it
    file.write(b"one\ntwo\n")
    file.seek(0)
    start("200 OK", TEXT[:])
    return file


@app
def of_a_pipe(environ: Environ, start: Start) -> Any:
    out, into = os.pipe()
    os.write(into, b"through a pipe")
    os.close(into)
    start("200 OK", TEXT[:])
    return _as_file(environ, os.fdopen(out, "rb"))


@app
def how_often_sendfile(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return [str(len(sendfiles)).encode()]


@app
def own_tags(environ: Environ, start: Start) -> Any:
    """A proxy that hands on what came from behind it."""
    start("200 OK", [*TEXT, ("x-requestshook-request-id", "0" * 32), ("X-Requestshook-Request-From", "behind")])
    return [b"x"]


@app
def parent_everywhere(environ: Environ, start: Start) -> Any:
    """Says in each step which call is being served."""
    from requestshook.recording import serving

    def now(step: str) -> bytes:
        time.sleep(0.002)
        found = serving.get()
        return f"{step} {found.id if found else None}\n".encode()

    def steps() -> Iterator[bytes]:
        try:
            for _ in range(3):
                yield now("step")
        finally:
            closed.append(now("close").decode())

    start("200 OK", TEXT[:])(now("write"))
    return steps()


@app
def last_closed(environ: Environ, start: Start) -> Any:
    start("200 OK", TEXT[:])
    return [closed[-1].encode() if closed else b""]


def application(environ: Environ, start_response: Start) -> Any:
    """The one that the first segment of the path names."""
    return APPS[environ["PATH_INFO"].strip("/").partition("/")[0]](environ, start_response)


_sendfile = os.sendfile


def _counted(*args: Any) -> int:
    count = _sendfile(*args)
    sendfiles.append(count)
    return count


os.sendfile = _counted  # type: ignore[assignment]  # of the same shape
