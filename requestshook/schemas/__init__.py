"""JSON Schemas of the two YAML files, for editors: they complete keys and mark faults. The readers say more.

And of a page as JSON, for programs.

Draft 7, which the YAML language server reads. A scalar stands in a file as spelled, whatever YAML makes of it, so
that where text is wanted a number will do.
"""

from __future__ import annotations

import json
import os

from requestshook.schemas import annotation_file, config_file, page

_FILES = {"annotations": annotation_file.schema, "config": config_file.schema}
_SCHEMAS = {**_FILES, "page": page.schema}
NAMES = tuple(_FILES)  # of the files that people write


def text(name: str) -> str:
    """The schema of that name, as the text of a JSON file."""
    return json.dumps(_SCHEMAS[name](), ensure_ascii=False, indent=2) + "\n"


def place(name: str) -> str:
    """Where in requestshook's folder the schema lies, for `Workspace.keep`."""
    return f"schemas/{name}.json"


def line(file: str, folder: str, name: str) -> str:
    """The comment that tells editors where the schema of a YAML file is, with its line end.

    Empty where no path would do in every checkout: where the folder lies neither beside the file nor above it.
    """
    here, folder = os.path.dirname(os.path.abspath(file)), os.path.abspath(folder)
    root = os.path.join(os.path.dirname(folder), "")
    if not os.path.join(here, "").startswith(root):
        return ""
    near = os.path.relpath(folder, here).replace(os.sep, "/")
    return "" if any(map(str.isspace, near)) else f"# yaml-language-server: $schema={near}/{place(name)}\n"
