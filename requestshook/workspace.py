"""requestshook's folder: `capture.json`, which tells capture points what `requestshook.yaml` wants of them.

Commands that read or record call `refresh` first, so that an edit of the configuration takes effect in services
that run on. The key is made once and kept; open recordings are kept until they are closed. Commands keep out of each
other's way by a lock on `capture.lock`, which no service ever takes.
"""

from __future__ import annotations

import fcntl
import grp
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from requestshook import spool
from requestshook.config import Config
from requestshook.errors import ConfigError, RequestshookError
from requestshook.selectors.wildcards import text_pattern
from requestshook.settings import Settings, read_settings

_Recordings = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """A recording that was opened and not yet closed."""

    trace: str
    name: str
    at: float  # seconds since the epoch
    all: bool  # it takes calls that are tied to nothing, too
    pid: int | None  # the command that closes it at its end; None: `stop` closes it


class Workspace:
    """The folder of one configuration. Everything raises RequestshookError where the folder cannot be used."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.folder = config.folder
        self.spool = os.path.join(config.folder, "spool")
        self.path = os.path.join(config.folder, "capture.json")

    def refresh(self) -> Settings:
        """Make the folder and the key where there are none, bring `capture.json` up to date, and give it, read."""
        return self._change(lambda recordings: recordings)

    def open_recording(self, trace: str, name: str, *, all: bool = True, pid: int | None = None) -> Settings:
        """Add an open recording; with a pid it ends with that process, however that ends."""
        item = {"trace": trace, "name": name, "at": time.time(), "all": all, "pid": pid, "host": spool.hostname()}
        return self._change(lambda recordings: [*recordings, item])

    def close_recording(self, trace: str) -> bool:
        """Whether the recording was open; it is no longer."""
        found = any(item.trace == trace for item in self.recordings())
        self._change(lambda recordings: [item for item in recordings if item["trace"] != trace])
        return found

    def recordings(self) -> tuple[OpenRecording, ...]:
        """The open recordings, newest last."""
        with self._reported():
            fields = self._read()
            items = [item for item in fields["recordings"] if not _is_over(item)] if fields else []
            return tuple(
                OpenRecording(item["trace"], item["name"], item["at"], item["all"], item.get("pid")) for item in items
            )

    def keep(self, name: str, text: str) -> None:
        """Have a file in the folder, `schemas/config.json` say, for the programs of whoever the folder belongs to."""
        path = os.path.join(self.folder, name)
        with self._reported():
            group = _group(self.config)
            self._make_folder(group)
            spool.make_folder(os.path.dirname(path), group)
            _write(path, text, group)

    def _change(self, change: Callable[[_Recordings], _Recordings]) -> Settings:
        group = _group(self.config)
        with self._reported(), self._locked(group):
            old = self._read()
            key = old["key"] if old else secrets.token_bytes(32).hex()
            recordings = [item for item in old["recordings"] if not _is_over(item)] if old else []
            fields = {"v": 1, "key": key, **_compiled(self.config, group), "recordings": change(recordings)}
            if fields != old:
                _write(self.path, json.dumps(fields, ensure_ascii=False, indent=1), group)
            return read_settings(json.dumps(fields))

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RequestshookError(
                f"cannot use requestshook's folder {self.folder}: {error.strerror or error} "
                f"({error.filename or self.path}); REQUESTSHOOK_DIR names another"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            raise RequestshookError(
                f"{self.path} cannot be read ({error}); without it a new key is made, and secrets get new pseudonyms"
            ) from None

    @contextmanager
    def _locked(self, group: int | None) -> Iterator[None]:
        self._make_folders(group)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(os.path.join(self.folder, "capture.lock"), flags, 0o600)
        try:
            if group is not None and os.fstat(descriptor).st_uid == os.geteuid():
                os.fchown(descriptor, -1, group)
                os.fchmod(descriptor, 0o660)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _make_folder(self, group: int | None) -> None:
        if not os.path.isdir(self.folder):
            spool.make_folder(self.folder, group)
            with suppress(OSError), open(os.path.join(self.folder, ".gitignore"), "x") as file:
                file.write("*\n")

    def _make_folders(self, group: int | None) -> None:
        self._make_folder(group)
        spool.make_folder(self.spool, group)
        if group is not None:
            for folder in (self.folder, self.spool):
                _share(folder, group)

    def _read(self) -> dict[str, Any] | None:
        try:
            with open(self.path, encoding="utf-8") as file:
                fields: dict[str, Any] = json.load(file, parse_constant=_refuse)
        except FileNotFoundError:
            return None
        if fields["v"] != 1:
            raise ValueError(f"it is of version {fields['v']}")
        if len(bytes.fromhex(fields["key"])) != 32:
            raise ValueError("its key has not 32 bytes")
        return fields


def _compiled(config: Config, group: int | None) -> dict[str, Any]:
    """What capture points need of the configuration, as JSON holds it."""
    redact = config.redact
    return {
        "redact": {
            "on": redact.on,
            "headers": list(redact.headers),
            "keys": list(redact.keys),
            "patterns": list(redact.patterns),
        },
        "services": [list(service) for service in config.services],
        "clients": [[name, text_pattern(pattern)] for name, pattern in config.clients],
        "proxy": [[listener.listen, listener.service, listener.caller] for listener in config.proxy],
        "ignore": [selector.compiled() for selector in config.ignore],
        "body_limit": config.capture.body_limit,
        "max": config.capture.max,
        "tag": config.capture.tag,
        "group": group,
    }


def _group(config: Config) -> int | None:
    name = config.capture.group
    if name is None or (name.isascii() and name.isdigit()):
        return None if name is None else int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"{config.path}: capture: group: this host has no group {name!r}") from None


def _write(path: str, text: str, group: int | None) -> None:
    temporary = f"{path}.{secrets.token_hex(4)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            if group is not None:
                os.fchown(descriptor, -1, group)
                os.fchmod(descriptor, 0o640)
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _share(folder: str, group: int) -> None:
    found = os.stat(folder)
    if found.st_uid == os.geteuid() and (found.st_gid != group or found.st_mode & 0o7777 != 0o2770):
        os.chown(folder, -1, group)
        os.chmod(folder, 0o2770)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _is_over(item: dict[str, Any]) -> bool:
    """Whether the command that would have closed the recording is gone."""
    pid = item.get("pid")
    if pid is None or item.get("host") != spool.hostname():
        return False
    if pid <= 0:  # to `kill` these are many processes
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
