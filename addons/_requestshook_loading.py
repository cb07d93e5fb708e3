"""How a script of ours that runs inside mitmproxy gets the requestshook that it lies in or beside.

mitmproxy may have an environment of its own, in which requestshook is not installed; the folder around the package
never joins its sys.path.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

_LOWEST = 11  # what mitmproxy 10 has streamed breaks calls off
_HERE = os.path.dirname(os.path.realpath(__file__))


def demand_mitmproxy(version: str) -> None:
    """Raises ImportError, whose words mitmproxy says as it ends, where it is too old."""
    first = version.partition(".")[0]
    if first.isdecimal() and int(first) < _LOWEST:
        raise ImportError(f"requestshook needs mitmproxy {_LOWEST} or newer; this is {version}")


def load_here(module: str) -> None:
    """Import a module of requestshook from this file's own place."""
    above = os.path.dirname(_HERE)
    if os.path.isfile(os.path.join(above, "capture", "wire.py")):  # installed: this is the package requestshook.addons
        above = os.path.dirname(above)

    class OwnPlace:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            return PathFinder.find_spec(name, [above]) if name == "requestshook" else None

    sys.meta_path.insert(0, OwnPlace)  # type: ignore[arg-type] # a finder needs no more than this
    try:
        __import__(module)
    finally:
        sys.meta_path.remove(OwnPlace)  # type: ignore[arg-type] # as above
