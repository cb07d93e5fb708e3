from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from requestshook import environment
from requestshook.capture import requests as client
from requestshook.capture import servers, startup
from requestshook.events import Count, Process
from tests.start_support import TRACE, Programs, clean_environ, server

SHOW = "import sys; print(sys.path); print([type(f).__name__ for f in sys.meta_path]);"
OURS = "import sys; print(sorted(name for name in sys.modules if name.startswith('requestshook')))"


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as found:
        yield found


def test_watched_modules_are_those_of_the_two_tables() -> None:
    """What start-up waits for, and where it looks how to patch it, is what the capture points list."""
    tables = {("requests", "MODULES"): client.MODULES, ("servers", "SERVERS"): servers.SERVERS}
    assert set(startup.WATCHED.values()) == set(tables)
    for place, table in tables.items():
        assert {name for name, found in startup.WATCHED.items() if found == place} == set(table)


@pytest.mark.parametrize("on", [None, "", "0"])
def test_off_loads_nothing(programs: Programs, on: str | None) -> None:
    """Without REQUESTSHOOK, or with 0 or nothing in it, no module of ours is loaded, and no finder is there."""
    environ = programs.environ(on=on)
    assert programs.code(f"{OURS}; import requests; {OURS}", environ) == "[]\n[]\n"
    assert programs.code(SHOW, environ) == programs.code(SHOW, clean_environ())


def test_on_loads_three_modules_until_requests_is_there(programs: Programs) -> None:
    """A process that makes no calls carries three small modules of ours, and next to nothing else for them."""
    loaded = "import sys; print(*sys.modules)"
    more = set(programs.code(loaded).split()) - set(programs.code(loaded, clean_environ()).split())
    assert {name for name in more if not name.startswith("importlib")} == {
        "requestshook",
        "requestshook.capture",
        "requestshook.capture.startup",
    }


def _bare() -> str:
    """The interpreter behind our virtual environment, whose start-up files import modules of their own."""
    return getattr(sys, "_base_executable", sys.executable)


def test_sys_path_is_what_it_would_be(programs: Programs) -> None:
    """The program sees the path, and the finders but one, that it would see without us."""
    with_us = programs.code(SHOW).splitlines()
    without = programs.code(SHOW, clean_environ()).splitlines()
    assert with_us[0] == without[0]
    assert with_us[1] == without[1].replace("[", "['_Finder', ", 1)


def test_no_sitecustomize_stays_none(programs: Programs) -> None:
    """Where an environment has no sitecustomize, importing it fails as it did."""
    code = "try:\n import sitecustomize\nexcept ImportError as error: print(type(error).__name__, error.name)"
    assert programs.code(code) == "ModuleNotFoundError sitecustomize\n"


def test_the_next_sitecustomize_runs_as_itself(programs: Programs, tmp_path: Path) -> None:
    """An environment's own sitecustomize runs once, under its name, before anything else of the program."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("print(__name__, __file__); mark = 'theirs'")
    code = "import sitecustomize, sys; print(sitecustomize.mark, 'requestshook' in sys.modules)"
    printed = programs.code(code, programs.environ(path=[own]))
    assert printed == f"sitecustomize {own}/sitecustomize.py\ntheirs True\n"


@pytest.mark.parametrize("fault", ["1 / 0", "import nothing_of_that_name", "import sitecustomize_of_another_kind"])
def test_a_faulty_sitecustomize_fails_as_it_would(programs: Programs, tmp_path: Path, fault: str) -> None:
    """What Python says about a sitecustomize that raises is the same with us and without, and the hook is loaded."""
    (tmp_path / "sitecustomize.py").write_text(fault)
    code = "import requests; print(hasattr(requests.adapters.HTTPAdapter.send, '_requestshook'))"
    with_us = programs.run("-c", code, environ=programs.environ(path=[tmp_path]))
    without = programs.run("-c", code, environ={**clean_environ(), "PYTHONPATH": str(tmp_path)})
    assert (with_us.stdout, without.stdout) == ("True\n", "False\n")
    assert with_us.stderr == without.stderr != ""


def test_usercustomize_runs(programs: Programs, tmp_path: Path) -> None:
    """A user's own usercustomize runs as before, after us."""
    (tmp_path / "usercustomize.py").write_text("import sys; print('mine', 'requestshook' in sys.modules)")
    without = programs.run("-c", "", environ={**clean_environ(), "PYTHONPATH": str(tmp_path)}, python=_bare())
    done = programs.run("-c", "", environ=programs.environ(path=[tmp_path]), python=_bare())
    assert without.stdout in ("mine False\n", ""), "an interpreter may be set up to read none"
    assert (done.stdout, done.stderr) == (without.stdout.replace("False", "True"), "")


WAYS = {
    "late": "import requests; requests.get(URL)",
    "from": "from requests.adapters import HTTPAdapter; import requests; s = requests.Session(); "
    "s.mount('http://', HTTPAdapter()); s.get(URL)",
    "reloaded": "import importlib, requests, requests.adapters as a; importlib.reload(a); s = requests.Session(); "
    "s.mount('http://', a.HTTPAdapter()); s.get(URL)",
    "again": "import sys, requests; [sys.modules.pop(n) for n in list(sys.modules) if n.startswith(('requests.', "
    "'urllib3')) or n == 'requests']; import requests; requests.get(URL)",
    "thread": "import threading, requests; t = threading.Thread(target=requests.get, args=(URL,)); t.start(); t.join()",
    "subclass": "import requests, requests.adapters\nclass Own(requests.adapters.HTTPAdapter):\n"
    " def send(self, *a, **k): return super().send(*a, **k)\n"
    "s = requests.Session(); s.mount('http://', Own()); s.get(URL)",
    "spawned": "import multiprocessing, requests\nc = multiprocessing.get_context('spawn')\n"
    "p = c.Process(target=requests.get, args=(URL,)); p.start(); p.join(); assert p.exitcode == 0",
    "forked": "import os, requests\npid = os.fork()\nif not pid: requests.get(URL); os._exit(0)\nos.waitpid(pid, 0)",
    "grandchild": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import requests; "
    "requests.get(\"' + URL + '\")'], check=True)",
    "early": "import os; on = os.environ.pop('REQUESTSHOOK'); import sys, requests; assert not [m for m in sys.modules "
    "if m.startswith('requestshook')]; os.environ['REQUESTSHOOK'] = on; sys.path.insert(0, PLACE); "
    "import requestshook.capture.startup as s; s.start(); s.start(); requests.get(URL)",
    "eventlet": "import eventlet; eventlet.monkey_patch(); import requests; requests.get(URL)",
    "patched copy": "import eventlet; r = eventlet.import_patched('requests'); r.get(URL)",
    "both copies": "import requests, eventlet; g = eventlet.import_patched('requests.__init__'); g.get(URL)",
}


@pytest.mark.parametrize("way", WAYS)
def test_requests_is_patched_however_it_comes(programs: Programs, address: str, way: str) -> None:
    """A call is recorded once, whenever and in whatever way its program imported `requests`."""
    place = str(environment.PACKAGE.parent)
    environ = programs.environ(on="1")
    if way == "early":
        environ["PYTHONPATH"] = ""
    path = programs.home / "program.py"
    path.write_text(f"URL = {address + '/' + way.replace(' ', '-')!r}\nPLACE = {place!r}\nif __name__ == '__main__':\n")
    with path.open("a") as file:
        file.writelines(f"    {line}\n" for line in WAYS[way].split("\n"))
    done = programs.run("-W", "ignore", str(path), environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert programs.calls() == [("GET", f"{address}/{way.replace(' ', '-')}")]


def test_a_module_run_by_name_is_recorded_under_its_name(programs: Programs, address: str) -> None:
    """With `python -m` the caller is called as its package, although argv said `-m` when we were loaded."""
    (programs.home / "backup").mkdir()
    (programs.home / "backup" / "__main__.py").write_text(f"import requests; requests.get({address!r})")
    assert programs.run("-m", "backup").returncode == 0
    assert [event.program for event in programs.events() if isinstance(event, Process)] == ["backup"]


def test_calls_that_belong_to_no_recording_are_only_counted(programs: Programs, address: str) -> None:
    """A hook that came by REQUESTSHOOK=1 alone opens no recording of its own."""
    environ = programs.environ()
    del environ["REQUESTSHOOK_TRACE"]
    programs.code(f"import requests; requests.get({address!r})", environ)
    assert programs.calls() == []
    assert [event.untied for event in programs.events() if isinstance(event, Count)] == [1]


def test_a_module_keeps_its_loader(programs: Programs) -> None:
    """The loader of a patched module is the one that found it: its source and resources are where they were."""
    code = (
        "import requests.adapters as a, inspect, importlib.resources as r;"
        "print(type(a.__loader__).__name__, a.__loader__ is a.__spec__.loader, 'class HTTP' in inspect.getsource(a),"
        "(r.files('requests') / 'adapters.py').is_file())"
    )
    assert programs.code(code) == "SourceFileLoader True True True\n"


def test_zipped_modules_are_patched(programs: Programs, tmp_path: Path) -> None:
    """Modules in one archive share a loader; those that are watched are patched, the others left alone."""
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("requests/__init__.py", "from requests import other, adapters")
        file.writestr("requests/other.py", "class HTTPAdapter:\n def send(self): return 'sent'")
        file.writestr("requests/adapters.py", "class HTTPAdapter:\n def send(self): return 'sent'")
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); import requests;"
        "print([hasattr(m.HTTPAdapter.send, '_requestshook') for m in (requests.other, requests.adapters)])"
    )
    assert programs.code(code) == "[False, True]\n"


def test_a_finder_that_asks_the_others_gets_on_with_ours(programs: Programs, address: str) -> None:
    """Another tool's finder that looks behind itself, before or after ours, neither loops nor hides a module."""
    code = f"""
import importlib.util, sys
class Asking:
    asked = set()
    def find_spec(self, name, path=None, target=None):
        if not name.startswith("requests.") or name in self.asked: return None
        self.asked.add(name)
        try: return importlib.util.find_spec(name)
        finally: self.asked.discard(name)
sys.meta_path.insert(0, Asking())
sys.meta_path.insert(2, Asking())
import requests; requests.get({address!r})
"""
    programs.code(code)
    assert len(programs.calls()) == 1


def test_an_error_in_a_watched_module_is_the_programs_own(programs: Programs, tmp_path: Path) -> None:
    """A watched module that cannot be imported raises what it raises without us."""
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "__init__.py").write_text("")
    (tmp_path / "requests" / "adapters.py").write_text("raise LookupError('of theirs')")
    code = "try:\n import requests.adapters\nexcept LookupError as error: print(repr(error))"
    assert programs.code(code, programs.environ(path=[tmp_path])) == "LookupError('of theirs')\n"


def test_a_fault_of_ours_is_one_line_and_the_program_runs(programs: Programs, tmp_path: Path) -> None:
    """Where our own modules are broken, an interpreter starts all the same and says one line."""
    place = tmp_path / "place" / "requestshook"
    (place / "_inject").mkdir(parents=True)
    (place / "capture").mkdir()
    (place / "_inject" / "sitecustomize.py").write_bytes(Path(environment.INJECT, "sitecustomize.py").read_bytes())
    (place / "__init__.py").write_text("")
    (place / "capture" / "__init__.py").write_text("raise RuntimeError('broken')")
    environ = {**programs.environ(), "PYTHONPATH": str(place / "_inject")}
    done = programs.run("-c", "print('goes on')", environ=environ)
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert done.stderr == "requestshook: not started: RuntimeError('broken')\n"


def test_a_module_of_another_shape_is_said_and_left_alone(programs: Programs, tmp_path: Path) -> None:
    """A `requests` that has no HTTPAdapter is imported as it is, with one line about it."""
    (tmp_path / "requests").mkdir()
    (tmp_path / "requests" / "__init__.py").write_text("")
    (tmp_path / "requests" / "adapters.py").write_text("mark = 1")
    done = programs.run("-c", "import requests.adapters as a; print(a.mark)", environ=programs.environ(path=[tmp_path]))
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.startswith("requestshook: requests.adapters is not recorded: ")
    assert done.stderr.count("\n") == 1


def test_the_file_is_read_by_old_pythons() -> None:
    """What stands first on PYTHONPATH is read by every Python that a command may use."""
    source = Path(environment.INJECT, "sitecustomize.py").read_text("ascii")
    ast.parse(source, feature_version=(3, 4))


def _old_pythons() -> list[str]:
    named = [shutil.which(f"python3.{minor}") for minor in range(5, 10)]
    beside = Path(sys.base_prefix).parent.glob("[23].[0-9].*/bin/python")
    return sorted({os.path.realpath(path) for path in [*named, *beside] if path and "shims" not in str(path)})


def test_old_pythons_start_silently(programs: Programs) -> None:
    """Before Python 3.10 nothing happens, and nothing is said, by any that this machine has."""
    old = "import sys; print(sys.version_info < (3, 10))"
    for python in _old_pythons():
        bare = programs.run("-c", old, python=python, environ=clean_environ())
        if bare.stdout == "True\n" and not bare.stderr:  # else it does not run here at all
            environ = {**programs.environ(), "PYTHONDONTWRITEBYTECODE": "1"}  # an old one would write beside the source
            done = programs.run("-c", old, python=python, environ=environ)
            assert (python, done.returncode, done.stdout, done.stderr) == (python, 0, "True\n", "")


def test_the_first_interpreter_takes_the_sign_away(programs: Programs) -> None:
    """`run` learns from a missing file that an interpreter got its environment; one that is off leaves it there."""
    programs.folder.mkdir()
    sign = programs.folder / (startup.UNSEEN + TRACE)
    sign.touch()
    programs.code("", programs.environ(on="0"))
    assert sign.exists()
    programs.code("")
    assert not sign.exists()


def test_a_trace_that_is_a_path_removes_nothing(programs: Programs, tmp_path: Path) -> None:
    """REQUESTSHOOK_TRACE never leads out of the folder."""
    programs.folder.mkdir()
    (programs.folder / startup.UNSEEN).mkdir()
    kept = tmp_path / "kept"
    kept.touch()
    programs.code("", programs.environ(REQUESTSHOOK_TRACE="/../../kept"))
    assert kept.exists()


# What `env` prints


def test_what_env_prints_for_a_shell_records(programs: Programs, address: str) -> None:
    """Evaluated in a shell whose folder has a blank and a quote in its name, it puts us in front of PYTHONPATH."""
    folder = programs.home / "it's here"
    lines = environment.text("shell", str(folder), "backup")
    show = f'"{sys.executable}" -c "import os, sys; print(os.environ[\'PYTHONPATH\'])"'
    call = f'"{sys.executable}" -c "import requests; requests.get(\'{address}\')"'
    environ = {**clean_environ(), "PYTHONPATH": "/of/theirs", "REQUESTSHOOK_TRACE": TRACE}
    done = subprocess.run(
        ["sh", "-c", f"{lines}{show}; {call}"], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{environment.INJECT}:/of/theirs\n"
    programs.folder = folder
    assert [event.program for event in programs.events() if isinstance(event, Process)] == ["backup"]


def test_what_env_prints_for_systemd_is_quoted_as_units_are() -> None:
    """Each variable is one quoted word, with what systemd would expand written twice."""
    lines = environment.text("systemd", '/var/100%/a "b"', "glance-api").splitlines()
    assert 'Environment="REQUESTSHOOK=1"' in lines
    assert 'Environment="REQUESTSHOOK_DIR=/var/100%%/a \\"b\\""' in lines
    assert f'Environment="PYTHONPATH={environment.INJECT}"' in lines
    assert 'Environment="REQUESTSHOOK_SERVICE=glance-api"' in lines


def test_what_env_prints_for_compose_is_yaml(programs: Programs, address: str) -> None:
    """The service gets the package and the folder mounted, at the places that its variables name."""
    found = yaml.safe_load(environment.text("compose", "/var/a $b"))["services"]["SERVICE"]
    mounts = dict(volume.replace("$$", "$").rsplit(":ro", 1)[0].rsplit(":", 1)[::-1] for volume in found["volumes"])
    variables = found["environment"]
    assert variables["REQUESTSHOOK"] == "1"
    assert mounts[variables["REQUESTSHOOK_DIR"]] == "/var/a $b"
    (package,) = (at for at, source in mounts.items() if source == str(environment.PACKAGE))
    assert variables["PYTHONPATH"] == f"{package}/_inject"


def test_a_package_mounted_elsewhere_records(programs: Programs, address: str, tmp_path: Path) -> None:
    """What a container sees of us, the package's folder alone under its name, is enough."""
    (tmp_path / "mounted").mkdir()
    (tmp_path / "mounted" / "requestshook").symlink_to(environment.PACKAGE)
    environ = {**programs.environ(), "PYTHONPATH": str(tmp_path / "mounted" / "requestshook" / "_inject")}
    programs.code(f"import requests; requests.get({address!r})", environ)
    assert programs.calls() == [("GET", f"{address}/")]


def test_the_documentation_lists_what_is_watched() -> None:
    """The table in docs/capture-startup.md is the code's."""
    text = (Path(__file__).parents[1] / "docs" / "capture-startup.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \| the (hook|middleware)", text, re.MULTILINE)
    kinds = {"hook": "requests", "middleware": "servers"}
    assert [(name, kinds[kind]) for name, kind in rows] == [
        (name, place) for name, (place, _) in startup.WATCHED.items()
    ]
