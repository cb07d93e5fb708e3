"""The line of figures under the title, and what "About this recording" lists."""

from __future__ import annotations

from collections.abc import Iterator

from requestshook.events import Process
from requestshook.page import content, lanes, quantities
from requestshook.page.author import Author
from requestshook.page.settings import PageSettings, Words
from requestshook.trace.calls import Trace
from requestshook.trace.unheard import unheard

Item = tuple[str, str]  # a number (may be empty) and what it counts


def line(trace: Trace, redacted: int, settings: PageSettings, words: Words) -> list[Item]:
    """The figures in their order."""
    failures = sum(call.failed for call in trace.calls)
    unanswered = sum(call.unanswered for call in trace.calls)
    found = [
        _count(len(trace.calls), "call", "calls", words),
        _count(len(lanes.in_order(trace.calls)), "service", "services", words),
        _count(failures, "failure_one", "failures", words) if failures else ("", words["no_failures"]),
        *([(str(unanswered), words["unanswered_figure"])] if unanswered else []),
        (quantities.duration(_ended(trace) - trace.started), ""),
        ("", f"{words['recorded']} {quantities.moment(trace.started)}"),
    ]
    if hidden := trace.figures.get("hidden"):
        found.append((str(hidden), words["hidden"]))
    if unredacted(trace, settings):
        found.append((words["redaction_off"], ""))
    elif redacted:
        found.append(_count(redacted, "redacted_one", "redacted", words))
    return found


def about(trace: Trace, settings: PageSettings, words: Words, author: Author) -> list[tuple[str, list[str]]]:
    """What was captured by whom and what was not: headings, each with its lines; empty ones left out."""
    found = [
        (words["captured_by"], _captured(trace, words)),
        (words["services_at"], [f"{name}: {url}" for name, url in settings.services]),
        (words["ignored_calls"], list(settings.ignored)),
        (words["hidden_calls"], [str(item.selector) for item in author.annotations.hide]),
        (words["hidden_headers"], list(settings.hide_headers)),
        (words["half_read"], list(_half_read(trace, words))),
        (words["callers_alone"], unheard(trace)),
        (words["remarks"], [*trace.remarks, *([words["end_unseen"]] if trace.ended is None else [])]),
        (words["trace"], [trace.id]),
    ]
    return [(heading, lines) for heading, lines in found if lines]


def _count(number: int, one: str, many: str, words: Words) -> Item:
    return str(number), words[one if number == 1 else many]


def _ended(trace: Trace) -> float:
    return trace.ended if trace.ended is not None else max((step.at for step in trace.steps), default=trace.started)


def unredacted(trace: Trace, settings: PageSettings) -> bool:
    """Whether a process wrote without redaction; where none says it, the configuration does."""
    if not trace.processes:
        return not settings.redaction
    return any(process.key == "off" for process in trace.processes)


def _captured(trace: Trace, words: Words) -> list[str]:
    views: dict[tuple[str, int], set[str]] = {}
    for view in (view for call in trace.calls for view in call.views):
        views.setdefault((view.host, view.pid), set()).add(view.kind)
    return list(dict.fromkeys(_process(process, views, words) for process in trace.processes))


def _process(process: Process, views: dict[tuple[str, int], set[str]], words: Words) -> str:
    kinds = sorted(views.get((process.host, process.pid), ()))
    versions = ", ".join(f"{name} {version}" for name, version in process.versions)
    text = (
        f"{process.program or '?'}, {process.host}"
        + (f", {' + '.join(map(words.view, kinds))}" if kinds else "")
        + f": {versions}"
    )
    said = {"random": words["key_random"], "off": words["redaction_off"]}.get(process.key)
    return f"{text} ({said})" if said else text


def _half_read(trace: Trace, words: Words) -> Iterator[str]:
    for call in trace.calls:
        for message, number in ((call.request, call.request_step), (call.response, call.response_step)):
            if message is not None and (sentence := content.ending(message, words)):
                yield f"({number}) {sentence}"
