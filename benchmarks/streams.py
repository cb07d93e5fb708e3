"""Streams up and down: throughput by CPU time beside plain `requests`, and the memory that comes on top."""

from __future__ import annotations

from collections import defaultdict

from benchmarks import processes, server
from benchmarks.results import Figure, Result, Row, above, below, figure, ratios
from benchmarks.scale import Scale

_MIB = 1024 * 1024
_WORDS = {
    "plain again": "plain `requests` in a second process (the noise)",
    "redacted": "requestshook",
    "opentelemetry": "OpenTelemetry, no bodies",
    "vcr": "VCR.py",
}
_THROUGHPUT, _MEMORY = 0.95, 2.0
_ONCE = "vcr"  # a round of it takes as long as all of the others'


def streams(scale: Scale) -> Result:
    """Bodies of 256 MiB, passed on in pieces of 64 KiB."""
    size = scale.of(256, 1)
    rows: list[Row] = []
    with server.running() as url:
        for way in ("up", "down"):
            cpu, peak = _measure(scale, way, url, size * _MIB)
            for name, words in _WORDS.items():
                speed = ratios(cpu["plain"][: len(cpu[name])], cpu[name])
                more = _more(peak[name], peak["plain"])
                if name == "redacted":
                    rows.append(above(f"{way}, {words}: throughput", speed, _THROUGHPUT))
                    rows.append(below(f"{way}, {words}: memory on top", more, _MEMORY))
                else:
                    rows.append(Row(f"{way}, {words}: throughput", speed))
                    rows.append(Row(f"{way}, {words}: memory on top", more))
    title = f"A stream of {size} MiB beside plain `requests`: throughput by CPU, and memory"
    return Result("streams", title, tuple(rows))


def _measure(scale: Scale, way: str, url: str, size: int) -> tuple[dict[str, list[float]], dict[str, list[int]]]:
    """For each client, in fresh processes in turn: CPU seconds, and how far the stream raised the peak of memory."""
    cpu: dict[str, list[float]] = defaultdict(list)
    peak: dict[str, list[int]] = defaultdict(list)
    after: dict[str, int] = {}
    for number in range(scale.of(6)):
        names = [name for name in ("plain", *_WORDS) if name != _ONCE or not number]
        with processes.clients(names) as clients:
            before = {name: client.do("calls", f"{url}/1000", 3).peak for name, client in clients.items()}
            for again in range(scale.of(6)):
                for name, client in clients.items():
                    if name == _ONCE and again:
                        continue
                    spent = client.do(way, url, size)
                    cpu[name].append(spent.cpu)
                    after[name] = spent.peak
            for name in names:
                peak[name].append(after[name] - before[name])
    return cpu, peak


def _more(peaks: list[int], plain: list[int]) -> Figure:
    beside = figure(plain).median
    return figure([(peak - beside) / _MIB for peak in peaks], "MiB")
