"""Completion in shells."""

from __future__ import annotations

import click

from requestshook.cli import terminal
from requestshook.cli.group import COMPLETE, Command, cli

_WHERE = {
    "bash": 'eval "$(requestshook completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(requestshook completion zsh)"   # in ~/.zshrc',
    "fish": "requestshook completion fish > ~/.config/fish/completions/requestshook.fish",
}


@click.command(
    "completion",
    cls=Command,
    examples="""
    eval "$(requestshook completion bash)"
    requestshook completion fish > ~/.config/fish/completions/requestshook.fish
    """,
)
@click.argument("shell", type=click.Choice(list(_WHERE)))
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options and the names of recordings.

    On a terminal it says instead where the script has to go.
    """
    if terminal.on_terminal():
        terminal.say(f"To complete requestshook in {shell}:")
        terminal.say(f"  {_WHERE[shell]}", "bold")
        return
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "requestshook", COMPLETE).source())
