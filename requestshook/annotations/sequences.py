"""The longest common sequence of two lists, runs of neighbours preferred, and every other one that is as good.

Rows are the first list, columns the second; a row knows the columns that it may stand at. Of two ways to pair them
the one with more pairs is better, then the one in which more neighbours stay neighbours. Pure numbers: what rows and
columns are is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add

Rows = Sequence[Sequence[int]]  # for each row the columns it may stand at, ascending


@dataclass(frozen=True, slots=True)
class Pairing:
    """One of the best ways, and what the others have in its place."""

    chosen: tuple[int | None, ...]  # for each row its column; of equals the earliest row at its earliest column
    choices: tuple[tuple[int, ...], ...]  # for each row the columns that it has in any of the best ways
    free: tuple[bool, ...]  # for each row whether one of the best ways leaves it out


_LARGE = 4_000_000  # rows x columns: seconds, and 100 MB
_MARGIN = 200  # what is still compared next to an end that is as it was


def pair(rows: Rows, width: int, *, neighbours: bool = True) -> Pairing:
    """Pair rows with columns in order, in time and memory of rows x columns, most of it at C's speed.

    Without `neighbours` two ways are as good if they have as many pairs. Of more than 2,000 of each a beginning and an
    end that are as they were are not asked what else they could be.
    """
    if len(rows) * width <= _LARGE:
        return _pair(rows, width, int(neighbours))
    head = _as_they_were(zip(range(width), rows))
    tail = _as_they_were(zip(range(width - 1, head - 1, -1), reversed(rows[head:])))
    middle = rows[head : len(rows) - tail]
    inside = [[at - head for at in row if head <= at < width - tail] for row in middle]
    inner = _pair(inside, width - tail - head, int(neighbours))
    before, after = range(head), range(width - tail, width)
    return Pairing(
        (*before, *(None if at is None else at + head for at in inner.chosen), *after),
        (
            *((at,) for at in before),
            *(tuple(at + head for at in row) for row in inner.choices),
            *((at,) for at in after),
        ),
        (*(False for _ in before), *inner.free, *(False for _ in after)),
    )


def _as_they_were(places: Iterable[tuple[int, Sequence[int]]]) -> int:
    """How many rows, from one end on, may stand at their own column, but for a margin and unless all do."""
    count = 0
    for column, row in places:
        if column not in row:
            return max(0, count - _MARGIN)
        count += 1
    return count


def _pair(rows: Rows, width: int, link: int) -> Pairing:
    height = len(rows)
    weight = height + 1  # one more pair counts more than any number of neighbours
    before, ending = _grow(rows, width, weight, link)
    mirrored = [[width - 1 - column for column in reversed(row)] for row in reversed(rows)]
    after, starting = _grow(mirrored, width, weight, link)
    best = before[height][width]

    def from_here(row: int, column: int) -> int:
        return starting[height - 1 - row][width - 1 - column]

    choices = tuple(
        tuple(column for column in rows[row] if ending[row][column] + from_here(row, column) - weight == best)
        for row in range(height)
    )
    free = tuple(max(map(add, before[row], reversed(after[height - 1 - row]))) == best for row in range(height))
    chosen: list[int | None] = [None] * height
    last, score = (-1, -1), 0
    for row in range(height):
        for column in choices[row]:
            gained = score + (link if column and last == (row - 1, column - 1) else 0)
            if column > last[1] and gained + from_here(row, column) == best:
                chosen[row], last, score = column, (row, column), gained + weight
                break
    return Pairing(tuple(chosen), choices, free)


def _grow(rows: Rows, width: int, weight: int, link: int) -> tuple[list[list[int]], list[dict[int, int]]]:
    """The best score of the first r rows and c columns, and for each row that of the ways that end with its pairs."""
    best = [[0] * (width + 1)]
    ending: list[dict[int, int]] = []
    above: dict[int, int] = {}
    for row in rows:
        start, here = best[-1], {}
        reached = start.copy()
        for column in row:
            beside = above.get(column - 1, -1) + link
            score = weight + (beside if beside > start[column] else start[column])
            here[column] = score
            if score > reached[column + 1]:
                reached[column + 1] = score
        best.append(list(accumulate(reached, max)) if row else start)
        ending.append(here)
        above = here
    return best, ending
