"""Which operation of an OpenAPI description a call is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from requestshook.errors import RequestshookError
from requestshook.openapi import LARGEST, METHODS, Description, load

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://{host}/{version}/", "variables": {"version": {"default": "v2"}}}],
    "paths": {
        "/images/{image_id}": {
            "get": {"operationId": "showImage", "summary": "Show image\nmore", "tags": ["images"]},
            "delete": {"summary": "Delete image", "externalDocs": {"url": "https://docs.example/delete"}},
        },
        "/images/detail": {"get": {"operationId": "list details"}},
        "/images/{image_id}/file.{kind}": {"put": {"operationId": "upload"}},
        "/shared": {"$ref": "#/components/pathItems/shared~1item"},
        "/tags/한": {"get": {}},
        "x-own": {"get": {}},
        7: {"get": {}},
    },
    "components": {"pathItems": {"shared/item": {"post": {"operationId": "share"}}}},
}
LINK = "https://docs.example/api#{tag}/{operationId}"


def title(method: str, target: str, url: str = LINK) -> str | None:
    found = Description(DOCUMENT, url, ("http://182.161.114.101/image",)).find(method, target)
    return found.title if found else None


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/v2/images/a42b", "Show image"),
        ("GET", "/image/v2/images/a42b?x=1", "Show image"),
        ("GET", "http://glance:9292/v2/images/a42b", "Show image"),
        ("GET", "/images/a42b", "Show image"),
        ("GET", "/v2/images/detail", "list details"),
        ("GET", "/v2/images/", None),
        ("GET", "/v2/images/a/b", None),
        ("GET", "/v3/images/a", None),
        ("POST", "/v2/images/a42b", None),
        ("PUT", "/v2/images/a42b/file.qcow2", "upload"),
        ("PUT", "/v2/images/a42b/fileXqcow2", None),
        ("POST", "/v2/shared", "share"),
        ("GET", "/v2/tags/%ED%95%9C", "GET /tags/한"),
    ],
)
def test_the_operation_of_a_call(method: str, target: str, expected: str | None) -> None:
    """Method and path name the operation, below any of the bases; a concrete path goes before a templated one."""
    assert title(method, target) == expected


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "/v2/images/a", "https://docs.example/api#images/showImage"),
        ("GET", "/v2/images/detail", "https://docs.example/api#/list%20details"),
        ("DELETE", "/v2/images/a", "https://docs.example/delete"),
        ("GET", "/v2/tags/한", ""),
    ],
)
def test_the_link_of_an_operation(method: str, target: str, expected: str) -> None:
    """The link is made of the operation's words; one without an id has its own documentation or none."""
    found = Description(DOCUMENT, LINK).find(method, target)
    assert found is not None
    assert found.url == expected


def test_a_description_leads_to_no_script() -> None:
    """A link that the description brings along is an address of the web, or none."""
    document = {"paths": {"/": {"get": {"externalDocs": {"url": "javascript:alert(1)"}}}}}
    found = Description(document).find("GET", "/")
    assert found is not None
    assert found.url == ""


@pytest.mark.parametrize("spell", [json.dumps, lambda document: yaml.safe_dump(document, allow_unicode=True)])
def test_files_of_both_kinds(tmp_path: Path, spell: Any) -> None:
    """JSON and YAML are told apart by content."""
    document = {**DOCUMENT, "paths": {str(path): item for path, item in DOCUMENT["paths"].items()}}
    path = tmp_path / "description"
    path.write_text(spell(document), "utf-8")
    assert load(str(path)) == document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("swagger: '2.0'\n", "expected an OpenAPI 3 description, but it is of Swagger 2.0"),
        ("openapi: 4.0.0\n", "it is of OpenAPI 4.0.0"),
        ("- a\n", "it is none"),
        ("a: [\n", ":2:1: YAML cannot read this"),
        ('{"openapi": ', "neither JSON nor YAML"),
        ("a: \x00", "neither JSON nor YAML"),
        ("[" * 100_000, "neither JSON nor YAML (it is nested too deeply)"),
        ('{"a":' * 100_000, "neither JSON nor YAML"),
    ],
)
def test_what_is_no_description(tmp_path: Path, text: str, expected: str) -> None:
    """The error names the file and says what was found."""
    path = tmp_path / "api.yaml"
    path.write_text(text)
    with pytest.raises(RequestshookError) as error:
        load(str(path))
    assert str(error.value).startswith(str(path))
    assert expected in str(error.value)


def test_a_description_is_bounded(tmp_path: Path) -> None:
    """A file that is too large is not read whole."""
    path = tmp_path / "api.yaml"
    with open(path, "wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(RequestshookError, match="larger than 32 MiB"):
        load(str(path))
    with pytest.raises(RequestshookError, match="No such file"):
        load(str(tmp_path / "missing.yaml"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["get", "servers", "url", "$ref", "tags", "/a/{b}", "summary", "variables"]), inner, max_size=4
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["paths", "servers", "components"]), json_values), st.text(max_size=20))
def test_any_document_can_be_asked(document: dict[str, Any], target: str) -> None:
    """A description that is made up of the wrong things has fewer operations, and never fails."""
    Description(document, LINK).find("GET", target)


segment = st.text("ab1.~-", min_size=1, max_size=4) | st.just("{x}")


@given(st.lists(segment, min_size=1, max_size=4), st.sampled_from(METHODS))
def test_an_operation_is_found_by_its_own_path(segments: list[str], method: str) -> None:
    """A path with its templates filled in is found again."""
    path = "/" + "/".join(segments)
    description = Description({"paths": {path: {method: {"summary": "it"}}}})
    found = description.find(method.upper(), path.replace("{x}", "a42b"))
    assert found is not None
    assert found.path == path


@pytest.mark.parametrize(
    ("path", "target", "expected"),
    [
        ("/{a}-{b}.{c}", "/x-y-z.1.json", True),
        ("/{a}-{b}.{c}", "/x-.json", False),
        ("/{a}{b}", "/x", False),
        ("/{a}{b}", "/xy", True),
        ("/a*b/{any}", "/aXb/c", False),
        ("/a*b/{any}", "/a*b/c", True),
        ("/**", "/a/b", False),
        ("/a{b/c", "/a%7Bb/c", True),
        ("/", "/", True),
    ],
)
def test_templates_in_a_segment(path: str, target: str, expected: bool) -> None:
    """Each stands for one character or more; what is no template is a literal, whatever selectors make of it."""
    found = Description({"paths": {path: {"get": {}}}}).find("GET", target)
    assert (found is not None) is expected


def test_a_long_path_takes_moments() -> None:
    """Many templates in one segment, and a path that nearly fits them."""
    description = Description({"paths": {"/{a}-{b}-{c}-{d}-{e}.json": {"get": {}}}})
    started = time.process_time()
    assert description.find("GET", f"/{'-' * 20_000}x") is None
    assert time.process_time() - started < 5
