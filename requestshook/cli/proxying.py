"""`addon` and `proxy`: what puts mitmproxy on the wire."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from requestshook.cli import announcing, terminal
from requestshook.cli.group import Command
from requestshook.cli.recording import made_workspace, say_recorded

if TYPE_CHECKING:
    from rich.status import Status

_PATIENCE = 1.0  # seconds without a sign of life


@click.command(
    "addon",
    cls=Command,
    examples="""
    mitmdump -s "$(requestshook addon)" --mode reverse:http://127.0.0.1:5000@35000
    """,
)
def addon() -> None:
    """Print the path of the addon for mitmproxy, mitmdump and mitmweb.

    It records what passes through the proxy. mitmproxy may be of any environment: the addon finds this requestshook
    from where it lies.
    """
    from requestshook.proxy.arguments import addon as path

    click.echo(path())


def _settings(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    from requestshook.proxy.arguments import OURS

    for item in given:
        name, sign, _ = item.partition("=")
        if not (name and sign):
            raise click.BadParameter(f"expected NAME=VALUE, found {item!r}", ctx, param)
        if name in OURS:
            raise click.BadParameter(f"{name} is for requestshook to set", ctx, param)
    return given


def _caller(ctx: click.Context, param: click.Parameter, name: str | None) -> str | None:
    from requestshook.tags import valid_name

    if name is not None and valid_name(name) is None:
        raise click.BadParameter("a name has 1 to 128 letters, digits and _ . : @ / + -", ctx, param)
    return name


def _complete_host(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return [host for host in ("127.0.0.1", "0.0.0.0", "::1", "::") if host.startswith(incomplete)]


@click.command(
    "proxy",
    cls=Command,
    context_settings={"allow_interspersed_args": False},
    examples="""
    requestshook proxy
    requestshook proxy --name smoke -- ./smoke-test.sh
    requestshook proxy --regular -- curl https://example.org/
    requestshook proxy --env > proxy.env & until [ -s proxy.env ]; do sleep 0.1; done; . ./proxy.env
    """,
)
@click.option("--name", help="What the recording is called; by default as the command, else proxy.")
@click.option(
    "--from",
    "caller",
    metavar="NAME",
    callback=_caller,
    help="Who calls, where no tag, no listener and no User-Agent pattern of ours says so.",
)
@click.option("--env", "as_env", is_flag=True, help="Print the addresses as lines for a shell.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON, on one line.")
@click.option(
    "--regular",
    "forward",
    metavar="[PORT]",
    type=click.IntRange(0, 65535),
    is_flag=False,
    flag_value=0,
    help="Open a forward proxy, too, and lead all of the command's calls through it.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    shell_complete=_complete_host,
    help="The address that listeners are opened at.",
)
@click.option("--hook", is_flag=True, help="Put the hook into the command as well, as run does.")
@click.option("--no-output", is_flag=True, help="Do not keep what the command prints.")
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_settings,
    help="An option of mitmproxy's; may be given several times.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def proxy(command: tuple[str, ...], as_env: bool, as_json: bool, name: str | None, **wishes: Any) -> int:
    """Put the wire addon before every service of the configuration, and record what passes.

    Prints which address to use in place of each service's own, once every listener answers. Then COMMAND runs, with
    these addresses in its environment (KEYSTONE_URL for keystone), and its exit status is passed on; without one, the
    proxy runs until Ctrl-C.
    """
    from requestshook import proxy as body

    if as_env and as_json:
        raise click.UsageError("--env and --json exclude each other")
    workspace = made_workspace()
    progress = _Progress()
    wanted = body.Wishes(
        wishes["host"], wishes["forward"], wishes["caller"], wishes["settings"], wishes["hook"], not wishes["no_output"]
    )

    def up(found: body.Up) -> None:
        progress.stop()
        announcing.announce(found, as_env=as_env, as_json=as_json, has_command=bool(command))

    with progress:
        ran = body.proxy(workspace, command, wanted, body.Said(progress.wait, up, terminal.note), name=name)
    if ran.trace is not None and (not command or sys.stderr.isatty()):
        say_recorded(ran.trace)
    return ran.status


class _Progress:
    """A sign of life on standard error, from the moment on when somebody would wonder."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._status: Status | None = None

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self) -> None:
        """It is not up yet."""
        if self._status is None and sys.stderr.isatty() and time.monotonic() - self._begun > _PATIENCE:
            self._status = terminal.console(error=True).status("waiting for mitmdump …")
            self._status.start()

    def stop(self) -> None:
        """There is something to read now."""
        if self._status is not None:
            self._status.stop()
            self._status = None
