"""The hook by name: the tags on each send, and what is recorded of a call."""

from __future__ import annotations

import gc
import glob
import io
import pickle
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from conftest import Spooled
from hook_support import OneByOne, call, calls, configure, content
from raw_server import ANSWERS, GZIP, JSON, LONG, RawServer, whole
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

import requestshook
from requestshook import events, recording, tags

FORGED = "f" * 32


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    """One raw server for all."""
    own = RawServer()
    yield own
    own.close()


@pytest.fixture
def hooked(spooled: Spooled) -> Iterator[Spooled]:
    """The hook installed, for the whole process."""
    requestshook.install("program")
    yield spooled
    requestshook.uninstall()
    assert spooled.said == []
    assert spooled.recorder.dropped == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name, foreign ones too, leads to loopback."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *arguments: Any, **keywords: Any) -> Any:
        return real("127.0.0.1", port, *arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def heard(server: RawServer, name: str) -> list[str]:
    """The values of a header in the last request's octets."""
    pattern = rf"(?im)^{name}: ([^\r]*)\r$"
    return re.findall(pattern, server.requests[-1].decode("latin-1").partition("\r\n\r\n")[0] + "\r")


# Tags


def test_tags_are_sent(hooked: Spooled, server: RawServer) -> None:
    """A request carries the id and the caller that its line has, and the trace to a near host."""
    requests.get(server.url + "/json")
    origin = call(hooked).request.origin
    assert heard(server, tags.REQUEST_ID) == [origin.id]
    assert heard(server, tags.REQUEST_FROM) == ["program"]
    assert heard(server, tags.TRACE_ID) == [origin.trace]
    assert heard(server, tags.PARENT_ID) == []


def test_parent_is_the_call_being_served(hooked: Spooled, server: RawServer) -> None:
    """A call made while another is being served names that one and belongs to its recording."""
    token = recording.serving.set(recording.Serving("a" * 32, "b" * 32))
    try:
        requests.get(server.url + "/json")
    finally:
        recording.serving.reset(token)
    assert heard(server, tags.PARENT_ID) == ["a" * 32]
    assert heard(server, tags.TRACE_ID) == ["b" * 32]
    found = call(hooked).request
    assert (found.parent, found.origin.trace) == ("a" * 32, "b" * 32)


def test_forged_tags_are_replaced(hooked: Spooled, server: RawServer) -> None:
    """Tags that a request already carries, in whatever case, are replaced and not doubled."""
    forged = {name.lower(): FORGED for name in tags.ALL}
    requests.get(server.url + "/json", headers=forged)
    for name in tags.ALL:
        assert FORGED not in heard(server, name)
        assert len(heard(server, name)) == (0 if name == tags.PARENT_ID else 1)


def test_the_same_request_again_is_a_new_call(hooked: Spooled, server: RawServer) -> None:
    """A prepared request that is sent twice has a new id the second time, once."""
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", server.url + "/json"))
        ids = []
        for _ in range(2):
            session.send(prepared)
            ids += heard(server, tags.REQUEST_ID)
    assert len(set(ids)) == len(ids) == 2
    assert [seen.request.origin.id for seen in calls(hooked)] == ids


def test_each_redirect_hop_is_a_call(hooked: Spooled, server: RawServer) -> None:
    """Each hop of a redirect has an id of its own and a response of its own."""
    assert requests.get(server.url + "/redirect/json").json()
    first, second = calls(hooked)
    assert first.request.origin.id != second.request.origin.id
    assert heard(server, tags.REQUEST_ID) == [second.request.origin.id]
    assert [first.response and first.response.status, second.response and second.response.status] == [302, 200]
    assert first.response is not None
    assert content(first.response.body) == b"moved"
    assert [first.request.url, second.request.url] == [server.url + "/redirect/json", server.url + "/json"]


def test_strangers_get_two_tags(hooked: Spooled, server: RawServer, names: None) -> None:
    """A host that is no service, loopback or private address gets id and caller, not trace and parent."""
    requests.get(server.url.replace("127.0.0.1", "stranger.example") + "/json")
    assert len(heard(server, tags.REQUEST_ID)) == len(heard(server, tags.REQUEST_FROM)) == 1
    assert heard(server, tags.TRACE_ID) == heard(server, tags.PARENT_ID) == []


def test_strangers_get_none_with_tag_known(hooked: Spooled, server: RawServer, names: None) -> None:
    """With `capture: {tag: known}` a stranger gets no tag, not even one that the request carried; it is recorded."""
    configure(hooked, tag="known")
    url = server.url.replace("127.0.0.1", "stranger.example") + "/json"
    requests.get(url, headers={tags.REQUEST_ID: FORGED, tags.TRACE_ID: FORGED})
    assert all(heard(server, name) == [] for name in tags.ALL)
    assert call(hooked).request.url == url


def test_hosts_of_services_are_known(hooked: Spooled, server: RawServer, names: None) -> None:
    """A host that `services:` names gets the trace as well, wherever it is."""
    configure(hooked, tag="known", services=[["api", "http://api.example:80"]])
    requests.get(server.url.replace("127.0.0.1", "api.example") + "/json")
    assert heard(server, tags.TRACE_ID) == [call(hooked).request.origin.trace]


def test_redirect_to_a_stranger_leaves_the_trace_behind(
    hooked: Spooled, server: RawServer, names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a redirect copies of our tags does not reach a stranger."""
    target = server.url.replace("127.0.0.1", "stranger.example") + "/json"
    octets = whole(b"", b"Location: " + target.encode(), status=b"302 Found")
    monkeypatch.setitem(ANSWERS, "away", (octets, True))
    requests.get(server.url + "/away")
    assert heard(server, tags.TRACE_ID) == []
    assert len(heard(server, tags.REQUEST_ID)) == 1


def test_ignored_calls_are_tagged(hooked: Spooled, server: RawServer) -> None:
    """A call that `ignore` names is tagged and passed on, not recorded."""
    configure(hooked, ignore=[{"call": "(?s:.*)\nGET\n/json", "query": None}])
    assert requests.get(server.url + "/json").json()
    assert len(heard(server, tags.REQUEST_ID)) == 1
    requests.get(server.url + "/lines")
    assert call(hooked).request.url == server.url + "/lines"
    assert hooked.recorder.ignored == 1


# What is recorded


def test_headers_are_those_of_the_wire(hooked: Spooled, server: RawServer) -> None:
    """The request's headers are the server's octets, line for line, Host and length among them."""
    for body in (
        {"json": {"a": 1}},
        {"data": b"\x00"},
        {"data": iter([b"a", b"b"])},
        {"data": io.BytesIO(b"x" * 9)},
        {},
    ):
        server.requests.clear()
        requests.post(server.url + "/echo?a=b", headers={"X-Odd": "caf\xe9", "X-Bytes": b"\xe9"}, **body)  # type: ignore[arg-type] # mypy takes all values for one type
        head = server.requests[-1].partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        found = calls(hooked)[-1].request
        assert [f"{name}: {value}" for name, value in found.headers] == head[1:]
        assert head[0] == f"{found.method} /echo?a=b {found.http}"


def test_host_given_by_the_program(hooked: Spooled, server: RawServer) -> None:
    """A Host that the program sets is recorded where it stood, once."""
    requests.get(server.url + "/json", headers={"host": "other.example"})
    assert [pair for pair in call(hooked).request.headers if pair[0].lower() == "host"] == [("host", "other.example")]


def test_response_headers_are_those_of_the_wire(hooked: Spooled, server: RawServer) -> None:
    """Repeats stay repeats, in order, and octets beyond ASCII are Latin-1."""
    requests.get(server.url + "/repeats")
    response = call(hooked).response
    assert response is not None
    assert [name for name, _ in response.headers] == ["Content-Length", "Set-Cookie", "Set-Cookie", "X-Odd"]
    assert response.headers[-1] == ("X-Odd", "caf\xe9")
    assert (response.status, response.reason, response.http) == (200, "OK", "HTTP/1.1")


def test_request_line_is_written_before_the_first_octet(hooked: Spooled) -> None:
    """When a server is dialled, the request's line is already in the spool, and no response's is."""
    there: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        for path in glob.glob(str(hooked.folder / "spool" / "*")):
            with open(path, "rb") as file:
                there.append(file.read())
        connection.recv(65536)
        connection.sendall(whole(b"done"))

    with OneByOne(serve) as own:
        requests.get(own.url + "/first")
    assert b'"event":"request"' in there[0]
    assert b"/first" in there[0]
    assert b'"event":"response"' not in there[0]


def test_awaited_body_stands_in_its_line(hooked: Spooled, server: RawServer) -> None:
    """Without `stream=True` the response's line holds the body, and its time is that of the headers."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        head, _, body = whole(JSON).partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        threading.Event().wait(0.3)
        times.append(recording.time.time())  # before the body leaves: afterwards the test may be quicker
        connection.sendall(body)

    times: list[float] = []
    with OneByOne(serve) as own:
        requests.get(own.url)
    seen = call(hooked)
    assert seen.response is not None
    assert content(seen.response.body) == JSON
    assert seen.ends == []
    assert seen.response.at < times[0] - 0.2


def test_streamed_body_follows(hooked: Spooled, server: RawServer) -> None:
    """With `stream=True` the response's line comes first, without a body, and a line says how the body ended."""
    response = requests.get(server.url + "/json", stream=True)
    line = call(hooked).response
    assert line is not None
    assert line.body is None
    assert call(hooked).ends == []
    assert response.content == JSON
    end = call(hooked).down()
    assert (end.end, content(end.body), end.body.size, end.body.cut) == ("complete", JSON, len(JSON), False)


def test_half_read_body(hooked: Spooled, server: RawServer) -> None:
    """A stream that is closed half read is recorded as far as it was read."""
    with requests.get(server.url + "/long", stream=True) as response:
        response.raw.read(1000)
    end = call(hooked).down()
    assert end.end == "closed"
    assert (content(end.body), end.body.size) == (LONG[:1000], 1000)


def test_body_nobody_reads(hooked: Spooled, server: RawServer) -> None:
    """A response that is dropped unread ends as closed, when it is finalised."""
    response = requests.get(server.url + "/long", stream=True)
    assert call(hooked).ends == []
    del response
    gc.collect()
    end = call(hooked).down()
    assert (end.end, end.body.size) == ("closed", 0)


def test_broken_body(hooked: Spooled, server: RawServer) -> None:
    """A stream that breaks off is recorded as far as it came, with the error."""
    response = requests.get(server.url + "/dies", stream=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        response.content  # noqa: B018
    end = call(hooked).down()
    assert end.end.startswith("error: ProtocolError: ")
    assert content(end.body) == JSON


def test_size_is_that_of_the_wire(hooked: Spooled, server: RawServer) -> None:
    """A compressed body counts as it was sent, and is kept readable."""
    for name in ("gzip", "chunked-gzip"):
        requests.get(f"{server.url}/{name}")
        response = calls(hooked)[-1].response
        assert response is not None
        assert response.body is not None
        assert response.body.size == len(GZIP)
        assert content(response.body) == JSON * 20
        assert response.body.encoding == "gzip"


def test_body_limit(hooked: Spooled, server: RawServer) -> None:
    """Of a long body the first `body_limit` octets are kept, in memory, as a stream, up and down."""
    configure(hooked, body_limit=1000)
    requests.post(server.url + "/echo", data=LONG)
    requests.post(server.url + "/echo", data=io.BytesIO(LONG), stream=True).content  # noqa: B018
    whole_, streamed = calls(hooked)
    assert whole_.response is not None
    for body in (whole_.request.body, whole_.response.body, streamed.up().body, streamed.down().body):
        assert body is not None
        assert content(body) == LONG[:1000]
        assert (body.size, body.cut) == (len(LONG), True)


def test_streamed_request_body(hooked: Spooled, server: RawServer) -> None:
    """A body that is produced while it is sent follows the request's line."""
    requests.post(server.url + "/echo", data=iter([b"one", b"", b"two"]))
    seen = call(hooked)
    assert seen.request.body is None
    assert (seen.up().end, content(seen.up().body), seen.up().body.size) == ("complete", b"onetwo", 6)


def test_head_and_empty_answers(hooked: Spooled, server: RawServer) -> None:
    """An answer that has no content is recorded with an empty body, streamed or not."""
    for stream in (False, True):
        for method, name, status in (("HEAD", "json", 200), ("GET", "no-content", 204), ("GET", "not-modified", 304)):
            requests.request(method, f"{server.url}/{name}", stream=stream)
            seen = calls(hooked)[-1]
            assert seen.response is not None
            assert (seen.request.method, seen.response.status) == (method, status)
            assert seen.response.body == events.Body("", 0)


def test_retries_are_attempts(hooked: Spooled, server: RawServer) -> None:
    """urllib3's retries repeat the id and are attempts of one call."""
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Retry(total=3, status_forcelist=[503], backoff_factor=0)))
        server.requests.clear()
        server.failures_left = 2
        session.get(server.url + "/json")
    response = call(hooked).response
    assert response is not None
    assert response.attempts == (events.Attempt(status=503), events.Attempt(status=503))
    ids = re.findall(rb"(?i)request-id: (\w+)", b"".join(server.requests))
    assert len(ids) == 3
    assert len(set(ids)) == 1


# Many at once, and other ways to use a session


def test_threads(hooked: Spooled, server: RawServer) -> None:
    """Of 32 threads at once each call has an id and the body that belongs to it."""
    barrier = threading.Barrier(32)

    def work(number: int) -> None:
        with requests.Session() as session:
            barrier.wait()
            for turn in range(5):
                said = f"{number}-{turn}-".encode() * 50
                data = said if turn % 2 else iter([said[:40], said[40:]])
                assert session.post(f"{server.url}/echo?{number}-{turn}", data=data, stream=turn > 2).content == said

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = calls(hooked)
    assert len(found) == 160
    assert len({seen.request.origin.n for seen in found}) == 160
    for seen in found:
        said = (seen.request.url.partition("?")[2] + "-").encode() * 50
        assert seen.response is not None
        down = seen.response.body or seen.down().body
        assert content(seen.request.body or seen.up().body) == content(down) == said


def test_pickled(hooked: Spooled, server: RawServer) -> None:
    """A recorded response and a session survive pickling."""
    with requests.Session() as session:
        response = pickle.loads(pickle.dumps(session.get(server.url + "/json", stream=True)))
        assert response.json()
        with pickle.loads(pickle.dumps(session)) as again:
            assert again.get(server.url + "/json").content == JSON
    assert len(calls(hooked)) == 2


def test_adapter_that_overrides_send(hooked: Spooled, server: RawServer) -> None:
    """An adapter with a `send` of its own that calls the original's is recorded once, as it sent it."""

    class Own(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *arguments: Any, **keywords: Any) -> requests.Response:
            request.headers["X-Own"] = "yes"
            return super().send(request, *arguments, **keywords)

    with requests.Session() as session:
        session.mount("http://", Own())
        session.get(server.url + "/json")
    assert call(hooked).header("X-Own") == "yes"


def test_nested_calls(hooked: Spooled, server: RawServer) -> None:
    """A call made inside another's response hook or authentication is a call of its own."""

    class Auth(requests.auth.AuthBase):
        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = "Token " + requests.get(server.url + "/lines").reason
            return request

    def look(response: requests.Response, *arguments: Any, **keywords: Any) -> None:
        assert requests.get(server.url + "/empty").ok

    response = requests.get(server.url + "/json", auth=Auth(), hooks={"response": look})
    assert response.content == JSON
    assert [seen.request.url.rpartition("/")[2] for seen in calls(hooked)] == ["lines", "json", "empty"]
    assert [seen.response and content(seen.response.body) for seen in calls(hooked)][1] == JSON


def test_call_while_a_body_is_sent(hooked: Spooled, server: RawServer) -> None:
    """A call made by the generator that another call is sending is a call of its own."""

    def chunks() -> Iterator[bytes]:
        yield b"first"
        yield requests.get(server.url + "/json").content

    assert requests.post(server.url + "/echo", data=chunks()).content == b"first" + JSON
    outer, inner = calls(hooked)
    assert (outer.request.method, inner.request.method) == ("POST", "GET")
    assert content(outer.up().body) == b"first" + JSON
    assert inner.response is not None
    assert outer.response is not None
    assert content(inner.response.body) == JSON
    assert content(outer.response.body) == b"first" + JSON
