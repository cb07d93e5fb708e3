"""`traces` and `show`: look at what was recorded."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from requestshook.cli import curl, fields, figures, flow, message, opening, terminal
from requestshook.cli.group import Command
from requestshook.cli.terminal import Cell, Column
from requestshook.errors import NotFoundError
from requestshook.events import Request

if TYPE_CHECKING:
    from requestshook.cli.opening import Opened
    from requestshook.events import Body
    from requestshook.page.pseudonyms import Pseudonyms
    from requestshook.store import Summary
    from requestshook.trace.calls import Call, Step, Trace

_HEADS = (
    Column("name", shrinks=True),
    Column("id"),
    Column("recorded"),
    Column("took", right=True),
    Column("calls", right=True),
    Column("failed", right=True),
    Column("exit", right=True),
)


@click.command(
    "traces",
    cls=Command,
    examples="""
    requestshook traces
    requestshook traces --json | jq -r '.[].name'
    """,
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
def traces(as_json: bool) -> None:
    """List the recordings, the newest first."""
    from requestshook.workspace import Workspace

    try:
        with opening.reading() as opened:
            found = opened.store.traces()
            open_ones = {item.trace for item in Workspace(opened.config).recordings()}
    except NotFoundError:
        found, open_ones = [], set()
    if as_json:
        terminal.print_json([fields.summary(item) for item in found])
    elif not found:
        terminal.note(opening.NOTHING_YET)
    else:
        terminal.print_table(_HEADS, [_row(item, item.id in open_ones) for item in found])
        terminal.say_next(f"requestshook show {shlex.quote(found[0].name)}")


def _row(found: Summary, is_open: bool) -> tuple[Cell, ...]:
    unended = "open" if is_open else "end not seen"
    took = unended if found.ended is None else figures.duration(found.ended - found.started)
    return (
        Cell(found.name, "bold"),
        Cell(found.id[:8]),
        Cell(figures.moment(found.started)),
        Cell(took, "yellow" if found.ended is None else ""),
        Cell(str(found.calls)),
        Cell(str(found.failures or ""), "red"),
        Cell("" if found.exit is None else str(found.exit), "red" if found.exit else "green"),
    )


class _Number(click.IntRange):
    """A step's; click would say of text that it is no "integer range"."""

    name = "number"


@click.command(
    "show",
    cls=Command,
    examples="""
    requestshook show
    requestshook show image-create --step 13
    requestshook show image-create --call 'openstack -> keystone POST /identity/v3/auth/tokens'
    requestshook show --call '* PUT **@-1' --curl > again.sh
    requestshook show --json | jq '.calls[] | select(.status >= 400)'
    """,
)
@click.argument("trace", required=False, shell_complete=opening.complete_trace)
@click.option("--step", "number", type=_Number(min=1), metavar="N", help="Show the message of this number.")
@click.option("--call", "selector", metavar="SELECTOR", help="Show the messages of the call that this names.")
@click.option("--curl", "as_curl", is_flag=True, help="Print the request as a curl command, without our tags.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
def show(trace: str | None, number: int | None, selector: str | None, as_curl: bool, as_json: bool) -> None:
    """Look at a recording: its calls as they were nested, or one message with its headers and body.

    Where --curl meets a value that was redacted, it says what to fill in.
    """
    if number is not None and selector is not None:
        raise click.UsageError("--step and --call say the same thing twice: give one of them")
    if as_curl and as_json:
        raise click.UsageError("--curl and --json do not go together")
    if as_curl and number is None and selector is None:
        raise click.UsageError("--curl shows one request: say which with --step or --call")
    with opening.reading() as opened:
        summary = opening.find(opened.store, trace)
        found = opening.build(opened, summary.id)
        name = shlex.quote(opening.title(summary, opened.store.traces()))
        if number is not None:
            _show_steps(opened, found, [_step(found, number)], as_curl, as_json, name)
        elif selector is not None:
            _show_calls(opened, found, selector, as_curl, as_json, name)
        elif as_json:
            terminal.print_json(fields.trace(found))
        else:
            _show_flow(found, name, opened.workspace.folder)


def _show_flow(trace: Trace, name: str, folder: str) -> None:
    from requestshook.trace.unheard import unheard

    terminal.say(f"{trace.name}  {trace.id[:8]}  {figures.moment(trace.started)}", "bold")
    if trace.command:
        terminal.say(f"$ {shlex.join(trace.command)}")
    ending = "" if trace.exit is None else f", exit status {trace.exit}"
    terminal.say(flow.summary(trace) + ending)
    if trace.calls:
        terminal.say()
        terminal.print_table(flow.HEADS, flow.rows(trace))
        terminal.say()
    if any(call.inferred for call in trace.calls):
        terminal.say(f"{flow.INFERRED} shown here because of its time: no header says what caused it", "dim")
    for remark in trace.remarks:
        terminal.say_sentence(remark, "dim")
    if names := unheard(trace):
        seen = f"{terminal.some(names)} {'was' if len(names) == 1 else 'were'} seen by callers alone"
        terminal.say_sentence(f"{seen}: `requestshook env` says how a service records into {folder}", "dim")
    terminal.say_next(f"requestshook render {name}" if trace.calls else "requestshook status")


def _step(trace: Trace, number: int) -> Step:
    if number > len(trace.steps):
        raise NotFoundError(f"{trace.name} has no step {number}: its last is {len(trace.steps)}")
    return trace.steps[number - 1]


def _show_calls(opened: Opened, trace: Trace, selector: str, as_curl: bool, as_json: bool, name: str) -> None:
    calls = select(trace, selector)
    if not calls:
        raise NotFoundError(f"no call of {trace.name} is {selector!r}: `requestshook show {name}` lists them")
    steps = [step for step in trace.steps if any(step.call is call for call in calls)]
    if len(calls) == 1 or as_json:
        _show_steps(opened, trace, steps, as_curl, as_json, name)
        return
    if as_curl:
        raise NotFoundError(f"{len(calls)} calls of {trace.name} are {selector!r}: add @1 to @{len(calls)} to it")
    terminal.print_table(flow.HEADS, (flow.row(call, implied=False, nested=False) for call in calls))
    terminal.say_next(f"requestshook show {name} --call {shlex.quote(selector + '@1')}")


def select(trace: Trace, selector: str) -> Sequence[Call]:
    """The calls of a trace that a selector names: by any of their views."""
    from requestshook.selectors import Selector
    from requestshook.trace import selecting

    return selecting.select(trace.calls, Selector.parse(selector))


def _show_steps(opened: Opened, trace: Trace, steps: Sequence[Step], as_curl: bool, as_json: bool, name: str) -> None:
    if as_curl:
        _show_curl(opened, steps[0].call)
    elif as_json:
        found = [fields.step(step, _content(opened, step)) for step in steps]
        terminal.print_json(found[0] if len(found) == 1 else found)
    else:
        pseudonyms = _pseudonyms(opened, trace)
        for step in steps:
            _show_step(opened, trace, step, pseudonyms)
        terminal.say_next(f"requestshook show {name} --step {steps[0].number} --curl")


def _content(opened: Opened, step: Step) -> Body | None:
    shown = message.message_of(step)
    return opened.store.body(shown.ref) if shown is not None and shown.ref is not None else None


def _pseudonyms(opened: Opened, trace: Trace) -> Pseudonyms:
    """Redacted values have here the names that they have on the recording's page."""
    from requestshook.page.numbering import pseudonyms
    from requestshook.page.settings import PageSettings

    page = opened.config.page
    settings = PageSettings(hide_headers=page.hide_headers, labels=page.labels, view=page.view)
    return pseudonyms(trace, opened.store.body, settings)


def _show_step(opened: Opened, trace: Trace, step: Step, pseudonyms: Pseudonyms) -> None:
    call, named = step.call, pseudonyms.numbered
    terminal.say(named(message.heading(step)), "bold")
    terminal.say(message.arrow(step), "dim")
    for note in call.notes if step.kind == "request" else ():
        terminal.say_sentence(message.note(note), "yellow")
    for remark in message.remarks(trace, step, opened.store.body, opened.config.page.labels, pseudonyms):
        terminal.say_sentence(remark, "yellow")
    terminal.say()
    shown = message.message_of(step)
    if shown is None:
        terminal.say_text(named(call.failure.error) if call.failure else "", "red")
    else:
        style = flow.status_style(call) if step.kind == "response" else "bold"
        terminal.say(named(message.first_line(shown, call)), style)
        for header, text in shown.event.headers:
            terminal.say_header(header, named(text))
        terminal.say()
        _show_body(message.content_of(shown, _content(opened, step)), named)
    terminal.say()


def _show_body(body: message.Content, named: Callable[[str], str]) -> None:
    if body.language != "text":
        terminal.say_code(named(body.text), body.language)
    elif body.text:
        terminal.say_text(named(body.text))
    if body.remark:
        terminal.say(f"({body.remark})", "dim")


def _show_curl(opened: Opened, call: Call) -> None:
    """The request as its caller sent it: the outermost view, with the body from wherever it was kept."""
    outer = next((view.request for view in call.views if view.request is not None), call.request)
    kept = call.request if outer.ref is None else outer
    body = opened.store.body(kept.ref) if kept.ref is not None else kept.body
    assert isinstance(outer.event, Request)
    print(curl.command(outer.event, body))
