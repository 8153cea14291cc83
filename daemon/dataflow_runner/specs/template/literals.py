"""Go's literals: reading them, and quoting text as one (printf's %q)."""

from __future__ import annotations

import math
import re
from typing import Final

from dataflow_runner.specs.template.errors import Misuse

_NAMED: Final = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, "'": 39, '"': 34}
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)

_DIGITS = r"[0-9](?:_?[0-9])*"
_INTEGER: Final = re.compile(
    r"[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*)"
)
_DECIMAL: Final = re.compile(
    rf"[+-]?(?:{_DIGITS}\.(?:{_DIGITS})?(?:[eE][+-]?{_DIGITS})?|\.{_DIGITS}(?:[eE][+-]?{_DIGITS})?|{_DIGITS}[eE][+-]?{_DIGITS})"
)
_HEX_FLOAT: Final = re.compile(r"[+-]?0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*[pP][+-]?[0-9]+")
_LONGEST_NUMBER: Final = 300


def as_bytes(text: str) -> bytes:
    """The UTF-8 of `text`, which is what Go counts, indexes and slices."""
    return text.encode("utf-8", "surrogatepass")


def number(source: str) -> int | float:
    """A number in any of Go's bases, with `_` between digits; Misuse when it is none or doesn't fit 64 bits."""
    if len(source) > _LONGEST_NUMBER:
        raise Misuse(f"bad number syntax: a number of {len(source)} characters")
    if _INTEGER.fullmatch(source):
        return _integer(source)
    if _HEX_FLOAT.fullmatch(source) or _DECIMAL.fullmatch(source):
        return _float(source)
    if source.endswith("i"):
        raise Misuse(f'complex numbers are not supported: "{source}"')
    raise Misuse(f'bad number syntax: "{source}"')


def _integer(source: str) -> int:
    digits = source.replace("_", "")
    unsigned = digits.lstrip("+-")
    is_old_octal = len(unsigned) > 1 and unsigned[0] == "0" and unsigned[1] in "01234567"
    value = int(digits, 8 if is_old_octal else 0)
    if not -(2**63) <= value < 2**63:
        raise Misuse(f"{source} overflows int")
    return value


def _float(source: str) -> float:
    digits = source.replace("_", "")
    try:
        value = float.fromhex(digits) if "x" in digits.lower() else float(digits)
    except ValueError:
        raise Misuse(f'bad number syntax: "{source}"') from None
    except OverflowError:
        value = math.inf
    if math.isinf(value):
        raise Misuse(f"{source} overflows float64")
    return value


def string(source: str) -> str:
    r"""The text of a `"…"` or back-quoted literal; Misuse for an escape that Go doesn't know.

    Go's strings are bytes; ours are text, so the bytes that `\x` and octal escapes spell must be UTF-8.
    """
    if source[0] == "`":
        return source[1:-1].replace("\r", "")
    return _unescape(source[1:-1], forbidden="'")


def character(source: str) -> int:
    """The code point of a `'…'` literal, which is an integer in Go."""
    body = source[1:-1]
    escape = _ESCAPE.fullmatch(body)
    if escape is not None and (escape[1] or escape[2]):
        return _escaped_byte(escape)
    text = _unescape(body, forbidden='"')
    if len(text) != 1:
        raise Misuse(f"malformed character constant: {source[:20]}")
    return ord(text)


def _unescape(body: str, *, forbidden: str) -> str:
    if "\\" not in body:
        return body
    parts: list[bytes] = []
    at = 0
    for escape in _ESCAPE.finditer(body):
        parts.append(as_bytes(body[at : escape.start()]))
        parts.append(_escaped(escape, forbidden))
        at = escape.end()
    parts.append(as_bytes(body[at:]))
    try:
        return b"".join(parts).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Misuse("a string literal whose escapes aren't UTF-8 text") from None


def _escaped(escape: re.Match[str], forbidden: str) -> bytes:
    if escape[1] or escape[2]:
        return bytes([_escaped_byte(escape)])
    if escape[5]:
        if escape[5] not in _NAMED or escape[5] == forbidden:
            raise Misuse(f'unknown escape "\\{escape[5]}" in a literal; a backslash is written \\\\')
        return bytes([_NAMED[escape[5]]])
    code = int(escape[3] or escape[4], 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise Misuse(f"{escape[0]} is no Unicode character")
    return as_bytes(chr(code))


def _escaped_byte(escape: re.Match[str]) -> int:
    value = int(escape[1], 16) if escape[1] else int(escape[2], 8)
    if value > 255:
        raise Misuse(f"{escape[0]} is over \\377")
    return value


_SHORT: Final = {7: "\\a", 8: "\\b", 12: "\\f", 10: "\\n", 13: "\\r", 9: "\\t", 11: "\\v", 92: "\\\\"}
_ODD: Final = re.compile(r"[^ !#-&(-\[\]-~]")


def quote(text: str, *, mark: str = '"', ascii_only: bool = False) -> str:
    """`text` between quotes with Go's escapes; what can't be printed is escaped, and with `ascii_only` all beyond."""

    def escape(match: re.Match[str]) -> str:
        code = ord(match[0])
        if match[0] == mark:
            return "\\" + mark
        if code in _SHORT:
            return _SHORT[code]
        if match[0].isprintable() and (code < 0x80 or not ascii_only):
            return match[0]
        if code < 0x80:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return mark + _ODD.sub(escape, text) + mark


_NOT_RAW: Final = re.compile(r"[\x00-\x08\x0a-\x1f`\x7f\ufeff]")


def can_be_raw(text: str) -> bool:
    """Whether `text` fits between back quotes on one line."""
    return _NOT_RAW.search(text) is None
