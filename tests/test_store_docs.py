"""docs/store.md says what the store does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from trace_support import System

from requestshook.config import load
from requestshook.events import Recording, to_line
from requestshook.store import open_store

DOCUMENT = (Path(__file__).parent.parent / "docs" / "store.md").read_text()


def test_the_tables_are_those_described(tmp_path: Path) -> None:
    """Each table of a store has its row, with its columns, and there is no other row."""
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", DOCUMENT, re.MULTILINE))
    with open_store(tmp_path / "store.db") as store:
        assert rows.keys() == store.tables()
        for table, text in rows.items():
            columns = {name for _, name, *_ in store.rows(f"PRAGMA table_info({table})")} - {"id"}
            assert columns <= set(re.findall(r"`(\w+)`", text))


def test_the_program_in_the_document_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The example reads a recording that was collected."""
    system = System()
    one, two = system.service("openstack"), system.service("keystone")
    with system.call(one, two, "GET", "/identity/"):
        pass
    (tmp_path / ".requestshook" / "spool").mkdir(parents=True)
    events = [Recording(1.0, "5f" * 16, "image-create", ()), *(event for _, event in system.events())]
    (tmp_path / ".requestshook" / "spool" / "a.jsonl").write_bytes(b"".join(map(to_line, events)))
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    assert f'"{Path(load().store).relative_to(tmp_path)}"' in program
    exec(compile(program, "store.md", "exec"), {})
    assert capsys.readouterr().out == "1 openstack keystone GET /identity/ 200\n"
