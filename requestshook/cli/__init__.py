"""The command line: parse, call one function, print. Commands: docs/commands.md."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

from requestshook.errors import ConfigError, RequestshookError, SelectorError

NOT_SO = 1  # the thing asked about does not hold or was not found
WRONG_USAGE = 2
INTERRUPTED = 130  # as a shell reports SIGINT
NO_READER = 141  # as a shell reports SIGPIPE

_HINTS = {  # by a parameter of the command that got an argument too many
    "name": ": a recording's name is given with --name",
    "number": ": a step's number is given with --step",
}
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; what goes wrong is one line on standard error."""
    import click

    _write_anything()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)  # the demo starts us with these held back
        status = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        status = error.exit_code
    except click.UsageError as error:
        return _say(_usage(error), WRONG_USAGE)
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except (ConfigError, SelectorError) as error:
        return _say(str(error), WRONG_USAGE)
    except RequestshookError as error:
        return _say(str(error), NOT_SO)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _close_quietly()
    except OSError as error:
        return _say(_fault(error), NOT_SO)
    return status if isinstance(status, int) else 0


def _run(arguments: Sequence[str]) -> object:
    """What the command gives. This is not click's `main`, which speaks where a command is interrupted or unread."""
    from requestshook.cli.group import COMPLETE, cli

    asked = os.environ.get(COMPLETE)
    if asked:
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "requestshook", COMPLETE, asked)
    with cli.make_context("requestshook", list(arguments)) as context:
        return cli.invoke(context)


def _say(text: str, status: int) -> int:
    from requestshook.cli.terminal import clean

    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError, ValueError):
        print(f"requestshook: {clean(text)}", file=sys.stderr)
    return status


def _usage(error: object) -> str:
    """What was wrong with the arguments, and where the help is."""
    import click

    assert isinstance(error, click.UsageError)
    what = " ".join(error.format_message().split()).rstrip(".").replace(". (Did", " (did").replace(". Did", ", did")
    path = error.ctx.command_path if error.ctx else "requestshook"
    if "unexpected extra argument" in what and error.ctx:
        what += "".join(_HINTS.get(parameter.name or "", "") for parameter in error.ctx.command.params)
    return f"{what[:1].lower()}{what[1:]} (see {path} --help)"


def _fault(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{os.fsdecode(error.filename)}: {reason}" if error.filename is not None else reason


def _write_anything() -> None:
    """Captured text may hold what the terminal's encoding lacks: it is spelled out, not an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _close_quietly() -> int:
    """Whoever read our output has gone: nothing is left to say, also not at the interpreter's end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NO_READER
