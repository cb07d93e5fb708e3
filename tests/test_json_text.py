"""JSON is re-spaced, never re-written."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requestshook.page.json_text import DEEPEST, respace

SCALARS = st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"{}\[\],:]+|[{}\[\],:]')


@given(VALUES, st.sampled_from([None, 0, 1, 3]), st.booleans())
def test_a_json_text_is_shown_as_json_dumps_would_with_its_own_tokens(
    value: Any, indent: int | None, ascii: bool
) -> None:
    """Whatever the spacing was, the lines are those of an indent of 2, and every token is spelled as it was."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    lines = respace(text)
    assert lines is not None
    assert "\n".join(lines) == json.dumps(value, indent=2, ensure_ascii=ascii)
    assert TOKENS.findall("\n".join(lines)) == TOKENS.findall(text)


@given(st.text(alphabet='{}[]:,"\\ \nu01.e-truefalsn‹', max_size=30), st.booleans())
@settings(max_examples=400)
def test_what_is_no_json_gives_none(text: str, cut: bool) -> None:
    """Exactly the texts that `json.loads` takes are shown as JSON; a cut one never crashes."""
    try:
        json.loads(text)
    except ValueError:
        assert cut or respace(text) is None
        respace(text, cut=True)
    else:
        assert respace(text) is not None


def test_order_duplicates_numbers_and_escapes_stay() -> None:
    """Nothing is normalised: not `1.50`, not `1E5`, not `\\u0041`, not a key that comes twice."""
    lines = respace('{"b":1.50,"a":1E5,"b":"\\u0041\\/","c":[ ],"d":{ },"e":12345678901234567890}')
    assert lines == [
        "{", '  "b": 1.50,', '  "a": 1E5,', '  "b": "\\u0041\\/",', '  "c": [],', '  "d": {},',
        '  "e": 12345678901234567890', "}",
    ]  # fmt: skip


@given(VALUES.filter(lambda value: isinstance(value, (list, dict)) and value), st.data())
def test_a_cut_text_is_shown_as_far_as_it_goes(value: Any, data: st.DataObject) -> None:
    """Cut anywhere, what is left is shown: its tokens, and nothing else."""
    text = json.dumps(value)
    text = text[: data.draw(st.integers(1, len(text)))]
    lines = respace(text, cut=True)
    assert lines is not None
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ('{"a": "b', '  "a": "b'),
        ('{"a', '  "a'),
        ('{"a" :  tr', '  "a": tr'),
        ('{"a":[1,2', "    2"),
        ('["\\u00', '  "\\u00'),
    ],
)
def test_a_cut_inside_a_token_keeps_its_beginning(text: str, last: str) -> None:
    """The token at the cut stands on its line, as far as it was kept."""
    lines = respace(text, cut=True)
    assert lines is not None
    assert lines[-1] == last


def test_a_hundred_thousand_brackets_take_a_moment() -> None:
    """Nesting costs neither recursion nor an indent that outgrows the text."""
    depth = 100_000
    started = time.process_time()
    lines = respace("[" * depth + "]" * depth)
    assert time.process_time() - started < 5
    assert lines is not None
    assert len(lines) == 2 * depth - 1
    assert max(map(len, lines)) <= 2 * DEEPEST + 2
    assert len(respace("[" * depth, cut=True) or []) == depth


def test_an_unterminated_string_takes_linear_time() -> None:
    """A long string without its end, full of escapes, is given up at once."""
    started = time.process_time()
    assert respace('["' + "\\n" * 200_000) is None
    assert time.process_time() - started < 2
