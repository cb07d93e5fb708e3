"""The one-file HTML in a real browser: no network, no script needed, no page wider than its window, accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from html_support import WIDTHS, chromium, failing, html, html_noted, long, opened, side_by_side, written
from page_support import Story, image_create

PAGES = {
    "plain": lambda: html(image_create()),
    "noted": html_noted,
    "failing": lambda: html(failing(), exit=1),
    "side by side": lambda: html(side_by_side()),
    "many services": lambda: html(crowd()),
    "110 calls": lambda: html(long(110)),
    "nothing": lambda: html(Story(), command=(), output=()),
}
# Elements that stick out of the window, but for those in a box that scrolls by itself.
STICKING_OUT = """() => [...document.querySelectorAll("body *")].filter(found => {
    const box = found.getBoundingClientRect();
    if (!box.width || box.right <= document.documentElement.clientWidth + 1) return false;
    for (let above = found.parentElement; above; above = above.parentElement)
        if (getComputedStyle(above).overflowX !== "visible") return false;
    return true;
}).map(found => found.outerHTML.slice(0, 120))"""
OPEN_ALL = "document.querySelectorAll('details').forEach(found => { found.open = true; })"


def crowd() -> Story:
    """More services than lanes have room, with names that have no place to break."""
    story = Story()
    for number in range(14):
        call = story.request(
            f"{'service' * 5}{number}", f"peer{number}", "PROPPATCH", f"http://h/{'x' * 300}?{'y' * 99}"
        )
        story.response(
            call, 200, "A reason that is " + "very " * 30 + "long", ("X-" + "n" * 200, "v" * 2000), body="z" * 5000
        )
    return story


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    return {name: written(folder, name.replace(" ", "-"), page()) for name, page in PAGES.items()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_no_page_is_wider_than_its_window(browser: Any, files: dict[str, Path], name: str, width: int) -> None:
    """With all folds open, nothing sticks out; and the page asks for nothing and complains of nothing."""
    with opened(browser, files[name], width) as page:
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(STICKING_OUT) == []
        assert (page.asked, page.said) == ([], [])


def test_the_policy_lets_nothing_in(browser: Any, files: dict[str, Path]) -> None:
    """The page's own policy stops requests, scripts and frames that something would put into it."""
    with opened(browser, files["noted"]) as page:
        policy = page.get_attribute("meta[http-equiv]", "content")
        assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
        page.evaluate("""() => { document.querySelector("main").innerHTML +=
            '<img src="https://evil.example/x.png"><img src=x onerror="window.pwned=1"><iframe src="data:text/html,x">'
            + '</iframe><a id=js href="javascript:window.pwned=1">x</a>'; }""")
        page.evaluate("""() => { const found = document.createElement("script"); found.textContent = "window.pwned=1";
            document.body.append(found); document.getElementById("js").click(); }""")
        page.wait_for_timeout(200)
        assert page.evaluate("window.pwned") is None
        assert page.asked == []
        assert any("script-src" in said for said in page.said)
        assert any("img-src" in said for said in page.said)


def test_it_needs_no_script(browser: Any, files: dict[str, Path]) -> None:
    """Without scripts all of it is there, but for the buttons that copy; folds open, links lead."""
    with opened(browser, files["noted"], java_script_enabled=False) as page:
        assert page.locator(".copy").count() == 0
        assert page.locator("#store-failure .msg").is_visible()
        page.locator(".map a[href='#check']").click()
        assert page.locator("#check:target").count() == 1
        fold = page.locator("#login details.quiet")
        fold.locator("summary").click()
        assert fold.locator("text=Content-Type").is_visible()


def test_a_button_copies_a_message(browser: Any, files: dict[str, Path]) -> None:
    """As it went over the wire: the first line, the header, the body without the numbers of its lines."""
    with opened(browser, files["noted"], permissions=["clipboard-read", "clipboard-write"]) as page:
        page.locator("#negotiate-response .data").hover()
        page.locator("#negotiate-response .copy").click()
        page.locator("#negotiate-response .copy", has_text="Copied").wait_for(timeout=20_000)
        assert page.evaluate("navigator.clipboard.readText()") == (
            "HTTP/1.1 300 MULTIPLE CHOICES\nContent-Type: application/json\n\n"
            '{\n  "versions": {\n    "values": [\n      {\n        "id": "v3.14",\n        "links": [],\n'
            '        "rank": 1.50\n      }\n    ]\n  }\n}\n'
        )
        page.locator(".cmd .data").hover()
        page.locator(".cmd .copy").click()
        page.locator(".cmd .copy", has_text="Copied").wait_for(timeout=20_000)
        assert page.evaluate("navigator.clipboard.readText()").startswith("openstack image create '시러스 0.6'")


def test_highlights_are_in_sight(browser: Any, files: dict[str, Path]) -> None:
    """No marked line is hidden in a fold, and each has an address of its own."""
    with opened(browser, files["noted"]) as page:
        marks = page.locator("mark")
        assert marks.count() >= 5
        for number in range(marks.count()):
            assert marks.nth(number).is_visible()
            anchor = marks.nth(number).get_attribute("id")
            assert marks.nth(number).locator("a.to").get_attribute("href") == f"#{anchor}"


def test_lines_have_their_numbers(browser: Any, tmp_path: Path) -> None:
    """Also behind a fold, and where it is closed: the number of a line is that of the body."""
    body = "{" + ", ".join(f'"k{n}": {n}' for n in range(60)) + "}"
    story = Story()
    story.response(
        story.request("a", "b", "GET", "http://h/"), 200, "", ("Content-Type", "application/json"), body=body
    )
    file = 'calls: [{call: "a -> b GET /", response: {highlight: ["$.k40"]}}]'
    with opened(browser, written(tmp_path, "x", html_noted(file, story))) as page:
        assert page.locator("mark").text_content() == '  "k40": 40,\n'
        starts = page.evaluate("""() => [...document.querySelectorAll("#step-2 .fold pre, #step-2 .msg > pre")].map(
            found => [getComputedStyle(found).counterReset, found.innerText.trim().split("\\n")[0]])""")
        for reset, first in starts:
            if found := re.search(r'"k(\d+)"', first):
                assert reset == f"line {int(found[1]) + 1}"
        assert len(starts) == 3


def test_a_failure_is_told_first(browser: Any, files: dict[str, Path]) -> None:
    """The sentence under the title names the origin, and what followed; the origin is solid, the others hollow."""
    with opened(browser, files["failing"]) as page:
        said = " ".join(page.locator(".fail").inner_text().split())
        assert said == (
            "Failed. keystone answered 401 Unauthorized to swift in (10) → glance-api had ReadTimeout of swift in (11)"
            " → glance-api answered 503 Service Unavailable to openstack in (12) → the command ended with exit status 1"
        )
        assert [found.get_attribute("id") for found in page.locator(".res.origin").all()] == ["step-10"]
        assert [found.get_attribute("id") for found in page.locator(".res.passed").all()] == ["step-11", "step-12"]
        assert page.locator(".map .mrow.origin").get_attribute("href") == "#step-9"
        solid = "getComputedStyle(document.querySelector('.res.origin .start')).backgroundColor"
        assert page.evaluate(solid) == "rgb(184, 34, 27)"


def test_a_page_of_a_thousand_steps_opens(browser: Any, tmp_path: Path) -> None:
    """It is small for what it holds, opens soon, and a link to its end leads there."""
    story = long(500, lines=8)
    text = html(story)
    steps = len(story.told)
    assert steps >= 1000
    assert len(text.encode()) < 12_000 * steps
    path = written(tmp_path, "long", text)
    with opened(browser, path) as page:
        spent = page.evaluate("performance.now()")
        assert spent < 30_000
        kept_out = "document.querySelectorAll('.logbox td, .rows .path').values().filter(e => !e.checkVisibility(lazy))"
        lazy = "const lazy = {contentVisibilityAuto: true};"
        assert page.evaluate(f"{lazy} [...{kept_out}].length") > steps  # what is out of sight costs nothing yet
        anchor = f"step-{steps - 1}"
        page.evaluate(f"location.hash = '{anchor}'")
        there = f"(box => box.top > -5 && box.top < 200)(document.getElementById('{anchor}').getBoundingClientRect())"
        page.wait_for_function(there, timeout=20_000)
        page.evaluate("document.querySelector('.log tr:last-child').scrollIntoView()")
        page.wait_for_function(
            "document.querySelector('.log tr:last-child').checkVisibility({contentVisibilityAuto: true})"
        )
        page.emulate_media(media="print")
        page.wait_for_function(f"{lazy} [...{kept_out}].length === 0", timeout=20_000)


@pytest.mark.parametrize("width", [1440, 820])
def test_a_failure_is_named_in_full_on_the_map(browser: Any, files: dict[str, Path], width: int) -> None:
    """The column of statuses has room for an exception's name, and what follows a path does not cut it short."""
    with opened(browser, files["failing"], width) as page:
        cut = "found => found.scrollWidth > found.clientWidth + 1"
        statuses = page.locator(".rows .st")
        assert "ReadTimeout" in statuses.all_inner_texts()
        assert page.evaluate(f"[...document.querySelectorAll('.rows .c-s, .rows .st')].filter({cut}).length") == 0
        path = page.locator(".mrow.passed .path", has_text="prefix=abc")
        assert path.evaluate(cut) is False
        line = (
            "document.querySelectorAll('.mrow.origin :is(.mp, .ar)').values().map(e => e.getBoundingClientRect().top)"
        )
        top, arrow = page.evaluate(f"[...{line}]")
        assert abs(arrow - top) < 20  # beside the path, although the row is higher


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("name", [name for name in PAGES if name != "110 calls"])  # it adds no element, only minutes
def test_axe_finds_nothing(browser: Any, files: dict[str, Path], name: str, width: int, scheme: str) -> None:
    """No violation of accessibility that axe-core knows, with all folds open, in light and dark."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    with opened(browser, files[name], width, color_scheme=scheme) as page:
        page.evaluate(OPEN_ALL)
        found = axe.run(page).response
        assert len(found["passes"]) > 10
        assert [(fault["id"], [node["html"] for node in fault["nodes"][:3]]) for fault in found["violations"]] == []


@pytest.mark.parametrize("width", [1440, 390])
def test_the_keyboard_reaches_all_and_shows_where_it_is(browser: Any, files: dict[str, Path], width: int) -> None:
    """Tab goes through links, folds and boxes that scroll in the order of the page; each is in sight and outlined."""
    seen = """() => {
        const found = document.activeElement, box = found.getBoundingClientRect();
        const outlined = [null, "::before"].some(part => {
            const style = getComputedStyle(found, part);
            return style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2 && style.display !== "none";
        });
        const reached = [...document.querySelectorAll("*")].indexOf(found);
        return [reached, outlined && box.bottom > 0 && box.top < innerHeight, found.outerHTML.slice(0, 90)];
    }"""
    with opened(browser, files["noted"], width) as page:
        count = page.locator("a[href]:not([tabindex='-1']):visible, summary:visible, [tabindex='0']:visible").count()
        reached = []
        while not reached or reached[-1][0] > (reached[-2][0] if len(reached) > 1 else -1):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(seen))
        assert len(reached) > count > 50  # and the buttons that copy
        assert [element for _, is_shown, element in reached[:-1] if not is_shown] == []


def test_on_paper_all_is_there(browser: Any, files: dict[str, Path]) -> None:
    """A print is light, has messages that were one line in full, and nothing that only a screen needs."""
    with opened(browser, files["noted"], color_scheme="dark") as page:
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        for selector in (".outline", ".upmap", ".copy"):
            assert not page.locator(selector).first.is_visible()
        closed = page.locator("#login details.quiet pre").first
        assert closed.bounding_box()["height"] > 10
        assert page.evaluate("getComputedStyle(document.querySelector('.head')).position") != "sticky"
        assert page.pdf().startswith(b"%PDF")


def test_on_paper_nothing_is_cut(browser: Any, tmp_path: Path) -> None:
    """Nobody can scroll or hover there: the map's paths are whole, and what the command printed gets smaller."""
    path = "/v2/" + "/".join(["an-image-with-a-long-name"] * 5)
    story = Story()
    call = story.request("openstack", "glance-api", "GET", f"http://h{path}")
    story.response(call, 200, "")
    table = "\n".join("| " + "x" * 110 + " |" for _ in range(3))
    file = written(tmp_path, "paper", html(story, output=(("out", table),)))
    with opened(browser, file, 718) as page:  # a page of A4 without its margins
        page.emulate_media(media="print")
        assert path in page.locator(".rows .path").inner_text()
        assert page.locator(".rows .path").evaluate("found => getComputedStyle(found).whiteSpace") == "normal"
        rows = page.locator(".out pre code > span").evaluate_all("found => found.map(row => row.offsetHeight)")
        assert len(rows) == 3
        assert max(rows) < 20  # one line each
