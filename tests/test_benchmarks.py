"""The benchmarks run: their figures are for docs/performance.md, here each is only tried at its smallest size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_MITMDUMP = {name: value for name, value in os.environ.items() if name == "REQUESTSHOOK_TEST_MITMDUMP"}  # read now
NAMES = (
    "calls-1k",
    "calls-100k",
    "growth",
    "streams",
    "wire",
    "wire-streams",
    "startup",
    "help",
    "collect",
    "rendering",
    "publishing",
)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks` from the checkout."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    environ = {**os.environ, **_MITMDUMP}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=180)


@pytest.mark.parametrize("name", NAMES)
def test_smallest(name: str, tmp_path: Path) -> None:
    """Each benchmark gives finite figures, as JSON and as a table put into its place in a page."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n<!-- benchmark: {name} -->\nOUTDATED\n<!-- end -->\nafter\n")
    done = run(name, "--part", "0", "--json", "-", "--markdown", str(page))
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["name"] == name
    assert result["rows"]
    assert all(isinstance(row["figure"]["median"], float) for row in result["rows"])
    text = page.read_text()
    assert text.startswith(f"before\n<!-- benchmark: {name} -->\n**{result['title']}**\n")
    assert text.endswith("\n<!-- end -->\nafter\n")
    assert "OUTDATED" not in text
    assert all(f"| {row['what']} | " in text for row in result["rows"])


def test_unknown_name() -> None:
    """A name that is no benchmark's is refused with those that are."""
    done = run("nothing")
    assert done.returncode == 2
    assert all(name in done.stderr for name in NAMES)
