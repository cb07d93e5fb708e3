"""Calls spelled as selectors for an annotation file: what is an id, what it is called, which query stands there."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from alignment_support import call, first, record
from hypothesis import example, given, settings
from hypothesis import strategies as st

from requestshook.annotations.spelling import name_ids, spell
from requestshook.selectors import Selector
from requestshook.trace import selecting

UUID = "a42bfade-78ec-4c95-b7b4-272ba265072c"
HEX = "7f6f2e92b906df02a2386c0e7572ecdd"


def spelled(*targets: str, **variables: str) -> list[str]:
    """The paths and queries of the selectors of calls with these targets."""
    selectors = spell([call(f"a -> b GET {target}", n) for n, target in enumerate(targets)], variables)
    return [str(selector).removeprefix("a -> b GET ") for selector in selectors]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/", "/"),
        ("/identity/v3/auth/tokens", "/identity/v3/auth/tokens"),
        (f"/v2/images/{UUID}/file", "/v2/images/{image_id}/file"),
        (f"/v2/images/{UUID.upper()}", "/v2/images/{image_id}"),
        (f"/v1/AUTH_{HEX}/glance", "/v1/AUTH_{project_id}/glance"),
        (f"/v2.1/{HEX}/servers", "/v2.1/{id}/servers"),
        (f"/security-groups/{UUID}", "/security-groups/{security_group_id}"),
        (f"/policies/{UUID}", "/policies/{policy_id}"),
        (f"/addresses/{UUID}", "/addresses/{address_id}"),
        (f"/boxes/{UUID}", "/boxes/{box_id}"),
        (f"/status/{UUID}", "/status/{id}"),
        (f"/disks/disk-{UUID}.qcow2", "/disks/disk-{disk_id}.qcow2"),
        (f"/requests/req-{UUID}", "/requests/req-{request_id}"),
        ("/blobs/sha256:" + "0a" * 32, "/blobs/sha256:{digest}"),
        ("/orders/507f1f77bcf86cd799439011", "/orders/{order_id}"),
        ("/orders/42/items/7", "/orders/{order_id}/items/{item_id}"),
        ("/v2/42", "/v2/42"),
        ("/page/2", "/page/2"),
        ("/feedface", "/feedface"),
        (f"/x{HEX}", f"/x{HEX}"),
        (f"/%2F{HEX}", "/%2F{id}"),
        ("/keys/‹token:0123456789abcdef›", "/keys/{token}"),
        ("/a*b/{c}@d", "/a%2Ab/%7Bc}%40d"),
        ("/images/?x=1", "/images/"),
        ("*", "**"),
    ],
)
def test_ids_become_names_that_a_person_would_choose(target: str, expected: str) -> None:
    """A segment, or the part of one between other characters, that is an id; its name comes from what is before it."""
    assert spelled(target) == [expected]


def test_the_authors_variables_are_ids_too() -> None:
    """A variable's value has the variable's name wherever it stands whole."""
    assert spelled(
        "/flavors/m1.tiny", "/x-m1.tiny", "/xm1.tiny", f"/images/{UUID}", f"/{UUID}", flavor="m1.tiny", cirros=UUID
    ) == ["/flavors/{flavor}", "/x-{flavor}", "/xm1.tiny", "/images/{cirros}", "/{cirros}"]
    assert spelled("/a%2Fb", "/한", slash="a/b", hangul="한") == ["/{slash}", "/{hangul}"]
    assert spelled("/v2.1/1", "/x?n=1", "/x?n=2", one="1") == ["/v2.1/{one}", "/x?n", "/x?n=2"]
    assert spelled("/abc-def", short="abc", long="abc-def", bad_="", **{"no name": "def"}) == ["/{long}"]


def test_one_value_has_one_name_where_its_places_say_none() -> None:
    """What is an image_id in one path, or a network_id in a query, is that also where nothing says so."""
    found = spelled(f"/v1/c/glance/{UUID}", f"/v2/images/{UUID}", f"/ports?network_id={HEX}", f"/x/{HEX}/y")
    assert found == ["/v1/c/glance/{image_id}", "/v2/images/{image_id}", "/ports", "/x/{network_id}/y"]


def test_the_ids_of_a_recording_are_listed_with_their_names() -> None:
    """Each value once, in order of first use; short numbers, which say little elsewhere, are left out."""
    targets = [f"/a/{HEX}", f"/v2/images/{UUID}", f"/ports/42?network_id={HEX}", "/orders/123456"]
    calls = [call(f"a -> b GET {target}", n) for n, target in enumerate(targets)]
    assert list(name_ids(calls).items()) == [(HEX, "network_id"), (UUID, "image_id"), ("123456", "order_id")]
    assert name_ids(calls, {"project": HEX})[HEX] == "project"


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["/x?a=1"], ["/x"]),
        (["/x?a=1", "/x?a=1"], ["/x", "/x"]),
        (["/x?a=1", "/x?a=2"], ["/x?a=1", "/x?a=2"]),
        (["/x?a=1", "/x"], ["/x?a=1", "/x?"]),
        (["/x?a=1", "/y?a=2"], ["/x", "/y"]),
        ([f"/x?id={UUID}", f"/x?id={HEX}"], ["/x", "/x"]),
        ([f"/x?id={UUID}", "/x?name=y"], ["/x?id", "/x?name=y"]),
        (["/x?l=1&a=1", "/x?a=2&l=1"], ["/x?a=1", "/x?a=2"]),
        (["/x?l=1", f"/x?l=1&marker={UUID}"], ["/x", "/x?marker"]),
        (["/x?a=1&b=1", "/x?a=1&b=2", "/x?a=2&b=2"], ["/x?b=1", "/x?a=1&b=2", "/x?a=2"]),
        (["/x?since=2024-01-01T10:00:00Z", "/x?since=2024-01-02T10%3A00%3A00%2B01:00"], ["/x", "/x"]),
        (["/x?_=1700000000123", "/x?_=1700000001456"], ["/x", "/x"]),
        (["/x?q=a%20b", "/x?q=a%26b"], ["/x?q=a%20b", "/x?q=a%26b"]),
        ([f"/i/{UUID}?a=1", f"/i/{HEX}?a=2"], ["/i/{id}?a=1", "/i/{id}?a=2"]),
    ],
)
def test_a_query_stands_where_it_tells_calls_apart(targets: list[str], expected: list[str]) -> None:
    """As few pairs as tell a call from others of the same path; ids and times tell nothing."""
    assert spelled(*targets) == expected


def test_only_calls_of_the_same_two_are_told_apart() -> None:
    """A query is not needed where caller, callee or method differ."""
    lines = ["a -> b GET /x?q=1", "c -> b GET /x?q=2", "a -> c GET /x?q=3", "a -> b PUT /x?q=4"]
    assert all(selector.query is None for selector in spell([call(line, n) for n, line in enumerate(lines)]))


PIECES = st.sampled_from(
    ["images", "v2", "a", "42", "", "%", "%zz", "@1",
     "*", "**", "{x}", "%2F", "한", UUID, HEX, f"AUTH_{HEX}", f"‹a:{'0' * 16}›"]
)  # fmt: skip
PAIRS = st.sampled_from(
    ["a=1", "a=2", "b", "b=", "=", "&", f"id={UUID}", f"{HEX}=1", "t=1700000000", "q=*", "q={x}", "k=%"]
)
TARGETS = st.one_of(
    st.tuples(
        st.lists(st.lists(PIECES, max_size=2).map("".join), max_size=4).map("/".join),
        st.one_of(st.none(), st.lists(PAIRS, max_size=3).map("&".join)),
    ).map(lambda parts: "/" + parts[0] + ("" if parts[1] is None else "?" + parts[1])),
    st.text("ab0f%2Ff*{}?&=@+ #;한\ud800-", max_size=40).map(lambda text: "/" + text),
    st.sampled_from(["*", "host:443", "http://h", "http://h?x"]),
)
VARIABLES = st.dictionaries(
    st.sampled_from(["one", "two_id", "no name"]), st.text("ab%2F/*한0", max_size=4), max_size=3
)


@settings(max_examples=600, deadline=None)
@given(st.lists(TARGETS, min_size=1, max_size=5), VARIABLES)
@example(["/%2"], {"one": "2"})
@example(["/%252F" + HEX], {})
def test_a_spelled_call_is_selected_by_its_selector(targets: list[str], variables: dict[str, str]) -> None:
    """Whatever the targets: each call is selected by its own selector, which printing and parsing give back."""
    calls = [replace(call("a -> b GET /", number), target=target) for number, target in enumerate(targets)]
    for one, selector in zip(calls, spell(calls, variables)):
        assert one in selecting.select(calls, selector)
        assert Selector.parse(str(selector)) == selector


def test_selectors_of_one_recording_select_the_calls_of_the_next() -> None:
    """Another recording of the same flow, all of its ids others, has the same selectors and matches them."""
    before, after = record(first(), random.Random(1)), record(first(), random.Random(2))
    selectors = spell(before)
    assert selectors == spell(after)
    assert not {one.target for one in before if "-" in one.target and "/images/" in one.target} & {
        one.target for one in after
    }
    for selector, one in zip(selectors, after):
        assert one in selecting.select(after, selector)
