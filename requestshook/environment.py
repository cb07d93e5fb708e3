"""The variables by which a process loads the hook as its interpreter starts: docs/capture-startup.md.

`run` gives them to a command; `requestshook env` prints them for a shell, a systemd unit or a compose file.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INJECT = str(PACKAGE / "_inject")  # what stands first on PYTHONPATH
KINDS = ("shell", "systemd", "compose")
_MOUNTED = "/opt/requestshook"  # where a container finds the package
_MOUNTED_FOLDER = "/var/lib/requestshook"  # where a container finds the folder


def variables(
    folder: str, environ: Mapping[str, str], *, trace: str | None = None, service: str | None = None
) -> dict[str, str]:
    """What a process needs beyond `environ` to record into `folder`, as part of the recording `trace`."""
    found = {"REQUESTSHOOK": "1", "REQUESTSHOOK_DIR": folder, "PYTHONPATH": _python_path(environ.get("PYTHONPATH"))}
    if trace is not None:
        found["REQUESTSHOOK_TRACE"] = trace
    if service is not None:
        found["REQUESTSHOOK_SERVICE"] = service
    return found


def _python_path(old: str | None) -> str:
    entries = (old or "").split(os.pathsep) if old else []
    return os.pathsep.join([INJECT, *(entry for entry in entries if entry != INJECT)])


def text(kind: str, folder: str, service: str | None = None) -> str:
    """What to paste so that services record into `folder`; `kind` is one of KINDS."""
    return {"shell": _shell, "systemd": _systemd, "compose": _compose}[kind](folder, service)


def _named(service: str | None) -> dict[str, str]:
    return {"REQUESTSHOOK_SERVICE": service} if service else {}


def _shell(folder: str, service: str | None) -> str:
    given = {"REQUESTSHOOK": "1", "REQUESTSHOOK_DIR": folder, **_named(service)}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in given.items()]
    lines.append(f"export PYTHONPATH={shlex.quote(INJECT)}${{PYTHONPATH:+:$PYTHONPATH}}")
    return "".join(line + "\n" for line in lines)


def _systemd(folder: str, service: str | None) -> str:
    given = {"REQUESTSHOOK": "1", "REQUESTSHOOK_DIR": folder, "PYTHONPATH": INJECT, **_named(service)}
    lines = [f'Environment="{_of_unit(f"{name}={value}")}"' for name, value in given.items()]
    return f"""\
# A drop-in: `systemctl edit UNIT`, paste, `systemctl restart UNIT`. Where the unit sets PYTHONPATH already, put
# {INJECT} in front of it instead.
[Service]
{chr(10).join(lines)}
# With ProtectSystem= or ProtectHome= the unit must be let at both folders:
# BindReadOnlyPaths="{_of_unit(str(PACKAGE))}"
# ReadWritePaths="{_of_unit(folder)}"
# Where User= is not the folder's owner, `capture: {{group: NAME}}` in requestshook.yaml shares it.
"""


def _of_unit(value: str) -> str:
    """A value as it stands between double quotes in a unit file (systemd.syntax(7), systemd.unit(5))."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _compose(folder: str, service: str | None) -> str:
    package = f"{_MOUNTED}/requestshook"
    given = {
        "REQUESTSHOOK": "1",
        "REQUESTSHOOK_DIR": _MOUNTED_FOLDER,
        "PYTHONPATH": f"{package}/_inject",
        **_named(service),
    }
    lines = [f"      {name}: {_of_compose(value)}\n" for name, value in given.items()]
    return f"""\
# compose.override.yaml: put your service's name in the place of SERVICE. The image needs Python 3.10 or newer,
# nothing of ours. The container's user must be able to write to the folder.
services:
  SERVICE:
    environment:
{"".join(lines)}    volumes:
      - {_of_compose(f"{PACKAGE}:{package}:ro")}
      - {_of_compose(f"{folder}:{_MOUNTED_FOLDER}")}
"""


def _of_compose(value: str) -> str:
    """A value as a YAML scalar in double quotes; `$` begins a variable in compose files."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'
