import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow_runner.specs.bounds import MAX_DEPTH, MAX_VALUES
from dataflow_runner.specs.jsontext import Json, Lines, Place, Unparseable, dump, parse, quote

VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_the_standard_library_writes_is_read_alike(value: Json) -> None:
    assert parse(json.dumps(value)).value == value
    assert parse(dump(value, string=quote)).value == value


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn \n\\uZ/', max_size=40))
def test_the_verdict_is_the_standard_librarys(text: str) -> None:
    """Which takes NaN and Infinity, but this alphabet can't spell them."""
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(Unparseable):
            parse(text)
    else:
        parsed = parse(text)
        if not parsed.faults:
            assert parsed.value == expected


def test_every_value_and_key_has_its_place() -> None:
    text = '{"a": [10, {"b/~": null}]}'
    places = parse(text).places
    assert places[""] == Place(0, 0)
    assert places["/a"] == Place(6, 1)
    assert places["/a/0"] == Place(7, 7)
    assert places["/a/1/b~1~0"] == Place(text.index("null"), text.index('"b/'))


def test_lines_and_columns_count_from_one() -> None:
    lines = Lines("ab\n\ncd")
    assert [lines.position(at) for at in (0, 2, 3, 4, 5)] == [(1, 1), (1, 3), (2, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, "expected a value, found the end of the text"),
        ('{"a": }', 6, "expected a value, found '}'; no comma before it"),
        ('{"a": 1,}', 8, "expected a key in double quotes, found '}'; no comma before it"),
        ("[1, ]", 4, "expected a value, found ']'; no comma before it"),
        ("{'a': 1}", 1, "JSON's quotes are double"),
        ('{"a" 1}', 5, "expected ':' after the key 'a', found '1'"),
        ('{"a": 1 "b": 2}', 8, "expected ',' or '}', found '\"'"),
        ("[1 2]", 3, "expected ',' or ']', found '2'"),
        ("[1] x", 4, "expected the end of the text, found 'x'"),
        ("// a comment", 0, "JSON has no comments"),
        ("[NaN]", 1, "JSON has no NaN"),
        ("[-Infinity]", 1, "JSON has no infinity"),
        ("[True]", 1, "JSON writes true"),
        ("[01]", 2, "expected ',' or ']', found '1'"),
        ("[1e999]", 1, "the number '1e999' is too large"),
        ('["a\nb"]', 3, "a line break or control character inside a string"),
        ('["abc]', 1, "this string has no closing quote"),
        (r'["\q"]', 2, "an unknown escape"),
        (f"[{'9' * 5000}]", 1, "a number of 5000 characters"),
    ],
)
def test_a_syntax_error_says_where_and_what_was_expected(text: str, offset: int, message: str) -> None:
    with pytest.raises(Unparseable, match=re.escape(message)) as caught:
        parse(text)
    assert caught.value.offset == offset


def test_equal_keys_are_a_fault_at_the_second_and_the_rest_is_still_read() -> None:
    parsed = parse('{"a": 1, "a": 2, "b": 3}')
    [fault] = parsed.faults
    assert (fault.rule, fault.pointer, fault.offset) == ("duplicate-key", "/a", 9)
    assert parsed.value == {"a": 2, "b": 3}


def test_half_a_surrogate_pair_is_a_fault() -> None:
    [fault] = parse(r'["\ud83d"]').faults
    assert fault.rule == "surrogate"
    assert parse(r'["\ud83d\ude00"]').value == ["\U0001f600"]


def test_depth_is_bounded_before_the_stack_is() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse(deepest).faults == []
    with pytest.raises(Unparseable, match="nested more than 100 levels"):
        parse("[" * 1_000_000)


def test_the_number_of_values_is_bounded() -> None:
    with pytest.raises(Unparseable, match="more than 200000 values"):
        parse("[" + "0," * MAX_VALUES + "0]")


def test_strings_are_handed_out_in_the_order_of_the_text() -> None:
    seen: list[str] = []

    def note(string: str) -> str:
        seen.append(string)
        return string.upper()

    assert parse('{"a": ["b", "c"], "d": "e"}', strings=note).value == {"A": ["B", "C"], "D": "E"}
    assert seen == ["a", "b", "c", "d", "e"]
