"""How much a template may cost: a spec may come from somebody else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from dataflow_runner.specs.template.errors import Misuse

MOST_DEPTH: Final = 64
"""Reading and expanding take up to five Python frames a level; most of the default 1000 stay free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds on reading and expanding one template; passing one is a TemplateError that names it."""

    output: int = 8 * 1024 * 1024
    """UTF-8 bytes of the expanded text, and of any string made on the way."""
    steps: int = 1_000_000
    """Evaluation: one a node, operand and turn of a range; one for 32 characters handled by a function or printed."""
    depth: int = MOST_DEPTH
    """Blocks and parentheses inside one another; also lists and maps inside one another when printed."""
    width: int = 10_000
    """Width and precision of a printf verb."""
    tokens: int = 100_000
    """Words, literals and signs inside all actions of the text, each `}}` counted."""
    problems: int = 100
    """Problems that `problems` reports before it stops reading."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"the limit {field.name} must be 1 or more")
        if self.depth > MOST_DEPTH:
            raise ValueError(f"the limit depth can't be over {MOST_DEPTH}")


DEFAULTS: Final = Limits()


def passed(limit: str, most: int, what: str) -> Misuse:
    """The error of passing `limit`."""
    return Misuse(f"{what}: over the limit of {most} ({limit})")
