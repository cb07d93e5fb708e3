"""What the demo writes, all of it in one folder: an image, a launcher, configuration, annotations and a site."""

from __future__ import annotations

import random
import shlex
import shutil
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from requestshook import config, schemas
from requestshook.demo import words
from requestshook.demo.system import SERVICES, Listener
from requestshook.errors import RequestshookError
from requestshook.settings import CONFIG, FOLDER
from requestshook.workspace import Workspace

IMAGE = "images/cirros-0.6.1-x86_64-disk"
IMAGE_SIZE = 4 * 1024 * 1024
PAGE = "docs/image-create.md"
_MARK = "# Written by requestshook demo"
_REFERENCES = {
    "keystone POST /identity/v3/auth/tokens": (
        "Password authentication with scoped authorization",
        "identity/v3/index.html#password-authentication-with-scoped-authorization",
    ),
    "glance-api POST /v2/images": ("Create image", "image/v2/index.html#create-image"),
    "keystone GET /identity/v3/auth/tokens": (
        "Validate and show information for token",
        "identity/v3/index.html#validate-and-show-information-for-token",
    ),
    "glance-api PUT /v2/images/{image_id}/file": (
        "Upload binary image data",
        "image/v2/index.html#upload-binary-image-data",
    ),
    "swift-proxy-server HEAD /v1/{account}/{container}": (
        "Show container metadata",
        "object-store/index.html#show-container-metadata",
    ),
    "swift-proxy-server PUT /v1/{account}/{container}/{object}": (
        "Create or replace object",
        "object-store/index.html#create-or-replace-object",
    ),
}
_MKDOCS = f"""\
{_MARK}: what a page of requestshook needs of a site is below markdown_extensions.
site_name: requestshook demo
use_directory_urls: false  # so that its pages can be opened from disk
theme:
  name: material
  font: false
  features: [content.code.copy, navigation.top]
  palette:
    - {{media: "(prefers-color-scheme: light)", scheme: default}}
    - {{media: "(prefers-color-scheme: dark)", scheme: slate}}
markdown_extensions:
  - admonition
  - attr_list
  - md_in_html
  - tables
  - toc:
      permalink: true
  - pymdownx.details
  - pymdownx.highlight:
      anchor_linenums: false
  - pymdownx.inlinehilite
  - pymdownx.superfences:
      custom_fences:
        - name: mermaid
          class: mermaid
          format: !!python/name:pymdownx.superfences.fence_code_format
  - pymdownx.tabbed:
      alternate_style: true
"""
_INDEX = """\
# requestshook demo

One command, recorded: [openstack image create](image-create.md).

The services are small programs of requestshook's own, but what they say to each other is what the real ones say,
through real sockets. Nothing in them knows of requestshook.
"""


def prepare(folder: Path) -> None:
    """Make the folder, or clean it where an earlier demo made it; another's folder is left as it is."""
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(folder):
        raise RequestshookError(f"{folder} is not empty and not a demo's: choose another folder with -o")
    try:
        for old in ("log", "swift"):
            shutil.rmtree(folder / old, ignore_errors=True)
        for name in ("bin", "docs", "images", "log", "swift"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        _write(folder / CONFIG, f"{_MARK}.\n")
        _write(folder / "mkdocs.yml", _MKDOCS)
        _write(folder / "docs" / "index.md", _INDEX)
        if not (folder / words.FILE).exists():  # it is the author's from then on
            _write(folder / words.FILE, words.ANNOTATIONS)
        _write_launcher(folder / "bin" / "openstack")
        _write_image(folder / IMAGE)
    except OSError as error:
        raise RequestshookError(f"demo: {error.filename or folder}: {error.strerror or error}") from None


def write_configuration(folder: Path, addresses: Mapping[str, str], listeners: Iterable[Listener] = ()) -> None:
    """The `requestshook.yaml` that names the services by their addresses, and a proxy's listeners before them."""
    schema = schemas.line(str(folder / CONFIG), str(folder / FOLDER), "config").rstrip("\n")
    lines = [f"{_MARK}, which chooses free ports each time.", *([schema] if schema else []), "services:"]
    lines += [f"  {name}: [{address}]" for name, address in addresses.items()]
    found = [
        f'  - {{listen: {port}, service: {callee}, target: "{target}", from: {caller}}}'
        for caller, callee, port, target in listeners
    ]
    lines += ["proxy:", *found] if found else []
    lines.append("references:")
    for call, (title, path) in _REFERENCES.items():
        lines += [f'  - call: "{call}"', f"    title: {title}", f"    url: https://docs.openstack.org/api-ref/{path}"]
    _write(folder / CONFIG, "\n".join([*lines, ""]))
    Workspace(replace(config.load(folder / CONFIG), folder=str(folder / FOLDER))).keep(
        schemas.place("config"), schemas.text("config")
    )


def _is_ours(folder: Path) -> bool:
    try:
        return (folder / CONFIG).read_text("utf-8").startswith(_MARK)
    except (OSError, UnicodeDecodeError):
        return False


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def _write_launcher(path: Path) -> None:
    """`openstack`, so that the command and its program have the name that a reader knows."""
    program = shlex.join([sys.executable, str(SERVICES / "openstack.py")])
    _write(path, f'#!/bin/sh\nexec {program} "$@"\n')
    path.chmod(0o755)


def _write_image(path: Path) -> None:
    """A disk image as far as its header goes: qcow2 of version 3, 112 MiB for a guest, then noise."""
    header = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, 112 * 1024 * 1024)
    path.write_bytes(header + random.Random(1).randbytes(IMAGE_SIZE - len(header)))
