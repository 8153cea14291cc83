"""`print`, `println`, `printf` and the escapers, as Go's fmt and text/template define them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote_plus

from dataflow_runner.specs.template.errors import Misuse
from dataflow_runner.specs.template.limits import Limits, passed
from dataflow_runner.specs.template.literals import as_bytes
from dataflow_runner.specs.template.values import Value, sort_of
from dataflow_runner.specs.template.verbs import PLAIN, Sink, Spec, Verbs

NO_VALUE: Final = "<no value>"
"""How nil prints when it is the outcome of an action."""


class Printer:
    """Turns values into text; every text is bounded by `Limits.output`."""

    __slots__ = ("_limits", "_verbs")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._verbs = Verbs(limits)

    def shown(self, value: Value) -> str:
        """What an action that ends in `value` puts out."""
        if isinstance(value, str):
            return value
        return NO_VALUE if value is None else self.print(value)

    def print(self, *values: Value) -> str:
        """Each value by %v, a space between two when neither is a string."""
        sink = Sink(self._limits)
        for count, value in enumerate(values):
            if count and not isinstance(value, str) and not isinstance(values[count - 1], str):
                sink.write(" ")
            self._verbs.write(value, PLAIN, sink)
        return sink.text()

    def println(self, *values: Value) -> str:
        """Each value by %v, spaces between all, and a newline."""
        sink = Sink(self._limits)
        for count, value in enumerate(values):
            if count:
                sink.write(" ")
            self._verbs.write(value, PLAIN, sink)
        sink.write("\n")
        return sink.text()

    def printf(self, pattern: Value, *values: Value) -> str:
        """`values` by the verbs of `pattern`; what doesn't fit is shown in place, as Go does (`%!d(string=hi)`)."""
        if not isinstance(pattern, str):
            raise Misuse(f"wrong type for value; expected string; got {sort_of(pattern)}")
        sink = Sink(self._limits)
        reader = _Directives(pattern, values, self._limits)
        at = 0
        while (percent := pattern.find("%", at)) >= 0:
            sink.write(pattern[at:percent])
            at = self._directive(reader, percent + 1, sink)
        sink.write(pattern[at:])
        self._write_extra(reader.unused(), sink)
        return sink.text()

    def _directive(self, reader: _Directives, at: int, sink: Sink) -> int:
        found = reader.read(at)
        sink.write(found.complaint)
        verb = found.spec.verb
        if not verb:
            sink.write("%!(NOVERB)")
        elif verb == "%":
            sink.write("%")
        elif not found.is_good_index:
            sink.write(f"%!{verb}(BADINDEX)")
        elif found.argument is None:
            sink.write(f"%!{verb}(MISSING)")
        else:
            plus = found.spec.plus and verb != "v"  # %+v is about the fields of structs
            self._verbs.write(found.argument[0], replace(found.spec, plus=plus), sink)
        return found.end

    def _write_extra(self, values: Sequence[Value], sink: Sink) -> None:
        if not values:
            return
        sink.write("%!(EXTRA ")
        for count, value in enumerate(values):
            if count:
                sink.write(", ")
            if value is not None:
                sink.write(f"{sort_of(value)}=")
            self._verbs.write(value, PLAIN, sink)
        sink.write(")")

    def html(self, *values: Value) -> str:
        """The text of `values`, safe inside HTML."""
        return self._joined(values).translate(_HTML)

    def js(self, *values: Value) -> str:
        """The text of `values`, safe inside a JavaScript string."""
        return _JS.sub(_escape_js, self._joined(values))

    def urlquery(self, *values: Value) -> str:
        """The text of `values`, safe inside a URL query."""
        return quote_plus(as_bytes(self._joined(values)))

    def _joined(self, values: Sequence[Value]) -> str:
        return self.print(*(NO_VALUE if value is None else value for value in values))


_HTML: Final = str.maketrans({'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"})
_JS: Final = re.compile(r"[\x00-\x1f\"&'<=>\\]|[^\x00-\x7f]+")
_JS_SHORT: Final = {"\\": "\\\\", "'": "\\'", '"': '\\"'}


def _escape_js(match: re.Match[str]) -> str:
    found = match[0]
    if found in _JS_SHORT:
        return _JS_SHORT[found]
    if found > "\x7f" and found.isprintable():
        return found
    return "".join(
        character if character > "\x7f" and character.isprintable() else f"\\u{ord(character):04X}"
        for character in found
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Directive:
    """One `%…` of a printf pattern, its operand found."""

    spec: Spec  # an empty verb: the pattern ended before it
    end: int
    argument: tuple[Value] | None = None  # None: there are no more operands
    is_good_index: bool = True
    complaint: str = ""  # about a width or precision taken from an operand


class _Directives:
    """Reads directives and deals out operands, in order or by explicit `[n]`."""

    def __init__(self, pattern: str, values: Sequence[Value], limits: Limits) -> None:
        self._pattern = pattern
        self._values = values
        self._limits = limits
        self._next = 0
        self._reordered = False
        self._at = 0
        self._good = True
        self._after_index = False
        self._complaint = ""

    def unused(self) -> Sequence[Value]:
        """Operands that no directive took; none are missed where a pattern chose its own."""
        return [] if self._reordered else self._values[self._next :]

    def read(self, at: int) -> _Directive:
        """The directive whose % stands before `at`."""
        self._at, self._good, self._after_index, self._complaint = at, True, False, ""
        flags = self._take_flags()
        self._take_index()
        width = self._take_number("%!(BADWIDTH)")
        precision = None
        if self._peek() == ".":
            self._at += 1
            self._good = self._good and not self._after_index
            self._take_index()
            after_point = self._at
            precision = self._take_number("%!(BADPREC)")
            if precision is None and self._at == after_point:
                precision = 0
        if not self._after_index:
            self._take_index()
        verb = self._peek()
        self._at += len(verb)
        if width is not None and width < 0:
            flags, width = flags | {"-"}, -width
        if precision is not None and precision < 0:
            self._complaint, precision = self._complaint + "%!(BADPREC)", None
        self._check(width, precision)
        spec = Spec(
            verb=verb, width=width, precision=precision,
            plus="+" in flags, minus="-" in flags, sharp="#" in flags, space=" " in flags, zero="0" in flags,
        )  # fmt: skip
        argument = self._take_argument() if verb not in {"", "%"} and self._good else None
        return _Directive(
            spec=spec, end=self._at, argument=argument, is_good_index=self._good, complaint=self._complaint
        )

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take_flags(self) -> frozenset[str]:
        start = self._at
        while self._peek() and self._peek() in "+-# 0":
            self._at += 1
        return frozenset(self._pattern[start : self._at])

    def _take_index(self) -> None:
        """An explicit `[n]`, counting operands from 1."""
        if self._peek() != "[":
            self._after_index = False
            return
        self._reordered = True
        end = self._pattern.find("]", self._at)
        digits = self._pattern[self._at + 1 : end] if end >= 0 else ""
        self._at = end + 1 if end >= 0 else self._at + 1
        chosen = int(digits) if _INDEX.fullmatch(digits) else 0
        self._after_index = end >= 0
        if 1 <= chosen <= len(self._values):
            self._next = chosen - 1
        else:
            self._good = False

    def _take_number(self, complaint: str) -> int | None:
        """A width or precision: digits, or `*` for the next operand."""
        if self._peek() == "*":
            self._at += 1
            self._after_index = False
            argument = self._take_argument()
            if argument is None or isinstance(argument[0], bool) or not isinstance(argument[0], int):
                self._complaint += complaint
                return None
            return int(argument[0])
        match = _NUMBER.match(self._pattern, self._at)
        if match is None:
            return None
        self._good = self._good and not self._after_index
        self._at = match.end()
        return int(match[0][:9]) if len(match[0]) <= 9 else self._limits.width + 1

    def _take_argument(self) -> tuple[Value] | None:
        if self._next >= len(self._values):
            return None
        self._next += 1
        return (self._values[self._next - 1],)

    def _check(self, *sizes: int | None) -> None:
        for size in sizes:
            if size is not None and size > self._limits.width:
                raise passed("width", self._limits.width, "the width or precision of a printf verb")


_NUMBER: Final = re.compile(r"[0-9]+")
_INDEX: Final = re.compile(r"[0-9]{1,6}")
