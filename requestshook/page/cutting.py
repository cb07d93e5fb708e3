"""Where a long flow is cut: a diagram into blocks, a page into pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from requestshook.trace.calls import Step


def cut(steps: Sequence[Step], most: int, fewest: int) -> Iterator[Sequence[Step]]:
    """Parts of at most `most` steps, about equally long, each begun by the outermost request in reach.

    A part that a cut ends has at least `fewest` steps.
    """
    while len(steps) > most:
        wanted = -(-len(steps) // -(-len(steps) // most))  # rounded up, of a number that is rounded up
        places = [place for place in range(fewest, most + 1) if steps[place].kind == "request"]
        place = min(places, key=lambda place: (steps[place].call.depth, abs(place - wanted)), default=most)
        yield steps[:place]
        steps = steps[place:]
    yield steps
