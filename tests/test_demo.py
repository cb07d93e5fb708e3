"""`requestshook demo`, end to end: real processes, recorded and rendered, and nothing left behind."""

from __future__ import annotations

import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import addon_support
import pytest
from rich.console import Console

from requestshook import config, mitmdump, trace
from requestshook.demo import driver, words
from requestshook.demo.system import SERVICES
from requestshook.errors import RequestshookError
from requestshook.store import open_store

MIB = 1024 * 1024
FOLDER = "requestshook-demo"
SWIFT = "swift-proxy-server"
TOKENS = "/identity/v3/auth/tokens"
FILE = "/v2/images/IMAGE/file"
CONTAINER = "/v1/ACCOUNT/glance"

# What a user's environment may hold, and the demo must not be led astray by.
FOREIGN = {
    "REQUESTSHOOK_TRACE": "0" * 32,
    "REQUESTSHOOK_SERVICE": "another",
    "OS_PASSWORD": "another",
    "http_proxy": "http://127.0.0.1:1",
    "PYTHONSAFEPATH": "1",
}

# Number, caller, arrow, callee, title, depth, the number of the request during whose answering it happened.
REFERENCE = [
    (1, "openstack", "-->", "keystone", "GET /identity/", 0, None),
    (2, "openstack", "<--", "keystone", "300 MULTIPLE CHOICES /identity/", 0, None),
    (3, "openstack", "-->", "keystone", f"POST {TOKENS}", 0, None),
    (4, "openstack", "<--", "keystone", f"201 CREATED {TOKENS}", 0, None),
    (5, "openstack", "-->", "glance-api", "POST /v2/images", 0, None),
    (6, "glance-api", "-->", "keystone", "GET /identity/", 1, 5),
    (7, "glance-api", "<--", "keystone", "300 MULTIPLE CHOICES /identity/", 1, 5),
    (8, "glance-api", "-->", "keystone", f"POST {TOKENS}", 1, 5),
    (9, "glance-api", "<--", "keystone", f"201 CREATED {TOKENS}", 1, 5),
    (10, "glance-api", "-->", "keystone", f"GET {TOKENS}", 1, 5),
    (11, "glance-api", "<--", "keystone", f"200 OK {TOKENS}", 1, 5),
    (12, "openstack", "<--", "glance-api", "201 Created /v2/images", 0, None),
    (13, "openstack", "-->", "glance-api", f"PUT {FILE}", 0, None),
    (14, "glance-api", "-->", "keystone", f"POST {TOKENS}", 1, 13),
    (15, "glance-api", "<--", "keystone", f"201 CREATED {TOKENS}", 1, 13),
    (16, "glance-api", "-->", SWIFT, f"HEAD {CONTAINER}", 1, 13),
    (17, SWIFT, "-->", "keystone", f"GET {TOKENS}", 2, 16),
    (18, SWIFT, "<--", "keystone", f"200 OK {TOKENS}", 2, 16),
    (19, "glance-api", "<--", SWIFT, f"204 No Content {CONTAINER}", 1, 13),
    (20, "glance-api", "-->", SWIFT, f"PUT {CONTAINER}/IMAGE", 1, 13),
    (21, "glance-api", "<--", SWIFT, f"201 Created {CONTAINER}/IMAGE", 1, 13),
    (22, "openstack", "<--", "glance-api", f"204 No Content {FILE}", 0, None),
]


# What saw each call, outermost first, by how the demo is recorded.
VIEWS = {"hook": ("client", "server"), "proxy": ("wire",), "both": ("client", "wire", "server")}


class Demo(NamedTuple):
    """A demo that was run in a working directory of its own."""

    capture: str
    place: Path  # the working directory
    before: set[Path]  # what lay beside the programs before
    done: subprocess.CompletedProcess[str]
    seconds: float
    trace: trace.Trace

    @property
    def folder(self) -> Path:
        return self.place / FOLDER

    @property
    def page(self) -> str:
        return (self.folder / "docs" / "image-create.md").read_text("utf-8")


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("REQUESTSHOOK")}


def _run(place: Path, capture: str | None = None) -> tuple[subprocess.CompletedProcess[str], float]:
    """Run the command with a home and a temporary folder of its own beside the working directory."""
    own = {name: str(place.parent / name.lower()) for name in ("HOME", "TMPDIR")}
    for path in (place, *map(Path, own.values())):
        path.mkdir(exist_ok=True)
    chosen = ["--capture", capture] if capture else []
    proxy = {mitmdump.VARIABLE: addon_support.mitmdump()} if capture not in (None, "hook") else {}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "requestshook", "demo", *chosen],
        cwd=place,
        env={**_clean_environment(), **own, **FOREIGN, **proxy},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done, time.monotonic() - begun


def _newest(place: Path) -> trace.Trace:
    found = config.load(place / FOLDER / "requestshook.yaml")
    with open_store(found.store) as store:
        return trace.build(store.events(store.find(None)), found.services)


@pytest.fixture(scope="module", params=VIEWS)
def demo(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Demo:
    """The demo, run once in each way for all tests that only look at it."""
    place = tmp_path_factory.mktemp("demo") / "work"
    before = set(SERVICES.rglob("*"))
    done, seconds = _run(place, request.param)
    assert done.returncode == 0, done.stdout + done.stderr
    return Demo(request.param, place, before, done, seconds, _newest(place))


def test_editors_find_the_schemas(demo: Demo) -> None:
    """Both YAML files lead to the schema that lies in the demo's folder."""
    folder = demo.place / FOLDER
    for file in ("requestshook.yaml", "image-create.yaml"):
        (schema,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", (folder / file).read_text("utf-8"), re.M)
        assert json.loads((folder / schema).read_text("utf-8"))["$schema"]


def _plain(text: str) -> str:
    """A target with its ids as words."""
    return re.sub("AUTH_[0-9a-f]{32}", "ACCOUNT", re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "IMAGE", text))


def _title(step: trace.Step) -> str:
    response = step.call.response
    if step.kind == "request":
        return _plain(f"{step.call.method} {step.call.target}")
    assert step.kind == "response"
    assert response is not None
    return _plain(f"{step.call.status} {getattr(response.event, 'reason', '')} {step.call.target}")


def test_trace_is_the_reference(demo: Demo) -> None:
    """The recording is the reference's 22 steps: callers, callees, directions, statuses, order, depth and parents."""
    calls = {call.id: call for call in demo.trace.calls}
    found = [
        (
            step.number,
            step.call.caller,
            "-->" if step.kind == "request" else "<--",
            step.call.callee,
            _title(step),
            step.call.depth,
            calls[step.call.parent].request_step if step.call.parent else None,
        )
        for step in demo.trace.steps
    ]
    assert found == REFERENCE
    inferred = [call.request_step for call in demo.trace.calls if call.inferred]
    assert inferred == ([6, 8, 10, 14, 16, 17, 20] if demo.capture == "proxy" else [])


def test_page_is_the_reference(demo: Demo) -> None:
    """The page has the reference's 22 headings, each with the arrow below it."""
    found = re.findall(r"^### \((\d+)\) (.+?)(?: \{ .*\})?\n`(.+)` (-->|<--) `(.+)`", demo.page, re.M)
    wanted = [(str(number), title, caller, arrow, callee) for number, caller, arrow, callee, title, *_ in REFERENCE]
    assert [(number, _plain(html.unescape(title)), *names) for number, title, *names in found] == wanted


def test_author_words_fit(demo: Demo) -> None:
    """Each entry of the annotation file has its call, each highlight its lines; the page has a note and the names."""
    ours = [sys.executable, "-m", "requestshook"]
    for arguments in (("render", words.FILE, "--strict", "-o", "-"), ("annotate", words.FILE, "--check")):
        done = subprocess.run(
            [*ours, *arguments], cwd=demo.folder, env=_clean_environment(), capture_output=True, encoding="utf-8"
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert "\n# openstack image create\n" in demo.page
    assert "Two tokens: glance-api shows its own" in demo.page
    assert "/v2/images/{image_id}/file" in demo.page
    assert f"$ requestshook annotate {words.FILE}\n{words.FILE}: nothing to add" in demo.done.stdout


def test_every_capture_point_saw_every_call(demo: Demo) -> None:
    """Each call was seen by its caller's hook, the proxy and its callee's middleware, as far as they were there.

    They agree, and no line was lost.
    """
    assert [tuple(view.kind for view in call.views) for call in demo.trace.calls] == [VIEWS[demo.capture]] * 11
    assert demo.trace.remarks == ()
    for call in demo.trace.calls:
        sizes = [(v.request and v.request.body, v.response and v.response.body) for v in call.views]
        assert [tuple(body and body.size for body in pair) for pair in sizes] == [
            tuple(body and body.size for body in sizes[0])
        ] * len(VIEWS[demo.capture])


def test_views_that_agree_are_not_remarked_upon(demo: Demo) -> None:
    """The empty Content-Type of swift's client stands on the page as sent; the page claims no change of anything."""
    for number in (16, 20):
        assert ("Content-Type", "") in demo.trace.steps[number - 1].call.request.event.headers
    assert "From client to server" not in demo.page
    assert "From server to client" not in demo.page
    assert "The views disagree" not in demo.page
    assert "Further in" not in demo.page


def test_no_hook_beside_a_proxy_alone(demo: Demo) -> None:
    """Recorded by the proxy alone, no other process has written a line or was tagged with a recording of ours."""
    programs = {process.program for process in demo.trace.processes}
    assert ("mitmdump" in programs) == (demo.capture != "hook")
    if demo.capture == "proxy":
        assert programs == {"mitmdump"}


def test_image_is_kept_by_its_head(demo: Demo) -> None:
    """Both uploads are streams of 4 MiB of which the page shows the head."""
    for number in (13, 20):
        call = demo.trace.steps[number - 1].call
        assert call.request.body is not None
        assert (call.request.body.size, call.request.body.cut) == (4 * MIB, True)
    assert demo.page.count(r"b'QFI\xfb\x00\x00\x00\x03\x00") == 2


def test_command_and_its_output(demo: Demo) -> None:
    """The recording has the command as a person types it, its status, and its output with Korean in it."""
    assert demo.trace.command == driver.COMMAND
    assert " ".join(driver.COMMAND) == (
        "openstack image create --public --disk-format qcow2 "
        "--file images/cirros-0.6.1-x86_64-disk cirros-0.6.1-x86_64-disk"
    )
    assert demo.trace.exit == 0
    assert "description='작은 리눅스 이미지'" in "".join(text for _, text in demo.trace.output)
    assert "작은 리눅스 이미지" in demo.page
    assert " ".join(driver.COMMAND) in demo.page


def test_no_secret_is_written(demo: Demo) -> None:
    """Neither a token nor the password is in the page or in requestshook's folder."""
    files = [demo.folder / "docs" / "image-create.md", *(demo.folder / ".requestshook").rglob("*")]
    for path in files:
        if path.is_file():
            text = path.read_bytes()
            assert b"gAAAAA" not in text, path
            assert b'"asdf"' not in text, path


def test_output_of_the_demo(demo: Demo) -> None:
    """The demo shows what it types, the flow as a table, where the page lies and how to see it."""
    output = demo.done.stdout
    command = {"hook": "run", "proxy": "proxy", "both": "proxy --hook"}[demo.capture]
    assert f"$ cd {FOLDER}\n$ requestshook {command} --name image-create -- openstack image create" in output
    assert re.search(r"^ ?13-22 .*glance-api +PUT /v2/images/", output, re.M)
    assert f"The page: {FOLDER}/docs/image-create.md\n" in output
    assert f"serve -f {FOLDER}/mkdocs.yml\n" in output
    assert "Traceback" not in demo.done.stderr


def test_demo_is_quick(demo: Demo) -> None:
    """It takes less than 10 seconds, and less than 30 with a proxy."""
    assert demo.seconds < (10 if demo.capture == "hook" else 30)


def test_everything_lies_in_one_folder(demo: Demo) -> None:
    """The working directory has one new folder; home, temporary folder and package are as they were."""
    assert [path.name for path in demo.place.iterdir()] == [FOLDER]
    assert not list((demo.place.parent / "tmpdir").iterdir())
    assert not list((demo.place.parent / "home").iterdir())
    assert set(SERVICES.rglob("*")) == demo.before


def test_services_have_said_nothing_wrong(demo: Demo) -> None:
    """The services' logs hold their own lines only: no fault of the hook's or the middleware's, no traceback."""
    logs = sorted((demo.folder / "log").iterdir())
    assert len(logs) == 3
    for path in logs:
        for line in path.read_text("utf-8").splitlines():
            assert re.match(r"\d+\.\d{6} [<>] ", line), f"{path.name}: {line}"


def test_site_builds(demo: Demo, tmp_path: Path) -> None:
    """The site is built by plain mkdocs-material in strict mode, the diagram and the tabs on its page included."""
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(demo.folder / "mkdocs.yml")]
    done = subprocess.run([*command, "-d", str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "image-create.html").read_text("utf-8")
    assert 'class="mermaid"' in page
    assert page.count('<div class="tabbed-set') >= 22


def test_demo_again(tmp_path: Path) -> None:
    """Running it a second time works, on other ports, and leaves a page of the new recording with what the author
    changed meanwhile.
    """
    pages = []
    file = tmp_path / "work" / FOLDER / words.FILE
    for title in ("openstack image create", "Mine"):
        done, _ = _run(tmp_path / "work")
        assert done.returncode == 0, done.stdout + done.stderr
        pages.append((tmp_path / "work" / FOLDER / "docs" / "image-create.md").read_text("utf-8"))
        assert f"\n# {title}\n" in pages[-1]
        file.write_text(file.read_text("utf-8").replace("title: openstack image create", "title: Mine"), "utf-8")
    assert pages[0] != pages[1]
    show = [sys.executable, "-m", "requestshook", "traces", "--json"]
    listed = subprocess.run(show, cwd=tmp_path / "work" / FOLDER, env=_clean_environment(), capture_output=True)
    assert [item["name"] for item in json.loads(listed.stdout)] == ["image-create"] * 2


def test_strangers_folder_is_left_alone(tmp_path: Path) -> None:
    """A folder that holds something, and is no demo's, is not touched, and the one line says what to do."""
    place = tmp_path / "work" / FOLDER
    place.mkdir(parents=True)
    (place / "requestshook.yaml").write_text("services: {}\n", "utf-8")
    done, _ = _run(tmp_path / "work")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "choose another folder with -o" in done.stderr
    assert [path.name for path in place.iterdir()] == ["requestshook.yaml"]


def test_port_that_is_taken(tmp_path: Path) -> None:
    """A port that is taken is one clear line, and nothing has been started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RequestshookError) as raised:
            driver.demo(tmp_path / "demo", Console(quiet=True), (0, port, 0))
    assert str(raised.value) == f"demo: glance-api cannot listen on 127.0.0.1:{port}: Address already in use"
    assert _processes(tmp_path) == {}


def _processes(place: Path) -> dict[int, str]:
    """The processes that work in the folder or below it: their ids and command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if Path(os.readlink(entry / "cwd")).is_relative_to(place):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return found


def _is_gone(place: Path, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while _processes(place) and time.monotonic() < end:
        time.sleep(0.05)
    return not _processes(place)


@pytest.fixture
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A demo that has just been started, in a process group of its own; its parameter says how it records."""
    capture = getattr(request, "param", "hook")
    proxy = {mitmdump.VARIABLE: addon_support.mitmdump()} if capture != "hook" else {}
    child = subprocess.Popen(
        [sys.executable, "-m", "requestshook", "demo", "--capture", capture],
        cwd=tmp_path,
        env={**_clean_environment(), **proxy, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        yield child
        for pid in [child.pid, *_processes(tmp_path)]:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        child.wait()


def _read_until(child: subprocess.Popen[str], beginning: str) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"the demo never said {beginning!r}")


def _freeze(place: Path, program: str) -> None:
    """Stop a service in its tracks, so that whoever asks it waits."""
    (pid,) = (pid for pid, line in _processes(place).items() if program in line)
    os.kill(pid, signal.SIGSTOP)


@pytest.mark.parametrize("said", ["glance-api answers", "$ requestshook run", "$ requestshook show", "The page"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("whom", [os.kill, os.killpg])
def test_nothing_is_left_behind(
    started: subprocess.Popen[str], tmp_path: Path, said: str, number: signal.Signals, whom: Callable[[int, int], None]
) -> None:
    """Ended at any point, by a signal to it alone or to its group, the demo leaves no process and no traceback."""
    assert started.stderr is not None
    _read_until(started, said)
    whom(started.pid, number)
    status = started.wait(30)
    assert _is_gone(tmp_path, 1), _processes(tmp_path)
    assert "Traceback" not in started.stderr.read()
    if said != "The page":  # it may have been done already
        assert status == 128 + number


@pytest.mark.parametrize("whom", [os.kill, os.killpg])
def test_interrupt_while_a_service_hangs(
    started: subprocess.Popen[str], tmp_path: Path, whom: Callable[[int, int], None]
) -> None:
    """Ctrl-C while the client waits for a service that hangs ends both, the one that hangs by force."""
    _read_until(started, "swift-proxy-server answers")
    _freeze(tmp_path, "glance-api.py")
    _wait_for_client(tmp_path)
    whom(started.pid, signal.SIGINT)
    assert started.wait(30) == 130
    assert _is_gone(tmp_path, 1), _processes(tmp_path)


@pytest.mark.parametrize("started", ["both"], indirect=True)
@pytest.mark.parametrize("said", ["$ requestshook proxy", "+---"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whom", [os.kill, os.killpg])
def test_no_proxy_is_left_behind(
    started: subprocess.Popen[str], tmp_path: Path, said: str, number: signal.Signals, whom: Callable[[int, int], None]
) -> None:
    """Ended while mitmdump starts, or when the client has gone through it, the demo leaves no process."""
    assert started.stderr is not None
    _read_until(started, said)
    whom(started.pid, number)
    status = started.wait(30)
    assert _is_gone(tmp_path, 10), _processes(tmp_path)
    assert "Traceback" not in started.stderr.read()
    assert status == 128 + number


def test_killed_outright(started: subprocess.Popen[str], tmp_path: Path) -> None:
    """Killed with no chance to clean up, the services and with them the client are gone within seconds."""
    _read_until(started, "$ requestshook run")
    started.kill()
    assert _is_gone(tmp_path, 10), _processes(tmp_path)


def _wait_for_client(place: Path) -> None:
    for _ in range(200):
        if any("openstack.py" in line for line in _processes(place).values()):
            time.sleep(0.3)  # until it has asked
            return
        time.sleep(0.02)
    pytest.fail("the client was never started")


def test_proxy_without_mitmdump(tmp_path: Path) -> None:
    """Where mitmdump is not found, one line says so and how to get it, before anything is written or started."""
    place = tmp_path / "work"
    place.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "requestshook", "demo", "--capture", "proxy"],
        cwd=place,
        env={**_clean_environment(), mitmdump.VARIABLE: "/nowhere/mitmdump"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "/nowhere/mitmdump" in done.stderr
    assert not list(place.iterdir())
