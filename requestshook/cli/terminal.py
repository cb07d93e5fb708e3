"""What a person sees: captured text made harmless, tables, colours and hints where the output is a terminal."""

from __future__ import annotations

import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_CONTROL_IN_CELL = re.compile(_CONTROL.pattern[:-1] + "\t\n]")
_PSEUDONYM = r"‹\w+(?::[0-9a-f]{16}|-[0-9]+)›"
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}")
_ID_SHOWN = 4  # characters of it
_GAP = "  "
_NAMED = 4  # of several names
_LEAST = 12  # columns that a shrinking column keeps


class Cell(NamedTuple):
    """Text of a table with its style, in rich's words."""

    text: str
    style: str = ""


def shorten(text: str, width: int) -> str:
    """The text within a width: of what is too long, the middle becomes `…`."""
    if breadth(text) <= width:
        return text
    if width < 1:
        return ""
    tail = _fitting(reversed(text), (width - 1) // 2)[::-1]
    return _fitting(text, width - 1 - breadth(tail)) + "…" + tail


def shorten_path(text: str, width: int) -> str:
    """The same for a text that ends in a path: its query's end gives way first, then ids, then the path's beginning."""
    if breadth(text) <= width:
        return text
    path, _, query = text.partition("?")
    if len(query) > 1 and "/" in path:
        text = f"{path}?{_fitting(query, max(width - breadth(path) - 2, 0))}…"
        if breadth(text) <= width:
            return text
    text = _ID.sub(lambda found: f"{found[0][:_ID_SHOWN]}…", text)
    head = text[: max(text.find("/"), 0)]
    room = width - breadth(head) - 1
    at = text.find("/", max(len(head) + 1, len(text) - room))
    while at >= 0 and breadth(text[at:]) > room:
        at = text.find("/", at + 1)
    if breadth(text) <= width or at < 0 or len(text) - at < room // 3:
        return shorten(text, width)
    return f"{head}…{text[at:]}"


class Column(NamedTuple):
    """A column of a table; one that shrinks gives way where the terminal is narrow, in the way that `fit` says."""

    heading: str
    right: bool = False
    shrinks: bool = False
    fit: Callable[[str, int], str] = shorten


def clean(text: str) -> str:
    """Text that cannot steer a terminal: control characters become their pictures, `\\n` and `\\t` stay."""
    return _CONTROL.sub(_picture, text.replace("\r\n", "\n"))


def clean_cell(text: str) -> str:
    """The same for text that has to stay on its line."""
    return _CONTROL_IN_CELL.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "�"


def some(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def columns() -> int | None:
    """How wide the terminal is; None where the output goes elsewhere, and lines may be as long as they are."""
    return shutil.get_terminal_size().columns if on_terminal() else None


def console(*, error: bool = False) -> Console:
    """A console of rich's that neither wraps, nor reads markup, nor colours what nobody asked it to."""
    from rich.console import Console

    return Console(stderr=error, highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(line: str = "", style: str = "") -> None:
    """Print one line, captured or ours, with its style where the output is a terminal."""
    _print(clean_cell(line), style)


def say_text(text: str, style: str = "") -> None:
    """Print captured text of any number of lines."""
    _print(clean(text), style)


def say_sentence(text: str, style: str = "") -> None:
    """Print a sentence, broken between its words where the terminal ends."""
    if on_terminal():
        console().print(clean_cell(text), style=style, soft_wrap=False)
    else:
        print(clean_cell(text))


def say_header(name: str, value: str) -> None:
    """Print a header field; tags of ours, which no program sees, are dim."""
    if not on_terminal():
        print(clean_cell(f"{name}: {value}"))
        return
    from rich.text import Text

    if name.lower().startswith("x-requestshook-"):
        console().print(Text(clean_cell(f"{name}: {value}"), "dim"))
        return
    line = Text.assemble((clean_cell(name), "cyan"), f": {clean_cell(value)}")
    line.highlight_regex(_PSEUDONYM, "magenta")
    console().print(line)


def say_code(text: str, language: str) -> None:
    """Print captured text in the colours of its language (JSON, HTML …) where the output is a terminal."""
    text = clean(text)
    if not on_terminal():
        print(text)
        return
    from rich.syntax import Syntax

    coloured = Syntax(text, language, theme="ansi_dark", background_color="default").highlight(text)
    coloured.right_crop(len(coloured.plain) - len(text))  # a line feed at the end
    coloured.highlight_regex(_PSEUDONYM, "magenta")
    console().print(coloured)


def _print(text: str, style: str) -> None:
    if style and on_terminal():
        console().print(text, style=style)
    else:
        print(text)


def say_next(command: str) -> None:
    """The next command to try, on a terminal only."""
    if on_terminal():
        say(f"next: {command}", "dim")


def note(text: str) -> None:
    """Something to know, on standard error, so that it never mixes with what a program reads."""
    print(f"requestshook: {clean_cell(text)}", file=sys.stderr)


def print_json(value: Any, indent: int | None = 2) -> None:
    """A value as JSON for a program to read: ASCII only, so that no byte of it can steer a terminal."""
    print(json.dumps(value, indent=indent), flush=True)


def print_table(heads: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table, as wide as the terminal, or as it needs to be where the output goes elsewhere."""
    for line in layout(heads, rows, columns()):
        print_cells(line)


def print_cells(line: Sequence[Cell]) -> None:
    """Print cells that are clean already as one line, never wrapped, with their styles where that is a terminal."""
    if not on_terminal():
        print("".join(cell.text for cell in line).rstrip())
        return
    from rich.text import Text

    console().print(Text.assemble(*((cell.text, cell.style) for cell in line)), overflow="crop", no_wrap=True)


def layout(heads: Sequence[Column], rows: Iterable[Sequence[Cell]], width: int | None) -> list[list[Cell]]:
    """The lines of a table, each a list of cells of equal widths; without any row there is no line at all."""
    body = [[Cell(clean_cell(text), style) for text, style in row] for row in rows]
    if not body:
        return []
    lines = [[Cell(head.heading, "bold") for head in heads], *body]
    widths = [max(breadth(line[i].text) for line in lines) for i in range(len(heads))]
    _shrink(heads, widths, width)
    return [_padded(heads, widths, line) for line in lines]


def _shrink(heads: Sequence[Column], widths: list[int], width: int | None) -> None:
    """Take what does not fit from the widest column that may shrink, again and again."""
    if width is None:
        return
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    giving = [i for i, head in enumerate(heads) if head.shrinks]
    while excess > 0 and any(widths[i] > _LEAST for i in giving):
        widest = max(giving, key=lambda i: widths[i])
        widths[widest] -= 1
        excess -= 1


def _padded(heads: Sequence[Column], widths: Sequence[int], line: Sequence[Cell]) -> list[Cell]:
    padded = []
    for i, (head, wide, cell) in enumerate(zip(heads, widths, line)):
        text = head.fit(cell.text, wide)
        space = " " * (wide - breadth(text))
        text = space + text if head.right else text + space
        padded.append(Cell(text + (_GAP if i < len(heads) - 1 else ""), cell.style))
    return padded


def breadth(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_character_breadth(character) for character in text)


def _character_breadth(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fitting(text: Iterable[str], width: int) -> str:
    kept = []
    for character in text:
        width -= _character_breadth(character)
        if width < 0:
            break
        kept.append(character)
    return "".join(kept)
