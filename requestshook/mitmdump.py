"""Where mitmdump is: mitmproxy is never imported, for its pins would hold back the packages of whoever installs us."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

from requestshook.errors import RequestshookError

VARIABLE = "REQUESTSHOOK_MITMDUMP"
_VERSION = re.compile(r"^Mitmproxy:\s*(\d+(?:\.\d+)*)", re.MULTILINE)
_INSTALL = (
    "install mitmproxy with pip install 'requestshook[proxy]', or in an environment of its own, and name its mitmdump"
    f" in {VARIABLE}"
)


def find() -> str:
    """mitmdump's absolute path: as REQUESTSHOOK_MITMDUMP says, else beside this interpreter, else on PATH.

    Raises RequestshookError where there is none.
    """
    given = os.environ.get(VARIABLE)
    if given:
        path = shutil.which(os.path.expanduser(given))
        if path is None:
            raise RequestshookError(f"{VARIABLE} names {given!r}, which is no program that can be run")
        return os.path.abspath(path)
    beside = os.path.join(os.path.dirname(sys.executable), "mitmdump")
    path = shutil.which(beside) or shutil.which("mitmdump")
    if path is None:
        raise RequestshookError(f"this takes mitmdump, which was not found: {_INSTALL}")
    return os.path.abspath(path)


def script(name: str) -> str:
    """The path of a script of ours that runs inside mitmproxy."""
    package = os.path.dirname(os.path.realpath(__file__))
    installed = os.path.join(package, "addons", name)
    return installed if os.path.isfile(installed) else os.path.join(os.path.dirname(package), "addons", name)


def environment() -> Mapping[str, str]:
    """The variables that a mitmdump of ours gets: those that there are, without the ones that load our hook."""
    return {name: value for name, value in os.environ.items() if not name.startswith("REQUESTSHOOK")}


def version(path: str) -> tuple[int, ...]:
    """mitmproxy's version, as `(11, 0, 2)`; raises RequestshookError where the program does not tell one."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            env=environment(),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise RequestshookError(f"{path} cannot be run: {error}") from None
    found = _VERSION.search(done.stdout)
    if found is None:
        raise RequestshookError(f"{path} does not look like mitmdump: it tells no version")
    return tuple(int(part) for part in found[1].split("."))
