"""The page for GitHub and GitLab: read by GitHub's own parser, golden pages, the author's words, long flows.

After a change that is meant: REGENERATE_GOLDEN=1 python -m pytest tests/test_github.py
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_support import requestshook
from github_support import Page, tags_of_another_parser
from html_support import failing, long, side_by_side
from hypothesis import given
from hypothesis import strategies as st
from long_support import long_story
from long_support import placed as placed_long
from notes_support import FILE, placed
from page_support import Story, image_create

from requestshook.annotations.placing import Fault
from requestshook.cli import parting
from requestshook.page.github_prose import markdown
from requestshook.page.render import pages, render
from requestshook.page.settings import PageSettings
from requestshook.site import pages as site_pages
from requestshook.trace.calls import Trace

GOLDEN = Path(__file__).parent / "golden"


def github(story: Story, trace: Trace | None = None, part: str = "page", settings: PageSettings | None = None) -> str:
    """The page."""
    return "".join(render(trace or story.trace(), story.load, settings, part=part, dialect="github"))


def noted(file: str = FILE) -> str:
    """The page with an author's words."""
    notes, story = placed(file)
    faults: list[Fault] = []
    text = "".join(render(notes.trace, story.load, notes=notes, faults=faults, dialect="github"))
    assert faults == []
    return text


def failed() -> str:
    story = failing()
    return github(story, story.trace(exit=1))


PAGES = {
    "plain": lambda: github(image_create()),
    "noted": noted,
    "failed": failed,
    "side by side": lambda: github(side_by_side()),
    "long": lambda: github(long(200)),
    "nothing": lambda: github(Story(), Story().trace(command=(), output=())),
}


@pytest.mark.parametrize("name", ["noted", "failed"])
def test_the_page_is_as_it_was(name: str) -> None:
    """The page equals tests/golden/github-NAME.md."""
    path, page = GOLDEN / f"github-{name}.md", PAGES[name]()
    if os.environ.get("REGENERATE_GOLDEN"):
        path.write_text(page, encoding="utf-8")
    assert page == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_github_reads_what_was_meant(name: str) -> None:
    """Only tags and attributes that both forges leave, all closed; every link leads to an anchor that is there once."""
    text = PAGES[name]()
    page = Page(text)
    assert page.faults == []
    assert len(page.names) == len(set(page.names))
    assert {link.removeprefix("#") for link in page.links} <= set(page.names)
    assert [tag for tag in tags_of_another_parser(text) if tag != "br"] == [tag for tag in page.tags if tag != "br"]


def slug(heading: str) -> str:
    """What the forges make of a heading's words, to lead there."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


def test_no_heading_takes_an_authors_anchor() -> None:
    """A phase that is called as one of its calls does not catch the links to the call."""
    file = FILE.replace("title: 로그인", "title: Negotiate").replace("title: 업로드", "title: upload")
    page = Page(noted(file))
    assert [text for text in page.shown["h3"] if "upload" in text] == ["upload (5–10)"]
    assert "upload" in page.names
    headings = [text for tag in ("h1", "h2", "h3", "h4") for text in page.shown[tag]]
    assert not {"negotiate", "login", "upload", "check", "store"} & set(map(slug, headings))


def test_only_what_is_spoken_of_is_open() -> None:
    """On a page with notes a body that nobody speaks of is folded; on one without, and where it failed, it is open."""
    opened = "<details open><summary><b>Body</b> · JSON · 6 lines"
    assert opened in PAGES["plain"]()
    assert opened not in PAGES["noted"]()
    assert "<details open><summary><b>Body</b> · HTML" in PAGES["noted"]()


def test_a_long_output_is_folded() -> None:
    """The command stays in sight, what it printed unfolds, and marked lines are below."""
    story = image_create()
    page = Page(github(story, story.trace(output=(("out", "line\n" * 60),)), part="command"))
    assert page.faults == []
    assert [text.count("\n") for _, text in page.fences] == [1, 61]
    assert page.shown["summary"] == ["Output · 61 lines"]


def test_every_message_is_there() -> None:
    """Each step has its heading, its header under its first line, and its body."""
    story = image_create()
    page = Page(github(story))
    assert [heading.partition(")")[0] for heading in page.shown["h3"]] == [f"({n}" for n in range(1, 11)]
    fences = [text for _, text in page.fences]
    assert "HTTP/1.1 201 Created\nX-Subject-Token: ‹token-1›\nContent-Type: application/json\n" in fences
    assert '{\n  "token": {\n    "roles": [\n      "admin"\n    ]\n  }\n}\n' in fences
    assert "ReadTimeout: HTTPConnectionPool(host='182.161.114.101', port=8080): Read timed out.\n" in fences
    assert "Body · 20.2 MiB, a coding that is not undone: br" in page.shown["p"]
    assert [language for language, _ in page.fences].count("mermaid") == 1


def test_the_map_is_a_table() -> None:
    """A row a call, indented by depth, with its status, duration and services, a link to its step."""
    story = failing()
    page = Page(github(story, story.trace(exit=1), part="map"))
    rows = [text.split("\n")[1:6] for text in page.shown["tr"]]
    assert rows[1:3] == [
        ["1\u2060–\u20602", "POST /identity/v3/auth/tokens", "201", "13\u00a0ms", "openstack\u00a0→ keystone"],
        ["3\u2060–\u206012", "POST /v2/images", "⭕ 503", "113\u00a0ms", "openstack\u00a0→ glance-api"],
    ]
    assert rows[6][1:3] == ["\u2003\u2003GET /identity/v3/auth/tokens", "🔴 401"]
    assert page.links == ["#step-1", "#step-3", "#step-4", "#step-6", "#step-8", "#step-9"]


def test_a_failure_is_told_from_its_origin() -> None:
    """An alert under the title has the chain, the origin's step one of its own; the others say what they follow."""
    text = failed()
    page = Page(text)
    chain = "\nCAUTION: Failed. keystone answered 401 Unauthorized to swift in (10) → glance-api had ReadTimeout of"
    assert page.shown["blockquote"][0].startswith(chain)
    assert page.shown["blockquote"][0].endswith("→ the command ended with exit status 1\n")
    assert page.shown["blockquote"][1:] == ["\nCAUTION: 🔴 The failure starts here\n"]
    assert "⭕ Follows from (10) keystone 401" in page.shown["p"]


def test_marked_lines_are_repeated_with_their_numbers() -> None:
    """A fence marks no line, so the marked ones stand below its fold; numbers are those of the fence's lines."""
    page = Page(noted())
    fences = [text for _, text in page.fences]
    assert "2 │ X-Subject-Token: ‹token-1›\n" in fences
    assert '6 │         "links": [],\n7 │         "rank": 1.50\n' in fences
    assert "1 │ ReadTimeout: HTTPConnectionPool(host='182.161.114.101', port=8080): Read timed out.\n" in fences
    assert any(summary.startswith("Header") for summary in page.shown["summary"])


def test_parts_stand_alone() -> None:
    """`--part` gives the part with its heading, and nothing else."""
    for part, heading in {
        "map": "Call map",
        "diagram": "Sequence diagram",
        "log": "Full log",
        "steps": "Steps",
    }.items():
        page = Page(github(image_create(), part=part))
        assert (page.faults, page.shown["h1"], page.shown["h2"]) == ([], [], [heading])


def test_without_anchors_there_are_neither_anchors_nor_links() -> None:
    """`page: {anchors: off}` leaves both out."""
    page = Page(github(image_create(), settings=PageSettings(anchors=False)))
    assert (page.faults, page.names, page.links) == ([], [], [])


def test_a_long_flow_is_several_files_that_link_to_each_other(tmp_path: Path) -> None:
    """Every link leads to a file that is there, and an anchor in it; each file says whose part it is."""
    story = long_story(160)
    notes = placed_long(story)
    found = pages(notes.trace, story.load, stem="long", notes=notes, faults=[], dialect="github")
    texts = {name: "".join(pieces) for name, pieces in found}
    assert len(texts) > 3
    read = {name: Page(text) for name, text in texts.items()}
    for name, page in read.items():
        assert page.faults == []
        for link in page.links:
            file, _, anchor = link.partition("#")
            names = {re.sub(r"[^\x00-\x7f]|%[0-9A-F]{2}", "", other): other for other in read}
            target = names[re.sub(r"%[0-9A-F]{2}", "", file)] if file else name
            assert not anchor or anchor in read[target].names, link
        (tmp_path / name).write_text(texts[name], encoding="utf-8")
        assert site_pages.part_of(str(tmp_path / name)) == (None if name == "long.md" else "long.md")
    numbers = [n for page in read.values() for n in re.findall(r"(?m)^\((\d+)\)", "\n".join(page.shown["h3"]))]
    assert sorted(map(int, numbers)) == list(range(1, 161))


def test_a_shorter_recording_leaves_no_pages_behind(tmp_path: Path) -> None:
    """Pages of phases that are no more are removed, also where another format wrote them; other files stay."""
    (tmp_path / "long--9-mine.md").write_text("mine")
    given: dict[str, Any] = {"notes": None, "templates": None, "force": False}
    for form, steps, files in ("github", 160, 8), ("mkdocs", 160, 8), ("github", 110, 6), ("github", 20, 1):
        story = long_story(steps)
        path = str(tmp_path / "long.md")
        parting.write(path, story.trace(), story.load, PageSettings(), faults=[], dialect=form, **given)
        texts = [file.read_text("utf-8") for file in tmp_path.iterdir() if file.name != "long--9-mine.md"]
        assert len(texts) == files
        assert {text.startswith("<!--") for text in texts} == {form == "github"}
    assert (tmp_path / "long--9-mine.md").read_text() == "mine"


AUTHORED = {
    '!!! note "Title"\n    text\n': "> [!NOTE]\n> **Title**\n>\n> text\n",
    "!!! danger\n    text\n\nafter": "> [!CAUTION]\n> text\n\nafter",
    '!!! tip ""\n    text': "> [!TIP]\n> text",
    '??? note "Fold"\n    text': "<details><summary>Fold</summary>\n\ntext\n\n</details>",
    "???+ note\n    text": "<details open><summary>Note</summary>\n\ntext\n\n</details>",
    '=== "Tab"\n    text': "<details open><summary>Tab</summary>\n\ntext\n\n</details>",
    '``` py title="a.py" hl_lines="1"\n!!! note\n```': "**a.py**\n\n```py\n!!! note\n```",
    "## Head { #mine }": '## <a name="mine"></a>Head',
    "[x](y){ .button }": "[x](y)",
    "a {b} c": "a {b} c",
    "`{ .x }` and `a`{ .y } and `a` b": "`{ .x }` and `a` and `a` b",
    '!!! note\n    text\n    ``` py title="a"\n    !!! x': "> [!NOTE]\n> text\n>\n> **a**\n>\n> ```py\n> !!! x",
    "- item\n\n    !!! note\n        text": "- item\n\n    > **Note**\n    >\n    > text",
}


@pytest.mark.parametrize("text", AUTHORED)
def test_the_authors_words_are_as_both_forges_have_them(text: str) -> None:
    """Admonitions are alerts, folds and tabs `<details>`, titles of fences bold; attribute lists go."""
    assert markdown(text).rstrip("\n") == AUTHORED[text].rstrip("\n")


@given(st.text(alphabet=st.sampled_from('`~!?=[](){}#.<>|*- \n\t:"ae1\\+'), max_size=200))
def test_any_words_of_an_author_are_taken(text: str) -> None:
    """Whatever an author writes makes a page; what is no MkDocs is as it was."""
    written = markdown(text)
    assert markdown("") == ""
    if not re.search(r"!!!|\?\?\?|===|[`~{]", text):
        assert written == text


def test_the_command_replaces_only_pages_of_ours(tmp_path: Path) -> None:
    """A page written before is replaced, in each format; what somebody else wrote is not."""
    requestshook(tmp_path, "run", "--name", "x", "--", sys.executable, "-c", "pass")
    for form, name in {"github": "x.md", "json": "x.json"}.items():
        for _ in range(2):
            done = requestshook(tmp_path, "render", "x", "--format", form)
            assert (done.returncode, done.stdout) == (0, f"docs/{name}\n")
        page = tmp_path / "docs" / name
        page.write_text('{"theirs": 1}', "utf-8")
        done = requestshook(tmp_path, "render", "x", "--format", form)
        assert (done.returncode, page.read_text("utf-8")) == (1, '{"theirs": 1}')
        assert "is no page of requestshook's" in done.stderr
