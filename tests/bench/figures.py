"""A measured figure, and how figures are shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure; `limit` is what the project promises, in the same unit."""

    what: str
    value: float
    unit: str = ""
    limit: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the promise is kept; true where there is none."""
        return self.limit is None or self.value <= self.limit

    @property
    def verdict(self) -> str:
        """The promise, and whether it is kept, in words."""
        if self.limit is None:
            return ""
        return f"{'kept' if self.holds else 'BROKEN'}: at most {self.limit:g} {self.unit}".rstrip()


def as_json(figures: Sequence[Figure]) -> str:
    """All figures as one JSON document."""
    shown = [
        {"what": figure.what, "value": round(figure.value, 3), "unit": figure.unit, "limit": figure.limit}
        for figure in figures
    ]
    return json.dumps({"figures": shown}, indent=2)


def as_table(figures: Sequence[Figure]) -> str:
    """All figures as lines of a table."""
    width = max(len(figure.what) for figure in figures)
    rows = (f"{one.what:<{width}}  {one.value:>9.2f} {one.unit:<6}  {one.verdict}" for one in figures)
    return "\n".join(row.rstrip() for row in rows)
