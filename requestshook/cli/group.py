"""The commands by name. A command's module is imported when the command runs, so that help costs no more than click."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import click


class Entry(NamedTuple):
    """Where a command is written, and what it says of itself in the list."""

    module: str
    short_help: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Begin": {
        "demo": Entry("trying", "Record and render a small real system: try this first."),
        "init": Entry("keeping", "Write a starting requestshook.yaml."),
        "env": Entry("recording", "What to paste so that services record here."),
    },
    "Record": {
        "run": Entry("recording", "Record one command and all that it causes."),
        "proxy": Entry("proxying", "Put the wire addon before every service, and record."),
        "addon": Entry("proxying", "Print the path of the addon for mitmproxy."),
        "start": Entry("recording", "Open a recording by hand, for services that run on."),
        "stop": Entry("recording", "Close a recording that start opened."),
        "status": Entry("watching", "Is a recording open? Who has written, when, how much?"),
    },
    "Read": {
        "collect": Entry("collecting", "Put spool lines into the store."),
        "traces": Entry("reading", "List the recordings."),
        "watch": Entry("following", "Follow a recording as it happens."),
        "show": Entry("reading", "Look at one recording, step or call."),
        "annotate": Entry("annotating", "Begin an annotation file, or add to one what is new."),
        "render": Entry("rendering", "Write a recording as a page."),
        "site": Entry("sites", "Write an mkdocs project around the pages."),
    },
    "Exchange": {
        "import": Entry("exchanging", "Make recordings of HAR, mitmproxy flows or spool lines."),
        "export": Entry("exchanging", "Write a recording as HAR, mitmproxy flows or spool lines."),
    },
    "Keep": {
        "rm": Entry("keeping", "Forget recordings."),
        "prune": Entry("keeping", "Forget recordings older than an age."),
        "schema": Entry("describing", "Print the JSON Schema by which editors check our YAML files."),
        "completion": Entry("shells", "Print the script that completes commands and names in a shell."),
    },
}
COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Command(click.Command):
    """A command whose help ends in examples, printed as they are written."""

    def __init__(self, *args: Any, examples: str, **kwargs: Any) -> None:
        name = kwargs.get("name") or args[0]
        kwargs.setdefault("short_help", COMMANDS[name].short_help)
        super().__init__(*args, **kwargs)
        self.examples = tuple(line.strip() for line in examples.strip().splitlines())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # of an option without its value click does not say whose it is
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write("\nExamples:\n")
        formatter.write("".join(f"  {line}\n" for line in self.examples))


class Lazy(click.Group):
    """A group that knows its commands by name and imports one only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        entry = COMMANDS.get(name)
        if entry is None:
            return None
        module = importlib.import_module(f"requestshook.cli.{entry.module}")
        found = getattr(module, name, None) or getattr(module, f"{name}_")  # `import` is a word of Python's
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(10), entry.short_help) for name, entry in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        found = [CompletionItem(n, help=e.short_help) for n, e in COMMANDS.items() if n.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = next(_near(args[0]), None)
            hint = f", did you mean {near}?" if near else ""
            ctx.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)


def _near(name: str) -> Iterator[str]:
    import difflib

    yield from difflib.get_close_matches(name, COMMANDS, n=1)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from requestshook import __version__

        click.echo(f"requestshook {__version__}")
        ctx.exit()


COMPLETE = "_REQUESTSHOOK_COMPLETE"  # the variable by which a shell asks for completions
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=Lazy, context_settings=CONTEXT, invoke_without_command=True, subcommand_metavar="COMMAND [ARGS]...")
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Record what services say to each other while one thing is done, and publish it as a page.

    TRACE is a recording's name (the newest with it), its id, or an unambiguous start of one; left out, the
    newest recording. The first thing to try is requestshook demo.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(2)
