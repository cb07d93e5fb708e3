"""What the hook costs a call: beside plain `requests`, beside the least that any recorder does, beside its peers."""

from __future__ import annotations

from collections import defaultdict

from benchmarks import processes, server
from benchmarks.results import Figure, Result, Row, below, figure, ratios
from benchmarks.scale import Scale

_WORDS = {
    "plain": "plain `requests`",
    "plain again": "plain `requests` in a second process (the noise)",
    "two headers": "set two headers",
    "limit": "limit: one `os.write` of a JSON line a call",
    "tags only": "requestshook, tags only (ignored calls)",
    "unredacted": "requestshook, `redact: off`",
    "redacted": "requestshook",
    "opentelemetry": "OpenTelemetry, batch exporter to a file, no bodies",
    "vcr": "VCR.py",
}
_FEWER = {"vcr": 10}  # how many times fewer calls a round
_TAGS_ONLY = 1.03
_OVER_LIMIT = 0.06
_OF_OPENTELEMETRY = 0.5
_LARGE_UNREDACTED, _LARGE_REDACTED = 1.25, 1.6
_GROWTH = 1.03

_Measured = dict[str, list[float]]


def small(scale: Scale) -> Result:
    """Calls with 1 KB of JSON."""
    found = _measure(scale, 1000, 100)
    figures = {name: ratios(values, found["plain"]) for name, values in found.items()}
    rows = [Row(_WORDS[name], figures[name]) for name in _WORDS]
    limit = figures["limit"].median + _OVER_LIMIT
    rows[4] = below(_WORDS["tags only"], figures["tags only"], _TAGS_ONLY)
    rows[6] = below(_WORDS["redacted"], figures["redacted"], limit)
    added = figure([(figures["redacted"].median - 1) / (figures["opentelemetry"].median - 1)])
    rows.append(below("what requestshook adds, of what OpenTelemetry adds", added, _OF_OPENTELEMETRY))
    return Result("calls-1k", "A call with 1 KB of JSON: CPU of the client", tuple(rows))


def large(scale: Scale) -> Result:
    """Calls with 100 KB of JSON."""
    found = _measure(scale, 100_000, 60)
    figures = {name: ratios(values, found["plain"]) for name, values in found.items()}
    rows = [Row(_WORDS[name], figures[name]) for name in _WORDS]
    rows[4] = below(_WORDS["tags only"], figures["tags only"], _TAGS_ONLY)
    rows[5] = below(_WORDS["unredacted"], figures["unredacted"], _LARGE_UNREDACTED)
    rows[6] = below(_WORDS["redacted"], figures["redacted"], _LARGE_REDACTED)
    return Result("calls-100k", "A call with 100 KB of JSON: CPU of the client", tuple(rows))


def growth(scale: Scale) -> Result:
    """Calls of a process that has made many, beside those of one that has made none."""
    names = ("redacted", "vcr")
    with server.running() as url, processes.clients(names) as old:
        made = {"redacted": scale.of(100_000, 20), "vcr": scale.of(500, 5)}
        old["redacted"].do("calls", f"{url}/1000", made["redacted"])
        ours = _beside(old["redacted"], "redacted", f"{url}/1000", scale)
        vcr = old["vcr"].do("calls", f"{url}/1000", made["vcr"]).cpu / made["vcr"]
        with processes.client("vcr") as fresh:
            first = [fresh.do("calls", f"{url}/1000", scale.of(20, 2)).cpu / scale.of(20, 2) for _ in range(3)]
    rows = (
        below(f"requestshook, after {made['redacted']:,} calls", ours, _GROWTH),
        Row(f"VCR.py, {made['vcr']:,} calls in a cassette beside {scale.of(20, 2)}", figure([vcr / v for v in first])),
    )
    return Result("growth", "A later call beside the first ones: CPU of the client", rows)


def _beside(old: processes.Client, name: str, url: str, scale: Scale) -> Figure:
    """Rounds of a process that has made many calls, in turn with those of fresh ones."""
    later, first = [], []
    count = scale.of(100, 5)
    for _ in range(scale.of(6)):
        with processes.client(name) as fresh:
            fresh.do("calls", url, 5)  # connected, and imported what is imported late
            for _ in range(scale.of(8)):
                later.append(old.do("calls", url, count).cpu)
                first.append(fresh.do("calls", url, count).cpu)
    return ratios(later, first)


def _measure(scale: Scale, size: int, count: int) -> _Measured:
    """For each client the CPU seconds a call in each round, the clients taking turns."""
    found: _Measured = defaultdict(list)
    count = scale.of(count, 5)
    with server.running() as url:
        for _ in range(scale.of(6)):  # fresh processes: no two lie alike in memory
            with processes.clients(list(_WORDS)) as clients:
                _round(clients, f"{url}/{size}", count)  # to warm up
                for _ in range(scale.of(12)):
                    for name, spent in _round(clients, f"{url}/{size}", count).items():
                        found[name].append(spent)
    return found


def _round(clients: dict[str, processes.Client], url: str, count: int) -> dict[str, float]:
    spent = {}
    for name, client in clients.items():
        calls = max(1, count // _FEWER.get(name, 1))
        spent[name] = client.do("calls", url, calls).cpu / calls
    return spent
