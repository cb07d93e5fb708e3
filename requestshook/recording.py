"""Which recording a call belongs to, and the way of an event from a capture point to the spool.

`capture.json` in requestshook's folder holds what capture needs of `requestshook.yaml`, compiled, with the store's
key and the open recordings. It is replaced by renaming; a process stats it once a call and reads it again when it
changed. Nothing in here raises towards a capture point: a fault of ours is counted and said once on standard error.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple

from requestshook import addresses, events, spool, tags
from requestshook.settings import Settings, call_text, folder, own_settings, read_settings

_LONGEST_FAULT = 400  # characters
_SAY_COUNTS_EVERY = 5.0  # seconds


class Serving(NamedTuple):
    """The call that a server is answering: what calls made meanwhile have as their parent."""

    id: str
    trace: str


serving: ContextVar[Serving | None] = ContextVar("requestshook_serving", default=None)
_in_context: ContextVar[str | None] = ContextVar("requestshook_recording", default=None)


class Recorder:
    """What one process knows of recordings, and its spool. Capture points share the one in `recorder`."""

    def __init__(self, directory: str | None = None, *, say: Callable[[str], None] | None = None) -> None:
        self.service: str | None = None  # given in code
        self.application: str | None = None  # what the server was told to load
        self.on_purpose = False  # installed in code: a recording of the process's own where there is no other
        self.untied = self.ignored = self.dropped = 0
        self.numbers = itertools.count(1)
        self._directory = directory
        self._say = say or _say
        self._said: set[str] = set()
        self._path = ""  # of `capture.json`, once it was asked for
        self._stamp: object = ""
        self._settings: Settings
        self._spool: spool.Spool | None = None
        self._own_trace: tuple[int, str] | None = None
        self._opened: list[str] = []
        self._name: str | None = None
        self._answers_as: str | None = None  # of `services:`, where a call came in at such an address
        self._near: dict[str, bool] = {}
        self._ignorable: dict[tuple[str, str | None, str, str], bool] = {}
        self._why: str | None = None
        self._counts_said = 0.0
        self._counts_due = 1
        self._dropped_said = 0
        self._host = spool.hostname()

    def __getattr__(self, name: str) -> Any:
        """The settings before any were read: made when they are asked for, since what redacts is half of the import."""
        if name != "_settings":
            raise AttributeError(name)
        self._settings = own_settings()
        return self._settings

    @property
    def directory(self) -> str:
        """requestshook's folder, found once: a daemon changes its working directory."""
        if self._directory is None:
            self._directory = folder()
        return self._directory

    @property
    def body_limit(self) -> int:
        """How many octets of a body are kept."""
        return self._settings.body_limit

    def settings(self) -> Settings:
        """The settings as they are now: one `stat`, and a read only where the file changed."""
        try:
            found = os.stat(self._path or self._find())
            stamp: object = (found.st_mtime_ns, found.st_ino, found.st_size)
        except OSError as error:
            stamp = error.errno
        if stamp != self._stamp:
            self._reload(stamp)
        return self._settings

    def _find(self) -> str:
        self._path = os.path.join(self.directory, "capture.json")
        return self._path

    def _reload(self, stamp: object) -> None:
        self._stamp = stamp
        self._near.clear()
        self._ignorable.clear()
        self._answers_as = None
        before = self._settings
        try:
            with open(self._find(), "rb") as file:
                self._settings = read_settings(file.read())
        except (FileNotFoundError, NotADirectoryError):
            self._settings = before._replace(open=())
        except Exception as error:
            what = "the defaults hold, redaction is on" if before.key_is_own else "what it said before holds"
            self.fault(f"capture.json cannot be read ({error!r}); {what}")
        if self._spool is not None:
            self._spool.maximum, self._spool.group = self._settings.maximum, self._settings.group
            if self._settings.redaction != before.redaction:  # whoever reads must know what holds from here
                with _swallowed(self):
                    self._write(self._first_line())

    def name(self) -> str:
        """What this process is called: by code or REQUESTSHOOK_SERVICE, by `services:`, by what it runs."""
        if self.service is not None:
            return self.service
        if self._answers_as is not None:
            return self._answers_as
        if self._name is None:
            self._name = tags.service_name(self.application) or tags.as_name(f"{self._host}-{os.getpid()}")
        return self._name

    def answers_at(self, url: str) -> None:
        """A call came in at this address: it names the process where `services:` does and nobody gave it a name."""
        services = self._settings.services
        if self._answers_as is not None or not services or self.service is not None:
            return
        if not os.environ.get("REQUESTSHOOK_SERVICE"):
            self._answers_as = addresses.callee_of(url, services)

    def trace_for_call(self) -> str | None:
        """The recording of a call that this process is about to make; None where it belongs to none."""
        settings = self.settings()
        served = serving.get()
        if served is not None:
            return served.trace
        return self._trace_without_parent(settings)

    def trace_for_inbound(self, trace: str | None) -> str | None:
        """The recording of a call that came in with this trace id, which is believed only where the key made it."""
        settings = self.settings()
        if tags.is_own_trace(trace, settings.key):
            return trace
        return self._trace_without_parent(settings)

    def _trace_without_parent(self, settings: Settings) -> str | None:
        trace = _in_context.get() or (self._opened[-1] if self._opened else None)
        if trace is None:
            trace = tags.valid_id(os.environ.get("REQUESTSHOOK_TRACE"))
        if trace is None and settings.open:
            trace = settings.open[-1]
        if trace is None and self.on_purpose:
            trace = self._process_trace(settings)
        return trace

    def _process_trace(self, settings: Settings) -> str:
        if self._own_trace is None or self._own_trace[0] != os.getpid():
            self._own_trace = (os.getpid(), tags.new_trace_id(settings.key))
            self.emit(
                events.Recording(time.time(), self._own_trace[1], self.name(), tuple(getattr(sys, "argv", ()) or ()))
            )
        return self._own_trace[1]

    def end(self) -> None:
        """This process ends, and its own recording with it, if it has one."""
        if self._own_trace is not None and self._own_trace[0] == os.getpid():
            trace, self._own_trace = self._own_trace[1], None
            self.emit(events.Recorded(time.time(), trace, None))

    @contextmanager
    def record(self, name: str) -> Iterator[str]:
        """Open a recording of this process for as long as the block runs; gives the trace's id."""
        trace = tags.new_trace_id(self.settings().key)
        self.emit(events.Recording(time.time(), trace, name, tuple(getattr(sys, "argv", ()) or ())))
        token = _in_context.set(trace)
        self._opened.append(trace)
        status = 1
        try:
            yield trace
            status = 0
        finally:
            self._opened.remove(trace)
            with suppress(ValueError):  # a generator may end in another context
                _in_context.reset(token)
            self.emit(events.Recorded(time.time(), trace, status))

    def may_tag(self, url: str) -> bool:
        """Whether the first two tags may go to this URL."""
        return self._settings.tag_all or self.is_known(url)

    def is_known(self, url: str) -> bool:
        """Whether the URL is of a host of `services:`, loopback, a private address or a name without a dot."""
        host = addresses.host_of(url)
        known = self._near.get(host)
        if known is None:
            known = addresses.is_near(host) or any(
                addresses.host_of(base) == host for _, base in self._settings.services
            )
            if len(self._near) < 10_000:
                self._near[host] = known
        return known

    def is_ignored(self, caller: str, callee: str | None, method: str, url: str) -> bool:
        """Whether `ignore` names the call; an ignored call is tagged and passed on, not recorded."""
        ignore = self._settings.ignore
        if not ignore:
            return False
        key = (caller, callee, method, url)
        found = self._ignorable.get(key)
        if found is None:
            path, query = addresses.split_target(url)
            if callee is None:
                callee = addresses.callee_of(url, self._settings.services) or addresses.authority(url)
            call = call_text(caller, callee, method, path)
            found = any(item.matches(call, query) for item in ignore)
            if len(self._ignorable) < 1000:  # what is ignored is most often asked for again and again
                self._ignorable[key] = found
        if found:
            self.ignored += 1
            self._say_counts()
        return found

    def client_name(self, user_agent: str) -> str | None:
        """Who sends this User-Agent: `clients:`, else its product name."""
        return self._settings.client_name(user_agent)

    def callee_of(self, url: str) -> str | None:
        """Who answers at the URL by `services:`; None where that names nobody."""
        try:
            return addresses.callee_of(url, self._settings.services)
        except ValueError:  # no URL that can be taken apart
            return None

    def listener(self, port: int) -> tuple[str | None, str | None]:
        """Who calls and who answers through a port that `proxy:` names."""
        for listen, service, caller in self._settings.listeners:
            if listen == port:
                return caller, service
        return None, None

    def emit(self, event: events.Event, headers: events.Headers = ()) -> None:
        """Redact the event and append it to the spool. `headers` are those of the message whose body it ends."""
        try:
            self._write(events.to_line(self._settings.redactor.event(event, headers)))
            if self.dropped != self._dropped_said:  # a full disk has room again: what it took is told
                self._say_counts(at_once=True)
        except spool.Full:
            self.dropped += 1
            self.fault(f"this process has written its {self._settings.maximum} bytes (capture: max); no more is kept")
            self._say_counts()
        except Exception as error:
            self.dropped += 1
            self.fault(f"cannot record: {error}")

    def _write(self, line: bytes, *, beyond: bool = False) -> None:
        if self._spool is None:
            settings = self._settings
            self._spool = spool.Spool(
                os.path.join(self.directory, "spool"),
                self._first_line,
                maximum=settings.maximum,
                group=settings.group,
            )
        self._spool.write(line, beyond=beyond)

    def _first_line(self) -> bytes:
        program = self.service or self._name or tags.service_name(self.application) or ""
        return events.to_line(
            events.Process(
                time.time(),
                self._host,
                os.getpid(),
                tags.valid_id(os.environ.get("REQUESTSHOOK_TRACE")),
                program,
                _versions(),
                self._settings.redaction[0],
                self.service is not None or bool(os.environ.get("REQUESTSHOOK_SERVICE")),
            )
        )

    def announce(self) -> None:
        """Write this process's first line now, where `run` waits for a sign of life."""
        if tags.valid_id(os.environ.get("REQUESTSHOOK_TRACE")):
            self.settings()
            with _swallowed(self):
                self._write(b"\n")

    def count_untied(self) -> None:
        """One more call that belongs to no recording."""
        self.untied += 1
        self._say_counts()

    def _say_counts(self, *, at_once: bool = False) -> None:
        """A line for each of the first, then for each eighth more: the newest is never far from how many there are."""
        now, counts = time.time(), (self.untied, self.ignored, self.dropped)
        total = sum(counts)
        if total < self._counts_due and now - self._counts_said < _SAY_COUNTS_EVERY and not at_once:
            return
        self._counts_said, self._counts_due = now, total + total // 8 + 1
        with _swallowed(self):
            self._write(events.to_line(events.Count(now, self._host, os.getpid(), *counts, self._why)), beyond=True)
            self._dropped_said = counts[2]

    def fault(self, what: str) -> None:
        """Say a fault of ours on standard error, once for each kind of it; it may quote what a program sent."""
        kind = what.partition(":")[0][:40]
        try:
            what = self._settings.redactor.text(what[:2000])[:_LONGEST_FAULT]
        except Exception:
            what = kind
        self._why = what
        if kind in self._said or len(self._said) > 20:
            return
        self._said.add(kind)
        self._say(f"requestshook: {what}")

    def origin(self, view: str, id: str, trace: str) -> events.Origin:
        """The origin of a new exchange's lines."""
        return events.Origin(view, id, trace, self._host, os.getpid(), next(self.numbers))


@contextmanager
def _swallowed(recorder: Recorder) -> Iterator[None]:
    try:
        yield
    except spool.Full:
        recorder.dropped += 1
    except Exception as error:
        recorder.dropped += 1
        recorder.fault(f"cannot record: {error}")


def _versions() -> tuple[tuple[str, str], ...]:
    from requestshook import __version__

    found = [("requestshook", __version__), ("python", ".".join(map(str, sys.version_info[:3])))]
    for name in ("requests", "urllib3", "gunicorn", "eventlet"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if isinstance(version, str):
            found.append((name, version))
    version = getattr(sys.modules.get("mitmproxy.version"), "VERSION", None)
    if isinstance(version, str):
        found.append(("mitmproxy", version))
    return tuple(found)


def _say(text: str) -> None:
    with suppress(Exception):
        os.write(2, (text + "\n").encode("utf-8", "backslashreplace"))


recorder = Recorder()


def _count_anew() -> None:
    """A forked child counts from nothing: what came before is told by its parent."""
    recorder.untied = recorder.ignored = recorder.dropped = 0
    recorder._counts_due, recorder._dropped_said = 1, 0


os.register_at_fork(after_in_child=_count_anew)
