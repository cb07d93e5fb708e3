"""The rooms of the code base: who may import whom, and what a service gets to load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "requestshook"

# From the top down: a room imports rooms above it only. The capture side ends with `_inject`.
ROOMS = [
    "errors", "events", "addresses", "tags", "redact", "spool", "settings", "recording", "capture", "wsgi", "_inject",
    "words", "selectors", "highlights", "openapi", "config", "workspace", "mitmdump", "trace", "annotations",
    "schemas", "store", "collect", "formats", "page", "site", "run", "proxy", "demo", "cli", "__main__",
]  # fmt: skip
CAPTURE_SIDE = ROOMS[: ROOMS.index("_inject") + 1]
# What is one room in several files.
PARTS = {"spoolfiles": "collect", "environment": "run"}
# In a folder, siblings leave each other alone, except for these, which are there to be shared.
SHARED = {
    "capture": {
        "streams",
        "exchange",
        "teed",
        "served",
        "environ",
        "inputs",
        "wsgi",
        "passing",
        "flow",
        "flowfile",
        "notes",
    },
    "annotations": {
        "aligning",
        "changing",
        "checks",
        "ids",
        "layout",
        "lines",
        "mentions",
        "model",
        "naming",
        "origins",
        "placing",
        "quoting",
        "reading",
        "sequences",
        "spelling",
        "values",
    },
}


def modules() -> list[Path]:
    """Every module of the package; the demo's services are programs of their own."""
    return [p for p in sorted(PACKAGE.rglob("*.py")) if "services" not in p.parts]


def room(name: str) -> str:
    """The room of a module of the package, by its name below the package."""
    top = name.split(".")[0]
    return PARTS.get(top, top)


def imports(path: Path) -> list[str]:
    """The modules of ours that a module imports, below the package; those for type checking alone left out."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return [name.removeprefix("requestshook.") for name in found if name.startswith("requestshook.")]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_rooms_above_it(path: Path) -> None:
    """No module reaches down, nor into a sibling that is not there to be shared."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    if parts == ("__init__",):
        return  # the public names, loaded when called
    own = room(parts[0])
    assert own in ROOMS, f"{parts[0]} is in no room"
    for name in imports(path):
        other = room(name)
        if other in ("__version__", "__init__"):
            continue
        assert other in ROOMS, f"{name} is in no room"
        assert ROOMS.index(other) <= ROOMS.index(own), f"{'/'.join(parts)} imports {name} from below"
        if other == own and own in SHARED and len(parts) > 1 and parts[1] != name.split(".")[1]:
            assert name.split(".")[1] in SHARED[own], f"{'/'.join(parts)} imports its sibling {name}"


def third_party(code: str, *arguments: str) -> set[str]:
    """The top-level modules outside the standard library that a fresh process has after running the code."""
    code = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    return loaded - set(sys.stdlib_module_names) - {"requestshook"}


def test_importing_requestshook_loads_the_standard_library_only() -> None:
    """A service that imports us gets nothing that it did not have."""
    assert third_party("import requestshook") == set()


def test_the_capture_side_loads_what_requests_loads_and_no_more() -> None:
    """Hook, middleware and start-up bring in nothing beyond the standard library and requests' own."""
    code = (
        "import requests; import requestshook.capture.requests, requestshook.wsgi, requestshook.capture.servers,"
        " requestshook.capture.startup"
    )
    assert third_party(code) == third_party("import requests")


@pytest.mark.parametrize("heavy", ["threading", "logging", "uuid", "sqlite3", "dataclasses", "inspect", "asyncio"])
def test_the_capture_side_is_light(heavy: str) -> None:
    """What costs milliseconds at a service's start is not imported for our sake."""
    code = "import sys, requestshook.recording, requestshook.capture.startup; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True,
                            cwd=PACKAGE.parent)  # fmt: skip
    assert heavy not in result.stdout.split()
