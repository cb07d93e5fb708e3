"""A small real system to record: the first thing to try."""
