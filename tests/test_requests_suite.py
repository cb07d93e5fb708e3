"""`requests`' own tests pass under the hook exactly as without."""

from __future__ import annotations

import glob
from collections import Counter
from pathlib import Path

import pytest
import requests_suite

from requestshook import events

TRACE = "0123456789abcdef" * 2


@pytest.mark.timeout(900)
def test_requests_own_suite(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each test of `requests`' own suite has the same outcome with the hook recording its calls as without."""
    cache = request.config.cache
    folder = Path(cache.mkdir("requests-suite")) if cache is not None else tmp_path
    try:
        place = requests_suite.prepare(folder)
    except requests_suite.Unreachable as error:
        pytest.skip(f"the suite of requests cannot be fetched with pip: {error}")
    spooled = tmp_path / "spooled"
    hooked = {"PYTHONPATH": requests_suite.INJECT, "REQUESTSHOOK": "1"}
    recording = {"REQUESTSHOOK_DIR": str(spooled), "REQUESTSHOOK_TRACE": TRACE}
    runs = [
        requests_suite.Run(place, tmp_path / "without", {}),
        requests_suite.Run(place, tmp_path / "within", {**hooked, **recording}),
    ]
    without, within = [run.outcome(600) for run in runs]
    assert without.dialled == within.dialled == ""
    assert dict(within.tests.items() ^ without.tests.items()) == {}
    counted = Counter(without.tests.values())
    assert counted["passed"] > 500, counted
    assert not [name for name in counted if name.startswith(("failure", "error"))], counted
    assert "requestshook:" not in within.printed
    found = recorded(spooled)
    assert sum(isinstance(event, events.Request) and event.origin.view == "client" for event in found) > 250
    assert len(found) > 500
    assert all(event.dropped == 0 for event in found if isinstance(event, events.Count))


def recorded(folder: Path) -> list[events.Event]:
    """Every line of a spool; one that does not parse raises."""
    found = []
    for path in glob.glob(str(folder / "spool" / "*.jsonl")):
        with open(path, "rb") as file:
            found += [events.from_line(line) for line in file if line.strip()]
    return found
