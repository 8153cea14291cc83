"""Go's functions, and the runner's own."""

import math
from collections.abc import Mapping
from datetime import timedelta, timezone

import pytest
from tests.specs.template.support import NOW, WORLD, expanded, expansion, failure

from dataflow_runner.specs.template import TemplateError, Value, World, expand
from dataflow_runner.specs.template.functions import ARITY, SHORT_CIRCUIT, Functions
from dataflow_runner.specs.template.limits import Limits

LOGIC_AND_COMPARISON = [
    ("and 1 0 nil", "0"),
    ("and 1 2", "2"),
    ('or "" 0 "z" "y"', "z"),
    ('or "" 0', "0"),
    ("and 0 (index .list 99)", "0"),
    ("or 1 (index .list 99)", "1"),
    ("7 | and 1", "7"),
    ("7 | or 1", "1"),
    ("not .empty", "true"),
    ("eq 1 2 3 1", "true"),
    ("eq 1 2 3", "false"),
    ('eq "a" "a"', "true"),
    ("eq 1.0 1.0", "true"),
    ("eq true false", "false"),
    ("eq nil nil", "true"),
    ("eq .name nil", "false"),
    ("eq 'a' (index \"abc\" 0)", "true"),
    ("ne 1 2", "true"),
    ("lt 1 2", "true"),
    ("lt 2 1", "false"),
    ('lt "a" "b"', "true"),
    ("le 2 2", "true"),
    ("gt 1.5 1.0", "true"),
    ("ge 1 2", "false"),
    ("ge 2 2", "true"),
]


@pytest.mark.parametrize(("call", "outcome"), LOGIC_AND_COMPARISON)
def test_logic_and_comparison(call: str, outcome: str) -> None:
    assert expanded("{{" + call + "}}") == outcome


COLLECTIONS = [
    ('len "é"', "2"),
    ("len .list", "2"),
    ("len .tree", "3"),
    ("index .list 1", "q"),
    ('index .tree "numbers" 2', "3"),
    ('index . "absent"', "<no value>"),
    ('index "abc" 1', "98"),
    ("index .list", "[p q]"),
    ('slice "abcde" 1 3', "bc"),
    ('slice "abcde" 2', "cde"),
    ('slice "abcde"', "abcde"),
    ("slice .tree.numbers 1", "[2 3]"),
    ("slice .tree.numbers 0 1 2", "[1]"),
]


@pytest.mark.parametrize(("call", "outcome"), COLLECTIONS)
def test_len_index_and_slice_count_strings_in_bytes(call: str, outcome: str) -> None:
    assert expanded("{{" + call + "}}") == outcome


ESCAPES = [
    ("html \"<a href='x'>&\"", "&lt;a href=&#39;x&#39;&gt;&amp;"),
    ("html nil", "&lt;no value&gt;"),
    ('html "a" 1 2', "a1 2"),
    ('js `<it\'s "a\\b"&=>`', '\\u003Cit\\\'s \\"a\\\\b\\"\\u0026\\u003D\\u003E'),
    ('js "\\n\\x00é"', "\\u000A\\u0000é"),
    ('js "\\u200b"', "\\u200B"),
    ('urlquery "a b&c/é~.-_"', "a+b%26c%2F%C3%A9~.-_"),
]


@pytest.mark.parametrize(("call", "outcome"), ESCAPES)
def test_escapers(call: str, outcome: str) -> None:
    assert expanded("{{" + call + "}}") == outcome


PRINTING = [
    ("print 1 2 3", "1 2 3"),
    ('print "a" "b"', "ab"),
    ('print 1 "a" 2', "1a2"),
    ("print true 1.5 nil", "true 1.5 <nil>"),
    ("print", ""),
    ('println "a" 1', "a 1\n"),
    ("println", "\n"),
]

VERBS = [
    ('"%d" 42', "42"),
    ('"%5d|%-5d|%05d|%+d|% d" 42 42 42 42 42', "   42|42   |00042|+42| 42"),
    ('"%x %X %#x %o %#o %O %b %#b" 255 255 255 8 8 8 5 5', "ff FF 0xff 10 010 0o10 101 0b101"),
    ('"%08b|%-8b|" 5 5', "00000101|101     |"),
    ('"%.3d|%5.3d|%.0d|%05.3d" 7 7 0 7', "007|  007||  007"),
    ('"%+06d" 42', "+00042"),
    ('"%-05d|" 42', "42   |"),
    ('"%d" -0x10', "-16"),
    ('"%c%c" 97 0x1F600', "a😀"),
    ('"%q %q %+q" \'a\' 10 233', "'a' '\\n' '\\u00e9'"),
    ('"%U %#U" 0x1F600 0x1F600', "U+1F600 U+1F600 '😀'"),
    ('"%s|%5s|%-5s|%.1s|%05s" "ab" "ab" "ab" "ab" "ab"', "ab|   ab|ab   |a|000ab"),
    ('"%q %+q" "a\\"b\\n" "é"', '"a\\"b\\n" "\\u00e9"'),
    ('"%#q %#q" "ab" "a`b"', '`ab` "a`b"'),
    ('"%x %X % x %#x %# x %.1x" "hi" "hi" "hi" "hi" "hi" "hi"', "6869 6869 68 69 0x6869 0x68 0x69 68"),
    ('"%t|%7t|%v" true false true', "true|  false|true"),
    ('"%e %E" 1234.5 1234.5', "1.234500e+03 1.234500E+03"),
    ('"%f|%.2f|%8.3f|%-8.1f|%+.1f|%08.2f" 3.14159 3.14159 3.14159 3.14159 3.14159 -3.14159',
     "3.141590|3.14|   3.142|3.1     |+3.1|-0003.14"),
    ('"%g %g %g %.3g %G" 100000.0 1000000.0 1e-5 1234.5678 1e-10', "100000 1e+06 1e-05 1.23e+03 1E-10"),
    ('"%#g %#.3g %#v" 1.0 1.0 1.0', "1.00000 1.00 1"),
    ('"%v %v %v" 1.0 0.1 123456789.0', "1 0.1 1.23456789e+08"),
    ('"%v %+v %#v" .tree.numbers .tree.numbers .tree.numbers', "[1 2 3] [1 2 3] []interface {}{1, 2, 3}"),
    ('"%#v %#v" .tree.a "x"', 'map[string]interface {}{"b":"deep"} "x"'),
    ('"%02d %q %x" .tree.numbers .list .list', '[01 02 03] ["p" "q"] [70 71]'),
    ('"%T %T %T %T %T %T %T" 1 1.5 "s" true nil .list .tree',
     "int float64 string bool <nil> []interface {} map[string]interface {}"),
    ('"%T" (index "a" 0)', "uint8"),
    ('"100%%"', "100%"),
    ('"%5%|"', "%|"),
    ('"%*d|%-*d|%.*f" 5 42 5 42 2 3.14159', "   42|42   |3.14"),
    ('"%*d|" -5 42', "42   |"),
    ('"%[2]d %[1]d" 11 22', "22 11"),
    ('"%[3]*.[2]*[1]f" 12.0 2 6', " 12.00"),
    ('"%d %d %#[1]x %#x" 16 17', "16 17 0x10 0x11"),
]  # fmt: skip

MISMATCHES = [
    ('"%d" "hi"', "%!d(string=hi)"),
    ('"%s" 5', "%!s(int=5)"),
    ('"%s" true', "%!s(bool=true)"),
    ('"%t" 1.5', "%!t(float64=1.5)"),
    ('"%5d" "hi"', "%!d(string=   hi)"),
    ('"%d" nil', "%!d(<nil>)"),
    ('"%p" "x"', "%!p(string=x)"),
    ('"%d" .list', "[%!d(string=p) %!d(string=q)]"),
    ('"%☠" 1', "%!☠(int=1)"),
    ('"hi" "guys"', "hi%!(EXTRA string=guys)"),
    ('"hi" 1 nil', "hi%!(EXTRA int=1, <nil>)"),
    ('"hi%d"', "hi%!d(MISSING)"),
    ('"%"', "%!(NOVERB)"),
    ('"%-05"', "%!(NOVERB)"),
    ('"%*s" 4.5 "hi"', "%!(BADWIDTH)hi"),
    ('"%.*s" 4.5 "hi"', "%!(BADPREC)hi"),
    ('"%.*s" -1 "hi"', "%!(BADPREC)hi"),
    ('"%[5]d" 1', "%!d(BADINDEX)"),
    ('"%[x]d" 1', "%!d(BADINDEX)"),
    ('"%*[2]d" 7', "%!d(BADINDEX)"),
    ('"%.[2]d" 7', "%!d(BADINDEX)"),
    ('"%[1]2d" 7', "%!d(BADINDEX)"),
]


@pytest.mark.parametrize(("call", "outcome"), PRINTING)
def test_print_puts_a_space_between_two_operands_when_neither_is_a_string(call: str, outcome: str) -> None:
    assert expanded("{{" + call + "}}") == outcome


@pytest.mark.parametrize(("arguments", "outcome"), VERBS)
def test_printf_knows_gos_verbs_flags_widths_and_indexes(arguments: str, outcome: str) -> None:
    assert expanded("{{printf " + arguments + "}}") == outcome


@pytest.mark.parametrize(("arguments", "outcome"), MISMATCHES)
def test_printf_shows_what_does_not_fit_as_go_prints_it(arguments: str, outcome: str) -> None:
    assert expanded("{{printf " + arguments + "}}") == outcome


def test_floats_that_are_no_numbers_print_as_in_go() -> None:
    data: Mapping[str, Value] = {"inf": math.inf, "low": -math.inf, "nan": math.nan, "zero": -0.0}
    assert expanded('{{.inf}} {{.low}} {{.nan}} {{printf "%+v|%06.1f" .nan .inf}} {{.zero}}', data) == (
        "+Inf -Inf NaN NaN|  +Inf -0"
    )


def test_nil_inside_a_list_prints_as_nil() -> None:
    assert expanded('{{.l}} {{printf "%#v" .l}}', {"l": [None, 1]}) == "[<nil> 1] []interface {}{interface {}(nil), 1}"


RUNNERS_OWN = [
    ('nowWithFormat "2006-01-02-15-04-05"', "2017-05-16-10-26-37"),
    ('nowWithFormat "2006-01-02T15:04:05.000Z07:00"', "2017-05-16T10:26:37.120Z"),
    ('timeWithFormat "1494930397" "2006-01-02 15:04:05 MST"', "2017-05-16 10:26:37 UTC"),
    ('timeWithFormat "-1" "2006"', "1969"),
    ('"2006" | timeWithFormat "0"', "1970"),
    ('systemEnv "HOME"', "/root"),
    ('base64 "abc"', "YWJj"),
    ('base64 "é"', "w6k="),
    ('base64File "/etc/boot.sh"', "YWJj"),
    ('base64File "/etc/bytes"', "/wA="),
    ('secret "db"', "hunter2"),
    ('"db" | secret | printf "%s!"', "hunter2!"),
]


@pytest.mark.parametrize(("call", "outcome"), RUNNERS_OWN)
def test_the_runners_own_functions(call: str, outcome: str) -> None:
    assert expanded("{{" + call + "}}") == outcome


def test_now_is_the_worlds_instant_in_utc_whatever_its_zone() -> None:
    elsewhere = World(
        now=NOW.astimezone(timezone(timedelta(hours=9))),
        environment=WORLD.environment,
        file=WORLD.file,
        secret=WORLD.secret,
    )
    assert expand('{{nowWithFormat "15:04"}}', {}, elsewhere).text == "10:26"


def test_a_world_needs_an_instant_with_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        World(now=NOW.replace(tzinfo=None), environment=WORLD.environment, file=WORLD.file, secret=WORLD.secret)


def test_the_parser_and_the_library_know_the_same_functions() -> None:
    library = Functions(WORLD, Limits())._table
    assert set(library) | SHORT_CIRCUIT == set(ARITY)


def test_an_expansion_tells_its_secrets_and_the_forms_they_were_put_in() -> None:
    outcome = expansion('{{secret "db"}} {{base64 (secret "db")}} {{print "x" (secret "db")}} {{secret "empty"}}')
    assert outcome.secrets == {"hunter2", "aHVudGVyMg=="}


def test_a_secret_that_was_read_but_not_printed_is_told_too() -> None:
    assert expansion('{{if secret "db"}}y{{end}}').secrets == {"hunter2"}


def test_the_repr_of_an_expansion_shows_neither_text_nor_secrets() -> None:
    outcome = expansion('{{secret "db"}}')
    assert repr(outcome) == str(outcome) == "Expansion(7 characters, 1 secrets)"


NO_EPOCH = "the first argument is not a whole number of seconds since 1970"
NO_YEAR = "the first argument is an instant outside the years 1 to 9999"
NOT_SET = "the environment variable isn't set or may not be read"
NO_FILE = "[Errno 2] No such file or directory: '/nope'"

REFUSED = [
    ("len 3", "error calling len: len of type int"),
    ("len nil", "error calling len: len of nil"),
    ("index .list 2", "error calling index: index out of range: 2"),
    ("index .list -1", "error calling index: index out of range: -1"),
    ('index .list "a"', "error calling index: cannot index slice/array with type string"),
    ("index .list nil", "error calling index: cannot index slice/array with type <nil>"),
    ("index .tree 1", "error calling index: value has type int; should be string"),
    ("index 3 1", "error calling index: can't index item of type int"),
    ("index nil 1", "error calling index: index of untyped nil"),
    ('slice "abc" 2 1', "error calling slice: invalid slice index: 2 > 1"),
    ('slice "abc" 4', "error calling slice: index out of range: 4"),
    ('slice "é" 1', "error calling slice: the slice ends inside a character; bounds count bytes"),
    ('slice "abc" 0 1 2', "error calling slice: cannot 3-index slice a string"),
    ("slice .list 0 1 0", "error calling slice: invalid slice index: 1 > 0"),
    ("slice .tree", "error calling slice: can't slice item of type map[string]interface {}"),
    ("slice .list 0 0 0 0", "error calling slice: too many slice indexes: 4"),
    ("eq 1", "error calling eq: missing argument for comparison"),
    ('eq 1 "1"', "error calling eq: incompatible types for comparison: int and string"),
    ("eq .list .list", "error calling eq: non-comparable type []interface {}"),
    ("lt true false", "error calling lt: invalid type for comparison: bool"),
    ("lt 1 1.5", "error calling lt: incompatible types for comparison: int and float64"),
    ("lt nil 1", "error calling lt: invalid type for comparison"),
    ("printf 3", "error calling printf: wrong type for value; expected string; got int"),
    ('printf "%x" 1.5', "error calling printf: %x of a floating-point number is not supported; use %e, %f or %g"),
    ("base64 3", "error calling base64: wrong type for value; expected string; got int"),
    ("timeWithFormat 1 `2006`", "error calling timeWithFormat: wrong type for value; expected string; got int"),
    ('timeWithFormat "qwerty" "2006"', f'error calling timeWithFormat: {NO_EPOCH}, such as "1494930397"'),
    ('timeWithFormat "-99999999999999" "2006"', f"error calling timeWithFormat: {NO_YEAR}"),
    ('systemEnv "NOPE"', f'error calling systemEnv: "NOPE": {NOT_SET}'),
    ('secret "nope"', 'error calling secret: "nope": there is no such secret or it may not be read'),
    ('base64File "/nope"', f"error calling base64File: the file can't be read: {NO_FILE}"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_a_call_that_can_not_be_answered_says_why(call: str, message: str) -> None:
    error = failure("a\n  {{" + call + "}}")
    assert (error.message, error.line, error.column) == (message, 2, 5)


def test_the_worlds_own_reason_is_part_of_the_message() -> None:
    def refuse(name: str) -> str:
        raise LookupError(f"{name} is not on the list of allowed variables")

    world = World(now=NOW, environment=refuse, file=WORLD.file, secret=WORLD.secret)
    with pytest.raises(TemplateError, match=r"\(HOME is not on the list of allowed variables\)"):
        expand('{{systemEnv "HOME"}}', {}, world)


@pytest.mark.parametrize(
    "call",
    [
        "lt (secret `db`) 1",
        "timeWithFormat (secret `db`) `2006`",
        "index .list (secret `db`)",
        "systemEnv (secret `db`)",
        "base64File (secret `db`)",
        "secret (base64 (secret `db`))",
    ],
)
def test_an_error_never_holds_a_secret(call: str) -> None:
    error = failure("{{" + call + "}}")
    assert "hunter2" not in str(error)
    assert "aHVudGVyMg" not in str(error)
    assert error.__cause__ is None
