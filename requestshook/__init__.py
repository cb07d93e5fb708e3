"""requestshook: record what services say to each other while one thing is done, and publish it as a page.

Importing this loads nothing beyond the standard library; a service that carries the hook carries no more.
"""

from __future__ import annotations

TYPE_CHECKING = False  # every interpreter that starts under us imports this, and `typing` takes longer than the rest
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import TypeVar

    import requests

    Session = TypeVar("Session", bound=requests.Session)

__version__ = "0.1.0"
__all__ = ["hook", "install", "record", "uninstall"]


def install(service: str | None = None, *, record: str = "always") -> None:
    """Record every call that this process makes with `requests`.

    `service` is what this process is called on the pages. With `record="when open"` calls are recorded only while
    a recording is open or a recorded call is being served; else the process opens a recording of its own at its
    first call. Installing twice is installing once.
    """
    import requestshook.capture.requests as capture

    capture.install(service, record=record)


def hook(session: Session, service: str | None = None) -> Session:
    """Record the calls of one `requests.Session` only; gives the session back."""
    import requestshook.capture.requests as capture

    capture.hook(session, service)
    return session


def record(name: str) -> AbstractContextManager[str]:
    """`with requestshook.record("image-create"):` records the block's calls; gives the trace's id.

    Installs the hook where it is not installed yet, and takes it off again.
    """
    import requestshook.capture.requests as capture

    return capture.record(name)


def uninstall() -> None:
    """Take the hook off: what is still ours is restored, what others have wrapped since is switched off."""
    import requestshook.capture.requests as capture

    capture.uninstall()
