"""What the addon costs a request that passes through mitmproxy: beside mitmproxy alone and what else keeps flows."""

from __future__ import annotations

import socket
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import messages, server
from benchmarks.proxies import Proxy, program, proxies
from benchmarks.results import Figure, Result, Row, above, below, figure, ratios
from benchmarks.scale import Scale
from requestshook import mitmdump

_WORDS = {
    "bare": "mitmdump",
    "bare again": "mitmdump in a second process (the noise)",
    "-q": "`mitmdump -q`, which prints nothing",
    "no-op": "an addon that does nothing",
    "two headers": "an addon that sets two headers",
    "stream": "an addon that streams all bodies",
    "hardump": "`hardump`, in memory until the end",
    "-w": "`-w FILE`",
    "tags only": "requestshook, tags only (ignored calls)",
    "unredacted": "requestshook, `redact: off`",
    "redacted": "requestshook",
}
_LARGE = {
    "large again": "`stream_large_bodies` in a second process (the noise)",
    "bare": "mitmdump, which buffers",
    "redacted": "requestshook",
}
_CPU, _THROUGHPUT, _MEMORY = 1.08, 0.95, 3.0
_MIB = 1024 * 1024
_CHUNK = bytes(64 * 1024)
_ONCE = "bare"  # of the streams: it holds all of a body, several times


class _Spent(NamedTuple):
    """What a round of requests took."""

    cpu: float  # the proxy's seconds a request
    rate: float  # requests a second
    latencies: tuple[float, ...]  # seconds


def small(scale: Scale) -> Result:
    """Requests that are answered with 1 KB of JSON, and requests that bring as much."""
    path = program()
    if path is None:
        return _left_out("wire")
    rows: list[Row] = []
    for method, words in (("GET", ""), ("POST", ", 1 KB up as well")):
        spent, peaks = _measure(scale, method)
        rows += _cpu(spent, words)
        if method == "GET":
            rows += _by_clock(spent, peaks)
    return Result("wire", f"A request through {_named(path)}, answered with 1 KB of JSON", tuple(rows))


def _named(path: str) -> str:
    return f"mitmdump {'.'.join(map(str, mitmdump.version(path)))}"


def _left_out(name: str) -> Result:
    """Nothing was measured, and why."""
    why = "left out: no mitmdump on PATH (or named by `REQUESTSHOOK_TEST_MITMDUMP`)"
    return Result(name, "Through mitmdump", (Row(why, figure([0.0], "")),))


def _cpu(spent: dict[str, list[_Spent]], words: str) -> list[Row]:
    base = [round.cpu for round in spent["bare"]]
    rows = [Row(f"{_WORDS['bare']}: CPU{words}", figure([value * 1000 for value in base], "ms"))]
    for name, rounds in spent.items():
        found = ratios([round.cpu for round in rounds], base)
        if name == "redacted":
            rows.append(below(f"{_WORDS[name]}: CPU{words}", found, _CPU))
        elif name != "bare":
            rows.append(Row(f"{_WORDS[name]}: CPU{words}", found))
    return rows


def _by_clock(spent: dict[str, list[_Spent]], peaks: dict[str, list[int]]) -> list[Row]:
    rows: list[Row] = []
    for name in ("bare", "-w", "hardump", "redacted"):
        rounds = spent[name]
        rows.append(Row(f"{_WORDS[name]}: requests a second", figure([round.rate for round in rounds], "/s")))
        percentiles = statistics.quantiles([value for round in rounds for value in round.latencies], n=100)
        for of in (50, 99):
            rows.append(Row(f"{_WORDS[name]}: latency, p{of}", figure([percentiles[of - 1] * 1000], "ms")))
        more = figure([(peak - bare) / _MIB for peak, bare in zip(peaks[name], peaks["bare"])], "MiB")
        words = f"{_WORDS[name]}: memory on top after {_made(rounds, peaks[name]):,} requests"
        if name == "redacted":
            rows.append(below(words, more, _MEMORY))
        elif name != "bare":
            rows.append(Row(words, more))
    return rows


def _made(rounds: list[_Spent], processes: list[int]) -> int:
    """How many requests each of the processes was measured with."""
    return sum(len(round.latencies) for round in rounds) // len(processes)


def _measure(scale: Scale, method: str) -> tuple[dict[str, list[_Spent]], dict[str, list[int]]]:
    """For each proxy what each round took, the proxies taking turns, and its peak of memory in the end."""
    spent: dict[str, list[_Spent]] = defaultdict(list)
    peaks: dict[str, list[int]] = defaultdict(list)
    count = scale.of(60, 3)
    with server.running() as url:
        for _ in range(scale.of(4)):  # fresh processes: no two lie alike in memory
            with proxies(list(_WORDS), url) as found:
                for proxy in found.values():
                    _requests(proxy, method, scale.of(100, 1))  # to warm up
                for number in range(scale.of(40)):
                    names = list(found) if number % 2 else list(reversed(found))
                    for name in names:
                        spent[name].append(_requests(found[name], method, count))
                for name, proxy in found.items():
                    peaks[name].append(proxy.peak())
    return {name: spent[name] for name in _WORDS}, peaks


def _requests(proxy: Proxy, method: str, count: int) -> _Spent:
    """A round of requests, one after the other over one connection."""
    request = _request(method, "/1000", messages.images(1000).encode() if method == "POST" else b"")
    latencies: list[float] = []
    with _connected(proxy) as connection:
        _ask(connection, request)  # connects to the server
        cpu, began = proxy.cpu(), time.perf_counter()
        for _ in range(count):
            latencies.append(_ask(connection, request))
        clock = time.perf_counter() - began
        cpu = _settled(proxy) - cpu
    return _Spent(cpu / count, count / clock, tuple(latencies))


def _settled(proxy: Proxy) -> float:
    """Its CPU seconds once it has done what comes after the answer."""
    cpu = proxy.cpu()
    while True:
        time.sleep(0.005)
        before, cpu = cpu, proxy.cpu()
        if cpu - before < 0.0005:
            return cpu


def _request(method: str, target: str, body: bytes, length: int | None = None) -> bytes:
    fields = {"Host": "127.0.0.1", **messages.REQUEST_HEADERS, "Accept-Encoding": "gzip, deflate"}
    if method == "POST":
        fields |= {"Content-Type": "application/json", "Content-Length": str(length or len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def _connected(proxy: Proxy) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", proxy.port), 120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _ask(connection: socket.socket, request: bytes) -> float:
    """Send a request and read its answer; how long that took."""
    began = time.perf_counter()
    connection.sendall(request)
    _answer(connection)
    return time.perf_counter() - began


def _answer(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    left = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]) - len(rest)
    while left > 0:
        left -= len(_more(connection))


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1024 * 1024)
    if not data:
        raise RuntimeError("mitmdump closed the connection")
    return data


def large(scale: Scale) -> Result:
    """Bodies of 256 MiB, sent in pieces of 64 KiB."""
    path = program()
    if path is None:
        return _left_out("wire-streams")
    size = scale.of(256, 1) * _MIB
    rows: list[Row] = []
    for way in ("up", "down"):
        cpu, clock, more = _stream(scale, way, size)
        rows.append(Row(f"{way}, `stream_large_bodies`", figure([size / _MIB / v for v in clock["large"]], "MiB/s")))
        for name, words in _LARGE.items():
            rows += _row(f"{way}, {words}", name, (cpu, clock), more)
    title = f"A stream of {size // _MIB} MiB through {_named(path)} beside `stream_large_bodies`"
    return Result("wire-streams", title, tuple(rows))


def _row(
    words: str, name: str, taken: tuple[dict[str, list[float]], dict[str, list[float]]], more: dict[str, list[float]]
) -> list[Row]:
    """Throughput and memory of one proxy, beside those of `stream_large_bodies`."""
    by_cpu, by_clock = (_speed(kind, name) for kind in taken)
    beside = figure(more["large"]).median
    memory = figure([value - beside for value in more[name]], "MiB")
    if name == "redacted":
        return [
            above(f"{words}: throughput by CPU", by_cpu, _THROUGHPUT),
            Row(f"{words}: throughput by the clock", by_clock),
            below(f"{words}: memory on top", memory, _MEMORY),
        ]
    return [Row(f"{words}: throughput by CPU", by_cpu), Row(f"{words}: memory on top", memory)]


def _speed(taken: dict[str, list[float]], name: str) -> Figure:
    return ratios(taken["large"][: len(taken[name])], taken[name])


def _stream(
    scale: Scale, way: str, size: int
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, list[float]]]:
    """For each proxy CPU seconds and seconds a stream, and how many MiB of memory the streams took at most."""
    cpu: dict[str, list[float]] = defaultdict(list)
    clock: dict[str, list[float]] = defaultdict(list)
    more: dict[str, list[float]] = defaultdict(list)
    with server.running() as url:
        for number in range(scale.of(3)):
            names: Sequence[str] = ["large", *(name for name in _LARGE if name != _ONCE or not number)]
            with proxies(names, url) as found:
                before = {name: _warm_up(proxy) for name, proxy in found.items()}
                for again in range(scale.of(4)):
                    for name in names if again % 2 else reversed(names):
                        if name == _ONCE and again:
                            continue
                        seconds, taken = _pass(found[name], way, size)
                        cpu[name].append(seconds)
                        clock[name].append(taken)
                for name, proxy in found.items():
                    more[name].append((proxy.peak() - before[name]) / _MIB)
    return cpu, clock, more


def _warm_up(proxy: Proxy) -> int:
    _requests(proxy, "POST", 5)
    return proxy.peak()


def _pass(proxy: Proxy, way: str, size: int) -> tuple[float, float]:
    """One stream; the proxy's CPU seconds, and the seconds by the clock."""
    with _connected(proxy) as connection:
        cpu, began = proxy.cpu(), time.perf_counter()
        if way == "down":
            connection.sendall(_request("GET", f"/down/{size}", b""))
        else:
            connection.sendall(_request("POST", "/2", b"", size))
            for _ in range(size // len(_CHUNK)):
                connection.sendall(_CHUNK)
        _answer(connection)
        taken = time.perf_counter() - began
        return _settled(proxy) - cpu, taken
