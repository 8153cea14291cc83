"""Expanding a template: walking its nodes with data, within limits, remembering where each character came from."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from dataflow_runner.specs.template.errors import Misuse, Places, TemplateError, near
from dataflow_runner.specs.template.functions import SHORT_CIRCUIT, Functions
from dataflow_runner.specs.template.limits import DEFAULTS, Limits, passed
from dataflow_runner.specs.template.nodes import (
    Action,
    Branch,
    Chain,
    Command,
    Dot,
    FieldName,
    Group,
    Leave,
    Leaving,
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
from dataflow_runner.specs.template.parser import parse
from dataflow_runner.specs.template.printing import Printer
from dataflow_runner.specs.template.values import Byte, Value, is_true, sort_of
from dataflow_runner.specs.template.variables import Variables
from dataflow_runner.specs.template.verbs import Sink
from dataflow_runner.specs.template.world import World


class _Origins:
    """For each stretch of output where it begins and where it came from; 16 bytes a stretch, as a loop makes many."""

    __slots__ = ("_sources", "_starts")

    def __init__(self) -> None:
        self._starts = array("q")
        self._sources = array("q")

    def add(self, start: int, source: int, *, is_text: bool) -> None:
        """Output from `start` on is the text at `source`, or comes as a whole from the action there."""
        self._starts.append(start)
        self._sources.append(source if is_text else ~source)

    def source(self, offset: int) -> int:
        """The place in the template of the output's character at `offset`."""
        found = bisect_right(self._starts, offset) - 1
        source = self._sources[found]
        return source + offset - self._starts[found] if source >= 0 else ~source


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class Expansion:
    """An expanded template. Neither `repr` nor `str` shows its text, which may hold secrets."""

    text: str
    secrets: frozenset[str]
    """What `{{secret …}}` gave, and forms of it (base64, quoted) that a function made: redact these everywhere."""
    _origins: _Origins
    _places: Places
    _source_size: int

    def origin(self, offset: int) -> tuple[int, int]:
        """Line and column, in the template, of the character at `offset` of the expanded text.

        A character that an action put out has the place of the action's `{{`; the end of the text, that of the
        template's end. IndexError for an offset outside the text.
        """
        if not 0 <= offset <= len(self.text):
            raise IndexError(f"offset {offset} is outside the expanded text of {len(self.text)} characters")
        if offset == len(self.text):
            return self._places.at(self._source_size)
        return self._places.at(self._origins.source(offset))

    def __repr__(self) -> str:
        return f"Expansion({len(self.text)} characters, {len(self.secrets)} secrets)"


def expand(template: Template | str, data: Mapping[str, Value], world: World, limits: Limits = DEFAULTS) -> Expansion:
    """Expand a template (or text, which is parsed first) once; what comes out is never expanded again.

    TemplateError when the text can't be parsed, a key is missing, a function refuses its arguments, or a limit is
    passed. What `world` raises beside its documented errors is passed on.
    """
    if isinstance(template, str):
        template = parse(template, limits)
    return _Evaluation(template, data, world, limits).run()


class _Flow(Enum):
    """How a list of nodes ended."""

    NEXT = auto()  # by its end
    BREAK = auto()
    CONTINUE = auto()


class _Evaluation:
    def __init__(self, template: Template, data: Mapping[str, Value], world: World, limits: Limits) -> None:
        self._template = template
        self._data = data
        self._limits = limits
        self._functions = Functions(world, limits)
        self._printer = Printer(limits)
        self._variables: Variables[Value] = Variables(data)
        self._sink = Sink(limits)
        self._origins = _Origins()
        self._written = 0
        self._steps = 0
        self._at = 0  # what is being evaluated: the place of a Misuse

    def run(self) -> Expansion:
        """Evaluate all nodes."""
        try:
            self._walk(self._template.nodes, self._data)
        except Misuse as misuse:
            raise self._error(str(misuse)) from None if self._functions.secrets else misuse.__cause__
        return Expansion(
            text=self._sink.text(),
            secrets=self._functions.secrets,
            _origins=self._origins,
            _places=self._template.places,
            _source_size=len(self._template.text),
        )

    def _error(self, message: str) -> TemplateError:
        """A message may quote the name or path that was looked up, which may itself be a secret."""
        for secret in sorted(self._functions.secrets, key=len, reverse=True):
            message = message.replace(secret, "(secret)")
        return self._template.places.error(self._at, message)

    def _spend(self, characters: int = 0) -> None:
        self._steps += 1 + characters // 32
        if self._steps > self._limits.steps:
            raise passed("steps", self._limits.steps, "evaluation steps")

    def _write(self, text: str, source: int, *, is_text: bool) -> None:
        if text:
            self._sink.write(text)
            self._origins.add(self._written, source, is_text=is_text)
            self._written += len(text)

    def _walk(self, nodes: Sequence[Node], dot: Value) -> _Flow:
        for node in nodes:
            self._at = node.start
            self._spend()
            match node:
                case Text():
                    self._write(node.text, node.start, is_text=True)
                case Action():
                    self._act(node, dot)
                case Branch():
                    if (flow := self._branch(node, dot)) is not _Flow.NEXT:
                        return flow
                case Range():
                    if (flow := self._range(node, dot)) is not _Flow.NEXT:
                        return flow
                case Leave():
                    return _Flow.BREAK if node.how is Leaving.BREAK else _Flow.CONTINUE
        return _Flow.NEXT

    def _act(self, node: Action, dot: Value) -> None:
        value = self._pipeline(node.pipeline, dot)
        if not node.pipeline.declares:
            text = self._printer.shown(value)
            self._spend(len(text))
            self._write(text, node.start, is_text=False)

    def _branch(self, node: Branch, dot: Value) -> _Flow:
        mark = self._variables.mark()
        try:
            for arm in node.arms:
                value = self._pipeline(arm.pipeline, dot)
                if is_true(value):
                    return self._walk(arm.body, value if node.sets_dot else dot)
            return self._walk(node.otherwise, dot)
        finally:
            self._variables.release(mark)

    def _range(self, node: Range, dot: Value) -> _Flow:
        mark = self._variables.mark()
        try:
            value = self._pipeline(node.pipeline, dot)
            self._at = node.start
            empty = True
            for key, item in self._items(node, value):
                empty = False
                self._spend()
                if self._iterate(node, key, item) is _Flow.BREAK:
                    break
            return self._walk(node.otherwise, dot) if empty else _Flow.NEXT
        finally:
            self._variables.release(mark)

    def _iterate(self, node: Range, key: Value, item: Value) -> _Flow:
        names = node.pipeline.declares
        if names:
            self._variables.assign(names[-1], item)
        if len(names) > 1:
            self._variables.assign(names[0], key)
        mark = self._variables.mark()
        try:
            return self._walk(node.body, item)
        finally:
            self._variables.release(mark)

    def _items(self, node: Range, value: Value) -> Iterable[tuple[Value, Value]]:
        match value:
            case None:
                return ()
            case list() | tuple():
                return enumerate(value)
            case Mapping():
                return ((key, value[key]) for key in sorted(value))
            case int() if not isinstance(value, bool):
                if len(node.pipeline.declares) > 1:
                    raise Misuse("can't iterate over an integer with more than one variable")
                return ((None, Byte(item) if isinstance(value, Byte) else item) for item in range(value))
            case _:
                raise Misuse(f"range can't iterate over a value of type {sort_of(value)}")

    def _pipeline(self, pipeline: Pipeline, dot: Value) -> Value:
        piped: tuple[Value, ...] = ()
        for command in pipeline.commands:
            piped = (self._command(command, dot, piped),)
        value = piped[0]
        for name in pipeline.declares:
            if pipeline.assigns:
                self._assign(name, value, pipeline.start)
            else:
                self._variables.declare(name, value)
        return value

    def _assign(self, name: str, value: Value, start: int) -> None:
        try:
            self._variables.assign(name, value)
        except KeyError:  # declared in parentheses that and/or skipped
            self._at = start
            raise Misuse(f'undefined variable "{name}"') from None

    def _command(self, command: Command, dot: Value, piped: tuple[Value, ...]) -> Value:
        first, *arguments = command.operands
        if isinstance(first, Word):
            return self._call(first, arguments, dot, piped)
        return self._operand(first, dot)

    def _operand(self, operand: Operand, dot: Value) -> Value:
        self._at = operand.start
        self._spend()
        match operand:
            case Literal():
                return operand.value
            case Dot():
                return dot
            case Variable():
                return self._variable(operand)
            case Word():
                return self._call(operand, (), dot, ())
            case Group():
                return self._pipeline(operand.pipeline, dot)
            case Chain():
                value = self._operand(operand.base, dot)
                for field in operand.fields:
                    value = self._field(value, field)
                return value

    def _variable(self, variable: Variable) -> Value:
        try:
            return self._variables.read(variable.name)
        except KeyError:  # declared in parentheses that and/or skipped
            raise Misuse(f'undefined variable "{variable.name}"') from None

    def _field(self, value: Value, field: FieldName) -> Value:
        self._at = field.start
        match value:
            case None:
                raise Misuse(f'nil data; no entry for key "{field.name}"')
            case Mapping():
                if field.name in value:
                    return value[field.name]
                hint = near(field.name, list(value))
                raise Misuse(f'map has no entry for key "{field.name}"{hint}')
            case _:
                raise Misuse(f"can't evaluate field {field.name} in type {sort_of(value)}")

    def _call(self, word: Word, operands: Sequence[Operand], dot: Value, piped: tuple[Value, ...]) -> Value:
        if word.name in SHORT_CIRCUIT:
            return self._short_circuit(word, operands, dot, piped)
        arguments = [*(self._operand(operand, dot) for operand in operands), *piped]
        self._at = word.start
        self._spend(sum(map(_weight, arguments)))
        try:
            outcome = self._functions.call(word.name, arguments)
        except Misuse as misuse:
            raise Misuse(f"error calling {word.name}: {misuse}") from misuse.__cause__
        self._spend(_weight(outcome))
        return outcome

    def _short_circuit(self, word: Word, operands: Sequence[Operand], dot: Value, piped: tuple[Value, ...]) -> Value:
        value: Value = None
        for operand in operands:
            value = self._operand(operand, dot)
            if is_true(value) is (word.name == "or"):
                return value
        return piped[0] if piped else value


def _weight(value: Value) -> int:
    """Characters or items that a function may have to look at."""
    return len(value) if isinstance(value, str | list | tuple | Mapping) else 0
