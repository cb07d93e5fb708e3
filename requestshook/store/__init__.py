"""Where recordings are kept: every line as it was written, once, and what `requestshook` asks about them.

Contract and tables: docs/store.md.
"""

from __future__ import annotations

import os

from requestshook.errors import StoreError
from requestshook.store.sql import BaseStore as Store
from requestshook.store.values import Kept, Line, Mark, Summary, Unread, digest, read_line

__all__ = ["Kept", "Line", "Mark", "Store", "Summary", "Unread", "digest", "open_store", "read_line"]


def open_store(url: str | os.PathLike[str]) -> Store:
    """The store at a path or a `sqlite:` URL, made where there is none; raises StoreError.

    `sqlite:///relative.db` and `sqlite:////absolute.db` are spelled as SQLAlchemy spells them.
    """
    place = os.fspath(url)
    scheme, found, rest = place.partition(":")
    if found and scheme in ("postgres", "postgresql"):
        raise StoreError("stores in PostgreSQL are not supported yet: give the path of a file")
    if found and scheme == "sqlite":
        place = rest[3:] if rest.startswith("///") else rest
    elif "://" in place:
        raise StoreError(f"{scheme!r} is no kind of store: give the path of a file")
    from requestshook.store.sqlite import SQLiteStore

    return SQLiteStore(place)
