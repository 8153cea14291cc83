r"""Java's regular expressions, as S3DistCp's users write them, in Python's terms.

Differences that are translated: named groups and references to them, `\Q…\E`, `\z`, `\Z`, `\h`, POSIX classes
(`\p{Alpha}` and the like). Differences that can't be are refused by name instead of matching something else.
Java's classes are ASCII unless told otherwise (java.util.regex.Pattern), hence re.ASCII.
"""

from __future__ import annotations

import re

_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7F",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1F\x7F",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0B\f\r",
}
_TOKEN = re.compile(
    r"""\\Q(?P<quoted>.*?)(?:\\E|$)
      | \\(?P<sign>[pP])(?:\{(?P<property>\w*)\}|(?P<letter>\w))
      | \\k<(?P<reference>\w+)>
      | (?P<escape>\\.)
      | \(\?<(?P<group>[A-Za-z][A-Za-z0-9]*)>
      | (?P<intersection>&&)
      | (?P<open>\[\^?\]?)
      | (?P<close>\])
      | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {
    r"\z": r"\Z",
    r"\Z": r"(?=\n?\Z)",
    r"\h": r"[ \t\xA0]",
    r"\H": r"[^ \t\xA0]",
    r"\R": r"(?:\r\n|[\n\x0B\f\r])",
}
_UNKNOWN_HERE = frozenset({r"\G", r"\X", r"\c", r"\e", r"\V"})


class PatternError(Exception):
    """A pattern can't be used; the text names the pattern and the construct."""


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a Java pattern; match it with `fullmatch`, as S3DistCp matches whole URIs."""
    try:
        return re.compile(translate(pattern), re.ASCII)
    except (re.error, OverflowError) as error:
        raise PatternError(f"{pattern!r} is not a regular expression: {error}") from error


def translate(pattern: str) -> str:
    """Rewrite a Java pattern for Python's `re`; raises PatternError for what has no counterpart."""
    parts: list[str] = []
    in_class = False
    for token in _TOKEN.finditer(pattern):
        if in_class and (token["intersection"] or token["open"]):
            raise PatternError(f"{pattern!r}: {token[0]!r} inside a character class is not supported here")
        if token["group"] and in_class:
            parts.append(token[0])
            continue
        parts.append(_translated(token, in_class=in_class, pattern=pattern))
        in_class = bool(token["open"]) or (in_class and not token["close"])
    return "".join(parts)


def _translated(token: re.Match[str], *, in_class: bool, pattern: str) -> str:
    match token.lastgroup:
        case "quoted":
            return re.escape(token["quoted"])
        case "property" | "letter" | "sign":
            return _property(token, in_class=in_class, pattern=pattern)
        case "reference":
            return f"(?P={token['reference']})"
        case "group":
            return f"(?P<{token['group']}>"
        case "escape":
            if token[0] in _UNKNOWN_HERE:
                raise PatternError(f"{pattern!r}: {token[0]} is not supported here")
            return token[0] if in_class else _ESCAPES.get(token[0], token[0])
        case _:
            return token[0]


def _property(token: re.Match[str], *, in_class: bool, pattern: str) -> str:
    members = _POSIX.get(token["property"] or "")
    negated = token["sign"] == "P"
    if members is None or (negated and in_class):
        raise PatternError(f"{pattern!r}: {token[0]} is not supported here; write the characters out")
    if in_class:
        return members
    return f"[{'^' if negated else ''}{members}]"
