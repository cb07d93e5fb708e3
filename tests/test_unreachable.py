"""The page of a 502: who did not answer, in plain words, for the call that it is about and for no other."""

from __future__ import annotations

import contextvars
from types import SimpleNamespace
from typing import Any

import pytest

from requestshook.capture import unreachable


def _flow(message: str, *, host: str = "127.0.0.1", path: bytes = b"/x?y=<b>") -> Any:
    """As much of a mitmproxy flow as tells what failed."""
    data = SimpleNamespace(scheme=b"http", host=host, port=5000, path=path)
    request = SimpleNamespace(data=data, headers=SimpleNamespace(fields=()))
    client = SimpleNamespace(proxy_mode=SimpleNamespace(type_name="reverse"))
    return SimpleNamespace(error=SimpleNamespace(msg=message), request=request, response=None, client_conn=client)


def _theirs(status: int, message: str) -> bytes:
    return f"theirs {status}".encode()


@pytest.fixture(autouse=True)
def own_context() -> Any:
    """Each test in a context of its own, as each of mitmproxy's tasks."""
    token = unreachable._failed.set(None)
    yield
    unreachable._failed.reset(token)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("[Errno 111] Connect call failed ('127.0.0.1', 5000)", "nobody listens there. Is it started?"),
        ("[Errno 110] Connection timed out", "the connection was not accepted in time."),
        ("[Errno -2] Name or service not known", "this name is not known here."),
        ("server closed connection", "it closed the connection before it had answered."),
        ("something else", "the call could not be passed on."),
    ],
)
def test_the_reason_is_in_plain_words_and_mitmproxys_follow(message: str, words: str) -> None:
    """Service, address, reason; then what mitmproxy says."""
    unreachable.remember(_flow(message), lambda _: "keystone")
    text = unreachable.in_plain_words(_theirs)(502, message).decode()
    first, second, _ = text.split("\n", 2)
    assert first == f"keystone (http://127.0.0.1:5000) does not answer: {words}"
    assert second == message


def test_a_callee_without_a_name_is_its_address() -> None:
    """What no service's address fits is told by the address alone."""
    unreachable.remember(_flow("refused", host="::1"), lambda _: None)
    assert unreachable.in_plain_words(_theirs)(502, "refused").startswith(b"http://[::1]:5000 does not answer: ")


def test_other_pages_are_mitmproxys() -> None:
    """Another status, another message, another task: nothing of ours."""
    page = unreachable.in_plain_words(_theirs)
    assert page(502, "refused") == b"theirs 502"
    contextvars.copy_context().run(unreachable.remember, _flow("refused"), lambda _: "keystone")
    assert page(502, "refused") == b"theirs 502"
    unreachable.remember(_flow("refused"), lambda _: "keystone")
    assert page(400, "refused") == b"theirs 400"
    assert page(502, "reset") == b"theirs 502"
    assert page(502, "refused") != b"theirs 502"


def test_what_a_message_quotes_is_no_markup() -> None:
    """The page is text/html, whatever is said in it."""
    message = "unexpected server response: b'<script>&'"
    unreachable.remember(_flow(message), lambda _: "keystone")
    assert b"b'&lt;script>&amp;'" in unreachable.in_plain_words(_theirs)(502, message)


def test_a_flow_that_cannot_be_read_leaves_mitmproxys_page() -> None:
    """A fault of ours changes nothing."""
    unreachable.remember(SimpleNamespace(), lambda _: "keystone")
    assert unreachable.in_plain_words(_theirs)(502, "refused") == b"theirs 502"
