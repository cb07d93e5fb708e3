"""What an interpreter's start costs: off, on, beside the peers; and the command line's."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks import processes
from benchmarks.results import Result, Row, below, figure, ratios
from benchmarks.scale import Scale

_INJECT = str(processes.ROOT / "requestshook" / "_inject")
_OFF, _ON, _HELP = 1.0, 5.0, 150.0  # milliseconds
_MS = 1000


class _Start(NamedTuple):
    code: str
    environment: Mapping[str, str]


_IMPORT = "import requests"
_OPENTELEMETRY = """
import requests
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
RequestsInstrumentor().instrument(tracer_provider=provider)
"""


def startup(scale: Scale) -> Result:
    """`import requests` in a fresh interpreter."""
    starts = {
        "plain": _Start(_IMPORT, _on_path()),
        "unset": _Start(_IMPORT, _on_path(_INJECT)),
        "0": _Start(_IMPORT, _on_path(_INJECT, REQUESTSHOOK="0")),
        "1": _Start(_IMPORT, _on_path(_INJECT, REQUESTSHOOK="1")),
        "bare": _Start("pass", _on_path()),
        "bare 1": _Start("pass", _on_path(_INJECT, REQUESTSHOOK="1")),
        "opentelemetry": _Start(_OPENTELEMETRY, _on_path()),
        "vcr": _Start("import requests, vcr", _on_path()),
    }
    found: dict[str, list[float]] = defaultdict(list)
    for start in starts.values():  # modules are compiled once
        processes.cpu_of([sys.executable, "-c", start.code], start.environment)
    for _ in range(scale.of(60)):
        for name, start in starts.items():
            found[name].append(processes.cpu_of([sys.executable, "-c", start.code], start.environment) * _MS)
    more = {
        name: figure([a - b for a, b in zip(values, found["bare" if name.startswith("bare") else "plain"])], "ms")
        for name, values in found.items()
    }
    rows = (
        Row("`import requests`", figure(found["plain"], "ms")),
        below("on top: `_inject` on the path, `REQUESTSHOOK` unset", more["unset"], _OFF),
        below("on top: `REQUESTSHOOK=0`", more["0"], _OFF),
        below("on top: `REQUESTSHOOK=1`", more["1"], _ON),
        Row("on top of a program without `requests`: `REQUESTSHOOK=1`", more["bare 1"]),
        Row("on top: OpenTelemetry, instrumented in code", more["opentelemetry"]),
        Row("on top: `import vcr`", more["vcr"]),
    )
    return Result("startup", "An interpreter's start: CPU", rows)


def command(scale: Scale) -> Result:
    """`requestshook --help`."""
    found: dict[str, list[float]] = {"help": [], "bare": []}
    commands: dict[str, Sequence[str]] = {
        "help": [sys.executable, "-m", "requestshook", "--help"],
        "bare": [sys.executable, "-c", "pass"],
    }
    processes.cpu_of(commands["help"], processes.environment())  # modules are compiled once
    for _ in range(scale.of(20)):
        for name, line in commands.items():
            found[name].append(processes.cpu_of(line, processes.environment()) * _MS)
    rows = (
        below("`requestshook --help`", figure(found["help"], "ms"), _HELP),
        Row("beside an interpreter that does nothing", ratios(found["help"], found["bare"])),
    )
    return Result("help", "The command line's start: CPU", rows)


def _on_path(*folders: str, **more: str) -> dict[str, str]:
    environment = processes.environment(**more)
    environment.pop("PYTHONPATH")
    if folders:
        environment["PYTHONPATH"] = ":".join(folders)
    return environment
