"""The one place that writes files: whole or not at all, and never outside the folder that was asked for."""

from __future__ import annotations

import errno
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_MOST_OCTETS = 180  # of 255 that a file name may have: the ending and the temporary mark need theirs
_NOT_IN_NAMES = re.compile(r"[^\w.+@-]+")


def slug(name: str) -> str:
    """A recording's name as a file name without ending: letters of any script stay, what makes a path goes."""
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    text = _NOT_IN_NAMES.sub("-", text).strip(".-")
    text = text.encode()[:_MOST_OCTETS].decode("utf-8", "ignore").rstrip(".-")
    return text or "recording"


def write(path: str, chunks: Iterable[str]) -> None:
    """Write a text under a temporary name and rename it, so that nobody ever sees half of it; makes its folder."""
    with writing(path) as file:
        for chunk in chunks:
            file.write(chunk.encode("utf-8", "backslashreplace"))


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """A file under a temporary name that is renamed at the block's end, or goes where that fails; makes its folder."""
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe would be gone
        raise OSError(errno.EINVAL, "it is there and no regular file", path)
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=folder)
    try:
        with open(descriptor, "wb") as file:
            yield file
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = path  # a full disk does not say where
        raise


def create(path: str, text: str) -> None:
    """Write a new file; raises FileExistsError where there is one."""
    with open(path, "x", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _mode(path: str) -> int:
    """What the file had, else what the umask leaves."""
    with suppress(OSError):
        return os.stat(path).st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
