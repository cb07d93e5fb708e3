"""How fast spool lines come into the store."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from benchmarks import messages
from benchmarks.results import Result, Row, above, figure
from benchmarks.scale import Scale
from requestshook import events
from requestshook.collect import collect
from requestshook.store import open_store

_RATE = 8000  # calls a second
_FIELDS = tuple((f"X-Field-{number:02}", "v" * 85) for number in range(10))  # 1 KB


def storing(scale: Scale) -> Result:
    """Calls with 2 KB of header fields and 4 KB of body, from one file into an empty store."""
    calls = scale.of(20_000, 50)
    rates: list[float] = []
    by_clock: list[float] = []
    parsed: list[float] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        path = Path(folder) / "lines.jsonl"
        path.write_bytes(b"".join(_lines(calls)))
        for number in range(scale.of(7)):
            began, clock = time.process_time(), time.perf_counter()
            with open_store(os.path.join(folder, f"{number}.db")) as store:
                collected = collect(store, [str(path)])
            rates.append(calls / (time.process_time() - began))
            by_clock.append(calls / (time.perf_counter() - clock))
            assert collected.new == 2 * calls
            began = time.process_time()
            with path.open("rb") as file:
                for line in file:
                    json.loads(line)
            parsed.append(calls / (time.process_time() - began))
    rows = (
        above("requestshook, by CPU time", figure(rates, "calls/s"), _RATE),
        Row("requestshook, by the clock", figure(by_clock, "calls/s")),
        Row("`json.loads` of the lines alone", figure(parsed, "calls/s")),
    )
    return Result("collect", f"Collecting {calls:,} calls, 2 KB of header fields and 4 KB of body each", rows)


def _lines(calls: int) -> list[bytes]:
    """The lines of so many calls: a request of 1 KB and an answer of 3 KB, each with 1 KB of header fields."""
    sent, answered = messages.images(1000), messages.images(3000)
    lines: list[bytes] = []
    for number in range(calls):
        origin = events.Origin("client", f"{number:032x}", "5eed" * 8, "node1", 4711, number)
        at = 1671683885.0 + number / 100
        url = f"http://127.0.0.1:9292/v2/images/{number}"
        request = events.Request(
            at, origin, None, "openstack", None, "PUT", url, "HTTP/1.1", _FIELDS, events.Body(sent, len(sent))
        )
        response = events.Response(
            at + 0.001, origin, 200, "OK", "HTTP/1.1", _FIELDS, (), events.Body(answered, len(answered))
        )
        lines += (events.to_line(request), events.to_line(response))
    return lines
