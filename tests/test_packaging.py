from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from requestshook import __version__
from tests.start_support import Programs, clean_environ, server

ROOT = Path(__file__).parents[1]
CLIENT = ("requests", "urllib3", "certifi", "idna", "charset_normalizer")

pytestmark = pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="there is no checkout to build from")


def tool(*arguments: object, cwd: Path | None = None) -> str:
    """What a tool of our own environment prints; fails with all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=cwd,
        env={**clean_environ(), "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What somebody else would have of this tree, in a folder of its own."""
    copy = tmp_path_factory.mktemp("checkout") / "tree"
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, capture_output=True, check=False) if shutil.which("git") else None
    if listed is None or listed.returncode:
        left_out = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
        return Path(shutil.copytree(ROOT, copy, ignore=left_out))
    for name in filter(None, os.fsdecode(listed.stdout).split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution."""
    place = tmp_path_factory.mktemp("dist")
    tool("build", "--no-isolation", "--outdir", place, checkout)
    (found,) = place.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with server() as found:
        yield found


class Environment:
    """A virtual environment far from the checkout, with nothing in it but what a test puts there."""

    def __init__(self, place: Path) -> None:
        venv.create(place, symlinks=True, with_pip=False)
        self.python = str(place / "bin" / "python")
        (self.packages,) = place.glob("lib/python3*/site-packages")
        self.bin = place / "bin"
        place.joinpath("work").mkdir()
        self.programs = Programs(place / "work")

    def install(self, *arguments: object) -> None:
        tool("pip", "--python", self.python, "install", "--no-deps", "--no-index", *arguments)

    def add(self, *names: str) -> None:
        """Packages as they are in our own environment."""
        for name in names:
            spec = find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            (self.packages / name).symlink_to(Path(spec.origin).parent)

    def add_metadata(self, name: str) -> None:
        """What a package says of itself: its entry points."""
        record = next(path for path in files(name) or [] if path.name == "METADATA")
        folder = Path(str(record.locate())).parent
        (self.packages / folder.name).symlink_to(folder)

    def add_everything(self) -> None:
        """All that our own environment has, except this package."""
        spec = find_spec("click")
        assert spec is not None
        assert spec.origin is not None
        (self.packages / "others.pth").write_text(f"{Path(spec.origin).parents[1]}\n")

    def run(self, *arguments: str, **environ: str) -> str:
        """What the environment's interpreter prints, which ends well and says nothing on standard error."""
        done = self.programs.run(*arguments, environ={**clean_environ(), **environ}, python=self.python)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def recording(self) -> dict[str, str]:
        """The variables of a service that records here, without `_inject`."""
        environ = self.programs.environ()
        return {name: environ[name] for name in environ if name.startswith("REQUESTSHOOK")}


@pytest.fixture
def clean(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "environment")


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


def test_the_wheel_has_all_that_the_tree_has(wheel: Path, checkout: Path) -> None:
    """Modules, templates, addons, the demo's services, types and start-up files are in it, and nothing else."""
    with zipfile.ZipFile(wheel) as file:
        found = {name for name in file.namelist() if ".dist-info/" not in name}
    expected = {"requestshook.pth", "requestshook.start", "requestshook/py.typed"}
    expected |= {str(path.relative_to(checkout)) for path in checkout.glob("requestshook/**/*.py")}
    for folder, patterns in (("templates", ("*.py", "*.jinja2", "*.css", "*.js")), ("addons", ("*.py",))):
        found_there = (path for pattern in patterns for path in (checkout / folder).rglob(pattern))
        expected |= {f"requestshook/{path.relative_to(checkout)}" for path in found_there}
    assert found == expected


def test_the_wheel_works_in_a_clean_environment(wheel: Path, clean: Environment, address: str) -> None:
    """Installed far from the checkout, the command runs, its templates are found, and it records."""
    clean.install(wheel)
    clean.add_everything()
    assert clean.run(str(clean.bin / "requestshook"), "--version") == f"requestshook {__version__}\n"
    templates = (
        "import importlib.resources as r; print((r.files('requestshook.templates') / 'page.md.jinja2').is_file())"
    )
    assert clean.run("-c", f"{templates}; import requestshook; print(requestshook.__file__)") == (
        f"True\n{clean.packages}/requestshook/__init__.py\n"
    )
    program = f"import requests; print(requests.get({address!r}).text)"
    assert clean.run(str(clean.bin / "requestshook"), "run", "--", clean.python, "-c", program) == "ok\n"
    assert clean.programs.calls() == [("GET", f"{address}/")]


def test_the_start_up_file_loads_the_hook_once(wheel: Path, clean: Environment, address: str) -> None:
    """With `--no-deps` beside `requests` alone, REQUESTSHOOK=1 is enough; 0 and nothing load nothing."""
    clean.install(wheel)
    clean.add(*CLIENT)
    loaded = "import sys; print([name for name in sys.modules if 'requestshook' in name])"
    assert clean.run("-c", loaded) == clean.run("-c", loaded, REQUESTSHOOK="0") == "[]\n"
    finders = "import sys; print([type(f).__name__ for f in sys.meta_path].count('_Finder'))"
    program = f"import requests; requests.get({address!r})"
    assert clean.run("-c", f"{finders}; {program}", **clean.recording()) == "1\n"
    assert len(clean.programs.calls()) == 1
    both = clean.programs.environ()
    assert clean.run("-c", f"{finders}; {program}", **both) == "1\n"
    assert len(clean.programs.calls()) == 2


def test_uninstalling_leaves_nothing(wheel: Path, clean: Environment) -> None:
    """The start-up files go with the package."""
    (clean.packages / "theirs.py").touch()
    before = set(clean.packages.iterdir())
    clean.install(wheel)
    assert {path.name for path in set(clean.packages.iterdir()) - before} >= {"requestshook.pth", "requestshook.start"}
    tool("pip", "--python", clean.python, "uninstall", "-y", "requestshook")
    assert {path for path in clean.packages.iterdir() if path.name != "__pycache__"} == before
    assert clean.run("-c", "print(1)", REQUESTSHOOK="1") == "1\n"


def test_a_command_of_an_environment_that_never_heard_of_us_is_recorded(clean: Environment, address: str) -> None:
    """`run` records a program whose environment has `requests` and nothing of ours, and leaves nothing there."""
    clean.add(*CLIENT)
    before = sorted(clean.packages.rglob("*"))
    (clean.programs.home / "program.py").write_text(f"import requests; print(requests.get({address!r}).text)")
    command = [sys.executable, "-m", "requestshook", "run", "--", clean.python, "program.py"]
    done = subprocess.run(command, cwd=clean.programs.home, env=clean_environ(), capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"ok\n", b"")
    assert clean.programs.calls() == [("GET", f"{address}/")]
    assert sorted(clean.packages.rglob("*")) == before


@pytest.mark.parametrize("way", ["editable", "folder"])
def test_the_checkout_installs(checkout: Path, clean: Environment, address: str, way: str) -> None:
    """`pip install .` and `pip install -e .`: the command runs, templates are found, and commands are recorded."""
    clean.add("setuptools", "_distutils_hack")
    clean.add_metadata("setuptools")
    clean.install("--no-build-isolation", *(["--editable"] if way == "editable" else []), checkout)
    clean.add_everything()
    assert (clean.packages / "requestshook.pth").exists() == (way == "folder")
    assert clean.run(str(clean.bin / "requestshook"), "--version") == f"requestshook {__version__}\n"
    found = (
        "import importlib.resources as r; print([(r.files(f'requestshook.{n}') / '__init__.py').is_file() for n in N])"
    )
    assert clean.run("-c", f"N = ('templates', 'addons'); {found}") == "[True, True]\n"
    program = f"import requests; requests.get({address!r})"
    assert clean.run(str(clean.bin / "requestshook"), "run", "--", clean.python, "-c", program) == ""
    assert clean.programs.calls() == [("GET", f"{address}/")]


def test_pip_itself_runs_under_it(programs: Programs) -> None:
    """A command that carries its own copy of `requests` and moves modules about is left alone."""
    done = programs.run("-m", "pip", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert programs.calls() == []
