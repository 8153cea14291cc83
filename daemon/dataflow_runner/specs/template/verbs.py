"""One value as one printf verb prints it, by the rules of Go's fmt package."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dataflow_runner.specs.template.errors import Misuse
from dataflow_runner.specs.template.limits import Limits, passed
from dataflow_runner.specs.template.literals import as_bytes, can_be_raw, quote
from dataflow_runner.specs.template.values import Byte, Sort, Value, sort_of


class Sink:
    """Text in the making, refused once its UTF-8 is over `Limits.output`."""

    __slots__ = ("_left", "_most", "_parts")

    def __init__(self, limits: Limits) -> None:
        self._parts: list[str] = []
        self._most = self._left = limits.output

    def write(self, text: str) -> None:
        """Add text; Misuse when it is too much."""
        self._left -= len(text) if text.isascii() else len(as_bytes(text))
        if self._left < 0:
            raise passed("output", self._most, "bytes of text")
        self._parts.append(text)

    def text(self) -> str:
        """All that was written."""
        return "".join(self._parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A verb with its flags (`+ - # space 0`), width and precision."""

    verb: str
    plus: bool = False
    minus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None

    @property
    def is_go_syntax(self) -> bool:
        """`%#v`."""
        return self.verb == "v" and self.sharp


PLAIN: Final = Spec(verb="v")


class Verbs:
    """Prints values into sinks; lists and maps no deeper than `Limits.depth`."""

    __slots__ = ("_limits",)

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def write(self, value: Value, spec: Spec, sink: Sink) -> None:
        """Print an operand of printf or print."""
        if spec.verb == "T":
            sink.write(_pad(_truncate(sort_of(value).value, spec), spec))
        elif value is None:
            sink.write(_pad("<nil>", spec) if spec.verb == "v" else f"%!{spec.verb}(<nil>)")
        else:
            self._write(value, spec, sink, 0)

    def _write(self, value: Value, spec: Spec, sink: Sink, depth: int) -> None:
        match value:
            case None:  # inside a list or map, where Go has an interface around it
                sink.write("interface {}(nil)" if spec.is_go_syntax else "<nil>")
                return
            case bool():
                text = _pad("true" if value else "false", spec) if spec.verb in "tv" else None
            case int():
                text = _integer(value, spec)
            case float():
                text = _float(value, spec)
            case str():
                text = _string(value, spec)
            case _:
                self._compound(value, spec, sink, depth)
                return
        if text is not None:
            sink.write(text)
            return
        sink.write(f"%!{spec.verb}({sort_of(value)}=")
        self._write(value, replace(spec, verb="v", sharp=False), sink, depth)
        sink.write(")")

    def _compound(self, value: Sequence[Value] | Mapping[str, Value], spec: Spec, sink: Sink, depth: int) -> None:
        if depth >= self._limits.depth:
            raise passed("depth", self._limits.depth, "lists and maps inside one another")
        is_map = sort_of(value) is Sort.MAP
        go_syntax = spec.is_go_syntax
        opening = f"{sort_of(value)}{{" if go_syntax else ("map[" if is_map else "[")
        sink.write(opening)
        for count, item in enumerate(_items(value)):
            if count:
                sink.write(", " if go_syntax else " ")
            key, element = item
            if key is not None:
                self._write(key, spec, sink, depth + 1)
                sink.write(":")
            self._write(element, spec, sink, depth + 1)
        sink.write("}" if go_syntax else "]")


def _items(value: Sequence[Value] | Mapping[str, Value]) -> Iterator[tuple[str | None, Value]]:
    if isinstance(value, Mapping):
        for key in sorted(value):
            yield key, value[key]
    else:
        for element in value:
            yield None, element


def _pad(text: str, spec: Spec) -> str:
    if spec.width is None:
        return text
    if spec.minus:
        return text.ljust(spec.width)
    return text.rjust(spec.width, "0" if spec.zero else " ")


def _truncate(text: str, spec: Spec) -> str:
    return text if spec.precision is None else text[: spec.precision]


def _string(value: str, spec: Spec) -> str | None:
    match spec.verb:
        case "v" if spec.sharp:
            return _pad(quote(_truncate(value, spec)), spec)
        case "v" | "s":
            return _pad(_truncate(value, spec), spec)
        case "q":
            text = _truncate(value, spec)
            is_raw = spec.sharp and can_be_raw(text)
            return _pad(f"`{text}`" if is_raw else quote(text, ascii_only=spec.plus), spec)
        case "x" | "X":
            return _pad(_hex(value, spec), spec)
        case _:
            return None


def _hex(value: str, spec: Spec) -> str:
    data = as_bytes(value)
    if spec.precision is not None:
        data = data[: spec.precision]
    prefix = "0x" if spec.sharp and data else ""
    text = prefix + (data.hex(" ").replace(" ", f" {prefix}") if spec.space else data.hex())
    return text.upper() if spec.verb == "X" else text


_BASES: Final = {"b": "b", "d": "d", "o": "o", "O": "o", "v": "d", "x": "x", "X": "X"}
_PREFIXES: Final = {"b": "0b", "x": "0x", "X": "0X"}


def _integer(value: int, spec: Spec) -> str | None:
    if spec.verb in _BASES:
        return _based(value, spec)
    match spec.verb:
        case "c":
            return _pad(_character(value), spec)
        case "q":
            return _pad(quote(_character(value), mark="'", ascii_only=spec.plus), spec)
        case "U":
            return _unicode(value, spec)
        case _:
            return None


def _based(value: int, spec: Spec) -> str:
    if not -(2**63) <= value < 2**64:
        raise Misuse("an integer beyond 64 bits")
    if spec.is_go_syntax:
        spec = replace(spec, verb="x" if isinstance(value, Byte) else "d")
    room = replace(spec, zero=False)
    if spec.precision == 0 and value == 0:
        return _pad("", room)
    sign = "-" if value < 0 else "+" if spec.plus else " " if spec.space else ""
    least = spec.precision or 0
    if spec.precision is None and spec.zero and not spec.minus and spec.width is not None:
        least = spec.width - len(sign)
    digits = format(abs(value), _BASES[spec.verb]).rjust(least, "0")
    if spec.verb == "O":
        digits = "0o" + digits
    elif spec.sharp and spec.verb == "o":
        digits = digits if digits[0] == "0" else "0" + digits
    elif spec.sharp:
        digits = _PREFIXES.get(spec.verb, "") + digits
    return _pad(sign + digits, room)


def _character(code: int) -> str:
    is_valid = 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if is_valid else "\ufffd"


def _unicode(value: int, spec: Spec) -> str:
    code = value % 2**64  # Go prints the bits of a negative one
    text = f"U+{code:0{max(spec.precision or 0, 4)}X}"
    if spec.sharp and code <= 0x10FFFF and chr(code).isprintable():
        text += f" '{chr(code)}'"
    return _pad(text, replace(spec, zero=False))


def _float(value: float, spec: Spec) -> str | None:
    if spec.verb in "bxX":
        raise Misuse(f"%{spec.verb} of a floating-point number is not supported; use %e, %f or %g")
    if spec.verb not in "veEfFgG":
        return None
    if math.isnan(value) or math.isinf(value):
        return _pad(_not_finite(value, spec), replace(spec, zero=False))
    digits = _float_digits(abs(value), spec)
    sign = "-" if math.copysign(1, value) < 0 else "+" if spec.plus else " " if spec.space else ""
    if sign and spec.zero and not spec.minus and spec.width is not None:
        return sign + digits.rjust(spec.width - 1, "0")
    return _pad(sign + digits, spec)


def _not_finite(value: float, spec: Spec) -> str:
    positive = " " if spec.space and not spec.plus else "+"
    if math.isnan(value):
        return (positive if spec.plus or spec.space else "") + "NaN"
    return ("-" if value < 0 else positive) + "Inf"


def _float_digits(value: float, spec: Spec) -> str:
    verb = {"v": "g", "F": "f"}.get(spec.verb, spec.verb)
    mark = "#" if spec.sharp and spec.verb != "v" else ""
    if verb in "gG" and spec.precision is None:
        text = _shortest(value, keep_zeros=bool(mark))
        return text.upper() if verb == "G" else text
    precision = 6 if spec.precision is None else spec.precision
    return format(value, f"{mark}.{precision}{verb}")


_PARTS: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:e([+-][0-9]+))?")


def _shortest(value: float, *, keep_zeros: bool) -> str:
    """As few digits as name the value; with an exponent below -4 and from 6 on."""
    parts = _PARTS.fullmatch(repr(value))
    whole, fraction, exponent = parts.groups() if parts else ("0", None, None)
    fraction = fraction or ""
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0") or "0"
    if value == 0:
        point = 1
    digits = digits.ljust(6, "0") if keep_zeros else digits
    if point - 1 < -4 or point - 1 >= 6:
        tail = digits[1:]
        return f"{digits[0]}{'.' if tail or keep_zeros else ''}{tail}e{point - 1:+03d}"
    if point <= 0:
        return "0." + "0" * -point + digits
    digits = digits.ljust(point, "0")
    tail = digits[point:]
    return digits[:point] + ("." if tail or keep_zeros else "") + tail
