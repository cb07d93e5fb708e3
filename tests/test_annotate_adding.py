"""New calls in annotation files that are there: where they go, and that nothing else of the file changes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from annotate_support import lines_of, recording
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook.annotations.adding import BOM, Added, add, missing
from requestshook.annotations.aligning import align
from requestshook.annotations.reading import parse
from requestshook.errors import ConfigError, RequestshookError

PATHS = ["x", "y", "z", "u", "v", "w"]


def added(text: str, paths: str | Sequence[str]) -> str:
    return add(text, "f.yaml", recording(paths)).text


X, Y, N = ('- "a -> b GET /x"', '- "a -> b GET /y"', '- "a -> b GET /n"')

PLACES = {
    "between": (f"calls:\n  {X}\n  {Y}\n", f"calls:\n  {X}\n  {N}\n  {Y}\n", "x n y"),
    "at the end": (f"calls:\n  {X}\n", f"calls:\n  {X}\n  {N}\n", "x n"),
    "at the beginning": (f"calls:\n  {X}\n", f"calls:\n  {N}\n  {X}\n", "n x"),
    "no line end at the end": (f"calls:\n  {X}", f"calls:\n  {X}\n  {N}", "x n"),
    "Windows": (f"calls:\r\n  {X}\r\n", f"calls:\r\n  {X}\r\n  {N}\r\n", "x n"),
    "Windows, no line end at the end": (f"calls:\r\n  {X}", f"calls:\r\n  {X}\r\n  {N}", "x n"),
    "old Macs": (f"calls:\r  {X}\r", f"calls:\r  {X}\r  {N}\r", "x n"),
    "dashes below the key": (f"calls:\n{X}\npage: {{}}\n", f"calls:\n{X}\n{N}\npage: {{}}\n", "x n"),
    "deep": (f"calls:\n        {X}\n", f"calls:\n        {X}\n        {N}\n", "x n"),
    "wide dashes": ('calls:\n  -   "a -> b GET /x"\n', f'calls:\n  -   "a -> b GET /x"\n  -   {N[2:]}\n', "x n"),
    "its own comment": (f"calls:\n  {X}\n  # y\n  {Y}\n", f"calls:\n  {X}\n  {N}\n  # y\n  {Y}\n", "x n y"),
    "a section's comment": (f"calls:\n  {X}\n\n  # y\n  {Y}\n", f"calls:\n  {X}\n  {N}\n\n  # y\n  {Y}\n", "x n y"),
    "a comment of the one above": (
        f"calls:\n  {X}\n  # x\n\n  {Y}\n", f"calls:\n  {X}\n  # x\n  {N}\n\n  {Y}\n", "x n y",
    ),
    "keys that are comments": (
        f"calls:\n  - call: {X[2:]}\n    # id: x\n  {Y}\n",
        f"calls:\n  - call: {X[2:]}\n    # id: x\n  {N}\n  {Y}\n", "x n y",
    ),
    "a comment in its line": (f"calls:\n  {X}  # x\n  {Y}\n", f"calls:\n  {X}  # x\n  {N}\n  {Y}\n", "x n y"),
    "the next key's comment": (
        f"calls:\n  {X}\n# the page\npage: {{}}\n", f"calls:\n  {X}\n  {N}\n# the page\npage: {{}}\n", "x n",
    ),
    "a comment after the last": (
        f"calls:\n  {X}\n  # last\npage: {{}}\n", f"calls:\n  {X}\n  # last\n  {N}\npage: {{}}\n", "x n",
    ),
    "a comment before the first": (
        f"calls:  # all\n  # x\n  {X}\n", f"calls:  # all\n  {N}\n  # x\n  {X}\n", "n x",
    ),
    "a text": (
        f"calls:\n  - call: {X[2:]}\n    request:\n      text: |\n        t\n\n        # t\n\n  {Y}\n",
        f"calls:\n  - call: {X[2:]}\n    request:\n      text: |\n        t\n\n        # t\n  {N}\n\n  {Y}\n", "x n y",
    ),
    "a text that keeps its end": (
        f"calls:\n  - call: {X[2:]}\n    request:\n      text: |+\n        t\n\n  {Y}\n",
        f"calls:\n  - call: {X[2:]}\n    request:\n      text: |+\n        t\n\n  {N}\n  {Y}\n", "x n y",
    ),
    "a text of more lines without |": (
        f"calls:\n  - call: {X[2:]}\n    request:\n      text: one\n       two\n  {Y}\n",
        f"calls:\n  - call: {X[2:]}\n    request:\n      text: one\n       two\n  {N}\n  {Y}\n", "x n y",
    ),
    "a flow mapping": (
        f"calls:\n  - {{call: {X[2:]}, id: x}} # x\n  {Y}\n",
        f"calls:\n  - {{call: {X[2:]}, id: x}} # x\n  {N}\n  {Y}\n", "x n y",
    ),
    "a flow mapping of more lines": (
        f"calls:\n  - {{call: {X[2:]},\n     id: x}}\n  {Y}\n",
        f"calls:\n  - {{call: {X[2:]},\n     id: x}}\n  {N}\n  {Y}\n", "x n y",
    ),
    "below the dash": (
        f"calls:\n  -\n    call: {X[2:]}\n  -\n    # y\n    call: {Y[2:]}\n",
        f"calls:\n  -\n    call: {X[2:]}\n  {N}\n  -\n    # y\n    call: {Y[2:]}\n", "x n y",
    ),
    "a key without a value": (
        f"calls:\n  - call: {X[2:]}\n    id:\n  {Y}\n", f"calls:\n  - call: {X[2:]}\n    id:\n  {N}\n  {Y}\n", "x n y",
    ),
    "tabs and Korean": (
        f"title: 한글\ncalls:\n  {X} #\t탭\n  #\t다음\n  {Y}\n",
        f"title: 한글\ncalls:\n  {X} #\t탭\n  {N}\n  #\t다음\n  {Y}\n", "x n y",
    ),
    "nothing": ("", f"calls:\n  {N}\n", "n"),
    "comments": ("# c\n", f"# c\ncalls:\n  {N}\n", "n"),
    "a marker": ("---\n", f"---\ncalls:\n  {N}\n", "n"),
    "a marker and an end": ("---\n...\n", f"---\ncalls:\n  {N}\n...\n", "n"),
    "no calls": ("trace: x", f"trace: x\ncalls:\n  {N}", "n"),
    "no calls, indented": ("  trace: x\n", f"  trace: x\n  calls:\n    {N}\n", "n"),
    "no calls, and an end": ("trace: x\n...\n", f"trace: x\ncalls:\n  {N}\n...\n", "n"),
    "no calls after a text": (
        "text:\n  outro: |\n    bye\n", f"text:\n  outro: |\n    bye\ncalls:\n  {N}\n", "n",
    ),
    "empty calls": ("calls:\npage: {}\n", f"calls:\n  {N}\npage: {{}}\n", "n"),
    "empty calls with comments": (
        "calls: # none\n  # - x\n# the page\npage: {}\n",
        f"calls: # none\n  # - x\n  {N}\n# the page\npage: {{}}\n", "n",
    ),
    "empty calls at the end": ("trace: x\ncalls:", f"trace: x\ncalls:\n  {N}", "n"),
    "byte order mark": (f"{BOM}calls:\r\n  {X}\r\n", f"{BOM}calls:\r\n  {X}\r\n  {N}\r\n", "x n"),
    "byte order mark and nothing": (BOM, f"{BOM}calls:\n  {N}\n", "n"),
    "all are gone": (f"calls:\n  {X}\n", f"calls:\n  {X}\n  {N}\n", "n"),
    "one is gone": (f"calls:\n  {X}\n  {Y}\n", f"calls:\n  {X}\n  {Y}\n  {N}\n", "y n"),
    "moved": (f"calls:\n  {X}\n  {Y}\n", f"calls:\n  {X}\n  {Y}\n  {N}\n", "y n x"),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_where_a_new_call_goes(case: str) -> None:
    """Between its neighbours, indented and ended as they are; comments stay with what they are about."""
    before, after, paths = PLACES[case]
    assert added(before, paths) == after
    assert added(after, paths) == after


def test_notes_of_the_recording_come_with_their_call() -> None:
    """What was noted in mitmweb stands as a comment above the new entry, harmless whatever it holds."""
    from dataclasses import replace

    from requestshook.events import Note

    trace = recording("x n")
    origin = trace.calls[0].request.event.origin
    noted = replace(
        trace.calls[1],
        notes=(
            Note(1.0, origin, "why\x07 ‹token:0123456789abcdef›\u2028x", ":warning:"),
            Note(2.0, origin, "a\r\nb\n"),
        ),
    )
    found = add(f"calls:\n  {X}\n", "f", replace(trace, calls=(trace.calls[0], noted)))
    assert found.text == (
        f"calls:\n  {X}\n  # note from the recording: why␇ ‹token›\N{REPLACEMENT CHARACTER}x (:warning:)\n"
        f"  # note from the recording:\n  #   a\n  #   b\n  {N}\n"
    )
    assert [entry.line for entry in found.new] == [7]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('calls: ["a -> b GET /x"]\n', "f.yaml:1: `calls` is written in brackets"),
        ("trace: x\ncalls: []\n", "f.yaml:2: `calls` is written in brackets"),
        ("{trace: x}\n", "f.yaml:1: the file is written in brackets"),
        ('trace: x\n? calls\n: - "a -> b GET /x"\n', "f.yaml is laid out in a way"),
    ],
)
def test_what_nothing_can_be_added_to(text: str, said: str) -> None:
    """It is refused with the reason, and the calls that have no entry are named or what to do."""
    with pytest.raises(RequestshookError) as raised:
        added(text, "n x")
    assert str(raised.value).startswith(said)


def test_a_file_in_brackets_that_lists_all_calls_is_fine() -> None:
    """There is nothing to add to it."""
    assert added('calls: ["a -> b GET /x"]\n', "x") == 'calls: ["a -> b GET /x"]\n'


def test_a_file_with_faults_is_left_alone() -> None:
    """All faults are said."""
    with pytest.raises(ConfigError) as raised:
        added("titel: x\ncalls:\n  - nothing\n", "x")
    assert str(raised.value).count("f.yaml:") == 2


def test_hidden_calls_are_not_listed() -> None:
    """A call that `hide` names gets no entry."""
    assert added('hide: ["* GET /n"]\n', "x n") == f'hide: ["* GET /n"]\ncalls:\n  {X}\n'


def test_a_large_recording() -> None:
    """Five hundred new calls among five hundred are added."""
    paths = [f"p{number}" for number in range(1000)]
    text = "calls:\n" + "".join(f'  - "a -> b GET /{path}"\n' for path in paths[::2])
    found = add(text, "f", recording(paths))
    assert [entry.line for entry in found.new] == list(range(3, 1003, 2))


@st.composite
def entry(draw: st.DrawFn, number: int, path: str) -> list[str]:
    """The lines of an entry in one of many styles, without indent and ends."""
    selector = draw(
        st.sampled_from([f"a -> b GET /{path}"] * 6 + ["* * **", f"b GET /{path}", f"a -> b GET /{path}@1"])
    )
    quoted = draw(st.sampled_from([f'"{selector}"', f"'{selector}'", *([selector] if selector[0] != "*" else [])]))
    styles = [
        [f"- {quoted}"],
        [f"-   {quoted} # {number}"],
        [f"- {{call: {quoted}, id: id{number}}}"],
        [f"- {{call: {quoted},", f"   id: id{number}}} #\t탭"],
        [f"- call: {quoted}", f"  id: id{number}"],
        [f"- call: {quoted}", "  # id: x"],
        ["-", f"  call: {quoted}"],
        [f"- call: {quoted}", "  request:", "    text: 여러", "     줄"],
        [f"-  id: id{number}", f"   call: {quoted}", "   response:"],
        *(
            [
                f"- call: {quoted}",
                "  request:",
                f"    text: {sign}",
                "      글 # no comment",
                "",
                "      ```",
                "      ```",
            ]
            for sign in ("|", "|-", "|+", ">", "|2-", "| # a + b")
        ),
    ]
    lines = list(draw(st.sampled_from(styles)))
    above = draw(st.sampled_from([[], [], [], [f"# about {number}"], [f"# also {number}", f"# about {number}"]]))
    before = draw(st.sampled_from([[], [], [""], ["", f"# section {number}", ""]]))
    after = draw(st.sampled_from([[], [], [], [""], [f"    # in {number}"], [f"# end {number}", ""]]))
    return [*before, *above, *lines, *after]


@st.composite
def files(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A file's text and the paths of its entries."""
    paths = draw(st.lists(st.sampled_from(PATHS), max_size=8))
    indent = " " * draw(st.sampled_from([0, 1, 2, 4]))
    lines = draw(st.sampled_from([[], ["# 머리"], ["%YAML 1.1", "---"], ["trace: x", ""], ["title: 'a", "  b'"]]))
    if paths or draw(st.booleans()):
        lines = [*lines, draw(st.sampled_from(["calls:", "calls:  # all", "'calls':"]))]
    for number, path in enumerate(paths):
        lines += [indent + line if line else line for line in draw(entry(number, path))]
    lines += draw(
        st.sampled_from([[], ["", "# last"], ["# page", "page: {}"], ["text:", "  outro: |", "    끝", ""], ["..."]])
    )
    sign = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", "\u2028"]))
    text = sign.join(lines) + (sign if draw(st.booleans()) else "")
    return draw(st.sampled_from(["", "", BOM])) + text, paths


@st.composite
def changed(draw: st.DrawFn, paths: list[str]) -> list[str]:
    """The calls of another recording."""
    paths = list(paths)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(paths)))
        if draw(st.integers(0, 3)) or not paths:
            paths.insert(at, draw(st.sampled_from([*PATHS, "n1", "n2", "n3"])))
        elif draw(st.booleans()):
            paths.insert(at, paths.pop(draw(st.integers(0, len(paths) - 1))))
        else:
            del paths[min(at, len(paths) - 1)]
    return paths


def _readable(text: str) -> bool:
    try:
        parse(text.removeprefix(BOM), "f")
    except ConfigError:
        return False
    return True


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_every_byte_stays(data: st.DataObject) -> None:
    """Without the new lines the result is the old file; it lists all calls; a second time nothing changes."""
    text, paths = data.draw(files().filter(lambda file: _readable(file[0])))
    calls = data.draw(changed(paths))
    found = add(text, "f", recording(calls))
    assert _without(found, text) == text
    assert missing(found.placed) == []
    aligned = align([e.selector for e in found.placed.annotations.entries], found.placed.trace.calls)
    assert {at for at in aligned.placed if at is not None} == set(range(len(calls)))
    assert add(found.text, "f", recording(calls)).text == found.text
    _assert_comments_stay(text, found)


def _without(found: Added, old: str) -> str:
    """The result without the lines that were added."""
    lines = lines_of(found.text.removeprefix(BOM))
    new = {item.line for item in found.new}
    if new and "calls:" not in old.replace("'", ""):
        new.add(min(new) - 1)
        assert lines[min(new) - 1].strip() == "calls:"
    left = "".join(line for number, line in enumerate(lines, 1) if number not in new)
    if lines_of(old)[-1:] and lines_of(old)[-1].rstrip("\r\n\u2028") == lines_of(old)[-1]:
        left = left.removesuffix("\r\n") if left.endswith("\r\n") else left.rstrip("\r\n\u2028")
    return (BOM if found.text.startswith(BOM) else "") + left


def _assert_comments_stay(old: str, found: Added) -> None:
    """What followed a comment of its own in the old file follows it in the new one."""
    before, after = ([line.strip() for line in lines_of(text)] for text in (old, found.text))
    for number, line in enumerate(before):
        if line.startswith("# about"):
            assert after[after.index(line) + 1] == before[number + 1]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_new_calls_stand_in_the_traces_order(data: st.DataObject) -> None:
    """In a file that is in the trace's order, all entries that have a call are so afterwards."""
    calls = data.draw(st.lists(st.sampled_from(PATHS), max_size=10))
    kept = [path for path in calls if data.draw(st.booleans())]
    text = "calls:\n" + "".join(f"- a -> b GET /{path}\n" for path in kept)
    found = add(text, "f", recording(calls))
    assert [entry.selector.path[1:] for entry in found.placed.annotations.entries] == calls
    assert found.placed.alignment.placed == tuple(range(len(calls)))
    assert found.placed.alignment.doubts == ()
