"""Tags: ids, trace ids that only the key's owner can make, names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook import tags


def test_ids_are_new_each_time() -> None:
    """An id is 32 lowercase hexadecimal digits, and never the same."""
    ids = {tags.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(tags.valid_id(id) for id in ids)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_trace_id_is_believed_by_its_key_alone(key: bytes, other: bytes) -> None:
    """A stranger's trace id, or a changed one, makes nobody record."""
    trace = tags.new_trace_id(key)
    assert tags.is_own_trace(trace, key)
    assert other == key or not tags.is_own_trace(trace, other)
    assert not tags.is_own_trace(("0" if trace[0] != "0" else "1") + trace[1:], key)


@pytest.mark.parametrize(
    "value", ["", "x", "A" * 32, "0" * 31, "0" * 33, "0" * 31 + "\n", "0" * 32 + "\n", "０" * 32, None]
)
def test_an_id_of_another_form_is_none(value: str | None) -> None:
    """Only 32 of [0-9a-f] in full are an id."""
    assert tags.valid_id(value) is None
    assert not tags.is_own_trace(value, b"k" * 32)


@pytest.mark.parametrize("value", ["", "a b", "한글", "a\n", "x" * 129, "<b>", "a;b", "{x}", None])
def test_a_name_of_another_form_is_none(value: str | None) -> None:
    """Only 1 to 128 ASCII characters of the allowed ones are a name."""
    assert tags.valid_name(value) is None


@given(st.text())
def test_any_text_becomes_a_name(text: str) -> None:
    """as_name gives what a tag may carry, and leaves alone what already is."""
    name = tags.as_name(text)
    assert tags.valid_name(name) == name
    assert tags.as_name(name) == name


@pytest.mark.parametrize(
    ("agent", "product"),
    [
        ("curl/8.5.0", "curl"),
        ("openstacksdk/0.101.0 keystoneauth1/5.0.0", "openstacksdk"),
        ("", None),
        ("uwsgi", "uwsgi"),
    ],
)
def test_the_product_of_a_user_agent(agent: str, product: str | None) -> None:
    """The first product of RFC 9110, 10.1.5 names a caller."""
    assert tags.product(agent) == product


PROGRAM = (
    "import sys; sys.path.insert(0, {root!r})\nfrom requestshook import tags\nprint(tags.service_name({application!r}))"
)


def name_of(
    tmp_path: Path, *arguments: str, application: str | None = None, environ: dict[str, str] | None = None
) -> str:
    """What a process of this command line is called."""
    root = str(Path(__file__).parent.parent)
    for path in ("openstack", "client.py", "pack/__main__.py", "pack/api.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(PROGRAM.format(root=root, application=application))
    (tmp_path / "pack/__init__.py").touch()
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, env=environ or {})
    return result.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["openstack"], "openstack"), (["client.py"], "client"), (["-m", "pack"], "pack"), (["-m", "pack.api"], "pack")],
)
def test_a_process_is_called_as_its_program(arguments: list[str], name: str, tmp_path: Path) -> None:
    """The program's own name, or the package that `-m` runs."""
    assert name_of(tmp_path, *arguments) == name


def test_the_environment_names_a_process(tmp_path: Path) -> None:
    """REQUESTSHOOK_SERVICE comes before the program's name."""
    assert name_of(tmp_path, "openstack", environ={"REQUESTSHOOK_SERVICE": "glance api"}) == "glance-api"


def test_a_server_is_called_as_its_application(tmp_path: Path) -> None:
    """`python -m SERVER` is no name; the application's first part is."""
    assert name_of(tmp_path, "-m", "pack", application="glance.wsgi.api:application") == "glance"


def test_the_documentation_names_each_tag_and_what_a_name_may_hold() -> None:
    """docs/tags.md: the four headers in their order, the two that a page hides, the characters of a name."""
    document = (Path(__file__).parent.parent / "docs" / "tags.md").read_text()
    rows = re.findall(r"^\| `(X-[\w-]+)` \|.*\| (\w+) \|$", document, re.MULTILINE)
    assert [name for name, _ in rows] == list(tags.ALL)
    assert [name for name, shown in rows if shown == "hidden"] == [tags.PARENT_ID, tags.TRACE_ID]
    (marks,) = re.findall(r"letters, digits and `(.*?)`", document)
    assert all(tags.valid_name(mark) for mark in marks.split())
    assert [chr(code) for code in range(33, 127) if tags.valid_name(chr(code)) and not chr(code).isalnum()] == sorted(
        marks.split()
    )
