"""Ships the start-up files at the wheel's top level, where `site` finds them; all else stands in pyproject.toml."""

from __future__ import annotations

import os

from setuptools import setup
from setuptools.command.build_py import build_py

START_UP = {
    # Nearly free while REQUESTSHOOK is not set. In a virtual environment it runs twice.
    "requestshook.pth": (
        'import os; os.environ.get("REQUESTSHOOK", "0") in ("", "0") or '
        '__import__("requestshook.capture.startup").capture.startup.start()\n'
    ),
    # PEP 829: Python 3.15 reads this in its place, 3.18 reads nothing else.
    "requestshook.start": "requestshook.capture.startup:start\n",
}


class BuildWithStartUp(build_py):
    """An editable install has no place for them: it uses `requestshook/_inject`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for name, text in START_UP.items():
                self.mkpath(self.build_lib)
                with open(os.path.join(self.build_lib, name), "w", encoding="ascii") as file:
                    file.write(text)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        own = [] if self.editable_mode else [os.path.join(self.build_lib, name) for name in START_UP]
        return [*super().get_outputs(include_bytecode), *own]


setup(cmdclass={"build_py": BuildWithStartUp})
