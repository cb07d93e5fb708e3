"""`import` and `export` as a person types them, with files of real tools."""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from addon_support import free_port, mitmdump, proxy
from cli_support import command, environment
from har_support import check_har, entry, write

from requestshook.cli import writing
from requestshook.formats import importing
from requestshook.settings import own_settings
from requestshook.store import open_store

SECRET = "a-very-secret-value"


class Typed:
    """A folder in which commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, stdin: bytes | None = None, status: int = 0) -> str:
        """Standard output; standard error is in `said`."""
        done = subprocess.run(
            command(*arguments), cwd=self.folder, env=environment(self.folder), input=stdin, capture_output=True,
            check=False, timeout=100,
        )  # fmt: skip
        self.said = done.stderr.decode()
        assert done.returncode == status, self.said
        return done.stdout.decode()

    def trace(self, name: str) -> dict[str, Any]:
        """A recording as `show --json` tells it."""
        found: dict[str, Any] = json.loads(self("show", name, "--json"))
        return found


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    """A new folder to type in."""
    return Typed(tmp_path)


def test_a_har_becomes_a_recording(typed: Typed, tmp_path: Path) -> None:
    """A HAR is a recording with its file's name: what is secret in it is replaced, and a body limit holds."""
    (tmp_path / "requestshook.yaml").write_text(
        "clients: {browser: ['Mozilla*']}\nservices: {shop: ['http://shop.example']}\ncapture: {body_limit: 16}\n"
    )
    secret = [{"name": "User-Agent", "value": "Mozilla/5.0"}, {"name": "Authorization", "value": f"Bearer {SECRET}"}]
    content = {"size": 50, "mimeType": "application/json", "text": json.dumps({"password": SECRET, "x": "y" * 40})}
    first = entry(
        request__headers=secret, request__url=f"http://shop.example/?token={SECRET}",
        response__headers=[{"name": "Content-Encoding", "value": "gzip"}], response__content=content,
        response__bodySize=-1,
    )  # fmt: skip
    write(tmp_path / "결제.har", [first, entry(comment=f"password={SECRET}")])
    assert "2 calls" in typed("import", "결제.har")
    shown = json.dumps(typed.trace("결제"), ensure_ascii=False)
    assert '"browser"' in shown
    assert '"shop"' in shown
    typed("export", "결제", "all.jsonl")
    lines = (tmp_path / "all.jsonl").read_text("utf-8")
    assert "Bearer ‹token:" in lines
    assert '"size":50,"cut":true,"encoding":"gzip"' in lines
    assert SECRET[:3] not in lines
    assert all(SECRET.encode() not in path.read_bytes() for path in tmp_path.rglob("*.db*"))


def test_a_recording_comes_back(typed: Typed, tmp_path: Path) -> None:
    """What export writes and import reads is the recording: its pages are the same but for their ids."""
    write(tmp_path / "a.har", [entry(), entry(response__status=0, response___error="refused"), entry(comment="글")])
    typed("import", "a.har", "--name", "one")
    typed("export", "one", "b.har")
    check_har(json.loads((tmp_path / "b.har").read_text("utf-8")))
    assert "one (" in typed("import", "b.har")
    assert "was there already" in typed.said
    typed("import", "b.har", "--name", "two")
    one, two = typed.trace("one"), typed.trace("two")
    assert one["calls"] == two["calls"]
    assert one["started"] == two["started"]


def test_spool_lines(typed: Typed, tmp_path: Path) -> None:
    """Spool lines come out as they were written, and going in twice is going in once."""
    write(tmp_path / "a.har", [entry()])
    typed("import", "a.har")
    typed("export", "a", "a.jsonl")
    assert "0 new lines, 4 known already" in typed("import", "a.jsonl")
    other = Typed(tmp_path / "other")
    other.folder.mkdir()
    assert "4 new lines" in other("import", "../a.jsonl")
    other("export", "a", "-", "--format", "spool")
    assert other.trace("a") == typed.trace("a")
    assert "leave --name out" in _error(other, "import", "../a.jsonl", "--name", "x", status=2)


def _error(typed: Typed, *arguments: str, status: int = 1) -> str:
    typed(*arguments, status=status)
    return typed.said


def test_content_counts_and_not_the_name(typed: Typed, tmp_path: Path) -> None:
    """A HAR by another name, packed or piped, is a HAR; a file of no known kind is an error that names those."""
    octets = write(tmp_path / "a.har", [entry()]).read_bytes()
    (tmp_path / "a.jsonl").write_bytes(octets)
    (tmp_path / "packed").write_bytes(gzip.compress(octets))
    typed("import", "a.jsonl", "packed")
    typed("import", "-", stdin=octets)
    typed("import", "/dev/stdin", stdin=octets)
    assert {"a", "packed", "stdin"} == {line.split()[0] for line in typed("traces").splitlines()[1:]}
    (tmp_path / "no.har").write_text("<html>")
    assert "no.har is neither a HAR, mitmproxy flows nor spool lines" in _error(typed, "import", "no.har")
    assert "does not exist" in _error(typed, "import", "gone.har", status=2)


def test_what_is_packed_is_read(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flows and spool lines may be packed with gzip; one that breaks off gives what was whole, and that is said."""
    monkeypatch.setenv("PATH", f"{Path(mitmdump()).parent}:{os.environ['PATH']}")
    write(tmp_path / "a.har", [entry()] * 200)
    typed("import", "a.har")
    for name in ("a.flows", "a.jsonl"):
        typed("export", "a", name)
        octets = (tmp_path / name).read_bytes()
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(octets))
        (tmp_path / f"cut.{name}").write_bytes(gzip.compress(octets)[:-200])
    typed("import", "a.flows.gz", "--name", "packed")
    assert len(typed.trace("packed")["calls"]) == 200
    typed("import", "cut.a.flows", "--name", "cut")
    assert "cut.a.flows: it breaks off" in typed.said
    assert 10 < len(typed.trace("cut")["calls"]) < 200
    other = Typed(tmp_path / "other")
    other.folder.mkdir()
    assert "402 new lines" in other("import", "../a.jsonl.gz")
    assert "known already" in other("import", "../cut.a.jsonl")
    assert "cut.a.jsonl: it breaks off" in other.said
    assert "cut.a.jsonl:" in other.said.splitlines()[-1]
    assert "the last line is not whole" in other.said


def test_what_is_broken_is_told(typed: Typed, tmp_path: Path) -> None:
    """Broken entries are named by their numbers; where no call is left, nothing is made."""
    octets = write(tmp_path / "a.har", [entry(), None, entry(), entry()]).read_bytes()
    (tmp_path / "cut.har").write_bytes(octets[:-300])
    assert "cut (" in typed("import", "cut.har")
    assert "cut.har: entry 2: it is no object" in typed.said
    assert "cut.har: entry 4: it breaks off" in typed.said
    write(tmp_path / "none.har", [None])
    assert "there is no call to import (none.har: entry 1" in _error(typed, "import", "none.har")
    assert "none" not in typed("traces")


def test_broken_off_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of an import takes what is already in the store out again."""
    path = write(tmp_path / "a.har", [entry()] * 50)
    monkeypatch.setattr(importing, "_PIECE", 1000)

    def advance(done: int, total: int) -> None:
        if len(store.traces()) == 1:
            raise KeyboardInterrupt

    with open_store(tmp_path / "store.db") as store:
        with pytest.raises(KeyboardInterrupt):
            importing.take_in(store, [importing.Source(str(path), "a.har")], own_settings(), progress=advance)
        assert store.traces() == []
        made = importing.take_in(store, [importing.Source(str(path), "a.har")], own_settings())
        assert [summary.calls for summary in store.traces()] == [50]
        assert made.calls == 50


def test_its_octets_are_told(tmp_path: Path) -> None:
    """Progress goes from nothing to the size of all files and never back."""
    paths = [write(tmp_path / name, [entry()] * 3000) for name in ("a.har", "b.har")]
    told: list[tuple[int, int]] = []
    with open_store(tmp_path / "store.db") as store:
        sources = [importing.Source(str(path), path.name) for path in paths]
        importing.take_in(store, sources, own_settings(), "both", lambda *found: told.append(found))
    total = sum(path.stat().st_size for path in paths)
    assert {found[1] for found in told} == {total}
    assert told == sorted(told)
    assert told[0][0] < total / 4
    assert told[-1][0] == total


def test_hostile_text_stays_text(typed: Typed, tmp_path: Path) -> None:
    """Names, addresses and errors that would steer a terminal or leave their line do neither, and the page is made."""
    evil = "\x1b[31m\r\n```\n# <script>alert(1)</script>\u202e"
    headers = [{"name": evil, "value": evil}, {"name": "User-Agent", "value": evil}]
    given = [
        entry(request__url=f"http://h/{evil}", request__method=evil, request__headers=headers, comment=evil),
        entry(response__status=0, response___error=evil), entry(request__url=evil), entry(request__url="http://[::1"),
        entry(request__url="//"), entry(startedDateTime="0001-01-01T00:00:00Z"), entry(response__status=999),
    ]  # fmt: skip
    write(tmp_path / "a.har", given)
    assert "7 calls" in typed("import", "a.har")
    assert "\x1b" not in typed("show", "a") + typed("show", "a", "--step", "1")
    typed("render", "a")
    page = (tmp_path / "docs" / "a.md").read_bytes()
    assert b"\x1b" not in page
    assert b"\r" not in page
    assert b"\n# <script>" not in page
    check_har(json.loads(typed("export", "a", "-")))


def test_several_files_are_one_recording(typed: Typed, tmp_path: Path) -> None:
    """A browser's and a proxy's file with the same ids, under one name, are two views of each call."""
    tags = [{"name": "X-Requestshook-Request-Id", "value": "ab" * 16}]
    write(tmp_path / "client.har", [entry(request__headers=tags)])
    write(tmp_path / "wire.har", [entry(request__headers=tags, startedDateTime="2024-05-01T10:00:00.251Z", time=8)],
          "mitmproxy")  # fmt: skip
    assert "both (" in typed("import", "client.har", "wire.har", "--name", "both")
    typed("export", "both", "both.har")
    (only,) = json.loads((tmp_path / "both.har").read_text())["log"]["entries"]
    views = [line["view"] for line in only["_requestshook"]["lines"] if line["event"] == "request"]
    assert views == ["client", "wire"]
    typed("import", "both.har", "--name", "again")
    assert typed.trace("again")["calls"] == typed.trace("both")["calls"]


def test_names_of_the_configuration_travel(typed: Typed, tmp_path: Path) -> None:
    """What `services:` calls an address is still called so where there is no such configuration."""
    config = tmp_path / "requestshook.yaml"
    config.write_text("services: {shop: ['http://shop.example']}\n")
    write(tmp_path / "a.har", [entry()])
    typed("import", "a.har")
    typed("export", "a", "b.har")
    config.unlink()
    typed("import", "b.har", "--name", "b")
    assert '"shop"' in json.dumps(typed.trace("b"))


def test_without_our_fields(typed: Typed, tmp_path: Path) -> None:
    """A tool that drops what it does not know keeps all that a HAR holds."""
    headers = [{"name": "X-A", "value": "1"}, {"name": "X-A", "value": "글"}]
    given = entry(
        request__method="PUT", request__headers=headers, request__postData={"mimeType": "text/plain", "text": "한"},
        response__status=404, response__statusText="Not Found",
    )  # fmt: skip
    write(tmp_path / "a.har", [given])
    typed("import", "a.har")
    typed("export", "a", "b.har")
    whole = json.loads((tmp_path / "b.har").read_text("utf-8"))
    del whole["log"]["_requestshook"]
    for item in whole["log"]["entries"]:
        del item["_requestshook"]
    (tmp_path / "c.har").write_text(json.dumps(whole))
    typed("import", "c.har")
    for step in ("1", "2"):
        shown = [_message(json.loads(typed("show", name, "--step", step, "--json"))) for name in ("a", "c")]
        assert shown[0] == shown[1]
        assert len(shown[0]) > 5


def _message(shown: dict[str, Any]) -> dict[str, Any]:
    call = {name: shown["call"][name] for name in ("from", "to", "method", "target", "status", "started")}
    return {**{name: value for name, value in shown.items() if name not in ("call", "at")}, **call}


def test_files_that_are_there(typed: Typed, tmp_path: Path) -> None:
    """A HAR of ours is replaced, at a link's end, another file only by force; the umask holds; a pipe is written to."""
    write(tmp_path / "a.har", [entry()])
    typed("import", "a.har")
    assert "is no HAR of requestshook's" in _error(typed, "export", "a", "a.har")
    typed("export", "a", "a.har", "--force")
    typed("export", "a", "a.har")
    mask = os.umask(0)
    os.umask(mask)
    typed("export", "a", "new/b.har")
    assert stat.S_IMODE((tmp_path / "new" / "b.har").stat().st_mode) == 0o666 & ~mask
    assert "--format" in _error(typed, "export", "a", "b.txt", status=2)
    (tmp_path / "link.har").symlink_to("new/b.har")
    typed("export", "a", "link.har")
    assert (tmp_path / "link.har").is_symlink()
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    typed("export", "a", "pipe", "--format", "har")
    reader.join(20)
    check_har(json.loads(read[0]))
    assert (tmp_path / "pipe").is_fifo()
    check_har(json.loads(typed("export", "a", "-")))
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["b.har"]


def test_no_device_is_replaced(tmp_path: Path) -> None:
    """What writes pages and annotation files leaves alone what is no regular file."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        writing.write(str(tmp_path / "pipe"), ["text"])
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert (tmp_path / "pipe").is_fifo()


def test_a_large_har_takes_little_memory(typed: Typed, tmp_path: Path) -> None:
    """A HAR of 64 MiB is imported in memory that its longest entry bounds."""
    body = json.dumps({"items": [{"name": "이미지", "text": "lorem ipsum " * 8}] * 400}, ensure_ascii=False)
    text = json.dumps(entry(response__content={"size": -1, "mimeType": "application/json", "text": body}))
    path = tmp_path / "large.har"
    with path.open("w") as file:
        file.write('{"log":{"version":"1.2","entries":[' + text)
        for _ in range(64 * 1024 * 1024 // len(text)):
            file.write("," + text)
        file.write("]}}")
    code = (
        "import sys; from requestshook.cli import main; status = main(sys.argv[1:]);"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0]);"  # KiB
        "sys.exit(status)"  # not ru_maxrss: that begins with what the process that forked it had
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "import", str(path)], cwd=tmp_path, env=environment(tmp_path), check=True,
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert int(done.stdout.split()[-1]) < 150 * 1024  # KiB


# -- files of real tools ------------------------------------------------------------------------------------------


class _Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        octets, coding = b"<h1>shop</h1>", None
        kind = "text/html"
        if self.path == "/data":
            octets, coding, kind = gzip.compress('{"이름": "값"}'.encode()), "gzip", "application/json"
        elif self.path == "/image":
            octets, kind = b"\x89PNG\r\n\x1a\n\x00\x01", "image/png"
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(octets)))
        self.send_header("Set-Cookie", f"session={SECRET}; Path=/")
        self.send_header("Set-Cookie", "second=two")
        if coding:
            self.send_header("Content-Encoding", coding)
        self.end_headers()
        self.wfile.write(octets)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    """A server's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_chromium(typed: Typed, tmp_path: Path, shop: str) -> None:
    """What a real browser's calls leave in a HAR is a recording of them, a refused one among them."""
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"{CHROMIUM} is not installed")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        place = browser.new_context(record_har_path=tmp_path / "browser.har", record_har_content="embed")
        page = place.new_page()
        page.goto(shop)
        page.evaluate(_PAGE_S_CALLS.replace("PORT", str(free_port())))
        place.close()
        browser.close()
    typed("import", "browser.har")
    assert "entry" not in typed.said
    calls = {call["target"]: call for call in typed.trace("browser")["calls"]}
    assert calls["/"]["status"] == calls["/data"]["status"] == 200
    assert calls["/gone"]["status"] == 404
    assert calls["/refused"]["failure"]
    assert calls["/form"]["method"] == "POST"
    sent = _shown(typed, "browser", calls["/form"]["request_step"])
    assert sent["body"]["text"] == "a=1&%EA%B8%80=%ED%95%9C"
    got = _shown(typed, "browser", calls["/data"]["response_step"])
    assert (got["body"]["text"], got["body"]["encoding"]) == ('{"이름": "값"}', "gzip")
    image = _shown(typed, "browser", calls["/image"]["response_step"])
    assert base64.b64decode(image["body"]["base64"]).startswith(b"\x89PNG")
    assert SECRET not in json.dumps([_shown(typed, "browser", n) for n in range(1, 5)])


CHROMIUM = "/usr/bin/chromium"
_PAGE_S_CALLS = """async () => {
    await (await fetch("/data")).json();
    await (await fetch("/image")).arrayBuffer();
    await (await fetch("/gone")).text();
    await (await fetch("/form", {method: "POST", body: new URLSearchParams({a: "1", "글": "한"})})).text();
    try { await fetch("http://127.0.0.1:PORT/refused", {mode: "no-cors"}); } catch {}
}"""


def _shown(typed: Typed, name: str, step: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed("show", name, "--step", str(step), "--json"))
    return found


def test_mitmdump_s_hardump(typed: Typed, tmp_path: Path, shop: str) -> None:
    """What mitmproxy writes as HAR is a recording of the wire."""
    home = tmp_path / "proxy"
    home.mkdir()
    with proxy(home, f"reverse:{shop}", options=(f"hardump={tmp_path / 'proxied.har'}",), addon=None) as running:
        for method, path, body in (("GET", "/data", None), ("GET", "/image", None), ("POST", "/form", b"\xff\x00")):
            connection = http.client.HTTPConnection("127.0.0.1", running.ports[0], timeout=60)
            connection.request(method, path, body, {"User-Agent": "curl/8.5.0", "Authorization": f"Bearer {SECRET}"})
            connection.getresponse().read()
            connection.close()
    typed("import", "proxied.har")
    assert "entry" not in typed.said
    calls = typed.trace("proxied")["calls"]
    assert [(call["from"], call["target"], call["status"]) for call in calls] == [
        ("curl", "/data", 200), ("curl", "/image", 200), ("curl", "/form", 200),
    ]  # fmt: skip
    assert calls[0]["views"] == ["wire"]
    got = _shown(typed, "proxied", calls[0]["response_step"])
    assert (got["body"]["text"], got["body"]["encoding"]) == ('{"이름": "값"}', "gzip")
    assert got["body"]["size"] == len(gzip.compress('{"이름": "값"}'.encode()))
    assert [name for name, _ in got["headers"]].count("Set-Cookie") == 2
    assert SECRET not in json.dumps([_shown(typed, "proxied", n) for n in range(1, 7)])


def test_a_command_s_recording(typed: Typed, tmp_path: Path, shop: str) -> None:
    """What a recording by hook says of its command, processes and calls comes back, also where it was forgotten."""
    sent = f"json={{'password': '{SECRET}', 'b': '글'}}"
    code = f"import requests; print(requests.post('{shop}/form', {sent}).text); exit(3)"
    typed("run", "--name", "one", "--", sys.executable, "-c", code, status=3)
    typed("export", "one", "one.har")
    assert SECRET not in (tmp_path / "one.har").read_text("utf-8")
    whole = typed.trace("one")
    page = _page(typed, "one")
    typed("rm", "one")
    assert "one (" in typed("import", "one.har")
    found = typed.trace("one")
    assert found.pop("id") != whole.pop("id")
    assert found == whole
    assert (found["exit"], found["output"][0]) == (3, ["out", "<h1>shop</h1>\n"])
    assert _page(typed, "one") == page


def _page(typed: Typed, name: str) -> list[str]:
    found = typed.trace(name)["id"]
    return [
        line.replace(found, "ID").replace(found[:8], "ID") for line in typed("render", name, "-o", "-").splitlines()
    ]


def test_mitmproxy_flows(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording goes out as flows and comes back."""
    monkeypatch.setenv("PATH", f"{Path(mitmdump()).parent}:{os.environ['PATH']}")
    write(tmp_path / "a.har", [entry(), entry(response__status=0, response___error="refused")])
    typed("import", "a.har")
    typed("export", "a", "a.flows")
    assert "b (" in typed("import", "a.flows", "--name", "b")
    one, two = typed.trace("a")["calls"], typed.trace("b")["calls"]
    assert [(c["id"], c["status"], c["failure"]) for c in one] == [(c["id"], c["status"], c["failure"]) for c in two]
