"""Hostile callers and callees: recorded as data, passed on as bare mitmproxy does, never an exception in the log."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requestshook import tags
from requestshook.events import Body, BodyEnd, Failure, Request, Response
from tests.addon_support import Proxy, bare_and_ours, one, proxy
from tests.wire_servers import OK, Asked, Callee, Peer, connected, tags_in, untagged

REGULAR, REVERSE = 0, 1
REQUEST_TAGS = sorted(name.lower().encode() for name in (tags.REQUEST_ID, tags.REQUEST_FROM, tags.TRACE_ID))
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})", re.MULTILINE)


class World(NamedTuple):
    """Both proxies before one callee."""

    bare: Proxy
    ours: Proxy
    callee: Callee


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both proxies, in regular and in reverse mode."""
    home = tmp_path_factory.mktemp("hostile")
    with Callee() as callee, bare_and_ours(home, "regular", f"reverse:{callee.url}") as (bare, ours):
        yield World(bare, ours, callee)
        ours.check()


def got(callee: Callee) -> list[Asked]:
    """All that has come in; asked for once the caller was answered or hung up on."""
    found = []
    while not callee.seen.empty():
        found.append(callee.next())
    return found


def told(world: World, index: int, octets: bytes) -> list[tuple[bytes, list[tuple[bytes, bytes]]]]:
    """What caller and callee get of these octets through bare mitmdump and through ours, tags aside."""
    found = []
    for through in (world.bare, world.ours):
        with connected(through.ports[index]) as peer:
            with suppress(ConnectionError):
                peer.send(octets)
            answer = peer.rest()
        asked = got(world.callee)
        if through is world.ours:
            assert all(sorted(tags_in(call.head)) == REQUEST_TAGS for call in asked)
        found.append((untagged(answer), [(untagged(call.head), call.body) for call in asked]))
    return found


def request(target: str, *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """A request that ends its connection."""
    line = b"%b %b HTTP/1.1" % (method, target.encode("latin-1"))
    return b"\r\n".join([line, b"Host: x", b"Connection: close", *lines, b"", body])


PASSED = {
    "control-octets": (request("/p?control", b"X-Odd: a\x01\x02\x1b[31m\x7f\x08b", b"X-Zero: a\x00b"), 1),
    "bad-utf-8": (request("/p?\xff\xfe\xc3(", b"X-Odd: \xff\xfe\xc3(", b"User-Agent: \xc3(\xff"), 1),
    "zero-in-path": (request("/p?a\x00b\x01\x1b"), 1),
    "long-value": (request("/p", b"X-Long: " + b"v" * 65536), 1),
    "long-name": (request("/p", b"X-" + b"n" * 65536 + b": v"), 1),
    "long-path": (request("/p?" + "q" * 200_000), 1),
    "many": (request("/p", *(b"X-%d: %d" % (n, n) for n in range(1000))), 1),
    "repeats": (request("/p", *[b"Cookie: a=1"] * 500), 1),
    "folded": (request("/p", b"X-Folded: one\r\n two\r\n\tthree", b"X-After: 1"), 1),
    "empty-value": (request("/p", b"X-Empty:", b"X-Blank:   "), 1),
    "lone-lf": (b"GET /p HTTP/1.1\nHost: x\nConnection: close\n\n", 1),
    "no-host": (b"GET /p HTTP/1.1\r\nConnection: close\r\n\r\n", 1),
    "two-hosts": (request("/p", b"Host: y"), 1),
    "odd-host": (b"GET /p HTTP/1.1\r\nHost: [::1\xff\r\nConnection: close\r\n\r\n", 1),
    "asterisk": (request("*", method=b"OPTIONS"), 1),
    "absolute": (request("http://else.invalid:1/p?a#b"), None),
    "absolute-no-path": (request("http://else.invalid"), None),
    "no-slash": (request("p"), None),
    "double-slash": (request("//else.invalid/p"), 1),
    "odd-method": (request("/p", method=b"<b>\x01\xff"), 1),
    "long-method": (request("/p", method=b"M" * 10_000), 1),
    "hop-by-hop": (b"GET /p HTTP/1.1\r\nConnection: close, X-Requestshook-Request-Id\r\n\r\n", 1),
    "expect-odd": (request("/p", b"Expect: the-unexpected"), 1),
    "body-of-get": (request("/p", b"Content-Length: 3", body=b"\xff\x00\xfe"), 1),
    "gzip-garbage": (request("/p", b"Content-Encoding: gzip", b"Content-Length: 3", body=b"\xff\x00\xfe"), 1),
    "gzip-nested": (request("/p", b"Content-Encoding: gzip, gzip, br", b"Content-Length: 2", body=b"ab"), 1),
    "form-garbage": (
        request("/p", b"Content-Type: multipart/form-data; boundary=\xff", b"Content-Length: 2", body=b"--"), 1),
    "json-garbage": (
        request("/p", b"Content-Type: application/json", b"Content-Length: 9", body=b'{"a":\xff\x00\\u'), 1),
    "json-deep": (request("/p", b"Content-Type: application/json", b"Content-Length: 60000", body=b"[" * 60_000), 1),
    "charset-garbage": (
        request("/p", b"Content-Type: text/plain; charset=\xff\x00no", b"Content-Length: 2", body=b"\xff\xfe"), 1),
}  # fmt: skip

REFUSED = {
    "length-and-chunked": request("/r", b"Content-Length: 3", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked-and-length": request("/r", b"Transfer-Encoding: chunked", b"Content-Length: 3", body=b"0\r\n\r\n"),
    "two-lengths": request("/r", b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"),
    "same-lengths": request("/r", b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
    "listed-lengths": request("/r", b"Content-Length: 3, 3", body=b"abc"),
    "negative": request("/r", b"Content-Length: -3", body=b"abc"),
    "plus": request("/r", b"Content-Length: +3", body=b"abc"),
    "zeros-before": request("/r", b"Content-Length: 003", body=b"abc"),
    "hexadecimal": request("/r", b"Content-Length: 0x3", body=b"abc"),
    "huge": request("/r", b"Content-Length: " + b"9" * 5000, body=b"abc"),
    "folded-length": request("/r", b"Content-Length: 1\r\n 2", body=b"abc"),
    "other-coding": request("/r", b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "coding-with-ctrl": request("/r", b"Transfer-Encoding: \x0bchunked\x1f", body=b"0\r\n\r\n"),
    "coding-nbsp": request("/r", b"Transfer-Encoding: chunked\xa0", body=b"0\r\n\r\n"),
    "two-codings": request("/r", b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "space-before-colon": request("/r", b"Content-Length : 3", body=b"abc"),
    "name-with-ctrl": request("/r", b"X\x01\x1b: 1"),
    "name-not-ascii": request("/r", b"X-\xff\xc3: 1"),
    "tag-with-ctrl": request("/r", b"X-Requestshook-Request-Id\x00: " + b"a" * 32),
    "no-name": request("/r", b": v"),
    "no-colon": request("/r", b"nonsense"),
    "folded-first": b"GET /r HTTP/1.1\r\n folded: 1\r\n\r\n",
    "old-and-chunked": b"POST /r HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "odd-version": b"GET /r HTTP/9.99\r\nHost: x\r\n\r\n",
    "no-version": b"GET /r\r\n\r\n",
    "too-many-words": b"GET /r /s HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("name", PASSED)
def test_odd_requests_pass_as_they_are(world: World, name: str) -> None:
    """Caller and callee see what bare mitmdump shows them, and the line has the octets as data."""
    octets, count = PASSED[name]
    before = len(world.ours.events())
    bare, ours = told(world, REVERSE, octets)
    assert bare == ours
    if count is not None:
        assert len(ours[1]) == count
        assert _STATUS.findall(ours[0]) == [b"200"]
        (asked,) = [event for event in world.ours.events()[before:] if isinstance(event, Request)]
        sent = [pair for pair in asked.headers if pair[0].lower() not in tags.LOWER]
        lines = [f"{name}: {value}".encode("latin-1") for name, value in sent if name not in ("Host", "Cookie")]
        assert all(line in ours[1][0][0] for line in lines)


@pytest.mark.parametrize("index", [REGULAR, REVERSE])
@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_mitmproxy_refuses(world: World, name: str, index: int) -> None:
    """What bare mitmdump refuses, smuggled requests above all, is refused in the same words; no callee sees any."""
    octets = REFUSED[name]
    if index == REGULAR:
        octets = octets.replace(b" /r", b" %b/r" % world.callee.url.encode(), 1)
    bare, ours = told(world, index, octets)
    assert bare == ours
    assert ours[1] == []


@pytest.mark.parametrize("tls", [False, True])
def test_a_refused_request_has_its_callees_address(tmp_path: Path, tls: bool) -> None:
    """In reverse mode the callee of a request that mitmproxy refuses is the one that the listener leads to."""
    target = f"http{'s' * tls}://127.0.0.1:9"
    with proxy(tmp_path, f"reverse:{target}") as found:
        with connected(found.ports[0]) as peer:
            peer.send(REFUSED["plus"])
            assert _STATUS.findall(peer.rest()) == [b"400"]
        call = found.call("/r")
        assert one(call, Request).url == f"{target}/r"
        assert one(call, Failure).error.startswith("ProtocolError: ")
        found.check()


def test_framing_where_headers_are_not_checked(tmp_path: Path) -> None:
    """With validate_inbound_headers off as well, no callee sees a request whose length mitmproxy cannot tell."""
    options = ("validate_inbound_headers=false",)
    names = ["zeros-before", "negative", "listed-lengths", "coding-with-ctrl", "coding-nbsp", "huge", "other-coding"]
    with Callee() as callee, proxy(tmp_path, f"reverse:{callee.url}", options=options) as found:
        for name in names:
            with connected(found.ports[0]) as peer:
                peer.send(REFUSED[name])
                answer = peer.rest()
            assert _STATUS.findall(answer) == [b"400"], name
            assert got(callee) == [], name
        found.check()


FORGED = {
    "short": b"abc",
    "upper": b"A" * 32,
    "ctrl": b"a" * 31 + b"\x00",
    "escape": b"\x1b[31m" + b"a" * 27,
    "utf-8": "\uff11".encode() * 32,
    "folded": b"a" * 16 + b"\r\n " + b"a" * 16,
    "listed": b"a" * 32 + b", " + b"b" * 32,
    "quoted": b'"' + b"a" * 32 + b'"',
    "markup": b"<script>alert(1)</script>",
    "path": b"../../../../etc/passwd",
    "line": b'","event":"recording","trace":"',
    "long": b"a" * 65536,
    "empty": b"",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_tags(world: World, name: str) -> None:
    """Tags that are no tags are replaced for callee and caller, and stand nowhere in the line."""
    value = FORGED[name]
    forged = [b"%b: %b" % (tag.encode(), value) for tag in tags.ALL]
    before = len(world.ours.events())
    with connected(world.ours.ports[REVERSE]) as peer:
        peer.send(request("/forged", *forged))
        answer = peer.rest()
    (asked,) = got(world.callee)
    events = world.ours.events()[before:]
    line = one([event for event in events if isinstance(event, Request)], Request)
    assert sorted(tags_in(asked.head)) == REQUEST_TAGS
    assert len(tags_in(answer)) == 2
    assert tags.valid_id(line.origin.id)
    assert line.parent is None
    names = {"folded", "listed", "empty", "short", "upper", "path"}
    if name not in names:
        assert value not in asked.head
        assert value not in answer
        assert value.decode("latin-1") not in repr(line)
    assert line.origin.id.encode() in asked.head


def test_a_trace_of_somebody_else(world: World) -> None:
    """A trace id that our key did not make starts no recording and joins none; it goes no further."""
    foreign = b"0123456789abcdef" * 2
    with connected(world.ours.ports[REVERSE]) as peer:
        peer.send(request("/foreign", b"X-Requestshook-Trace-Id: " + foreign))
        peer.rest()
    (asked,) = got(world.callee)
    line = one(world.ours.call("/foreign"), Request)
    assert foreign not in asked.head
    assert line.origin.trace != foreign.decode()
    assert line.origin.trace.encode() in asked.head


def test_tags_of_the_callee(world: World) -> None:
    """Whatever tags a callee puts on its answer, the caller gets ours, once each."""
    lines = b"".join(b"%b: %b\r\n" % (tag.encode(), b"f" * 32) for tag in (*tags.ALL, *tags.ALL))
    world.callee.answers["/answers"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%b\r\nok" % lines
    with connected(world.ours.ports[REVERSE]) as peer:
        peer.send(request("/answers"))
        answer = peer.rest()
    got(world.callee)
    assert len(tags_in(answer)) == 2
    assert b"f" * 32 not in answer


def whole(body: bytes, *lines: bytes) -> bytes:
    """A response with its length."""
    return b"\r\n".join([b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines, b"", body])


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's header, as some servers send it."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ANSWERS = {
    "gzip-garbage": whole(b"\xff\x00 no gzip", b"Content-Encoding: gzip"),
    "gzip-cut": whole(gzip.compress(b"abc" * 1000)[:20], b"Content-Encoding: gzip"),
    "gzip-twice": whole(gzip.compress(gzip.compress(b"abc")), b"Content-Encoding: gzip, gzip"),
    "gzip-and-more": whole(gzip.compress(b"abc") + b"garbage", b"Content-Encoding: gzip"),
    "brotli": whole(b"\x0b\x02\x80hello\x03", b"Content-Encoding: br"),
    "zstd-garbage": whole(b"\x28\xb5\x2f\xfdgarbage", b"Content-Encoding: zstd"),
    "deflate-raw": whole(raw_deflate(b"abc" * 100), b"Content-Encoding: deflate"),
    "deflate-garbage": whole(b"\xff\x00\xff", b"Content-Encoding: deflate"),
    "odd-coding": whole(b"abc", b"Content-Encoding: \xff\x00,,;q=0"),
    "json-garbage": whole(b'{"password": "\xff\xd8', b"Content-Type: application/json"),
    "json-nul": whole(b"\x00" * 1000, b"Content-Type: application/json; charset=utf-16"),
    "too-long": whole(b"abc") + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    "control": whole(b"\x00\x1b[31m\xff", b"X-Odd: \x01\x1b\xff", b"X-Zero: a\x00b"),
    "many": whole(b"ok", *(b"Set-Cookie: c%d=%d" % (n, n) for n in range(1000))),
    "long": whole(b"ok", b"X-Long: " + b"v" * 65536),
    "folded": whole(b"ok", b"X-Folded: one\r\n two"),
    "no-reason": b"HTTP/1.1 299\r\nContent-Length: 0\r\n\r\n",
    "odd-reason": b"HTTP/1.1 200 \xff\x01<b>\r\nContent-Length: 0\r\n\r\n",
    "odd-status": b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
    "status-0": b"HTTP/1.1 0 What\r\nContent-Length: 0\r\n\r\n",
    "minus": b"HTTP/1.1 -200 What\r\nContent-Length: 0\r\n\r\n",
    "negative-length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "zeros-before": b"HTTP/1.1 200 OK\r\nContent-Length: 002\r\n\r\nok",
    "length-and-chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "empty-name": b"HTTP/1.1 200 OK\r\n: v\r\n\r\n",
    "lone-lf": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "early-hints": b"HTTP/1.1 103 Early Hints\r\nLink: </s>\r\n\r\n" + OK,
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no-content-with-content": b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
    "not-http": b"\x00\x01\x02\xff\r\n\r\n",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_odd_answers_pass_as_they_are(world: World, name: str) -> None:
    """The caller gets what bare mitmdump passes on, whatever the content claims to be; the line can be read."""

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(ANSWERS[name])
        raise EOFError

    world.callee.answers["/odd"] = play
    bare, ours = told(world, REVERSE, request("/odd?" + name))
    assert _STATUS.findall(bare[0]) == _STATUS.findall(ours[0])
    if b" 502 " not in bare[0][:20]:
        assert bare == ours
    world.ours.call("/odd")


def test_answers_that_are_shorter_than_they_say(world: World) -> None:
    """A body that ends before its length: bare mitmdump, which waits for all of it, says 502; ours has passed on what
    there was, and hangs up.
    """

    def play(peer: Peer, asked: Asked) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        raise EOFError

    world.callee.answers["/short"] = play
    bare, ours = told(world, REVERSE, request("/short"))
    assert _STATUS.findall(bare[0]) == [b"502"]
    assert (_STATUS.findall(ours[0]), ours[0][-3:]) == ([b"200"], b"abc")
    assert one(world.ours.call("/short"), BodyEnd, "response").end.startswith("error: ServerDisconnected: ")


def used(found: Proxy) -> tuple[int, float]:
    """The most memory that it had, in KiB, and the seconds of processor time that it took."""
    status = Path(f"/proc/{found.child.pid}/status").read_text()
    times = Path(f"/proc/{found.child.pid}/stat").read_text().rpartition(")")[2].split()
    peak = re.search(r"VmHWM:\s+(\d+)", status)
    assert peak
    return int(peak[1]), (int(times[11]) + int(times[12])) / 100


@pytest.mark.parametrize("asks", [True, False])
def test_a_gzip_of_50_mb_of_zeros(world: World, asks: bool) -> None:
    """What unpacks to a thousand times its size costs the proxy neither memory nor time to speak of."""
    if not Path("/proc/self/status").exists():
        pytest.skip("this system has no /proc")
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    world.callee.answers["/bomb"] = whole(bomb, b"Content-Encoding: gzip", b"Content-Type: application/json")
    lines = (b"Content-Encoding: gzip", b"Content-Length: %d" % len(bomb)) if asks else ()
    path = f"/p?bomb-{asks}" if asks else "/bomb"
    before = used(world.ours)
    bare, ours = told(world, REVERSE, request(path, *lines, body=bomb if asks else b""))
    after = used(world.ours)
    assert bare == ours
    assert after[0] - before[0] < 10_000
    assert after[1] - before[1] < 5
    call = world.ours.call(path.partition("?")[0])
    body = one(call, BodyEnd, "request").body if asks else one(call, Response).body
    if body is None:
        body = one(call, BodyEnd, "response").body
    assert isinstance(body, Body)
    assert (body.size, body.encoding) == (len(bomb), "gzip")


WORDS = st.sampled_from([
    b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b" ", b" ", b"/", b"*", b"/p", b"//", b"http://x", b"HTTP/1.1",
    b"HTTP/1.0", b"\r\n", b"\r\n", b"\n", b"\r", b"\t", b":", b": ", b"Host", b"Content-Length: ", b"Content-Length",
    b"0", b"3", b"7", b"00", b"Transfer-Encoding: ", b"chunked", b"gzip, chunked", b"identity", b"Connection: ",
    b"close", b"keep-alive",
    b"Expect: 100-continue", b"X-Requestshook-Request-Id", b"X-Requestshook-Trace-Id: ", b"a" * 32, b"\x00",
    b"\xff", b"\x1b", b"5\r\nhello\r\n", b"0\r\n\r\n", b";", b",", b'"', b"[", b"]", b"@", b"%", b"?", b"#", b"<",
])  # fmt: skip
LINES = st.sampled_from([
    b"Host: x", b"Content-Length: 3", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Connection: close",
    b"Connection: keep-alive", b"X-A: b", b"Expect: 100-continue", b"Content-Type: application/json",
    b"X-Requestshook-Request-Id: " + b"a" * 32, b"X-Requestshook-Request-From: \xff", b" folded",
    b"Content-Encoding: gzip",
])  # fmt: skip
TARGETS = st.sampled_from([b"/", b"/p?a=b", b"*", b"/\xff", b"http://x/", b"p", b"//x", b"/" + b"a" * 300])
HEADS = st.builds(
    lambda method, target, version, lines, body: b"\r\n".join(
        [b" ".join([method, target, version]), *lines, b"", body]
    ),
    st.sampled_from([b"GET", b"POST", b"HEAD", b"PUT", b"X\xff"]),
    TARGETS | st.binary(max_size=8),
    st.sampled_from([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"]),
    st.lists(LINES | st.lists(WORDS, max_size=4).map(b"".join), max_size=6),
    st.sampled_from([b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n", b"0\r\n\r\n", b"zz\r\n"]) | st.binary(max_size=12),
)
OCTETS = HEADS | st.lists(WORDS | st.binary(max_size=4), max_size=30).map(lambda parts: b"".join(parts).lstrip(b"\r\n"))
# Ends what is left open: a head that has not ended; then what is no request. mitmproxy waits for ever on a blank line.
LAST = b"X: y\r\n\r\n" + b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" * 3


def outcome(through: Proxy, octets: bytes) -> list[bytes] | None:
    """The status of each answer; None where the connection stayed open."""
    with connected(through.ports[REVERSE]) as peer:
        peer.connection.settimeout(2)
        with suppress(ConnectionError):
            peer.send(octets + LAST)
        try:
            answer = peer.rest()
        except TimeoutError:
            return None
    return _STATUS.findall(answer)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(octets=OCTETS)
def test_any_octets(world: World, octets: bytes) -> None:
    """Whatever comes in, the answers have the status codes that bare mitmdump gives, and nothing is in the log."""
    bare, ours = (outcome(through, octets) for through in (world.bare, world.ours))
    if bare is not None and ours is not None:
        assert bare == ours
    got(world.callee)
    if "Traceback" not in world.bare.log():
        world.ours.check()
