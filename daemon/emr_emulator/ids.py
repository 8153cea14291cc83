"""Identifiers in the form that EMR and EC2 give them."""

import hashlib
import random
from collections.abc import Callable

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LENGTH = 13


class IdMaker:
    """Makes ``j-…`` and ``s-…`` ids; the same seed gives the same ids in the same order."""

    def __init__(self, seed: int | None) -> None:
        self._random = random.Random(seed)  # noqa: S311 (names, not secrets; a seed must repeat them)

    def make(self, prefix: str, is_taken: Callable[[str], bool]) -> str:
        """Return a new id; a seeded maker that was restarted on kept data would otherwise repeat one."""
        while True:
            made = f"{prefix}-{''.join(self._random.choices(_ALPHABET, k=_LENGTH))}"
            if not is_taken(made):
                return made


def derive(prefix: str, *parts: object, length: int = 17) -> str:
    """Return the id of a thing that belongs to a cluster (its instances, say): always the same for the same parts."""
    text = "/".join(str(part) for part in parts)
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:length]}"
