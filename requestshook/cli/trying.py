"""`demo`: the first thing to try."""

from __future__ import annotations

from pathlib import Path

import click

from requestshook.cli import terminal
from requestshook.cli.group import Command


@click.command(
    "demo",
    cls=Command,
    examples="""
    requestshook demo
    requestshook demo -o /tmp/try
    requestshook demo --capture proxy
    """,
)
@click.option(
    "-o",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("requestshook-demo"),
    show_default=True,
    help="Where all of it goes.",
)
@click.option(
    "--capture",
    type=click.Choice(["hook", "proxy", "both"]),
    default="hook",
    show_default=True,
    help="Record from inside the processes, by a mitmproxy between them and nothing inside, or by both at once.",
)
def demo(folder: Path, capture: str) -> int:
    """Record a small real system and render it as a page.

    Four processes do to each other what OpenStack's do when an image is created: a command called openstack,
    keystone, glance-api and swift-proxy-server in miniature, on free ports of this machine. It takes a few seconds
    and leaves no process behind.
    """
    from requestshook.demo import driver

    return driver.demo(folder, terminal.console(), capture=capture)
