"""A hostile text costs little and ends in a TemplateError that names the limit."""

import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from tests.specs.template.support import expanded, failure

from dataflow_runner.specs.template import Limits, TemplateError, Value, parse, problems, spans

MANY = 100_000
"""Enough for a reader that takes quadratic time never to come back."""

HOSTILE = {
    "braces": "{" * 2_000_000,
    "closing braces": "}" * 2_000_000,
    "opened comments": "{{/*" * MANY,
    "opened strings": '{{"' * MANY,
    "opened raw strings": "{{`" * MANY,
    "opened characters": "{{'" * MANY,
    "backslashed quotes": "{{" + '\\"' * MANY,
    "escapes": '{{"' + '\\"' * MANY + "}}",
    "parentheses": "{{" + "(" * MANY + "}}",
    "closing parentheses": "{{" + ")" * MANY + "}}",
    "blocks": "{{if 1}}" * MANY,
    "ends": "{{end}}" * MANY,
    "arguments": "{{print " + "1 " * MANY + "}}",
    "chain": "{{" + ".a" * MANY + "}}",
    "pipes": "{{1" + "|print" * MANY + "}}",
    "digits": "{{" + "1" * (10 * MANY) + "}}",
    "a long name": "{{" + "a" * (10 * MANY) + "}}",
    "a long field": "{{." + "a" * (10 * MANY) + "}}",
    "spaces": "{{" + " " * (10 * MANY) + "}}",
    "trims": "{{- 1 -}}" + " " * (10 * MANY) + "{{- 1 -}}",
}


@pytest.mark.parametrize("read", [problems, spans], ids=lambda read: str(read.__name__))
def test_hostile_texts_are_read_to_their_end(read: Callable[[str], object]) -> None:
    for text in HOSTILE.values():
        with suppress(TemplateError):
            read(text)


def test_a_name_without_end_is_cut_in_messages() -> None:
    (problem,) = problems("{{" + "a" * 100_000 + "}}")
    assert len(str(problem)) < 500


def test_problems_stop_at_their_limit() -> None:
    assert len(problems("{{}}" * 1000)) == 100
    assert len(problems("{{}}" * 1000, Limits(problems=7))) == 7


def test_words_are_limited() -> None:
    limits = Limits(tokens=10)
    parse("{{1}}" * 5, limits)
    with pytest.raises(TemplateError, match=r"line 1, column 26: .*limit of 10 \(tokens\)"):
        parse("{{1}}" * 6, limits)


@pytest.mark.parametrize(
    ("begin", "middle", "end"),
    [
        ("{{if 1}}", "a", "{{end}}"),
        ("{{range 1}}", "a", "{{end}}"),
        ("{{with 1}}", "a", "{{end}}"),
        ("{{with (print 1)}}", "a", "{{end}}"),
    ],
)
def test_blocks_as_deep_as_the_limit_expand_and_deeper_ones_are_refused(begin: str, middle: str, end: str) -> None:
    assert expanded(begin * 62 + middle + end * 62) == middle
    assert "(depth)" in failure(begin * 64 + middle + end * 64).message


def test_parentheses_as_deep_as_the_limit_expand_and_deeper_ones_are_refused() -> None:
    assert expanded("{{" + "(print " * 63 + "1" + ")" * 63 + "}}") == "1"
    assert "(depth)" in failure("{{" + "(" * 64 + "1" + ")" * 64 + "}}").message


def test_the_deepest_template_leaves_half_of_pythons_stack_to_the_caller() -> None:
    text = "{{range 1}}" * 31 + "{{" + "(print " * 31 + "1" + ")" * 31 + "}}" + "{{end}}" * 31

    def descend(frames: int) -> str:
        return descend(frames - 1) if frames else expanded(text)

    limit = sys.getrecursionlimit()
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    sys.setrecursionlimit(depth + 1000)
    try:
        assert descend(500) == "1"
    finally:
        sys.setrecursionlimit(limit)


def test_a_long_else_if_chain_is_not_deep() -> None:
    assert expanded("{{if 0}}" + "{{else if 0}}" * 5000 + "{{else}}z{{end}}") == "z"


def test_data_inside_data_is_printed_to_the_depth_limit() -> None:
    deep: Value = "x"
    for _ in range(100):
        deep = [deep]
    assert "(depth)" in failure("{{.d}}", {"d": deep}).message


OUTPUT = [
    "{{range 1000}}0123456789{{end}}",
    "{{$x := `0123456789`}}{{range 1000}}{{$x = print $x $x}}{{end}}",
    "{{range 1000}}{{println `0123456789`}}{{end}}",
    '{{printf "%1000d%1000d" 1 1}}',
    '{{$x := printf "%900s" "<"}}{{html $x $x}}',
    '{{$x := printf "%0900s" "<"}}{{base64 $x}}',
]


@pytest.mark.parametrize("text", OUTPUT)
def test_output_and_every_string_on_the_way_are_limited(text: str) -> None:
    error = failure(text, {}, Limits(output=1000))
    assert "over the limit of 1000 (output)" in error.message


def test_the_output_limit_counts_utf8() -> None:
    assert failure("ééé", {}, Limits(output=5)).message.endswith("(output)")
    assert expanded("ééé", {}) == "ééé"


def test_a_long_expansion_runs_out_of_steps() -> None:
    for text in ("{{range 1000}}{{range 1000}}{{end}}{{end}}", "{{range 0x7fffffffffffffff}}{{end}}"):
        assert "over the limit of 10000 (steps)" in failure(text, {}, Limits(steps=10_000)).message


def test_work_on_long_strings_costs_steps() -> None:
    text = '{{$x := printf "%10000d" 1}}{{range 100}}{{$y := len $x}}{{end}}'
    assert "(steps)" in failure(text, {}, Limits(steps=10_000)).message


@pytest.mark.parametrize("pattern", ['"%10001d" 1', '"%.10001f" 1.5', '"%*d" 10001 1', '"%99999999999999999d" 1'])
def test_width_and_precision_are_limited(pattern: str) -> None:
    assert "over the limit of 10000 (width)" in failure("{{printf " + pattern + "}}").message


@pytest.mark.parametrize("limit", ["output", "steps", "depth", "width", "tokens", "problems"])
def test_a_limit_must_be_positive(limit: str) -> None:
    with pytest.raises(ValueError, match=limit):
        Limits(**{limit: 0})


def test_a_depth_that_python_could_not_follow_is_refused() -> None:
    with pytest.raises(ValueError, match="depth can't be over 64"):
        Limits(depth=65)


def test_integers_beyond_64_bits_are_refused() -> None:
    assert failure("{{.n}}", {"n": 10**5000}).message == "an integer beyond 64 bits"
