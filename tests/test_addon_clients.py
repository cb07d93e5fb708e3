"""What real clients get, and what callees get of them, through mitmdump with the addon as through bare mitmdump."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import requests
import trustme

from requestshook import tags
from requestshook.events import Request, Response
from tests.addon_support import Proxy, bare_and_ours, one
from tests.wire_servers import Asked, Callee, H2Callee, Peer, Stream, connected, echo, tags_in, untagged

BODY = bytes(range(256)) * 400  # 100 KiB
TEXT = b"all that there is to say\n" * 40
GZIP = gzip.compress(TEXT, mtime=0)
REQUEST_TAGS = sorted(name.lower().encode() for name in (tags.REQUEST_ID, tags.REQUEST_FROM, tags.TRACE_ID))
RESPONSE_TAGS = sorted(name.lower().encode() for name in (tags.REQUEST_ID, tags.REQUEST_FROM))


def until_close(peer: Peer, asked: Asked) -> None:
    """A response without a length."""
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + TEXT)
    raise EOFError


def in_chunks(peer: Peer, asked: Asked) -> None:
    """A response in chunks."""
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n there\r\n0\r\n\r\n")


ANSWERS: dict[str, bytes | Callable[[Peer, Asked], None]] = {
    "/echo": echo,
    "/until-close": until_close,
    "/chunked": in_chunks,
    "/gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(GZIP), GZIP),
    "/text": b"HTTP/1.1 200 Fine\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: %d\r\n\r\n%b" % (len(TEXT), TEXT),
    "/no-content": b"HTTP/1.1 204 No Content\r\nX-One: 1\r\n\r\n",
    "/not-modified": b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 99\r\n\r\n',
    "/redirect": b"HTTP/1.1 302 Found\r\nLocation: /text\r\nContent-Length: 0\r\n\r\n",
    "/in-parts": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nal",
}


class World(NamedTuple):
    """Both proxies, in regular mode and in reverse mode before each of the callees, and these."""

    bare: Proxy
    ours: Proxy
    plain: Callee
    secure: Callee
    second: H2Callee


REGULAR, PLAIN, SECURE, SECOND = range(4)


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """What a server of this authority needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Callees of HTTP/1 and HTTP/2, and both proxies, which trust them."""
    home = tmp_path_factory.mktemp("clients")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(home / "authority.pem"))
    with (
        Callee() as plain,
        Callee(tls=server_context(authority)) as secure,
        H2Callee(server_context(authority)) as second,
    ):
        plain.answers = secure.answers = ANSWERS
        second.on_end["/echo"] = lambda stream: stream.respond(stream.body, ("x-one", "1"))
        modes = ("regular", *(f"reverse:{callee.url}" for callee in (plain, secure, second)))
        options = (f"ssl_verify_upstream_trusted_ca={home / 'authority.pem'}",)
        with bare_and_ours(home, *modes, options=options) as (bare, ours):
            yield World(bare, ours, plain, secure, second)
            ours.check()


@pytest.fixture(scope="module")
def curl() -> str:
    """curl's path."""
    path = shutil.which("curl")
    if path is None:
        pytest.skip("curl is not installed")
    return path


def has_http_2(curl: str) -> bool:
    """Whether this curl speaks HTTP/2."""
    return "HTTP2" in subprocess.run([curl, "--version"], capture_output=True, text=True, check=True).stdout


def ran(command: list[str], directory: Path, given: bytes = b"") -> tuple[int, bytes]:
    """Exit status and output, tags aside."""
    environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, cwd=directory, input=given, capture_output=True, timeout=60, env=environ)
    return done.returncode, untagged(done.stdout)


CURL = {
    "get": ["URL/text"],
    "http-1.0": ["--http1.0", "URL/text"],
    "until-close": ["URL/until-close"],
    "until-close-1.0": ["--http1.0", "URL/until-close"],
    "chunked": ["URL/chunked"],
    "gzip": ["--compressed", "URL/gzip"],
    "gzip-raw": ["URL/gzip"],
    "head": ["-I", "URL/text"],
    "no-content": ["URL/no-content"],
    "not-modified": ["-H", 'If-None-Match: "x"', "URL/not-modified"],
    "redirect": ["-L", "URL/redirect"],
    "range": ["-r", "0-1", "URL/in-parts"],
    "upload": ["-T", "file", "URL/echo"],
    "upload-chunked": ["-T", "-", "URL/echo"],
    "post": ["--data-binary", "@file", "URL/echo"],
    "post-empty": ["-d", "", "URL/echo"],
    "form": ["-F", "a=b", "-F", "file=@file;type=text/plain", "URL/text"],
    "expect": ["-H", "Expect: 100-continue", "-T", "file", "URL/echo"],
    "expect-chunked": ["-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked", "-T", "file", "URL/echo"],
    "keep-alive": ["-w", "%{num_connects}", "URL/text", "URL/chunked", "URL/no-content", "URL/gzip"],
    "keep-alive-post": ["-w", "%{num_connects}", "--data-binary", "@file", "URL/echo", "URL/echo"],
    "options": ["-X", "OPTIONS", "--request-target", "*", "URL/text"],
    "method": ["-X", "PROPFIND", "-H", "Depth: 1", "URL/text"],
    "no-agent": ["-A", "", "-H", "Accept:", "URL/text"],
    "path-as-is": ["--path-as-is", "URL/text?a=%2F&b=../..;c"],
}


@pytest.mark.parametrize("name", CURL)
def test_curl_and_its_callee_see_no_difference(world: World, curl: str, tmp_path: Path, name: str) -> None:
    """curl's output, status and number of connections, and the requests that arrive, are those of bare mitmdump."""
    (tmp_path / "file").write_bytes(BODY)
    count = sum("URL/" in argument for argument in CURL[name]) + (name == "redirect")
    told, got = [], []
    for proxy in (world.bare, world.ours):
        arguments = [argument.replace("URL", proxy.url(PLAIN)) for argument in CURL[name]]
        status, output = ran([curl, "-sS", "-i", *arguments], tmp_path, BODY)
        told.append((status, output))
        got.append([world.plain.next() for _ in range(count)])
    assert told[0] == told[1]
    assert told[0][0] == 0
    for asked in got[1]:
        assert sorted(tags_in(asked.head)) == REQUEST_TAGS
    address = re.compile(rb"boundary=\S+|^-+\w+|(?<=Host: 127.0.0.1:)\d+", re.MULTILINE)  # curl's own, new each time
    seen = [[(address.sub(b"", untagged(a.head)), address.sub(b"", a.body)) for a in calls] for calls in got]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("callee", ["secure", "second"])
@pytest.mark.parametrize(
    "name", ["get", "head", "post", "upload", "upload-chunked", "no-content", "gzip-raw", "keep-alive"]
)
def test_curl_inside_tls(world: World, curl: str, tmp_path: Path, name: str, callee: str) -> None:
    """HTTP/2 with mitmproxy's CA, before callees of HTTP/1.1 and HTTP/2: nothing differs but the tags."""
    if not has_http_2(curl):
        pytest.skip("this curl speaks no HTTP/2")
    (tmp_path / "file").write_bytes(BODY)
    server = world.secure if callee == "secure" else world.second
    told = []
    for proxy in (world.bare, world.ours):
        authority = proxy.home / "mitmproxy" / "mitmproxy-ca-cert.pem"
        arguments = [argument.replace("URL", server.url) for argument in CURL[name]]
        command = [curl, "-sS", "-i", "--http2", "--cacert", str(authority), "-x", proxy.url(), *arguments]
        told.append((*ran(command, tmp_path, BODY), seen(server, sum("URL/" in argument for argument in CURL[name]))))
    assert told[0][0] == 0
    assert told[0] == told[1]


def seen(server: Callee | H2Callee, count: int) -> list[object]:
    """What a callee has got, tags aside."""
    found: list[object] = []
    for _ in range(count):
        asked = server.next()
        if isinstance(asked, Stream):
            ours = [name for name, _ in asked.headers if b"requestshook" in name]
            assert sorted(ours) in ([], REQUEST_TAGS)
            found.append(([pair for pair in asked.headers if pair[0] not in ours], asked.body, asked.trailers))
        else:
            assert sorted(tags_in(asked.head)) in ([], REQUEST_TAGS)
            found.append((untagged(asked.head), asked.body))
    return found


class OnlyHttp2(ssl.SSLContext):
    """Offers h2 alone: mitmproxy takes what comes first, and httpx puts http/1.1 there."""

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        super().set_alpn_protocols(["h2"])


def trusting(proxy: Proxy) -> ssl.SSLContext:
    """What a client of HTTP/2 needs that trusts mitmproxy's CA."""
    context = OnlyHttp2(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(str(proxy.home / "mitmproxy" / "mitmproxy-ca-cert.pem"))
    return context


@pytest.mark.parametrize("mode", ["secure", "second", "reverse"])
def test_httpx_speaks_http_2(world: World, mode: str) -> None:
    """httpx gets its answers and uploads over HTTP/2, in a tunnel and before an HTTP/2 callee, as through bare."""
    callee = world.secure if mode == "secure" else world.second
    told = []
    for proxy in (world.bare, world.ours):
        base = proxy.url(SECOND).replace("http:", "https:") if mode == "reverse" else callee.url
        through = None if mode == "reverse" else proxy.url()
        with httpx.Client(http1=False, http2=True, verify=trusting(proxy), proxy=through, trust_env=False) as client:
            got = client.get(base + "/text?a=%2F")
            sent = client.post(base + "/echo", content=BODY, headers={"Cookie": "a=1; b=2"})
        assert (got.http_version, sent.content) == ("HTTP/2", BODY)
        address = re.compile(rb"127.0.0.1:\d+")  # in reverse mode the proxy's own
        found = address.sub(b"", repr(seen(callee, 2)).encode())
        told.append([(a.status_code, plain_headers(a.headers), a.content) for a in (got, sent)] + [found])
    assert told[0] == told[1]
    assert one(world.ours.call("/echo"), Request).http == "HTTP/2.0"
    assert one(world.ours.call("/echo"), Response).http == ("HTTP/1.1" if mode == "secure" else "HTTP/2.0")


def plain_headers(headers: httpx.Headers) -> list[tuple[str, str]]:
    """What is not ours."""
    return [pair for pair in headers.multi_items() if pair[0] not in tags.LOWER]


@pytest.mark.parametrize("mode", ["secure", "second"])
def test_calls_at_the_same_time_on_one_connection(world: World, mode: str) -> None:
    """Each stream of an HTTP/2 connection is a call with an id of its own, and gets its own answer."""
    callee = world.secure if mode == "secure" else world.second

    async def ask() -> list[httpx.Response]:
        verify = trusting(world.ours)
        async with httpx.AsyncClient(
            http1=False, http2=True, verify=verify, proxy=world.ours.url(), trust_env=False
        ) as client:
            calls = [client.post(f"{callee.url}/echo?{mode}", content=b"%d" % n * 5000) for n in range(30)]
            return await asyncio.gather(*calls)

    answers = asyncio.run(ask())
    assert [answer.content for answer in answers] == [b"%d" % n * 5000 for n in range(30)]
    ids = {answer.headers[tags.REQUEST_ID] for answer in answers}
    assert len(ids) == 30
    seen(callee, 30)
    for n, answer in enumerate(answers):
        (asked,) = [
            e for e in world.ours.events() if isinstance(e, Request) and e.origin.id == answer.headers[tags.REQUEST_ID]
        ]
        assert dict(asked.headers)["content-length"] == str(len(b"%d" % n * 5000))


def test_requests(world: World) -> None:
    """requests gets what it gets through bare mitmdump: redirects, streams both ways, gzip, HEAD, keep-alive."""
    told = []
    for proxy in (world.bare, world.ours):
        base = proxy.url(PLAIN)
        with requests.Session() as session:
            session.trust_env = False
            answers = [
                session.get(base + "/redirect"),
                session.get(base + "/gzip", stream=True),
                session.head(base + "/text"),
                session.post(base + "/echo", data=iter([b"one", b"two"])),
                session.put(base + "/echo", data=BODY, headers={"X-Odd": b"caf\xe9 \x01"}),
                session.get(base + "/no-content"),
                session.get(base + "/until-close", stream=True),
            ]
            told.append([(a.status_code, a.reason, b"".join(a.iter_content(7)), a.url.removeprefix(base),
                          [pair for pair in a.raw.headers.items() if pair[0].lower() not in tags.LOWER])
                         for a in answers] + seen(world.plain, 8))  # fmt: skip
        hops = [*answers[0].history, *answers]
        assert len({answer.headers.get(tags.REQUEST_ID) for answer in hops}) == (1 if proxy is world.bare else 8)
    assert told[0] == told[1]


def test_requests_that_do_not_wait_for_answers(world: World) -> None:
    """Pipelined requests are answered in their order, each a call of its own."""
    octets = b"".join(b"POST /echo?%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n%02d" % (n, n) for n in range(12))
    for proxy in (world.bare, world.ours):
        with connected(proxy.ports[PLAIN]) as peer:
            peer.send(octets)
            answers = [peer.answer() for _ in range(12)]
        assert [body for _, body in answers] == [b"%02d" % n for n in range(12)]
        assert [asked.body for asked in (world.plain.next() for _ in range(12))] == [b"%02d" % n for n in range(12)]
    assert all(sorted(tags_in(head)) == RESPONSE_TAGS for head, _ in answers)
    assert len({head for head, _ in answers}) == 12


def test_a_connection_of_http_1_0_that_stays_open(world: World) -> None:
    """`Connection: keep-alive` of HTTP/1.0 means through the addon what it means without."""
    told = []
    for proxy in (world.bare, world.ours):
        with connected(proxy.ports[PLAIN]) as peer:
            peer.send(b"GET /text HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            head, body = peer.answer()
            peer.send(b"GET /until-close HTTP/1.0\r\n\r\n")
            told.append((untagged(head), body, untagged(peer.rest()), seen(world.plain, 2)))
    assert told[0] == told[1]
