"""Text as YAML has to spell it: scalars that read back as they were, and comments that end with their line."""

from __future__ import annotations

import json
import re

_PLAIN = re.compile(r"[0-9A-Za-z_$][\w.$\[\]-]*(?:[ /][\w.$\[\]-]+)*", re.ASCII)
# What YAML 1.1 takes for the end of a line, or refuses (5.1), beyond what JSON escapes.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_NOT_IN_COMMENTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_PSEUDONYM = re.compile("‹([^‹›:]*):[0-9a-f]{16}›")


def quoted(text: str) -> str:
    """The text in double quotes."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def scalar(text: str) -> str:
    """The text, in quotes unless it is plain enough without: our reader guesses no types."""
    return text if _PLAIN.fullmatch(text) else quoted(text)


def comment(text: str) -> list[str]:
    """The lines of captured text for comments: without control characters, and without what redaction keeps a secret
    of the store's.
    """
    text = _PSEUDONYM.sub(r"‹\1›", text.replace("\r\n", "\n"))
    return [_NOT_IN_COMMENTS.sub(_picture, line.rstrip()) for line in text.rstrip().split("\n")]


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return " " if code == 9 else chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"
