"""The parsed template: text, actions and blocks, and the expressions inside them.

`start` is everywhere the offset in the template's text. Nothing here nests deeper than `Limits.depth`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from dataflow_runner.specs.template.errors import Places


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; `source` is how the text spells it."""

    start: int
    value: str | int | float | bool | None
    source: str


@dataclass(frozen=True, slots=True)
class Dot:
    """The value that `with` and `range` set; at the top the data."""

    start: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`; `$` alone is the data."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class Word:
    """The name of a function."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A pipeline in parentheses."""

    start: int
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class FieldName:
    """One `.name` of a chain."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Fields of a base: `.a.b` (of dot), `$x.y`, `(index . "k").z`."""

    start: int
    base: Dot | Variable | Word | Group
    fields: tuple[FieldName, ...]


Operand: TypeAlias = Literal | Dot | Variable | Word | Group | Chain


@dataclass(frozen=True, slots=True)
class Command:
    """A function (a Word) with its arguments, or one other operand."""

    start: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each the last argument of the next, and the variables that get the outcome."""

    start: int
    declares: tuple[str, ...]
    assigns: bool  # `=`: the variables exist already
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """What stands outside actions, trimmed."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class Action:
    """`{{pipeline}}`: prints its value unless it declares or assigns."""

    start: int
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Arm:
    """One condition of a Branch and what it guards."""

    pipeline: Pipeline
    body: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """`if` or `with`, its `else if`/`else with` arms flat, so that a long chain doesn't nest."""

    start: int
    sets_dot: bool
    arms: tuple[Arm, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """`range`."""

    start: int
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


class Leaving(StrEnum):
    """How an item of a `range` is left early."""

    BREAK = "break"  # and all further items
    CONTINUE = "continue"  # this item only


@dataclass(frozen=True, slots=True)
class Leave:
    """`{{break}}` or `{{continue}}`."""

    start: int
    how: Leaving


Node: TypeAlias = Text | Action | Branch | Range | Leave


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Template:
    """A text that was read without a problem; expand it as often as needed."""

    text: str
    nodes: tuple[Node, ...]
    places: Places

    def __repr__(self) -> str:
        """Sizes only: an old spec may hold credentials."""
        return f"Template({len(self.text)} characters, {len(self.nodes)} nodes)"
