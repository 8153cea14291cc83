"""From text to Template: the blocks, and all problems of a text in one go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from dataflow_runner.specs.template.errors import Broken, Places, TemplateError
from dataflow_runner.specs.template.expressions import Expressions
from dataflow_runner.specs.template.lexer import SPACES, Kind, Span, Token, TooMany, Unclosed, actions, tokens
from dataflow_runner.specs.template.limits import DEFAULTS, Limits
from dataflow_runner.specs.template.nodes import (
    Action,
    Arm,
    Branch,
    Leave,
    Leaving,
    Node,
    Pipeline,
    Range,
    Template,
    Text,
)
from dataflow_runner.specs.template.variables import Variables


def parse(text: str, limits: Limits = DEFAULTS) -> Template:
    """Read a template, to be expanded any number of times; TemplateError is its first problem."""
    parser = _Parser(text, limits, most_problems=1)
    nodes = parser.read()
    if parser.problems:
        raise parser.problems[0]
    return Template(text=text, nodes=tuple(nodes), places=parser.places)


def problems(text: str, limits: Limits = DEFAULTS) -> tuple[TemplateError, ...]:
    """Everything that can be found wrong without data, in the order of the text; empty for a good template.

    After a broken action reading goes on with the next one; it stops at `limits.problems`.
    """
    parser = _Parser(text, limits, most_problems=limits.problems)
    parser.read()
    return tuple(sorted(parser.problems, key=lambda problem: (problem.line, problem.column)))


class _Full(Exception):
    """As many problems were found as were asked for: ends the reading."""


@dataclass(slots=True)
class _Block:
    """A block whose `{{end}}` hasn't come yet; the text itself is the outermost one, with keyword ""."""

    keyword: str
    start: int
    mark: int
    arms: list[tuple[Pipeline, list[Node]]] = field(default_factory=list)
    otherwise: list[Node] | None = None
    nodes: list[Node] = field(default_factory=list)  # where what is read now belongs

    def begin(self, pipeline: Pipeline) -> None:
        """Start a condition's body."""
        self.nodes = []
        self.arms.append((pipeline, self.nodes))

    def begin_otherwise(self) -> None:
        """Start what `{{else}}` guards."""
        self.nodes = self.otherwise = []

    def closed(self) -> Node:
        """The finished node."""
        otherwise = tuple(self.otherwise or ())
        if self.keyword == "range":
            pipeline, body = self.arms[0]
            return Range(self.start, pipeline, tuple(body), otherwise)
        arms = tuple(Arm(pipeline, tuple(body)) for pipeline, body in self.arms)
        return Branch(self.start, self.keyword == "with", arms, otherwise)


_EMPTY: Final = Pipeline(0, (), assigns=False, commands=())  # stands in for a pipeline that couldn't be read
_ABSENT: Final = frozenset({"define", "template", "block"})


class _Parser:
    def __init__(self, text: str, limits: Limits, *, most_problems: int) -> None:
        self.places = Places(text)
        self.problems: list[TemplateError] = []
        self._text = text
        self._limits = limits
        self._most_problems = most_problems
        self._scope: Variables[None] = Variables(None)
        self._blocks = [_Block("", 0, 0)]
        self._tokens = 0
        self._trims = False  # the text that follows loses its leading space

    def read(self) -> list[Node]:
        """The nodes of the text; `problems` says what is wrong with them."""
        try:
            end = self._read_actions()
            self._add_text(end, len(self._text), trims=False)
            for block in self._blocks[:0:-1]:
                self._report(block.start, f"{{{{{block.keyword}}}}} is not closed: its {{{{end}}}} is missing")
        except _Full:
            pass
        return self._blocks[0].nodes

    def _report(self, offset: int, message: str) -> None:
        self.problems.append(self.places.error(offset, message))
        if len(self.problems) >= self._most_problems:
            raise _Full

    def _read_actions(self) -> int:
        """Read all actions and the text between; where the last one ended."""
        at = 0
        found = actions(self._text, at)
        while True:
            try:
                span = next(found, None)
            except Unclosed as unclosed:
                self._report(unclosed.offset, unclosed.message)
                at = unclosed.resume
                found = actions(self._text, at)
                continue
            if span is None:
                return at
            self._add_text(at, span.start, trims=span.trims_before)
            at = span.end
            self._trims = span.trims_after
            if not span.is_comment:
                self._read_action(span)

    def _add_text(self, start: int, end: int, *, trims: bool) -> None:
        piece = self._text[start:end]
        if self._trims:
            piece = piece.lstrip(SPACES)
            start = end - len(piece)
        if trims:
            piece = piece.rstrip(SPACES)
        self._trims = False
        if piece:
            self._blocks[-1].nodes.append(Text(start, piece))

    def _read_action(self, span: Span) -> None:
        try:
            words = tokens(self._text, span, self._limits.tokens - self._tokens)
        except Broken as broken:
            self._report(broken.offset, broken.message)
            return
        except TooMany:
            self._report(span.start, f"words inside actions: over the limit of {self._limits.tokens} (tokens)")
            raise _Full from None
        self._tokens += len(words)
        room = self._limits.depth - len(self._blocks)
        reader = Expressions(words, self._scope, self._report, room=room)
        try:
            self._read_words(reader, span)
        except Broken as broken:
            self._report(broken.offset, broken.message)

    def _read_words(self, reader: Expressions, span: Span) -> None:
        keyword = reader.peek()
        name = keyword.text if keyword.kind is Kind.WORD else ""
        match name:
            case "if" | "with" | "range":
                reader.take()
                self._open(name, reader, span)
            case "else":
                reader.take()
                self._else(reader, keyword)
            case "end":
                reader.take()
                self._end(reader, keyword)
            case "break" | "continue":
                reader.take()
                self._leave(Leaving(name), reader, keyword)
            case _ if name in _ABSENT:
                if name != "template":  # the others have an end of their own
                    self._push(name, span)
                raise Broken(keyword.start, f"{{{{{name}}}}} is not supported: write its text where it is wanted")
            case _:
                self._blocks[-1].nodes.append(Action(span.start, reader.pipeline("command")))

    def _push(self, keyword: str, span: Span) -> _Block:
        block = _Block(keyword, span.start, self._scope.mark())
        self._blocks.append(block)
        if len(self._blocks) > self._limits.depth:
            self._report(span.start, f"blocks inside one another: over the limit of {self._limits.depth} (depth)")
            raise _Full
        return block

    def _open(self, keyword: str, reader: Expressions, span: Span) -> None:
        """Open the block even when its pipeline is broken, so that its `{{end}}` finds it."""
        block = self._push(keyword, span)
        try:
            pipeline = reader.pipeline(keyword)
        except Broken:
            block.begin(_EMPTY)
            raise
        block.begin(pipeline)

    def _else(self, reader: Expressions, keyword: Token) -> None:
        block = self._blocks[-1]
        if not block.keyword or block.otherwise is not None:
            problem = "{{else}} after {{else}}" if block.keyword else "{{else}} outside of a block"
            raise Broken(keyword.start, f"unexpected {problem}")
        chained = reader.take_keyword("if", "with")
        if chained is None:
            reader.finish("else")
            block.begin_otherwise()
            return
        if chained.text != block.keyword:
            raise Broken(chained.start, f"unexpected {{{{else {chained.text}}}}} in {{{{{block.keyword}}}}}")
        try:
            pipeline = reader.pipeline(block.keyword)
        except Broken:
            block.begin(_EMPTY)
            raise
        block.begin(pipeline)

    def _end(self, reader: Expressions, keyword: Token) -> None:
        reader.finish("end")
        if len(self._blocks) == 1:
            raise Broken(keyword.start, "unexpected {{end}}: no block is open")
        block = self._blocks.pop()
        self._scope.release(block.mark)
        if block.keyword not in _ABSENT:
            self._blocks[-1].nodes.append(block.closed())

    def _leave(self, how: Leaving, reader: Expressions, keyword: Token) -> None:
        reader.finish(how)
        if not any(block.keyword == "range" and block.otherwise is None for block in self._blocks):
            raise Broken(keyword.start, f"{{{{{how}}}}} outside {{{{range}}}}")
        self._blocks[-1].nodes.append(Leave(keyword.start, how))
