"""What `proxy` prints when its listeners answer: which address to use for what."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Any

from requestshook.cli import terminal
from requestshook.cli.terminal import Cell, Column

if TYPE_CHECKING:
    from requestshook.proxy import Up


def announce(up: Up, *, as_env: bool, as_json: bool, has_command: bool) -> None:
    """Print the addresses; a table before a command goes to standard error, for what is printed then is its own."""
    _note_proxy_before(up)
    if as_env:
        print("".join(f"export {name}={shlex.quote(value)}\n" for name, value in up.variables.items()), end="")
    elif as_json:
        terminal.print_json(_fields(up), indent=None)
    else:
        with redirect_stdout(sys.stderr) if has_command else nullcontext():
            _print_table(up)
            if not has_command and terminal.on_terminal():
                terminal.say(f"recording {up.name} ({up.trace[:8]}); Ctrl-C ends it", "dim")
    sys.stdout.flush()


def _note_proxy_before(up: Up) -> None:
    from requestshook.proxy.certificates import proxy_before

    before = proxy_before(os.environ) if up.forward else None
    if before is not None:
        before = re.sub(r"//[^/@]*@", "//", before)  # nobody's password
        terminal.note(f"calls go out directly, not through the proxy {before} that the environment names")


def _fields(up: Up) -> dict[str, Any]:
    found = [
        {
            "service": place.service, "caller": place.caller, "address": place.address(up.host),
            "target": place.target, "variable": variable,
        }
        for place, variable in zip(up.places, up.variables)
    ]  # fmt: skip
    return {
        "name": up.name, "trace": up.trace, "listeners": found, "forward": up.forward, "ca": up.bundle,
        "variables": up.variables,
    }  # fmt: skip


def _print_table(up: Up) -> None:
    has_callers = any(place.caller for place in up.places)
    heads = [Column("service"), Column("use this address"), Column("leads to", shrinks=True)]
    rows = list(_rows(up))
    if has_callers:
        heads.insert(1, Column("caller"))
        callers = [place.caller or "" for place in up.places] + [""]
        rows = [[first, Cell(caller), *rest] for (first, *rest), caller in zip(rows, callers)]
    terminal.print_table(heads, rows)


def _rows(up: Up) -> Iterator[list[Cell]]:
    for place in up.places:
        yield [Cell(place.service), Cell(place.address(up.host), "bold"), Cell(place.target, "dim")]
    if up.forward:
        yield [Cell("(any)"), Cell(up.forward, "bold"), Cell("forward proxy", "dim")]
