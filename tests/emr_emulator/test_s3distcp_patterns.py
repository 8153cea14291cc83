"""Java's regular expressions in Python's terms; the expectations are java.util.regex.Pattern's documentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emr_emulator.s3distcp.patterns import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r".*(part-)\d+-(.*)", "s3://b/x/part-00001-abc.gz", True),
        (r"(?<year>\d{4})-\k<year>", "2024-2024", True),
        (r"(?<year>\d{4})-\k<year>", "2024-2025", False),
        (r".*(?<!a)b", "xb", True),
        (r".*(?<=a)b", "xb", False),
        (r"\Qa.b\E.*", "a.bc", True),
        (r"\Qa.b\E.*", "axbc", False),
        (r"\Qa+b", "a+b", True),
        (r"\p{Alpha}+\p{Digit}", "abc7", True),
        (r"[\p{Upper}_]+", "A_B", True),
        (r"\P{Digit}+", "ab1", False),
        (r"a++b", "aab", True),
        (r"a++ab", "aab", False),
        (r"a\z", "a", True),
        (r"[(?<n>]+", "<n>(?", True),
        (r"\d+", "٣", False),
        (r"a|ab", "ab", True),
        (r"\\Q", r"\Q", True),
    ],
)
def test_a_java_pattern_matches_what_java_matches(pattern: str, text: str, matches: bool) -> None:
    assert bool(compile_pattern(pattern).fullmatch(text)) is matches


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("(a", "is not a regular expression"),
        ("[a-z&&[^b]]", "inside a character class"),
        (r"\p{IsGreek}", "is not supported here"),
        (r"\pL", "is not supported here"),
        (r"\G a", "is not supported here"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(pattern: str, complaint: str) -> None:
    with pytest.raises(PatternError, match=complaint):
        compile_pattern(pattern)


@given(st.text(alphabet=st.characters(exclude_characters="\\")))
def test_quoted_text_matches_itself_and_nothing_else(text: str) -> None:
    pattern = compile_pattern(rf"\Q{text}\E")
    assert pattern.fullmatch(text)
    assert not pattern.fullmatch(f"{text}x")
