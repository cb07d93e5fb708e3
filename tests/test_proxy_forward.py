"""`requestshook proxy` where the environment, or the proxy itself, leads calls through a forward proxy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from requestshook import events
from requestshook.proxy import certificates
from tests.addon_support import free_port
from tests.proxy_support import Home, service

ASK = "import os, sys, requests; print(requests.get(os.environ[sys.argv[1]] + '/asked', timeout=30).text)"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A new folder."""
    return Home(tmp_path)


def test_listeners_are_reached_through_the_forward_proxy(home: Home) -> None:
    """`--regular` beside listeners: their addresses lead to the services, also by the forward proxy."""
    listen = free_port()
    with service() as port:
        home.configure(
            f"services: {{things: [http://127.0.0.1:{port}/v2]}}\n"
            f"proxy: [{{listen: {listen}, service: things, from: billing, target: 'http://127.0.0.1:{port}'}}]\n"
        )
        done = home.run("--regular", "--", sys.executable, "-c", ASK, "THINGS_URL_FROM_BILLING")
    assert '"/v2/asked"' in done.stdout, done.stderr
    assert f'"127.0.0.1:{listen}"' in done.stdout  # Host is the caller's
    (request,) = home.of(events.Request)
    assert (request.url, request.caller, request.callee) == (f"http://127.0.0.1:{port}/v2/asked", "billing", "things")


@pytest.mark.parametrize("excepted", ["", "10.0.0.1"])
def test_listeners_are_asked_past_a_proxy_of_the_environment(home: Home, excepted: str) -> None:
    """A proxy that the environment names is not asked for our listeners; what it excepted before stays so."""
    code = f"{ASK}; print(os.environ['NO_PROXY'], os.environ['no_proxy'])"
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        done = home.run(
            "--", sys.executable, "-c", code, "THINGS_URL", http_proxy="http://127.0.0.1:9", NO_PROXY=excepted
        )
    value = ",".join(filter(None, (excepted, "127.0.0.1")))
    assert done.stdout.splitlines()[-1] == f"{value} {value}", done.stderr
    assert '"/asked"' in done.stdout


def test_what_is_excepted_already_stays() -> None:
    """Nothing is added where nobody names a proxy, where all is excepted, or where our address is."""
    proxy = {"ALL_PROXY": "http://p:3128"}
    assert certificates.direct({}, "127.0.0.1") == {}
    assert certificates.direct({**proxy, "no_proxy": "*"}, "127.0.0.1") == {}
    assert certificates.direct({**proxy, "NO_PROXY": "a, 127.0.0.1"}, "127.0.0.1") == {}
    assert certificates.direct(proxy, "::1") == {"NO_PROXY": "::1", "no_proxy": "::1"}


def test_a_proxy_of_the_environment_is_told_without_its_password(home: Home) -> None:
    """`--regular` passes it by, and says so."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run("--regular", "--", "true", HTTPS_PROXY="http://me:hunter2@proxy.example:3128")
    assert "not through the proxy http://proxy.example:3128 that the environment names" in done.stderr
    assert "hunter2" not in done.stderr
