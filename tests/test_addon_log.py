"""What mitmdump logs with the addon in it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from requestshook import events
from tests.addon_support import answering, ask, one, proxy


def _serve(connection: socket.socket, head: bytes) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


@pytest.mark.parametrize(("options", "told"), [((), False), (("stream_large_bodies=1m",), True)])
def test_streaming_is_not_told(tmp_path: Path, options: tuple[str, ...], told: bool) -> None:
    """That a body is streamed stands in the log only where mitmdump was told to stream, the call does either way."""
    with answering(_serve) as server, proxy(tmp_path, f"reverse:{server}", options=options) as found:
        octets = b"POST /log HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"
        assert ask(found.ports[0], octets).endswith(b"hello")
        assert one(found.call("/log"), events.Response).body.content == "hello"
    log = found.log()
    assert "POST http" in log
    assert ("Streaming request to" in log) == told
    assert ("Streaming response from" in log) == told
