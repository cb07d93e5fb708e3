"""requestshook's folder: what services read there, and that commands do not get into each other's way."""

import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from requestshook import config, recording, spool, tags
from requestshook.errors import ConfigError, RequestshookError
from requestshook.settings import own_settings, read_settings
from requestshook.workspace import Workspace


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REQUESTSHOOK_DIR", "REQUESTSHOOK_CONFIG", "REQUESTSHOOK_TRACE", "REQUESTSHOOK_SERVICE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def workspace(text: str = "") -> Workspace:
    Path("requestshook.yaml").write_text(text, encoding="utf-8")
    return Workspace(config.load())


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_the_folder_is_ours_alone() -> None:
    """Folder and spool are 0700, capture.json is 0600 whatever the umask, and git does not see the folder."""
    with umask(0):
        found = workspace()
        found.refresh()
    assert mode(found.folder) == mode(found.spool) == 0o700
    assert mode(found.path) == 0o600
    assert Path(found.folder, ".gitignore").read_text() == "*\n"
    assert sorted(os.listdir(found.folder)) == [".gitignore", "capture.json", "capture.lock", "spool"]


def test_a_group_shares_the_folder() -> None:
    """With `capture: {group: …}` folders become 2770 of that group, files 0640, an older folder too."""
    workspace().refresh()
    group = os.getgroups()[-1] if os.getgroups() else os.getgid()
    with umask(0o077):
        found = workspace(f"capture: {{group: {group}}}")
        assert found.refresh().group == group
    for folder in (found.folder, found.spool):
        assert (mode(folder), os.stat(folder).st_gid) == (0o2770, group)
    assert (mode(found.path), os.stat(found.path).st_gid) == (0o640, group)


def test_a_group_that_does_not_exist_is_a_fault_of_the_configuration() -> None:
    """One line that names file, key and group."""
    with pytest.raises(
        ConfigError, match=r"requestshook\.yaml: capture: group: this host has no group 'no such group'"
    ):
        workspace("capture: {group: no such group}").refresh()


def test_services_read_what_the_configuration_says() -> None:
    """Everything that a capture point needs arrives, compiled, in the settings that it reads."""
    found = workspace(
        """
services: {keystone: [http://10.0.0.1/identity]}
clients: {openstack: ["openstacksdk/* keystoneauth1/*"]}
capture: {body_limit: 1KiB, max: off, tag: known}
redact: {headers: [X-Mine], keys: [mine], patterns: ["mine-[0-9]+"]}
"""
    )
    found.refresh()
    settings = read_settings(Path(found.path).read_bytes())
    assert settings.services == (("keystone", "http://10.0.0.1:80/identity"),)
    assert (settings.body_limit, settings.maximum, settings.tag_all) == (1024, None, False)
    assert json.loads(Path(found.path).read_text())["redact"] == {
        "on": True, "headers": ["X-Mine"], "keys": ["mine"], "patterns": ["mine-[0-9]+"],
    }  # fmt: skip
    recorder = recording.Recorder(found.folder)
    recorder.settings()
    assert recorder.client_name("openstacksdk/0.101.0 keystoneauth1/5.0.0 python-requests/2.28.1") == "openstack"
    assert recorder.client_name("my openstacksdk/0.101.0 keystoneauth1/5.0.0") == "my"


def test_without_a_file_the_defaults_are_those_of_a_process_on_its_own() -> None:
    """A capture.json of an empty configuration says what capture does where there is none."""
    found = workspace().refresh()
    alone = own_settings()
    for name in ("services", "clients", "ignore", "body_limit", "maximum", "tag_all", "group", "open"):
        assert getattr(found, name) == getattr(alone, name), name


def test_an_edit_reaches_a_running_process_and_the_key_survives() -> None:
    """A recorder that read the settings once reads them again after a refresh; key and recordings stay."""
    found = workspace()
    key = found.refresh().key
    trace = tags.new_trace_id(key)
    found.open_recording(trace, "image-create")
    recorder = recording.Recorder(found.folder)
    assert recorder.settings().key == key
    assert recorder.settings().open == (trace,)
    assert not recorder.is_ignored("a", "b", "GET", "http://h/healthcheck")

    workspace('ignore: ["b GET /healthcheck?"]\ncapture: {body_limit: 7}').refresh()
    assert recorder.settings().body_limit == 7
    assert (recorder.settings().key, recorder.settings().open) == (key, (trace,))
    assert recorder.is_ignored("a", "b", "GET", "http://h/healthcheck")
    assert not recorder.is_ignored("a", "b", "GET", "http://h/healthcheck?deep")


def test_ignore_names_a_callee_by_its_address() -> None:
    """A call whose callee nobody named is ignored by the name that `services` gives, or by `host:port`."""
    found = workspace(
        """
services: {keystone: [http://10.0.0.1/identity]}
ignore: ["nova -> keystone GET /identity/{v}/%ec%97%86?a=*%2B", "10.0.0.2:80 * **"]
"""
    )
    found.refresh()
    recorder = recording.Recorder(found.folder)
    recorder.settings()
    assert recorder.is_ignored("nova", None, "GET", "http://10.0.0.1:80/identity/v3/없?b&a=1%2b")
    assert not recorder.is_ignored("nova", None, "GET", "http://10.0.0.1:80/identity/v3/없?b&a=1+")
    assert not recorder.is_ignored("glance", None, "GET", "http://10.0.0.1:80/identity/v3/없?b&a=1%2b")
    assert recorder.is_ignored("glance", None, "PUT", "http://10.0.0.2/x")
    assert recorder.ignored == 2


def test_nothing_is_written_where_nothing_changed() -> None:
    """A refresh without an edit leaves the file alone, so that no service reads it again."""
    found = workspace("capture: {tag: known}")
    found.refresh()
    before = os.stat(found.path)
    found.refresh()
    after = os.stat(found.path)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_recordings_open_and_close() -> None:
    """The newest is last; closing says whether it was open."""
    found = workspace()
    found.open_recording("1" * 32, "one")
    settings = found.open_recording("2" * 32, "two")
    assert settings.open == ("1" * 32, "2" * 32)
    assert [(item.name, item.all, item.pid) for item in found.recordings()] == [
        ("one", True, None),
        ("two", True, None),
    ]
    assert found.close_recording("1" * 32)
    assert not found.close_recording("1" * 32)
    assert [item.name for item in found.recordings()] == ["two"]


def test_before_anything_was_recorded_there_are_no_recordings(tmp_path: Path) -> None:
    """Asking makes no folder."""
    assert workspace().recordings() == ()
    assert not (tmp_path / ".requestshook").exists()


def test_a_recording_for_its_own_calls_takes_no_others() -> None:
    """What `run` opens without --all is listed, but calls that are tied to nothing do not go there."""
    found = workspace()
    assert found.open_recording("1" * 32, "run", all=False).open == ()
    assert [item.name for item in found.recordings()] == ["run"]


def test_a_recording_ends_with_its_command() -> None:
    """A command that was killed leaves no recording open behind it."""
    found = workspace()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as command:
        found.open_recording("1" * 32, "killed", pid=command.pid)
        assert found.refresh().open == ("1" * 32,)
        command.kill()
    assert found.recordings() == ()
    assert found.refresh().open == ()


def test_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    """Eight processes that open and close recordings at the same time: each is listed once, the key is one."""
    workspace()
    program = (
        "import sys; from requestshook import config; from requestshook.workspace import Workspace\n"
        "found = Workspace(config.load())\n"
        "for i in range(10):\n"
        "    found.open_recording(sys.argv[1] * 31 + str(i), sys.argv[1])\n"
        "    if i % 2: found.close_recording(sys.argv[1] * 31 + str(i))\n"
        "print(found.refresh().key.hex())\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(i)], stdout=subprocess.PIPE, cwd=tmp_path)
        for i in range(8)
    ]
    keys = {command.communicate()[0] for command in started}
    assert len(keys) == 1
    assert [command.returncode for command in started] == [0] * 8
    names = [item.trace for item in Workspace(config.load()).recordings()]
    assert sorted(names) == sorted(f"{i}" * 31 + str(j) for i in range(8) for j in range(0, 10, 2))
    assert not [name for name in os.listdir(tmp_path / ".requestshook") if name.startswith("capture.json.")]


_OPEN = (
    '{"v": 1, "key": "%s", "recordings": [{"trace": "a", "name": "a", "at": %s, "all": true, "pid": %s, "host": "%s"}]}'
)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", '{"v": 2}', '{"v": 1}', '{"v": 1, "key": "00"}', '{"v": 1, "key": 5}', "[" * 100_000,
        _OPEN % ("00" * 32, "NaN", "null", "x"), _OPEN % ("00" * 32, "1", "1" + "0" * 30, spool.hostname()),
    ],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_capture_file_that_cannot_be_read_is_said_and_kept(text: str) -> None:
    """One line that names the file; the key in it is not thrown away by us."""
    found = workspace()
    found.refresh()
    Path(found.path).write_text(text)
    with pytest.raises(RequestshookError, match=r"capture\.json cannot be read"):
        found.refresh()
    with pytest.raises(RequestshookError, match=r"capture\.json cannot be read"):
        found.recordings()
    assert Path(found.path).read_text() == text


def test_a_folder_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file in the folder's place, or a place where nothing can be made: one clear error."""
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/requestshook")):
        monkeypatch.setenv("REQUESTSHOOK_DIR", str(place))
        with pytest.raises(RequestshookError, match=r"^cannot use requestshook's folder .*; REQUESTSHOOK_DIR names"):
            workspace().refresh()


def test_a_full_disk_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the new file cannot be put in place, the old one holds and no other lies about."""
    found = workspace()
    found.refresh()
    before = Path(found.path).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RequestshookError, match="No space left on device"):
        found.open_recording("1" * 32, "one")
    assert Path(found.path).read_bytes() == before
    assert sorted(os.listdir(found.folder)) == [".gitignore", "capture.json", "capture.lock", "spool"]


def test_a_folder_of_somebody_else() -> None:
    """A user who may not write there gets one line, no traceback."""
    found = workspace()
    found.refresh()
    os.chmod(found.folder, 0o500)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            found.open_recording("1" * 32, "x")
        except RequestshookError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as said:
        text = said.read()
    os.waitpid(child, 0)
    os.chmod(found.folder, 0o700)
    assert text.startswith(f"cannot use requestshook's folder {found.folder}: Permission denied")
    assert "\n" not in text
