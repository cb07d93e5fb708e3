"""A server in a process of its own whose answers lie ready, so that the client is what is measured.

`/SIZE` answers so many octets of JSON, `/down/SIZE` so many octets of nothing; whatever comes up is read and counted.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from benchmarks import messages
from benchmarks.processes import environment

_BLOCK = bytes(1024 * 1024)


@contextmanager
def running() -> Iterator[str]:
    """A server for as long as the block runs; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.server"]
    env = environment()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()  # the server ends with its input
            process.wait(10)


def main() -> None:
    """Listen on a free port, say which, and answer until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    sys.stdin.read()


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    rest = b""
    with connection:
        try:
            while True:
                while b"\r\n\r\n" not in rest:
                    rest += _more(connection)
                head, _, rest = rest.partition(b"\r\n\r\n")
                method, target, _ = head.split(b" ", 2)
                if method != b"GET":
                    rest = _swallow(connection, head.lower(), rest)
                _answer(connection, target)
        except OSError:
            return


def _answer(connection: socket.socket, target: bytes) -> None:
    if not target.startswith(b"/down/"):
        connection.sendall(_json(int(target[1:])))
        return
    size = int(target[6:])
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n")
    connection.sendall(b"Content-Length: %d\r\n\r\n" % size)
    while size:
        size -= connection.send(_BLOCK[: min(size, len(_BLOCK))])


@cache
def _json(size: int) -> bytes:
    return messages.answer(messages.images(size).encode())


def _swallow(connection: socket.socket, head: bytes, rest: bytes) -> bytes:
    """Read the body; of a chunked one the end is known by its last octets, which no body here holds."""
    if b"transfer-encoding: chunked" in head:
        while not rest.endswith(b"0\r\n\r\n"):
            rest = rest[-8:] + _more(connection)
        return b""
    left = int(head.partition(b"content-length:")[2].split(b"\r\n")[0]) - len(rest)
    while left > 0:
        left -= len(_more(connection))
    return b""


def _more(connection: socket.socket) -> bytes:
    octets = connection.recv(1024 * 1024)
    if not octets:
        raise OSError("the client went away")
    return octets


if __name__ == "__main__":
    main()
