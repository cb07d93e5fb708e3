"""Which recording a call belongs to, and how settings reach a process that runs."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from conftest import Spooled

from requestshook import events, recording, tags

KEY = b"k" * 32


def settings(folder: Path, **changes: Any) -> None:
    """Write `capture.json` as our commands do: beside it, then renamed."""
    fields = {
        "v": 1, "key": KEY.hex(), "services": [], "clients": [], "ignore": [], "body_limit": 65536, "max": None,
        "tag": "all", "group": None, "redact": {"on": True, "headers": [], "keys": [], "patterns": []},
        "recordings": [], **changes,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "new").write_text(json.dumps(fields))
    os.replace(folder / "new", folder / "capture.json")


def opened(trace: str) -> dict[str, Any]:
    """An open recording as `capture.json` lists it."""
    return {"trace": trace, "name": "n", "at": 1.0, "all": True}


def test_without_a_recording_a_call_belongs_to_none(spooled: Spooled) -> None:
    """The hook alone records nothing: periodic tasks stay out."""
    assert spooled.recorder.trace_for_call() is None
    assert spooled.recorder.trace_for_inbound(None) is None
    assert not spooled.folder.exists()


def test_the_order_of_what_a_call_belongs_to(spooled: Spooled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Own recording, open recording, environment, block, and the call being served: each comes before the last."""
    recorder = spooled.recorder
    recorder.on_purpose = True
    own = recorder.trace_for_call()
    assert own is not None
    assert recorder.trace_for_call() == own, "one recording a process"

    first, second, environment = (tags.new_trace_id(KEY) for _ in range(3))
    settings(spooled.folder, recordings=[opened(first), opened(second)])
    assert recorder.trace_for_call() == second, "the newest that is open"

    monkeypatch.setenv("REQUESTSHOOK_TRACE", environment)
    assert recorder.trace_for_call() == environment

    with recorder.record("block") as block:
        assert recorder.trace_for_call() == block
        token = recording.serving.set(recording.Serving(tags.new_id(), first))
        assert recorder.trace_for_call() == first
        recording.serving.reset(token)
    assert recorder.trace_for_call() == environment


def test_a_trace_id_from_outside_is_believed_where_our_key_made_it(spooled: Spooled) -> None:
    """A forged trace id does not make a service record."""
    settings(spooled.folder)
    ours = tags.new_trace_id(KEY)
    assert spooled.recorder.trace_for_inbound(ours) == ours
    for forged in ("0" * 32, tags.new_trace_id(b"x" * 32), ours[:-1], ours.upper(), "'; --"):
        assert spooled.recorder.trace_for_inbound(forged) is None


def test_a_malformed_trace_of_the_environment_is_nobodys(spooled: Spooled, monkeypatch: pytest.MonkeyPatch) -> None:
    """REQUESTSHOOK_TRACE that is no id is as if it were not there."""
    monkeypatch.setenv("REQUESTSHOOK_TRACE", "../../etc/passwd")
    assert spooled.recorder.trace_for_call() is None


def test_a_block_reaches_the_threads_that_it_starts(spooled: Spooled) -> None:
    """A thread has a context of its own, and still belongs to the open block."""
    seen: list[str | None] = []
    with spooled.recorder.record("block") as block:
        thread = threading.Thread(target=lambda: seen.append(spooled.recorder.trace_for_call()))
        thread.start()
        thread.join()
    assert seen == [block]


def test_a_block_is_a_recording(spooled: Spooled) -> None:
    """It begins, and ends with 0, or with 1 where an exception ended it."""
    with spooled.recorder.record("one"), pytest.raises(KeyError), spooled.recorder.record("two"):
        raise KeyError
    began = [(e.name, e.trace) for e in spooled.events() if isinstance(e, events.Recording)]
    ended = {e.trace: e.exit for e in spooled.events() if isinstance(e, events.Recorded)}
    assert [(name, ended[trace]) for name, trace in began] == [("one", 0), ("two", 1)]


def test_settings_that_change_reach_a_running_process(spooled: Spooled) -> None:
    """A process reads the file again when it changed, and keeps what it knows when it is broken or gone."""
    recorder = spooled.recorder
    trace = tags.new_trace_id(KEY)
    settings(spooled.folder, body_limit=10, recordings=[opened(trace)])
    assert recorder.settings().body_limit == 10
    (spooled.folder / "capture.json").write_text("{")
    assert recorder.settings().body_limit == 10
    assert len(spooled.said) == 1
    assert "capture.json cannot be read" in spooled.said[0]
    (spooled.folder / "capture.json").unlink()
    assert recorder.settings().key == KEY
    assert recorder.trace_for_call() is None, "no recording is open without a list of them"


def test_a_process_without_the_key_says_so_until_it_has_it(spooled: Spooled) -> None:
    """The first line names a random key; when the store's key comes, another first line says that."""
    recorder = spooled.recorder
    recorder.settings()
    recorder.count_untied()
    settings(spooled.folder)
    with recorder.record("x"):
        pass
    assert [e.key for e in spooled.events() if isinstance(e, events.Process)] == ["random", "store"]


def test_a_process_says_that_it_does_not_redact(spooled: Spooled) -> None:
    """What a page says of redaction was so when the lines were written, whatever the configuration says later."""
    off = {"on": False, "headers": [], "keys": [], "patterns": []}
    settings(spooled.folder, redact=off)
    recorder = spooled.recorder
    recorder.settings()
    with recorder.record("x"):
        settings(spooled.folder)
        recorder.settings()
    assert [e.key for e in spooled.events() if isinstance(e, events.Process)] == ["off", "store"]


def test_what_may_be_tagged(spooled: Spooled) -> None:
    """Parent and trace go to known hosts only; with `tag: known` the other two as well."""
    settings(spooled.folder, services=[["image", "https://images.example.org:443/v2"]])
    recorder = spooled.recorder
    recorder.settings()
    for url in ("http://127.0.0.1:1/", "http://keystone/", "https://images.example.org/x", "http://10.1.1.1"):
        assert recorder.is_known(url)
    assert not recorder.is_known("https://example.org/")
    assert recorder.may_tag("https://example.org/")
    settings(spooled.folder, tag="known")
    recorder.settings()
    assert not recorder.may_tag("https://example.org/")
    assert recorder.may_tag("http://127.0.0.1:1/")


def test_untied_calls_are_counted_not_written_each(spooled: Spooled) -> None:
    """Many calls outside a recording make few lines; the newest tells how many there are, to an eighth."""
    for number in range(1, 1001):
        spooled.recorder.count_untied()
        if number in (1, 2, 7, 50, 1000):
            counts = [e for e in spooled.events() if isinstance(e, events.Count)]
            assert number * 8 / 9 <= counts[-1].untied <= number
    assert counts[0].untied == 1
    assert len(counts) < 60


def test_a_child_counts_for_itself(spooled: Spooled) -> None:
    """What a parent did not record is not told again by the processes that it forks."""
    for _ in range(3):
        spooled.recorder.count_untied()
    child = os.fork()
    if child == 0:
        spooled.recorder.count_untied()
        os._exit(0)
    os.waitpid(child, 0)
    newest = {e.pid: e.untied for e in spooled.events() if isinstance(e, events.Count)}
    assert newest == {os.getpid(): 3, child: 1}


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    """A fault of ours is counted and said once, and nothing is raised."""
    (tmp_path / "file").touch()
    said: list[str] = []
    recorder = recording.Recorder(str(tmp_path / "file" / "folder"), say=said.append)
    for _ in range(5):
        with recorder.record("x"):
            pass
    assert recorder.dropped == 10
    assert len(said) == 1
    assert said[0].startswith("requestshook: cannot record: ")


def test_the_bound_of_a_process_is_said_once(spooled: Spooled) -> None:
    """`capture: {max}` is reached: said once, counted, and the program goes on."""
    settings(spooled.folder, max=600)
    spooled.recorder.settings()
    for _ in range(20):
        with spooled.recorder.record("x" * 20):
            pass
    assert len(spooled.said) == 1
    assert "capture: max" in spooled.said[0]
    assert spooled.recorder.dropped > 10
    counts = [e for e in spooled.events() if isinstance(e, events.Count)]
    assert spooled.recorder.dropped * 8 / 9 <= counts[-1].dropped <= spooled.recorder.dropped
    size = sum(path.stat().st_size for path in (spooled.folder / "spool").iterdir())
    assert size <= 600 + sum(len(events.to_line(count)) for count in counts)


def test_what_a_full_disk_took_is_told_when_there_is_room_again(
    spooled: Spooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines that could not be written are counted by the first one that could, so that a page says what it lacks."""
    trace = "5f" * 16
    spooled.recorder.emit(events.Recorded(1.0, trace, 0))
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        for _ in range(3):
            spooled.recorder.emit(events.Recorded(2.0, trace, 0))
    assert spooled.recorder.dropped == 3
    for _ in range(4):
        spooled.recorder.emit(events.Recorded(3.0, trace, 0))
    (count,) = [e for e in spooled.events() if isinstance(e, events.Count)]
    assert count.dropped == 3
    assert "No space left" in (count.why or "")


def test_a_caller_without_a_hook_is_named_by_its_user_agent(spooled: Spooled) -> None:
    """`clients:` first, then the product's name."""
    settings(spooled.folder, clients=[["openstack", "openstacksdk/.*"]])
    spooled.recorder.settings()
    assert spooled.recorder.client_name("openstacksdk/1.0 requests") == "openstack"
    assert spooled.recorder.client_name("curl/8.5.0") == "curl"
    assert spooled.recorder.client_name("") is None


def test_a_fault_quotes_no_secret(spooled: Spooled) -> None:
    """What is said of a fault of ours is redacted and short: it may quote what a program sent."""
    spooled.recorder.fault("cannot record: password=hunter2Q " + "x" * 1000)
    spooled.recorder.count_untied()
    (count,) = spooled.of(events.Count)
    assert isinstance(count, events.Count)
    for said in (*spooled.said, count.why or "nothing"):
        assert "hunter2Q" not in said
        assert said.startswith(("requestshook: cannot record: password=‹", "cannot record: password=‹"))
        assert len(said) < 500
