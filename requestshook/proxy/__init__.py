"""`requestshook proxy`: the wire addon before every service of the configuration, and a command behind it."""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, NoReturn

from requestshook import environment, mitmdump, tags
from requestshook.config import Config
from requestshook.errors import ConfigError, RequestshookError
from requestshook.proxy import arguments, certificates, listeners, ports
from requestshook.proxy.listeners import Place
from requestshook.proxy.process import Mitmdump
from requestshook.run import Ran, recorded
from requestshook.run.execution import NotStarted, execute, find
from requestshook.run.relay import Signals
from requestshook.workspace import Workspace

FORWARD = 8080  # the forward proxy's port, or the next free
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ATTEMPTS = 5
_TAKEN = os.strerror(errno.EADDRINUSE).lower()  # in what mitmdump says then
_LOOK = 0.5  # seconds between two looks at what mitmdump says


class Wishes(NamedTuple):
    """How the proxy is to be."""

    host: str = "127.0.0.1"  # its listeners' address
    forward: int | None = None  # a forward proxy's port; 0: any
    caller: str | None = None  # who calls, where nothing else tells
    settings: tuple[str, ...] = ()  # mitmproxy's, NAME=VALUE
    hook: bool = False  # whether the command carries the hook, too
    keep_output: bool = True


class Up(NamedTuple):
    """A proxy whose listeners answer."""

    name: str
    trace: str
    places: tuple[Place, ...]
    variables: dict[str, str]  # by which the addresses to use are known to a shell, and to the command
    host: str
    forward: str | None  # the forward proxy's address
    bundle: str | None  # the authorities to be trusted behind it


class Said(NamedTuple):
    """What happens, for somebody to be told."""

    waiting: Callable[[], None]  # called again and again until it is up
    up: Callable[[Up], None]
    line: Callable[[str], None]  # a warning, or what mitmdump says


def proxy(workspace: Workspace, command: Sequence[str], wishes: Wishes, said: Said, *, name: str | None = None) -> Ran:
    """Record what passes through the proxy while the command runs, or until a signal ends it where there is none.

    The command's exit status is told as `run` tells it. Raises RequestshookError where the proxy cannot be started;
    nothing was recorded then.
    """
    try:
        if command:
            find(command, os.environ)
        return _proxy(workspace, command, wishes, said, name or os.path.basename(command[0] if command else "proxy"))
    except NotStarted as error:
        said.line(str(error))
        return Ran(error.status, None)


def _proxy(workspace: Workspace, command: Sequence[str], wishes: Wishes, said: Said, name: str) -> Ran:
    trace = tags.new_trace_id(workspace.refresh().key)
    with Signals({signal.SIGTERM: _leave, signal.SIGHUP: _leave}), _started(workspace, trace, wishes, said) as started:
        child, up = started.child, _up(workspace, name, trace, started, wishes)
        with recorded(workspace, trace, name, command) as finished:
            said.up(up)
            if command:
                finished.append(
                    execute(command, _environ(workspace.folder, up, wishes), keep_output=wishes.keep_output)
                )
            else:
                _wait(child, said.line)
            _end(child, said.line)
        return Ran(finished[0].status if finished else 0, trace)


class _Started(NamedTuple):
    child: Mitmdump
    places: tuple[Place, ...]
    forward: int | None


@contextmanager
def _started(workspace: Workspace, trace: str, wishes: Wishes, said: Said) -> Iterator[_Started]:
    """mitmdump with all its listeners. A port that somebody else takes while it starts is given up for another."""
    environ = {**mitmdump.environment(), "REQUESTSHOOK_TRACE": trace}
    settings = _settings(workspace, wishes)
    program = mitmdump.find()
    for attempts_left in reversed(range(_ATTEMPTS)):
        places, forward = _plan(workspace.config, wishes)
        modes = [arguments.reverse(origin, wishes.host, port) for port, origin in listeners.origins(places).items()]
        modes += [arguments.regular(wishes.host, forward)] if forward else []
        numbers = [*listeners.origins(places), *([forward] if forward else [])]
        with Mitmdump(program, tuple(arguments.arguments(modes, settings, wishes.settings)), environ) as child:
            try:
                child.wait_until_up([(_local(wishes.host), number) for number in numbers], said.waiting)
            except RequestshookError as error:
                if attempts_left and _TAKEN in str(error):
                    continue
                raise
            yield _Started(child, places, forward)
            return


def _plan(config: Config, wishes: Wishes) -> tuple[tuple[Place, ...], int | None]:
    """The places, and the forward proxy's port; raises RequestshookError where there is none, or a port is taken."""
    if not (config.services or config.proxy) and wishes.forward is None:
        raise ConfigError(
            "there is no service to put a proxy before: say in requestshook.yaml who answers where, as in"
            " `services: {keystone: [http://127.0.0.1:5000]}`, or open a forward proxy with --regular"
        )

    def is_free(port: int) -> bool:
        return ports.is_free(wishes.host, port)

    given = [listener.listen for listener in config.proxy]
    if wishes.forward in given:
        raise ConfigError(f"{config.path}: proxy: port {wishes.forward} is to be that of the forward proxy")
    ports.demand(wishes.host, [*given, *([wishes.forward] if wishes.forward else [0])])
    places = listeners.places(config, lambda port: port != wishes.forward and is_free(port))
    forward = wishes.forward
    if forward == 0:
        forward = listeners.next_free(FORWARD, listeners.origins(places), is_free)
    return places, forward


def _settings(workspace: Workspace, wishes: Wishes) -> dict[str, str]:
    found = {"confdir": _confdir(workspace.folder, wishes), "requestshook_dir": workspace.folder}
    if wishes.caller is not None:
        found["requestshook_from"] = wishes.caller
    bases = [base for _, base in workspace.config.services] + [listener.target for listener in workspace.config.proxy]
    if wishes.forward is not None or any(base.lower().startswith("https:") for base in bases):
        trusted = certificates.write_trusted(workspace.folder, os.environ)
        if trusted is not None:
            found["ssl_verify_upstream_trusted_ca"] = trusted
    return found


def _confdir(folder: str, wishes: Wishes) -> str:
    given = [item.partition("=")[2] for item in wishes.settings if item.startswith("confdir=")]
    return os.path.expanduser(given[-1]) if given else certificates.confdir(folder)


def _up(workspace: Workspace, name: str, trace: str, started: _Started, wishes: Wishes) -> Up:
    host = _local(wishes.host)
    variables = listeners.variables(started.places, host)
    if started.forward is None:
        variables |= certificates.direct(os.environ, host)
        return Up(name, trace, started.places, variables, host, None, None)
    address = f"http://{listeners.bracketed(host)}:{started.forward}"
    bundle = certificates.write_bundle(workspace.folder, _confdir(workspace.folder, wishes), os.environ)
    variables |= certificates.variables(address, bundle)
    return Up(name, trace, started.places, variables, host, address, bundle)


def _environ(folder: str, up: Up, wishes: Wishes) -> dict[str, str]:
    """The command's environment; where its own environment loads the hook already, that belongs to this recording."""
    ours = {"REQUESTSHOOK_DIR": folder, "REQUESTSHOOK_TRACE": up.trace}
    if wishes.hook:
        ours = environment.variables(folder, os.environ, trace=up.trace)
    return {**os.environ, **up.variables, **ours}


def _local(host: str) -> str:
    """The address by which this machine reaches a listener that is opened on a host."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)


def _leave(number: int) -> NoReturn:
    raise SystemExit(128 + number)


def _wait(child: Mitmdump, say: Callable[[str], None]) -> None:
    """Until a signal comes; raises RequestshookError where mitmdump ends before that."""
    heard: list[int] = []
    with Signals(dict.fromkeys(_ENDING, heard.append)) as signals:
        while not heard:
            readable = select.select([signals.source, child.source], [], [], _LOOK)[0]
            signals.clear()
            if child.source in readable:
                raise child.ended()
            _pass_on(child, say)


def _end(child: Mitmdump, say: Callable[[str], None]) -> None:
    """End mitmdump, which writes its last lines then. What it says to being ended is nobody's concern."""
    _pass_on(child, say)
    if child.has_ended:
        say(str(child.fault()))
    child.stop()


def _pass_on(child: Mitmdump, say: Callable[[str], None]) -> None:
    for line in child.warnings():
        say(line.removeprefix("requestshook: "))
