"""Trace -> HAR, streamed."""

from __future__ import annotations

from typing import BinaryIO

from requestshook.formats.values import Load
from requestshook.trace.calls import Trace


def dump(trace: Trace, load: Load, file: BinaryIO) -> None:
    """Write a recording as a HAR."""
    raise NotImplementedError
