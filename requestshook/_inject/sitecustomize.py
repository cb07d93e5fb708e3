"""First on PYTHONPATH, Python imports this at an interpreter's start: docs/capture-startup.md.

It steps aside for the `sitecustomize` that it hides, then loads requestshook from where it lies itself, so that the
interpreter may belong to any environment. Whatever Python there is reads it: no syntax newer than 2.7 in here.
"""

import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_own = sys.modules.pop("sitecustomize", None)  # kept: Python 2 empties a module that nobody holds


def _step_aside():
    # type: () -> None
    """Run the next sitecustomize as if we were not there; where there is none, raise what Python would have."""
    sys.path[:] = [entry for entry in sys.path if entry != _here and os.path.abspath(entry) != _here]
    sys.path_importer_cache.pop(_here, None)
    __import__("sitecustomize")


def _start():
    # type: () -> None
    if os.environ.get("REQUESTSHOOK", "0") in ("", "0") or sys.version_info < (3, 10):
        return
    try:
        _load()
        sys.modules["requestshook.capture.startup"].start()
    except Exception as error:
        try:  # noqa: SIM105
            os.write(2, ("requestshook: not started: %r\n" % error).encode("utf-8", "backslashreplace"))  # noqa: UP031
        except OSError:
            pass


def _load():
    # type: () -> None
    """Import the requestshook that this file lies in; the folder around it never joins sys.path."""
    from importlib.machinery import PathFinder

    parent = os.path.dirname(os.path.dirname(_here))

    class OwnPlace:
        @staticmethod
        def find_spec(name, path=None, target=None):
            # type: (str, object, object) -> object
            return PathFinder.find_spec(name, [parent]) if name == "requestshook" else None

    sys.meta_path.insert(0, OwnPlace)  # type: ignore[arg-type] # its types are for those who run it under Python 3
    try:
        __import__("requestshook.capture.startup")
    finally:
        sys.meta_path.remove(OwnPlace)  # type: ignore[arg-type] # as above


try:
    _step_aside()
finally:
    _start()
