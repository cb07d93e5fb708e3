"""The pages of ours in a folder, as their front matter tells them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from requestshook.page import escape

MARK = "generator: requestshook"
_READ = 200_000  # characters: front matter, and a title somewhere below it
_FRONT_MATTER = re.compile(r"\A(?:---|<!--)\n(.*?\n)(?:---|-->)\n", re.DOTALL)  # a comment in `github`
_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)
_COUNTED = ("calls", "services", "failures")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a list says of a page, and compares with what it said before."""

    recording: str = ""  # its id
    recorded: str = ""  # when
    calls: int = 0
    services: int = 0
    failures: int = 0

    @classmethod
    def of(cls, found: Any) -> Figures:
        """The figures in what was read, whatever that is; what is missing or of another kind is nothing."""
        found = found if isinstance(found, dict) else {}
        counts = {name: found[name] for name in _COUNTED if isinstance(found.get(name), int)}
        return cls(str(found.get("recording", "")), str(found.get("recorded", "")), **counts)

    def as_dict(self) -> dict[str, str | int]:
        """For `of` to read again."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Listed:
    """One page: its path below the folder, with slashes, and its title as Markdown."""

    path: str
    title: str
    figures: Figures


def find(folder: Path) -> Iterator[Listed]:
    """The pages below a folder by their paths; those that are a part of another page are left out."""
    for path in sorted(_markdown(folder)):
        if (page := _read(path, path.relative_to(folder).as_posix())) is not None:
            yield page


def part_of(path: str) -> str | None:
    """The name of the page that a file is a part of; None where it is none of ours, or a page of its own."""
    with open(path, encoding="utf-8", errors="replace") as file:
        found = _FRONT_MATTER.match(file.read(_READ))
    whole = _own(found[1]).get("part_of") if found is not None and MARK in found[1].split("\n") else None
    return whole if isinstance(whole, str) else None


def _markdown(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place, name) for name in names if name.endswith(".md") and not name.startswith("."))


def _read(path: Path, name: str) -> Listed | None:
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read(_READ)
    found = _FRONT_MATTER.match(text)
    if found is None or MARK not in found[1].split("\n"):
        return None
    ours = _own(found[1])
    if "part_of" in ours:
        return None
    title = _TITLE.search(text, found.end())
    return Listed(name, title[1].strip() if title else escape.inline(path.stem), Figures.of(ours))


def _own(front_matter: str) -> dict[str, Any]:
    """What front matter says below our name."""
    try:
        found = yaml.safe_load(front_matter)
    except yaml.YAMLError:
        return {}
    ours = found.get("requestshook") if isinstance(found, dict) else None
    return ours if isinstance(ours, dict) else {}
