"""A message for GitHub and GitLab, which have no tabs and mark no lines: folds, and the marked lines once more."""

from __future__ import annotations

from collections.abc import Sequence

from requestshook.page import command, quantities
from requestshook.page.escape import Markdown, visible
from requestshook.page.github_text import fence, inline
from requestshook.page.settings import Words
from requestshook.page.steps import StepBlock, Tab

LONG = 40  # lines of a body or an output that is open
_MARKS = 12  # marked lines that are repeated
_LANGUAGES = {"json": "JSON", "html": "HTML", "xml": "XML", "yaml": "YAML", "css": "CSS", "javascript": "JavaScript"}


def output(shown: command.Command, words: Words) -> Markdown:
    """The command with what it printed, folded where it is long."""
    title = f"**{inline(shown.title)}**\n\n" if shown.title else ""
    block = fence(shown.lines, "console")
    if len(shown.lines) > LONG:
        label = f"<b>{inline(words['output'])}</b> · {inline(lines(len(shown.lines), words))}"
        block = Markdown(f"{fence(shown.lines[:1], 'console')}\n{_folded(label, block)}")
    return Markdown(title + block + _marked(shown.lines, shown.highlights, words))


def tabs(step: StepBlock, words: Words, *, noted: bool) -> Markdown:
    """The tabs one below the other, folded but for a body in a message where no line is marked.

    Where the author says anything at all (`noted`), what went well and has no word of it is folded, too.
    """
    marked = any(tab.highlights for tab in step.tabs) or (noted and _quiet(step))
    none = any(tab.content and tab.content.kind == "none" for tab in step.tabs)
    return Markdown("\n".join(filter(None, (_tab(step, tab, marked, none, words) for tab in step.tabs))))


def _quiet(step: StepBlock) -> bool:
    """Whether nothing is said of a message that nothing went wrong with."""
    said = (step.text, step.after, step.reference, step.remarks[step.groups :], *(tab.after for tab in step.tabs))
    return not any(said) and (step.kind == "request" or (step.kind == "response" and step.start[1][:1] in "123"))


def lines(count: int, words: Words) -> str:
    """`12 lines`."""
    return words.phrase("lines", count=count) if count > 1 else words["line_one"]


def _tab(step: StepBlock, tab: Tab, marked: bool, none: bool, words: Words) -> str:
    after = f"\n{tab.after}\n" if tab.after else ""
    if tab.content and tab.content.kind == "none":
        return after
    if tab.content and tab.content.kind == "unkept":
        return f"**{inline(tab.label)}** · {inline(tab.content.remark)}\n{after}"
    shown, highlights = tab.lines, tab.highlights
    about = [lines(len(shown), words)]
    if tab.kind == "header":
        shown, highlights = _message(step, tab, words)
        about += [words["no_body"]] if none else []
    if tab.content:
        about = _about(tab, words)
    opened = " open" if not marked and tab.kind in ("body", "failure") and len(shown) <= LONG else ""
    summary = " · ".join([f"<b>{inline(tab.label)}</b>", *map(inline, about)])
    return _folded(summary, fence(shown, tab.language), opened) + _marked(shown, highlights, words) + after


def _folded(label: str, block: str, opened: str = "") -> str:
    return f"<details{opened}><summary>{label}</summary>\n\n{block}\n</details>\n"


def _message(step: StepBlock, tab: Tab, words: Words) -> tuple[list[str], tuple[int, ...]]:
    """The header under its first line: without it, highlighters do not know what they see."""
    first = visible(" ".join(filter(None, step.start))).replace("\n", "␊")
    shown = [] if tab.lines == [words["none"]] else tab.lines
    return [first, *shown], tuple(number + 1 for number in tab.highlights)


def _about(tab: Tab, words: Words) -> list[str]:
    """`JSON`, `12 lines`, `1.2 KiB`, or how much of it was kept."""
    shown = tab.content
    if shown is None:
        return []
    size = shown.remark or (quantities.size(shown.size) if shown.size else "")
    if shown.kind == "octets":
        return [size] if size else []
    found = [_LANGUAGES.get(shown.language, ""), lines(len(tab.lines), words), size]
    return [each for each in found if each]


def _marked(shown: Sequence[str], numbers: Sequence[int], words: Words) -> str:
    """The marked lines once more, with their numbers: a fence cannot mark them."""
    if not numbers:
        return ""
    repeated = numbers[:_MARKS]
    width = len(str(repeated[-1]))
    found = [f"{number:>{width}} │ {shown[number - 1]}".rstrip(" ") for number in repeated]
    more = len(numbers) - len(repeated)
    return "\n" + fence([*found, *([f"… {words.phrase('and_more', count=more)}"] if more else [])], "text")
