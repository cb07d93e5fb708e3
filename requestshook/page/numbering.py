"""The numbers that a page gives to redacted values, for those who show a step without its page."""

from __future__ import annotations

from requestshook.page import command
from requestshook.page.author import Author
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.references import References
from requestshook.page.settings import PageSettings, Words
from requestshook.page.steps import StepWriter
from requestshook.trace.calls import Trace
from requestshook.trace.disagreeing import Load


def pseudonyms(trace: Trace, load: Load, settings: PageSettings) -> Pseudonyms:
    """What a page of the trace calls `‹token:…›`; reads every message once, as the page does."""
    words, found, references = Words(settings.labels), Pseudonyms(), References(trace.calls, settings)
    author = Author(trace, None, references, settings, load, found.numbered, [])
    writer = StepWriter(load, settings, words, found, references, author)
    writer.views.follow(trace.calls)
    found.note(command.texts(trace))
    for step in trace.steps:
        found.note(one.text for one in writer.said(step))
    return found
