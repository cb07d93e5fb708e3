"""The demo's four programs by themselves: nobody records them, and they do what the reference's services did."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from requestshook.demo import driver, folder
from requestshook.demo.system import NAMES, SERVICES, System
from requestshook.errors import RequestshookError

MIB = 1024 * 1024
SEQUENCE = """
> keystone GET /identity/
< keystone 300 /identity/
> keystone POST /identity/v3/auth/tokens
< keystone 201 /identity/v3/auth/tokens
> glance-api POST /v2/images
> keystone GET /identity/
< keystone 300 /identity/
> keystone POST /identity/v3/auth/tokens
< keystone 201 /identity/v3/auth/tokens
> keystone GET /identity/v3/auth/tokens
< keystone 200 /identity/v3/auth/tokens
< glance-api 201 /v2/images
> glance-api PUT /v2/images/IMAGE/file
> keystone POST /identity/v3/auth/tokens
< keystone 201 /identity/v3/auth/tokens
> swift-proxy-server HEAD /v1/ACCOUNT/glance
> keystone GET /identity/v3/auth/tokens
< keystone 200 /identity/v3/auth/tokens
< swift-proxy-server 204 /v1/ACCOUNT/glance
> swift-proxy-server PUT /v1/ACCOUNT/glance/IMAGE
< swift-proxy-server 201 /v1/ACCOUNT/glance/IMAGE
< glance-api 204 /v2/images/IMAGE/file
""".strip().split("\n")


class Running:
    """The three services in a folder, and ways to use them."""

    def __init__(self, place: Path, system: System) -> None:
        self.place = place
        self.system = system
        self.passed = len(self._lines())

    def openstack(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the client; without arguments as the demo does."""
        own = driver._client_environment(self.place, self.system.addresses["keystone"])
        return subprocess.run(
            ["openstack", *(arguments or driver.COMMAND[1:])],
            cwd=self.place,
            env={**driver._environment(), **own, **environment},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    def said(self) -> list[str]:
        """What was asked and answered since the services were ready, in the order of time, ids as words."""
        return self._lines()[self.passed :]

    def _lines(self) -> list[str]:
        found = []
        for name in NAMES:
            for line in self.system.log(name).read_text("utf-8").split("\n")[:-1]:
                at, direction, what, path, *_ = line.split(" ")
                found.append((float(at), f"{direction} {name} {what} {path}"))
        text = "\n".join(line for _, line in sorted(found))
        return re.sub("AUTH_[0-9a-f]{32}", "ACCOUNT", re.sub("[0-9a-f-]{36}", "IMAGE", text)).split("\n")

    def objects(self) -> list[Path]:
        """The files in the object store, those that grow included."""
        return [path for path in (self.place / "swift").rglob("*") if path.is_file()]

    def token(self) -> str:
        """A token of the user's."""
        user = {"password": "asdf", "name": "admin", "domain": {"id": "default"}}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        asked = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        answer = requests.post(f"{self.system.addresses['keystone']}/v3/auth/tokens", json=asked, timeout=10)
        return answer.headers["X-Subject-Token"]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The services, running, unrecorded."""
    folder.prepare(tmp_path)
    with System(tmp_path, driver._environment()) as system:
        system.start()
        yield Running(tmp_path, system)


def test_programs_know_nothing_of_us() -> None:
    """The four programs import the standard library, requests and each other's two shared files, nothing else."""
    programs = sorted(SERVICES.glob("*.py"))
    assert {path.stem for path in programs} == {*NAMES, "openstack", "identity", "serving"}
    allowed = {*sys.stdlib_module_names, "requests", "identity", "serving"}
    for path in programs:
        text = path.read_text("utf-8")
        assert "requestshook" not in text.replace("know nothing of requestshook", "")
        for node in ast.walk(ast.parse(text)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, path


def test_messages_are_those_of_the_reference(running: Running) -> None:
    """One image create is the reference's 22 messages, between the same services, in the same order."""
    done = running.openstack()
    assert done.returncode == 0, done.stderr
    assert running.said() == SEQUENCE


def test_client_shows_the_image(running: Running) -> None:
    """The client prints the image's record as a box whose lines are equally wide, Korean included."""
    output = running.openstack().stdout
    lines = output.splitlines()
    assert lines[1].split() == ["|", "Field", "|", "Value", "|"]
    assert "description='작은 리눅스 이미지'" in output
    assert re.search(r"\| name +\| cirros-0.6.1-x86_64-disk +\|", output)
    assert re.search(r"\| status +\| queued +\|", output)
    wide = [line for line in lines if not line.isascii()]
    assert len({len(line) for line in lines if line.isascii()}) == 1
    assert len(wide) == 1
    assert len(wide[0]) + 8 == len(lines[0])  # each Korean syllable takes two columns


def test_image_arrives_whole(running: Running) -> None:
    """What the client read lies in the object store, octet for octet, and begins as a qcow2 image does."""
    assert running.openstack().returncode == 0
    (stored,) = running.objects()
    image = (running.place / folder.IMAGE).read_bytes()
    assert stored.read_bytes() == image
    assert image[:8] == b"QFI\xfb\x00\x00\x00\x03"
    assert len(image) == 4 * MIB


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def test_image_passes_as_a_stream(running: Running) -> None:
    """64 MiB pass through glance-api and swift-proxy-server in less than 8 MiB of their memory."""
    pids = [running.system._children[name].pid for name in ("glance-api", "swift-proxy-server")]
    assert running.openstack().returncode == 0
    before = [_peak_memory(pid) for pid in pids]
    with open(running.place / "large", "wb") as file:
        file.truncate(64 * MIB)
    assert running.openstack("image", "create", "--file", "large", "large").returncode == 0
    assert sorted(path.stat().st_size for path in running.objects()) == [4 * MIB, 64 * MIB]
    for pid, peak in zip(pids, before, strict=True):
        assert _peak_memory(pid) - peak < 8 * MIB


def test_tokens_are_kept(running: Running) -> None:
    """A second image costs no second token of a service, only the validation of the new user's token."""
    assert running.openstack().returncode == 0
    assert running.openstack().returncode == 0
    again = [line for line in running.said()[len(SEQUENCE) :] if line.startswith(">")]
    assert again == [
        "> keystone GET /identity/",
        "> keystone POST /identity/v3/auth/tokens",
        "> glance-api POST /v2/images",
        "> keystone GET /identity/v3/auth/tokens",
        "> glance-api PUT /v2/images/IMAGE/file",
        "> swift-proxy-server HEAD /v1/ACCOUNT/glance",
        "> swift-proxy-server PUT /v1/ACCOUNT/glance/IMAGE",
    ]


def test_clients_at_once(running: Running) -> None:
    """Eight clients at once each get their image, and a service still asks for its own token only once."""
    done: list[subprocess.CompletedProcess[str]] = []
    threads = [threading.Thread(target=lambda: done.append(running.openstack())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [item.returncode for item in done] == [0] * 8
    assert len(running.objects()) == 8
    assert running.said().count("> keystone POST /identity/v3/auth/tokens") == 8 + 2


def test_wrong_password(running: Running) -> None:
    """A wrong password is the client's exit status 1 and one line; keystone has answered 401."""
    done = running.openstack(OS_PASSWORD="wrong")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The request you have made requires authentication. (HTTP 401)\n"
    assert running.said()[-1] == "< keystone 401 /identity/v3/auth/tokens"


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (("image", "create", "--file", "missing", "x"), {}, 1, "No such file"),
        (("image", "create", "x"), {}, 2, "--file"),
        (("image", "create", "--file", "mkdocs.yml", "--property", "x", "x"), {}, 2, "KEY=VALUE"),
        ((), {"OS_USERNAME": ""}, 1, "Missing value OS_USERNAME required"),
        ((), {"OS_AUTH_URL": "http://127.0.0.1:1/"}, 1, "Connection refused"),
    ],
)
def test_client_says_what_is_wrong(
    running: Running, arguments: tuple[str, ...], environment: dict[str, str], status: int, said: str
) -> None:
    """What the client cannot do is said on standard error, without a traceback."""
    done = running.openstack(*arguments, **environment)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_property_in_korean(running: Running) -> None:
    """A property beyond ASCII goes to glance-api and comes back as it was."""
    done = running.openstack("image", "create", "--file", folder.IMAGE, "--property", "설명=한글 이미지", "작은-것")
    assert done.returncode == 0, done.stderr
    assert "설명='한글 이미지'" in done.stdout
    assert "| 작은-것 " in done.stdout


@pytest.mark.parametrize("token", ["", "gAAAAAstranger"])
def test_stranger_is_refused(running: Running, token: str) -> None:
    """Without a token that keystone knows, glance-api, swift-proxy-server and keystone itself answer 401."""
    at = running.system.addresses
    account = f"{at['swift-proxy-server']}/v1/AUTH_{'0' * 32}/glance"
    headers = {"X-Auth-Token": token, "X-Subject-Token": running.token()}
    statuses = [
        requests.post(f"{at['glance-api']}/v2/images", json={}, headers=headers, timeout=10).status_code,
        requests.put(f"{account}/{'0' * 36}", data=b"x" * MIB, headers=headers, timeout=10).status_code,
        requests.get(f"{at['keystone']}/v3/auth/tokens", headers=headers, timeout=10).status_code,
    ]
    assert statuses == [401, 401, 401]


def test_user_may_not_write_into_the_store(running: Running) -> None:
    """The user's own token opens no container: objects are glance-api's to write."""
    assert running.openstack().returncode == 0
    path = running.objects()[0].relative_to(running.place / "swift").as_posix()
    url = f"{running.system.addresses['swift-proxy-server']}/v1/{path}"
    answer = requests.put(url, data=b"x", headers={"X-Auth-Token": running.token()}, timeout=10)
    assert answer.status_code == 403


def test_upload_that_breaks_off_leaves_nothing(running: Running) -> None:
    """A client that goes away in mid-upload leaves no object, and the image may be uploaded again."""
    token = {"X-Auth-Token": running.token()}
    glance = running.system.addresses["glance-api"]
    image = requests.post(f"{glance}/v2/images", json={"name": "x"}, headers=token, timeout=10).json()
    connection = HTTPConnection(glance.removeprefix("http://"), timeout=10)
    connection.putrequest("PUT", image["file"])
    for name, value in {**token, "Content-Length": str(2 * MIB)}.items():
        connection.putheader(name, value)
    connection.endheaders(b"x" * MIB)
    connection.close()
    whole = os.urandom(2 * MIB)
    answer = None
    for _ in range(100):
        answer = requests.put(glance + image["file"], data=whole, headers=token, timeout=10)
        if answer.status_code != 409:  # glance has not noticed yet
            break
    assert answer is not None
    assert answer.status_code == 204
    (stored,) = running.objects()
    assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(whole).digest()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"auth": {}}', b'"auth"', b"\xff"])
def test_nonsense_is_a_bad_request(running: Running, body: bytes) -> None:
    """A body that asks for nothing known is answered 400, with JSON that says so."""
    answer = requests.post(f"{running.system.addresses['keystone']}/v3/auth/tokens", data=body, timeout=10)
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]["code"] == 400


def test_ports_can_be_given(tmp_path: Path) -> None:
    """Given ports are used, and of one that is taken the one line says which, with nothing started."""
    folder.prepare(tmp_path)
    environment = driver._environment()
    with System(tmp_path, environment) as first:
        ports = [int(address.split(":")[2].split("/")[0]) for address in first.addresses.values()]
        for taken in range(3):
            wanted = [0, 0, 0]
            wanted[taken] = ports[taken]
            with pytest.raises(RequestshookError) as raised:
                System(tmp_path, environment, (wanted[0], wanted[1], wanted[2]))
            said = f"demo: {NAMES[taken]} cannot listen on 127.0.0.1:{ports[taken]}: Address already in use"
            assert str(raised.value) == said
    with System(tmp_path, environment, (ports[0], ports[1], ports[2])) as second:
        second.start()
        assert second.addresses == first.addresses


def test_service_that_cannot_start_is_named(tmp_path: Path) -> None:
    """Where a service dies at its start, the one line says which and its last words, and the others are ended."""
    folder.prepare(tmp_path)
    (tmp_path / "requests.py").write_text("raise ImportError('no requests here')\n", "utf-8")
    system = System(tmp_path, {**driver._environment(), "PYTHONPATH": str(tmp_path)})
    with pytest.raises(RequestshookError, match=r"has ended with status 1: .*no requests here"), system:
        system.start()
    assert system._children == {}


def test_services_end_with_whoever_started_them(tmp_path: Path) -> None:
    """Where the starter is killed without a chance to clean up, the services are gone soon after."""
    folder.prepare(tmp_path)
    program = (
        "import os, sys, time; from pathlib import Path; from requestshook.demo.system import System\n"
        "system = System(Path(sys.argv[1]), dict(os.environ)); system.start()\n"
        "print(*[child.pid for child in system._children.values()], flush=True); time.sleep(60)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout:
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        assert len(pids) == 3
        assert all(_is_there(pid) for pid in pids)
        starter.kill()
        starter.wait()
    for _ in range(100):
        if not any(_is_there(pid) for pid in pids):
            return
        threading.Event().wait(0.05)
    pytest.fail(f"left behind: {[pid for pid in pids if _is_there(pid)]}")


def _is_there(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
