"""JSON that remembers where everything stands.

The standard library's parser forgets positions, takes NaN, and lets the last of two equal keys win in silence. This one
keeps the offset of every value and key by its pointer, and says what it expected where.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from dataflow_runner.specs.bounds import MAX_DEPTH, MAX_NUMBER, MAX_VALUES
from dataflow_runner.specs.findings import join, quoted

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_BLANK = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_WORD = re.compile(r"[-+.\w]{1,40}")
_LITERALS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
_STRING = json.JSONDecoder(strict=True)


class Place(NamedTuple):
    """Offsets into the text of a value, and of the key before it (the value's own where there is none)."""

    value: int
    key: int


class Unparseable(ValueError):
    """The text is no JSON; says what was expected, at which offset."""

    def __init__(self, message: str, offset: int) -> None:
        self.offset = offset
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong that didn't stop the reading."""

    pointer: str
    offset: int
    rule: str
    message: str


@dataclass(slots=True)
class Parsed:
    """A value, where its parts stand, and what is wrong with it though it could be read."""

    value: Json = None
    places: dict[str, Place] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def parse(text: str, *, strings: Callable[[str], str] = str) -> Parsed:
    """Read a JSON text; ``strings`` is applied to every key and string, in the order of the text.

    Raises Unparseable. Equal keys of one object and lone surrogates are faults, so that the rest is read all the same.
    """
    parser = _Parser(text, strings)
    parser.result.value = parser.value("", parser.skip(0), None)
    end = parser.skip(parser.at)
    if end < len(text):
        raise Unparseable(f"expected the end of the text, found {parser.seen(end)}", end)
    return parser.result


class Lines:
    """Turns offsets into lines and columns, both counted from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def dump(value: Json, *, string: Callable[[str], str], indent: str = "") -> str:
    """Write JSON on many lines; ``string`` writes a string or key, quotes included."""
    deeper = indent + "  "
    match value:
        case dict() if value:
            members = (f"{deeper}{string(k)}: {dump(v, string=string, indent=deeper)}" for k, v in value.items())
            return "{\n" + ",\n".join(members) + f"\n{indent}}}"
        case list() if value and any(isinstance(item, dict | list) for item in value):
            items = (f"{deeper}{dump(item, string=string, indent=deeper)}" for item in value)
            return "[\n" + ",\n".join(items) + f"\n{indent}]"
        case list():
            return "[" + ", ".join(dump(item, string=string) for item in value) + "]"
        case str():
            return string(value)
    return json.dumps(value, allow_nan=False)


def quote(text: str) -> str:
    """A string as JSON writes it, letters of all languages as they are."""
    return json.dumps(text, ensure_ascii=False)


class _Parser:
    """One reading of one text: ``at`` is where the last value ended."""

    def __init__(self, text: str, strings: Callable[[str], str]) -> None:
        self.text = text
        self.strings = strings
        self.at = 0
        self.depth = 0
        self.result = Parsed()

    def value(self, pointer: str, start: int, key: int | None) -> Json:
        places = self.result.places
        if len(places) >= MAX_VALUES:
            raise Unparseable(f"more than {MAX_VALUES} values: this is no spec", start)
        places.setdefault(pointer, Place(start, start if key is None else key))
        match self.text[start : start + 1]:
            case "{" | "[" as opening:
                self.depth += 1
                if self.depth > MAX_DEPTH:
                    raise Unparseable(f"nested more than {MAX_DEPTH} levels deep", start)
                found = self.object(pointer, start) if opening == "{" else self.array(pointer, start)
                self.depth -= 1
                return found
            case '"':
                return self.string(pointer, start)
        return self.scalar(start)

    def scalar(self, start: int) -> Json:
        for word, meaning in _LITERALS.items():
            if self.text.startswith(word, start):
                self.at = start + len(word)
                return meaning
        number = _NUMBER.match(self.text, start)
        if number is None:
            raise Unparseable(f"expected a value, found {self.seen(start)}{self.hint(start)}", start)
        digits = number.group()
        self.at = number.end()
        if len(digits) > MAX_NUMBER:
            raise Unparseable(f"a number of {len(digits)} characters", start)
        if number.group(1) is None and number.group(2) is None:
            return int(digits)
        if math.isinf(result := float(digits)):
            raise Unparseable(f"the number {quoted(digits)} is too large", start)
        return result

    def string(self, pointer: str, start: int) -> str:
        try:
            raw, self.at = _STRING.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise Unparseable(_STRING_ERRORS.get(error.msg, error.msg), error.pos) from None
        if not raw.isascii() and _SURROGATE.search(raw):
            self.fault(
                pointer, start, "surrogate", r"half of a \uD800…\uDFFF pair: such text can't be written anywhere"
            )
            raw = _SURROGATE.sub("\ufffd", raw)
        return self.strings(raw)

    def array(self, pointer: str, start: int) -> list[Json]:
        items: list[Json] = []
        at = self.skip(start + 1)
        if self.text.startswith("]", at):
            self.at = at + 1
            return items
        while True:
            items.append(self.value(f"{pointer}/{len(items)}", at, None))
            at = self.skip(self.at)
            match self.text[at : at + 1]:
                case ",":
                    at = self.skip(at + 1)
                case "]":
                    self.at = at + 1
                    return items
                case _:
                    raise Unparseable(f"expected ',' or ']', found {self.seen(at)}", at)

    def object(self, pointer: str, start: int) -> dict[str, Json]:
        members: dict[str, Json] = {}
        at = self.skip(start + 1)
        if self.text.startswith("}", at):
            self.at = at + 1
            return members
        while True:
            at = self.member(members, pointer, at)
            match self.text[at : at + 1]:
                case ",":
                    at = self.skip(at + 1)
                case "}":
                    self.at = at + 1
                    return members
                case _:
                    raise Unparseable(f"expected ',' or '}}', found {self.seen(at)}", at)

    def member(self, members: dict[str, Json], pointer: str, start: int) -> int:
        """Read a key and its value; returns where the next token stands."""
        if not self.text.startswith('"', start):
            raise Unparseable(f"expected a key in double quotes, found {self.seen(start)}{self.hint(start)}", start)
        key = self.string(pointer, start)
        below = join(pointer, key)
        colon = self.skip(self.at)
        if not self.text.startswith(":", colon):
            raise Unparseable(f"expected ':' after the key {quoted(key)}, found {self.seen(colon)}", colon)
        if key in members:
            self.fault(below, start, "duplicate-key", f"the key {quoted(key)} stands here a second time; keep one")
        members[key] = self.value(below, self.skip(colon + 1), start)
        return self.skip(self.at)

    def fault(self, pointer: str, offset: int, rule: str, message: str) -> None:
        self.result.faults.append(Fault(pointer, offset, rule, message))

    def skip(self, start: int) -> int:
        """Where the next token begins."""
        match = _BLANK.match(self.text, start)
        return match.end() if match else start

    def seen(self, at: int) -> str:
        """What stands there, for a message."""
        if at >= len(self.text):
            return "the end of the text"
        word = _WORD.match(self.text, at)
        return quoted(word.group() if word else self.text[at])

    def hint(self, at: int) -> str:
        """What people mostly mean by what stands there."""
        match self.text[at : at + 1]:
            case "'":
                return "; JSON's quotes are double"
            case "}" | "]":
                return "; no comma before it"
            case "/" | "#":
                return "; JSON has no comments"
        word = _WORD.match(self.text, at)
        return _WORD_HINTS.get(word.group(), "") if word else ""


_STRING_ERRORS = {
    "Unterminated string starting at": "this string has no closing quote",
    "Invalid control character at": r"a line break or control character inside a string; write \n, \t or \u00XX",
    "Invalid \\escape": r"an unknown escape; a backslash itself is written \\",
    "Invalid \\uXXXX escape": r"expected four hexadecimal digits after \u",
}
_WORD_HINTS = {
    "NaN": "; JSON has no NaN",
    "Infinity": "; JSON has no infinity",
    "-Infinity": "; JSON has no infinity",
    "True": "; JSON writes true",
    "False": "; JSON writes false",
    "None": "; JSON writes null",
}
