"""A copy of Mermaid for a site that is read without the Internet: out of a file, an installed package, or npm's.

Nothing is fetched unless npm is asked for by name.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from requestshook.errors import RequestshookError

NPM = "npm"
VERSION = "11.17.2"
INTEGRITY = "sha512-V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg=="
IN_NPM = "package/dist/mermaid.min.js"
CARRIERS = {"mmdc": "assets/mermaid.js"}  # Python packages that bring the file along, and where it lies in them
STUB = """\
// requestshook: here belongs Mermaid, which draws the diagrams. Without a copy of it the theme loads Mermaid from
// unpkg.com, and a reader without the Internet sees no diagram. `requestshook site --mermaid FILE` puts a copy here.
"""
_KNOWN_BY = (b"mermaid", b"sequenceDiagram")
_MOST = 64 * 1024 * 1024
_PATIENCE = 300  # seconds for npm


class Copy(NamedTuple):
    """Mermaid in one file of JavaScript, and where it came from."""

    content: bytes
    source: str


def carried() -> Copy | None:
    """The copy that an installed Python package carries; None where there is none."""
    for package, name in CARRIERS.items():
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec is not None else ():
            path = Path(place, name)
            if path.is_file():
                return Copy(_checked(path.read_bytes(), path), f"the package {package}")
    return None


def bring(wanted: str) -> Copy:
    """The copy in a file (mermaid.min.js, or npm's archive of the package), or npm's own for the word `npm`."""
    if wanted == NPM:
        return _from_npm()
    path = Path(wanted)
    try:
        content = _unpacked(path) if path.name.endswith((".tgz", ".tar.gz")) else path.read_bytes()
    except OSError as error:
        raise RequestshookError(f"{path}: {error.strerror or error}") from None
    return Copy(_checked(content, path), str(path))


def is_replaceable(content: bytes) -> bool:
    """Whether a file may give way to a copy: it is one, or says that one belongs here."""
    return not content.strip() or content == STUB.encode() or _is_mermaid(content)


def _is_mermaid(content: bytes) -> bool:
    return all(word in content for word in _KNOWN_BY)


def _checked(content: bytes, path: Path) -> bytes:
    if not _is_mermaid(content):
        raise RequestshookError(f"{path} is not Mermaid: the file is dist/mermaid.min.js of the npm package mermaid")
    return content


def _unpacked(archive: Path) -> bytes:
    try:
        with tarfile.open(archive, "r:gz") as opened:
            file = opened.extractfile(IN_NPM)
            if file is None:
                raise KeyError
            return file.read(_MOST)
    except (tarfile.TarError, KeyError, EOFError):
        raise RequestshookError(f"{archive} holds no {IN_NPM}: npm pack mermaid makes such an archive") from None


def _from_npm() -> Copy:
    """The version that we know, from wherever npm is set up to ask; checked against what it must be."""
    program = shutil.which("npm")
    if program is None:
        raise RequestshookError("npm is not installed: give the file, --mermaid mermaid.min.js")
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "pack", f"mermaid@{VERSION}", "--ignore-scripts", "--pack-destination", folder]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise RequestshookError(f"npm did not answer within {_PATIENCE} seconds") from None
        archives = list(Path(folder).glob("*.tgz"))
        if done.returncode or not archives:
            last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
            raise RequestshookError(f"npm pack mermaid@{VERSION} failed: {last}")
        _verify(archives[0])
        return Copy(_checked(_unpacked(archives[0]), archives[0]), f"npm, mermaid {VERSION}")


def _verify(archive: Path) -> None:
    digest = hashlib.sha512(archive.read_bytes()).digest()
    if base64.b64encode(digest).decode() != INTEGRITY.removeprefix("sha512-"):
        raise RequestshookError(f"what npm gave as mermaid {VERSION} is not what was published under that name")
