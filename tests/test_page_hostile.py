"""What was captured is data: a page of hostile content, built by Material and opened in Chromium."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile import CONTENTS, SECRET_FILE, in_header
from page_support import Story

from requestshook.page.escape import visible
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.trace.calls import Trace

CHROMIUM = "/usr/bin/chromium"
SECRET = "what-the-file-holds"

# All that a site may have switched on, so that whatever could read captured text as its own is there to do so.
MKDOCS = """
site_name: Site
strict: true
plugins: [search]
theme: {name: material, font: false, features: [content.code.copy]}
markdown_extensions:
  - abbr
  - admonition
  - attr_list
  - def_list
  - footnotes
  - md_in_html
  - nl2br
  - smarty
  - tables
  - wikilinks
  - toc: {permalink: true}
  - pymdownx.arithmatex: {generic: true}
  - pymdownx.betterem
  - pymdownx.caret
  - pymdownx.critic
  - pymdownx.details
  - pymdownx.emoji
  - pymdownx.highlight
  - pymdownx.inlinehilite
  - pymdownx.keys
  - pymdownx.magiclink: {repo_url_shorthand: true, user: u, repo: r}
  - pymdownx.mark
  - pymdownx.progressbar
  - pymdownx.saneheaders
  - pymdownx.smartsymbols
  - pymdownx.snippets: {check_paths: true}
  - pymdownx.superfences:
      custom_fences: [{name: mermaid, class: mermaid, format: !!python/name:pymdownx.superfences.fence_code_format }]
  - pymdownx.tabbed: {alternate_style: true}
  - pymdownx.tasklist
  - pymdownx.tilde
  - pymdownx.blocks.details
"""


def hostile_story() -> Story:
    """Every content at every place where captured text reaches a page."""
    name = "image `x` <img src=x onerror=window.pwned=1> {{ 7*7 }} # { onclick=window.pwned=1 }"
    story = Story(name=name, command=("openstack", *CONTENTS.values()))
    for text in CONTENTS.values():
        line = in_header(text)
        call = story.request(
            line, f"to {line}", line or "GET", f"http://h/{line}?{line}&b=1", (line, line), body=text, tagged=False
        )
        story.response(
            call, 200, line, ("Content-Type", "text/html"), ("X", line), body=text.encode("utf-8", "replace")
        )
        call = story.request("a", "b", "PUT", f"http://h/{line}", body=text, end=f"error: {line}", tagged=False)
        story.failure(call, line)
    return story


def hostile_trace(story: Story) -> Trace:
    """The story's trace with hostile text in what is no call, too."""
    output = tuple(("tty", text) for text in CONTENTS.values())
    return story.trace(output=output, exit=1, output_cut=True, remarks=tuple(CONTENTS.values()))


@pytest.fixture(scope="module")
def story() -> Story:
    return hostile_story()


@pytest.fixture(scope="module")
def trace(story: Story) -> Trace:
    return hostile_trace(story)


@pytest.fixture(scope="module")
def built(story: Story, trace: Trace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    return build_site(story, trace, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def article(built: Path) -> Iterator[Any]:
    """The page's article in a real browser; `page.requests` lists what the page asked the network for."""
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--disable-sync"])
        page = browser.new_page()
        asked: list[str] = []
        page.route(re.compile(r"^(?!file:)"), lambda route: (asked.append(route.request.url), route.abort()))
        page.goto((built / "index.html").as_uri())
        page.wait_for_timeout(500)
        page.asked = asked
        yield page
        browser.close()


def build_site(story: Story, trace: Trace, folder: Path) -> Path:
    """A site of this one page, built as strictly as MkDocs can; gives the folder of its HTML."""
    (folder / "docs").mkdir()
    (folder / "mkdocs.yml").write_text(MKDOCS)
    for place in (folder, folder / "docs"):
        (place / SECRET_FILE).write_text(SECRET)
    settings = PageSettings(services=(("<b>x</b>", "http://h/[x](javascript:1)"),), ignored=("* GET /{{x}}",))
    text = "".join(render(trace, story.load, settings))
    (folder / "docs" / "index.md").write_text(text, encoding="utf-8")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "site"


def texts(article: Any, selector: str) -> list[str]:
    """The text of all elements of the page's article, without what the theme adds to them."""
    script = f"""() => [...document.querySelectorAll("article :is({selector})")].map(found => {{
        const copy = found.cloneNode(true);
        copy.querySelectorAll(".headerlink, nav, button").forEach(extra => extra.remove());
        return copy.textContent;
    }})"""
    return list(article.evaluate(script))


def squeezed(text: str) -> str:
    """Captured text as one line of the page says it, without its spaces."""
    return re.sub(r"\s", "", visible(text).replace("\n", "␊").replace("\t", "␉"))


def test_no_captured_text_runs(article: Any) -> None:
    """No script, handler or script URL of the captured content is in the page, and none ran."""
    assert article.evaluate("window.pwned") is None
    handlers = article.evaluate("""() => [...document.querySelectorAll("article *")].filter(
        found => [...found.attributes].some(given => given.name.startsWith("on") || /^javascript:/i.test(given.value))
    ).map(found => found.outerHTML)""")
    assert handlers == []
    for selector in ("script", "img", "iframe", "abbr", "sup", "sub", "del", "ins", "mark", "kbd", ".footnote", ".toc"):
        assert texts(article, selector) == [], selector


def test_no_captured_text_asks_the_network(article: Any) -> None:
    """The page asks for nothing that captured content names."""
    assert [url for url in article.asked if "mermaid" not in url] == []


def test_no_captured_text_includes_a_file(article: Any) -> None:
    """The snippets extension is on, and no file is in the page."""
    assert SECRET not in article.content()


def test_no_captured_text_makes_structure(article: Any, trace: Trace) -> None:
    """Headings, tabs, tables, lists and folds are those of our templates alone."""
    assert len(texts(article, "h1")) == 1
    assert texts(article, "h2") == ["Command", "Call map", "Sequence diagram", "Steps", "Full log"]
    assert len(texts(article, "h3")) == len(trace.steps)
    assert texts(article, "h4, h5, h6, blockquote, hr, dl, input[type=checkbox], .arithmatex, .progress") == []
    assert len(texts(article, "table:not(.highlighttable)")) == 1
    assert len(texts(article, "details")) == 1
    assert texts(article, ".admonition") == []
    labels = texts(article, ".tabbed-labels label")
    assert set(labels) == {"Header", "Body", "Query", "Failure"}
    queries = [step.call.target.partition("?")[2] for step in trace.steps if step.kind == "request"]
    with_query = sum("&" in query or len(query) > 60 for query in queries)
    messages = sum(step.kind != "failure" for step in trace.steps)
    assert labels.count("Query") == with_query
    assert labels.count("Header") == labels.count("Body") == messages


def test_headings_say_what_was_captured(article: Any, trace: Trace) -> None:
    """A heading reads as captured, with pictures for what cannot be seen."""
    assert [squeezed(text) for text in texts(article, "h1")] == [squeezed(trace.name)]
    headings = texts(article, "h3")
    for step, heading in zip(trace.steps, headings, strict=True):
        if step.kind == "request" and "?" not in step.call.target:
            assert squeezed(heading) == squeezed(f"({step.number}) {step.call.method} {step.call.target}")
        if step.kind == "response" and step.call.response and step.call.response.event.reason.strip():
            assert squeezed(heading).startswith(squeezed(f"({step.number}) 200 {step.call.response.event.reason}"))


def test_bodies_say_what_was_captured(article: Any) -> None:
    """The text between the fences is the captured text, character for character, with pictures for controls."""
    code = [text.removesuffix("\n") for text in texts(article, ".highlight code")]
    for name, text in CONTENTS.items():
        if name != "JSON with markup":
            expected = visible(text).removesuffix("\n").expandtabs(4)
            found = [block for block in code if same(block, expected)]
            assert found, (name, expected)


def same(block: str, expected: str) -> bool:
    """Whether a code block says this, but for empty lines' signs and the spaces of lines that hold nothing else."""
    block = block.replace("\u2060", "")
    lines = [line.rstrip().removesuffix("␊").rstrip() for line in block.split("\n")]
    wanted = [line.rstrip() for line in expected.split("\n")]
    return lines == wanted


def test_the_diagram_names_nobody_else(built: Path, trace: Trace) -> None:
    """Every line of the diagrams is a participant or a message of ours."""
    ours = re.compile(r"sequenceDiagram|autonumber \d+|participant p\d+ as [^;]*|p\d+(->>|-->>|--x)p\d+: .*")
    page = (built / "index.html").read_text(encoding="utf-8")
    blocks = re.findall(r'(?s)<pre class="mermaid"><code>(.*?)</code>', page)
    lines = [line for block in blocks for line in html.unescape(block).strip().split("\n")]
    assert sum(1 for line in lines if re.match(r"p\d+-", line)) == len(trace.steps)
    for line in lines:
        plain = re.sub(r"#\d+;", "", line)
        assert ours.fullmatch(plain), line
        assert not re.search(r"[;#%{}<\"]", re.sub(r"->>|-->>", "", plain)), line
