"""Finding the actions in a text, and the words in an action.

Both work by one pattern that is written so that there is one way to match only: a hostile text costs linear time.
Possessive quantifiers would say so shorter, but Python mismatches those of groups before 3.11.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dataflow_runner.specs.template.errors import Broken, Places

SPACES: Final = " \t\r\n"

_STRING = r'"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"'
_RAW = r"`[^`]*`"
_CHAR = r"'[^'\\\n]*(?:\\[^\n][^'\\\n]*)*'"
_PLAIN = r"[^\"`'{}\\]*"

# "{{", "}}" and backslashes mean nothing inside an action but in a literal: a match that stops at one is unclosed.
_ACTION: Final = re.compile(
    r"\{\{(?:"
    r"(?:-[ \t\r\n])?/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/(?:[ \t\r\n]-)?)?"
    rf"|{_PLAIN}(?:(?:\{{(?!\{{)|\}}(?!\}})|{_STRING}|{_RAW}|{_CHAR}){_PLAIN})*"
    r")(?P<closed>\}\})?"
)


@dataclass(frozen=True, slots=True)
class Span:
    """One `{{…}}`: `start` to `end` with its braces, `inner` to `stop` without braces and trim markers."""

    start: int
    end: int
    inner: int
    stop: int
    trims_before: bool
    trims_after: bool
    is_comment: bool


def spans(text: str) -> list[tuple[int, int]]:
    """Start and end offsets of the `{{…}}` in `text`, so that a file around them can be read without expanding them.

    What stands inside an action isn't looked at beyond its literals and comments. TemplateError when one never ends.
    """
    found = []
    for match in _ACTION.finditer(text):
        if match.lastgroup is None:
            broken = _why_unclosed(text, match)
            raise Places(text).error(broken.offset, broken.message)
        found.append(match.span())
    return found


def actions(text: str, start: int) -> Iterator[Span]:
    """The actions from `start` on; Broken at the first that doesn't end, with the offset to go on from in `resume`."""
    for match in _ACTION.finditer(text, start):
        if match.lastgroup is None:
            raise Unclosed(_why_unclosed(text, match), resume=max(match.end(), match.start() + 2))
        yield _span(text, *match.span())


class Unclosed(Broken):
    """An action without an end; reading may go on at `resume`."""

    def __init__(self, broken: Broken, *, resume: int) -> None:
        super().__init__(broken.offset, broken.message)
        self.resume = resume


def _span(text: str, start: int, end: int) -> Span:
    inner, stop = start + 2, end - 2
    trims_before = text[inner : inner + 1] == "-" and text[inner + 1] in SPACES
    if trims_before:
        inner += 2
    trims_after = stop - 2 >= inner and text[stop - 1] == "-" and text[stop - 2] in SPACES
    if trims_after:
        stop -= 2
    return Span(start, end, inner, stop, trims_before, trims_after, text.startswith("/*", inner))


_COMMENT_OPENS: Final = re.compile(r"\{\{(?:-[ \t\r\n])?/\*")
_UNCLOSED_AT: Final = {
    "\\": 'unexpected "\\" in action: quotes inside {{ }} are written without a backslash, also in a JSON file '
    "(it is expanded before it is read as JSON)",
    '"': "unclosed action: unterminated quoted string",
    "`": "unclosed action: unterminated raw quoted string",
    "'": "unclosed action: unterminated character constant",
}


def _why_unclosed(text: str, match: re.Match[str]) -> Broken:
    start, at = match.span()
    comment = _COMMENT_OPENS.match(text, start)
    if comment is not None:
        if text.find("*/", comment.end(), at) < 0:
            return Broken(start, "unclosed comment: no */}} before the end of the text")
        return Broken(start, "comment ends before closing delimiter: }} must follow */ at once")
    reason = _UNCLOSED_AT.get(text[at : at + 1])
    if reason is not None:
        return Broken(at, reason)
    before = "another {{" if at < len(text) else "the end of the text"
    return Broken(start, f"unclosed action: no }}}} before {before}")


class Kind(StrEnum):
    """What a token is; the names are the groups of the pattern."""

    STRING = "string"  # with its quotes
    RAW = "raw"  # with its back quotes
    CHAR = "char"  # with its quotes
    NUMBER = "number"  # anything that begins like one
    FIELD = "field"  # with its point
    DOT = "dot"
    VARIABLE = "variable"  # with its $
    WORD = "word"  # keyword, constant or function
    DECLARE = "declare"  # :=
    ASSIGN = "assign"  # =
    PIPE = "pipe"
    COMMA = "comma"
    OPEN = "open"  # (
    CLOSE = "close"  # )
    OTHER = "other"  # a character that begins nothing
    END = "end"  # of the action


@dataclass(frozen=True, slots=True)
class Token:
    """A word, literal or sign inside an action."""

    kind: Kind
    text: str
    start: int
    spaced: bool  # space stands before it

    def __str__(self) -> str:
        if self.kind is Kind.END:
            return "}}"
        return f'"{self.text}"' if len(self.text) <= 20 else f'"{self.text[:20]}…"'


_TOKEN: Final = re.compile(
    rf"(?P<space>[ \t\r\n]+)|(?P<string>{_STRING})|(?P<raw>{_RAW})|(?P<char>{_CHAR})"
    r"|(?P<number>[+-]?\.?[0-9](?:[eEpP][+-]|[\w.])*)|(?P<field>\.\w+)|(?P<dot>\.)|(?P<variable>\$\w*)"
    r"|(?P<word>\w+)|(?P<declare>:=)|(?P<assign>=)|(?P<pipe>\|)|(?P<comma>,)|(?P<open>\()|(?P<close>\))|(?P<other>.)",
    re.DOTALL,
)
_NAMES: Final = frozenset({Kind.FIELD, Kind.DOT, Kind.VARIABLE, Kind.WORD})
_AFTER_NAME: Final = frozenset(SPACES + ".,|:)(")


class TooMany(Exception):
    """An action holds more words than may be read."""


def tokens(text: str, span: Span, most: int) -> list[Token]:
    """The words of an action, an END last; Broken where a name runs into something else, TooMany beyond `most`."""
    found: list[Token] = []
    spaced = False
    for match in _TOKEN.finditer(text, span.inner, span.stop):
        group = match.lastgroup or ""
        if group == "space":
            spaced = True
            continue
        kind, end = Kind(group), match.end()
        if kind in _NAMES and end < span.stop and text[end] not in _AFTER_NAME:
            raise Broken(end, _bad_character(text[end], match[0]))
        if len(found) >= most:
            raise TooMany
        found.append(Token(kind, match[0], match.start(), spaced))
        spaced = False
    found.append(Token(Kind.END, "", span.stop, spaced))
    return found


def _bad_character(character: str, name: str) -> str:
    message = f"bad character U+{ord(character):04X} {character!r} after {name}"
    if character == "-":
        message += '; a key that holds "-" is read by {{index . "the-key"}}'
    return message
