"""`env`, `run`, `start` and `stop`: what opens and closes recordings."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from requestshook.cli import opening, terminal
from requestshook.cli.group import Command
from requestshook.errors import NotFoundError, RequestshookError

if TYPE_CHECKING:
    from requestshook.events import Event
    from requestshook.workspace import OpenRecording, Workspace

_NAME = "recording"  # what `start` calls one


def made_workspace() -> Workspace:
    """The folder of the configuration, made and up to date."""
    from requestshook.config import load
    from requestshook.workspace import Workspace

    workspace = Workspace(load())
    workspace.refresh()
    return workspace


@click.command(
    "start",
    cls=Command,
    examples="""
    requestshook start
    requestshook start --name nightly-backup
    """,
)
@click.option("--name", default=_NAME, show_default=True, help="What the recording is called.")
def start(name: str) -> None:
    """Open a recording by hand, for services that run on: every call of theirs that belongs to no other goes into it.

    It stays open until `requestshook stop`. Where several are open, calls go into the newest.
    """
    from requestshook import events, tags

    workspace = made_workspace()
    name = name or _NAME  # as with `run`, an empty one is none
    others = workspace.recordings()
    trace = tags.new_trace_id(workspace.refresh().key)
    _write(workspace, events.Recording(time.time(), trace, name, ()))
    workspace.open_recording(trace, name)
    terminal.say(f"recording {name} ({trace[:8]}) is open")
    if others:
        terminal.note(f"{_named(others)} open too; calls go into the newest, {name!r}, until it is closed")
    say_unable(workspace)
    terminal.say_next("requestshook stop")


@click.command(
    "stop",
    cls=Command,
    examples="""
    requestshook stop
    requestshook stop nightly-backup
    """,
)
@click.argument("trace", required=False, shell_complete=opening.complete_open)
def stop(trace: str | None) -> None:
    """Close the newest recording that start opened, or the one given."""
    from requestshook import events

    workspace = made_workspace()
    found = _closing(workspace, trace)
    workspace.close_recording(found.trace)
    _write(workspace, events.Recorded(time.time(), found.trace, None))
    with opening.reading() as opened:
        calls = next((item.calls for item in opened.store.traces() if item.id == found.trace), 0)
    terminal.say(f"{_calls(calls)} recorded as {found.name} ({found.trace[:8]})")
    left = [item for item in workspace.recordings() if item.pid is None]
    if left:
        terminal.note(f"{_named(left)} still open")
    terminal.say_next(f"requestshook show {shlex.quote(found.name)}" if calls else "requestshook status")


def _closing(workspace: Workspace, text: str | None) -> OpenRecording:
    """The recording to close; those of a `run --all` end with their command."""
    held = [item for item in reversed(workspace.recordings()) if item.pid is None]
    for item in held:
        if text is None or text in (item.name, item.trace):
            return item
    begun = [item for item in held if text and (item.trace.startswith(text) or item.name.startswith(text))]
    if len({item.trace for item in begun}) == 1:
        return begun[0]
    if not held:
        raise NotFoundError("no recording is open: open one with `requestshook start`")
    if begun:
        raise NotFoundError(f"{text!r} could be any of: {', '.join(f'{i.name} ({i.trace[:8]})' for i in begun)}")
    raise NotFoundError(f"no recording {text!r} is open; open: {', '.join(item.name for item in held)}")


def _write(workspace: Workspace, event: Event) -> None:
    """One line into a spool file of this command's own."""
    from requestshook import recording

    said: list[str] = []
    recorder = recording.Recorder(workspace.folder, say=said.append)
    recorder.service = "requestshook"
    recorder.settings()
    recorder.emit(event)
    if recorder.dropped:
        raise RequestshookError(
            said[0].removeprefix("requestshook: ") if said else "the recording's line could not be written"
        )


def _named(found: Sequence[OpenRecording]) -> str:
    names = ", ".join(repr(item.name) for item in found)
    return f"{names} {'is' if len(found) == 1 else 'are'}"


def _calls(number: int) -> str:
    return f"{number} call{'' if number == 1 else 's'}"


def say_unable(workspace: Workspace) -> None:
    """Say which services that are to record here cannot write here."""
    from requestshook.cli.running import unable

    for service in unable(workspace):
        terminal.note(
            f"{service.program} (pid {service.pid}) runs as {service.user} and cannot write to {workspace.spool}: "
            "`capture: {group: NAME}` in requestshook.yaml shares it"
        )


@click.command(
    "env",
    cls=Command,
    examples="""
    eval "$(requestshook env shell)"
    requestshook env systemd > /etc/systemd/system/glance-api.service.d/requestshook.conf
    requestshook env compose
    """,
)
@click.argument("kind", type=click.Choice(["shell", "systemd", "compose"]))
@click.option("--service", metavar="NAME", help="What the service is called; without it, it finds its own name.")
def env(kind: str, service: str | None) -> None:
    """Print what to paste so that services record here: for a shell, a systemd unit or a compose file.

    The services load the hook and the middleware as they start, without an edit. 0 or an empty REQUESTSHOOK is off.
    """
    from requestshook.environment import text

    workspace = made_workspace()
    click.echo(text(kind, workspace.folder, service), nl=False)


@click.command(
    "run",
    cls=Command,
    context_settings={"allow_interspersed_args": False},
    examples="""
    requestshook run -- openstack image create --file cirros.img cirros
    requestshook run --name nightly -- python backup.py
    requestshook run --all --no-output -- ./smoke-test.sh
    """,
)
@click.option("--name", help="What the recording is called; by default as the command.")
@click.option("--service", metavar="NAME", help="What the command is called on the pages; by default it finds out.")
@click.option("--all", "take_all", is_flag=True, help="Take calls of other services that are tied to nothing, too.")
@click.option("--no-output", is_flag=True, help="Do not keep what the command prints.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND...")
def run(command: tuple[str, ...], name: str | None, service: str | None, take_all: bool, no_output: bool) -> int:
    """Record one command, its child processes, and what services that record here do because of it.

    Nothing of the command is edited, and its exit status is passed on.
    """
    from requestshook import run as body

    workspace = made_workspace()
    say_unable(workspace)
    ran = body.run(workspace.config, command, name=name, service=service, all=take_all, keep_output=not no_output)
    if ran.trace is not None and sys.stderr.isatty():
        say_recorded(ran.trace)
    return ran.status


def say_recorded(trace: str) -> None:
    """How many calls there were; whatever goes wrong here is not the command's fault."""
    try:
        with opening.reading() as opened:
            summaries = opened.store.traces()
    except (RequestshookError, OSError) as error:
        terminal.note(str(error))
        return
    found = next((summary for summary in summaries if summary.id == trace), None)
    if found is not None:
        next_one = f"requestshook show {shlex.quote(found.name)}" if found.calls else "requestshook status"
        terminal.note(f"{_calls(found.calls)} recorded as {found.name} ({found.id[:8]}); next: {next_one}")
