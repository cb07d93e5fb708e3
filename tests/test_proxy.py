"""`requestshook proxy`: a real mitmdump before real services, started and ended as a person does it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
import trustme

from requestshook import events
from tests.addon_support import free_port
from tests.proxy_support import PATIENCE, Home, children_of, exported, first_line, is_alive, service
from tests.terminal_support import Terminal

ASK = "import os, sys, urllib.request as u; print(u.urlopen(os.environ[sys.argv[1]] + sys.argv[2]).read().decode())"
ASK_FAILING = """
import os, sys, urllib.request as u, urllib.error
try:
    u.urlopen(os.environ[sys.argv[1]] + "/")
except urllib.error.HTTPError as error:
    print(error.code, error.read().decode())
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def asking(variable: str, path: str) -> tuple[str, ...]:
    """A command that asks at an address that a variable names."""
    return ("--", sys.executable, "-c", ASK, variable, path)


def failing(variable: str) -> tuple[str, ...]:
    """A command that prints the error which an address gives."""
    return ("--", sys.executable, "-c", ASK_FAILING, variable)


def test_a_command_finds_the_addresses_in_its_environment_and_is_recorded(home: Home) -> None:
    """A command's calls go by the listener to the service, and stand in a recording of the command's name."""
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}/v1]}}")
        done = home.run(*asking("THINGS_URL", "/7"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == "/v1/7"
    (request,) = home.of(events.Request)
    assert (request.origin.view, request.callee, request.url) == ("wire", "things", f"http://127.0.0.1:{port}/v1/7")
    (begun,), (ended,) = home.of(events.Recording), home.of(events.Recorded)
    assert (begun.name, begun.trace) == (os.path.basename(sys.executable), request.origin.trace)
    assert (ended.exit, ended.trace) == (0, begun.trace)
    assert "".join(text for _, text in ended.output) == done.stdout


def test_the_commands_exit_status_and_name_are_kept(home: Home) -> None:
    """What the command ends with is what the proxy ends with; --name names the recording."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run("--name", "smoke", "--no-output", "--", sys.executable, "-c", "print('x'); raise SystemExit(7)")
    assert (done.returncode, done.stdout) == (7, "x\n")
    assert [event.name for event in home.of(events.Recording)] == ["smoke"]
    (ended,) = home.of(events.Recorded)
    assert (ended.exit, ended.output) == (7, ())


def test_the_table_of_a_command_goes_to_standard_error(home: Home) -> None:
    """What a command prints is alone on standard output."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run("--", sys.executable, "-c", "print('mine')")
    assert done.stdout == "mine\n"
    assert "http://127.0.0.1:5000" in done.stderr


def test_a_command_that_is_not_there_starts_nothing(home: Home) -> None:
    """Status 127 as a shell gives it, one line, and no recording."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run("--", "no-such-command-anywhere")
    assert done.returncode == 127
    assert done.stderr.startswith("requestshook: command not found: no-such-command-anywhere")
    assert home.events() == []


def test_each_entry_of_proxy_is_a_listener_with_its_caller(home: Home) -> None:
    """Several listeners lead to one service; each names who calls through it."""
    plain, bound = free_port(), free_port()
    with service() as port:
        home.configure(
            f"services: {{keystone: ['http://127.0.0.1:{port}']}}\n"
            f"proxy:\n"
            f"  - {{listen: {plain}, service: keystone, target: 'http://127.0.0.1:{port}'}}\n"
            f"  - {{listen: {bound}, service: keystone, target: 'http://127.0.0.1:{port}', from: glance-api}}\n"
        )
        with home.running("--json") as child:
            shown = json.loads(first_line(child))
            for found in shown["listeners"]:
                urlopen(found["address"] + "/x", timeout=PATIENCE).read()
            child.send_signal(signal.SIGTERM)
            child.wait(PATIENCE)
    assert [(found["caller"], found["address"]) for found in shown["listeners"]] == [
        (None, f"http://127.0.0.1:{plain}"),
        ("glance-api", f"http://127.0.0.1:{bound}"),
    ]
    assert list(shown["variables"]) == ["KEYSTONE_URL", "KEYSTONE_URL_FROM_GLANCE_API"]
    calls = json.loads(home.run("--json", command="show").stdout)["calls"]
    assert [(call["from"], call["to"]) for call in calls] == [
        ("Python-urllib", "keystone"),
        ("glance-api", "keystone"),
    ]


def test_services_of_one_address_are_told_apart_by_their_paths(home: Home) -> None:
    """Services that share a host and port share a listener, and each call is its own service's."""
    with service() as port:
        base = f"http://127.0.0.1:{port}"
        home.configure(f"services: {{keystone: ['{base}/identity'], glance: ['{base}/image']}}")
        code = ASK.replace("sys.argv[1]", "'GLANCE_URL'").replace("sys.argv[2]", "'/v2'") + "\n"
        code += ASK.replace("sys.argv[1]", "'KEYSTONE_URL'").replace("sys.argv[2]", "'/v3'")
        done = home.run("--", sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["path"] for line in done.stdout.splitlines()] == ["/image/v2", "/identity/v3"]
    assert [request.callee for request in home.of(events.Request)] == ["glance", "keystone"]


def test_the_host_that_the_caller_sent_reaches_the_service(home: Home) -> None:
    """`Host` passes through unchanged."""
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        code = (
            "import os, urllib.request as u\n"
            "r = u.Request(os.environ['THINGS_URL'] + '/', headers={'Host': 'things.example:1'})\n"
            "print(u.urlopen(r).read().decode())"
        )
        done = home.run("--", sys.executable, "-c", code)
    assert json.loads(done.stdout)["host"] == "things.example:1", done.stderr


def test_a_service_at_an_ipv6_address(home: Home) -> None:
    """An address in brackets is led to like any other."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with service(host="::1") as port:
        home.configure(f"services: {{things: ['http://[::1]:{port}']}}")
        done = home.run(*asking("THINGS_URL", "/six"))
    assert json.loads(done.stdout)["path"] == "/six", done.stderr


def test_a_service_that_is_not_up_gets_a_502_that_says_so(home: Home) -> None:
    """The caller reads which service did not answer, where, and why; the recording has a failure."""
    port = free_port()
    home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
    done = home.run(*failing("THINGS_URL"))
    status, _, text = done.stdout.partition(" ")
    assert status == "502", done.stderr
    assert text.startswith(f"things (http://127.0.0.1:{port}) does not answer: nobody listens there.")
    (failure,) = home.of(events.Failure)
    assert failure.error.startswith("ConnectionRefused: ")


def test_a_name_that_nobody_knows_gets_a_502_that_says_so(home: Home) -> None:
    """The address of a service may be wrong, and its caller reads that."""
    home.configure("services: {things: ['http://no-such-host.invalid:5000']}")
    done = home.run(*failing("THINGS_URL"))
    assert done.stdout.startswith("502 things (http://no-such-host.invalid:5000) does not answer: "), done.stderr


def test_lines_for_a_shell_come_when_every_listener_answers(home: Home) -> None:
    """`--env` prints what a shell can read, and by then the addresses work."""
    with service() as port:
        home.configure(f"services: {{glance-api: ['http://127.0.0.1:{port}/v2']}}")
        with home.running("--env") as child:
            variables = exported(first_line(child))
            answer = json.load(urlopen(variables["GLANCE_API_URL"] + "/images", timeout=PATIENCE))
            child.send_signal(signal.SIGTERM)
            assert child.wait(PATIENCE) == 0
    assert answer["path"] == "/v2/images"


def test_ctrl_c_ends_it_and_says_what_was_recorded(home: Home) -> None:
    """On a terminal: a table, then Ctrl-C, then how many calls there were, and what to type next."""
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        command = [sys.executable, "-m", "requestshook", "proxy", "--name", "mine"]
        with Terminal(command, home.environ(), home.folder, size=(24, 120)) as terminal:
            address = terminal.expect(r"things +\S*(http://127\.0\.0\.1:\d+)")[1]
            terminal.expect("recording mine .*Ctrl-C ends it")
            urlopen(address + "/x", timeout=PATIENCE).read()
            terminal.type("\x03")
            terminal.expect(r"1 call recorded as mine \(\w{8}\); next: requestshook show mine")
            assert terminal.ended() == 0
    (trace,) = home.traces()
    assert (trace["name"], trace["calls"], trace["exit"]) == ("mine", 1, None)
    assert trace["ended"] is not None


def test_a_command_has_the_terminal(home: Home) -> None:
    """With a command the terminal is the command's, its keys too, as with `run`."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    code = "import sys; print('a', sys.stdout.isatty()); print('b', input())"
    command = [sys.executable, "-m", "requestshook", "proxy", "--", sys.executable, "-c", code]
    with Terminal(command, home.environ(), home.folder, size=(24, 120)) as terminal:
        terminal.expect("a True")
        terminal.type("typed\r")
        terminal.expect("b typed")
        assert terminal.ended() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_no_mitmdump_is_left_behind(home: Home, number: signal.Signals) -> None:
    """However the proxy ends, mitmdump ends with it."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    with home.running("--env") as child:
        first_line(child)
        (mitmdump,) = children_of(child.pid)
        child.send_signal(number)
        child.wait(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while is_alive(mitmdump):
            assert time.monotonic() < deadline, "mitmdump runs on"
            time.sleep(0.05)


def test_a_mitmdump_that_is_killed_is_told(home: Home) -> None:
    """Without mitmdump there is no proxy: that ends it, with one line."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    with home.running("--env") as child:
        first_line(child)
        (mitmdump,) = children_of(child.pid)
        os.kill(mitmdump, signal.SIGKILL)
        _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == 1
    assert err == "requestshook: mitmdump has ended: it said nothing (exit status -9)\n"


def test_all_ports_that_are_taken_are_named_with_who_holds_them(home: Home) -> None:
    """Two ports of `proxy:` are taken by us: one line names both, our program and pid, and nothing has started."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [one.getsockname()[1], two.getsockname()[1]]
        lines = [f"- {{listen: {port}, service: things, target: 'http://127.0.0.1:5000'}}\n" for port in ports]
        home.configure("proxy:\n" + "".join(lines))
        done = home.run()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for port in ports:
        assert f"port {port} is taken by " in done.stderr
    assert done.stderr.count(f"(pid {os.getpid()})") == 2
    assert home.events() == []


def test_a_listener_that_is_not_wished_for_gives_way(home: Home) -> None:
    """A service's port + 10000 may be taken: the next free one is used, and it is another."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        taken = holder.getsockname()[1]
        home.configure(f"services: {{things: ['http://127.0.0.1:{taken - 10_000}']}}")
        done = home.run("--", sys.executable, "-c", "import os; print(os.environ['THINGS_URL'])")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.rpartition(":")[2]) != taken


def test_a_port_that_is_lost_while_mitmdump_starts_is_given_up(home: Home, tmp_path: Path) -> None:
    """Somebody takes the chosen port before mitmdump listens: another one is tried, and nobody notices."""
    late = tmp_path / "mitmdump"
    late.write_text(
        f"#!{sys.executable}\n"
        "import os, re, socket, sys\n"
        "if not os.path.exists('lost') and '--mode' in sys.argv:\n"
        "    port = int(re.search(r':(\\d+)$', sys.argv[sys.argv.index('--mode') + 1])[1])\n"
        "    holder = socket.create_server(('127.0.0.1', port))\n"
        "    holder.set_inheritable(True)\n"
        "    open('lost', 'w').write(str(port))\n"
        f"os.execv({home.mitmdump!r}, [{home.mitmdump!r}, *sys.argv[1:]])\n"
    )
    late.chmod(0o755)
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        done = home.run(*asking("THINGS_URL", "/found"), REQUESTSHOOK_MITMDUMP=str(late))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == "/found"
    assert (home.folder / "lost").exists()
    assert len(home.of(events.Recording)) == 1


def test_who_calls_can_be_said(home: Home) -> None:
    """`--from` names the caller of calls that nothing else names."""
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        done = home.run("--from", "smoke-test", *asking("THINGS_URL", "/"))
    assert done.returncode == 0, done.stderr
    assert [request.caller for request in home.of(events.Request)] == ["smoke-test"]


def test_calls_belong_to_the_proxy_and_not_to_what_start_has_opened(home: Home) -> None:
    """A recording that is open takes nothing of what passes through the proxy."""
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        home.run("--name", "by-hand", command="start")
        home.run("--name", "by-proxy", *asking("THINGS_URL", "/"))
    assert {trace["name"]: trace["calls"] for trace in home.traces()} == {"by-hand": 0, "by-proxy": 1}


def test_with_the_hook_both_sides_of_a_call_are_in_one_recording(home: Home) -> None:
    """`--hook`: the command's own view and the wire's are views of one call."""
    code = "import os, requests; requests.get(os.environ['THINGS_URL'] + '/both')"
    with service() as port:
        home.configure(f"services: {{things: [http://127.0.0.1:{port}]}}")
        done = home.run("--hook", "--", sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr
    (call,) = json.loads(home.run("--json", command="show").stdout)["calls"]
    assert sorted(call["views"]) == ["client", "wire"]


def test_a_forward_proxy_takes_all_that_the_command_asks(home: Home) -> None:
    """`--regular`: also calls to this machine, which need no listener and no change to the command."""
    code = "import sys, requests; print(requests.get(sys.argv[1]).json()['path'])"
    with service() as port:
        address = f"http://127.0.0.1:{port}/direct"
        done = home.run("--regular", "--", sys.executable, "-c", code, address, NO_PROXY="127.0.0.1")
    assert (done.returncode, done.stdout) == (0, "/direct\n"), done.stderr
    (request,) = home.of(events.Request)
    assert (request.url, request.callee) == (address, None)


def test_a_shell_gets_the_forward_proxy_and_its_authorities(home: Home) -> None:
    """`--regular PORT --env`: the proxy at that port, and a file that holds mitmproxy's certificate."""
    port = free_port()
    with home.running("--regular", str(port), "--env") as child:
        first = exported(first_line(child))
        assert child.stdout is not None
        child.send_signal(signal.SIGTERM)
        variables = first | exported(child.stdout.read())
        child.wait(PATIENCE)
    assert variables["HTTPS_PROXY"] == variables["http_proxy"] == f"http://127.0.0.1:{port}"
    own = (home.folder / ".requestshook" / "mitmproxy" / "mitmproxy-ca-cert.pem").read_text()
    assert own.strip() in Path(variables["REQUESTS_CA_BUNDLE"]).read_text()


def test_a_warning_of_mitmdumps_is_passed_on(home: Home) -> None:
    """A client that does not trust mitmproxy: mitmdump says so, and we pass it on in one line."""
    _, context = _authority(home.folder)
    code = (
        "import os, sys, requests\n"
        "for name in ('REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'): os.environ.pop(name)\n"
        "try: requests.get(sys.argv[1], verify=sys.argv[2])\n"
        "except requests.exceptions.SSLError: print('untrusted')\n"
    )
    with service(tls=context) as port:
        address, trusted = f"https://localhost:{port}/", str(home.folder / "authority.pem")
        done = home.run("--regular", "--", sys.executable, "-c", code, address, trusted)
    assert done.stdout == "untrusted\n", done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("requestshook: ")]
    assert "does not trust the proxy's certificate" in line


def test_tls_through_the_forward_proxy_is_trusted_by_the_command(home: Home) -> None:
    """A library that verifies, verifies mitmproxy; mitmproxy holds the service to what the command trusted before."""
    authority, context = _authority(home.folder)
    code = "import sys, requests; print(requests.get(sys.argv[1]).json()['path'])"
    with service(tls=context) as port:
        address = f"https://localhost:{port}/sealed"
        trusted = home.run("--regular", "--", sys.executable, "-c", code, address, REQUESTS_CA_BUNDLE=authority)
        stranger = home.run("--regular", "--", sys.executable, "-c", code, address)
    assert (trusted.returncode, trusted.stdout) == (0, "/sealed\n"), trusted.stderr
    assert stranger.returncode == 1
    assert [request.url for request in home.of(events.Request)] == [address, address]
    (failure,) = home.of(events.Failure)
    assert failure.error.startswith("TLSError: ")


def test_a_service_with_tls_behind_a_listener(home: Home) -> None:
    """The caller speaks plain HTTP to the listener, which asks the service by TLS."""
    authority, context = _authority(home.folder)
    with service(tls=context) as port:
        home.configure(f"services: {{sealed: ['https://localhost:{port}/v1']}}")
        done = home.run(*asking("SEALED_URL", "/x"), SSL_CERT_FILE=authority)
        without = home.run("--set", "ssl_insecure=true", *asking("SEALED_URL", "/x"))
    assert json.loads(done.stdout)["path"] == "/v1/x", done.stderr
    assert json.loads(without.stdout)["path"] == "/v1/x", without.stderr


def _authority(folder: Path) -> tuple[str, ssl.SSLContext]:
    """An authority of our own as a file, and what a service needs that it vouches for."""
    authority = trustme.CA()
    path = str(folder / "authority.pem")
    authority.cert_pem.write_to_path(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return path, context


def test_nothing_of_the_users_mitmproxy_is_touched(home: Home) -> None:
    """mitmproxy's authority lies in our folder: `~/.mitmproxy` is neither read nor made."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run("--", sys.executable, "-c", "", HOME=str(home.folder))
    assert done.returncode == 0, done.stderr
    assert not (home.folder / ".mitmproxy").exists()
    assert (home.folder / ".requestshook" / "mitmproxy" / "mitmproxy-ca-cert.pem").exists()


def test_without_a_service_it_says_what_to_write(home: Home) -> None:
    """Nothing to put a proxy before: one line with an example, status 2."""
    done = home.run()
    assert done.returncode == 2
    assert "services: {keystone: [http://127.0.0.1:5000]}" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_mitmdump_says_at_its_start_is_passed_on(home: Home) -> None:
    """An option of a wrong value: mitmdump's own words, on one line."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run("--set", "body_size_limit=much", "--", sys.executable, "-c", "")
    assert done.returncode == 1
    assert done.stderr.startswith("requestshook: mitmdump has ended: ")
    assert "much" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("setting", ["mode=regular", "requestshook_tied=false", "nonsense"])
def test_settings_that_are_ours_or_none_are_refused(home: Home, setting: str) -> None:
    """Wrong usage, status 2."""
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    assert home.run("--set", setting).returncode == 2


def test_an_older_mitmdump_is_named_with_its_version(home: Home, tmp_path: Path) -> None:
    """mitmproxy 10 is too old: the line says which program, which version, and what is wanted."""
    old = tmp_path / "mitmdump"
    old.write_text(
        f"#!{sys.executable}\nimport sys\nprint('Mitmproxy: 10.4.2')\nsys.exit('--version' not in sys.argv)\n"
    )
    old.chmod(0o755)
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    done = home.run(REQUESTSHOOK_MITMDUMP=str(old))
    assert done.returncode == 1
    assert done.stderr == f"requestshook: {old} is of mitmproxy 10.4.2; requestshook wants 11 or newer\n"


def test_ctrl_c_twice_does_not_wait(home: Home, tmp_path: Path) -> None:
    """A mitmdump that does not end is killed by a second Ctrl-C, and the proxy ends."""
    script = tmp_path / "slow.py"
    script.write_text(
        "import time\n"
        "class Slow:\n"
        "    def done(self):\n"
        "        open('ending', 'w').close(); time.sleep(600)\n"
        "addons = [Slow()]\n"
    )
    home.configure("services: {things: [http://127.0.0.1:5000]}")
    with home.running("--env", "--set", f"scripts={script}") as child:
        first_line(child)
        (mitmdump,) = children_of(child.pid)
        child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + PATIENCE
        while not (home.folder / "ending").exists():
            assert time.monotonic() < deadline, "it was not told to end"
            time.sleep(0.02)
        child.send_signal(signal.SIGINT)
        child.wait(PATIENCE)
        assert not is_alive(mitmdump)
