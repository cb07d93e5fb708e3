"""A trace as a page: an iterator of pieces of text, one step in memory at a time.

A first pass reads every message once and keeps nothing but the numbers of its pseudonyms; the second writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import jinja2

from requestshook.annotations.placing import Fault, Placed
from requestshook.errors import RequestshookError
from requestshook.page import (
    callmap,
    command,
    diagram,
    dialects,
    exchanges,
    failing,
    figures,
    lanes,
    log,
    nesting,
    quantities,
)
from requestshook.page.author import Author, Texts, table
from requestshook.page.dialect import Dialect
from requestshook.page.lives import Lives
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.references import References
from requestshook.page.settings import PageSettings, Words
from requestshook.page.steps import StepWriter
from requestshook.trace.calls import Trace
from requestshook.trace.disagreeing import Load

SEARCHED_STEPS = 50  # a page of more is left out of the site's search: its code blocks are most of the index
WIDE_LANES = 6  # a map of more services takes the table of contents' room


def render(
    trace: Trace,
    load: Load,
    settings: PageSettings | None = None,
    *,
    notes: Placed | None = None,
    faults: list[Fault] | None = None,
    part: str = "page",
    templates: str | os.PathLike[str] | None = None,
    dialect: str = "mkdocs",
) -> Iterator[str]:
    """The pieces of a page, or of one part of it, in the format `dialect` (one of `dialects.DIALECTS`).

    `load` gives a message's body by its `ref`, and is called twice for each. `notes` are the author's, laid on this
    trace; what does not fit it is in `faults` once the last piece was given. Templates in the folder `templates`
    replace ours one by one. Raises RequestshookError where a template is at fault.
    """
    settings = settings or PageSettings()
    form = dialects.find(dialect)
    if part not in form.parts:
        raise RequestshookError(f"a page in the format {form.name} has no {part}: {', '.join(form.parts)}")
    try:
        context = _context(trace, load, settings, notes, [] if faults is None else faults, form)
        template = _environment(form, context, templates).get_template(form.template(part))
        yield from template.generate(context, part=part)
    except jinja2.TemplateError as error:
        raise RequestshookError(_fault(error)) from error


def _context(
    trace: Trace,
    load: Load,
    settings: PageSettings,
    notes: Placed | None,
    faults: list[Fault],
    form: Dialect,
) -> dict[str, Any]:
    words = Words(settings.labels)
    pseudonyms = Pseudonyms()
    numbers = {call.id: call.request_step for call in trace.calls}
    references = References(trace.calls, settings)
    author = Author(trace, notes, references, settings, load, pseudonyms.numbered, faults, form.prose)
    writer = StepWriter(load, settings, words, pseudonyms, references, author, numbers)
    writer.views.follow(trace.calls)
    pseudonyms.note(command.texts(trace))
    lives = Lives((value.name, value.text) for value in author.values)
    for step in trace.steps:
        said = list(writer.said(step))
        pseudonyms.note(one.text for one in said)
        lives.note(step, said)
    services = lanes.in_order(trace.calls)
    by_number = {step.number: step for step in trace.steps}
    failed = failing.find(trace)
    rows = callmap.rows(trace.calls, services, pseudonyms, words, author)
    calls = [row for row in rows if isinstance(row, callmap.Row)]
    pairs = exchanges.exchanges(trace, calls, failed, pseudonyms, author, settings.variables == "everywhere")
    return {
        "trace": trace,
        "settings": settings,
        "words": words,
        "moment": quantities.moment(trace.started),
        "title": author.annotations.title or settings.title or trace.name,
        "text": Texts(author),
        "searched": len(trace.steps) <= SEARCHED_STEPS,
        "wide": len(services) > WIDE_LANES,
        "services": services,
        "command": command.show(trace, pseudonyms, author),
        "variables": tuple(table(author)),
        "phases": {phase.first: phase for phase in author.phases},
        "figures": figures.line(trace, len(pseudonyms), settings, words),
        "about": figures.about(trace, settings, words, author),
        "rows": callmap.rows(trace.calls, services, pseudonyms, words, author),
        "diagrams": diagram.blocks(trace.steps, services, pseudonyms, author),
        "steps": map(writer.block, trace.steps),
        "log": log.lines(trace, pseudonyms, author),
        "pairs": pairs,
        "lane": {name: place for place, name in enumerate(services)},
        "map_pieces": list(nesting.rows(pairs, author.phases, author.groups)),
        "step_pieces": nesting.nested(pairs, author.phases, author.groups),
        "block": lambda number: writer.block(by_number[number]),
        "failures": exchanges.chains(trace, failed, pairs),
        "states": failing.states(failed, trace.calls),
        "lives": lives.hidden(pseudonyms.numbered),
        "named_lives": {life.name: life for life in lives.named()},
        "noted": author.speaks(trace.steps),
        "places": author.places,
    }


def _environment(
    form: Dialect, context: dict[str, Any], templates: str | os.PathLike[str] | None
) -> jinja2.Environment:
    loaders: list[jinja2.BaseLoader] = [jinja2.PackageLoader("requestshook.templates", form.folder)]
    if templates is not None:
        loaders.insert(0, jinja2.FileSystemLoader(os.fspath(templates)))
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        undefined=jinja2.StrictUndefined,
        finalize=form.finish,
        autoescape=form.autoescape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= form.filters(context)
    return environment


def _fault(error: jinja2.TemplateError) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or error.name or 'template'}:{error.lineno}: {error.message}"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"template {error.name} is not there"
    return f"template: {error.message}"
