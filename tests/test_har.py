"""HAR files as browsers, proxies and other tools write them, and as nobody should."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from har_support import NEW, context, entry, write
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook import formats
from requestshook.events import Failure, Note, Request, Response, from_line, to_line
from requestshook.formats import har, har_stream, har_values
from requestshook.formats.values import Entry


def load(path: Path, **changes: Any) -> list[Entry]:
    """All that is read of a file."""
    return list(har.load(str(path), context(**changes)))


def call(tmp_path: Path, given: Any, creator: str = "WebInspector", **changes: Any) -> tuple[Any, Any]:
    """Request, and response or failure, of one entry, which is read without a problem."""
    (found,) = load(write(tmp_path / "one.har", [given], creator), **changes)
    assert found.problem is None
    return found.events[0], found.events[1]


def test_a_plain_entry(tmp_path: Path) -> None:
    """Method, address, headers and content are taken as they stand; the response is there once receiving begins."""
    request, response = call(tmp_path, entry())
    assert request[0] == 1714557600.25
    assert request[2:] == (
        None, "curl", None, "GET", "http://shop.example/a?b=1", "HTTP/1.1", (("User-Agent", "curl/8.5.0"),),
        ("", 0, False, None, None),
    )  # fmt: skip
    assert response.at == pytest.approx(1714557600.2575)
    assert response[2:] == (200, "OK", "HTTP/1.1", (("Content-Type", "text/plain"),), (), ("hi", 2, False, None, None))
    assert request.origin[0] == "client"
    assert request.origin[2:] == (NEW, "file.har", 7, 1)
    assert response.origin == request.origin


def test_tags_give_ids_and_callers(tmp_path: Path) -> None:
    """An entry that carries our headers is that call, of that caller and parent; forged ones are not believed."""
    tags = [("X-Requestshook-Request-Id", "ab" * 16), ("x-requestshook-request-from", "glance-api"),
            ("X-Requestshook-Parent-Id", "cd" * 16)]  # fmt: skip
    given = entry(request__headers=[{"name": name, "value": value} for name, value in tags])
    request, response = call(tmp_path, given)
    assert (request.origin.id, request.caller, request.parent) == ("ab" * 16, "glance-api", "cd" * 16)
    assert response.origin.id == "ab" * 16
    forged = entry(request__headers=[{"name": name, "value": value + "<script>"} for name, value in tags])
    request, _ = call(tmp_path, forged)
    assert len(request.origin.id) == 32
    assert (request.caller, request.parent) == ("-", None)


# -- dialects -----------------------------------------------------------------------------------------------------


def chrome(**changes: Any) -> dict[str, Any]:
    """An entry as Chrome's developer tools save it."""
    plain: dict[str, Any] = {
        "_initiator": {"type": "script", "stack": {"callFrames": []}}, "_priority": "High", "_resourceType": "fetch",
        "_connectionId": "7", "connection": "443", "pageref": "page_1", "serverIPAddress": "10.0.0.1",
        "request__httpVersion": "http/2.0",
        "request__headers": [
            {"name": ":authority", "value": "shop.example"}, {"name": ":path", "value": "/a?b=1"},
            {"name": "user-agent", "value": "Mozilla/5.0 Chrome/120"},
        ],
        "response__httpVersion": "h2", "response__statusText": "", "response__bodySize": -1,
        "response___transferSize": 812,
        "response__headers": [
            {"name": "set-cookie", "value": "a=1\nb=2"}, {"name": "content-encoding", "value": "br"},
            {"name": "content-type", "value": "application/json"},
        ],
        "response__content": {"size": 20, "mimeType": "application/json", "text": '{"name": "이미지"}'},
        "timings": {"blocked": 2, "dns": -1, "ssl": -1, "connect": -1, "send": 1, "wait": 5, "receive": 4.5,
                    "_blocked_queueing": 1.5},
    }  # fmt: skip
    return entry(**{**plain, **changes})


def test_chrome(tmp_path: Path) -> None:
    """Pseudo-headers are no headers, joined headers come apart, and content is there whatever its coding was."""
    request, response = call(tmp_path, chrome())
    assert (request.caller, request.http, request.headers) == (
        "Mozilla", "HTTP/2.0", (("user-agent", "Mozilla/5.0 Chrome/120"),),
    )  # fmt: skip
    assert response.headers[:2] == (("set-cookie", "a=1"), ("set-cookie", "b=2"))
    assert response.body == ('{"name": "이미지"}', 20, False, "br", None)
    assert response.at - request.at == pytest.approx(0.008, abs=1e-4)


def test_chrome_s_failed_call(tmp_path: Path) -> None:
    """A status of 0 is a failure, with the browser's own word for it."""
    given = chrome(response__status=0, response___error="net::ERR_CONNECTION_REFUSED")
    _, failure = call(tmp_path, given)
    assert isinstance(failure, Failure)
    assert failure.error == "ConnectionRefused: net::ERR_CONNECTION_REFUSED"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("net::ERR_NAME_NOT_RESOLVED", "NameNotFound: net::ERR_NAME_NOT_RESOLVED"),
        ("net::ERR_BLOCKED_BY_CLIENT", "Blocked: net::ERR_BLOCKED_BY_CLIENT"),
        ("net::ERR_TIMED_OUT", "Timeout: net::ERR_TIMED_OUT"),
        ("net::ERR_CERT_AUTHORITY_INVALID", "TLSError: net::ERR_CERT_AUTHORITY_INVALID"),
        ("net::ERR_EMPTY_RESPONSE", "ServerDisconnected: net::ERR_EMPTY_RESPONSE"),
        ("net::ERR_ABORTED", "Aborted: net::ERR_ABORTED"),
        ("net::ERR_FAILED", "ERR_FAILED: net::ERR_FAILED"),
        ("NS_ERROR_CONNECTION_REFUSED", "ConnectionRefused: NS_ERROR_CONNECTION_REFUSED"),
        ("NS_ERROR_UNEXPECTED", "NS_ERROR_UNEXPECTED"),
        ("SEC_ERROR_UNKNOWN_ISSUER", "TLSError: SEC_ERROR_UNKNOWN_ISSUER"),
        ("The network connection was lost.", "Failed: The network connection was lost."),
        (
            "[Errno 111] Connect call failed ('127.0.0.1', 1)",
            "ConnectionRefused: [Errno 111] Connect call failed ('127.0.0.1', 1)",
        ),
        ("peer sent b'token=abc'", "Failed: peer sent …"),
        ("ConnectTimeout: it took too long", "ConnectTimeout: it took too long"),
        ("canceled", "canceled"),
        ("", "NoResponse: the HAR holds none"),
    ],
)
def test_what_a_failure_is_called(tmp_path: Path, said: str, error: str) -> None:
    """A failure begins with what kind it is, in the words that capture uses, whatever a tool calls it."""
    _, failure = call(tmp_path, entry(response__status=0, response__statusText="", response___error=said))
    assert failure.error == error


def test_chrome_s_content_that_was_not_saved(tmp_path: Path) -> None:
    """Content of which only the size is there says why; none at all is an empty body."""
    _, response = call(tmp_path, chrome(response__content={"size": 4321, "mimeType": "image/png"}))
    assert response.body == (None, 4321, False, None, "the HAR does not hold it")
    _, response = call(tmp_path, chrome(response__content={"size": 0, "mimeType": "x-unknown"}))
    assert response.body == ("", 0, False, None, None)


def test_a_web_socket_s_handshake(tmp_path: Path) -> None:
    """Of a WebSocket the handshake is a call; its messages are passed over."""
    messages = [{"type": "send", "time": 1.5, "opcode": 1, "data": "hi"}]
    given = chrome(_webSocketMessages=messages, _resourceType="websocket")
    given["request"]["url"], given["response"]["status"] = "wss://shop.example/ws", 101
    request, response = call(tmp_path, given)
    assert (request.url, response.status) == ("wss://shop.example/ws", 101)


def test_firefox(tmp_path: Path) -> None:
    """Offsets, times of -1, a form with its fields beside it, a body that was cut, and a comment."""
    given = entry(
        startedDateTime="2024-05-01T19:00:00.250+09:00",
        time=-1,
        timings={"blocked": -1, "dns": 3, "connect": 2, "ssl": 1, "send": -1, "wait": 10, "receive": 20},
        comment="이상하다",
        request__method="POST",
        request__bodySize=7,
        request__postData={
            "mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "1"}], "text": "a=1&b=2",
        },
        response__content={"mimeType": "text/plain", "size": 9000, "text": "x" * 100, "comment": "truncated"},
    )  # fmt: skip
    (found,) = load(write(tmp_path / "a.har", [given], "Firefox"))
    request, response, note = found.events
    assert isinstance(request, Request)
    assert isinstance(response, Response)
    assert isinstance(note, Note)
    assert request.at == 1714557600.25
    assert request.body == ("a=1&b=2", 7, False, None, None)
    assert response.at - request.at == pytest.approx(0.015, abs=1e-4)
    assert response.body == ("x" * 100, 9000, True, None, None)
    assert note.text == "이상하다"


def test_a_form_without_its_text(tmp_path: Path) -> None:
    """Fields of a form give its text; those of a multipart body say that they are all there is."""
    fields = [{"name": "이름", "value": "a b"}, {"name": "x", "value": None}, "?"]
    form = {"mimeType": "application/x-www-form-urlencoded; charset=utf-8", "params": fields}
    request, _ = call(tmp_path, entry(request__postData=form))
    assert request.body.content == "%EC%9D%B4%EB%A6%84=a+b&x="
    request, _ = call(
        tmp_path, entry(request__bodySize=99, request__postData={**form, "mimeType": "multipart/form-data"})
    )
    assert request.body == (None, 99, False, None, "the HAR holds its fields, not its text")


def test_safari(tmp_path: Path) -> None:
    """Sizes that are missing are measured, and `bodySize` counts what was sent with a coding."""
    given = entry(
        response__headers=[{"name": "Content-Encoding", "value": "gzip"}],
        response__bodySize=40,
        response__content={"size": 120, "compression": 80, "mimeType": "text/html", "text": "y" * 120},
    )
    del given["request"]["bodySize"], given["request"]["headersSize"], given["time"]
    _, response = call(tmp_path, given)
    assert response.body == ("y" * 120, 40, False, "gzip", None)
    given["response"]["bodySize"] = -1
    assert call(tmp_path, given)[1].body.size == 40


def test_playwright(tmp_path: Path) -> None:
    """A status of -1 is a failure, with Playwright's text; one that is none is not called by its reason."""
    for status in (None, True, 99999, "?"):
        assert call(tmp_path, entry(response__status=status))[1].error == "NoResponse: the HAR holds none"
    _, failure = call(tmp_path, entry(response__status=-1, response___failureText="net::ERR_FAILED"), "Playwright")
    assert failure.error == "ERR_FAILED: net::ERR_FAILED"


def test_mitmproxy(tmp_path: Path) -> None:
    """A proxy's view is the wire's; content that is no text is base64, decoded already."""
    content = {"size": 4, "compression": -20, "mimeType": "image/png", "text": "iVBORw==", "encoding": "base64"}
    headers = [{"name": "content-encoding", "value": "gzip"}]
    request, response = call(
        tmp_path, entry(response__content=content, response__bodySize=24, response__headers=headers), "mitmproxy"
    )
    assert request.origin.view == "wire"
    assert response.body == (b"\x89PNG", 24, False, "gzip", None)


def test_base64(tmp_path: Path) -> None:
    """Gzip that was not undone is told by its first octets; base64 that is broken is said."""
    packed = gzip.compress(b"hi")
    content = {"size": -1, "mimeType": "text/plain", "encoding": "base64"}
    headers = [{"name": "Content-Encoding", "value": "gzip"}]
    text = base64.b64encode(packed).decode()
    _, response = call(tmp_path, entry(response__content={**content, "text": text}, response__headers=headers))
    assert (response.body.content, response.body.encoding) == (packed, None)
    _, response = call(tmp_path, entry(response__content={**content, "text": "A"}))
    assert response.body.why == "its base64 in the HAR is broken"


def test_a_coding_that_was_not_undone(tmp_path: Path) -> None:
    """Octets of a text that are none, in a coding that we cannot undo, are not kept: no secret could be found."""
    content = {"size": 9, "mimeType": "application/json", "encoding": "base64", "text": "G6f/gIE="}
    headers = [{"name": "Content-Encoding", "value": "br"}]
    _, response = call(tmp_path, entry(response__content=content, response__headers=headers, response__bodySize=5))
    assert response.body == (None, 5, False, None, "its coding (br) was not undone in the HAR")
    text = base64.b64encode(b'{"a": 1}').decode()
    _, response = call(tmp_path, entry(response__content={**content, "text": text}, response__headers=headers))
    assert (response.body.content, response.body.encoding) == (b'{"a": 1}', "br")


def test_an_entry_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry that is longer than any should be ends the reading, and that is said; what came before is kept."""
    monkeypatch.setattr(har_stream, "LONGEST", 200_000)
    huge = entry(response__content={"text": "x" * 300_000, "size": 300_000})
    found = load(write(tmp_path / "a.har", [*[entry()] * 500, huge, entry()]))
    assert [item.number for item in found if item.problem] == [501]
    assert found[-1].problem == "it is longer than 0 MiB: what follows is left out"
    assert len(found) == 501


def test_what_is_missing_or_null(tmp_path: Path) -> None:
    """Of an entry nothing is needed beyond a request with an address and a time."""
    bare = {"startedDateTime": "2024-05-01T10:00:00Z", "request": {"url": "http://h/"}}
    request, failure = call(tmp_path, bare)
    assert (request.method, request.http, request.headers, request.body) == ("GET", "", (), ("", 0, False, None, None))
    assert failure.error == "NoResponse: the HAR holds none"
    nulls = {
        **bare,
        "time": None,
        "timings": None,
        "cache": None,
        "response": {"status": "204", "headers": None, "content": None},
    }
    _, response = call(tmp_path, nulls)
    assert (response.status, response.headers, response.body.size) == (204, (), 0)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-05-01T10:00:00Z", 1714557600.0), ("2024-05-01T10:00:00", 1714557600.0),
        ("2024-05-01T10:00:00.123456789Z", 1714557600.123456789), ("2024-05-01 12:00:00,5+0200", 1714557600.5),
        ("2024-05-01T05:30:00.000-04:30", 1714557600.0), ("2024-05-01T10:00Z", 1714557600.0),
        (1714557600500, 1714557600.5), ("1969-12-31T23:59:59.75Z", -0.25), ("2024-13-01T10:00:00Z", None),
        ("yesterday", None), (None, None), ([], None),
        ("9999-12-31T23:59:59-23:59", 253402387139.0), (float("inf"), None), (True, None),
    ],
)  # fmt: skip
def test_times(text: Any, at: float | None) -> None:
    """ISO 8601 in every spelling that tools use, and milliseconds."""
    assert har_values.moment(text) == at


@given(st.floats(-6e10, 2e11))
def test_a_time_comes_back_to_the_microsecond(at: float) -> None:
    """A time that is written as a HAR has it is read again."""
    found = har_values.moment(har_values.iso(at))
    assert found == pytest.approx(at, abs=1e-4)


def test_headers_that_are_no_latin_1(tmp_path: Path) -> None:
    """Text in a header is what its octets are, as a capture has it; what stands for a secret stays as it is."""
    value = "한 ‹token:0123456789abcdef›"
    request, _ = call(tmp_path, entry(request__headers=[{"name": "X-Name", "value": value}]))
    assert request.headers == (("X-Name", "í\x95\x9c ‹token:0123456789abcdef›"),)
    assert har_values.as_text(request.headers[0][1]) == value


def test_bodies_are_bounded(tmp_path: Path) -> None:
    """`body_limit` octets of a body are kept, to a character's end; the size is that of all of it."""
    given = entry(
        request__postData={"mimeType": "", "text": "한" * 10},
        request__bodySize=-1,
        response__content={"text": "x" * 50, "size": 50},
    )
    request, response = call(tmp_path, given, body_limit=8)
    assert request.body == ("한한", 30, True, None, None)
    assert response.body == ("x" * 8, 50, True, None, None)


# -- what is broken -----------------------------------------------------------------------------------------------


def test_a_broken_entry_is_named_and_the_rest_kept(tmp_path: Path) -> None:
    """Each entry that tells no call is told by its number, and those around it are there."""
    broken: list[Any] = [
        None,
        [],
        "x",
        7,
        {},
        {"request": None},
        {"request": {"url": "http://h/"}},
        entry(request__url=""),
        entry(startedDateTime="?"),
        entry(request__url="data:image/png;base64,iVBORw=="),
    ]
    found = load(write(tmp_path / "a.har", [entry(), *broken, entry()]))
    assert [item.number for item in found] == list(range(1, 13))
    assert [item.number for item in found if item.problem is None] == [1, 12]
    assert found[1].problem == "it is no object"
    assert found[-2].problem == "its url (data:) is asked of nobody"


@pytest.mark.parametrize("packed", [False, True])
def test_a_har_that_breaks_off(tmp_path: Path, packed: bool) -> None:
    """Whole entries of a file that was cut are kept, and the first that is not is said."""
    octets = write(tmp_path / "a.har", [entry() for _ in range(500)]).read_bytes()
    cut = gzip.compress(octets)[:-300] if packed else octets[: len(octets) // 2]
    path = tmp_path / "b.har"
    path.write_bytes(cut)
    found = load(path)
    assert len(found) > 100
    assert all(item.events for item in found[:-1])
    assert "breaks off" in str(found[-1].problem)
    assert found[-1].number == len(found)


def test_octets_that_json_forbids(tmp_path: Path) -> None:
    """A byte order mark, control characters and octets that are no UTF-8 lose neither an entry nor what follows."""
    octets = write(tmp_path / "a.har", [entry(response__content={"text": "@", "size": 9}), entry()]).read_bytes()
    path = tmp_path / "b.har"
    path.write_bytes(b"\xef\xbb\xbf" + octets.replace(b'"@"', b'"\xff\x00\n\\ud800 \\u0000"'))
    first, second = load(path)
    assert first.problem is None
    assert second.problem is None
    assert first.events[1].body.content.startswith("�  ")  # type: ignore[union-attr] # a response
    assert first.events[1].body.content.endswith("\0")  # type: ignore[union-attr] # a response


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_a_har_in_another_unicode(tmp_path: Path, coding: str) -> None:
    """UTF-16, as a shell of Windows redirects it, is told by its byte order mark."""
    octets = json.dumps({"log": {"entries": [entry(comment="글"), entry()]}}, ensure_ascii=False).encode(coding)
    path = tmp_path / "a.har"
    path.write_bytes(b"\xfe\xff" + octets if coding == "utf-16-be" else octets)
    assert formats.kind_of(path.read_bytes()[:100]) == "har"
    first, second = load(path)
    assert (first.events[2].text, second.problem) == ("글", None)  # type: ignore[union-attr] # a note


def test_members_that_come_twice(tmp_path: Path) -> None:
    """Of a name that comes twice the last value holds; of `entries`, both lists are read."""
    text = write(tmp_path / "a.har", [entry()]).read_text("utf-8")
    text = text.replace('"method": "GET"', '"method": "PUT", "method": "GET"').replace(
        '"entries"', '"entries": [7], "entries"'
    )
    (tmp_path / "b.har").write_text(text, "utf-8")
    first, second = load(tmp_path / "b.har")
    assert first.problem == "it is no object"
    assert second.events[0].method == "GET"  # type: ignore[union-attr] # a request


def test_a_number_that_is_none(tmp_path: Path) -> None:
    """`NaN` is no JSON: the entries before it are kept, and where the rest was left out is said."""
    text = write(tmp_path / "a.har", [entry(), entry(time="@"), entry()]).read_text("utf-8")
    (tmp_path / "b.har").write_text(text.replace('"@"', "NaN"), "utf-8")
    first, second = load(tmp_path / "b.har")
    assert first.problem is None
    assert "no JSON from there on" in str(second.problem)


def test_nesting_and_numbers_without_end(tmp_path: Path) -> None:
    """What is nested a million deep or counts beyond all bounds is left out, and the entry is kept."""
    octets = write(tmp_path / "a.har", [entry(_deep="@", time="#"), entry()]).read_bytes()
    path = tmp_path / "b.har"
    path.write_bytes(octets.replace(b'"@"', b"[" * 1_000_000 + b"]" * 1_000_000).replace(b'"#"', b"1e999"))
    first, second = load(path)
    assert "left out" in str(first.problem)
    assert len(first.events) == 2
    assert second.problem is None


def test_a_million_headers(tmp_path: Path) -> None:
    """Of more headers than anybody sends, the first are kept, and that is said."""
    headers = [{"name": "a", "value": "b"}] * 200_000
    (found,) = load(write(tmp_path / "a.har", [entry(request__headers=headers)]))
    assert "left out" in str(found.problem)
    assert len(found.events[0].headers) == 5000  # type: ignore[union-attr] # a request


def test_a_name_with_a_line_s_end(tmp_path: Path) -> None:
    """A header that would break a line is data: the event is one line and comes back."""
    given = entry(request__headers=[{"name": "a\r\nb: c", "value": "d\r\ne"}])
    request, _ = call(tmp_path, given)
    assert request.headers == (("a\r\nb: c", "d"), ("a\r\nb: c", "e"))
    line = to_line(request)
    assert line.count(b"\n") == 1
    assert from_line(line) == request


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_PATHS = ["request", "response", "request__headers", "request__url", "request__postData", "request__method",
          "response__status", "response__content", "response__headers", "response__bodySize", "time", "timings",
          "startedDateTime", "_requestshook", "comment"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(_PATHS), _JSON, max_size=3))
def test_anything_anywhere(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]) -> None:
    """Whatever stands in place of a field, the entry is read or skipped with a reason, and the next one read."""
    whole = {name: value for name, value in changes.items() if "__" not in name}
    further = {name: value for name, value in changes.items() if name.partition("__")[0] not in whole}
    path = write(tmp_path_factory.mktemp("any") / "a.har", [entry(**{**further, **whole}), entry()])
    first, second = load(path)
    assert first.events or first.problem
    assert second.events
    for event in first.events:
        to_line(event)


# -- which kind ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b'{"log": {"entries": []}}', "har"), (b'\xef\xbb\xbf\n {\n "log" : {', "har"),
        (gzip.compress(b'{"log":{"version":"1.2"}}', mtime=0), "har"), (b'{"comment":"","log":{}}', "har"),
        (b'{"v":1,"event":"request","at":1', "spool"), (b'\n{"v": 1, "event": "process"}\n{', "spool"),
        (b"122:4:type;4:http;", "flows"), (b"", None), (b"root:x:0:0", None), (b'{"a": 1}', None),
        (b"\x1f\x8b\x00", None), (b"<html>", None), (b"[1]", None), (b"PK\x03\x04", None),
    ],
)  # fmt: skip
def test_the_kind_of_a_file(head: bytes, kind: str | None) -> None:
    """A file is what its first octets say."""
    assert formats.kind_of(head) == kind


def test_entries_are_numbered_on(tmp_path: Path) -> None:
    """A second file of a recording numbers its exchanges after those of the first."""
    path = write(tmp_path / "a.har", [entry()])
    (found,) = load(path, begin=40)
    assert found.events[0].origin.n == 41  # type: ignore[union-attr] # a request
    assert found.done == path.stat().st_size
    assert json.loads(path.read_text())["log"]["version"] == "1.2"
