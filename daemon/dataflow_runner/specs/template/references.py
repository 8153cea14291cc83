"""What a template uses: fields of its data, and the outside.

For a linter that knows the variables, and for a submitter that must fetch here what can't be fetched where it runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow_runner.specs.template.functions import WORLD
from dataflow_runner.specs.template.nodes import (
    Action,
    Branch,
    Chain,
    Command,
    Dot,
    Group,
    Leave,
    Literal,
    Node,
    Operand,
    Pipeline,
    Range,
    Template,
    Text,
    Variable,
    Word,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldUse:
    """A top-level key of the data, as `.name` or `$.name`, or (`is_optional`) as `index . "name"`."""

    name: str
    line: int
    column: int
    is_optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldCall:
    """A call of nowWithFormat, systemEnv, base64File or secret; `argument` is None when it isn't a constant."""

    function: str
    argument: str | None
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """All uses, in the order of the text, also in branches that a given run doesn't take."""

    fields: tuple[FieldUse, ...]
    calls: tuple[WorldCall, ...]


def references(template: Template) -> References:
    """What the template uses.

    A `.name` counts where dot is known to be the data: not inside `with` and `range` that set dot to something else.
    """
    found = list(_Walk(template).nodes(template.nodes, dot_is_data=True))
    found.sort(key=lambda use: (use.line, use.column))
    return References(
        fields=tuple(use for use in found if isinstance(use, FieldUse)),
        calls=tuple(use for use in found if isinstance(use, WorldCall)),
    )


class _Walk:
    def __init__(self, template: Template) -> None:
        self._places = template.places

    def nodes(self, nodes: Sequence[Node], *, dot_is_data: bool) -> Iterator[FieldUse | WorldCall]:
        """The uses in some nodes."""
        for node in nodes:
            match node:
                case Action():
                    yield from self._pipeline(node.pipeline, dot_is_data=dot_is_data)
                case Branch():
                    for arm in node.arms:
                        yield from self._pipeline(arm.pipeline, dot_is_data=dot_is_data)
                        inside = _is_data(arm.pipeline, dot_is_data=dot_is_data) if node.sets_dot else dot_is_data
                        yield from self.nodes(arm.body, dot_is_data=inside)
                    yield from self.nodes(node.otherwise, dot_is_data=dot_is_data)
                case Range():
                    yield from self._pipeline(node.pipeline, dot_is_data=dot_is_data)
                    yield from self.nodes(node.body, dot_is_data=False)
                    yield from self.nodes(node.otherwise, dot_is_data=dot_is_data)
                case Text() | Leave():
                    pass

    def _pipeline(self, pipeline: Pipeline, *, dot_is_data: bool) -> Iterator[FieldUse | WorldCall]:
        piped: Operand | None = None
        for command in pipeline.commands:
            for operand in command.operands:
                yield from self._operand(operand, dot_is_data=dot_is_data)
            yield from self._call(command, piped, dot_is_data=dot_is_data)
            piped = command.operands[0]

    def _operand(self, operand: Operand, *, dot_is_data: bool) -> Iterator[FieldUse | WorldCall]:
        match operand:
            case Group():
                yield from self._pipeline(operand.pipeline, dot_is_data=dot_is_data)
            case Chain():
                if _is_root(operand.base, dot_is_data=dot_is_data):
                    field = operand.fields[0]
                    line, column = self._places.at(field.start)
                    yield FieldUse(name=field.name, line=line, column=column, is_optional=False)
                yield from self._operand(operand.base, dot_is_data=dot_is_data)
            case _:
                pass

    def _call(
        self,
        command: Command,
        piped: Operand | None,
        *,
        dot_is_data: bool,
    ) -> Iterator[FieldUse | WorldCall]:
        first, *arguments = command.operands
        if not isinstance(first, Word):
            return
        if piped is not None:
            arguments.append(piped)
        line, column = self._places.at(first.start)
        if first.name in WORLD and arguments:
            yield WorldCall(function=first.name, argument=_constant(arguments[0]), line=line, column=column)
        if first.name == "index" and len(arguments) > 1 and _is_root(arguments[0], dot_is_data=dot_is_data):
            name = _constant(arguments[1])
            if name is not None:
                yield FieldUse(name=name, line=line, column=column, is_optional=True)


def _is_root(operand: Operand, *, dot_is_data: bool) -> bool:
    return (isinstance(operand, Dot) and dot_is_data) or (isinstance(operand, Variable) and operand.name == "$")


def _is_data(pipeline: Pipeline, *, dot_is_data: bool) -> bool:
    """Whether a pipeline is just `.` or `$`."""
    operands = [operand for command in pipeline.commands for operand in command.operands]
    return len(operands) == 1 and _is_root(operands[0], dot_is_data=dot_is_data)


def _constant(operand: Operand) -> str | None:
    return operand.value if isinstance(operand, Literal) and isinstance(operand.value, str) else None
