"""The first pass: what capture wrote as `‹kind:16 hex digits›` gets a number by its first use, as `‹token-1›`."""

from __future__ import annotations

import re
from collections.abc import Iterable

FORM = re.compile(r"‹(\w+):([0-9a-f]{16})›")


class Pseudonyms:
    """One number for each hash within a kind, in the order in which they were first noted."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}
        self._last: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def note(self, texts: Iterable[str]) -> None:
        """Number what the texts hold."""
        for text in texts:
            if "‹" in text:
                for found in FORM.finditer(text):
                    if found[0] not in self._numbers:
                        number = self._last[found[1]] = self._last.get(found[1], 0) + 1
                        self._numbers[found[0]] = f"‹{found[1]}-{number}›"

    def numbered(self, text: str) -> str:
        """The text with its numbers; a pseudonym that was never noted stays as it is."""
        if "‹" not in text:
            return text
        return FORM.sub(lambda found: self._numbers.get(found[0], found[0]), text)
