"""Long flows: an index and a page a phase, whose links meet, whose numbers go on, and which leave nothing behind.

After a change that is meant: REGENERATE_GOLDEN=1 python -m pytest tests/test_splitting.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from cli_support import requestshook
from hypothesis import given, settings
from hypothesis import strategies as st
from long_support import long_story, placed
from page_support import Story
from site_support import BUILDERS, browser, build, drawn, links, served
from test_page_golden import GOLDEN
from test_page_hostile import MKDOCS, hostile_story, hostile_trace

from requestshook import cli
from requestshook.annotations.placing import Fault
from requestshook.page import splitting
from requestshook.page.frames import Stretch
from requestshook.page.places import Places
from requestshook.page.render import pages, render
from requestshook.page.settings import PageSettings, Words
from requestshook.site import listing, mermaid, project

NUMBER = re.compile(r"^### \((\d+)\)", re.MULTILINE)


def files(story: Story, **given: Any) -> dict[str, str]:
    """The files of a flow by their names."""
    return {name: "".join(pieces) for name, pieces in pages(story.trace(), story.load, stem="long", **given)}


def noted(story: Story) -> dict[str, str]:
    """The same with an author's words."""
    notes, faults = placed(story), list[Fault]()
    found = {
        name: "".join(pieces)
        for name, pieces in pages(notes.trace, story.load, stem="long", notes=notes, faults=faults)
    }
    assert faults == []
    return found


def test_a_flow_of_fifty_steps_is_one_page() -> None:
    """Up to 50 steps nothing is split, and the one file is what `render` gives; one more step makes an index."""
    story = long_story(50)
    assert files(story) == {"long.md": "".join(render(story.trace(), story.load))}
    longer = long_story(52)
    assert len(files(longer)) > 1
    assert list(files(longer, dialect="html")) == ["long.html"]


def test_numbers_go_on_through_all_pages() -> None:
    """Every step stands on one page, in its order; the index has none, and knows them all in map and log."""
    found = files(long_story(300))
    index, *further = found.values()
    assert NUMBER.findall(index) == []
    assert [int(number) for page in further for number in NUMBER.findall(page)] == list(range(1, 301))
    assert set(re.findall(r"#step-(\d+)\)\{ \.rh-row|^\| \[(\d+)\]", index, re.MULTILINE)) >= {("", "300"), ("", "1")}


def test_without_an_author_a_phase_begins_after_twenty_steps() -> None:
    """Pages begin with calls of the outermost caller, the first that come after 20 steps."""
    found = files(long_story(110))
    starts = [int(NUMBER.findall(page)[0]) for name, page in found.items() if name != "long.md"]
    assert starts == [1, 25, 49, 73, 97]
    assert list(found)[1] == "long--1-steps-1-24.md"


def test_an_authors_phases_are_the_pages(tmp_path: Path) -> None:
    """A page a phase, named by it, and one for what comes before the first; mentions lead across pages."""
    found = noted(long_story(60))
    assert list(found) == ["long.md", "long--1-steps-1-24.md", "long--2-before-all-준비.md", "long--3-then.md"]
    index = found["long.md"]
    assert "It begins with [1](long--1-steps-1-24.md#first) and ends with [60](long--3-then.md#last-response)." in index
    assert "](long--2-before-all-%EC%A4%80%EB%B9%84.md#phase-1){ .rh-row .rh-band }" in index
    assert "| [2](long--1-steps-1-24.md#login){ #login } |" in index
    assert "| [4](long--1-steps-1-24.md#step-4){ #step-4 } |" in index
    first = found["long--1-steps-1-24.md"]
    assert "[49](long--3-then.md#last) is far away, [2](long--1-steps-1-24.md#login) is near." in first
    assert first.count("[long-2") == 0
    assert "# Before: &#60;all&#62; 준비 { #phase-1 }" in found["long--2-before-all-준비.md"]


def test_a_part_is_told_from_a_page(tmp_path: Path) -> None:
    """Only the index is listed; it names every part."""
    found = files(long_story(110))
    index, *further = found.values()
    assert "exclude: true" not in index
    assert all('part_of: "long.md"' in page for page in further)
    for name, text in found.items():
        (tmp_path / name).write_text(text, "utf-8")
    listed = listing.refresh(listing.EMPTY, list(project.pages.find(tmp_path)))
    assert listed.count("| [") == 1
    assert "[long](long.md)" in listed


def test_the_pages_turn(tmp_path: Path) -> None:
    """Each page links to the one before, the index and the one after, above its steps and below."""
    found = files(long_story(110))
    names = list(found)
    for place, name in enumerate(names[1:], 1):
        assert found[name].count("](long.md)") == 2
        assert found[name].count(f"]({names[place - 1]})") == 2
        if place + 1 < len(names):
            assert found[name].count(f"]({names[place + 1]})") == 2


def test_diagrams_stand_with_their_phases() -> None:
    """Each page has the diagram of its steps; the index has all of it only where a browser draws that at once."""
    short, long = files(long_story(110)), files(long_story(300))
    counted = [page.count("``` mermaid") for page in short.values()]
    assert counted[0] == sum(counted[1:]) == 5
    assert "``` mermaid" not in long["long.md"]
    assert "Each of the pages below has its own." in long["long.md"]
    starts = [int(number) for page in long.values() for number in re.findall(r"autonumber (\d+)", page)]
    assert starts == sorted(starts)
    assert starts[0] == 1


def test_without_anchors_pages_still_lead_to_each_other() -> None:
    """`anchors: off` leaves links to steps out, and those between pages in."""
    found = files(long_story(60), settings=PageSettings(anchors=False))
    assert not any("#step-" in page or "{ #" in page for page in found.values())
    assert found["long.md"].count(".md)") == len(found) - 1


@pytest.mark.parametrize("name", ["long", "long-noted"])
def test_the_pages_are_as_they_were(name: str) -> None:
    """The files of a flow of 60 steps equal those in tests/golden/NAME."""
    found = files(long_story(60)) if name == "long" else noted(long_story(60))
    folder = GOLDEN / name
    if os.environ.get("REGENERATE_GOLDEN"):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for file, text in found.items():
            (folder / file).write_text(text, "utf-8")
    assert found == {path.name: path.read_text("utf-8") for path in folder.iterdir()}


class Knows:
    """As much of an author as splitting asks for."""

    def __init__(self, phases: tuple[Stretch, ...]) -> None:
        self.phases = phases
        self.places = Places({})


@given(
    depths=st.lists(st.integers(0, 3), min_size=1, max_size=160),
    starts=st.sets(st.integers(1, 160), max_size=5),
    titles=st.lists(st.text(max_size=80), min_size=5, max_size=5),
)
@settings(max_examples=200, deadline=None)
def test_every_step_stands_on_one_page(depths: list[int], starts: set[int], titles: list[str]) -> None:
    """Whatever the nesting and the phases: pages of at most 50 steps, all steps in order, names that are names."""
    story = Story()
    for depth in depths:
        call = story.request("a", "b", "GET", "http://h/")
        call.depth = depth
        story.response(call, 200, "OK")
    trace = story.trace()
    edges = [start for start in sorted(starts) if start <= len(trace.steps)]
    ends = [*(edge - 1 for edge in edges[1:]), len(trace.steps)]
    phases = tuple(
        Stretch(title, f"phase-{number}", first, last)
        for number, (title, first, last) in enumerate(zip(titles, edges, ends), 1)
    )
    author = Knows(phases)
    chapters = splitting.spread(trace, author, Words({}), "s", ".md")  # type: ignore[arg-type]  # it asks for no more
    covered = [number for one in chapters for number in range(one.first, one.last + 1)]
    assert covered == list(range(1, len(trace.steps) + 1))
    assert all(one.last - one.first < splitting.LONGEST for one in chapters)
    assert len({one.file for one in chapters}) == len(chapters)
    assert all(re.fullmatch(r"s--\d+(-\w[\w-]*)?\.md", one.file) and len(one.file.encode()) < 60 for one in chapters)
    assert {one.anchor for one in chapters} - {""} == {phase.anchor for phase in author.phases}


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


CLIENT = """
import sys, threading, urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
import requests
with requests.Session() as session:
    for number in range(int(sys.argv[1])):
        session.get(f"http://127.0.0.1:{server.server_port}/{number}")
server.shutdown()
server.server_close()
"""


def record(folder: Path, calls: int) -> None:
    """Record a client that makes so many calls, under the name `flow`."""
    (folder / "client.py").write_text(CLIENT)
    done = requestshook(folder, "run", "--name", "flow", "--", "python", "client.py", str(calls))
    assert done.returncode == 0, done.stderr


def test_render_leaves_nothing_of_an_earlier_page_behind(tmp_path: Path) -> None:
    """Parts that a new recording no longer has are removed; what looks like one and is not stays."""
    record(tmp_path, 45)
    docs = tmp_path / "docs"
    done = requestshook(tmp_path, "render")
    assert done.returncode == 0, done.stderr
    parts = ["flow--1-steps-1-22.md", "flow--2-steps-23-44.md", "flow--3-steps-45-66.md", "flow--4-steps-67-88.md",
             "flow--5-steps-89-90.md"]  # fmt: skip
    assert done.stdout.splitlines() == ["docs/flow.md", *(f"docs/{part}" for part in parts)]
    (docs / "flow-notes.md").write_text("# Mine\n")
    (docs / "flow-9-x.md").write_text('---\ngenerator: requestshook\nrequestshook: {part_of: "other.md"}\n---\n# x\n')
    (docs / "flow-2.md").write_text(
        "---\ngenerator: requestshook\nrequestshook: {calls: 1}\n---\n# A page of its own\n"
    )
    kept = ["flow-2.md", "flow-9-x.md", "flow-notes.md", "flow.md"]
    record(tmp_path, 27)
    done = requestshook(tmp_path, "render")
    assert done.returncode == 0, done.stderr
    assert written(docs) == sorted([*kept, parts[0], parts[1], "flow--3-steps-45-54.md"])
    assert done.stderr.count("is no longer a part of flow.md: removed") == 3
    record(tmp_path, 3)
    assert requestshook(tmp_path, "render").returncode == 0
    assert written(docs) == kept


def test_one_page_on_standard_output_and_one_a_part(tmp_path: Path) -> None:
    """`-o -` prints all of a long flow as one page, and a part is one file, however long it is."""
    record(tmp_path, 30)
    done = requestshook(tmp_path, "render", "-o", "-")
    assert NUMBER.findall(done.stdout) == [str(number) for number in range(1, 61)]
    assert "flow-1" not in done.stdout
    assert requestshook(tmp_path, "render", "--part", "steps").returncode == 0
    assert requestshook(tmp_path, "render", "--format", "html").returncode == 0
    assert written(tmp_path / "docs") == ["flow.html", "flow.steps.md"]


def test_a_strangers_file_is_no_part(tmp_path: Path) -> None:
    """Where a part's place is taken nothing is written; --force takes it."""
    record(tmp_path, 30)
    (tmp_path / "docs").mkdir()
    taken = tmp_path / "docs" / "flow--2-steps-23-44.md"
    taken.write_text("# Mine\n")
    done = requestshook(tmp_path, "render")
    assert done.returncode == 1
    assert "flow--2-steps-23-44.md is no part of flow.md" in done.stderr
    assert written(tmp_path / "docs") == [taken.name]
    assert requestshook(tmp_path, "render", "--force").returncode == 0
    assert "part_of" in taken.read_text("utf-8")


@pytest.fixture(scope="module")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a page of a thousand steps."""
    folder = tmp_path_factory.mktemp("thousand")
    (folder / "docs").mkdir()
    story = long_story(1000)
    for name, pieces in pages(story.trace(), story.load, stem="long"):
        (folder / "docs" / name).write_text("".join(pieces), "utf-8")
    assert cli.main(["site", "-o", str(folder)]) == 0
    assert (folder / "docs" / project.SCRIPT).read_bytes() == mermaid.carried().content  # type: ignore[union-attr]
    return folder


FOUND = {"material": ("search/search_index.json", "docs"), "zensical": ("search.json", "items")}


def searched(site: Path, builder: str) -> dict[str, tuple[str, str]]:
    """Title and text of all that a site's search can find, by where it stands."""
    file, entries = FOUND[builder]
    found = json.loads((site / file).read_text("utf-8"))[entries]
    return {entry["location"]: (entry["title"], entry["text"]) for entry in found}


def check_search(found: dict[str, tuple[str, str]]) -> None:
    """Each step is found once, by its heading and by who calls whom, and no code is."""
    steps = {place: entry for place, entry in found.items() if "#step-" in place}
    assert sorted(int(place.partition("#step-")[2]) for place in steps) == list(range(1, 1001))
    title, text = steps["long--01-steps-1-24/#step-12"]
    assert title == "(12) 200 OK /v2/images/0"
    assert text == "<p><code>client</code> &lt;-- <code>api</code></p>"
    assert not [place for place, (_, text) in steps.items() if "<pre>" in text]
    assert len(json.dumps(found)) < 300_000


def check_navigation(home: str) -> None:
    """The site's navigation names a long flow once, whatever number of pages it has."""
    links = [link for link in re.findall(r"<a [^>]*>", home) if "md-nav__link" in link]
    assert len([link for link in links if "long/" in link]) == 1
    assert not [link for link in links if "long--" in link]


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_thousand_steps_are_built_and_opened(thousand: Path, builder: str, tmp_path: Path) -> None:
    """Both builders take them strictly, every link leads somewhere, from the map to a step and back as well."""
    folder = tmp_path / "thousand"
    shutil.copytree(thousand, folder)
    began = time.monotonic()
    site = build(folder, builder)
    assert time.monotonic() - began < 60  # 3 s on an idle machine
    assert [(path.name, link) for path, link, there in links(site) if not there] == []
    check_search(searched(site, builder))
    check_navigation((site / "index.html").read_text("utf-8"))
    with browser() as context, served(site) as address:
        page = context.new_page()
        page.goto(f"{address}/long/")
        page.locator("a.rh-row", has_text="images/50").first.click()
        page.wait_for_url(re.compile(r"/long--\d\d-steps-\d+-\d+/#step-601$"))
        assert page.locator("#step-601").inner_text().startswith("(601) GET /v2/images/50")
        assert drawn(page, 1)
        page.get_by_role("link", name="long", exact=True).last.click()
        page.wait_for_url(f"{address}/long/")
        assert context.strangers == []


def test_hostile_content_says_in_a_chapter_what_it_says_on_one_page(tmp_path: Path) -> None:
    """Whatever was captured: headings and messages are the same in the pages of a long flow as on a single one."""
    story = hostile_story()
    trace = hostile_trace(story)
    docs = tmp_path / "docs"
    docs.mkdir()
    (tmp_path / "mkdocs.yml").write_text(MKDOCS)
    (docs / "index.md").write_text("".join(render(trace, story.load)), "utf-8")
    for name, pieces in pages(trace, story.load, stem="long"):
        (docs / name).write_text("".join(pieces), "utf-8")
    site = build(tmp_path, "material")
    chapters = sorted(path for path in site.glob("long--*/index.html"))
    found = [text for path in chapters for text in messages(path)]
    assert len(chapters) > 2
    assert len(found) > 2 * len(trace.steps)
    assert found == messages(site / "index.html")


def messages(page: Path) -> list[str]:
    """The headings of the steps of a built page, and the text of their tabs."""
    found = re.findall(r"<h3 .*?</h3>|<div class=\"tabbed-block\">.*?</pre>", page.read_text("utf-8"), re.DOTALL)
    return [re.sub("<[^>]*>", "", text) for text in found]


def test_links_from_elsewhere_still_lead_to_the_step() -> None:
    """The index has every anchor that the page had when it was short: of steps in its log, of phases in its list."""
    index = noted(long_story(60))["long.md"]
    log = index.partition("{ #log }")[2]
    assert [int(number) for number in re.findall(r"^\| \[(\d+)\]\(long--[^)]*\)\{ #[\w-]+ \} \|", log, re.M)] == [
        *range(1, 61)
    ]
    assert "| [2](long--1-steps-1-24.md#login){ #login } |" in log
    assert "| [Then](long--3-then.md){ #phase-2 } |" in index
