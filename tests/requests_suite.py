"""`requests`' own test suite: fetched with pip, and run in an environment of its own with or without the hook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from requestshook import _inject

INJECT = os.fspath(Path(next(iter(_inject.__path__))))
REQUIREMENTS = ["pytest<10", "pytest-httpbin==2.1.0", "pytest-mock", "trustme", "PySocks"]
LEFT_OUT = {
    "TestRequests::test_errors[http://doesnotexist.google.com-ConnectionError]": "asks for a foreign name",
    "TestRequests::test_proxy_error": "asks for a name that is not of this machine",
    "TestTimeout::test_connect_timeout": "dials 10.255.255.1",
    "TestTimeout::test_total_timeout_connect": "dials 10.255.255.1",
}
"""Tests of tests/test_requests.py that would leave this machine, and how."""


class Unreachable(Exception):
    """pip could not fetch what is needed: its last lines."""


class Outcome(NamedTuple):
    """One run of the suite: what became of each test, and all that it printed."""

    tests: dict[str, str]
    printed: str
    dialled: str  # what would have left this machine, a line each


def prepare(folder: Path) -> Path:
    """The suite of the installed `requests`, unpacked, with an environment beside it in `.venv`; made once."""
    wanted = f"requests-{version('requests')}"
    place = folder / f"{wanted}-urllib3-{version('urllib3')}-python-{sys.version_info[0]}.{sys.version_info[1]}"
    if not (place / "ready").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        install(sys.executable, "download", "--no-binary", ":all:", "--no-deps", "-d", os.fspath(place),
             f"requests=={version('requests')}")  # fmt: skip
        venv.create(place / ".venv", with_pip=True)
        archive = next(place.glob("requests-*.tar.gz"))
        with tarfile.open(archive) as file:
            file.extractall(place, filter="data")
        install(python(place), "install", f"{archive}[socks]", f"urllib3=={version('urllib3')}", *REQUIREMENTS)
        (place / wanted).rename(place / "suite")
        (place / "ready").touch()
    return place


def python(place: Path) -> str:
    """The interpreter of the suite's environment."""
    return os.fspath(place / ".venv" / "bin" / "python")


def install(interpreter: str, *arguments: str) -> None:
    """Run pip with this interpreter; raises Unreachable where it fails."""
    done = subprocess.run(
        [interpreter, "-m", "pip", "--disable-pip-version-check", *arguments], capture_output=True, text=True
    )
    if done.returncode:
        raise Unreachable(done.stderr.strip()[-500:])


class Run:
    """The suite, running with these variables added to its environment; nothing of it leaves this machine."""

    def __init__(self, place: Path, results: Path, environment: dict[str, str]) -> None:
        results.mkdir(parents=True)
        self._results = results
        shutil.copy(Path(__file__).with_name("loopback_only.py"), place / "suite")
        left_out = [argument for name in LEFT_OUT for argument in ("--deselect", f"tests/test_requests.py::{name}")]
        strange = ("REQUESTSHOOK", "PYTEST", "PYTHON", "COV")
        own = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
        with open(results / "printed", "wb") as printed:
            self._process = subprocess.Popen(
                [python(place), "-m", "pytest", "tests", "-q", "-p", "loopback_only", "-p", "no:cacheprovider",
                 "-o", "junit_logging=all", f"--junit-xml={results / 'junit.xml'}", f"--basetemp={results / 'tmp'}",
                 *left_out],
                cwd=place / "suite",
                env={**own, "LOOPBACK_ONLY": os.fspath(results / "dialled"), **environment},
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )  # fmt: skip

    def outcome(self, timeout: float) -> Outcome:
        """Wait for the end, so many seconds at most."""
        try:
            self._process.wait(timeout)
        finally:
            self._process.kill()
            self._process.wait()
        printed = self._read("printed")
        document = self._read("junit.xml")
        if not document:
            raise RuntimeError(printed)
        return Outcome(_outcomes(document), printed + document, self._read("dialled"))

    def _read(self, name: str) -> str:
        path = self._results / name
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _outcomes(document: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for case in ElementTree.fromstring(document).iter("testcase"):
        kinds = [f"{item.tag} {item.get('type', '')}".strip() for item in case if not item.tag.startswith("system-")]
        name = f"{case.get('classname')}::{case.get('name')}"
        assert name not in found, name
        found[name] = ", ".join(kinds) or "passed"
    return found
