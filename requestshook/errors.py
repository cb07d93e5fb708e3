"""The errors that requestshook raises on purpose.

    RequestshookError            the base; only the command line catches it
    ├── EventError               a spool line that cannot be read
    ├── SpellingError            a text that its grammar refuses: a JSON path, a highlight, a variable's value
    │   └── SelectorError        a selector that cannot be parsed
    ├── ConfigError              requestshook.yaml says something that it may not
    ├── StoreError               the store cannot be opened, or is of a newer version
    └── NotFoundError            a trace, step or call that is not there

Nothing of this ever reaches a program under observation: capture points swallow and count their own faults.
"""


class RequestshookError(Exception):
    """A fault that has a one-line explanation for the person at the keyboard."""


class EventError(RequestshookError):
    """A line that is not an event: the reason, without the file and line (the reader adds them)."""


class SpellingError(RequestshookError):
    """Text that its grammar refuses; `position` is the index of the character at fault."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class SelectorError(SpellingError):
    """Text that is not a selector."""


class ConfigError(RequestshookError):
    """One or more faults of a YAML file, each with file, line and what was expected."""


class StoreError(RequestshookError):
    """The store cannot be opened, read or written."""


class NotFoundError(RequestshookError):
    """What was asked for is not there (exit status 1)."""
