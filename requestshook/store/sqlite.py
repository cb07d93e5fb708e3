"""The store in one SQLite file: what its dialect adds to the shared SQL."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from requestshook.errors import StoreError
from requestshook.spool import make_folder
from requestshook.store.sql import BaseStore

_WAIT = 60_000  # milliseconds, for another writer
_TRIES = 100


class SQLiteStore(BaseStore):
    """A store in a file of its owner's alone (0600): readers never wait, writers wait for each other."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        with self._told():
            _create(self.path)
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=_WAIT / 1000)
        try:
            self._set_up()
            self.migrate()
        except StoreError as error:
            self._connection.close()
            raise _with_path(self.path, error) from None
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self) -> None:
        self.rows(f"PRAGMA busy_timeout = {_WAIT}")
        if self.version() == 0:
            self.rows(
                "PRAGMA page_size = 16384"
            )  # of lines of 2 to 6 KB, 4096 is slower by half and 8192 wastes a third
        self._write_ahead()
        self.rows("PRAGMA synchronous = FULL")  # what is committed is on disk: its spool file may go
        self.rows("PRAGMA wal_autocheckpoint = 2000")
        self.rows("PRAGMA secure_delete = ON")  # a removed recording is gone from the file too

    def _write_ahead(self) -> None:
        for attempt in range(_TRIES):  # where two open a new store at once, SQLite refuses one without waiting
            try:
                self.rows("PRAGMA journal_mode = WAL")
                return
            except StoreError:
                if attempt == _TRIES - 1:
                    raise
                time.sleep(0.05)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._told():
            return self._connection.execute(sql, values).fetchall()

    def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        if not rows:
            return 0
        with self._told():
            return self._connection.executemany(sql, rows).rowcount

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.rows("BEGIN IMMEDIATE")
        try:
            yield
            self.rows("COMMIT")
        finally:
            if self._connection.in_transaction:
                self.rows("ROLLBACK")

    def tables(self) -> set[str]:
        return {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def remove(self, trace: str) -> None:
        super().remove(trace)
        self.rows("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._told():
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(f"store {self.path}: {reason or error}") from error


def _with_path(path: str, error: StoreError) -> StoreError:
    text = str(error)
    return error if path in text else StoreError(f"store {path}: {text}")


def _create(path: str) -> None:
    """An empty file that only its owner reads, whatever the umask; SQLite gives its other files the same mode."""
    make_folder(os.path.dirname(path))
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
