"""The JSON Schemas of the two YAML files say what the readers say, as far as a schema can tell."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
import yaml

from requestshook import config, schemas
from requestshook.annotations import ids, reading
from requestshook.config.starting import starting_config
from requestshook.errors import ConfigError

DOCS = Path(__file__).parent.parent / "docs"
Read = Callable[[str], object]


class Core(yaml.SafeLoader):
    """YAML as editors read it: the scalars of YAML 1.2's core schema, not those of 1.1."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}


Core.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|Null|NULL|)\Z"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+\Z"), None)
Core.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)\Z"), None)
Core.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))


def config_of(text: str) -> object:
    return config.parse(text, config.Config(None, str(DOCS), str(DOCS), "x"))


READERS: dict[str, Read] = {"annotations": lambda text: reading.parse(text, "f"), "config": config_of}


def validator(name: str) -> jsonschema.Draft7Validator:
    schema = json.loads(schemas.text(name))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def schema_says(name: str, text: str) -> list[str]:
    data = yaml.load(text, Core)
    return [error.message for error in validator(name).iter_errors({} if data is None else data)]


def reader_says(name: str, text: str) -> list[str]:
    try:
        READERS[name](text)
    except ConfigError as error:
        return str(error).split("\n")
    return []


def examples(page: str) -> Iterator[str]:
    yield from re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text("utf-8"), re.S)


def valid() -> Iterator[tuple[str, str]]:
    yield from (("annotations", text) for text in examples("annotations.md"))
    yield "config", next(examples("configuration.md"))
    yield "config", starting_config([("a", "http://h/a")])
    yield "config", re.sub(r"(?m)^# (?=[a-z]+:( |$)| +(- |\S+: ))", "", starting_config())
    for text in (
        "", "trace:", "calls: []", "trace: 7\ntitle: true", "variables: {a: 1, b: $$x, c: $x.response.status}\n"
        "calls: [{call: a GET /, id: x}]", "command: {highlight: [7, '007', 1-2, {text: 5}]}", "text: {intro: }",
        "calls: [{call: a GET /, id: , request: , response: {text: , highlight: , body: {after: }}}]",
        "calls: [{call: a GET /, request: {highlight: [X-A, 0x, $, '$[0]', $..x, '?q']}}]", "hide: ['* * **?a@-1']",
        "page: {anchors: Yes, pairs: false, open: No, view: }", "page: {labels: {none: no}}",
    ):  # fmt: skip
        yield "annotations", text
    for text in (
        "store: 7", "store: postgres://h/d", "redact: Off", "redact: false", "capture: {max: NO, body_limit: 1.5 kb}",
        "capture: {max: null, group: 7}", "capture: {max: ~, body_limit: 65536, tag: }", "services: {b: []}",
        "services: {a: ['HTTPS://h']}", "references: [{call: b GET /, title: 7, url: /x}]", "clients: {a: [7]}",
    ):  # fmt: skip
        yield "config", text


@pytest.mark.parametrize(("name", "text"), list(valid()))
def test_what_the_reader_takes_the_schema_takes(name: str, text: str) -> None:
    """Every example of the documentation, what `init` writes, and the odd spellings that are allowed."""
    assert reader_says(name, text) == []
    assert schema_says(name, text) == []


# One file a line.
WRONG_ANNOTATIONS = """
groups: [{kind: , label: a, calls: a}]
calls: [{call: }]
[]
titel: x
title: ''
title: [a]
text: {intro: [a]}
text: {mapp: {}}
text: {map: x}
command: {highlight: [X-A]}
command: {highlight: [0]}
command: {highlight: ['0-2']}
variables: [a]
variables: {a: $x}
variables: {a: $x.request.status}
variables: {a: $x.response.query.a}
phases: [{title: x}]
phases: [{from: x}]
phases: [x]
groups: [{kind: if, label: a, calls: a}]
groups: [{kind: opt, calls: a}]
groups: [{kind: opt, label: a, calls: a-..}]
hide: x
hide: [a GET x]
calls: [a]
calls: ['a  GET /']
calls: [{id: a}]
calls: [{call: a GET /, id: step-3}]
calls: [{call: a GET /, id: 1a}]
calls: [{call: a GET /, id: map}]
calls: [{call: a GET /, failure: {}}]
calls: [{call: a GET /, request: text}]
calls: [{call: a GET /, request: {body: text}}]
calls: [{call: a GET /, request: {highlight: X}}]
calls: [{call: a GET /, request: {highlight: [a b]}}]
calls: [{call: a GET /, request: {highlight: [0]}}]
calls: [{call: a GET /, request: {highlight: ['?']}}]
calls: [{call: a GET /, request: {highlight: ['?a=b']}}]
calls: [{call: a GET /, response: {highlight: ['?q']}}]
calls: [{call: a GET /, response: {highlight: [$a]}}]
calls: [{call: a GET /, response: {highlight: [{txt: a}]}}]
calls: [{call: a GET /, response: {highlight: [{text: ''}]}}]
page: {view: top}
page: {labels: {bdy: x}}
page: {anchors: maybe}
page: {open: all}
page: {variables: never}
page: {hide_headers: [a b]}
"""
WRONG_CONFIGS = """
services: {a: }
stor: x
store: ''
store: mysql://h
services: [a]
services: {a: x}
services: {a: [ftp://x]}
clients: {a: b}
ignore: [a GET b]
proxy: [{listen: 0, service: a, target: 'http://h'}]
proxy: [{listen: 80, service: a}]
proxy: [{listen: 80, service: a, target: h}]
capture: {tag: knwon}
capture: {body_limit: 12 parsecs}
capture: {body_limit: -1}
capture: off
redact: maybe
redact: {headers: ['a b']}
redact: {keys: x}
redact: {pattern: []}
references: [{call: b GET /}]
references: [{call: b GET /, title: a, url: 'javascript:x'}]
references: [{openapi: x}]
references: [{call: b GET /, title: a, url: h, response: {highlight: ['?q']}}]
"""


def wrong() -> list[tuple[str, str]]:
    found = [("annotations", text) for text in WRONG_ANNOTATIONS.strip().split("\n")]
    return found + [("config", text) for text in WRONG_CONFIGS.strip().split("\n")]


@pytest.mark.parametrize(("name", "text"), wrong())
def test_what_the_schema_refuses_the_reader_refuses(name: str, text: str) -> None:
    """Unknown keys, wrong types, missing keys and wrong spellings are faults in both."""
    assert reader_says(name, text) != []
    assert schema_says(name, text) != []


def places(
    schema: dict[str, Any], inside: Callable[[Any], Any]
) -> Iterator[tuple[dict[str, Any], Callable[[Any], Any]]]:
    """Each mapping with fixed keys in a schema, and what puts a value there into a whole file."""
    for each in schema.get("anyOf", []):
        yield from places(each, inside)
    if "items" in schema:
        yield from places(schema["items"], lambda value: inside([value]))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from places(schema["additionalProperties"], lambda value: inside({"a": value}))
    if "properties" in schema:
        yield schema["properties"], inside
        for key, inner in schema["properties"].items():
            yield from places(inner, lambda value, key=key: inside({key: value}))


def known_keys() -> Iterator[Any]:
    for name in schemas.NAMES:
        for number, (properties, inside) in enumerate(places(json.loads(schemas.text(name)), lambda value: value)):
            yield pytest.param(name, properties, inside, id=f"{name}-{number}")


@pytest.mark.parametrize(("name", "properties", "inside"), list(known_keys()))
def test_schema_and_reader_know_the_same_keys(
    name: str, properties: dict[str, Any], inside: Callable[[Any], Any]
) -> None:
    """An unknown key, put into each mapping of the schema, makes the reader list the schema's keys."""
    key = next(iter(properties)) if "openapi" in properties else "unheard-of"
    data = {"unheard-of": 1, key: "x"}
    said = [fault for fault in reader_says(name, json.dumps(inside(data))) if "unknown key 'unheard-of'" in fault]
    assert len(said) == 1
    assert set(re.split(r", | or ", said[0].split("; expected ")[1])) == set(properties)


def test_a_pattern_of_ids_is_the_readers() -> None:
    """The schema refuses as ids what `ids.check` refuses, its reserved words in capitals aside."""
    for text in (
        "a",
        "a1",
        "steps-of-x",
        "h3x",
        "value",
        "map-x",
        "step-3",
        "h3",
        "value-x",
        "a-response",
        "top",
        "한",
    ):
        try:
            ids.check(text)
        except ValueError:
            fine = False
        else:
            fine = True
        assert (schema_says("annotations", f"calls: [{{call: a GET /, id: {text}}}]") == []) is fine, text


def test_the_command_prints_the_schemas(tmp_path: Path) -> None:
    """`schema NAME` prints valid JSON that is a schema of draft 7, and needs neither store nor configuration."""
    for name in (*schemas.NAMES, "page"):
        command = [sys.executable, "-m", "requestshook", "schema", name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=True)
        assert done.stdout == schemas.text(name)
    assert list(tmp_path.iterdir()) == []


def test_init_writes_the_schema_to_where_its_file_says(tmp_path: Path) -> None:
    """The first line of the file leads to the schema, beside it and without a network."""
    subprocess.run([sys.executable, "-m", "requestshook", "init"], cwd=tmp_path, capture_output=True, check=True)
    first, _ = (tmp_path / "requestshook.yaml").read_text("utf-8").split("\n", 1)
    found = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert found
    assert (tmp_path / found[1]).read_text("utf-8") == schemas.text("config")
    assert (tmp_path / ".requestshook").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".requestshook" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize(
    ("file", "folder", "line"),
    [
        ("/p/requestshook.yaml", "/p/.requestshook", ".requestshook/schemas/annotations.json"),
        ("/p/docs/a/x.yaml", "/p/.requestshook", "../../.requestshook/schemas/annotations.json"),
        ("/p/x.yaml", "/p/a/.requestshook", None),
        ("/p/x.yaml", "/var/lib/requestshook", None),
        ("/pp/x.yaml", "/p/.requestshook", None),
        ("/p/x.yaml", "/p/my folder", None),
        ("/p q/x.yaml", "/p q/.requestshook", ".requestshook/schemas/annotations.json"),
        ("/x.yaml", "/.requestshook", ".requestshook/schemas/annotations.json"),
    ],
)
def test_the_line_for_editors(file: str, folder: str, line: str | None) -> None:
    """A relative path where the folder is beside the file or above it; else no line."""
    assert schemas.line(file, folder, "annotations") == (f"# yaml-language-server: $schema={line}\n" if line else "")
