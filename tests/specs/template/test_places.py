"""Where things are: actions in a raw text, characters of an expansion, uses of data and world."""

import pytest
from tests.specs.template.support import expansion

from dataflow_runner.specs.template import FieldUse, TemplateError, WorldCall, parse, references, spans


def found(text: str) -> list[str]:
    return [text[start:end] for start, end in spans(text)]


def test_spans_are_the_actions_with_their_braces() -> None:
    assert found('{"a": "{{.x}}", "b": "x{{- "}}" -}} y"}') == ["{{.x}}", '{{- "}}" -}}']


@pytest.mark.parametrize(
    "action",
    [
        "{{`}}`}}",
        "{{'}'}}",
        '{{"\\"}}"}}',
        "{{/* }} { ' \" */}}",
        "{{- /* }} */ -}}",
        "{{\n.x\n}}",
        "{{}}",
        "{{foo ) 1x}}",
    ],
)
def test_a_span_ends_after_literals_and_comments_whatever_they_hold(action: str) -> None:
    assert found(f"a{action}b}}}}") == [action]


def test_spans_need_no_sense_in_an_action_but_an_end() -> None:
    with pytest.raises(TemplateError, match="line 2, column 3: unclosed action"):
        spans("{{foo}}\n  {{.x")


def places(text: str) -> list[tuple[int, int]]:
    outcome = expansion(text)
    return [outcome.origin(offset) for offset in range(len(outcome.text) + 1)]


def test_text_keeps_its_places_and_output_has_its_actions_place() -> None:
    assert places("ab\n{{.tree.leaf}}{{.list}}c") == [
        (1, 1), (1, 2), (1, 3), (2, 1), *[(2, 15)] * 5, (2, 24), (2, 25),
    ]  # fmt: skip


def test_trimmed_text_keeps_its_places() -> None:
    assert places("a \n {{- 1 -}} \n b") == [(1, 1), (2, 2), (3, 2), (3, 3)]


def test_text_inside_a_loop_has_the_same_place_each_time() -> None:
    assert places("{{range .list}}x{{end}}") == [(1, 16), (1, 16), (1, 24)]


def test_a_place_outside_the_text_is_an_error() -> None:
    for offset in (-1, 2):
        with pytest.raises(IndexError):
            expansion("a").origin(offset)


def test_references_are_the_top_level_fields_and_the_calls_of_the_world() -> None:
    template = parse(
        "{{.a.b}} {{$.c}}\n{{with .d}}{{.no}}{{$.e}}{{else}}{{.f}}{{end}}{{with $}}{{.g}}{{end}}"
        '{{range .h}}{{.no}}{{end}}{{index . "i"}}{{print (len .j)}}\n'
        '{{systemEnv "HOME"}}{{"db" | secret}}{{base64File .k}}{{nowWithFormat (print "x")}}{{$x := .l}}{{$x.no}}'
    )
    uses = references(template)
    assert [use.name for use in uses.fields] == ["a", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]
    assert uses.fields[1] == FieldUse(name="c", line=1, column=13, is_optional=False)
    assert [use.name for use in uses.fields if use.is_optional] == ["i"]
    assert uses.calls == (
        WorldCall(function="systemEnv", argument="HOME", line=3, column=3),
        WorldCall(function="secret", argument="db", line=3, column=30),
        WorldCall(function="base64File", argument=None, line=3, column=40),
        WorldCall(function="nowWithFormat", argument=None, line=3, column=57),
    )


def test_a_templates_repr_shows_sizes_only() -> None:
    assert repr(parse("password {{.x}}")) == "Template(15 characters, 2 nodes)"
