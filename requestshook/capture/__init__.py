"""Capture points: a foreign object becomes events, and the events are emitted."""
