"""What a benchmark found: rows with their spread and goal, on a terminal, in Markdown and in JSON."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

_BLOCK = "<!-- benchmark: {} -->\n{}<!-- end -->"


@dataclass(frozen=True, slots=True)
class Figure:
    """A median, and the quartiles around it."""

    median: float
    low: float
    high: float
    unit: str = "×"

    def __str__(self) -> str:
        if self.unit == "×":
            return _ratio(self.median)
        return f"{_plain(self.median)} {self.unit}".strip()

    @property
    def spread(self) -> str:
        """The quartiles, where there are any."""
        if self.low == self.high:
            return ""
        write = _ratio if self.unit == "×" else _plain
        return f"{write(self.low)} – {write(self.high)}"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured."""

    what: str
    figure: Figure
    goal: str = ""
    met: bool | None = None  # None: there is no goal

    @property
    def verdict(self) -> str:
        """The goal, and whether it is met."""
        return "" if self.met is None else f"{self.goal} {'✓' if self.met else '✗'}"


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's rows."""

    name: str
    title: str
    rows: tuple[Row, ...]


def figure(values: Iterable[float], unit: str = "×") -> Figure:
    """The median of the values, and their quartiles."""
    found = sorted(values)
    if len(found) < 2:
        return Figure(found[0], found[0], found[0], unit)
    low, _, high = statistics.quantiles(found, n=4, method="inclusive")
    return Figure(statistics.median(found), low, high, unit)


def ratios(values: Sequence[float], base: Sequence[float]) -> Figure:
    """Each round's value as a ratio to the same round's base."""
    return figure([value / beside for value, beside in zip(values, base, strict=True)])


def below(what: str, found: Figure, limit: float) -> Row:
    """A row whose figure is to be at most `limit`."""
    return Row(what, found, f"≤ {_bound(limit, found)}", found.median <= limit)


def above(what: str, found: Figure, limit: float) -> Row:
    """A row whose figure is to be at least `limit`."""
    return Row(what, found, f"≥ {_bound(limit, found)}", found.median >= limit)


def show(result: Result, console: Console) -> None:
    """The result as a table on a terminal."""
    table = RichTable(title=result.title, title_justify="left", title_style="bold")
    for name in ("", "median", "quartiles", "goal"):
        table.add_column(name, justify="left" if name in ("", "goal") else "right")
    for row in result.rows:
        style = "red" if row.met is False else ""
        table.add_row(row.what, str(row.figure), row.figure.spread, row.verdict, style=style)
    console.print(table)


def markdown(result: Result) -> str:
    """The result as a Markdown table under its title."""
    lines = [f"**{result.title}**", "", "| | median | quartiles | goal |", "|---|---:|---:|---|"]
    lines += [f"| {r.what} | {r.figure} | {r.figure.spread} | {r.verdict} |" for r in result.rows]
    return "\n".join(lines) + "\n"


def put_markdown(path: Path, blocks: dict[str, str]) -> None:
    """Replace a file's blocks of these names; those that it lacks are added at its end."""
    text = path.read_text("utf-8") if path.exists() else ""
    for name, content in blocks.items():
        block = _BLOCK.format(name, content)
        found = re.search(re.escape(_BLOCK.format(name, "\0")).replace("\0", ".*?"), text, re.DOTALL)
        if found:
            text = text[: found.start()] + block + text[found.end() :]
        else:
            text += f"\n{block}\n" if text else f"{block}\n"
    path.write_text(text, "utf-8")


def as_json(result: Result) -> dict[str, Any]:
    """The result for a program."""
    return asdict(result)


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 2 else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bound(limit: float, found: Figure) -> str:
    return f"{limit:.2f}" if found.unit == "×" else f"{limit:,.10g} {found.unit}".strip()
