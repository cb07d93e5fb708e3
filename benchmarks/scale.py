"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """A part of the whole measure: 1 for figures to publish, next to 0 to see that everything runs."""

    part: float = 1.0

    def of(self, whole: int, least: int = 1) -> int:
        """So much of a whole measure, and no less than `least`."""
        return max(least, round(whole * self.part))
