"""`python -m benchmarks [NAME …]`: measure, and show what was found beside its goals."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from benchmarks import calls, pages, publishing, starting, storing, streams, wire
from benchmarks.results import Result, as_json, markdown, put_markdown, show
from benchmarks.scale import Scale

BENCHMARKS: dict[str, Callable[[Scale], Result]] = {
    "calls-1k": calls.small,
    "calls-100k": calls.large,
    "growth": calls.growth,
    "streams": streams.streams,
    "wire": wire.small,
    "wire-streams": wire.large,
    "startup": starting.startup,
    "help": starting.command,
    "collect": storing.storing,
    "rendering": pages.pages,
    "publishing": publishing.publishing,
}


def main() -> int:
    """Run the named benchmarks; 1 where a goal was missed and `--strict` was given."""
    given = _parser().parse_args()
    unknown = set(given.names) - set(BENCHMARKS)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    console = Console(stderr=given.json == "-")
    console.print(conditions())
    results = []
    for name in given.names or BENCHMARKS:
        with console.status(f"{name} …"):
            results.append(BENCHMARKS[name](Scale(given.part)))
        show(results[-1], console)
    _write(given, results)
    missed = any(row.met is False for result in results for row in result.rows)
    return 1 if missed and given.strict else 0


def conditions() -> str:
    """What was measured on, without the machine's name."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"Python {platform.python_version()}, {_versions()}, {system}, {time.strftime('%Y-%m-%d', time.gmtime())}"


def _versions() -> str:
    from importlib.metadata import version

    names = {"requests": "requests", "opentelemetry-instrumentation-requests": "OpenTelemetry's", "vcrpy": "VCR.py"}
    return ", ".join(f"{shown} {version(name)}" for name, shown in names.items())


def _write(given: argparse.Namespace, results: list[Result]) -> None:
    if given.markdown is not None:
        stamp = f"{conditions()}\n"
        blocks = {result.name: f"{markdown(result)}\n{stamp}" for result in results}
        put_markdown(given.markdown, blocks)
    if given.json == "-":
        print(json.dumps({"conditions": conditions(), "results": [as_json(result) for result in results]}))
    elif given.json:
        text = json.dumps({"conditions": conditions(), "results": [as_json(result) for result in results]}, indent=1)
        Path(given.json).write_text(text, "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; without, all")
    parser.add_argument("--part", type=float, default=1.0, help="how much is measured: 0.1 is quick, 0 only a trial")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put the tables into their places in FILE")
    parser.add_argument("--json", metavar="FILE|-", help="write the figures for a program")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a goal is missed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
