"""The hook switched on and off: for the process, a session, a block; beside other tools on the same methods."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import responses
import urllib3.connection
from cachecontrol import CacheControl
from conftest import Spooled
from hook_support import call, calls
from opentelemetry import trace as otel_trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from raw_server import ANSWERS, JSON, RawServer, whole
from requests.adapters import HTTPAdapter

import requestshook
from requestshook import events, recording, tags
from requestshook.capture import requests as capture


@pytest.fixture
def server() -> Iterator[RawServer]:
    """A raw server."""
    own = RawServer()
    yield own
    own.close()


@pytest.fixture(autouse=True)
def off(spooled: Spooled) -> Iterator[None]:
    """Each test ends with the methods that it began with, and without a word from us."""
    before = originals()
    yield
    requestshook.uninstall()
    assert all(now is was for now, was in zip(originals(), before, strict=True))
    assert spooled.said == []
    assert spooled.recorder.dropped == 0


def originals() -> tuple[Any, ...]:
    """All that the hook replaces."""
    return (
        HTTPAdapter.send,
        requests.Session.send,
        urllib3.connectionpool.HTTPConnectionPool.urlopen,
        getattr(urllib3.connection, "body_to_chunks", None),
    )


def paths(spooled: Spooled) -> list[str]:
    """What was called, in order."""
    return [seen.request.url.rpartition("/")[2] for seen in calls(spooled)]


def test_uninstall_restores(spooled: Spooled, server: RawServer) -> None:
    """After `uninstall` the very same functions are in place, and nothing is recorded or tagged."""
    before = originals()
    requestshook.install()
    requestshook.install()
    assert originals() != before
    requests.get(server.url + "/json")
    requestshook.uninstall()
    assert originals() == before
    requestshook.uninstall()
    requests.get(server.url + "/lines")
    assert paths(spooled) == ["json"]
    assert b"requestshook" not in server.requests[-1].lower()


def test_wrapped_by_others_it_switches_off(spooled: Spooled, server: RawServer, monkeypatch: Any) -> None:
    """Where another tool has wrapped our method since, `uninstall` leaves theirs and switches ours off."""
    requestshook.install()
    ours, seen = HTTPAdapter.send, []

    def theirs(*arguments: Any, **keywords: Any) -> Any:
        seen.append(1)
        return ours(*arguments, **keywords)

    with monkeypatch.context() as patching:
        patching.setattr(HTTPAdapter, "send", theirs)
        requestshook.uninstall()
        assert HTTPAdapter.send is theirs
        requests.get(server.url + "/json")
        assert calls(spooled) == []
        assert b"requestshook" not in server.requests[-1].lower()
        requestshook.install()
        requests.get(server.url + "/lines")
        requestshook.uninstall()
        assert paths(spooled) == ["lines"]
        assert len(seen) == 2
        patching.undo()
    HTTPAdapter.send = ours.__wrapped__  # type: ignore[method-assign,attr-defined] # what a tool that restores would leave


def test_uninstall_while_a_body_is_read(spooled: Spooled, server: RawServer) -> None:
    """A response whose body is still read when the hook goes off stays whole, for the program and on the record."""
    requestshook.install()
    response = requests.get(server.url + "/json", stream=True)
    requestshook.uninstall()
    assert response.content == JSON
    assert call(spooled).down().end == "complete"


def test_one_session(spooled: Spooled, server: RawServer) -> None:
    """`hook(session)` records that session's calls, whatever is mounted later, and nobody else's."""
    with requests.Session() as own, requests.Session() as other:
        assert requestshook.hook(own, "own") is own
        own.get(server.url + "/json")
        other.get(server.url + "/lines")
        requests.get(server.url + "/empty")
        own.mount("http://", HTTPAdapter())
        own.get(server.url + "/redirect/lines")
    assert paths(spooled) == ["json", "redirect/lines".rpartition("/")[2], "lines"]
    assert {seen.request.caller for seen in calls(spooled)} == {"own"}


def test_one_session_calls_another(spooled: Spooled, server: RawServer) -> None:
    """A call that another session makes while a recorded session is sending is not recorded."""
    with requests.Session() as own, requests.Session() as other:
        requestshook.hook(own)

        def look(*arguments: Any, **keywords: Any) -> None:
            other.get(server.url + "/lines")

        own.get(server.url + "/json", hooks={"response": look})
        assert paths(spooled) == ["json"]


def test_session_that_is_gone(spooled: Spooled, server: RawServer) -> None:
    """A session that was collected leaves nothing that a later one could be taken for."""
    for _ in range(20):
        requestshook.hook(requests.Session())
    for _ in range(20):
        with requests.Session() as session:
            session.get(server.url + "/json")
    assert calls(spooled) == []


def test_record_a_block(spooled: Spooled, server: RawServer) -> None:
    """`record` records the block's calls under a name and takes the hook off again."""
    before = originals()
    with requestshook.record("flow") as trace:
        requests.get(server.url + "/json")
    assert originals() == before
    requests.get(server.url + "/lines")
    assert paths(spooled) == ["json"]
    assert call(spooled).request.origin.trace == trace
    (began,) = spooled.of(events.Recording)
    (ended,) = spooled.of(events.Recorded)
    assert isinstance(began, events.Recording)
    assert isinstance(ended, events.Recorded)
    assert (began.trace, began.name, ended.trace, ended.exit) == (trace, "flow", trace, 0)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_record_a_block_that_fails(error: type[BaseException], spooled: Spooled) -> None:
    """An exception passes through `record`, which ends with status 1."""
    before = originals()
    with pytest.raises(error), requestshook.record("flow"):
        raise error
    assert originals() == before
    (ended,) = spooled.of(events.Recorded)
    assert isinstance(ended, events.Recorded)
    assert ended.exit == 1


def test_nested_records(spooled: Spooled, server: RawServer) -> None:
    """A call belongs to the innermost block; the outer one goes on afterwards."""
    with requestshook.record("outer") as outer:
        requests.get(server.url + "/json")
        with requestshook.record("inner") as inner:
            requests.get(server.url + "/lines")
        requests.get(server.url + "/empty")
    assert [seen.request.origin.trace for seen in calls(spooled)] == [outer, inner, outer]


def test_records_in_threads(spooled: Spooled, server: RawServer) -> None:
    """Blocks in several threads at once each record their own calls; the last one takes the hook off."""
    before = originals()
    found: dict[str, str] = {}
    barrier = threading.Barrier(8)

    def work(name: str) -> None:
        with requestshook.record(name) as trace:
            barrier.wait()
            requests.get(f"{server.url}/json?{name}")
            found[name] = trace
            barrier.wait()

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert originals() == before
    assert {seen.request.url.rpartition("?")[2]: seen.request.origin.trace for seen in calls(spooled)} == found


def test_thread_started_in_a_block(spooled: Spooled, server: RawServer) -> None:
    """The calls of a thread that the block starts belong to its recording."""
    with requestshook.record("flow") as trace:
        thread = threading.Thread(target=requests.get, args=(server.url + "/json",))
        thread.start()
        thread.join()
    assert call(spooled).request.origin.trace == trace


def test_record_leaves_an_installed_hook(spooled: Spooled, server: RawServer) -> None:
    """Where the hook was installed before the block, it stays afterwards."""
    requestshook.install()
    with requestshook.record("flow"):
        pass
    requests.get(server.url + "/json")
    assert paths(spooled) == ["json"]


def test_when_open(spooled: Spooled, server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `record="when open"` a call without a recording is neither tagged nor recorded, only counted."""
    requestshook.install(record="when open")
    requests.get(server.url + "/json")
    assert b"requestshook" not in server.requests[-1].lower()
    monkeypatch.setenv("REQUESTSHOOK_TRACE", "a" * 32)
    requests.get(server.url + "/lines")
    assert paths(spooled) == ["lines"]
    assert spooled.recorder.untied == 1


@pytest.mark.parametrize("wrong", ["sometimes", "", None])
def test_wrong_word(wrong: Any) -> None:
    """A wrong `record` is refused at once."""
    with pytest.raises(ValueError, match="when open"):
        requestshook.install(record=wrong)


@pytest.mark.parametrize("name", ["", "a b", "x" * 129, "한글", "a\r\nb"])
def test_wrong_name(name: str) -> None:
    """A name that no header may carry is refused at once, and nothing is patched."""
    with pytest.raises(ValueError, match="service's name"):
        requestshook.install(name)


def test_started_without_a_recording(server: RawServer, tmp_path: Path) -> None:
    """With REQUESTSHOOK=1 and no recording a call is neither tagged nor recorded: one line counts it."""
    inject = Path(requestshook.__file__).parent / "_inject"
    subprocess.run(
        [sys.executable, "-c", f"import requests\nfor _ in range(3): requests.get({server.url + '/json'!r})"],
        env={"PYTHONPATH": str(inject), "REQUESTSHOOK": "1", "REQUESTSHOOK_DIR": str(tmp_path / "r")},
        check=True,
        timeout=60,
    )
    assert all(b"requestshook" not in request.lower() for request in server.requests)
    own = Spooled(tmp_path / "r")
    assert {type(event) for event in own.events()} == {events.Process, events.Count}
    counted = own.of(events.Count)[-1]
    assert isinstance(counted, events.Count)
    assert counted.untied >= 1
    assert counted.dropped == 0


# Beside others


def test_revalidated_by_cachecontrol(spooled: Spooled, server: RawServer, monkeypatch: Any) -> None:
    """The wire's 304 is recorded where the program sees the cache's 200; what the cache answers alone is not."""
    date = b"Date: " + formatdate(usegmt=True).encode()
    fresh = whole(JSON, b"ETag: x", b"Cache-Control: max-age=100", date)
    stale = whole(JSON, b"ETag: x", b"Cache-Control: no-cache", date)
    monkeypatch.setitem(ANSWERS, "fresh", (fresh, True))
    requestshook.install()
    with CacheControl(requests.Session()) as session:
        assert [session.get(server.url + "/fresh").content for _ in range(2)] == [JSON, JSON]
        assert paths(spooled) == ["fresh"]
        monkeypatch.setitem(ANSWERS, "stale", (stale, True))
        assert session.get(server.url + "/stale").content == JSON
        monkeypatch.setitem(ANSWERS, "stale", ANSWERS["not-modified"])
        again = session.get(server.url + "/stale")
    assert (again.status_code, again.content) == (200, JSON)
    assert [seen.response and seen.response.status for seen in calls(spooled)] == [200, 200, 304]
    assert all(seen.response is not None and (seen.response.body or seen.ends) for seen in calls(spooled))


def answer(url: str) -> tuple[int, bytes]:
    """Status and content of a call."""
    response = requests.get(url)
    return response.status_code, response.content


def test_responses_before_and_after(spooled: Spooled, server: RawServer) -> None:
    """A call that `responses` answers is not recorded, one that it passes through is, whoever came first."""

    def work(mock: responses.RequestsMock) -> None:
        mock.add(responses.GET, server.url + "/mocked", body="mocked", status=418)
        mock.add_passthru(server.url + "/json")
        assert answer(server.url + "/mocked") == (418, b"mocked")
        assert answer(server.url + "/json") == (200, JSON)

    requestshook.install()
    with responses.RequestsMock(real_adapter_send=HTTPAdapter.send) as mock:  # what it found when it was imported
        work(mock)
    assert answer(server.url + "/lines")[0] == 200
    requestshook.uninstall()
    with responses.RequestsMock() as mock:
        requestshook.install()
        work(mock)
        requestshook.uninstall()
    assert paths(spooled) == ["json", "lines", "json"]


def test_requests_mock_before_and_after(spooled: Spooled, server: RawServer) -> None:
    """A call that `requests_mock` answers is not recorded, one that it passes through is, whoever came first."""

    def work(mock: requests_mock.Mocker) -> None:
        mock.get(server.url + "/mocked", text="mocked", status_code=418)
        mock.get(server.url + "/json", real_http=True)
        assert answer(server.url + "/mocked") == (418, b"mocked")
        assert answer(server.url + "/json") == (200, JSON)

    requestshook.install()
    with requests_mock.Mocker() as mock:
        work(mock)
    requestshook.uninstall()
    with requests_mock.Mocker() as mock:
        requestshook.install()
        work(mock)
        requestshook.uninstall()
    assert paths(spooled) == ["json", "json"]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """OpenTelemetry's spans, kept in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = RequestsInstrumentor()
    plain = instrumentor.instrument
    instrumentor.instrument = lambda: plain(tracer_provider=provider)
    yield exporter
    del instrumentor.instrument
    assert otel_trace.get_tracer_provider() is not provider


Step = Callable[[], Any]
ORDERS: dict[str, list[str]] = {
    "hook first, last out": ["hook", "otel", "unotel", "unhook"],
    "hook first, first out": ["hook", "otel", "unhook", "unotel"],
    "otel first, last out": ["otel", "hook", "unhook", "unotel"],
    "otel first, first out": ["otel", "hook", "unotel", "unhook"],
}


@pytest.mark.parametrize("order", ORDERS)
def test_opentelemetry(order: str, spooled: Spooled, server: RawServer, spans: InMemorySpanExporter) -> None:
    """OpenTelemetry's instrumentation and ours each see a call once, in whatever order they come and go."""
    instrumentor = RequestsInstrumentor()
    steps: dict[str, Step] = {
        "hook": requestshook.install,
        "unhook": requestshook.uninstall,
        "otel": instrumentor.instrument,
        "unotel": instrumentor.uninstrument,
    }
    on: set[str] = set()
    for number, step in enumerate(ORDERS[order]):
        steps[step]()
        on ^= {step.removeprefix("un")}
        before = (len(calls(spooled)), len(spans.get_finished_spans()))
        assert answer(f"{server.url}/json?{number}") == (200, JSON)
        after = (len(calls(spooled)), len(spans.get_finished_spans()))
        assert (after[0] - before[0], after[1] - before[1]) == (int("hook" in on), int("otel" in on)), step
        assert (tags.REQUEST_ID.encode() in server.requests[-1]) == ("hook" in on)


def test_recorder_is_shared(spooled: Spooled) -> None:
    """The hook writes through the process's recorder."""
    requestshook.install("program")
    assert recording.recorder.name() == "program"


def test_restored_when_others_have_gone(spooled: Spooled) -> None:
    """Where another tool wrapped our method and has taken its own off since, the next `uninstall` restores ours too."""
    original = HTTPAdapter.send
    for again in (requestshook.install, lambda: None):
        requestshook.install()
        ours = HTTPAdapter.send

        @functools.wraps(ours)
        def theirs(*arguments: Any, **keywords: Any) -> Any:
            return ours(*arguments, **keywords)  # noqa: B023 - it is called in this turn

        HTTPAdapter.send = theirs  # type: ignore[method-assign] # as other tools do
        requestshook.uninstall()
        HTTPAdapter.send = ours  # type: ignore[method-assign] # as they take theirs off
        again()
        requestshook.uninstall()
        assert HTTPAdapter.send is original


def test_record_begins_while_another_ends(spooled: Spooled, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook is on in a block that begins in the moment in which another thread's, the last so far, takes it off."""
    original, ending, ended = HTTPAdapter.send, threading.Event(), threading.Event()

    def slowly() -> None:
        ending.set()
        time.sleep(0.2)
        real()
        ended.set()

    def one() -> None:
        with requestshook.record("first"):
            pass

    real = capture._take_off
    monkeypatch.setattr(capture, "_take_off", slowly)
    thread = threading.Thread(target=one)
    thread.start()
    assert ending.wait(10)
    with requestshook.record("second"):
        assert ended.wait(10)
        assert HTTPAdapter.send is not original
    thread.join()
    assert HTTPAdapter.send is original


def test_what_is_no_session_or_name_is_refused(spooled: Spooled) -> None:
    """A mistake in the program that asks us to record is its own, and said where it is made."""
    with pytest.raises(TypeError, match="hook takes a requests\\.Session, not module"):
        requestshook.hook(requests)  # type: ignore[type-var]
    for name in (5, ""):
        with pytest.raises(TypeError, match="a recording's name is a text"), requestshook.record(name):  # type: ignore[arg-type]
            raise AssertionError
    assert spooled.events() == []
