"""Reading what people write: UTF-8 with or without a byte order mark, of a bounded size."""

from __future__ import annotations

import os

from requestshook.errors import ConfigError

MOST_OCTETS = 16 * 1024 * 1024


def read(path: str) -> str:
    """The text of a file; raises ConfigError, which names the file and, where it is not UTF-8, the place."""
    try:
        with open(path, "rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise ConfigError(f"{shown(path)}: cannot be read ({error.strerror})") from None
    if len(octets) > MOST_OCTETS:
        raise ConfigError(f"{shown(path)}: expected a file of at most {MOST_OCTETS >> 20} MiB")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        column = error.start - octets.rfind(b"\n", 0, error.start)
        raise ConfigError(f"{shown(path)}:{line}:{column}: expected UTF-8") from None


def shown(path: str) -> str:
    """A path as messages name it: from the working directory where it lies below that."""
    near = os.path.relpath(path)
    return path if near.startswith("..") else near
