"""A WSGI application (PEP 3333) with its calls recorded: what it gets and gives passes by unchanged, the tags aside.

The id of the call being answered is in `recording.serving` while the application runs: in its call, in each step of
its iterable and in `close()`, and nowhere else, so that the server's own context stays as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import Token
from stat import S_ISREG
from typing import Any

from requestshook import recording, tags
from requestshook.capture import environ as environs
from requestshook.capture.inputs import Input
from requestshook.capture.served import Served
from requestshook.events import CLOSED, COMPLETE, Body
from requestshook.recording import Serving, serving

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

CALL = "requestshook.call"  # in the environ of a recorded call: an inner middleware leaves it alone


class Middleware:
    """Records the calls that a WSGI application answers.

    `service` is what the application is called on the pages. A call that belongs to no recording passes by
    untouched. Putting it around twice is putting it around once.
    """

    def __init__(self, application: Application, service: str | None = None) -> None:
        self._application = application
        self._service = service and tags.as_name(service)
        _name(recording.recorder, self._service)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one call as the application does."""
        served = _begin(environ, self._service)
        if served is None:
            return self._application(environ, start_response)
        token = serving.set(served.serving)
        try:
            result = self._application(environ, StartResponse(served, start_response))
        except BaseException as error:
            served.fail(error)
            raise
        finally:
            _leave(token)
        watched: Iterable[bytes] = _watch(served, result, environ)
        return watched

    def __getattr__(self, name: str) -> Any:
        if name == "_application":  # a copy that is not whole yet
            raise AttributeError(name)
        return getattr(self._application, name)


def _name(recorder: recording.Recorder, service: str | None) -> None:
    if service and recorder.service is None:
        recorder.service = service


def _leave(token: Token[Serving | None]) -> None:
    with suppress(ValueError):  # the program has changed its context meanwhile, and left ours with it
        serving.reset(token)


def _begin(environ: Environ, service: str | None) -> Served | None:
    """The call, its request told; None where it belongs to no recording, or is told by an outer middleware."""
    recorder = recording.recorder
    try:
        outer = environ.get(CALL)
        if outer is not None and not outer.over:
            return None
        inbound = environs.inbound(environ)
        trace = recorder.trace_for_inbound(inbound.trace)
        if trace is None:
            recorder.count_untied()
            return None
        _name(recorder, service)
        return _told(recorder, environ, inbound, trace, service)
    except Exception as error:
        recorder.fault(f"a served call is not recorded: {type(error).__name__}: {error}")
        return None


def _told(
    recorder: recording.Recorder, environ: Environ, inbound: tags.Inbound, trace: str, service: str | None
) -> Served:
    method, url = str(environ.get("REQUEST_METHOD", "")), environs.url(environ)
    recorder.answers_at(url)
    name = service or recorder.name()
    caller = inbound.caller or recorder.client_name(environ.get("HTTP_USER_AGENT", "")) or "-"
    recorded = not recorder.is_ignored(caller, name, method, url)
    served = Served(recorder, Serving(inbound.id or tags.new_id(), trace), caller, method, recorded=recorded)
    if recorded:
        has_content = environs.has_content(environ)
        length = environs.content_length(environ)
        http = str(environ.get("SERVER_PROTOCOL", ""))
        headers = environs.without_forged(environs.headers(environ), environ, inbound, served.serving.id, caller)
        served.begin(inbound.parent, name, method, url, http, headers, has_content, length)
        if has_content and "wsgi.input" in environ:
            environ["wsgi.input"] = Input(environ["wsgi.input"], served)
    environ[CALL] = served
    return served


class StartResponse:
    """The server's `start_response`, with the tags put onto the headers."""

    __slots__ = ("_served", "_start_response")

    def __init__(self, served: Served, start_response: Callable[..., Any]) -> None:
        self._served = served
        self._start_response = start_response

    def __call__(self, *args: Any, **options: Any) -> Any:
        tagged = self._tagged(args)
        try:
            write = self._start_response(*tagged, **options)
            if len(tagged) > 1:
                self._served.answer(tagged[0], tagged[1])
        finally:
            del args, tagged, options  # `exc_info` among them would hold this frame
        return self._noted(write) if self._served.recorded and callable(write) else write

    def _tagged(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments with a tagged copy of the headers; as they are where those are no list of pairs."""
        try:
            if len(args) > 1 and isinstance(args[1], list):
                return (args[0], self._served.tagged(args[1]), *args[2:])
        except Exception:
            pass  # the server has its own words for what is wrong with them
        return args

    def _noted(self, write: Callable[[Any], Any]) -> Callable[[Any], Any]:
        served = self._served

        def noted(data: Any) -> Any:
            served.sent(data)
            return write(data)

        return noted


def _watch(served: Served, result: Any, environ: Environ) -> Any:
    """The application's result, as it is where it can be seen through, else with its steps noted."""
    kind = type(result)
    if kind is list or kind is tuple:
        served.whole(result)
        return result
    try:
        if kind.__name__ == "_AlreadyHandled":  # eventlet before 0.33 knows it by its class
            served.whole(())
            return result
        is_file, body = _file(served, result, environ)
        if is_file:
            served.known(body)
            return result
        return (SizedResult if hasattr(kind, "__len__") else Result)(served, result)
    except Exception as error:
        served.recorder.fault(f"a served call is not recorded in full: {type(error).__name__}: {error}")
        return result


def _file(served: Served, result: Any, environ: Environ) -> tuple[bool, Body]:
    """Whether the result is a file that the server sends by itself, which a tee would prevent, and its content."""
    wrapper = environ.get("wsgi.file_wrapper")
    if not (isinstance(result, wrapper) if isinstance(wrapper, type) else wrapper and hasattr(result, "read")):
        return False, Body("", 0)
    file = getattr(result, "filelike", result)
    try:
        number = file.fileno()
        status = os.fstat(number)
    except Exception:
        # No descriptor, nothing to send by itself: its octets are seen as the server takes them.
        return file is result, Body(None, 0, why="a file without a descriptor")
    if not S_ISREG(status.st_mode):
        return False, Body("", 0)
    offset = file.tell() if hasattr(file, "tell") else os.lseek(number, 0, os.SEEK_CUR)
    size = served.declared(max(status.st_size - offset, 0))
    head = os.pread(number, min(size, served.recorder.body_limit), offset)
    return True, Body(head, size, size > len(head))


class Result:
    """The application's iterable: one step of it for one step of the server, `close()` as it has it."""

    def __init__(self, served: Served, result: Any, of: Any = None) -> None:
        self._served = served
        self._result = result
        self._of = of  # what it iterates over, kept as a server keeps it

    def __iter__(self) -> Iterator[Any]:
        token = serving.set(self._served.serving)
        try:
            iterator = iter(self._result)
        except BaseException as error:
            self._served.fail(error)
            raise
        finally:
            _leave(token)
        return self if iterator is self._result else Result(self._served, iterator, self)

    def __next__(self) -> Any:
        served = self._served
        token = serving.set(served.serving)
        try:
            chunk = next(self._result)
        except StopIteration:
            served.end(COMPLETE)
            raise
        except BaseException as error:
            served.fail(error)
            raise
        finally:
            _leave(token)
        served.sent(chunk)
        return chunk

    def close(self) -> None:
        """Close the application's iterable, where it can be closed; the call is over."""
        served = self._served
        token = serving.set(served.serving)
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            served.fail(error)
            raise
        finally:
            _leave(token)
        served.end(CLOSED)

    def __getattr__(self, name: str) -> Any:
        if name in ("_result", "_served"):
            raise AttributeError(name)
        return getattr(self._result, name)

    def __del__(self) -> None:
        if self._of is None:
            self._served.end(CLOSED)


class SizedResult(Result):
    """An iterable that tells how many pieces it has."""

    def __len__(self) -> int:
        return len(self._result)
