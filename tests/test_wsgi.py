"""The middleware, called as a server calls it: what it records, and what the application sees of it."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest
from conftest import Spooled
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requestshook import recording, tags, wsgi
from requestshook.capture import environ as environs
from requestshook.capture.wsgi import Middleware
from requestshook.events import Body, BodyEnd, Count, Failure, Request, Response
from requestshook.recording import serving

ID, PARENT = "1" * 32, "2" * 32
TEXT = [("Content-Type", "text/plain")]
App = Callable[..., Any]


@pytest.fixture
def trace(spooled: Spooled, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recording that is open."""
    monkeypatch.setenv("REQUESTSHOOK_TRACE", "ab" * 16)
    spooled.recorder.service = "tested"
    return "ab" * 16


def environment(method: str = "GET", body: bytes | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": "", "wsgi.file_wrapper": FileWrapper, **more}
    setup_testing_defaults(found)
    if body is not None:
        found["wsgi.input"], found["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    return found


class Wire:
    """A strict little server: takes headers and content in the order of PEP 3333."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.content = b""
        self.sent = False

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info:
            try:
                if self.sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.headers:
            raise AssertionError("headers are set already")
        self.status, self.headers = status, headers
        return self.write

    def write(self, data: bytes) -> None:
        self.sent = self.sent or bool(data)
        self.content += data

    def run(self, application: App, environ: dict[str, Any]) -> Wire:
        result = application(environ, self.start_response)
        try:
            for chunk in result:
                self.write(chunk)
        finally:
            if hasattr(result, "close"):
                result.close()
        return self


def answering(*chunks: bytes, status: str = "200 OK", headers: Any = TEXT) -> App:
    def application(environ: Any, start_response: Any) -> Any:
        start_response(status, headers[:])
        return list(chunks)

    return application


def one(spooled: Spooled, kind: type) -> Any:
    """The only event of this kind."""
    found = spooled.of(kind)
    assert len(found) == 1, found
    return found[0]


def content(body: Body | None) -> bytes:
    assert body is not None
    return body.content.encode() if isinstance(body.content, str) else body.content or b""


def test_a_call_is_recorded(spooled: Spooled, trace: str) -> None:
    """Request and response stand in the spool, with the caller's tags, method, URL, headers and content."""
    environ = environment(
        "GET", HTTP_X_REQUESTSHOOK_REQUEST_ID=ID, HTTP_X_REQUESTSHOOK_REQUEST_FROM="glance-api",
        HTTP_X_REQUESTSHOOK_PARENT_ID=PARENT, SCRIPT_NAME="/identity", PATH_INFO="/v3/\xc3\xa4 b", QUERY_STRING="a=%20",
        HTTP_HOST="keystone:5000", HTTP_X_AUTH_TOKEN="tok",
    )  # fmt: skip
    wire = Wire().run(Middleware(answering(b"he", b"llo")), environ)
    asked, answered = one(spooled, Request), one(spooled, Response)
    assert asked.origin[:3] == ("server", ID, trace)
    assert (asked.parent, asked.caller, asked.callee) == (PARENT, "glance-api", "tested")
    assert (asked.method, asked.url) == ("GET", "http://keystone:5000/identity/v3/%C3%A4%20b?a=%20")
    assert ("Host", "keystone:5000") in asked.headers
    assert "X-Auth-Token" in dict(asked.headers)
    assert asked.body is not None
    assert asked.body.size == 0
    assert answered.origin == asked.origin
    assert (answered.status, answered.reason) == (200, "OK")
    assert content(answered.body) == b"hello" == wire.content
    assert wire.headers == [*TEXT, (tags.REQUEST_ID, ID), (tags.REQUEST_FROM, "glance-api")]


def test_untied_call_passes_by(spooled: Spooled) -> None:
    """Without a recording the application gets the server's own objects, and the call is only counted."""
    seen: list[Any] = []

    def application(*arguments: Any) -> Any:
        seen.extend(arguments)
        return result

    environ, start, result = environment(), Wire().start_response, [b"x"]
    before = dict(environ)
    assert Middleware(application)(environ, start) is result
    assert seen == [environ, start]
    assert environ == before
    assert spooled.recorder.untied == 1
    assert one(spooled, Count).untied == 1


@pytest.mark.parametrize("forged", ["f" * 31, "F" * 32, "0" * 31 + "\n", "a" * 33, "", "é" * 32])
def test_forged_tags_are_replaced(spooled: Spooled, trace: str, forged: str) -> None:
    """What is no id and no name is never taken over."""
    environ = environment(
        HTTP_X_REQUESTSHOOK_REQUEST_ID=forged, HTTP_X_REQUESTSHOOK_REQUEST_FROM="a\nb",
        HTTP_X_REQUESTSHOOK_PARENT_ID=forged, HTTP_USER_AGENT="curl/8.5.0",
    )  # fmt: skip
    wire = Wire().run(Middleware(answering(b"x")), environ)
    asked = one(spooled, Request)
    assert tags.valid_id(asked.origin.id)
    assert asked.origin.id != forged
    assert (asked.parent, asked.caller) == (None, "curl")
    assert dict(wire.headers)[tags.REQUEST_ID] == asked.origin.id
    assert dict(wire.headers)[tags.REQUEST_FROM] == "curl"
    told = dict(asked.headers)
    assert (told[tags.REQUEST_ID], told[tags.REQUEST_FROM]) == (asked.origin.id, "curl"), "never logged as it came"
    assert tags.PARENT_ID not in told


def test_tags_of_the_form_are_recorded_as_they_came(spooled: Spooled, trace: str) -> None:
    """Tags that are believed stand among the headers in their own spelling."""
    sent = {tags.REQUEST_ID: "a" * 32, tags.REQUEST_FROM: "cli", tags.PARENT_ID: "b" * 32}
    raw = tuple((name.upper(), value) for name, value in sent.items())
    Wire().run(
        Middleware(answering(b"x")),
        environment(
            headers_raw=raw, **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in sent.items()}
        ),
    )
    assert one(spooled, Request).headers == raw


def test_only_our_own_trace_id_records(spooled: Spooled) -> None:
    """A stranger's trace id makes nothing record; one under the store's key does."""
    stranger = environment(HTTP_X_REQUESTSHOOK_TRACE_ID=tags.new_trace_id(os.urandom(32)))
    Wire().run(Middleware(answering(b"x")), stranger)
    assert spooled.of(Request) == []
    own = tags.new_trace_id(spooled.recorder.settings().key)
    Wire().run(Middleware(answering(b"x")), environment(HTTP_X_REQUESTSHOOK_TRACE_ID=own))
    assert one(spooled, Request).origin.trace == own


def test_ignored_call_is_tagged(spooled: Spooled, trace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ignored call is not recorded; its response has the tags, and calls made meanwhile have it as their parent."""
    monkeypatch.setattr(spooled.recorder, "is_ignored", lambda *call: True)
    seen = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        seen.append(serving.get())
        yield environ["wsgi.input"].read()

    wire = Wire().run(Middleware(application), environment("POST", b"abc", HTTP_X_REQUESTSHOOK_REQUEST_ID=ID))
    assert spooled.of(Request, Response, BodyEnd) == []
    assert dict(wire.headers)[tags.REQUEST_ID] == ID
    assert seen == [(ID, trace)]
    assert wire.content == b"abc"


def test_twice_around_is_once(spooled: Spooled, trace: str) -> None:
    """Of two middlewares around one application only the outer one records."""
    spooled.recorder.service = None
    wire = Wire().run(Middleware(Middleware(answering(b"x"), "inner")), environment())
    assert one(spooled, Request).callee == "inner"
    assert one(spooled, Response)
    assert len([name for name, _ in wire.headers if name == tags.REQUEST_ID]) == 1


def test_service_named_in_code(spooled: Spooled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name given to the middleware is the callee's, and the process's where it has none."""
    monkeypatch.setenv("REQUESTSHOOK_TRACE", "ab" * 16)
    Wire().run(wsgi.filter_factory({}, service="glance api")(answering(b"x")), environment())
    assert one(spooled, Request).callee == "glance-api" == spooled.recorder.name()


def test_unknown_option_of_the_filter(spooled: Spooled) -> None:
    """A slip in paste.deploy's file is said, and the service starts."""
    Wire().run(wsgi.filter_factory(None, servise="x")(answering(b"x")), environment())
    assert spooled.said == ["requestshook: paste filter: unknown option servise (known: service)"]


def test_server_context_stays_clean(spooled: Spooled, trace: str) -> None:
    """The id is there in every step of the application, and in none of the server."""
    inside: list[Any] = []
    outside: list[Any] = []

    class Steps:
        def __iter__(self) -> Iterator[bytes]:
            inside.append(serving.get())
            return self.steps()

        def steps(self) -> Iterator[bytes]:
            for chunk in (b"a", b"b"):
                inside.append(serving.get())
                yield chunk

        def close(self) -> None:
            inside.append(serving.get())

    def application(environ: Any, start_response: Any) -> Any:
        inside.append(serving.get())
        start_response("200 OK", TEXT[:])
        return Steps()

    def server() -> None:
        result = Middleware(application)(environment(HTTP_X_REQUESTSHOOK_REQUEST_ID=ID), Wire().start_response)
        outside.append(serving.get())
        for _ in result:
            outside.append(serving.get())
        result.close()  # type: ignore[attr-defined]  # it has one
        outside.append(serving.get())

    copy_context().run(server)
    assert inside == [(ID, trace)] * 5
    assert outside == [None] * 4


def test_each_step_may_run_in_another_context(spooled: Spooled, trace: str) -> None:
    """A server that takes each step in a context of its own meets no fault."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        for _ in range(3):
            yield str(serving.get()).encode()

    result = copy_context().run(Middleware(application), environment(), Wire().start_response)
    steps = iter(result)
    chunks = [copy_context().run(next, steps) for _ in range(3)]
    assert len(set(chunks)) == 1
    assert chunks[0] != b"None"
    assert spooled.said == []


def test_laziness(spooled: Spooled, trace: str) -> None:
    """The application goes one step for one step of the server, and not one before."""
    steps: list[str] = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        steps.append("begun")
        start_response("200 OK", TEXT[:])
        for number in range(3):
            steps.append(f"step {number}")
            yield b"x"
        steps.append("ended")

    result = iter(Middleware(application)(environment(), Wire().start_response))
    assert steps == []
    next(result)
    assert steps == ["begun", "step 0"]
    next(result)
    assert steps == ["begun", "step 0", "step 1"]
    assert [*result] == [b"x"]
    assert steps[-1] == "ended"


@pytest.mark.parametrize("given", [[b"a"], (b"a", b"b"), []])
def test_lists_are_handed_on_as_they_are(spooled: Spooled, trace: str, given: Any) -> None:
    """A server that looks at `len(result)` sees the application's own list or tuple."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT[:])
        return given

    assert Middleware(application)(environment(), Wire().start_response) is given
    assert content(one(spooled, Response).body) == b"".join(given)


def test_other_attributes_of_a_result(spooled: Spooled, trace: str) -> None:
    """What another middleware looks for on the iterable is found on ours, or missing, as on its own."""

    class Ranges:
        app_iter_range = "there"

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT[:])
        return Ranges()

    result: Any = Middleware(application)(environment(), Wire().start_response)
    assert result.app_iter_range == "there"
    assert not hasattr(result, "other")
    assert not hasattr(result, "__len__")


def test_streamed_response(spooled: Spooled, trace: str) -> None:
    """The response's line stands before the content ends, which has a line of its own."""
    seen = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield b""
        seen.append(len(spooled.of(Response)))
        yield b"abc"
        seen.append(len(spooled.of(Response)))
        yield b"def"

    Wire().run(Middleware(application), environment())
    assert seen == [0, 1]
    assert one(spooled, Response).body is None
    ended = one(spooled, BodyEnd)
    assert (ended.of, ended.end, content(ended.body)) == ("response", "complete", b"abcdef")


def test_whole_in_the_first_piece(spooled: Spooled, trace: str) -> None:
    """A first piece as long as the Content-Length needs no second line; what is read after it still counts."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [*TEXT, ("Content-Length", "3")])
        yield b"abc"
        environ["wsgi.input"].read(2)

    Wire().run(Middleware(application), environment("POST", b"abcd"))
    assert content(one(spooled, Response).body) == b"abc"
    ended = one(spooled, BodyEnd)
    assert (ended.of, content(ended.body), ended.end) == ("request", b"ab", "closed")


def test_a_server_that_takes_headers_late(spooled: Spooled, trace: str) -> None:
    """Headers given after the first octet change nothing of what is recorded, even if the server allows it."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield b"abc"
        start_response("204 No Content", [])
        yield b"def"

    result = Middleware(application)(environment(), lambda *args: None)
    assert b"".join(result) == b"abcdef"
    assert one(spooled, Response).status == 200
    assert content(one(spooled, BodyEnd).body) == b"abcdef"


def test_content_is_cut(spooled: Spooled, trace: str) -> None:
    """Of long content the head is kept, and its size is known."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ["wsgi.input"].read()
        start_response("200 OK", TEXT[:])
        for _ in range(3):
            yield b"y" * 50_000

    Wire().run(Middleware(application), environment("PUT", b"x" * 100_000))
    up, down = spooled.of(BodyEnd)
    assert isinstance(up, BodyEnd)
    assert isinstance(down, BodyEnd)
    assert (len(content(up.body)), up.body.size, up.body.cut) == (65536, 100_000, True)
    assert (len(content(down.body)), down.body.size, down.body.cut) == (65536, 150_000, True)


def test_closed_by_the_server(spooled: Spooled, trace: str) -> None:
    """A response that the server breaks off is half recorded and says so; the application's close runs once."""
    closed = []

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        try:
            while True:
                yield b"more"
        finally:
            closed.append(serving.get())

    result: Any = Middleware(application)(environment(), Wire().start_response)
    assert [next(result), next(result)] == [b"more", b"more"]
    result.close()
    result.close()
    assert len(closed) == 1
    assert closed[0] is not None
    ended = one(spooled, BodyEnd)
    assert (ended.end, content(ended.body)) == ("closed", b"moremore")


def test_left_by_the_server(spooled: Spooled, trace: str) -> None:
    """A server that forgets to close leaves a recorded end all the same, when the iterable is collected."""
    result: Any = Middleware(lambda e, s: s("200 OK", TEXT[:]) and iter([b"a", b"b"]))(
        environment(), Wire().start_response
    )
    next(result)
    del result
    gc.collect()
    assert one(spooled, BodyEnd).end == "closed"


def test_exceptions_pass_unchanged(spooled: Spooled, trace: str) -> None:
    """What the application raises, from wherever, reaches the server as the same object and is recorded."""
    error = LookupError("lost")

    def at_once(environ: Any, start_response: Any) -> Any:
        raise error

    def midway(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield b"half"
        raise error

    for application in (at_once, midway):
        with pytest.raises(LookupError) as caught:
            Wire().run(Middleware(application), environment())
        assert caught.value is error
    assert [event.error for event in spooled.of(Failure)] == ["LookupError: lost"] * 2
    ended = one(spooled, BodyEnd)
    assert (ended.end, content(ended.body)) == ("error: LookupError: lost", b"half")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_hard_exits_pass(spooled: Spooled, trace: str, kind: type[BaseException]) -> None:
    """Not even an exit is held up."""

    def application(environ: Any, start_response: Any) -> Any:
        raise kind

    with pytest.raises(kind):
        Wire().run(Middleware(application), environment())
    assert one(spooled, Failure).error.startswith(kind.__name__)
    assert serving.get() is None


def test_replaced_headers(spooled: Spooled, trace: str) -> None:
    """Headers replaced by `exc_info` before the first octet are the ones recorded."""

    def application(environ: Any, start_response: Any) -> Any:
        start_response("304 Not Modified", [("Content-Length", "3")])
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Lost", TEXT[:], sys.exc_info())
        return [b"sorry"]

    wire = Wire().run(Middleware(application), environment())
    answered = one(spooled, Response)
    assert (answered.status, answered.reason, content(answered.body)) == (500, "Lost", b"sorry")
    assert wire.status == "500 Lost"
    assert len(wire.headers) == 3


def test_exc_info_after_the_headers(spooled: Spooled, trace: str) -> None:
    """Once octets have gone out, `exc_info` raises the application's own error through it."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield b"gone"
        try:
            raise KeyError("x")
        except KeyError:
            start_response("500 Lost", TEXT[:], sys.exc_info())

    with pytest.raises(KeyError):
        Wire().run(Middleware(application), environment())
    assert one(spooled, Response).status == 200
    assert one(spooled, Failure).error == "KeyError: 'x'"


def test_written_content(spooled: Spooled, trace: str) -> None:
    """What goes through `write()` is recorded before what is returned."""

    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", TEXT[:])
        write(b"one ")
        write(b"two ")
        return [b"three"]

    wire = Wire().run(Middleware(application), environment())
    assert wire.content == b"one two three"
    assert content(one(spooled, BodyEnd).body) == b"one two three"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_no_content(spooled: Spooled, trace: str, status: str) -> None:
    """A response that has no content has none in the recording."""
    Wire().run(Middleware(answering(b"not for the wire", status=status)), environment())
    assert one(spooled, Response).body.size == 0


def test_head(spooled: Spooled, trace: str) -> None:
    """What an application gives for HEAD does not go over the wire and is not recorded as content."""
    Wire().run(Middleware(answering(b"hello")), environment("HEAD"))
    assert one(spooled, Response).body.size == 0


def reads(how: Callable[[Any], Any]) -> App:
    def application(environ: Any, start_response: Any) -> Any:
        environ["got"] = how(environ["wsgi.input"])
        start_response("200 OK", TEXT[:])
        return [b"x"]

    return application


CONTENT = b"first\nsecond\nthird"
WAYS: dict[str, tuple[Callable[[Any], Any], bytes, str]] = {
    "all": (lambda i: i.read(), CONTENT, "complete"),
    "all, negative": (lambda i: i.read(-1), CONTENT, "complete"),
    "exactly": (lambda i: i.read(len(CONTENT)), CONTENT, "complete"),
    "half": (lambda i: i.read(7), CONTENT[:7], "closed"),
    "nothing": (lambda i: None, b"", "closed"),
    "nothing, asked for": (lambda i: i.read(0), b"", "closed"),
    "a line": (lambda i: i.readline(), b"first\n", "closed"),
    "a bit of a line": (lambda i: i.readline(2), b"fi", "closed"),
    "lines": (lambda i: i.readlines(), CONTENT, "complete"),
    "some lines": (lambda i: i.readlines(3), b"first\n", "closed"),
    "iterated": (lambda i: list(i), CONTENT, "complete"),
    "iterated once": (lambda i: next(iter(i)), b"first\n", "closed"),
    "itself an iterator": (lambda i: next(i), b"first\n", "closed"),
    "read1": (lambda i: i.read1(9), CONTENT[:9], "closed"),
    "readinto": (lambda i: i.readinto(bytearray(9)), CONTENT[:9], "closed"),
    "mixed": (lambda i: (i.readline(), i.read(2), *i), CONTENT, "complete"),
}


@pytest.mark.parametrize("way", WAYS)
def test_request_content(spooled: Spooled, trace: str, way: str) -> None:
    """However the application reads, it gets what it would get, and what it read is recorded."""
    how, expected, end = WAYS[way]
    environ = environment("POST", CONTENT)
    Wire().run(Middleware(reads(how)), environ)
    assert environ["got"] == how(io.BytesIO(CONTENT))
    ended = one(spooled, BodyEnd)
    assert one(spooled, Request).body is None
    assert (ended.of, content(ended.body), ended.end) == ("request", expected, end)


ENDS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "all": (lambda i: i.read(), "complete"),
    "all, none": (lambda i: i.read(None), "complete"),
    "piece by piece": (lambda i: list(iter(lambda: i.read(5), b"")), "complete"),
    "line by line": (lambda i: list(iter(i.readline, b"")), "complete"),
    "lines": (lambda i: i.readlines(), "complete"),
    "iterated": (lambda i: list(i), "complete"),
    "into a buffer": (lambda i: [i.readinto(bytearray(30)), i.readinto(bytearray(30))], "complete"),
    "just short of the end": (lambda i: i.read(len(CONTENT)), "closed"),
    "some lines": (lambda i: i.readlines(3), "closed"),
}


@pytest.mark.parametrize("way", ENDS)
def test_request_content_of_unknown_length(spooled: Spooled, trace: str, way: str) -> None:
    """Chunked content is complete once its end was read, in whatever way."""
    how, end = ENDS[way]
    environ = environment("POST", HTTP_TRANSFER_ENCODING="chunked")
    environ["wsgi.input"] = io.BytesIO(CONTENT)
    Wire().run(Middleware(reads(how)), environ)
    assert environ["got"] == how(io.BytesIO(CONTENT))
    assert one(spooled, BodyEnd).end == end


def test_content_that_breaks_off(spooled: Spooled, trace: str) -> None:
    """A client that sends less than it said is told of in the recording."""
    environ = environment("POST", b"abc")
    environ["CONTENT_LENGTH"] = "9"
    Wire().run(Middleware(reads(lambda i: i.read(9) + i.read(9))), environ)
    assert one(spooled, BodyEnd).end == "error: it ended after 3 of 9 octets"


def test_content_that_fails(spooled: Spooled, trace: str) -> None:
    """An error of the socket reaches the application and is recorded; what was read before is kept."""

    class Broken(io.BytesIO):
        def readline(self, *args: Any) -> bytes:
            raise ConnectionResetError("gone")

    def how(input: Any) -> str:
        input.read(2)
        with pytest.raises(ConnectionResetError):
            input.readline()
        return "survived"

    environ = environment("POST", b"")
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = Broken(b"abcdef"), "6"
    Wire().run(Middleware(reads(how)), environ)
    assert environ["got"] == "survived"
    ended = one(spooled, BodyEnd)
    assert (ended.end, content(ended.body)) == ("error: ConnectionResetError: gone", b"ab")


def test_input_is_the_server_s_own_otherwise(spooled: Spooled, trace: str) -> None:
    """Other attributes of the input are the server's, in both directions."""

    class Own(io.BytesIO):
        def set_hundred_continue_response_headers(self, headers: Any) -> Any:
            return headers

    def how(input: Any) -> Any:
        input.note = 5
        assert not hasattr(input, "get_socket")
        return input.set_hundred_continue_response_headers([1])

    own = Own(b"abc")
    environ = environment("POST", b"abc")
    environ["wsgi.input"] = own
    Wire().run(Middleware(reads(how)), environ)
    assert environ["got"] == [1]
    assert own.note == 5  # type: ignore[attr-defined]  # set by the application


def test_no_content_no_wrapping(spooled: Spooled, trace: str) -> None:
    """Where a request has no content, the application gets the server's own input."""
    environ = environment()
    own = environ["wsgi.input"]
    Wire().run(Middleware(reads(lambda i: i)), environ)
    assert environ["got"] is own


def test_file_passes_as_it_is(spooled: Spooled, trace: str, tmp_path: Any) -> None:
    """A file for the server's sendfile is handed on itself, from where it stands; head and size are known."""
    (tmp_path / "image").write_bytes(b"0123456789" * 10_000)
    given = []

    def application(environ: Any, start_response: Any) -> Any:
        file = open(tmp_path / "image", "rb")  # noqa: SIM115  # the server closes it
        file.read(3)
        start_response("200 OK", TEXT[:])
        given.append(environ["wsgi.file_wrapper"](file))
        return given[0]

    result: Any = Middleware(application)(environment(), Wire().start_response)
    assert result is given[0]
    assert len(b"".join(result)) == 99_997
    result.close()
    body = one(spooled, Response).body
    assert (content(body)[:9], body.size, body.cut) == (b"345678901", 99_997, True)


def test_part_of_a_file(spooled: Spooled, trace: str, tmp_path: Any) -> None:
    """Of a file that is sent in part, as the Content-Length says, only that part is recorded."""
    (tmp_path / "image").write_bytes(b"0123456789")

    def application(environ: Any, start_response: Any) -> Any:
        file = open(tmp_path / "image", "rb")  # noqa: SIM115  # the server closes it
        start_response("206 Partial Content", [*TEXT, ("Content-Length", "4")])
        return environ["wsgi.file_wrapper"](file)

    result: Any = Middleware(application)(environment(), Wire().start_response)
    result.close()
    body = one(spooled, Response).body
    assert (content(body), body.size, body.cut) == (b"0123", 4, False)


def test_file_without_a_descriptor(spooled: Spooled, trace: str) -> None:
    """What no sendfile could send is teed as any other iterable, and closed."""
    kept = io.BytesIO(b"in memory")

    def application(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", TEXT[:])
        return environ["wsgi.file_wrapper"](kept)

    wire = Wire().run(Middleware(application), environment())
    assert wire.content == b"in memory"
    assert content(one(spooled, BodyEnd).body) == b"in memory"
    assert kept.closed


def test_validated_on_both_sides(spooled: Spooled, trace: str) -> None:
    """wsgiref's validator finds fault neither with what we give the server nor with what we give the application."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield environ["wsgi.input"].readline(100)
        yield from environ["wsgi.input"]

    def by_write(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", TEXT[:])
        write(environ["wsgi.input"].read(6))
        return [b"".join(environ["wsgi.input"].readlines(9))]

    for kind, count in ((application, 3), (by_write, 2)):
        environ = environment("POST", b"one\ntwo\n")
        del environ["wsgi.file_wrapper"]
        wire = Wire()
        # The validator wants to be called as a server would: with positional arguments and a plain dict.
        result = validator(Middleware(validator(kind)))(environ, wire.start_response)
        for chunk in result:
            wire.write(chunk)
        result.close()  # type: ignore[attr-defined]  # it has one
        assert wire.content == b"one\ntwo\n", count
    assert len(spooled.of(Response)) == 2
    assert spooled.said == []


def test_application_s_attributes(spooled: Spooled) -> None:
    """What a server or its hooks look for on the application is found through the middleware."""

    class Application:
        config = "its own"

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return []

    middleware: Any = Middleware(Application())
    assert middleware.config == "its own"
    with pytest.raises(AttributeError):
        middleware.other  # noqa: B018


def test_folder_that_cannot_be_written(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be recorded the application is served all the same, and one line is said."""
    (tmp_path / "spool").write_text("no folder")
    said: list[str] = []
    recorder = recording.Recorder(str(tmp_path), say=said.append)
    monkeypatch.setattr(recording, "recorder", recorder)
    monkeypatch.setenv("REQUESTSHOOK_TRACE", "ab" * 16)
    for _ in range(3):
        wire = Wire().run(Middleware(reads(lambda i: i.read(3))), environment("POST", b"abc"))
        assert wire.content == b"x"
        assert tags.REQUEST_ID in dict(wire.headers)
    assert len(said) == 1
    assert recorder.dropped == 9


@pytest.mark.parametrize("broken", ["trace_for_inbound", "client_name", "is_ignored", "origin", "emit", "name"])
def test_faults_of_ours_stay_ours(spooled: Spooled, trace: str, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """Whatever breaks within us, the application answers as ever, and the fault is said."""

    def fail(*args: Any, **options: Any) -> Any:
        raise RuntimeError(f"{broken} is broken")

    spooled.recorder.service = None
    monkeypatch.setattr(spooled.recorder, broken, fail)

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield environ["wsgi.input"].read()
        yield b"!"

    wire = Wire().run(Middleware(application), environment("POST", b"abc"))
    assert (wire.status, wire.content) == ("200 OK", b"abc!")
    assert any("is broken" in said for said in spooled.said)


def test_a_forked_child_is_silent(spooled: Spooled, trace: str) -> None:
    """A child forked in mid-response holds the same objects and writes no line of the call."""

    def application(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT[:])
        yield b"a"
        yield b"b"

    result: Any = Middleware(application)(environment(), Wire().start_response)
    steps = iter(result)
    next(steps)
    child = os.fork()
    if child == 0:
        list(steps)
        result.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert spooled.of(BodyEnd) == []
    assert list(steps) == [b"b"]
    assert one(spooled, BodyEnd).end == "complete"


@given(
    st.lists(st.binary(max_size=6), max_size=6),
    st.sampled_from(["list", "iterator", "written", "mixed"]),
    st.booleans(),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_recorded_is_what_is_sent(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], how: str, declared: bool
) -> None:
    """However an application cuts and gives its content, the recording holds what the wire got."""
    whole = b"".join(chunks)

    picture = [("Content-Type", "image/png")]  # text would be decoded: a byte-order mark is no part of it

    def application(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [*picture, ("Content-Length", str(len(whole)))] if declared else picture[:])
        if how == "list":
            return chunks
        if how == "iterator":
            return iter(chunks)
        for chunk in chunks if how == "written" else chunks[:2]:
            write(chunk)
        return [] if how == "written" else iter(chunks[2:])

    with pytest.MonkeyPatch.context() as patch:
        spooled = Spooled(tmp_path_factory.mktemp("spooled"))
        patch.setattr(recording, "recorder", spooled.recorder)
        patch.setenv("REQUESTSHOOK_TRACE", "ab" * 16)
        assert Wire().run(Middleware(application), environment()).content == whole
    body = one(spooled, Response).body or one(spooled, BodyEnd).body
    assert content(body) == whole
    assert body.size == len(whole)
    assert spooled.said == []


PATH = st.binary(max_size=20).map(lambda octets: "/" + octets.decode("latin-1"))


@given(PATH, st.text("abc=&%20", max_size=10))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_url_of_any_path(path: str, query: str) -> None:
    """Any path that a server can decode becomes a URL in ASCII that decodes to the same octets."""
    from urllib.parse import unquote_to_bytes

    url = environs.url({"PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "h", "SERVER_PORT": "80"})
    assert url.isascii()
    assert url.startswith("http://h:80/")
    found, _, asked = url.removeprefix("http://h:80").partition("?")
    assert unquote_to_bytes(found) == path.encode("latin-1")
    assert asked == query


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RAW_URI": "/a%2Fb?c=%20", "PATH_INFO": "/a/b", "HTTP_HOST": "x:81"}, "http://x:81/a%2Fb?c=%20"),
        ({"REQUEST_URI": "/a%2Fb", "HTTP_HOST": "x", "wsgi.url_scheme": "https"}, "https://x/a%2Fb"),
        ({"RAW_URI": "http://other/a?b=http://c", "HTTP_HOST": "x"}, "http://other/a?b=http://c"),
        ({"RAW_URI": "*", "PATH_INFO": "*", "HTTP_HOST": "x"}, "http://x*"),
        ({"RAW_PATH_INFO": "/a%2Fb", "PATH_INFO": "/a/b", "QUERY_STRING": "q", "HTTP_HOST": "x"}, "http://x/a%2Fb?q"),
        ({"PATH_INFO": "", "SERVER_NAME": "::1", "SERVER_PORT": "5000"}, "http://[::1]:5000/"),
        ({"SERVER_NAME": "a", "SERVER_PORT": "443", "wsgi.url_scheme": "https"}, "https://a/"),
    ],
)
def test_url_as_sent(environ: dict[str, Any], expected: str) -> None:
    """Where the server tells the request's target as it was sent, it is taken; else PEP 3333 puts it together."""
    assert environs.url(environ) == expected


def test_headers_in_order() -> None:
    """Headers come in the server's order, spelled in the usual way; what wsgiref makes up is left out."""
    environ = {
        "SERVER_SOFTWARE": "WSGIServer/0.2", "CONTENT_LENGTH": "", "CONTENT_TYPE": "text/plain", "HTTP_HOST": "x",
        "HTTP_X_OPENSTACK_REQUEST_ID": "req-1", "wsgi.input": None, "HTTP_ACCEPT": "*/*",
    }  # fmt: skip
    assert environs.headers(environ) == (("Host", "x"), ("X-Openstack-Request-Id", "req-1"), ("Accept", "*/*"))
    environ["CONTENT_LENGTH"] = "5"
    assert environs.headers(environ)[-2:] == (("Content-Length", "5"), ("Content-Type", "text/plain"))
    raw = (("hOST", "x"), ("A", "1"), ("A", "2"))
    assert environs.headers({"headers_raw": raw, "HTTP_HOST": "x"}) == raw
