import pytest

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.findings import (
    Finding,
    Problem,
    Severity,
    did_you_mean,
    finding_at,
    join,
    not_below,
    quoted,
    redact,
)


def test_a_finding_prints_as_one_line_that_an_editor_can_jump_from() -> None:
    finding = finding_at("a.json", "/data/name", (3, 7), "wrong-type", "expected a string, found null")
    assert str(finding) == "a.json:3:7: error wrong-type /data/name: expected a string, found null"


def test_a_finding_without_a_line_names_the_file_alone() -> None:
    assert str(finding_at("a.avro", "", (None, None), "avro", "truncated")) == "a.avro: error avro: truncated"


def test_a_finding_can_neither_break_its_line_nor_repaint_a_terminal() -> None:
    assert str(finding_at("a", "/k\n", (1, 1), "r", "\x1b[2J\r\nx")) == r"a:1:1: error r /k\n: \x1b[2J\r\nx"


def test_a_spec_error_carries_and_prints_all_findings() -> None:
    findings = [finding_at("a", "", (line, 1), "r", "m") for line in (1, 2)]
    error = SpecError(findings)
    assert error.findings == tuple(findings)
    assert str(error) == "a:1:1: error r: m\na:2:1: error r: m"


def test_pointers_escape_what_rfc_6901_escapes() -> None:
    assert join("/a", "b/c~d") == "/a/b~1c~0d"
    assert join("", 3) == "/3"


def test_consequences_of_a_broken_value_are_left_out() -> None:
    broken = Problem(pointer="/data/a", rule="wrong-type", message="")
    later = [
        Problem(pointer=pointer, rule="x", message="") for pointer in ("/data/a", "/data/a/b", "/data/ab", "/data")
    ]
    assert [problem.pointer for problem in not_below(later, [broken])] == ["/data/ab", "/data"]


@pytest.mark.parametrize(("word", "hint"), [("stpes", " (did you mean 'steps'?)"), ("NAME", " (did you mean 'name'?)")])
def test_close_words_are_suggested(word: str, hint: str) -> None:
    assert did_you_mean(word, ["steps", "name"]) == hint
    assert did_you_mean("completely", ["steps", "name"]) == ""


def test_long_values_are_cut() -> None:
    assert len(quoted("x" * 1000)) < 70


@pytest.mark.parametrize("shown", ["'abcdefghij'", "…'abcdef…", "ghijkl"])
def test_a_message_that_shows_a_part_of_a_secret_is_replaced(shown: str) -> None:
    finding = Finding(
        file="f", pointer="/p", line=1, column=1, severity=Severity.ERROR, rule="r", message=f"found {shown}"
    )
    [clean] = redact([finding], ["abcdefghijkl"])
    assert shown not in clean.message
    assert redact([finding], []) == (finding,)
