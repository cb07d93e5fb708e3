"""No secret that passes by reaches the spool, the store, a page or a terminal: real processes, and then a search."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cli_support import environment, requestshook

from requestshook.environment import variables

TESTS = Path(__file__).parent
MARK = "Zq9hunter"  # every secret begins with it, so that a part that is left is seen as well


def spellings() -> list[bytes]:
    """What the mark looks like in the codings that a secret may be in."""
    found = [MARK.encode(), MARK.encode("utf-16-le"), MARK[::-1].encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + MARK.encode()).decode()
        found.append(encoded[4 if shift else 0 : -4].encode())
    found.append("".join(f"\\u{ord(c):04x}" for c in MARK).encode())
    found.append("".join(f"%{ord(c):02x}" for c in MARK).encode())
    return [*found, quote(MARK).encode(), MARK.encode().hex().encode()]


def leaks(where: str, content: bytes) -> list[str]:
    """Where the mark is seen, and what stands around it."""
    found = []
    for spelling in spellings():
        for match in re.finditer(re.escape(spelling), content):
            found.append(f"{where}: {content[max(0, match.start() - 60) : match.end() + 20]!r}")
    return found


def leaks_of_octets(where: str, content: bytes) -> list[str]:
    """The same for what stands in base64 in a line."""
    found = leaks(where, content)
    for match in re.finditer(rb'"base64": ?"([A-Za-z0-9+/=]+)"', content):
        found += leaks(f"{where} base64", base64.b64decode(match[1]))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the client was recorded while it called the service, both with the hook."""
    folder = tmp_path_factory.mktemp("leaks")
    assert requestshook(folder, "env", "shell").returncode == 0  # makes the key
    ours = environment(folder)
    ours |= variables(str(folder / ".requestshook"), ours)
    (folder / "mark").write_text(MARK)
    arguments = [sys.executable, str(TESTS / "leaking_service.py")]
    service = subprocess.Popen(
        arguments, cwd=folder, env=ours, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert service.stdout is not None
        port = service.stdout.readline().strip()
        client = [sys.executable, str(TESTS / "leaking_client.py"), port]
        done = requestshook(folder, "run", "--name", "leaks", "--", *client, OS_PASSWORD=f"{MARK}end")
        assert done.returncode == 0, done.stderr
        yield folder
    finally:
        service.terminate()
        service.communicate(timeout=10)


def test_nothing_in_the_spool(folder: Path) -> None:
    """Neither client nor service wrote a secret, in whatever coding."""
    files = sorted((folder / ".requestshook").rglob("*"))
    content = {path.name: path.read_bytes() for path in files if path.is_file()}
    assert sum(text.count(b'"event":"request"') for text in content.values()) > 60
    assert [leak for name, text in content.items() for leak in leaks_of_octets(name, text)] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["collect"],
        ["traces", "--json"],
        ["show"],
        ["show", "--json"],
        ["show", "--curl", "--step", "1"],
        ["status"],
        ["render", "-o", "docs"],
    ],
    ids=" ".join,
)
def test_nothing_in_what_a_command_says(folder: Path, arguments: list[str]) -> None:
    """Nor is there one in the output of a command."""
    done = requestshook(folder, *arguments)
    assert done.returncode == 0, done.stderr
    said = (done.stdout + done.stderr).encode("utf-8", "surrogatepass")
    assert leaks_of_octets(arguments[0], said) == []


def test_nothing_in_store_and_pages(folder: Path) -> None:
    """Nor in the store, its journal, or a page."""
    assert requestshook(folder, "collect").returncode == 0
    assert requestshook(folder, "render", "-o", "docs").returncode == 0
    files = [path for place in (".requestshook", "docs") for path in (folder / place).rglob("*") if path.is_file()]
    assert any(path.suffix == ".md" for path in files)
    found = [leak for path in files for leak in leaks_of_octets(path.name, path.read_bytes())]
    assert found == []


def test_the_search_finds_what_is_there(folder: Path) -> None:
    """With redaction off the same calls leave the mark in the spool: what is searched for is what was sent."""
    config = folder / "requestshook.yaml"
    config.write_text("redact: off\n")
    try:
        client = [sys.executable, str(TESTS / "leaking_client.py"), "1"]
        assert requestshook(folder, "run", "--name", "open", "--", *client).returncode == 1  # nobody answers there
        assert requestshook(folder, "render", "-o", "-", "open").stdout.count(MARK) > 5
    finally:
        config.unlink()
