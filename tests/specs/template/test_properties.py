"""What holds for any text."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.specs.template.support import WORLD, expanded, expansion

from dataflow_runner.specs.template import TemplateError, Value, expand, parse, problems, references, spans

PIECES = st.sampled_from(
    ["{{", "}}", "{{- ", " -}}", "{", "}", '"', "`", "'", "\\", "(", ")", "|", ".", "$", ":=", "=", ",", " ", "\n",
     "if ", "else ", "end", "range ", "with ", "break", "continue", "define ", "nil", "true", ".a", "$x", "1", "0x1",
     "1.5", "print ", "printf ", "%d", "%[1]*s", "index ", "slice ", "eq ", "len ", "secret ", "/*", "*/", "é", "\x00",
     "{{.a}}", "{{end}}", "{{else}}", "{{if .a}}", "{{range $i, $e := .l}}", "{{$x := 1}}", "{{$x}}", "{{break}}"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=40)
DATA: dict[str, Value] = {"a": "v", "l": [1, "two", None, 3.0]}
FAST = settings(max_examples=40, deadline=None)


@FAST
@given(st.text(st.characters(codec="utf-8", exclude_characters="{")))
def test_text_without_actions_renders_to_itself(text: str) -> None:
    assert expanded(text) == text
    assert spans(text) == []


@FAST
@given(TEXTS)
def test_any_text_is_read_and_expanded_or_refused_with_a_place(text: str) -> None:
    found = problems(text)
    try:
        template = parse(text)
    except TemplateError:
        assert found
    else:
        assert not found
        references(template)
    for problem in found:
        assert 1 <= problem.line <= text.count("\n") + 1
        assert 1 <= problem.column <= len(text) + 1
    try:
        outcome = expansion(text, DATA)
    except TemplateError:
        return
    for offset in range(len(outcome.text) + 1):
        line, column = outcome.origin(offset)
        assert 1 <= column <= len(text.split("\n")[line - 1]) + 1


@FAST
@given(TEXTS)
def test_spans_are_ordered_and_each_is_an_action(text: str) -> None:
    try:
        found = spans(text)
    except TemplateError:
        return
    end = 0
    for start, stop in found:
        assert "{{" not in text[end:start]
        assert text[start:stop].startswith("{{")
        assert text[start:stop].endswith("}}")
        end = stop
    assert "{{" not in text[end:]


@FAST
@given(st.lists(st.sampled_from(["a\n", " ", "{{.a}}", "{{- .a -}}", "{{/* c */}}", "{{.l}}", "é"]), max_size=12))
def test_origins_never_go_back_without_a_loop(pieces: list[str]) -> None:
    outcome = expansion("".join(pieces), DATA)
    origins = [outcome.origin(offset) for offset in range(len(outcome.text) + 1)]
    assert origins == sorted(origins)


@FAST
@given(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(codec="utf-8"), max_size=20))
def test_values_print_as_they_are(number: int, text: str) -> None:
    data: dict[str, Value] = {"n": number, "s": text}
    assert (
        expanded('{{.n}}|{{.s}}|{{printf "%d|%s|%x" .n .s .n}}', data) == f"{number}|{text}|{number}|{text}|{number:x}"
    )
    assert expanded(f"{{{{{number}}}}}", {}) == str(number)


@FAST
@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_quoted_text_is_a_literal_of_itself(text: str) -> None:
    for verb in ("%q", "%+q", "%#q"):
        literal = expanded(f'{{{{printf "{verb}" .s}}}}', {"s": text})
        assert expanded("{{" + literal + "}}", {}) == text


@FAST
@given(
    st.lists(st.sampled_from([*"%%%%[]*.0129-+# vTtbcdoOqxXUeEfFgGs!é"])).map("".join),
    st.lists(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=5), max_size=3
    ),
)
def test_any_printf_pattern_prints_something_or_is_refused(pattern: str, values: list[Value]) -> None:
    arguments = "".join(f" (index .v {place})" for place in range(len(values)))
    with suppress(TemplateError):
        expanded("{{printf .p" + arguments + "}}", {"p": pattern, "v": values})


@FAST
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_print_so_that_they_read_back(number: float) -> None:
    assert float(expanded("{{.f}}", {"f": number})) == number


@FAST
@given(st.text(max_size=20))
def test_expanding_depends_on_nothing_but_its_arguments(text: str) -> None:
    template = parse('{{.s}} {{nowWithFormat "15:04:05.000000"}}')
    assert expand(template, {"s": text}, WORLD).text == expand(template, {"s": text}, WORLD).text
