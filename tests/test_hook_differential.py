"""The same program with and without the hook: the same octets, exceptions, types and pool."""

from __future__ import annotations

import gc
import io
import logging
import pickle
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from conftest import Spooled
from raw_server import ANSWERS, JSON, LONG, RawServer
from requests.adapters import HTTPAdapter
from requests_toolbelt import MultipartEncoder, MultipartEncoderMonitor
from urllib3.util.retry import Retry

import requestshook
from requestshook import events

TIMEOUT = 0.25


@pytest.fixture(autouse=True)
def no_log_records() -> Iterator[None]:
    """A log record with a traceback keeps a response alive."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    """One raw server for all combinations."""
    own = RawServer()
    yield own
    own.close()


def half(response: requests.Response) -> Any:
    """One chunk, then the rest is left behind by closing."""
    chunk = next(response.iter_content(10), None)
    response.close()
    return chunk


def half_dropped(response: requests.Response) -> Any:
    """One chunk, and then nobody holds the iterator any more."""
    return next(response.iter_content(10), None)


def readinto(response: requests.Response) -> Any:
    """Whole buffers until none is filled."""
    found, buffer = [], bytearray(33)
    while size := response.raw.readinto(buffer):
        found.append(bytes(buffer[:size]))
    return found


def pieces(read: Callable[[], bytes]) -> list[bytes]:
    """What a reading function gives until it gives nothing."""
    found = []
    while data := read():
        found.append(data)
    return found


def mixed(response: requests.Response) -> Any:
    """Reading ways one after the other."""
    return [response.raw.read(3), response.raw.read(0), response.raw.read1(4), response.raw.tell(), response.content]


def buffered(response: requests.Response) -> Any:
    """As a file of the io module."""
    return io.BufferedReader(response.raw, 64).read()


def copied(response: requests.Response) -> Any:
    """As shutil copies a file."""
    target = io.BytesIO()
    shutil.copyfileobj(response.raw, target, 50)
    return target.getvalue()


def pickled(response: requests.Response) -> Any:
    """A pickled response holds what it held."""
    again = pickle.loads(pickle.dumps(response))
    return again.content, again.status_code, again.headers, again.raw


READINGS: dict[str, Callable[[requests.Response], Any]] = {
    "content": lambda r: r.content,
    "text": lambda r: r.text,
    "json": lambda r: r.json(),
    "iter_content": lambda r: list(r.iter_content(7)),
    "iter_content_none": lambda r: list(r.iter_content(None)),
    "iter_content_large": lambda r: list(r.iter_content(100_000)),
    "iter_lines": lambda r: list(r.iter_lines()),
    "iter_raw": lambda r: list(r.raw),
    "raw_read": lambda r: r.raw.read(),
    "raw_read_decoded": lambda r: r.raw.read(decode_content=True),
    "raw_read_amt": lambda r: pieces(lambda: r.raw.read(50)),
    "raw_read_amt_decoded": lambda r: pieces(lambda: r.raw.read(50, decode_content=True)),
    "raw_read_cached": lambda r: (r.raw.read(cache_content=True), r.raw.data),
    "read1": lambda r: b"".join(pieces(lambda: r.raw.read1())),  # its pieces are the network's
    "read1_amt": lambda r: b"".join(pieces(lambda: r.raw.read1(13))),
    "readinto": readinto,
    "stream": lambda r: list(r.raw.stream(20)),
    "stream_decoded": lambda r: list(r.raw.stream(20, decode_content=True)),
    "read_chunked": lambda r: list(r.raw.read_chunked()),
    "read_chunked_amt": lambda r: list(r.raw.read_chunked(11, decode_content=True)),
    "data": lambda r: r.raw.data,
    "drain": lambda r: r.raw.drain_conn(),
    "release": lambda r: r.raw.release_conn(),
    "half": half,
    "half_dropped": half_dropped,
    "nothing": lambda r: None,
    "close": lambda r: r.close(),
    "close_twice": lambda r: (r.close(), r.raw.close()),
    "mixed": mixed,
    "buffered": buffered,
    "copied": copied,
    "pickled": pickled,
}


def plain(value: Any) -> Any:
    """A value in a form that compares: exceptions by type and text, memory addresses left out."""
    if isinstance(value, BaseException):
        chain = [plain(value.__cause__), plain(value.__context__)]
        return type(value), re.sub(r"0x[0-9a-f]+", "0x", str(value)), chain
    return value


def attempt(do: Callable[[], Any]) -> Any:
    """What a piece of a program gives or raises."""
    try:
        return plain(do())
    except Exception as error:
        return plain(error)


def pool_state(session: requests.Session) -> Any:
    """How many connections and requests each pool counts, and which of its connections are open."""
    found = []
    for adapter in session.adapters.values():
        pools = adapter.poolmanager.pools
        for key in pools.keys():  # noqa: SIM118 - urllib3's container refuses iteration
            pool = pools[key]
            queued = [c is not None and c.sock is not None for c in list(pool.pool.queue)]
            found.append((pool.num_connections, pool.num_requests, queued))
    return found


def raw_state(raw: Any) -> Any:
    """What a program can see of a response's file."""
    return {
        "name": type(raw).__name__,
        "module": type(raw).__module__,
        "doc": type(raw).__doc__,
        "closed": raw.closed,
        "isclosed": raw.isclosed(),
        "tell": raw.tell(),
        "remaining": raw.length_remaining,
        "connection": raw.connection is None,
        "headers": [pair for pair in raw.headers.items() if pair[0] != "Date"],
        "readable": raw.readable(),
    }


def observe(server: RawServer, do: Callable[[requests.Session], requests.Response], read: Any) -> Any:
    """All that a program sees of one call."""
    seen = []
    with requests.Session() as session:
        response: Any = None

        def call() -> Any:
            nonlocal response
            response = do(session)
            return (
                response.status_code,
                response.reason,
                sorted(response.headers.items()),
                response.url,
                [r.status_code for r in response.history],
                sorted(response.cookies.items()),
            )

        seen.append(attempt(call))
        if response is not None:
            assert isinstance(response.raw, requests.packages.urllib3.response.HTTPResponse)
            seen.append(attempt(lambda: read(response)))
            seen.append(raw_state(response.raw))
            seen.append(attempt(lambda: read(response)))  # once more: what is left
            seen.append(raw_state(response.raw))
        seen.append(pool_state(session))
        response = None
        gc.collect()
        seen.append(pool_state(session))
        seen.append(attempt(lambda: session.get(server.url + "/json", timeout=2).content))
        seen.append(pool_state(session))
    return seen


def compare(server: RawServer, spooled: Spooled, do: Any, read: Any) -> list[events.Event]:
    """The program without the hook, then with it; the events of the second run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        without = observe(server, do, read)
        requestshook.install("program")
        try:
            within = observe(server, do, read)
        finally:
            requestshook.uninstall()
    assert within == without
    assert spooled.said == []
    assert spooled.recorder.dropped == 0
    return spooled.events()


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("answer", [name for name in ANSWERS if name != "stalls"])
def test_streamed_response(answer: str, reading: str, server: RawServer, spooled: Spooled) -> None:
    """Whatever comes back and however it is read, the program sees the same."""
    found = compare(
        server, spooled, lambda s: s.get(f"{server.url}/{answer}", stream=True, timeout=5), READINGS[reading]
    )
    first = next(e for e in found if isinstance(e, events.Request))
    ends = [
        e
        for e in found
        if (getattr(e, "origin", None) == first.origin and isinstance(e, (events.BodyEnd, events.Failure)))
        or (isinstance(e, events.Response) and e.origin == first.origin and e.body is not None)
    ]
    assert ends, "each call has an end"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("answer", [name for name in ANSWERS if name != "stalls"])
def test_awaited_response(answer: str, method: str, server: RawServer, spooled: Spooled) -> None:
    """Without `stream=True` the response's line holds the whole body, and the program sees the same."""
    compare(server, spooled, lambda s: s.request(method, f"{server.url}/{answer}", timeout=5), lambda r: r.content)


@pytest.mark.parametrize("reading", ["content", "iter_content", "raw_read", "read1", "half", "nothing"])
def test_time_out_in_the_body(reading: str, server: RawServer, spooled: Spooled) -> None:
    """A body that stops coming times out for the program as without us."""
    compare(server, spooled, lambda s: s.get(f"{server.url}/stalls", stream=True, timeout=TIMEOUT), READINGS[reading])


class LengthWrapper:
    """A body with a length that reads, as swiftclient uploads."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)
        self._length = len(data)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:
        """The next octets."""
        return self._file.read(size)


class Unlucky:
    """A body that fails in its middle."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"first"
        raise KeyError("no second")


def numbers() -> Iterator[bytes]:
    """A generator of chunks, an empty one among them."""
    for i in range(50):
        yield b"" if i == 7 else b"chunk %d;" % i


BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "none": dict,
    "bytes": lambda: {"data": JSON},
    "empty": lambda: {"data": b""},
    "text": lambda: {"data": "한글 text"},
    "form": lambda: {"data": {"user": "admin", "list": ["1", "2"]}},
    "json": lambda: {"json": {"auth": {"name": "한글"}}},
    "files": lambda: {"files": {"f": ("n.bin", io.BytesIO(LONG))}, "data": {"a": "b"}},
    "file": lambda: {"data": io.BytesIO(LONG)},
    "text_file": lambda: {"data": io.StringIO("한글" * 3000)},
    "bytearray": lambda: {"data": bytearray(JSON)},
    "long": lambda: {"data": LONG},
    "generator": lambda: {"data": numbers()},
    "list": lambda: {"data": iter([b"a", b"bc", b"def"])},
    "length_wrapper": lambda: {"data": LengthWrapper(LONG)},
    "unlucky": lambda: {"data": Unlucky()},
    "encoder": lambda: multipart(MultipartEncoder),
    "monitor": lambda: multipart(lambda fields: MultipartEncoderMonitor(MultipartEncoder(fields, boundary="b"))),
}


def multipart(make: Any) -> dict[str, Any]:
    """A multipart body that is encoded while it is sent."""
    fields = {"name": "x", "file": ("f.bin", io.BytesIO(LONG), "application/octet-stream")}
    encoder = make(fields) if make is not MultipartEncoder else MultipartEncoder(fields, boundary="b")
    return {"data": encoder, "headers": {"Content-Type": encoder.content_type}}


TARGETS = ["echo", "json", "redirect/echo", "redirect307/echo", "early", "dies-at-once"]
# Whether a reset overtakes an early answer is the kernel's choice, for a body longer than its buffers.
LONG_BODIES = {"files", "file", "long", "length_wrapper", "encoder", "monitor", "text_file"}
UPLOADS = [(b, t) for b in BODIES for t in TARGETS if not (t == "early" and b in LONG_BODIES)]


@pytest.mark.parametrize(("body", "target"), UPLOADS)
def test_request_body(body: str, target: str, server: RawServer, spooled: Spooled, monkeypatch: Any) -> None:
    """Whatever is sent, the server hears the same octets, and the program sees the same."""
    monkeypatch.setattr("urllib3.filepost.choose_boundary", lambda: "boundary")
    heard: list[list[bytes]] = []

    def do(session: requests.Session) -> requests.Response:
        server.requests.clear()
        try:
            return session.put(f"{server.url}/{target}", timeout=5, **BODIES[body]())
        finally:
            heard.append([without_tags(request) for request in server.requests])

    compare(server, spooled, do, lambda r: r.content)
    assert heard[0] == heard[1]


def without_tags(request: bytes) -> bytes:
    """A request's octets without our headers."""
    return re.sub(rb"(?im)^x-requestshook-[^\r]*\r\n", b"", request.replace(b"\r\n\r\n", b"\r\n\r\n\r\n", 1))


@pytest.mark.parametrize("failures", [0, 1, 2, 5])
@pytest.mark.parametrize("body", ["none", "json", "file", "generator"])
def test_retries(failures: int, body: str, server: RawServer, spooled: Spooled) -> None:
    """urllib3's own retries stay its own, and are one call to us."""

    def do(session: requests.Session) -> requests.Response:
        retry = Retry(total=3, status_forcelist=[503], allowed_methods=None, backoff_factor=0)
        session.mount("http://", HTTPAdapter(max_retries=retry))
        server.failures_left = failures
        try:
            return session.post(f"{server.url}/echo", timeout=5, **BODIES[body]())
        finally:
            server.failures_left = 0

    found = compare(server, spooled, do, lambda r: r.content)
    requests_seen = [e for e in found if isinstance(e, events.Request)]
    assert len(requests_seen) == 2, "the call, and the one that looks at the pool"
    answers = [e for e in found if isinstance(e, (events.Response, events.Failure))]
    assert len(answers[0].attempts) == min(failures, 3)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",
        "http://127.0.0.1:99999/",
        "http://[::1",
        "nothing",
        "ftp://127.0.0.1/",
        "http://",
        "http://x..y/",
    ],
)
def test_calls_that_cannot_be_made(url: str, server: RawServer, spooled: Spooled) -> None:
    """An address that is none raises as without us, and what never reached a socket is not recorded."""
    found = compare(server, spooled, lambda s: s.get(url, timeout=2), lambda r: r.content)
    failures = [e for e in found if isinstance(e, events.Failure)]
    assert len(failures) == (1 if url in ("http://127.0.0.1:1/", "http://x..y/") else 0)
