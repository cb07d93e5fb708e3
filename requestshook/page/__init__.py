"""A trace becomes a page."""
