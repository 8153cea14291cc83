"""What a template may see of the outside, given to it as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The outside as functions, so that expanding is pure and the caller decides what is allowed."""

    now: datetime
    """The instant of `nowWithFormat`; frozen for a whole run, so that a retry renders the same text. Has a zone."""
    environment: Callable[[str], str]
    """`systemEnv`: LookupError when the variable isn't set or may not be read."""
    file: Callable[[str], bytes]
    """`base64File`: OSError when the file can't or may not be read."""
    secret: Callable[[str], str]
    """`secret`: LookupError when there is none of that name or it may not be read."""

    def __post_init__(self) -> None:
        if self.now.utcoffset() is None:
            raise ValueError("now needs a time zone, such as datetime.UTC")
