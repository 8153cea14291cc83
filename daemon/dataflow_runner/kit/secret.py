"""A value that must not be seen."""

from __future__ import annotations

from typing import final


@final
class Secret:
    """Text that never prints: not in a repr, a log line, a journal entry or a pickled value.

    The one way to the text is reveal(), which is easy to find in a review.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the call that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not serialised; store a reference to it")
