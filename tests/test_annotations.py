"""Annotation files: what they give, and what is said of one with faults."""

import re
import textwrap
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook import highlights
from requestshook.annotations import ids, mentions, model, values
from requestshook.annotations.model import (
    Annotations,
    Around,
    Command,
    Entry,
    Group,
    Hidden,
    PageText,
    Phase,
    ValueOf,
    Variable,
)
from requestshook.annotations.reading import parse, read
from requestshook.config.notes import Mention, Notes, Page, Place, Text
from requestshook.errors import ConfigError, SpellingError
from requestshook.highlights import Containing, Highlight
from requestshook.highlights.paths import JsonPath, Step
from requestshook.selectors import Selector

DOCS = Path(__file__).parent.parent / "docs" / "annotations.md"
CALLS = "calls:\n" + "".join(f"  - {{call: a GET /, id: {id}}}\n" for id in ("one", "two", "three", "four"))


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(textwrap.dedent(text), "f.yaml")
    return [line.removeprefix("f.yaml:") for line in str(caught.value).split("\n")]


def example() -> str:
    found = re.search(r"```yaml\n(.*?)```", DOCS.read_text("utf-8"), re.S)
    assert found
    return found[1]


def test_the_documentation_shows_a_file_that_says_everything() -> None:
    """docs/annotations.md: its example uses every field of the model, and every key is described."""
    found = parse(example(), "f.yaml")
    unused = [each.name for each in fields(found) if not getattr(found, each.name)]
    assert unused == []
    notes = [notes for entry in found.entries for notes in (entry.request, entry.response)]
    for name in ("text", "highlight", "after", "header_after", "body_after"):
        assert any(getattr(each, name) for each in notes), name
    marks = {type(highlight.mark) for each in notes for highlight in each.highlight}
    assert marks | {Containing} == set(highlights.Mark.__args__)
    page = DOCS.read_text("utf-8")
    for key in ("text", "command", "variables", "phases", "groups", "hide", "calls", "page"):
        assert f"### `{key}`" in page
    for word in (*model.KINDS, *model.PARTS, "intro", "outro", "above", "below", "after"):
        assert f"`{word}`" in page or f"{word}:" in page, word


def test_the_documentations_faults_are_those_that_are_said() -> None:
    """docs/annotations.md: the messages it shows are what the reader says of such slips."""
    said = "\n".join(
        faults("variables: {x: $creat.response.body.id}\ncalls: [{call: a GET /, id: create}]")
        + faults("calls: [{call: a GET /, request: {highlight: ['$.a[']}}]")
        + faults("text:\n  intro: |\n    ```\n    x\n")
    )
    shown = re.findall(r"^image-create\.yaml:\d+:\d+: (.*)$", DOCS.read_text("utf-8"), re.M)
    assert len(shown) == 3
    for message in shown:
        assert message in said


def test_every_line_is_that_of_the_file() -> None:
    """What a recording may prove wrong knows its line, mentions in texts of any style included."""
    text = example()
    found = parse(text, "f.yaml")
    lines = ["", *text.split("\n")]
    for entry in found.entries:
        assert entry.spelled in lines[entry.line]
        for notes in (entry.request, entry.response):
            for highlight in notes.highlight:
                assert highlight.spelled in lines[highlight.line]
            for note in (notes.text, notes.after, notes.header_after, notes.body_after):
                for mention in note.mentions if note else ():
                    assert note.value[mention.begin : mention.end] in lines[mention.line]
    assert all(group.label in lines[group.line] for group in found.groups)
    assert all(phase.title in lines[phase.line] for phase in found.phases)
    assert all(variable.name in lines[variable.line] for variable in found.variables)
    assert all(str(hidden.selector) in lines[hidden.line] for hidden in found.hide)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "calls:\n", "calls: []\n", "\ufefftrace:\r\ncalls:\r\n"])
def test_a_file_may_say_nothing(text: str, tmp_path: Path) -> None:
    """Empty files, empty `calls:`, a byte order mark and Windows line ends are all right."""
    path = tmp_path / "f.yaml"
    path.write_bytes(text.encode())
    assert read(path) == Annotations(str(path))


def test_scalars_are_as_spelled() -> None:
    """A title `12:30`, a label `no`, an id `no`, a Korean text: nothing is guessed."""
    found = parse(
        "trace: 00123\ntitle: 12:30\ngroups: [{kind: opt, label: no, calls: no}]\nvariables: {이름: off, n: 0x10}\n"
        "calls:\n- {call: a GET /, id: no, request: {text: 한글}}\n",
        "f",
    )
    assert (found.trace, found.title, found.groups[0].label, found.entries[0].id) == ("00123", "12:30", "no", "no")
    assert [(variable.name, variable.value) for variable in found.variables] == [("이름", "off"), ("n", "0x10")]
    assert found.entries[0].request.text == Text("한글", 6)


def test_the_page_begins_with_the_configurations() -> None:
    """`page:` changes what the configuration says and leaves the rest; labels are added to."""
    given = Page(view="wire", hide_headers=("Date",), labels={"none": "nix"})
    assert parse("page: {hide_headers: [Via], labels: {body: Leib}}", "f", given).page == Page(
        view="wire", hide_headers=("Via",), labels={"none": "nix", "body": "Leib"}
    )
    assert parse("trace: x", "f", given).page == given


def test_all_faults_come_in_one_run_with_their_places() -> None:
    """Faults of every kind, and of names that are checked last, in the order of the file."""
    assert faults(
        """\
        titel: x
        text: {intro: "[[fuor]], [[$imag]]", map: {abve: x}}
        variables: {image: $two.response.bdy, b b: x, c: $one.request.status, d: ""}
        phases: [{title: A, from: one}, {title: B, from: one}, {from: on}]
        groups:
          - {kind: optional, label: x, calls: one..three}
          - {kind: opt, label: x, calls: two..four}
          - {kind: opt, label: x, calls: four..two}
          - {kind: opt, calls: x..one}
        hide: [a GET b]
        command: {highlight: [X-Header]}
        calls:
          - {call: a GET /, id: one, request: {highlight: [0, 5-3, "$.a["]}}
          - {call: a GET /, id: two, response: {highlight: ["?q", {txt: a}]}}
          - {call: a GET /, id: three}
          - {call: a GET /, id: four}
          - {call: a GET /, id: Four}
          - {call: a GET /, id: one}
          - {id: step-3}
          - [a GET /]
        page: {view: top}
        """
    ) == [
        "1:1: unknown key 'titel'; did you mean 'title'?",
        "2:16: there is no call with the id 'fuor' in this file; did you mean 'four'?",
        "2:26: there is no variable 'imag' in this file; did you mean 'image'?",
        "2:44: unknown key 'abve'; did you mean 'above'?",
        "3:33: in '$two.response.bdy', character 14: expected `.status`, `.header.NAME`, `.query.NAME` or `.body.PATH` "
        "but found '.bdy'",
        "3:39: expected a name of letters, digits, - and _, found 'b b'",
        "3:62: in '$one.request.status', character 13: expected something that a request has, which is no status, but "
        "found '.status'",
        "3:74: expected a value, or where it stands, such as $ID.response.body.id, found nothing",
        "4:50: a phase in line 4 begins at this call already",
        "4:56: expected a key 'title' here",
        "4:63: there is no call with the id 'on' in this file; did you mean 'one'?",
        "6:12: expected opt, loop, par, alt, break or critical, found 'optional'",
        "7:34: this group crosses the one in line 6: both or none of its ends have to lie inside",
        "8:34: 'four' comes after 'two' in this file; the range is two..four",
        "9:5: expected a key 'label' here",
        "9:24: there is no call with the id 'x' in this file",
        "10:14: in the selector 'a GET b', character 7: expected a path that begins with `/`, or `**` alone for any "
        "path, but found 'b'",
        "11:23: expected lines of the output, such as 19 or 12-14, or {text: …}, found 'X-Header'",
        "13:52: lines count from 1 to 9999999, found '0'",
        "13:57: the last line lies before the first, found '5-3'",
        "13:65: in the path '$.a[', character 5: expected a name in quotes, an index, `*` or `?` but it ends",
        "14:53: expected something of a response, which has no query, found '?q'",
        "14:59: expected a key 'text' here",
        "14:60: unknown key 'txt'; did you mean 'text'?",
        "17:25: the id 'Four' differs from the one in line 16 only in capitals",
        "18:25: the id 'one' stands here a second time; the first is in line 13",
        "19:5: expected a key 'call' here",
        "19:10: the page has an anchor 'step-3' of its own; choose another id",
        "20:5: expected a mapping with call, id, request or response, found a list",
        "21:14: expected client, wire or server, found 'top'",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a", "1:1: expected a mapping with trace, title.*found a list"),
        ("calls: a GET /", "1:8: expected a list of selectors and of mappings.*found 'a GET /'"),
        ("calls: ['']", "1:9: in the selector ''"),
        ("calls: [{call: a GET /, failure: {}}]", "1:25: unknown key 'failure'"),
        ("calls: [{call: a GET /, id: [x]}]", "1:29: expected an id, found a list"),
        ("calls: [{call: a GET /, request: {body: text}}]", "1:41: expected a mapping with after, found 'text'"),
        ("calls: [{call: a GET /, request: {highlight: x}}]", "1:46: expected a list of highlights, found 'x'"),
        ("calls: [{call: a GET /, request: {highlight: ['']}}]", "1:47: expected a highlight, found nothing"),
        ("calls: [{call: a GET /, request: {highlight: [{text: ''}]}}]", "1:54: expected text, found nothing"),
        ("calls: [{call: a GET /, request: {highlight: [a b]}}]", "1:48: expected a header's name.*{text: …}"),
        ("calls: [{call: a GET /, request: {highlight: [?q, A]}}]", r"1:47: inside \[ \].* has to be quoted"),
        ("calls: [{id: a, request: {txt: x}}]", "1:9: expected a key 'call' here\n1:27: unknown key 'txt'"),
        ("calls: [{call: a GET /@0}]", "1:24: .*character 9"),
        ("calls:\n- {call: a GET /, request: {text: a}, request: {}}", "2:39: the key 'request' stands here a second"),
        ("trace: ''", "1:8: expected the name of a recording, found nothing"),
        ("title: [a]", "1:8: expected a title, found a list"),
        ("text: x", "1:7: expected a mapping with intro, outro, command"),
        ("text: {intro: [a]}", "1:15: expected Markdown, found a list"),
        ("command: ls", "1:10: expected a mapping with title or highlight"),
        ("variables: [a]", "1:12: expected a mapping of names to values, found a list"),
        ("variables: {a: [b]}", "1:16: expected a value, .*found a list"),
        ("variables: {a: $}", "1:16: .*expected the id of a call"),
        ("phases: {a: b}", "1:9: expected a list of phases, found a mapping"),
        ("phases: [{title: '', from: ''}]", "1:18: expected a title, found nothing\n1:28: expected the id of a call"),
        ("groups: [{kind: opt, label: a, calls: ''}]", "1:39: expected the ids of the first and last call.*nothing"),
        ("groups: [{kind: opt, label: a, calls: [a, b]}]", "1:39: expected the ids of the first .*found a list"),
        ("groups: [{kind: opt, label: a, calls: a...b}]", "1:39: there is no call with the id '.b'"),
        ("hide: x", "1:7: expected a list of selectors, found 'x'"),
        ("hide: [* GET /x]", "1:9: YAML cannot read this: .*has to be quoted"),
        ("title: [[x]]", r"1:8: expected a title, found a list; a text that begins with \[\[ has to be quoted"),
        ("title: a: b", "1:9: YAML cannot read this.*has to be quoted"),
        ("title: `x`", "1:8: YAML cannot read this.*has to be quoted"),
        ("title: &a b", "1:8: a text that begins with & has to be quoted"),
        ("a: " + "[" * 5_000, " it is nested too deeply"),
        ("page: {labels: {bdy: x}}", "1:17: unknown key 'bdy'; did you mean 'body'"),
    ],
)
def test_a_wrong_value_is_refused(text: str, fault: str) -> None:
    """Whatever stands where something else is wanted gets a line that says where and what."""
    assert re.match(fault, "\n".join(faults(text)), re.S), faults(text)


@pytest.mark.parametrize("style", ["|", ">", ">-", "|2", '"', "'", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_faults_in_texts_of_many_lines_are_said_where_they_stand(style: str, end: str) -> None:
    """Block scalars, folded or not, and texts in quotes or without: the place is that of the brackets."""
    quote = style if style in ('"', "'") else ""
    begin = style if not quote else ""
    text = f"text:\n  intro: {begin}\n    {quote}first [[one]] 한글\n\n    then [[tow]], `[[$no]]`{quote}\n{CALLS}"
    assert faults(text.replace("\n", end)) == [
        "5:10: there is no call with the id 'tow' in this file; did you mean 'two'?",
        "5:20: there is no variable 'no' in this file",
    ]
    found = parse(text.replace("[[tow]]", "[[two]]").replace("[[$no]]", "[[one]]").replace("\n", end), "f").text.intro
    assert found
    assert [mention.line for mention in found.mentions] == [3, 5, 5]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[ two ]]", "expected [[two]], without spaces"),
        ("[[ $x ]]", "expected [[$x]], without spaces"),
        ("[[two.failure]]", "expected two.response, which is the failure where no response came"),
        ("[[two.body]]", "expected an id, id.response or id..id, found 'two.body'"),
        ("[[two..one]]", "'two' comes after 'one' in this file; the range is one..two"),
        ("[[one...two]]", "expected an id, id.response or id..id, found '.two'"),
        ("[[한]]", "there is no call with the id '한' in this file"),
        ("[[one..five.response]]", "there is no call with the id 'five' in this file"),
        ("~~~\n[[one]]", "the fence that begins here with ~~~ never ends"),
    ],
)
def test_mentions_that_are_refused(text: str, fault: str) -> None:
    """What looks like a mention and is none, or names what is not there, is a fault."""
    found = faults("text:\n  intro: |\n" + textwrap.indent(text, "    ") + "\n" + CALLS)
    assert [line.split(": ", 1)[1] for line in found] == [fault]


def shown(text: str) -> str:
    """The text with `<…>` around its mentions, `<`…`>` inside code."""
    parts, position = [], 0
    for found in mentions.find(text):
        assert isinstance(found, mentions.Found)
        sign = "`" if found.in_code else ""
        parts += [text[position : found.begin], f"<{sign}{found.content}{sign}>"]
        position = found.end
    return "".join([*parts, text[position:]])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a [[b]] c", "a <b> c"),
        ("`[[b]]` ``x ` [[c]]`` [[d]]", "`<`b`>` ``x ` <`c`>`` <d>"),
        ("a ` b [[c]]\n\n` [[d]]", "a ` b <c>\n\n` <d>"),
        ("a ` b\n[[c]] `", "a ` b\n<`c`> `"),
        (r"\` [[a]] `", r"\` <a> `"),
        (r"\[[a]] [\[b]] [[c]\]", r"\[[a]] [\[b]] [[c]\]"),
        ("[[ -f x ]] a[[0]] [[1, 2]] [[]]", "[[ -f x ]] a[[0]] [[1, 2]] [[]]"),
        ("[[a b]] [[:x:]] [ [a]]", "[[a b]] [[:x:]] [ [a]]"),
        ("[[[a]]] [[a]](x) ![[b]]", "[<a>] <a>(x) !<b>"),
        ("[[a]]\n```\n[[b]]\n```\n[[c]]", "<a>\n```\n[[b]]\n```\n<c>"),
        ("````\n```\n[[b]]\n```\n````\n[[c]]", "````\n```\n[[b]]\n```\n````\n<c>"),
        ("~~~ py\n```\n[[b]]\n~~~~  \n[[c]]", "~~~ py\n```\n[[b]]\n~~~~  \n<c>"),
        ("!!! a\n    ``` py\n    [[a]]\n    ```\n    [[b]]", "!!! a\n    ``` py\n    [[a]]\n    ```\n    <b>"),
        ("> ```\n> [[a]]\n> ```\n> [[b]]", "> ```\n> [[a]]\n> ```\n> <b>"),
        ("- ```\n  [[a]]\n  ```\n1. [[b]]", "- ```\n  [[a]]\n  ```\n1. <b>"),
        ("``` not a fence: ` [[a]]", "``` not a fence: ` <a>"),
        ("```\r\n[[a]]\r\n```\r\n[[b]]", "```\r\n[[a]]\r\n```\r\n<b>"),
        ("| [[a]] | `x` |\n|---|---|\n| ![x](y.png) | [[b..c.request]] |",
         "| <a> | `x` |\n|---|---|\n| ![x](y.png) | <b..c.request> |"),
    ],
)  # fmt: skip
def test_mentions_in_markdown(text: str, found: str) -> None:
    """Fences and escapes are left alone; backticks are known; other double brackets are text."""
    assert shown(text) == found


@given(
    st.lists(
        st.sampled_from(["`", "``", "```", "~~~", "\n", "\n\n", "[[a]]", "\\", "    ", "> ", "- ", "x"]), max_size=40
    )
)
def test_no_text_brings_the_mentions_down(parts: list[str]) -> None:
    """Mentions come in their order, apart, and each is what stands between its brackets."""
    text, last = "".join(parts), 0
    for found in mentions.find(text):
        assert found.begin >= last
        if isinstance(found, mentions.Found):
            last = found.end
            assert text[found.begin : found.end] == f"[[{found.content}]]"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("demo", "demo"),
        ("$$", "$"),
        ("$$a$$b$c", "$a$b$c"),
        ("$a.response.status", ValueOf("a", "response", "status")),
        ("$a.request.header.X-A.b", ValueOf("a", "request", "header", "X-A.b")),
        ("$a.request.query.a.b c", ValueOf("a", "request", "query", "a.b c")),
        ("$a.response.body", ValueOf("a", "response", "body", path=JsonPath(()))),
        ("$a.response.body.id", ValueOf("a", "response", "body", path=JsonPath((Step("id"),)))),
        ("$a.response.body[0]..x", ValueOf("a", "response", "body", path=JsonPath((Step(0), Step("x", True))))),
    ],
)
def test_values_of_variables(text: str, value: str | ValueOf) -> None:
    """Literals, and each field of a message."""
    assert values.parse(text) == value


@pytest.mark.parametrize(
    ("text", "position"),
    [("$", 0), ("$1", 0), ("$a", 2), ("$a.b", 2), ("$a.response", 11), ("$a.responses.status", 2),
     ("$a.response.query.x", 11), ("$a.request.status", 10), ("$a.response.header.", 19),
     ("$a.response.header.a b", 19), ("$a.request.query.", 17), ("$a.response.bodyx", 11),
     ("$a.response.body.a[", 19), ("$a.response.statuses", 11)],
)  # fmt: skip
def test_errors_of_variables_point_at_the_character(text: str, position: int) -> None:
    """What is neither a literal nor a value's place is refused with the index of the character at fault."""
    with pytest.raises(SpellingError) as caught:
        values.parse(text)
    assert caught.value.position == position


@pytest.mark.parametrize("id", ["a", "own-token", "Create_2", "a" * 64, "mapping", "steps-of-login", "response"])
def test_ids(id: str) -> None:
    """Words that people would choose."""
    assert ids.check(id) == id


@pytest.mark.parametrize(
    "id",
    ["", "1a", "-a", "a b", "a.b", "a" * 65, "한", "a\n", "map", "Map", "command", "diagram", "variables", "steps",
     "log", "step-3", "Step-3", "step-3-response", "phase-1",
     "h3", "map-10", "value-token-1", "a-response", "a-failure"],
)  # fmt: skip
def test_ids_that_are_refused(id: str) -> None:
    """What is unsafe as an anchor, or an anchor of the page's own, is no id."""
    with pytest.raises(ValueError, match=r"expected an id|anchor"):
        ids.check(id)


def test_groups_nest() -> None:
    """Apart, inside, with an end in common, twice the same: all right, in any order of the file."""
    calls = ("one..four", "two..three", "one..two", "three", "three..four", "one..four")
    groups = "groups:\n" + "".join(f"  - {{kind: opt, label: x, calls: {call}}}\n" for call in (calls[1], calls[0]))
    assert [group.first for group in parse(groups + CALLS, "f").groups] == ["two", "one"]
    groups = "groups:\n" + "".join(
        f"  - {{kind: opt, label: x, calls: {call}}}\n" for call in (calls[0], calls[2], *calls[3:])
    )
    assert len(parse(groups + CALLS, "f").groups) == 5


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """No such file, not UTF-8, or beyond 16 MiB: one line that names it."""
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read \(No such file or directory\)$"):
        read(tmp_path / "gone.yaml")
    path = tmp_path / "f.yaml"
    path.write_bytes(b"title: x\ntrace: \xe9\n")
    with pytest.raises(ConfigError, match=r"f\.yaml:2:8: expected UTF-8$"):
        read(path)
    path.write_bytes(b"#" * (16 * 1024 * 1024 + 1))
    with pytest.raises(ConfigError, match=r"f\.yaml: expected a file of at most 16 MiB$"):
        read(path)


@pytest.mark.timeout(120)
def test_a_large_file_ends() -> None:
    """A megabyte of calls is read; a megabyte of faults is said in a hundred lines."""
    entry = "- call: a -> b GET /x/{0}\n  id: c{0}x\n  request:\n    text: |\n      {1} [[c{0}x]]\n    highlight: [A]\n"
    found = parse("calls:\n" + "".join(entry.format(number, "한글 text " * 30) for number in range(2_000)), "f")
    assert found.entries[-1].request.text
    assert found.entries[-1].request.text.mentions[0].line == 6 * 2_000
    said = faults("text:\n  intro: |\n" + "    [[a]] ` `` [\n" * 30_000)
    assert len(said) == 101
    assert said[-1] == " and 29900 faults more"


# A model, written as YAML in any style and read again, is the same.

PLAIN = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="[`~\\\ufeff\u2028\u2029\ufffe\uffff"),
    max_size=12,
)
WORDS = PLAIN.filter(str.strip)
IDS = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True).filter(lambda text: _is_id(text))
SELECTORS = st.sampled_from(
    ["a -> b GET /", "* * **", "b PUT /x/{id}/**?a=b&c@-1", "a-b POST /한?", "h:80 GET /a@2", "* GET /%2A"]
).map(Selector.parse)
MARKS = st.sampled_from(["X-A", "$.a[?@.b=='c']", "$..x", "?q", "3", "3-9", "$", "0x"]) | WORDS.map(Containing)


def _is_id(text: str) -> bool:
    try:
        ids.check(text)
    except ValueError:
        return False
    return True


@st.composite
def texts(draw: st.DrawFn, known: list[str], variables: list[str]) -> Text | None:
    """Pieces of text, among them mentions and line ends."""
    parts, found = "", []
    for piece in draw(st.lists(st.sampled_from(["text", "line", "mention", "variable"]), max_size=5)):
        begin, first, last = len(parts), None, None
        if piece == "text":
            parts += draw(PLAIN)
        elif piece == "line":
            parts += "\n"
        elif piece == "variable" and variables:
            name = draw(st.sampled_from(variables))
            parts += f"[[${name}]]"
            found.append(Mention(begin, len(parts), 0, variable=name))
        elif piece == "mention" and known:
            ends = sorted(draw(st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=2)))
            first, *rest = (Place(known[end], message) for end, message in zip(ends, ("request", "response")))
            last = rest[0] if rest else None
            parts += f"[[{first.id}]]" if last is None else f"[[{first.id}..{last.id}]]"
            found.append(Mention(begin, len(parts), 0, False, first, last))
    return Text(parts, 0, tuple(found)) if parts.strip() else None


@st.composite
def models(draw: st.DrawFn) -> Annotations:
    """Annotations whose names fit together; lines are 0."""
    names = draw(st.lists(IDS, max_size=5, unique=True))
    variables = draw(st.lists(st.from_regex(r"[a-zA-Z0-9_][a-z0-9_-]{0,5}", fullmatch=True), max_size=3, unique=True))
    text = texts(names, variables)
    notes = st.builds(Notes, text, _highlights("request"), text, text, text)
    entries = []
    for id in [*names, *draw(st.lists(st.none(), max_size=2))]:
        selector = draw(SELECTORS)
        answer = st.builds(Notes, text, _highlights("response"), text, text, text)
        entries.append(Entry(selector, str(selector), 0, id, draw(notes), draw(answer)))
    id = st.sampled_from(names)
    value = WORDS.map(lambda text: text.replace("$", "")).filter(str.strip)
    path = JsonPath((Step("a b"), Step(-1, True)))
    places = [ValueOf(name, "response", "body", path=path) for name in names]
    places += [ValueOf(name, "request", "header", "X-A") for name in names]
    ends = draw(st.lists(id, max_size=2, unique=True)) if names else []
    ends = sorted(ends, key=names.index)
    return Annotations(
        "f.yaml",
        draw(st.none() | WORDS),
        draw(st.none() | WORDS),
        PageText(draw(text), draw(text), {"map": Around(draw(text), draw(text))} if draw(st.booleans()) else {}),
        Command(draw(st.none() | WORDS), draw(_highlights("output"))),
        tuple(Variable(name, draw(value | st.sampled_from(places) if places else value), 0) for name in variables),
        tuple(Phase(draw(WORDS), name, 0) for name in draw(st.permutations(names))),
        (Group(draw(st.sampled_from(model.KINDS)), draw(WORDS), ends[0], ends[-1], 0),) if ends else (),
        tuple(Hidden(selector, 0) for selector in draw(st.lists(SELECTORS, max_size=2))),
        tuple(entries),
        Page(hide_headers=("A",)) if draw(st.booleans()) else Page(),
    )


def _highlights(where: str) -> st.SearchStrategy[tuple[Highlight, ...]]:
    def highlight(mark: Any) -> Highlight:
        if isinstance(mark, Containing):
            return Highlight(mark, mark.text, 0)
        return Highlight(highlights.parse(mark), mark, 0)

    marks = {"request": MARKS, "response": MARKS.filter(lambda mark: mark != "?q")}
    chosen = marks.get(where, st.sampled_from(["7", "7-8"]) | WORDS.map(Containing))
    return st.lists(chosen.map(highlight), max_size=3).map(tuple)


def written(found: Annotations) -> dict[str, Any]:
    """What a file says that gives these annotations."""
    data = {
        "trace": found.trace,
        "title": found.title,
        "text": {"intro": _said(found.text.intro), "outro": _said(found.text.outro)}
        | {part: {"above": _said(a.above), "below": _said(a.below)} for part, a in found.text.around.items()},
        "command": {"title": found.command.title, "highlight": _marked(found.command.highlight)},
        "variables": {variable.name: _value(variable.value) for variable in found.variables},
        "phases": [{"title": phase.title, "from": phase.start} for phase in found.phases],
        "groups": [{"kind": g.kind, "label": g.label, "calls": f"{g.first}..{g.last}"} for g in found.groups],
        "hide": [str(hidden.selector) for hidden in found.hide],
        "calls": [_entry(entry) for entry in found.entries],
        "page": {"hide_headers": list(found.page.hide_headers)} if found.page.hide_headers else None,
    }
    return {key: value for key, value in _pruned(data).items() if value not in ([], {})}


def _pruned(value: Any) -> Any:
    """Without the keys of mappings that have no value."""
    if isinstance(value, dict):
        return {key: _pruned(each) for key, each in value.items() if each is not None}
    return [_pruned(each) for each in value] if isinstance(value, list) else value


def _said(text: Text | None) -> str:
    return text.value if text else ""


def _value(value: str | ValueOf) -> str:
    if isinstance(value, str):
        return value
    rest = str(value.path)[1:] if value.path else f".{value.name}"
    return f"${value.id}.{value.message}.{value.field}{rest}"


def _marked(found: tuple[Highlight, ...]) -> list[Any]:
    return [{"text": each.spelled} if isinstance(each.mark, Containing) else each.spelled for each in found]


def _entry(entry: Entry) -> Any:
    if entry == replace(Entry(entry.selector, entry.spelled, 0)):
        return entry.spelled
    notes = {
        name: {
            "text": _said(each.text),
            "highlight": _marked(each.highlight),
            "after": _said(each.after),
            "header": {"after": _said(each.header_after)},
            "body": {"after": _said(each.body_after)},
        }
        for name, each in (("request", entry.request), ("response", entry.response))
    }
    return {"call": entry.spelled, **({"id": entry.id} if entry.id else {}), **notes}


def without_lines(value: Any) -> Any:
    """The same value, all its lines 0."""
    if is_dataclass(value) and not isinstance(value, (Selector, type)):
        inner = {each.name: without_lines(getattr(value, each.name)) for each in fields(value)}
        return replace(value, **inner | ({"line": 0} if "line" in inner else {}))
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(map(without_lines, value))
    return {key: without_lines(each) for key, each in value.items()} if isinstance(value, dict) else value


@given(
    models(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.integers(20, 200),
)
@settings(max_examples=150, deadline=None)
def test_a_model_is_read_as_it_is_written(
    found: Annotations, flow: bool, end: str, style: str | None, width: int
) -> None:
    """Written as YAML in any style, quotes, width and line ends, annotations are read as they were."""
    text = yaml.safe_dump(
        written(found), default_flow_style=flow, default_style=style, width=width, allow_unicode=True, sort_keys=False
    )
    again = parse(text.replace("\n", end), "f.yaml")
    assert without_lines(again) == found
