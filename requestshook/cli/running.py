"""Which processes of this host are to record here but cannot write here. Where a system does not tell: none."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from requestshook.proxy.ports import program

if TYPE_CHECKING:
    from requestshook.workspace import Workspace

_NEEDED = 0o3  # to write into a folder, and to pass through it


class Service(NamedTuple):
    """A process that would record here."""

    pid: int
    program: str
    user: str


class _Owner(NamedTuple):
    user: int
    groups: frozenset[int]


def unable(workspace: Workspace) -> list[Service]:
    """The processes with `REQUESTSHOOK` on and this folder, whose user cannot write to it."""
    found = []
    for pid in _pids():
        with suppress(OSError, ValueError):
            if not _is_meant(pid, workspace.folder):
                continue
            owner = _owner(pid)
            if not (_may(owner, workspace.spool, _NEEDED) and _may(owner, workspace.folder, 0o1)):
                found.append(Service(pid, program(pid), _user(owner.user)))
    return found


def _pids() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())


def _is_meant(pid: int, folder: str) -> bool:
    """Whether the process was started with the hook on and our folder (proc(5): its environment at the start)."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        pairs = dict(item.partition(b"=")[::2] for item in file.read().split(b"\0"))
    given = pairs.get(b"REQUESTSHOOK_DIR")
    if pairs.get(b"REQUESTSHOOK", b"") in (b"", b"0") or given is None:
        return False
    path = os.path.join(f"/proc/{pid}/root", os.fsdecode(given).lstrip("/"))
    return os.path.samefile(path, folder)


def _owner(pid: int) -> _Owner:
    user, groups = 0, set()
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            key, _, rest = line.partition(":")
            if key == "Uid":
                user = int(rest.split()[1])
            elif key == "Gid":
                groups.add(int(rest.split()[1]))
            elif key == "Groups":
                groups |= {int(number) for number in rest.split()}
    return _Owner(user, frozenset(groups))


def _may(owner: _Owner, folder: str, wanted: int) -> bool:
    if owner.user == 0:
        return True
    found = os.stat(folder)
    own = owner.user == found.st_uid
    shift = 6 if own else 3 if found.st_gid in owner.groups else 0
    return (found.st_mode >> shift) & wanted == wanted


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
