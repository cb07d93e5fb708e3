"""The tables, as numbered migrations: one is added at the end for each change, and none is ever edited.

`{octets}` and `{serial}` are the dialect's words for a column of bytes and for a number that counts itself up.
"""

from __future__ import annotations

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # A line stands here once, with its exact bytes. `call`, `outcome` and `process` are read from it.
        """
        CREATE TABLE lines (
          id {serial} PRIMARY KEY,
          hash {octets} NOT NULL UNIQUE,
          event TEXT NOT NULL,
          trace TEXT NOT NULL,
          call TEXT NOT NULL,
          outcome INTEGER,
          at DOUBLE PRECISION NOT NULL,
          line {octets} NOT NULL
        )
        """,
        # Holds all that `traces` asks, so that listing recordings does not read their lines.
        "CREATE INDEX lines_by_event ON lines (event, trace, call, outcome, at)",
        # Which processes wrote lines of which recording.
        """
        CREATE TABLE members (
          trace TEXT NOT NULL,
          host TEXT NOT NULL,
          pid BIGINT NOT NULL,
          PRIMARY KEY (trace, host, pid)
        )
        """,
        # How far a file was read: saves reading it again, and nothing breaks where it is lost.
        """
        CREATE TABLE files (
          device TEXT NOT NULL,
          inode TEXT NOT NULL,
          head {octets} NOT NULL,
          position BIGINT NOT NULL,
          newlines BIGINT NOT NULL,
          PRIMARY KEY (device, inode)
        )
        """,
        """
        CREATE TABLE unread (
          id {serial} PRIMARY KEY,
          hash {octets} NOT NULL UNIQUE,
          file TEXT NOT NULL,
          number BIGINT NOT NULL,
          reason TEXT NOT NULL,
          line {octets} NOT NULL
        )
        """,
        # Tombstones: a removed recording's lines may still stand in spool files.
        "CREATE TABLE removed (trace TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL)",
    ),
)
