"""`addon`: what puts mitmproxy on the wire."""

from __future__ import annotations

import click

from requestshook.cli.group import Command
from requestshook.environment import PACKAGE
from requestshook.errors import NotFoundError

_NAME = "requestshook_addon.py"


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
    for folder in (PACKAGE / "addons", PACKAGE.parent / "addons"):  # installed, or a checkout
        if (folder / _NAME).is_file():
            click.echo(folder / _NAME)
            return
    raise NotFoundError(f"{_NAME} is missing beside {PACKAGE}; install requestshook anew")
