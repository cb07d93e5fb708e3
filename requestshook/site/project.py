"""The site's own files. What is there is never replaced, but for the list of pages and the copy of Mermaid."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from requestshook.errors import RequestshookError
from requestshook.site import listing, mermaid, pages
from requestshook.site.mermaid import Copy

CONFIGURATIONS = ("mkdocs.yml", "mkdocs.yaml", "zensical.toml")
DOCS, INDEX = "docs", "docs/index.md"
SCRIPT, STYLE = "javascripts/mermaid.min.js", "stylesheets/requestshook.css"
_MKDOCS = """\
# A site around the pages that `requestshook render` writes. Material for MkDocs and Zensical both build it:
#   mkdocs build --strict        zensical build --strict
# Written once by `requestshook site`; change what you like. What the pages need is below markdown_extensions.
site_name: {name}
theme:
  name: material
  font: false  # nothing is loaded from elsewhere
  features: [content.code.copy, navigation.top, search.highlight]
  palette:
    - media: "(prefers-color-scheme: light)"
      scheme: default
      toggle: {{icon: material/weather-night, name: Dark}}
    - media: "(prefers-color-scheme: dark)"
      scheme: slate
      toggle: {{icon: material/weather-sunny, name: Light}}
plugins: [search]
not_in_nav: "*--[0-9]*.md"  # the further pages of long flows: their first page and each other lead to them
extra_css: [{style}]
extra_javascript: [{script}]  # without this copy the theme loads Mermaid from unpkg.com
markdown_extensions:
  - admonition
  - attr_list
  - md_in_html
  - tables
  - toc: {{permalink: true}}
  - pymdownx.details
  - pymdownx.highlight: {{linenums_style: pymdownx-inline, anchor_linenums: false}}
  - pymdownx.inlinehilite
  - pymdownx.superfences:
      custom_fences:
        - name: mermaid
          class: mermaid
          format: !!python/name:pymdownx.superfences.fence_code_format
  - pymdownx.tabbed: {{alternate_style: true}}
"""
_INDEX = """\
# {name}

What services say to each other, recorded as it happened.

{pages}"""
_STYLE = """\
/* Pages of requestshook bring their own style; this is for what stands around them. */
.md-grid { max-width: 76rem }
.md-typeset table:not([class]) th { white-space: nowrap }
"""
_GITIGNORE = "/site/\n/.cache/\n.requestshook/\n"


class Done(NamedTuple):
    """What became of one file."""

    path: Path
    what: str  # written, kept, refreshed, unchanged


def exists(folder: Path) -> Path | None:
    """The configuration of the site that is there."""
    return next((folder / name for name in CONFIGURATIONS if (folder / name).exists()), None)


def create(folder: Path, name: str, copy: Copy | None) -> Iterator[Done]:
    """Write the files of a new site; those that are there stay."""
    name = name.encode("utf-8", "replace").decode()
    script = mermaid.STUB.encode() if copy is None else copy.content
    texts = {
        "mkdocs.yml": _MKDOCS.format(name=json.dumps(name, ensure_ascii=False), style=STYLE, script=SCRIPT).encode(),
        INDEX: _INDEX.format(name=listing.heading(name), pages=listing.EMPTY).encode(),
        f"{DOCS}/{STYLE}": _STYLE.encode(),
        f"{DOCS}/{SCRIPT}": script,
        ".gitignore": _GITIGNORE.encode(),
    }
    for path, content in ((folder / path, content) for path, content in texts.items()):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(path, "xb") as file:
                file.write(content)
        except FileExistsError:
            yield Done(path, "kept")
        else:
            yield Done(path, "written")


def refresh(folder: Path) -> Done:
    """Bring the list of pages up to date; raises RequestshookError where the index has no place for one."""
    path = folder / INDEX
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        text = ""
    except UnicodeDecodeError:
        raise RequestshookError(f"{path} is not UTF-8") from None
    if not listing.has_marks(text):
        marks = " and ".join(listing.EMPTY.splitlines())
        raise RequestshookError(
            f"{path} has no place for a list of pages, and stays as it is; two lines make one: {marks}"
        )
    fresh = listing.refresh(text, [page for page in pages.find(folder / DOCS) if page.path != "index.md"])
    if fresh == text:
        return Done(path, "unchanged")
    path.write_bytes(fresh.encode())
    return Done(path, "refreshed")


def put(folder: Path, copy: Copy) -> Done:
    """Put a copy of Mermaid where the site looks for it; another file there stays, and is an error."""
    path = folder / DOCS / SCRIPT
    if path.exists() and not mermaid.is_replaceable(path.read_bytes()):
        raise RequestshookError(f"{path} is there and is not Mermaid: it stays as it is")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(copy.content)
    return Done(path, "written")
