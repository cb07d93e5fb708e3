"""What a recording lacks is told, to whoever reads the page and to whoever asks for the status."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli_support import requestshook, serving


def test_lines_beyond_max_are_told_on_the_page(tmp_path: Path) -> None:
    """About this recording names the process and how many lines it could not write; --strict is not content."""
    (tmp_path / "requestshook.yaml").write_text("capture: {max: 3KB}\n")
    with serving(tmp_path) as port:
        done = requestshook(tmp_path, "run", "--name", "lost", "--", sys.executable, "client.py", port)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("capture: max") == 1
    rendered = requestshook(tmp_path, "render", "lost", "-o", "-", "--strict")
    assert rendered.returncode == 1
    assert "could not write" in rendered.stderr
    about = rendered.stdout.partition("About this recording")[2]
    assert "could not write" in about
    assert "capture: max" in about
    processes = json.loads(requestshook(tmp_path, "status", "--json").stdout)["processes"]
    (client,) = [process for process in processes if process["program"] == "client"]
    assert client["dropped"] > 1


def test_untied_calls_are_counted_as_they_are(tmp_path: Path) -> None:
    """A service that was called five times outside any recording is listed with five."""
    with serving(tmp_path) as port:
        for _ in range(5):
            got = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{port}/v1/things').read()"
            assert requestshook(tmp_path, "run", "--no-output", "--", sys.executable, "-c", got).returncode == 0
        (service,) = [
            process
            for process in json.loads(requestshook(tmp_path, "status", "--json").stdout)["processes"]
            if process["untied"]
        ]
    assert service["untied"] == 5
