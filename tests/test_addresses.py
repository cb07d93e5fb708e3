"""What a URL says about who answers there."""

from __future__ import annotations

import http.client
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook import addresses


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "keystone",
        "127.0.0.1",
        "127.9.9.9",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.9.9",
        "192.168.1.1",
        "::1",
        "[::1]",
        "fd00::1",
        "fe80::1%eth0",
    ],
)
def test_near_hosts(host: str) -> None:
    """Loopback, private addresses and names without a dot are no strangers."""
    assert addresses.is_near(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "8.8.8.8",
        "172.32.0.1",
        "172.15.0.1",
        "192.169.0.1",
        "11.0.0.1",
        "2001:db8::1",
        "",
        "10.example.org",
        "127.0.0.1.example.org",
        "010.0.0.1.x",
    ],
)
def test_strangers(host: str) -> None:
    """Anything else is a stranger, names that begin as private addresses included."""
    assert not addresses.is_near(host)


@pytest.mark.parametrize(
    "url", ["http://a", "http://a:80/x", "http://a:8080", "http://127.0.0.1:5000/", "http://[::1]:9/", "http://[::1]/"]
)
def test_host_is_what_http_client_sends(url: str) -> None:
    """The Host header is the one that http.client would write."""
    connection = http.client.HTTPConnection(addresses.host_of(url), addresses.urlsplit(url).port or 80)
    sent: list[tuple[str, str]] = []
    connection.putheader = lambda name, value: sent.append((name, value))  # type: ignore[method-assign]
    connection.putrequest("GET", "/", skip_accept_encoding=True)
    value = dict(sent)["Host"]
    assert addresses.host_header(url) == (value.decode() if isinstance(value, bytes) else value)


_AUTHORITIES = st.text("aB0.-:@[]_%/?#\\\t é", max_size=12)


@given(st.sampled_from(("http", "https", "HTTP", "ftp", "")), _AUTHORITIES, st.text(max_size=6))
def test_host_is_what_urlsplit_finds(scheme: str, authority: str, rest: str) -> None:
    """The host of any text is that of urlsplit, and none where that refuses it."""
    url = f"{scheme}://{authority}{rest}"
    try:
        expected = addresses.urlsplit(url).hostname or ""
    except ValueError:
        expected = ""
    assert addresses.host_of(url) == expected


def test_the_longest_base_wins() -> None:
    """A service below another's address is itself, and a base ends at a slash."""
    services = [
        (n, addresses.normal_base(u))
        for n, u in [("front", "http://h"), ("keystone", "http://H:80/identity/"), ("image", "http://h:9292")]
    ]
    assert addresses.callee_of("http://h/identity/v3?x=http://h:9292", services) == "keystone"
    assert addresses.callee_of("http://h/identity", services) == "keystone"
    assert addresses.callee_of("http://h/identity2", services) == "front"
    assert addresses.callee_of("http://u:p@h:9292/v2", services) == "image"
    assert addresses.callee_of("https://h/identity", services) is None


@given(st.text(alphabet="aZ09%/한?# ~-._*{}@:+&=\n\x00", max_size=40))
def test_a_path_has_one_spelling(path: str) -> None:
    """Canonical is canonical again, segment by segment the same octets, and never longer in segments."""
    once = addresses.canonical_path(path)
    assert addresses.canonical_path(once) == once
    assert once.isascii()
    assert [unquote_to_bytes(s) for s in once.split("/")] == [unquote_to_bytes(s.encode()) for s in path.split("/")]


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h", ("/", "")),
        ("http://h/a?b=c#d", ("/a", "b=c")),
        ("/a//b?", ("/a//b", "")),
        ("http://h?x=/y", ("/", "x=/y")),
        ("*", ("*", "")),
        ("/go?to=http://x/y", ("/go", "to=http://x/y")),
    ],
)
def test_path_and_query(url: str, target: tuple[str, str]) -> None:
    """A target is a path and a query, however the URL was written."""
    assert addresses.split_target(url) == target
