"""What actions mean, by Go's documentation of text/template."""

import pytest
from tests.specs.template.support import expanded

TEXT_AND_TRIMMING = [
    ("", ""),
    ("no action }} here }", "no action }} here }"),
    ('{"a": {"b": 1}}', '{"a": {"b": 1}}'),
    ("a {{.name}} b", "a x b"),
    ("{{.name}}}}", "x}}"),
    ("a \n\t{{- .name -}} \r\n b", "axb"),
    ("a {{- /* why */ -}} b", "ab"),
    ('a {{/* why\n{{ " not */}} b', "a  b"),
    ("{{23 -}} < {{- 45}}", "23<45"),
    ("{{-3}}", "-3"),
    ("{{- 3}}", "3"),
    ("{{3 -}}\n", "3"),
    ("{{\n.name\n}}", "x"),
    ("{{.name}}{{- .name}}", "xx"),
    ("  {{- .name}}", "x"),
]


@pytest.mark.parametrize(("text", "outcome"), TEXT_AND_TRIMMING)
def test_text_is_copied_and_trim_markers_take_the_space_beside_them(text: str, outcome: str) -> None:
    assert expanded(text) == outcome


LITERALS = [
    ('"a\\tb\\"\\\\"', 'a\tb"\\'),
    ('"\\x41\\101\\u00e9\\U0001F600"', "AAé😀"),
    ('"\\xc3\\xa9"', "é"),
    ('"}}"', "}}"),
    ('`}} "raw" \\n`', '}} "raw" \\n'),
    ("`two\nlines`", "two\nlines"),
    ("'a'", "97"),
    ("'\\n'", "10"),
    ("'\\''", "39"),
    ("'\\x41'", "65"),
    ("'é'", "233"),
    ("0x1F", "31"),
    ("0b101", "5"),
    ("0o17", "15"),
    ("017", "15"),
    ("0", "0"),
    ("1_000_000", "1000000"),
    ("-12", "-12"),
    ("+12", "12"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("1.5", "1.5"),
    (".5", "0.5"),
    ("1e3", "1000"),
    ("1e6", "1e+06"),
    ("1e-7", "1e-07"),
    ("0x1p4", "16"),
    ("0x1.8p1", "3"),
    ("true", "true"),
    ("false", "false"),
    ("print nil", "<nil>"),
]


@pytest.mark.parametrize(("literal", "outcome"), LITERALS)
def test_literals_are_read_in_all_of_gos_spellings(literal: str, outcome: str) -> None:
    assert expanded("{{" + literal + "}}") == outcome


FIELDS_AND_VARIABLES = [
    ("{{.tree.a.b}}", "deep"),
    ("{{$.name}}", "x"),
    ("{{(index . `tree`).leaf}}", "d"),
    ("{{(.tree).a.b}}", "deep"),
    ("{{$t := .tree}}{{$t.leaf}}{{$t.a.b}}", "ddeep"),
    ("{{$x:=1}}{{$x}}", "1"),
    ("{{$x := 1}}{{$x = 2}}{{$x}}", "2"),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
    ("{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "21"),
    ("{{if $x := .name}}{{$x}}{{end}}", "x"),
    ("{{if $x := .empty}}{{else}}[{{$x}}]{{end}}", "[]"),
    ("{{print ($y := 3) $y}}", "3 3"),
    ("{{.nothing}}", "<no value>"),
    ("{{.list}} {{.tree.numbers}} {{.ratio}} {{.count}}", "[p q] [1 2 3] 1.5 3"),
    ("{{.tree.a}}", "map[b:deep]"),
]


@pytest.mark.parametrize(("text", "outcome"), FIELDS_AND_VARIABLES)
def test_fields_and_variables(text: str, outcome: str) -> None:
    assert expanded(text) == outcome


PIPELINES = [
    ('{{"output" | printf "%s"}}', "output"),
    ('{{"put" | printf "%s%s" "out" | printf "%q"}}', '"output"'),
    ('{{printf "%q" (print "out" "put")}}', '"output"'),
    ('{{.name | print "a" | len}}', "2"),
    ("{{(1)}}", "1"),
    ('{{with "output"}}{{printf "%q" .}}{{end}}', '"output"'),
    ('{{with $x := "output" | printf "%q"}}{{$x}}{{end}}', '"output"'),
    ("{{print print}}", ""),
    ("{{$x := 5 | print}}{{$x}}", "5"),
]


@pytest.mark.parametrize(("text", "outcome"), PIPELINES)
def test_pipelines_hand_each_value_to_the_next_command_as_last_argument(text: str, outcome: str) -> None:
    assert expanded(text) == outcome


BRANCHES = [
    ("{{if .name}}y{{end}}", "y"),
    ("{{if .empty}}y{{else}}n{{end}}", "n"),
    ("{{if 0}}a{{else if .none}}b{{else if 0.0}}c{{else}}e{{end}}", "e"),
    ("{{if .empty}}a{{else if .name}}b{{else}}c{{end}}", "b"),
    ("{{if false}}a{{end}}b", "b"),
    ("{{with .tree}}{{.leaf}}{{$.name}}{{end}}", "dx"),
    ("{{with .empty}}a{{else}}{{.name}}{{end}}", "x"),
    ("{{with .empty}}a{{else with .tree}}{{.leaf}}{{else}}c{{end}}", "d"),
    ("{{if and .name (eq .count 3)}}y{{end}}", "y"),
]


@pytest.mark.parametrize(("text", "outcome"), BRANCHES)
def test_if_and_with_choose_by_gos_truth(text: str, outcome: str) -> None:
    assert expanded(text) == outcome


LOOPS = [
    ("{{range .list}}{{.}},{{end}}", "p,q,"),
    ("{{range $e := .list}}{{$e}}{{end}}", "pq"),
    ("{{range $i, $e := .list}}{{$i}}{{$e}}{{end}}", "0p1q"),
    ("{{range $k, $v := .tree.a}}{{$k}}={{$v}}{{end}}", "b=deep"),
    ("{{range $k, $v := .}}{{$k}} {{end}}", "count empty list name none nothing ratio tree "),
    ("{{range .none}}a{{else}}none{{end}}", "none"),
    ("{{range .nothing}}a{{else}}none{{end}}", "none"),
    ("{{range 3}}{{.}}{{end}}", "012"),
    ("{{range $i := .count}}{{$i}}{{end}}", "012"),
    ("{{range 0}}a{{else}}none{{end}}", "none"),
    ("{{range .tree.numbers}}{{if eq . 2}}{{continue}}{{end}}{{.}}{{end}}", "13"),
    ("{{range .tree.numbers}}{{if eq . 2}}{{break}}{{end}}{{.}}{{end}}!", "1!"),
    ("{{range .list}}{{range $.tree.numbers}}{{break}}{{end}}{{.}}{{end}}", "pq"),
    ("{{$n := 0}}{{range $n = .tree.numbers}}{{end}}{{$n}}", "3"),
    ("{{$x := 1}}{{range .list}}{{$x = 7}}{{end}}{{$x}}", "7"),
    ("{{range .list}}{{with $.tree}}{{continue}}{{end}}a{{end}}", ""),
]


@pytest.mark.parametrize(("text", "outcome"), LOOPS)
def test_range_visits_lists_maps_in_key_order_and_integers(text: str, outcome: str) -> None:
    assert expanded(text) == outcome


def test_what_an_expansion_puts_out_is_never_expanded_again() -> None:
    assert expanded("{{.a}}{{`{{.b}}`}}", {"a": "{{.b}}", "b": "no"}) == "{{.b}}{{.b}}"


def test_a_dot_inside_with_is_the_new_value_and_dollar_stays_the_data() -> None:
    assert expanded("{{with .tree}}{{with .a}}{{.b}} {{$.count}}{{end}}{{end}}") == "deep 3"
