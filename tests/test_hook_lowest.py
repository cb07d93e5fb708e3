"""The oldest `requests` that we support, with urllib3 1.26: the program sees the same, the record lacks a little."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Spooled
from hook_support import calls, content
from raw_server import GZIP, JSON, LONG, RawServer
from requests_suite import INJECT, Unreachable, install, python

from requestshook import events

PROGRAM = """
import io, sys, requests
url = sys.argv[1]

def attempt(do):
    try:
        with do() as response:
            print(response.status_code, len(response.content), type(response.raw).__module__)
    except Exception as error:
        print(type(error).__name__)

print(requests.__version__, requests.packages.urllib3.__version__)
for name in "json", "chunked", "gzip", "chunked-gzip", "until-close", "dies", "dies-in-chunk", "bad-gzip", "empty":
    for stream in False, True:
        attempt(lambda: requests.get(url + "/" + name, stream=stream))
for body in b"bytes", io.BytesIO(b"file"), iter([b"a", b"stream"]):
    attempt(lambda: requests.post(url + "/echo", data=body))
with requests.get(url + "/long", stream=True) as response:
    print(len(response.raw.read(1000)))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    """A raw server."""
    own = RawServer()
    yield own
    own.close()


@pytest.fixture
def interpreter(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A Python with the lowest versions that pyproject.toml allows, made once."""
    cache = request.config.cache
    folder = Path(cache.mkdir("lowest")) if cache is not None else tmp_path
    place = folder / f"python-{sys.version_info[0]}.{sys.version_info[1]}"
    if not (place / "ready").exists():
        venv.create(place / ".venv", with_pip=True, clear=True)
        try:
            install(python(place), "install", "requests==2.29.0", "urllib3==1.26.20")
        except Unreachable as error:
            pytest.skip(f"the lowest versions cannot be fetched with pip: {error}")
        (place / "ready").touch()
    return python(place)


def run(interpreter: str, server: RawServer, environment: dict[str, str]) -> str:
    """What the program prints; it says nothing else."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("REQUESTSHOOK", "PYTHON", "COV"))}
    done = subprocess.run(
        [interpreter, "-c", PROGRAM, server.url],
        env={**own, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.timeout(300)
def test_lowest_versions(interpreter: str, server: RawServer, tmp_path: Path) -> None:
    """Responses are recorded whole under urllib3 1.26, streamed request bodies by their size, and nothing changes."""
    own = Spooled(tmp_path / "r")
    hooked = {"PYTHONPATH": INJECT, "REQUESTSHOOK": "1"}
    recording = {"REQUESTSHOOK_DIR": str(own.folder), "REQUESTSHOOK_TRACE": "0123456789abcdef" * 2}
    without = run(interpreter, server, {})
    assert run(interpreter, server, {**hooked, **recording}) == without
    assert without.startswith("2.29.0 1.26.20\n")
    found: dict[str, list[bytes | str]] = {}
    for seen in calls(own):
        assert seen.response is not None
        down = seen.response.body or seen.down().body
        found.setdefault(seen.request.url.rpartition("/")[2], []).append(content(down))
    assert found["json"] == found["chunked"] == [JSON, JSON]
    assert found["gzip"] == found["chunked-gzip"] == [JSON * 20, JSON * 20]
    assert found["dies"] == [JSON, JSON]
    assert found["empty"] == [b"", b""]
    assert found["echo"] == [b"bytes", b"file", b"astream"]
    assert found["long"] == [LONG[:1000]]
    ends = {seen.request.url.rpartition("/")[2]: seen.ends[0].end for seen in calls(own) if seen.ends}
    assert ends["dies"] == "error: 100 octets did not come"
    assert ends["long"] == "closed"
    assert ends["dies-in-chunk"].startswith("error: ")
    assert ends["bad-gzip"] == "complete"
    sizes = [seen.response and (seen.response.body or seen.down().body).size for seen in calls(own)]
    assert sizes.count(len(GZIP)) == 4
    sent = [seen.request.body for seen in calls(own) if seen.request.method == "POST"]
    why = "a stream, not seen under urllib3 1.26"
    assert sent == [events.Body("bytes", 5), events.Body(None, 4, why=why), events.Body(None, 0, why=why)]
