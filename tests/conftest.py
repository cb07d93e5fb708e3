"""What every test may use: a recorder of its own, and the lines that it wrote."""

from __future__ import annotations

import glob
import os
import signal
from pathlib import Path

import pytest

from requestshook import events, recording


def pytest_configure() -> None:
    """Whoever starts the tests in the background has these signals ignored, and so would have what the tests start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Spooled:
    """requestshook's folder of one test, with a recorder that writes there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.recorder = recording.Recorder(str(folder), say=self.said.append)

    def events(self) -> list[events.Event]:
        """All events so far, file by file."""
        found = []
        for path in sorted(glob.glob(str(self.folder / "spool" / "*.jsonl"))):
            with open(path, "rb") as file:
                found += [events.from_line(line) for line in file if line.strip()]
        return found

    def of(self, *kinds: type) -> list[events.Event]:
        """The events of these kinds."""
        return [event for event in self.events() if isinstance(event, kinds)]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test starts as a process does that nobody records."""
    for name in [n for n in os.environ if n.startswith("REQUESTSHOOK") and n != "REQUESTSHOOK_NO_SKIPS"]:
        monkeypatch.delenv(name)


@pytest.fixture
def spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spooled:
    """The process's recorder replaced by one that writes into the test's own folder."""
    own = Spooled(tmp_path / ".requestshook")
    monkeypatch.setattr(recording, "recorder", own.recorder)
    return own


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where every part is installed (REQUESTSHOOK_NO_SKIPS), a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("REQUESTSHOOK_NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("skipped tests count as failures here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
