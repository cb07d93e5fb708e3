"""Where the addon is loaded from, what its options do, and whose recording a call goes into."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from requestshook import tags
from requestshook.config import load
from requestshook.environment import PACKAGE
from requestshook.events import Count, Failure, Recorded, Recording, Request, Response
from requestshook.workspace import Workspace
from tests.addon_support import ADDON, Proxy, ask, free_port, mitmdump, one, proxy
from tests.cli_support import environment, requestshook, serving
from tests.raw_server import RawServer
from tests.terminal_support import Terminal

SPY = """
import json, sys

from mitmproxy import ctx

def running():
    found = {name: [option.typespec is not None, option.help] for name, option in ctx.options._options.items()}
    ours = {name: value for name, value in found.items() if name.startswith("requestshook_")}
    with open("spied", "w") as file:
        json.dump({"options": ours, "path": sys.path, "from": sys.modules["requestshook"].__file__}, file)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    found = RawServer()
    yield found
    found.close()


def spied(found: Proxy) -> dict[str, object]:
    """What the spy has seen."""
    path = found.home / "spied"
    deadline = time.monotonic() + 20
    while not path.exists() or not path.read_text():
        assert time.monotonic() < deadline, found.log()
        time.sleep(0.05)
    seen: dict[str, object] = json.loads(path.read_text())
    return seen


def test_from_an_installed_package(tmp_path: Path, server: RawServer) -> None:
    """As a wheel has it, the addon loads the package that it lies in, and mitmproxy's sys.path stays its own."""
    place = tmp_path / "site" / "requestshook"
    shutil.copytree(PACKAGE, place, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ADDON.parent, place / "addons", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "spy.py").write_text(SPY)
    addon = place / "addons" / ADDON.name
    with proxy(tmp_path, f"reverse:{server.url}", scripts=(tmp_path / "spy.py",), addon=addon) as found:
        requests.get(found.url() + "/json")
        assert one(found.call("/json"), Response).status == 200
        seen = spied(found)
    assert seen["from"] == str(place / "__init__.py")
    assert str(tmp_path / "site") not in seen["path"]  # type: ignore[operator] # a list


def test_from_a_checkout_with_options_that_say_what_they_do(tmp_path: Path, server: RawServer) -> None:
    """The addon beside the package loads that; each option has a type and a help; flows can still be saved."""
    (tmp_path / "spy.py").write_text(SPY)
    options = (f"save_stream_file={tmp_path / 'flows'}", "requestshook_service=billing", "requestshook_from=shop")
    with proxy(tmp_path, f"reverse:{server.url}", scripts=(tmp_path / "spy.py",), options=options) as found:
        requests.put(found.url() + "/echo", data=b"x" * 100)
        asked = one(found.call("/echo"), Request)
        seen = spied(found)
        log = found.log()
    assert (asked.caller, asked.callee) == ("shop", "billing")
    assert seen["from"] == str(PACKAGE / "__init__.py")
    names = {"requestshook_dir", "requestshook_service", "requestshook_from", "requestshook_listener"}
    assert set(seen["options"]) == names | {"requestshook_record", "requestshook_tied"}  # type: ignore[call-overload] # a mapping
    assert all(typed and text for typed, text in seen["options"].values())  # type: ignore[attr-defined] # a mapping
    assert (tmp_path / "flows").stat().st_size > 100
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("requestshook_listener=5000", "expected PORT=SERVICE or PORT=CALLER->SERVICE, found '5000'"),
        ("requestshook_listener=x=keystone", "expected PORT=SERVICE or PORT=CALLER->SERVICE"),
        ("requestshook_from=a b", "requestshook_from: expected a name"),
    ],
)
def test_wrong_options(tmp_path: Path, option: str, said: str) -> None:
    """mitmdump does not start on what an option does not understand, and says what was expected."""
    command = [mitmdump(), "--set", f"confdir={tmp_path}", "--listen-host", "127.0.0.1", "--mode", "regular@0"]
    command += ["-s", str(ADDON), "--set", option]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_the_recording_of_a_proxy_started_by_hand(tmp_path: Path, server: RawServer) -> None:
    """Calls that belong to no other recording go into one of the proxy's own; one that is opened takes them over."""
    with proxy(tmp_path, f"reverse:{server.url}") as found:
        requests.get(found.url() + "/json")
        own = one(found.call("/json"), Request).origin.trace
        assert one(found.events(), Recording).trace == own
        assert requestshook(tmp_path, "start", "--name", "nightly").returncode == 0
        requests.get(found.url() + "/gzip")
        opened = one(found.call("/gzip"), Request).origin.trace
        assert requestshook(tmp_path, "stop").returncode == 0
    assert opened != own
    assert own in [
        event.trace for event in found.events() if isinstance(event, Recorded)
    ]  # mitmdump has ended, and so has its recording
    assert "end not seen" not in requestshook(tmp_path, "traces").stdout
    assert "/gzip" in requestshook(tmp_path, "show", "nightly").stdout


def test_flows_of_a_file_are_no_calls(tmp_path: Path) -> None:
    """What mitmdump reads of a file was said at another time: none of it is recorded, and none gets tags."""
    flows = Path(__file__).parent / "flows" / "mitmproxy-10.4.2.flows"
    copy = tmp_path / "copy.flows"
    command = [mitmdump(), "--set", f"confdir={tmp_path}", "-n", "-r", str(flows), "-w", str(copy), "-s", str(ADDON)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert copy.stat().st_size > 1000
    assert copy.read_bytes().count(b"equestshook") == flows.read_bytes().count(b"equestshook")
    assert not (tmp_path / ".requestshook" / "spool").exists()


def test_in_mitmproxy_s_console(tmp_path: Path, server: RawServer) -> None:
    """The program with the full screen loads the addon like the others, and ends its recording when it is left."""
    program = Path(mitmdump()).with_name("mitmproxy")
    if not program.exists():
        pytest.skip("mitmproxy's console is not installed beside mitmdump")
    port = free_port()
    command = [str(program), "--set", f"confdir={tmp_path / 'mitmproxy'}", "-s", str(ADDON)]
    command += ["--mode", f"reverse:{server.url}@127.0.0.1:{port}"]
    with Terminal(command, environment(tmp_path, TERM="xterm"), tmp_path) as terminal:
        for _ in range(4):  # its first start compiles all of it
            with suppress(AssertionError):
                terminal.expect(rf"127\.0\.0\.1:{port}")
                break
        found = Proxy(tmp_path, [port], terminal.process)
        assert requests.get(found.url() + "/json").headers[tags.REQUEST_FROM] == "python-requests"
        assert one(found.call("/json"), Response).status == 200
        terminal.process.terminate()
        assert terminal.ended() == 0
        assert [type(event) for event in found.events() if isinstance(event, (Recording, Recorded))] == [
            Recording,
            Recorded,
        ]


def test_only_when_a_recording_is_open(tmp_path: Path, server: RawServer) -> None:
    """With `when open`, calls that belong to no recording pass without tags and are counted."""
    with proxy(tmp_path, f"reverse:{server.url}", options=("requestshook_record=when open",)) as found:
        answer = requests.get(found.url() + "/json")
        assert tags.REQUEST_ID not in answer.headers
        assert b"requestshook" not in server.requests[-1].lower()
        assert not [event for event in found.events() if isinstance(event, Request)]
        assert [event.untied for event in found.events() if isinstance(event, Count)] == [1]


def test_listeners_of_the_configuration(tmp_path: Path, server: RawServer) -> None:
    """`proxy:` in requestshook.yaml names both ends of a listener by its port, also when it changes."""
    config = tmp_path / "requestshook.yaml"
    with proxy(tmp_path, f"reverse:{server.url}") as found:
        for caller in ("glance-api", "nova-compute"):
            entry = f"{{listen: {found.ports[0]}, service: keystone, target: '{server.url}', from: {caller}}}"
            config.write_text(f"proxy:\n  - {entry}\n")
            Workspace(load(config)).refresh()
            requests.get(found.url() + f"/json?{caller}")
            deadline = time.monotonic() + 30
            while f"?{caller}" not in one(found.call("/json"), Request).url and time.monotonic() < deadline:
                time.sleep(0.02)
            asked = one(found.call("/json"), Request)
            assert (asked.caller, asked.callee) == (caller, "keystone")


def test_a_service_behind_it_records_into_the_same(tmp_path: Path) -> None:
    """A service with the middleware sees the id and the trace that the wire gave: one call with two views."""
    folder = tmp_path / ".requestshook"
    folder.mkdir(0o700)
    (folder / "capture.json").write_text(_settings())
    with serving(tmp_path) as port, proxy(tmp_path, f"reverse:http://127.0.0.1:{port}") as found:
        requests.get(found.url() + "/v1/things")
        found.call("/v1/things")
        asked: list[Request] = []
        deadline = time.monotonic() + 30
        while len(asked) < 2 and time.monotonic() < deadline:
            asked = [event for event in found.events() if isinstance(event, Request)]
            time.sleep(0.02)
    assert sorted(event.origin.view for event in asked) == ["server", "wire"]
    assert len({(event.origin.id, event.origin.trace, event.caller) for event in asked}) == 1


def _settings() -> str:
    fields = {
        "v": 1, "key": "5a" * 32, "redact": {"on": True, "headers": [], "keys": [], "patterns": []},
        "services": [], "clients": [], "ignore": [], "body_limit": 65536, "max": None, "tag": "all", "group": None,
        "recordings": [],
    }  # fmt: skip
    return json.dumps(fields)


def test_a_tunnel_that_cannot_be_opened(tmp_path: Path) -> None:
    """Where mitmproxy connects first, a tunnel's far end that is not up leaves a failure of the CONNECT."""
    far = free_port()
    with proxy(tmp_path, "regular", options=("connection_strategy=eager",)) as found:
        with socket.create_connection(("127.0.0.1", found.ports[0]), 10) as client:
            client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % far)
            octets = client.recv(65536)
        call = found.call("/")
    assert octets.startswith(b"HTTP/1.1 502")
    assert (one(call, Request).method, one(call, Request).url) == ("CONNECT", f"http://127.0.0.1:{far}/")
    assert one(call, Failure).error.startswith("ConnectionRefused: ")


def test_one_proxy_behind_another(tmp_path: Path, server: RawServer) -> None:
    """In upstream mode both see one call: the second keeps the id, the caller and the trace that the first gave."""
    near, far = tmp_path / "near", tmp_path / "far"
    for home in (near, far):
        (home / ".requestshook").mkdir(parents=True)
        (home / ".requestshook" / "capture.json").write_text(_settings())
    with proxy(far, "regular") as second, proxy(near, f"upstream:{second.url()}") as first:
        answer = requests.get(server.url + "/json", proxies={"http": first.url()}, headers={"User-Agent": "me/1"})
        asked = [one(found.call("/json"), Request) for found in (first, second)]
    assert {event.origin.id for event in asked} == {answer.headers[tags.REQUEST_ID]}
    assert [event.caller for event in asked] == ["me", "me"]
    assert asked[0].origin.trace == asked[1].origin.trace
    assert asked[0].url == asked[1].url == f"{server.url}/json"


def test_a_folder_that_cannot_be_written(tmp_path: Path, server: RawServer) -> None:
    """Calls pass as ever, and mitmproxy's log says once why nothing is recorded."""
    (tmp_path / "file").write_text("")
    options = (f"requestshook_dir={tmp_path / 'file' / 'folder'}",)
    with proxy(tmp_path, f"reverse:{server.url}", options=options) as found:
        for _ in range(3):
            assert requests.get(found.url() + "/json").status_code == 200
        log = found.log()
    assert log.count("requestshook: cannot record") == 1
    assert "Traceback" not in log


def test_nothing_is_held_of_calls_that_are_over(tmp_path: Path, server: RawServer) -> None:
    """After many calls, some broken off, the addon remembers none."""
    spy = tmp_path / "held.py"
    spy.write_text(
        "from mitmproxy import addonmanager, ctx\n"
        "def client_disconnected(client):\n"
        "    wires = [a.wire for a in addonmanager.traverse(ctx.master.addons.chain) if hasattr(a, 'wire')]\n"
        "    with open('held', 'a') as file:\n"
        "        print(*((len(wire._known), len(wire._of_client)) for wire in wires), file=file)\n"
    )
    with proxy(tmp_path, f"reverse:{server.url}", scripts=(spy,)) as found:
        for name in ("json", "dies", "chunked", "gzip", "dies-at-once"):
            ask(found.ports[0], b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % name.encode())
        with socket.create_connection(("127.0.0.1", found.ports[0])) as client:
            client.sendall(b"PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
            found.call("/echo", until=bool)
        found.call("/echo")
        end = time.monotonic() + 20
        while (held := (tmp_path / "held").read_text().splitlines())[-1] != "(0, 0)":
            assert time.monotonic() < end, held
            time.sleep(0.05)


def test_the_command_prints_the_addon(tmp_path: Path) -> None:
    """`requestshook addon` prints a path and nothing else."""
    done = requestshook(tmp_path, "addon")
    assert (done.returncode, done.stderr) == (0, "")
    assert os.path.samefile(done.stdout.removesuffix("\n"), ADDON)


@pytest.mark.parametrize("script", ["requestshook_addon.py", "requestshook_flows.py"])
def test_an_older_mitmproxy_is_told(tmp_path: Path, script: str) -> None:
    """mitmproxy 10 breaks off what is streamed: our scripts are not loaded there, and say what they need."""
    (tmp_path / "old.py").write_text("from mitmproxy import version\nversion.VERSION = '10.4.2'\n")
    command = [mitmdump(), "--set", f"confdir={tmp_path}", "--listen-host", "127.0.0.1", "--mode", "regular@0"]
    command += ["-s", str(tmp_path / "old.py"), "-s", str(ADDON.parent / script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "requestshook needs mitmproxy 11 or newer; this is 10.4.2" in done.stdout + done.stderr
