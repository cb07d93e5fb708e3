"""A trace as a page: an iterator of pieces of text, one step in memory at a time.

A first pass reads every message once and keeps nothing but the numbers of its pseudonyms; the second writes.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
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
    splitting,
)
from requestshook.page.author import Author, Texts, table
from requestshook.page.dialect import Dialect
from requestshook.page.frames import Frame
from requestshook.page.lives import Lives
from requestshook.page.pseudonyms import Pseudonyms
from requestshook.page.references import References
from requestshook.page.settings import PageSettings, Words
from requestshook.page.splitting import Chapter
from requestshook.page.steps import StepWriter
from requestshook.trace.calls import Trace
from requestshook.trace.disagreeing import Load

_ENDINGS = (".jinja2", ".css", ".js")  # of templates
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
    with _told():
        context = _context(trace, load, settings, notes, [] if faults is None else faults, form)
        if form.writer is not None:
            if templates is not None:
                raise RequestshookError(f"a page in the format {form.name} is written without templates")
            yield from form.writer(context, part)
            return
        template = _environment(form, context, templates).get_template(form.template(part))
        yield from template.generate(context, part=part)


def pages(
    trace: Trace,
    load: Load,
    settings: PageSettings | None = None,
    *,
    stem: str,
    notes: Placed | None = None,
    faults: list[Fault] | None = None,
    templates: str | os.PathLike[str] | None = None,
    dialect: str = "mkdocs",
) -> list[tuple[str, Iterator[str]]]:
    """The files of a page by their names, each with its pieces: STEM.md, and of a long flow a page a phase as well.

    All is as `render` says. The files link to each other, so they belong into one folder.
    """
    form = dialects.find(dialect)
    index = f"{stem}{form.ending}"
    if not form.chapter or len(trace.steps) <= splitting.LONGEST:
        pieces = render(trace, load, settings, notes=notes, faults=faults, templates=templates, dialect=dialect)
        return [(index, pieces)]
    settings = settings or PageSettings()
    with _told():
        context = _context(trace, load, settings, notes, [] if faults is None else faults, form, stem)
        context |= {"index": index}
        environment = _environment(form, context, templates)
        whole, further = (environment.get_template(name) for name in (form.template("page"), form.chapter))
    chapters: tuple[Chapter, ...] = context["chapters"]
    files = [(index, _generated(whole, {**context, "part": "page"}))]
    for before, chapter, after in zip((None, *chapters), chapters, (*chapters[1:], None)):
        steps = map(context["block"], range(chapter.first, chapter.last + 1))
        diagrams = context["diagrammed"](trace.steps[chapter.first - 1 : chapter.last])
        turned = {**context, "chapter": chapter, "before": before, "after": after}
        turned |= {"steps": steps, "diagrams": diagrams}
        files.append((chapter.file, _generated(further, turned)))
    return files


def _generated(template: jinja2.Template, context: dict[str, Any]) -> Iterator[str]:
    with _told():
        yield from template.generate(context)


@contextmanager
def _told() -> Iterator[None]:
    """Templates at fault are told in one line."""
    try:
        yield
    except jinja2.TemplateError as error:
        raise RequestshookError(_fault(error)) from error


def _context(
    trace: Trace,
    load: Load,
    settings: PageSettings,
    notes: Placed | None,
    faults: list[Fault],
    form: Dialect,
    stem: str = "",  # of the files that it is spread over; empty: it is one page
) -> dict[str, Any]:
    words = Words(settings.labels)
    pseudonyms = Pseudonyms()
    numbers = {call.id: call.request_step for call in trace.calls}
    references = References(trace.calls, settings)
    author = Author(trace, notes, references, settings, load, pseudonyms.numbered, faults, form.prose, form.value)
    chapters = splitting.spread(trace, author, words, stem, form.ending) if stem else ()
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
    diagrammed = partial(diagram.blocks, lanes=services, pseudonyms=pseudonyms, author=author)
    apart = bool(chapters) and len(trace.steps) > splitting.DRAWN
    return {
        "trace": trace,
        "settings": settings,
        "words": words,
        "moment": quantities.moment(trace.started),
        "title": author.annotations.title or settings.title or trace.name,
        "text": Texts(author),
        "chapters": chapters,
        "searched": bool(chapters) or len(trace.steps) <= splitting.LONGEST,  # code blocks are most of an index
        "wide": len(services) > WIDE_LANES,
        "services": services,
        "command": command.show(trace, pseudonyms, author),
        "variables": tuple(table(author)),
        "phases": {phase.first: phase for phase in author.phases},
        "groups": author.groups,
        "frames": _by_first(author.groups),
        "hidden": tuple(str(item.selector) for item in author.annotations.hide),
        "redacted": len(pseudonyms),
        "redaction": not figures.unredacted(trace, settings),
        "figures": figures.line(trace, len(pseudonyms), settings, words),
        "about": figures.about(trace, settings, words, author),
        "rows": callmap.rows(trace.calls, services, pseudonyms, words, author),
        "diagrams": () if apart else diagrammed(trace.steps),
        "apart": apart,
        "diagrammed": diagrammed,
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
        "author": author,
        "places": author.places,
    }


def _by_first(groups: Iterable[Frame]) -> dict[int, list[tuple[int, Frame]]]:
    """Groups with their numbers, by the step that each begins with, outer ones first."""
    found: dict[int, list[tuple[int, Frame]]] = {}
    for number, group in enumerate(groups, 1):
        found.setdefault(group.first, []).append((number, group))
    return found


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
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(_ENDINGS)]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "template"
    if isinstance(error, jinja2.TemplateNotFound):
        return f"{where}: template {error.name} is not there"
    return f"{where}: {error.message}"
