"""`requestshook site`: it builds with Material and Zensical, shows diagrams with no Internet, and lists its pages."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from cli_support import requestshook
from hostile import CONTENTS
from page_support import Story, image_create
from site_support import BUILDERS, browser, build, drawn, links, served
from test_demo import FOLDER, _run

from requestshook import cli
from requestshook.errors import RequestshookError
from requestshook.page.render import render
from requestshook.page.settings import PageSettings
from requestshook.site import listing, mermaid, pages, project
from requestshook.site.pages import Figures, Listed

DOCS = Path(__file__).parents[1] / "docs" / "site.md"


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project around the page of a recording that the demo made."""
    folder = tmp_path_factory.mktemp("site")
    done, _ = _run(folder / "work")
    assert done.returncode == 0, done.stdout + done.stderr
    made, demo = folder / "handbook", folder / "work" / FOLDER
    done = requestshook(demo, "render", "image-create", "-o", str(made / "docs"))
    assert done.returncode == 0, done.stderr
    done = requestshook(demo, "site", "-o", str(made), "--name", 'How "we" talk: <b>')
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("directories", ["true", "false"])
@pytest.mark.parametrize("builder", BUILDERS)
def test_builds_strictly_and_every_link_leads_somewhere(
    handbook: Path, builder: str, directories: str, tmp_path: Path
) -> None:
    """Both builders take the project without a warning, and in both URL styles the map's links meet their ids."""
    folder = tmp_path / "handbook"
    shutil.copytree(handbook, folder)
    with open(folder / "mkdocs.yml", "a", encoding="utf-8") as file:
        file.write(f"use_directory_urls: {directories}\n")
    site = build(folder, builder)
    found = list(links(site))
    assert [(path.name, link) for path, link, there in found if not there] == []
    steps = {link.partition("#")[2] for path, link, _ in found if "image-create" in str(path.relative_to(site))}
    assert {f"step-{number}" for number in range(1, 23)} <= steps
    page = "image-create/index.html" if directories == "true" else "image-create.html"
    assert (site / page).is_file()
    assert ("image-create/" if directories == "true" else page) in [
        link for path, link, _ in found if path == site / "index.html"
    ]


@pytest.mark.parametrize("builder", BUILDERS)
def test_the_diagram_is_drawn_without_the_internet(handbook: Path, builder: str, tmp_path: Path) -> None:
    """With nothing but this machine in reach the diagram is drawn, and no other machine is asked for anything."""
    folder = tmp_path / "handbook"
    shutil.copytree(handbook, folder)
    with browser() as context, served(build(folder, builder)) as address:
        page = context.new_page()
        page.goto(f"{address}/image-create/")
        [diagram] = drawn(page, 1)
        assert "swift-proxy-server" in diagram
        page.goto(f"{address}/")
        assert page.title().startswith('How "we" talk: <b>')
        assert page.locator("article table a").all_inner_texts() == ["image-create"]
        assert context.strangers == []


def test_without_a_copy_the_theme_asks_elsewhere(handbook: Path, tmp_path: Path) -> None:
    """The comment in the place of a copy breaks nothing: the theme loads Mermaid as it would without us."""
    folder = tmp_path / "handbook"
    shutil.copytree(handbook, folder)
    (folder / "docs" / project.SCRIPT).write_text(mermaid.STUB)
    with browser() as context, served(build(folder, "material")) as address:
        page = context.new_page()
        with page.expect_event("requestfailed", timeout=60_000) as failed:
            page.goto(f"{address}/image-create/")
        assert "mermaid" in failed.value.url
        assert [url for url in context.strangers if not url.startswith("https://unpkg.com/mermaid@")] == []


def test_the_list_tells_pages_apart(handbook: Path) -> None:
    """The index names the page with what it recorded, and nothing as new in its first list."""
    text = (handbook / "docs/index.md").read_text("utf-8")
    [row] = [line for line in text.splitlines() if line.startswith("| [")]
    assert row.startswith("| [image-create](image-create.md) | 20")
    assert row.endswith("| 11 | 4 | 0 |  |")


def page(folder: Path, name: str, story: Story, **changes: object) -> None:
    """Write a page as `render` would."""
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    text = "".join(render(story.trace(**changes), story.load, PageSettings(title=name)))
    (folder / "docs" / f"{name}.md").write_text(text, "utf-8")


def rows(folder: Path) -> dict[str, str]:
    """The last column of the index by page."""
    lines = (folder / "docs/index.md").read_text("utf-8").splitlines()
    return {line.split("(")[1].split(".md")[0]: line.split("|")[-2].strip() for line in lines if line[:3] == "| ["}


def test_what_changed_is_said_until_something_else_does(tmp_path: Path) -> None:
    """A list says what is new, more, less or gone since the one before, and stays while nothing changes."""
    story = image_create()
    page(tmp_path, "first", story)
    page(tmp_path, "second", story)
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    assert rows(tmp_path) == {"first": "", "second": ""}
    page(tmp_path, "second", story, id="other" * 6)
    longer = image_create()
    longer.failure(longer.request("a", "keystone", "GET", "http://h/more"), "ConnectTimeout: x")
    page(tmp_path, "first", longer)
    page(tmp_path, "third", story)
    for _ in range(2):
        assert cli.main(["site", "-o", str(tmp_path)]) == 0
        assert rows(tmp_path) == {
            "first": "calls 5 → 6, services 4 → 5, failures 2 → 3", "second": "recorded again", "third": "**new**",
        }  # fmt: skip
    (tmp_path / "docs/first.md").unlink()
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    assert rows(tmp_path) == {"second": "", "third": ""}
    assert "\nGone since the last list: `first.md`.\n" in (tmp_path / "docs/index.md").read_text("utf-8")


def test_the_authors_words_around_the_list_stay(tmp_path: Path) -> None:
    """Only what stands between the two marks is written anew."""
    page(tmp_path, "first", image_create())
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    path = tmp_path / "docs/index.md"
    before, mark, rest = path.read_bytes().partition(listing.BEGIN.encode())
    path.write_bytes(b"# Mine\r\n" + before + mark + rest + "\r\nafter 뒤\r\n".encode())
    page(tmp_path, "second", image_create())
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    written = path.read_bytes()
    assert written.startswith(b"# Mine\r\n" + before)
    assert written.endswith("\r\nafter 뒤\r\n".encode())
    assert rows(tmp_path) == {"first": "", "second": "**new**"}


def test_nothing_that_is_there_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files that a folder has stay as they are, byte for byte, and each is named."""
    (tmp_path / "docs").mkdir()
    for name in ("docs/index.md", ".gitignore"):
        (tmp_path / name).write_text("mine\n")
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert [Path(line).name for line in out.splitlines()] == ["mkdocs.yml", "requestshook.css", "mermaid.min.js"]
    assert err.count("is there and stays as it is") == 2
    assert "two lines make one" in err
    assert (tmp_path / "docs/index.md").read_text() == (tmp_path / ".gitignore").read_text() == "mine\n"


@pytest.mark.parametrize("name", project.CONFIGURATIONS)
def test_a_strangers_project_is_left_alone(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a project is, none is made; one line says how it gets a list of pages."""
    (tmp_path / name).write_text("site_name: Mine\n")
    assert cli.main(["site", "-o", str(tmp_path)]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert listing.BEGIN in line
    assert listing.END in line
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text(f"# Mine\n\n{listing.EMPTY}")
    page(tmp_path, "first", image_create())
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    assert rows(tmp_path) == {"first": ""}


def test_hostile_titles_and_paths_make_no_markup(tmp_path: Path) -> None:
    """A list of pages with captured names is a table of as many rows, and its figures come back from its mark."""
    found = [
        Listed(f"{number}--> <b>.md", "x", Figures(text, text, number)) for number, text in enumerate(CONTENTS.values())
    ]
    text = listing.refresh(listing.EMPTY, found)
    assert text.count("-->") == 2
    assert sum(line.startswith("| [x](") for line in text.splitlines()) == len(found)
    assert listing.refresh(text, found) == text
    assert "**new**" not in listing.refresh(text, found[:-1])


@pytest.mark.parametrize(
    "text",
    ["", "# x\n", "---\ntitle: x\n---\n# x\n", "---\ngenerator: requestshook\n", "---\n{\n---\n",
     "---\ngenerator: requestshook\nrequestshook: {part_of: x.md}\n---\n# x\n"],
)  # fmt: skip
def test_what_is_no_page_of_ours_is_not_listed(text: str, tmp_path: Path) -> None:
    """A file without our front matter, or that is a part of another page, is no page of the list."""
    (tmp_path / "x.md").write_text(text)
    assert list(pages.find(tmp_path)) == []


@pytest.mark.parametrize("ours", ["1", "[]", "{calls: many, recorded: [1]}", "{calls: !x 1"])
def test_broken_figures_are_no_fault(ours: str, tmp_path: Path) -> None:
    """A page whose figures somebody broke is listed without them."""
    (tmp_path / "x.md").write_text(f"---\ngenerator: requestshook\nrequestshook: {ours}\n---\n# It\n")
    [found] = pages.find(tmp_path)
    assert (found.title, found.figures.calls) == ("It", 0)


MERMAID = b"/* mermaid */ sequenceDiagram"


def archive(path: Path, content: bytes = MERMAID, name: str = mermaid.IN_NPM) -> Path:
    """npm's archive of the package, as far as we look at it."""
    with tarfile.open(path, "w:gz") as opened:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        opened.addfile(member, io.BytesIO(content))
    return path


def test_a_copy_of_mermaid_comes_from_a_file_or_an_archive(tmp_path: Path) -> None:
    """`--mermaid` takes the file or npm's archive, for a new site and later for one that had none."""
    script = tmp_path / "docs" / project.SCRIPT
    (tmp_path / "given.js").write_bytes(MERMAID)
    assert cli.main(["site", "-o", str(tmp_path), "--mermaid", str(tmp_path / "given.js")]) == 0
    assert script.read_bytes() == MERMAID
    given = archive(tmp_path / "mermaid.tgz", MERMAID + b"2")
    for old in (mermaid.STUB.encode(), MERMAID):
        script.write_bytes(old)
        assert cli.main(["site", "-o", str(tmp_path), "--mermaid", str(given)]) == 0
        assert script.read_bytes() == MERMAID + b"2"
    script.write_bytes(b"mine")
    assert cli.main(["site", "-o", str(tmp_path), "--mermaid", str(given)]) == 1
    assert script.read_bytes() == b"mine"


def test_what_is_not_mermaid_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another file, another archive, a broken one and none at all are one line each, and nothing is written."""
    (tmp_path / "other.js").write_text("alert(1)")
    (tmp_path / "broken.tgz").write_text("no archive")
    archive(tmp_path / "other.tgz", name="package/other.js")
    for name in ("other.js", "broken.tgz", "other.tgz", "missing.js", "missing.tgz"):
        assert cli.main(["site", "-o", str(tmp_path / "site"), "--mermaid", str(tmp_path / name)]) == 1, name
        [line] = capsys.readouterr().err.splitlines()
        assert name in line
    assert not (tmp_path / "site").exists()


def test_without_a_copy_readers_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where no package brings Mermaid, the site has a place for it, and the command says what that means."""
    monkeypatch.setattr(mermaid, "CARRIERS", {"no_such_package": "x.js"})
    assert cli.main(["site", "-o", str(tmp_path)]) == 0
    assert "readers need the Internet" in capsys.readouterr().err
    assert (tmp_path / "docs" / project.SCRIPT).read_text() == mermaid.STUB


NPM = f"""#!{sys.executable}
import shutil, sys
assert sys.argv[1:3] == ["pack", "mermaid@{mermaid.VERSION}"] and "--ignore-scripts" in sys.argv, sys.argv
shutil.copy("GIVEN", sys.argv[sys.argv.index("--pack-destination") + 1] + "/mermaid.tgz")
"""


def test_npm_is_asked_by_name_and_what_it_gives_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--mermaid npm` takes what npm packs only where that is what was published."""
    given = archive(tmp_path / "given.tgz")
    program = tmp_path / "bin" / "npm"
    program.parent.mkdir()
    program.write_text(NPM.replace("GIVEN", str(given)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RequestshookError, match="is not what was published"):
        mermaid.bring("npm")
    digest = base64.b64encode(hashlib.sha512(given.read_bytes()).digest()).decode()
    monkeypatch.setattr(mermaid, "INTEGRITY", f"sha512-{digest}")
    assert mermaid.bring("npm").content == MERMAID
    program.write_text("#!/bin/sh\necho 'npm error network' >&2\nexit 1\n")
    with pytest.raises(RequestshookError, match="failed: npm error network"):
        mermaid.bring("npm")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RequestshookError, match="npm is not installed"):
        mermaid.bring("npm")


def test_the_documented_examples_are_yaml() -> None:
    """Every YAML example of docs/site.md parses, and the two for continuous integration build as the docs say."""
    blocks = [block.partition("```")[0] for block in DOCS.read_text("utf-8").split("``` yaml")[1:]]
    found = [yaml.compose(block.partition("\n")[2]) for block in blocks]
    assert len(found) >= 3
    assert all(node is not None for node in found)
    joined = "".join(blocks)
    assert joined.count("requestshook site") == 2
    assert joined.count("mkdocs build --strict") == 2
    assert "actions/upload-pages-artifact" in joined
    assert "pages:" in joined
