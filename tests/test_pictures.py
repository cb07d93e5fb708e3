"""The pictures of an author in the one-file HTML."""

from __future__ import annotations

import os
import zlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from html_support import chromium, opened, written
from page_support import image_create

from requestshook.annotations.placing import place
from requestshook.annotations.reading import parse
from requestshook.page import pictures
from requestshook.page.render import render

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><script>document.title="ran"</script></svg>'


def png(width: int = 3, height: int = 2) -> bytes:
    """A red picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    rows = zlib.compress((b"\0" + b"\xff\0\0" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def page(folder: Path, intro: str) -> tuple[str, list[str]]:
    """The page whose author says this at its beginning, and what was complained about."""
    file = f"text:\n  outro: the end\n  intro: |\n    {intro}\n"
    (folder / "flow.yaml").write_text(file, "utf-8")
    story = image_create()
    placed = place(parse(file, str(folder / "flow.yaml")), story.trace())
    faults: list[Any] = []
    text = "".join(render(placed.trace, story.load, notes=placed, faults=faults, dialect="html"))
    return text, [f"{fault.line}: {fault.message}" for fault in faults if "picture" in fault.message]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


def test_pictures_are_seen_and_run_nothing(browser: Any, tmp_path: Path) -> None:
    """PNG and SVG, in Markdown and as the author's own HTML, below the file or below docs/; nothing is asked for."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "그림 1.png").write_bytes(png())
    (tmp_path / "docs" / "lanes.svg").write_bytes(SVG)
    text, faults = page(tmp_path, "![빨강](<그림 1.png>) ![lanes](lanes.svg) <img alt=raw src='그림%201.png'>")
    assert faults == []
    assert b64encode(png()).decode() in text
    with opened(browser, written(tmp_path, "page", text)) as opened_page:
        sizes = "[...document.querySelectorAll('.note img')].map(e => [e.alt, e.naturalWidth, e.naturalHeight])"
        assert opened_page.evaluate(sizes) == [["빨강", 3, 2], ["lanes", 30, 20], ["raw", 3, 2]]
        assert (opened_page.asked, opened_page.said) == ([], [])
        assert opened_page.title() != "ran"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("gone.png", "there is no such file below "),
        ("https://example.org/x.png", "this page asks nothing of the network"),
        ("//example.org/x.png", "this page asks nothing of the network"),
        ("../secret.png", "it lies outside "),
        ("/etc/hostname", "it lies outside "),
        ("link.png", "it lies outside "),
        ("notes.png", "it is no PNG, JPEG, GIF, WebP or SVG"),
        ("large.png", "a picture may have 2 MiB"),
        ("pipe.png", "there is no such file below "),
        ("%00.png", "there is no such file below "),
    ],
)
def test_what_is_not_on_the_page_is_said(tmp_path: Path, source: str, said: str) -> None:
    """With the line that names it; what such a name leads to is nowhere on the page."""
    folder = tmp_path / "flows"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "notes.png").write_text("root:x:0:0")
    (folder / "large.png").write_bytes(png() + bytes(pictures.LARGEST))
    os.mkfifo(folder / "pipe.png")
    text, faults = page(folder, f"![x]({source})")
    assert "data:image" not in text.partition("<body")[2]
    (fault,) = faults
    assert fault.startswith("4: the picture ")
    assert said in fault


def test_all_pictures_of_a_page_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are on the page, the one that is too much is told."""
    monkeypatch.setattr(pictures, "LARGEST_ALL", 2 * len(png()) + 1)
    (tmp_path / "a.png").write_bytes(png())
    text, faults = page(tmp_path, "![1](a.png) ![2](a.png) ![3](a.png)")
    assert text.count("data:image/png") == 2
    assert len(faults) == 1
    assert "all pictures of a page together" in faults[0]


def test_a_captured_value_names_no_picture(tmp_path: Path) -> None:
    """An element in what was captured is text, whatever file it names."""
    (tmp_path / "a.png").write_bytes(png())
    story = image_create()
    call = story.request("a", "b", "GET", "http://h/<img src='a.png'>")
    story.response(call, 200, "", body="<img src='a.png'>")
    text = "".join(render(story.trace(), story.load, dialect="html"))
    assert "data:image" not in text.partition("<body")[2]
