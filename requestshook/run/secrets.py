"""What the command was given in secret must not stand in what it prints: its output is searched for these values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate

from requestshook.redact import Redactor
from requestshook.redact.shapes import Edit, apply_within

_SHORTEST = 6  # a shorter value stands in ordinary words by chance
_MOST_READ = 256 * 1024 * 1024  # octets of the spool
_WORD = re.compile(r"[^\s'\"`‹›|,;()<>\[\]{}]{6,}")
_MARK = re.compile("‹[\\w-]+:[0-9a-f]{16}›".encode())
_FOLDERS = ("PWD", "OLDPWD")  # a shell's, and no passwords

Pieces = tuple[tuple[str, str], ...]


def given(redactor: Redactor, command: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The secret values of a command line and an environment (`OS_PASSWORD=…`), each with its pseudonym."""
    if not redactor.on:
        return {}
    found: dict[str, str] = {}
    for argument, redacted in zip(command, redactor.arguments(command)):
        if argument != redacted:
            _add(found, *_difference(argument, redacted))
    for name, value in environ.items():
        if name in _FOLDERS:
            continue
        redacted = redactor.value(name, value)
        if redacted != value:
            _add(found, value, redacted)
    return found


def met(redactor: Redactor, spool: str, trace: str, output: Pieces) -> dict[str, str]:
    """The words of the output that were replaced elsewhere in the recording, each with its pseudonym there.

    The lines hold no secret, but its digits: a word that gives the same ones under the store's key is the secret.
    """
    known = _digits(spool, trace.encode()) if redactor.on and output else {}
    if not known:
        return {}
    found: dict[str, str] = {}
    text = "".join(text for _, text in output)
    for word in {part for match in _WORD.finditer(text) for part in _parts(match[0])}:
        pseudonym = redactor.pseudonym("token", word)
        if pseudonym[-17:-1] in known:
            _add(found, word, known[pseudonym[-17:-1]])
    return found


def _parts(word: str) -> Iterator[str]:
    """A word as it stands, without the stop after it, and what follows a sign in it: `token=…`, `id:…`."""
    yield word
    yield word.rstrip(".:!?")
    for sign in "=:":
        yield word.partition(sign)[2].rstrip(".:!?")


def _digits(spool: str, trace: bytes) -> dict[str, str]:
    """The pseudonyms in the spool's lines of this recording, by their digits."""
    found: dict[str, str] = {}
    room = _MOST_READ
    for entry in os.scandir(spool) if os.path.isdir(spool) else ():
        if room > 0 and entry.is_file(follow_symlinks=False):
            with suppress(OSError), open(entry.path, "rb") as file:
                for line in file:
                    room -= len(line)
                    if trace in line:
                        found.update((match[0].decode()[-17:-1], match[0].decode()) for match in _MARK.finditer(line))
                    if room < 0:
                        break
    return found


def _add(found: dict[str, str], value: str, pseudonym: str) -> None:
    if len(value) >= _SHORTEST:
        found[value] = pseudonym


def _difference(argument: str, redacted: str) -> tuple[str, str]:
    """What was replaced in an argument, and by what: the two without what they begin and end with alike."""
    begin = _alike(argument, redacted)
    rest, other = argument[begin:], redacted[begin:]
    end = _alike(rest[::-1], other[::-1])
    return rest[: len(rest) - end], other[: len(other) - end]


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def without(output: Pieces, secrets: Mapping[str, str]) -> Pieces:
    """The output with each secret replaced, one that begins in one piece of a stream and ends in the next as well."""
    if not secrets:
        return output
    pattern = re.compile("|".join(re.escape(value) for value in sorted(secrets, key=len, reverse=True)))
    texts = [text for _, text in output]
    for stream in {name for name, _ in output}:
        mine = [i for i, (name, _) in enumerate(output) if name == stream]
        edits = [Edit(m.start(), m.end(), secrets[m[0]]) for m in pattern.finditer("".join(texts[i] for i in mine))]
        begins = accumulate((len(texts[i]) for i in mine), initial=0)
        for i, text in [(i, apply_within(texts[i], begin, edits)) for i, begin in zip(mine, begins)]:
            texts[i] = text
    return tuple((name, text) for (name, _), text in zip(output, texts))
