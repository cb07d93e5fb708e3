"""At an interpreter's start: wait for the modules that make calls or serve them, and patch each as it is executed.

Until such a module is executed nothing else of ours is imported. A finder at the head of `sys.meta_path` lets the
others find the module, and sets `exec_module` on the loader they chose: the loader stays what it is, and every
execution is seen, those of `importlib.reload` and of eventlet's patched copies too. Nothing in here raises.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # `typing` costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

WATCHED = {
    "requests.adapters": ("requests", "MODULES"),
    "urllib3.connectionpool": ("requests", "MODULES"),
    "urllib3.connection": ("requests", "MODULES"),
    "wsgiref.simple_server": ("servers", "SERVERS"),
    "gunicorn.app.base": ("servers", "SERVERS"),
    "eventlet.wsgi": ("servers", "SERVERS"),
}
"""By module: the sibling that patches it, and the table there that says how."""

UNSEEN = "unseen-"  # `run` leaves such a file in requestshook's folder; the first process that starts takes it away


def start() -> None:
    """Load the hook where REQUESTSHOOK says so. Starting twice is starting once."""
    if os.environ.get("REQUESTSHOOK", "0") in ("", "0"):
        return
    try:
        if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Finder())
            _patch_imported()
            _give_sign()
    except Exception as error:
        _say(f"not started: {error!r}")


def _patch_imported() -> None:
    for name in WATCHED:
        module = sys.modules.get(name)
        if module is not None and not getattr(getattr(module, "__spec__", None), "_initializing", False):
            _patch(name, module)


def _give_sign() -> None:
    """Take away the file by which `run` learns that its environment arrived in an interpreter."""
    folder, trace = os.environ.get("REQUESTSHOOK_DIR"), os.environ.get("REQUESTSHOOK_TRACE")
    if folder and trace and trace.isalnum():
        try:  # noqa: SIM105 - contextlib would be one more import
            os.unlink(os.path.join(folder, UNSEEN + trace))
        except OSError:
            pass


class _Finder:
    """Finds watched modules by the finders behind it, and has their execution seen."""

    def __init__(self) -> None:
        self._finding: set[tuple[int, str]] = set()  # another finder may ask us again

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in WATCHED:
            return None
        from _thread import get_ident

        key = (get_ident(), name)
        if key in self._finding:
            return None
        self._finding.add(key)
        try:
            spec = self._find(name, path, target)
        finally:
            self._finding.discard(key)
        if spec is not None:
            _see(spec.loader)
        return spec

    def _find(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        for finder in list(sys.meta_path):
            find_spec = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = None
            if finder is not self and find_spec is not None:
                spec = find_spec(name, path, target)
            if spec is not None:
                return spec
        return None


def _see(loader: Any) -> None:
    """Have each module that this loader executes patched afterwards, where it is a watched one."""
    try:
        execute: Callable[[ModuleType], None] = loader.exec_module
        if hasattr(execute, "_requestshook"):
            return

        def exec_module(module: ModuleType) -> None:
            execute(module)
            _patch(getattr(module.__spec__, "name", ""), module)

        exec_module._requestshook = True  # type: ignore[attr-defined] # a function takes attributes
        loader.exec_module = exec_module
    except Exception as error:
        _say(f"{type(loader).__name__} cannot be watched: {error!r}")


def _patch(name: str, module: ModuleType) -> None:
    sibling, table = WATCHED.get(name, ("", ""))
    if not sibling:
        return
    try:
        room = f"requestshook.capture.{sibling}"
        __import__(room)
        getattr(sys.modules[room], table)[name](module)
    except Exception as error:
        _say(f"{name} is not recorded: {error!r}")


def _say(text: str) -> None:
    try:  # noqa: SIM105 - as above
        os.write(2, f"requestshook: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass
