"""What can be wrong with a template, and where in its text."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Final

_LONGEST_MESSAGE: Final = 400


class TemplateError(Exception):
    """A template can't be read or expanded; `line` and `column` count from 1, columns in characters.

    The text quotes words of the template and the names that a template looked up, never a secret: it may be logged.
    """

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message, line, column)
        self.message = message
        self.line = line
        self.column = column

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


class Misuse(Exception):
    """A value, literal or call is wrong, said by code that doesn't know its place in the template.

    Never leaves this package: whoever knows the place turns it into a TemplateError.
    """


class Broken(Exception):
    """The action that is being read makes no sense from `offset` on; the parser reports it and goes on."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message


class Places:
    """Lines and columns of one text, counted once."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def at(self, offset: int) -> tuple[int, int]:
        """Line and column, from 1, of the character at `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def error(self, offset: int, message: str) -> TemplateError:
        """`message`, cut where a name in it goes on and on, as the error of the character at `offset`."""
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + "…"
        return TemplateError(message, *self.at(offset))


def near(name: str, known: list[str]) -> str:
    """`; did you mean "x"?` where a known name is like `name`, else nothing."""
    from difflib import get_close_matches

    if len(name) > 100:
        return ""
    found = get_close_matches(name, [other for other in known[:1000] if len(other) <= 100], n=1)
    return f'; did you mean "{found[0]}"?' if found else ""
