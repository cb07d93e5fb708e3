"""What calls are made with: plain `requests`, requestshook's configurations, and the peers.

Each is set up once in a process of its own (`python -m benchmarks.clients NAME FOLDER`), which then does what it is
told on standard input, a round at a time, and says how much CPU time that took.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

Round = Callable[[], AbstractContextManager[Any]]
"""What stands around a round of calls."""

KEPT = 64 * 1024
_CHUNK = 64 * 1024


def _plain(folder: Path) -> Round:
    return nullcontext


def _two_headers(folder: Path) -> Round:
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def tagged(self: Any, request: Any, *args: Any, **options: Any) -> Any:
        request.headers["X-Requestshook-Request-Id"] = os.urandom(16).hex()
        request.headers["X-Requestshook-Request-From"] = "client"
        return send(self, request, *args, **options)

    HTTPAdapter.send = tagged  # type: ignore[method-assign]
    return nullcontext


def _one_write(folder: Path) -> Round:
    """The least that keeps a call: one line of JSON by one write to a descriptor that stays open."""
    from requests.sessions import Session

    send = Session.send
    descriptor = os.open(folder / "lines.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def written(self: Any, request: Any, **options: Any) -> Any:
        response = send(self, request, **options)
        fields = {
            "method": request.method, "url": request.url, "request": dict(request.headers),
            "status": response.status_code, "response": dict(response.headers),
            "body": None if options.get("stream") else response.content[:KEPT].decode(),
        }  # fmt: skip
        os.write(descriptor, (json.dumps(fields, ensure_ascii=False) + "\n").encode())
        return response

    Session.send = written  # type: ignore[method-assign]
    return nullcontext


def _ours(configuration: str) -> Callable[[Path], Round]:
    def set_up(folder: Path) -> Round:
        import requestshook
        from requestshook.config import load
        from requestshook.workspace import Workspace

        path = folder / "requestshook.yaml"
        path.write_text(f"{configuration}\n")
        Workspace(load(path)).refresh()
        os.environ["REQUESTSHOOK_DIR"] = str(folder / ".requestshook")
        os.environ["REQUESTSHOOK_SERVICE"] = "client"
        requestshook.install()
        return nullcontext

    return set_up


def _opentelemetry(folder: Path) -> Round:
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    provider = TracerProvider()
    out = open(folder / "spans.json", "a")  # noqa: SIM115 - open as long as the process runs
    provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(out=out)))
    RequestsInstrumentor().instrument(tracer_provider=provider)

    @contextmanager
    def round() -> Iterator[None]:
        yield
        provider.force_flush()

    return round


def _vcr(folder: Path) -> Round:
    import vcr  # type: ignore[import-untyped] # it has no types

    recorder = vcr.VCR(record_mode="all")

    def round() -> Any:
        cassette = folder / "cassette.yaml"
        cassette.unlink(missing_ok=True)
        return recorder.use_cassette(str(cassette))

    return round


CLIENTS: dict[str, Callable[[Path], Round]] = {
    "plain": _plain,
    "plain again": _plain,
    "two headers": _two_headers,
    "limit": _one_write,
    "tags only": _ours('ignore: ["* * /**"]'),
    "unredacted": _ours("capture: {max: off}\nredact: off"),
    "redacted": _ours("capture: {max: off}"),
    "opentelemetry": _opentelemetry,
    "vcr": _vcr,
}


def main() -> None:
    """Do what standard input says: `calls URL COUNT`, `down URL SIZE` or `up URL SIZE`, one answer a line."""
    from benchmarks import messages

    name, folder = sys.argv[1:]
    import requests

    around = CLIENTS[name](Path(folder))
    session: Any = None
    for line in sys.stdin:
        what, url, amount = line.split()
        if session is None or name == "vcr":  # it records only connections that were made inside its block
            session = requests.Session()
            session.headers.update(messages.REQUEST_HEADERS)
        began = time.process_time()
        with around():
            _WORK[what](session, url, int(amount))
        spent = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"cpu": spent, "peak": peak * (1 if sys.platform == "darwin" else 1024)}), flush=True)


def _calls(session: Any, url: str, count: int) -> None:
    for _ in range(count):
        session.get(url).content  # noqa: B018 - the body is read


def _down(session: Any, url: str, size: int) -> None:
    with session.get(f"{url}/down/{size}", stream=True) as response:
        total = sum(len(chunk) for chunk in response.iter_content(_CHUNK))
    assert total == size


def _up(session: Any, url: str, size: int) -> None:
    chunk = bytes(_CHUNK)
    session.post(f"{url}/2", data=(chunk for _ in range(size // _CHUNK)))


_WORK: dict[str, Callable[[Any, str, int], None]] = {"calls": _calls, "down": _down, "up": _up}


if __name__ == "__main__":
    main()
