"""Whether a port can be listened on, and who holds it: proc(5) tells, where the system has it."""

from __future__ import annotations

import errno
import os
import pwd
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

from requestshook.errors import RequestshookError

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"  # TCP_LISTEN in their column `st`


def is_free(host: str, port: int) -> bool:
    """Whether a listener can be opened there now."""
    return _refusal(host, port) is None


def demand(host: str, ports: Sequence[int]) -> None:
    """Raises RequestshookError, which names each port that cannot be listened on, and who holds it."""
    faults = [fault for port in ports if (fault := _fault(host, port)) is not None]
    if faults:
        raise RequestshookError("; ".join(dict.fromkeys(faults)))


def _fault(host: str, port: int) -> str | None:
    error = _refusal(host, port)
    if error is None:
        return None
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken{_by_whom(port)}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} is for the administrator alone"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"this machine has no address {host}"
    return f"port {port} of {host} cannot be listened on: {error.strerror or error}"


def _refusal(host: str, port: int) -> OSError | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as mitmproxy's listeners do
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(1)
    except OSError as error:
        return error
    return None


def _by_whom(port: int) -> str:
    """` by gunicorn (pid 4711)`, as much of it as the system tells."""
    sockets = dict(_listening(port))
    for pid in _pids():
        with suppress(OSError):
            if _has_open(pid, sockets):
                return f" by {program(pid)} (pid {pid})"
    for user in sockets.values():
        return f" by a process of the user {_user(user)}"
    return ""


def _listening(port: int) -> Iterator[tuple[str, int]]:
    """The sockets that listen on a port: what their descriptors are links to, and whose they are."""
    for table in _TABLES:
        with suppress(OSError), open(table) as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]", int(fields[7])


def _pids() -> Iterator[int]:
    with suppress(OSError):
        yield from sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def _has_open(pid: int, sockets: dict[str, int]) -> bool:
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        with suppress(OSError):
            if os.readlink(f"{folder}/{name}") in sockets:
                return True
    return False


def program(pid: int) -> str:
    """What a process runs: its program, or what an interpreter was given to run; raises OSError."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = [os.fsdecode(word) for word in file.read().split(b"\0") if word]
    if words[1:2] == ["-m"]:
        return " ".join(words[2:3])
    names = [os.path.basename(word) for word in words[:2] if not word.startswith("-")]
    return names[-1] if names else "a process"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
