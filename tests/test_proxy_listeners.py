"""Which listener leads where, the names of variables, ports and who holds them, and what a command trusts."""

from __future__ import annotations

import os
import re
import socket
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requestshook import addresses
from requestshook.config import Config, Listener, parse
from requestshook.errors import ConfigError, RequestshookError
from requestshook.proxy import arguments, certificates, listeners, ports
from requestshook.proxy.listeners import Place, next_free, origins, places, variables
from tests.addon_support import free_port

NAMES = st.text(string.ascii_letters + string.digits + "_.:@/+-", min_size=1, max_size=12)
PORTS = st.integers(1, 65535)
BASES = st.builds(
    "http://{}:{}{}".format, st.sampled_from(["10.0.0.1", "h"]), PORTS, st.sampled_from(["", "/a", "/b/c"])
)


def config(text: str = "") -> Config:
    """A configuration of this text."""
    return parse(text, Config("requestshook.yaml", "/", "/folder", "/folder/traces.db"))


def always(_: int) -> bool:
    return True


def test_a_service_has_its_port_and_ten_thousand() -> None:
    """Without an entry of `proxy:` the listener is at the service's port + 10000, with the base's path."""
    (place,) = places(config("services: {keystone: [http://10.0.0.1:5000/v3/]}"), always)
    assert place == Place("keystone", None, 15000, "http://10.0.0.1:5000", "/v3")
    assert (place.address("127.0.0.1"), place.target) == ("http://127.0.0.1:15000/v3", "http://10.0.0.1:5000/v3")


def test_a_port_that_would_be_too_high_goes_on_from_ten_thousand() -> None:
    """60999 has no port + 10000."""
    (place,) = places(config("services: {glance: [http://10.0.0.1:60999]}"), always)
    assert place.port == 60999 + 10_000 - 65_536 + 10_000


def test_a_listener_takes_no_port_of_another_service() -> None:
    """15000 is where another service will answer, even if it is not up yet."""
    found = places(config("services: {a: [http://h:5000], b: [http://h:15000]}"), always)
    assert [place.port for place in found] == [15001, 25000]


def test_a_service_with_an_entry_has_no_other_listener() -> None:
    """`proxy:` says it all for the services that it names."""
    text = (
        "services: {a: [http://h:1, http://h:2], b: [http://h:3]}\nproxy: [{listen: 7, service: a, target: http://h:1}]"
    )
    assert [(place.service, place.port) for place in places(config(text), always)] == [("a", 7), ("b", 10003)]


def test_an_entry_has_the_path_of_its_target_or_of_its_services_base() -> None:
    """The address to use ends as the service's own does."""
    text = (
        "services: {a: [http://h:1/base]}\n"
        "proxy: [{listen: 7, service: a, target: http://h:1}, {listen: 8, service: a, target: http://h:1/other/}]"
    )
    assert [place.path for place in places(config(text), always)] == ["/base", "/other"]


def test_a_listener_that_leads_to_itself_is_refused() -> None:
    """It would call itself for ever."""
    with pytest.raises(ConfigError, match="listener 7 leads to itself"):
        places(config("proxy: [{listen: 7, service: a, target: http://localhost:7}]"), always)


@given(st.lists(st.tuples(NAMES, BASES), max_size=8, unique_by=lambda item: addresses.normal_base(item[1])),
       st.lists(st.tuples(PORTS, NAMES, BASES, st.none() | NAMES), max_size=4, unique_by=lambda item: item[0]),
       st.sets(PORTS, max_size=20))  # fmt: skip
def test_every_service_has_a_place_and_every_port_one_origin(
    services: list[tuple[str, str]], proxy: list[tuple[int, str, str, str | None]], taken: set[int]
) -> None:
    """Whatever the configuration: no port leads to two origins, none that was chosen is taken, no address is lost."""
    bases = tuple((name, addresses.normal_base(base)) for name, base in services)
    given_ones = tuple(Listener(port, name, base, caller) for port, name, base, caller in proxy)
    found = places(Config(None, "/", "/f", "/s", services=bases, proxy=given_ones), lambda port: port not in taken)
    leads = origins(found)
    assert all(leads[place.port] == place.origin for place in found)
    named = {listener.service for listener in given_ones}
    assert {(p.service, p.target) for p in found[len(proxy) :]} == {item for item in bases if item[0] not in named}
    assert not {place.port for place in found[len(proxy) :]} & (taken | {listener.listen for listener in given_ones})
    names = variables(found, "127.0.0.1")
    assert list(names.values()) == [place.address("127.0.0.1") for place in found]
    assert all(re.fullmatch(r"[A-Z_][A-Z0-9_]*", name) for name in names)


@given(st.integers(1024, 75_535), st.sets(st.integers(1024, 65_535), max_size=50))
def test_the_next_free_port_is_free_and_a_port(port: int, used: set[int]) -> None:
    """It is the wished one where that is possible."""
    found = next_free(port, used, always)
    assert found not in used
    assert 1024 <= found <= 65_535
    if port <= 65_535 and port not in used:
        assert found == port


def test_names_of_variables() -> None:
    """Capitals, `_` for other signs, the caller, a number where one comes again, and never a digit first."""
    found = [
        Place("glance-api", None, 1, "http://h:1", ""), Place("glance.api", None, 2, "http://h:1", ""),
        Place("glance-api", "nova", 3, "http://h:1", ""), Place("3scale", None, 4, "http://h:1", "/x"),
    ]  # fmt: skip
    assert variables(found, "::1") == {
        "GLANCE_API_URL": "http://[::1]:1",
        "GLANCE_API_URL_2": "http://[::1]:2",
        "GLANCE_API_URL_FROM_NOVA": "http://[::1]:3",
        "_3SCALE_URL": "http://[::1]:4/x",
    }


def test_the_users_settings_stand_in_the_place_of_ours() -> None:
    """mitmproxy refuses a setting that comes twice; scripts of the user's come beside ours."""
    found = list(
        arguments.arguments(["m"], {"confdir": "/ours"}, ["confdir=/theirs", "scripts=/x.py", "onboarding=true"])
    )
    settings = [text for text in found if "=" in text]
    assert [text for text in settings if text.startswith(("confdir", "onboarding"))] == [
        "confdir=/theirs",
        "onboarding=true",
    ]
    assert [text for text in settings if text.startswith("scripts")] == [
        f"scripts={arguments.addon()}",
        "scripts=/x.py",
    ]
    assert found[:2] == ["--mode", "m"]


def test_who_holds_a_port_is_named_by_what_it_runs(tmp_path: Path) -> None:
    """A script of another process: its name and pid."""
    script = tmp_path / "holder.py"
    script.write_text(
        "import socket\ns = socket.create_server(('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\ninput()\n"
    )
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        assert not ports.is_free("127.0.0.1", port)
        with pytest.raises(RequestshookError) as caught:
            ports.demand("127.0.0.1", [port])
        holder.communicate("\n", timeout=20)
    assert str(caught.value) == f"port {port} is taken by holder.py (pid {holder.pid})"


def test_a_port_of_another_user_is_told_by_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the descriptors of the process cannot be read, the system still tells whose the socket is."""
    monkeypatch.setattr(ports, "_has_open", lambda pid, sockets: False)
    with socket.create_server(("127.0.0.1", 0)) as holder, pytest.raises(RequestshookError) as caught:
        ports.demand("127.0.0.1", [holder.getsockname()[1]])
    assert " by a process of the user " in str(caught.value)


def test_an_address_that_is_not_this_machines_is_said_once() -> None:
    """`--host` names an address to listen at."""
    with pytest.raises(RequestshookError, match=r"^this machine has no address 192\.0\.2\.1$"):
        ports.demand("192.0.2.1", [free_port(), free_port()])


def _certificate(number: int) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{number}\n-----END CERTIFICATE-----"


def test_a_bundle_holds_what_was_trusted_before_and_mitmproxys(tmp_path: Path) -> None:
    """Files that the environment names come first, each certificate once, and nothing but certificates."""
    mine, confdir = tmp_path / "mine.pem", tmp_path / "mitmproxy"
    mine.write_text(f"# a remark\n{_certificate(1)}\n{_certificate(2)}\n-----BEGIN PRIVATE KEY-----\n")
    confdir.mkdir()
    (confdir / certificates.OWN).write_text(_certificate(3))
    environ = {"SSL_CERT_FILE": str(mine), "CURL_CA_BUNDLE": str(mine), "PIP_CERT": str(tmp_path / "absent")}
    trusted, bundle = (
        certificates.write_trusted(str(tmp_path), environ),
        certificates.write_bundle(str(tmp_path), str(confdir), environ),
    )
    assert trusted is not None
    before, after = Path(trusted).read_text(), Path(bundle).read_text()
    assert before.startswith(f"{_certificate(1)}\n{_certificate(2)}\n-----BEGIN CERTIFICATE")
    assert before.count(_certificate(1)) == 1
    assert after == before + _certificate(3) + "\n"
    assert sorted(os.listdir(tmp_path)) == ["mine.pem", "mitmproxy", "proxy-ca.pem", "trusted-ca.pem"]


def test_all_calls_go_through_the_forward_proxy() -> None:
    """Both spellings, no exception for this machine, and one bundle for every library."""
    found = certificates.variables("http://127.0.0.1:8080", "/b.pem")
    assert {found[name] for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")} == {
        "http://127.0.0.1:8080"
    }
    assert (found["NO_PROXY"], found["no_proxy"]) == ("", "")
    assert {found[name] for name in certificates.VARIABLES} == {"/b.pem"}


@pytest.mark.parametrize("spell", [str.upper, str.lower])
def test_the_docs_name_every_variable(spell: Callable[[str], str]) -> None:
    """docs/capture-wire.md lists what a command gets by `--regular`."""
    text = (Path(__file__).parents[1] / "docs" / "capture-wire.md").read_text("utf-8")
    wanted = certificates.variables("", "")
    assert [name for name in wanted if f"`{name}`" not in text] == []
    assert spell("no_proxy") in wanted


def test_a_place_beyond_the_last_port_is_an_error() -> None:
    """A machine without a free port is told."""
    with pytest.raises(ConfigError, match="no port of this machine is free"):
        listeners.next_free(20_000, (), lambda _: False)
