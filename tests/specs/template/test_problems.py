"""What is wrong with a template, and where."""

import pickle
from typing import Any

import pytest
from tests.specs.template.support import failure

from dataflow_runner.specs.template import TemplateError, parse, problems

SYNTAX = [
    ("{{", 1, "unclosed action: no }} before the end of the text"),
    ("{{.name", 1, "unclosed action: no }} before the end of the text"),
    ("{{.name {{.name}}", 1, "unclosed action: no }} before another {{"),
    ('{{"abc}}', 3, "unclosed action: unterminated quoted string"),
    ('{{"abc\n"}}', 3, "unclosed action: unterminated quoted string"),
    ("{{`abc}}", 3, "unclosed action: unterminated raw quoted string"),
    ("{{'a}}", 3, "unclosed action: unterminated character constant"),
    ("{{/* abc }}", 1, "unclosed comment: no */}} before the end of the text"),
    ("{{/* abc */ .x}}", 1, "comment ends before closing delimiter: }} must follow */ at once"),
    ("{{}}", 3, "missing value for command"),
    ("{{if}}{{end}}", 5, "missing value for if"),
    ("{{if .x}}", 1, "{{if}} is not closed: its {{end}} is missing"),
    ("{{if .x}}{{else}}", 1, "{{if}} is not closed: its {{end}} is missing"),
    ("{{end}}", 3, "unexpected {{end}}: no block is open"),
    ("{{else}}", 3, "unexpected {{else}} outside of a block"),
    ("{{if .x}}{{else}}{{else}}{{end}}", 20, "unexpected {{else}} after {{else}}"),
    ("{{if .x}}{{else with .y}}{{end}}", 17, "unexpected {{else with}} in {{if}}"),
    ("{{range .x}}{{else if .y}}{{end}}", 20, "unexpected {{else if}} in {{range}}"),
    ("{{break}}", 3, "{{break}} outside {{range}}"),
    ("{{range .x}}{{else}}{{continue}}{{end}}", 23, "{{continue}} outside {{range}}"),
    ("{{range .x}}{{break 1}}{{end}}", 21, 'unexpected "1" in break'),
    ("{{end .x}}", 7, 'unexpected ".x" in end'),
    ("{{(1}}", 3, "unclosed left paren"),
    ("{{1)}}", 4, "unexpected right paren"),
    ("{{()}}", 4, "missing value for parenthesized pipeline"),
    ("{{.x |}}", 7, "unexpected }} in command"),
    ("{{| .x}}", 3, 'unexpected "|" in command'),
    ("{{.x,.y}}", 5, 'unexpected "," in operand'),
    ("{{@}}", 3, 'unexpected "@" in command'),
    ("{{1 2}}", 3, "can't give argument to non-function 1"),
    ('{{.x | "a"}}', 8, 'can\'t give argument to non-function "a"'),
    ("{{.x 1}}", 3, "can't give argument to non-function .x"),
    ("{{nil}}", 3, "nil is not a command"),
    ("{{nil.x}}", 6, "unexpected . after term nil"),
    ("{{1 .x}}", 3, "can't give argument to non-function 1"),
    ("{{..x}}", 4, "unexpected . after term ."),
    ("{{$x}}", 3, 'undefined variable "$x"'),
    ("{{$x = 1}}", 3, 'undefined variable "$x"'),
    ("{{$x := $x}}", 9, 'undefined variable "$x"'),
    ("{{if true}}{{$x := 1}}{{end}}{{$x}}", 32, 'undefined variable "$x"'),
    ("{{$ := 1}}", 3, "$ is the data and can't be set; give the variable a name"),
    ("{{$a, $b := 1}}", 5, "too many declarations in command"),
    ("{{range $a, $b, $c := .x}}{{end}}", 15, "too many declarations in range"),
    ("{{range $a, 3}}{{end}}", 13, 'range can only initialize variables: expected ":=" or "="'),
    ("{{len}}", 3, "wrong number of args for len: want 1 got 0"),
    ("{{1 | len 2}}", 7, "wrong number of args for len: want 1 got 2"),
    ("{{print len}}", 9, "wrong number of args for len: want 1 got 0"),
    ("{{printf}}", 3, "wrong number of args for printf: want at least 1 got 0"),
    ("{{nowFormat `2006`}}", 3, 'function "nowFormat" not defined; did you mean "nowWithFormat"?'),
    ("{{zzz}}", 3, 'function "zzz" not defined'),
    ("{{call .x}}", 3, 'function "call" is not supported: data of a template holds no functions'),
    ('{{define "x"}}a{{end}}', 3, "{{define}} is not supported: write its text where it is wanted"),
    ('{{template "x"}}', 3, "{{template}} is not supported: write its text where it is wanted"),
    ('{{block "x" .}}a{{end}}', 3, "{{block}} is not supported: write its text where it is wanted"),
    ("{{print if}}", 9, "unexpected <if> in operand"),
    ("{{1x}}", 3, 'bad number syntax: "1x"'),
    ("{{08}}", 3, 'bad number syntax: "08"'),
    ("{{1__0}}", 3, 'bad number syntax: "1__0"'),
    ("{{0x}}", 3, 'bad number syntax: "0x"'),
    ("{{2i}}", 3, 'complex numbers are not supported: "2i"'),
    ("{{9223372036854775808}}", 3, "9223372036854775808 overflows int"),
    ("{{1e999}}", 3, "1e999 overflows float64"),
    ("{{0x1p99999}}", 3, "0x1p99999 overflows float64"),
    ("{{''}}", 3, "malformed character constant: ''"),
    ("{{'ab'}}", 3, "malformed character constant: 'ab'"),
    ('{{"\\q"}}', 3, 'unknown escape "\\q" in a literal; a backslash is written \\\\'),
    ('{{"\\ud800"}}', 3, "\\ud800 is no Unicode character"),
    ('{{"\\400"}}', 3, "\\400 is over \\377"),
    ('{{"\\xff"}}', 3, "a string literal whose escapes aren't UTF-8 text"),
    ("{{.a-b}}", 5, 'bad character U+002D \'-\' after .a; a key that holds "-" is read by {{index . "the-key"}}'),
    ('{{print"a"}}', 8, "bad character U+0022 '\"' after print"),
    ("{{$x=1}}", 5, "bad character U+003D '=' after $x"),
]


@pytest.mark.parametrize(("text", "column", "message"), SYNTAX)
def test_a_syntax_problem_has_its_message_and_place(text: str, column: int, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse("first\n" + text)
    assert (caught.value.message, caught.value.line, caught.value.column) == (message, 2, column)
    assert problems("first\n" + text)[0].message == message


def test_backslashed_quotes_in_a_json_file_are_explained() -> None:
    (problem,) = problems('{"run": "{{nowWithFormat \\"2006\\"}}"}')
    assert "without a backslash" in problem.message
    assert (problem.line, problem.column) == (1, 26)


def test_every_problem_of_a_text_is_reported_in_its_order() -> None:
    text = "{{foo | bar}}\n{{if $z}}{{1x}}\n{{.a {{.b}}\n{{with 1 1}}{{end}}{{else 3}}{{end}}{{end}}"
    found = [(problem.line, problem.column, problem.message) for problem in problems(text)]
    assert found == [
        (1, 3, 'function "foo" not defined'),
        (1, 9, 'function "bar" not defined'),
        (2, 6, 'undefined variable "$z"'),
        (2, 12, 'bad number syntax: "1x"'),
        (3, 1, "unclosed action: no }} before another {{"),
        (4, 8, "can't give argument to non-function 1"),
        (4, 27, 'unexpected "3" in else'),
        (4, 39, "unexpected {{end}}: no block is open"),
    ]


def test_a_block_with_a_broken_condition_still_takes_its_end() -> None:
    found = [problem.message for problem in problems("{{if )}}a{{else if (}}b{{end}}{{.x}}")]
    assert found == ["unexpected right paren", "unexpected }} in command"]


def test_a_good_template_has_no_problems() -> None:
    assert problems('{{range $i, $e := .l}}{{if $i}},{{end}}{{printf "%q" $e}}{{else}}{{secret "x"}}{{end}}') == ()


MISSING = [
    ("{{.nam}}", 3, 'map has no entry for key "nam"; did you mean "name"?'),
    ("{{.zzzzzz}}", 3, 'map has no entry for key "zzzzzz"'),
    ("{{ .tree.lea }}", 9, 'map has no entry for key "lea"; did you mean "leaf"?'),
    ("{{$.nam}}", 4, 'map has no entry for key "nam"; did you mean "name"?'),
    ("{{.name.x}}", 8, "can't evaluate field x in type string"),
    ("{{.nothing.x}}", 11, 'nil data; no entry for key "x"'),
    ("{{(index . `zz`).x}}", 17, 'nil data; no entry for key "x"'),
    ("{{if .nam}}{{end}}", 6, 'map has no entry for key "nam"; did you mean "name"?'),
]


@pytest.mark.parametrize(("text", "column", "message"), MISSING)
def test_a_missing_key_names_its_line_and_column_and_a_near_name(text: str, column: int, message: str) -> None:
    error = failure("é\n" + text)
    assert (error.message, error.line, error.column) == (message, 2, column)


def test_a_key_missing_in_a_branch_that_is_not_taken_is_no_error() -> None:
    assert not problems("{{if false}}{{.nam}}{{end}}")


RANGES = [
    ("{{range .name}}{{end}}", "range can't iterate over a value of type string"),
    ("{{range .ratio}}{{end}}", "range can't iterate over a value of type float64"),
    ("{{range true}}{{end}}", "range can't iterate over a value of type bool"),
    ("{{range $i, $e := 3}}{{end}}", "can't iterate over an integer with more than one variable"),
    ("{{$x := and false ($y := 1)}}{{$y}}", 'undefined variable "$y"'),
    ("{{$x := and false ($y := 1)}}{{$y = 2}}", 'undefined variable "$y"'),
]


@pytest.mark.parametrize(("text", "message"), RANGES)
def test_what_only_expanding_can_find(text: str, message: str) -> None:
    assert failure(text).message == message


def test_data_of_a_foreign_type_is_refused_by_name() -> None:
    careless: dict[str, Any] = {"when": b"bytes"}
    assert failure("{{.when}}", careless).message == "data of type bytes can't be used in a template"


def test_an_error_reads_well_and_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(failure("{{.nam}}")))
    assert str(error) == 'line 1, column 3: map has no entry for key "nam"; did you mean "name"?'
