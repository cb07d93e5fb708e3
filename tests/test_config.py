"""requestshook.yaml: what it gives, and what it says of a file with faults."""

import re
import textwrap
from pathlib import Path

import pytest

from requestshook import config
from requestshook.config import Capture, Config, Listener, Redact
from requestshook.config.notes import Notes, OpenAPI, Page, Reference, Text
from requestshook.config.starting import starting_config
from requestshook.errors import ConfigError
from requestshook.highlights import Containing, HeaderName, Highlight, Lines
from requestshook.selectors import Selector
from requestshook.words import WORDS

DOCS = Path(__file__).parent.parent / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("REQUESTSHOOK_DIR", "REQUESTSHOOK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def load(text: str) -> Config:
    Path("requestshook.yaml").write_text(textwrap.dedent(text), encoding="utf-8")
    return config.load()


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return [line.removeprefix("requestshook.yaml:") for line in str(caught.value).split("\n")]


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    """No file is no error: the folder and the store lie in the working directory."""
    found = config.load()
    assert found.path is None
    assert found.root == str(tmp_path)
    assert found.folder == str(tmp_path / ".requestshook")
    assert found.store == str(tmp_path / ".requestshook" / "traces.db")
    assert found.capture == Capture(64 * 1024, 1024**3, "all", None)
    assert found.redact.on


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "page:\nservices:\n", "\ufeffstore: x\n", "store: x\r\n"])
def test_an_empty_file_or_key_is_as_good_as_none(text: str, tmp_path: Path) -> None:
    """A key without a value is a key that is absent; a byte order mark and Windows line ends are read over."""
    found = load(text)
    assert found.services == ()
    assert found.page == Page()
    assert found.store in (str(tmp_path / "x"), str(tmp_path / ".requestshook" / "traces.db"))


def test_the_file_is_found_above_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths are relative to the file, not to the working directory; REQUESTSHOOK_DIR moves folder and store."""
    load("store: here.db")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    found = config.load()
    assert (found.root, found.store) == (str(tmp_path), str(tmp_path / "here.db"))
    monkeypatch.setenv("REQUESTSHOOK_DIR", str(tmp_path / "elsewhere"))
    (tmp_path / "requestshook.yaml").write_text("")
    assert config.load().folder == str(tmp_path / "elsewhere")
    assert config.load().store == str(tmp_path / "elsewhere" / "traces.db")


def test_every_key_is_read() -> None:
    """The whole file, parsed: selectors, sizes in bytes, addresses in one spelling."""
    found = load(
        """
        store: postgresql://user@host/db
        services:
          keystone: [http://182.161.114.101/identity/]
          glance-api: [http://127.0.0.1:60999, "HTTPS://[::1]/image"]
        clients: {openstack: ["openstacksdk/*"]}
        ignore:
          - "* GET /healthcheck"
        proxy:
          - {listen: 35000, service: keystone, target: "http://127.0.0.1:5000"}
          - {listen: 35001, service: keystone, target: "http://127.0.0.1:5000", from: glance-api}
        capture: {body_limit: 1.5 KiB, max: off, tag: known, group: staff}
        redact: {headers: [X-My-Token], keys: [adminPass, no, 00123], patterns: ["gAAAA[\\\\w-]{60,}"]}
        page:
          view: wire
          hide_headers: [Date, Server]
          labels: {header: 머리, none: no}
          anchors: off
          variables: everywhere
          pairs: yes
          open: highlighted
        references:
          - call: "keystone POST /identity/v3/auth/tokens"
            title: 12:30:45
            url: https://docs.example/
            request: {text: "…"}
            response: {highlight: [X-Subject-Token, 12-14, {text: image}]}
        """
    )
    assert found.store == "postgresql://user@host/db"
    assert found.services == (
        ("keystone", "http://182.161.114.101:80/identity"),
        ("glance-api", "http://127.0.0.1:60999"),
        ("glance-api", "https://[::1]:443/image"),
    )
    assert found.clients == (("openstack", "openstacksdk/*"),)
    assert found.ignore == (Selector.parse("* GET /healthcheck"),)
    assert found.proxy == (
        Listener(35000, "keystone", "http://127.0.0.1:5000", None),
        Listener(35001, "keystone", "http://127.0.0.1:5000", "glance-api"),
    )
    assert found.capture == Capture(1536, None, "known", "staff")
    assert found.redact == Redact(True, ("X-My-Token",), ("adminPass", "no", "00123"), ("gAAAA[\\w-]{60,}",))
    assert found.page == Page(
        "wire", ("Date", "Server"), {"header": "머리", "none": "no"}, False, "everywhere", True, "highlighted"
    )
    (reference,) = found.references
    assert isinstance(reference, Reference)
    assert reference.call == Selector.parse("keystone POST /identity/v3/auth/tokens")
    assert (reference.title, reference.url, reference.line) == ("12:30:45", "https://docs.example/", 23)
    assert reference.request == Notes(Text("…", 26))
    assert reference.response.highlight == (
        Highlight(HeaderName("X-Subject-Token"), "X-Subject-Token", 27),
        Highlight(Lines(12, 14), "12-14", 27),
        Highlight(Containing("image"), "image", 27),
    )


@pytest.mark.parametrize("word", ["off", "no", "false", "Off", "'off'"])
def test_redaction_is_switched_off_by_a_word(word: str) -> None:
    """`redact: off`, and the other words that switch off."""
    assert load(f"redact: {word}").redact == Redact(on=False)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("65536", 65536), ("64KiB", 65536), ("500 kB", 500_000), ("1.5MB", 1_500_000), ("1GiB", 1 << 30),
     ("2tib", 2 << 40), ("7B", 7)],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    """A size is a number of bytes, or of units of 1000 or 1024."""
    assert load(f"capture: {{body_limit: {text}}}").capture.body_limit == size


def test_no_group_and_no_end() -> None:
    """`null` means none."""
    assert load("capture: {group: null, max: ~}").capture == Capture(max=None)


def test_all_faults_come_in_one_run_with_their_places() -> None:
    """Each fault has file, line and column, says what was expected, and suggests the nearest word."""
    assert faults(
        """\
        stor: x
        services: {a: [ftp://x, http://h/, "http://h:80"], b: http://b, "c d": ["http://u@c/"]}
        services: {}
        ignore: ["k GET x", k GET /a@2]
        capture: {body_limit: 12 parsecs, tag: knwon}
        page: {anchors: maybe, labels: {headr: x}}
        """
    ) == [
        "1:1: unknown key 'stor'; did you mean 'store'?",
        "2:16: expected an address such as http://10.0.0.1:5000/v3, found 'ftp://x'",
        "2:36: this address is already that of a in line 2",
        "2:55: expected a list of addresses, as [http://10.0.0.1:5000/v3], found 'http://b'",
        "2:65: expected a name of 1 to 128 letters, digits and _ . : @ / + -, found 'c d'",
        "2:73: expected an address without user, query and fragment, found 'http://u@c/'",
        "3:1: the key 'services' stands here a second time; the first is in line 2",
        "4:17: in the selector 'k GET x', character 7: expected a path that begins with `/`, or `**` alone for any "
        "path, but found 'x'",
        "4:21: expected a selector without @2: while recording nobody knows how many will come",
        "5:23: expected a size such as 64KiB, 500 kB, 1GiB or 65536, found '12 parsecs'",
        "5:40: expected all or known, found 'knwon'; did you mean 'known'?",
        "6:17: expected on or off, found 'maybe'",
        "6:33: unknown key 'headr'; did you mean 'header'?",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a", "1:1: expected a mapping with store, services, .* found a list"),
        ("5", "1:1: expected a mapping with store, .* found '5'"),
        ("store: [a]", "1:8: expected a path or postgresql://user@host/db, found a list"),
        ("store: ''", "1:8: expected a path or postgresql.*, found nothing"),
        ("store: mysql://x", "1:8: expected a path or postgresql.*, found 'mysql://x'"),
        ("services: [a]", "1:11: expected a mapping of names to lists of addresses, found a list"),
        ("services: {a: [http://h:99999]}", "1:16: Port out of range"),
        ("services: {a: ['http://[::1/']}", "1:16: .*"),
        ("services: {a: ['http://h/ x']}", "1:16: expected an address"),
        ("services: {a: [/x]}", "1:16: expected an address"),
        ("services: {[a]: [http://h]}", "1:12: expected a key, found a list"),
        ("clients: {a: [[b]]}", "1:15: expected a User-Agent.*, found a list"),
        ("ignore: {a: b}", "1:9: expected a list of selectors, found a mapping"),
        ("ignore: [[a]]", "1:10: expected a selector, found a list"),
        ("proxy: [{listen: 0, service: a, target: 'http://h'}]", "1:18: expected a whole number from 1 to 65535"),
        ("proxy: [{service: a, target: 'http://h'}]", "1:9: expected a key 'listen' here"),
        ("proxy: [{listen: 1, service: a, target: h}]", "1:41: expected an address"),
        ("proxy: [{listen: 1, service: a, target: http://h}, {listen: 1, service: b, target: http://h}]",
         "1:61: port 1 is already listened on in line 1"),
        ("capture: {max: -1}", "1:16: expected a size"),
        ("capture: {group: []}", "1:18: expected the name of a group, found a list"),
        ("capture: off", "1:10: expected a mapping with body_limit, max, tag or group, found 'off'"),
        ("redact: maybe", "1:9: expected off, or a mapping with headers, keys or patterns, found 'maybe'"),
        ("redact: {patterns: ['(']}", "1:21: expected a regular expression, found '\\('"),
        ("redact: {patterns: ['a*']}", "1:21: expected a regular expression that does not match the empty text"),
        ("redact: {patterns: ['[[a]']}", "1:21: expected a regular expression, .*nested set"),
        ("redact: {headers: ['a b']}", "1:20: expected a header's name, found 'a b'"),
        ("redact: {keys: ['']}", "1:17: expected key, found nothing"),
        ("page: {view: top}", "1:14: expected client, wire or server, found 'top'"),
        ("page: {labels: {body_cut: '{kept} {of}'}}", "1:27: there is no {of} here; the word is '{kept} of {size}'"),
        ("page: {variables: never}", "1:19: expected overview or everywhere"),
        ("page: {open: x}", "1:14: expected highlighted or off"),
        ("references: [{call: b GET /}]", "1:14: expected a key 'title' here"),
        ("references: [{call: b GET /, title: a, url: 'javascript:x'}]", "1:45: expected an address that begins with"),
        ("references: [{call: b GET /, title: a, url: h, request: {highlight: [{line: 1}]}}]",
         "1:70: expected a key 'text' here"),
        ("a: &x 1\nb: *x", "2:4: YAML cannot read this: aliases are not read here"),
        ("page: {<<: {view: wire}}", r"1:8: unknown key '<<'|1:8: merge keys \(<<\) are not read here"),
        ("store: &a x", "1:8: a text that begins with & has to be quoted"),
        ("store: ! x", "1:8: a text that begins with ! has to be quoted"),
        ("store: !!python/object:os.system x", "1:8: a text that begins with ! has to be quoted"),
        ("a: 1\n---\nb: 2", "2:1: YAML cannot read this"),
        ("a: [1", "1:6: YAML cannot read this"),
        ("a: 'x", "1:6: YAML cannot read this"),
        ("a:\n\t- x", "2:1: YAML cannot read this.*indented by spaces"),
        ("store: a\x00b", r"1:9: a character that YAML does not allow: U\+0000"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused(text: str, fault: str) -> None:
    """Whatever stands where something else is wanted gets a line that says where and what."""
    assert re.match(fault, "\n".join(faults(text))), faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "references: [{call: b GET /, url: h, title: [[x]]}]",
        "store: `x`",
        "store: !x",
        "store: [[x]] y",
        "store: a: b",
        "store: *x y",
        "ignore:\n  - * GET /healthcheck",
        "store: @x",
        "store: %x",
        "store: {x: y}",
    ],
)
def test_the_common_slips_get_a_hint(text: str) -> None:
    """A text that YAML takes for something else: the line says to quote it."""
    assert any("has to be quoted" in fault for fault in faults(text)), faults(text)


def test_deep_nesting_is_refused() -> None:
    """A file that is nested without end is one clear line, not a traceback."""
    assert faults("a: " + "[" * 5_000) == [" it is nested too deeply"]


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such file, a folder, or not UTF-8: one line that names it."""
    with pytest.raises(ConfigError, match=r"^nowhere.yaml: cannot be read \(No such file or directory\)$"):
        config.load("nowhere.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path)
    monkeypatch.setenv("REQUESTSHOOK_CONFIG", str(tmp_path / "gone.yaml"))
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read"):
        config.load()
    Path("latin.yaml").write_bytes(b"store: x\nservices:\n  \xe9: []\n")
    with pytest.raises(ConfigError, match=r"^latin\.yaml:3:3: expected UTF-8$"):
        config.load("latin.yaml")


def test_the_starting_file_loads_as_it_is(tmp_path: Path) -> None:
    """With and without known services, whatever their names."""
    known = [("keystone", "http://h:80/identity"), ("keystone", "http://k"), ("[::1]:80", "http://[::1]:80"),
             ("no", "http://h/a,b"), ("keystone", "http://k")]  # fmt: skip
    assert load(starting_config()) == load("")
    assert load(starting_config(known)).services == (
        ("keystone", "http://h:80/identity"),
        ("keystone", "http://k:80"),
        ("-::1-:80", "http://[::1]:80"),
        ("no", "http://h:80/a,b"),
    )


def test_what_the_starting_file_shows_is_right() -> None:
    """With its examples' comment signs taken off, it still loads, and says something for each key but `proxy`."""
    shown = re.sub(r"(?m)^# (?=[a-z]+:( |$)| +(- |\S+: ))", "", starting_config())
    found = load(shown)
    assert found.services
    assert found.clients
    assert len(found.ignore) == 2
    assert found.redact.patterns == (r"gAAAA[\w-]{60,}",)
    assert found.page.labels
    assert isinstance(found.references[0], Reference)
    assert found.references[0].response.highlight[0].spelled == "X-Subject-Token"


def test_the_documentation_shows_a_file_that_loads_and_names_every_key() -> None:
    """docs/configuration.md: its first YAML block is a valid file, and every key and label is described."""
    page = DOCS.read_text(encoding="utf-8")
    example = re.search(r"```yaml\n(.*?)```", page, re.S)
    assert example
    assert load(example[1]).references
    for key in ("store", "services", "clients", "ignore", "proxy", "capture", "redact", "page", "references"):
        assert f"### `{key}`" in page
    for key in (*Capture.__slots__, *Page.__slots__, "headers", "keys", "patterns"):
        assert f"| `{key}` |" in page, key


def test_the_documentation_lists_the_fixed_words() -> None:
    """docs/configuration.md has the words of requestshook/words.py, in their order, in the table at its end."""
    table = "\n".join(f"| `{key}` | {word} |" for key, word in WORDS.items())
    found = re.search(r"\| label \| the word \|\n\|---\|---\|\n(.*?)\n\n", DOCS.read_text(encoding="utf-8"), re.S)
    assert found
    assert found[1] == table, f"the table should be:\n{table}"


def test_a_reference_may_be_a_whole_description(tmp_path: Path) -> None:
    """An OpenAPI file gives a service's references; its path begins where the configuration lies."""
    (tmp_path / "image.yaml").write_text("openapi: 3.1.0\n")
    found = load(
        """
        references:
          - {openapi: image.yaml, service: glance-api, url: "https://docs.example/#{operationId}"}
          - {call: "keystone GET /", title: versions, url: "https://docs.example/"}
          - {openapi: image.yaml, service: glance-api}
        """
    )
    first, second, third = found.references
    assert first == OpenAPI(str(tmp_path / "image.yaml"), "glance-api", "https://docs.example/#{operationId}", 3)
    assert isinstance(second, Reference)
    assert third == OpenAPI(str(tmp_path / "image.yaml"), "glance-api", "", 5)


def test_faults_of_a_description() -> None:
    """What cannot be found or filled in is told with its place."""
    assert faults(
        """
        references:
          - {openapi: missing.yaml, service: glance-api, url: "https://h/{operation}"}
          - {openapi: , title: x}
          - {openapi: [a], service: b, url: "javascript:1"}
        """
    ) == [
        f"3:15: there is no file {Path('missing.yaml').absolute()}",
        "3:55: there is no {operation} here; there are {operationId}, {tag}, {method}, {path}",
        "4:5: expected a key 'openapi' here",
        "4:5: expected a key 'service' here",
        "4:17: unknown key 'title'; expected openapi, service or url",
        "5:15: expected the path of an OpenAPI 3 description, found a list",
        "5:37: expected an address that begins with https:// or http://, found 'javascript:1'",
    ]
