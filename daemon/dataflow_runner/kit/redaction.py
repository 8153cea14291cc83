"""Keeps known secrets out of every text that leaves the program."""

from __future__ import annotations

from collections.abc import Iterable

MASK = "****"
_SHORTEST = 4
"""Texts shorter than this are left alone: masking them would mask everything."""


class Redactor:
    """Takes known secrets out of every text that leaves the program."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def learn(self, secrets: Iterable[str]) -> None:
        """Mask these from now on."""
        self._secrets.update(secret for secret in secrets if len(secret) >= _SHORTEST)

    def redact(self, text: str) -> str:
        """The text without what must not be seen; the longest secret first, since one may hold another."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text
