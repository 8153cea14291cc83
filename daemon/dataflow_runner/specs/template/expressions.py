"""Reading what stands inside one action: pipelines, commands, operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dataflow_runner.specs.template import literals
from dataflow_runner.specs.template.errors import Broken, Misuse, near
from dataflow_runner.specs.template.functions import ARITY, NOT_SUPPORTED
from dataflow_runner.specs.template.lexer import Kind, Token
from dataflow_runner.specs.template.nodes import (
    Chain,
    Command,
    Dot,
    FieldName,
    Group,
    Literal,
    Operand,
    Pipeline,
    Variable,
    Word,
)
from dataflow_runner.specs.template.variables import Variables

KEYWORDS: Final = frozenset({"if", "else", "end", "range", "with", "break", "continue", "define", "template", "block"})
_CONSTANTS: Final = {"true": True, "false": False, "nil": None}


class Expressions:
    """Reads the tokens of one action in order.

    Broken is raised where reading can't go on. What is merely wrong (an unknown function, variable, number of
    arguments) goes to `report`, and reading continues, so that a linter sees all of it.
    """

    def __init__(
        self, tokens: list[Token], scope: Variables[None], report: Callable[[int, str], None], *, room: int
    ) -> None:
        self._tokens = tokens
        self._scope = scope
        self._report = report
        self._room = room  # levels of parentheses that the depth limit still allows
        self._at = 0

    def peek(self) -> Token:
        """The next token; END at the end."""
        return self._tokens[self._at]

    def take(self) -> Token:
        """The next token, which is then done."""
        token = self._tokens[self._at]
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def take_keyword(self, *names: str) -> Token | None:
        """The next token if it is one of these keywords."""
        token = self.peek()
        return self.take() if token.kind is Kind.WORD and token.text in names else None

    def finish(self, context: str) -> None:
        """Insist that nothing is left."""
        if self.peek().kind is not Kind.END:
            raise self._unexpected(context)

    def pipeline(self, context: str, opened: Token | None = None) -> Pipeline:
        """A pipeline to the end of the action, or of the parentheses that `opened`."""
        end = Kind.CLOSE if opened else Kind.END
        start = self.peek().start
        names, assigns = self._declarations(context)
        commands: list[Command] = []
        while True:
            if self.peek().kind is end and not commands:
                raise Broken(self.peek().start, f"missing value for {context}")
            commands.append(self._command(commands[-1] if commands else None))
            if self.peek().kind is not Kind.PIPE:
                break
            self.take()
        if self.peek().kind is not end:
            if opened and self.peek().kind is Kind.END:
                raise Broken(opened.start, "unclosed left paren")
            raise self._unexpected(context)
        self.take()
        for token in names:
            if not assigns:
                self._scope.declare(token.text, None)
            elif not self._scope.knows(token.text):
                self._report(token.start, f'undefined variable "{token.text}"')
        return Pipeline(start, tuple(token.text for token in names), assigns, tuple(commands))

    def _declarations(self, context: str) -> tuple[list[Token], bool]:
        begin = self._at
        names: list[Token] = []
        while self.peek().kind is Kind.VARIABLE:
            names.append(self.take())
            sign = self.peek()
            if sign.kind in {Kind.DECLARE, Kind.ASSIGN}:
                self.take()
                return self._checked(names), sign.kind is Kind.ASSIGN
            if sign.kind is not Kind.COMMA:
                break
            if context != "range" or len(names) == 2:
                raise Broken(sign.start, f"too many declarations in {context}")
            self.take()
        if self._at > begin + 1:
            raise Broken(self.peek().start, 'range can only initialize variables: expected ":=" or "="')
        self._at = begin
        return [], False

    def _checked(self, names: list[Token]) -> list[Token]:
        for token in names:
            if token.text == "$":
                raise Broken(token.start, "$ is the data and can't be set; give the variable a name")
        return names

    def _command(self, previous: Command | None) -> Command:
        first = self.peek()
        operands: list[Operand] = []
        while (token := self.peek()).kind not in {Kind.PIPE, Kind.END, Kind.CLOSE}:
            if operands and not token.spaced:
                raise self._unexpected("operand")
            operands.append(self._operand())
        if not operands:
            raise self._unexpected("command")
        self._check(operands, is_piped=previous is not None)
        return Command(first.start, tuple(operands))

    def _check(self, operands: list[Operand], *, is_piped: bool) -> None:
        first = operands[0]
        for operand in operands[1:]:
            if isinstance(operand, Word):
                self._check_count(operand, 0)
        if isinstance(first, Word):
            self._check_count(first, len(operands) - 1 + is_piped)
        elif len(operands) > 1 or is_piped:
            self._report(first.start, f"can't give argument to non-function {_source(first)}")
        elif isinstance(first, Literal) and first.value is None:
            self._report(first.start, "nil is not a command")

    def _check_count(self, word: Word, count: int) -> None:
        least, most = ARITY.get(word.name, (0, None))
        if count < least or (most is not None and count > most):
            want = f"at least {least}" if most is None else str(least)
            self._report(word.start, f"wrong number of args for {word.name}: want {want} got {count}")

    def _operand(self) -> Operand:
        operand = self._term()
        fields = []
        while self.peek().kind is Kind.FIELD and not self.peek().spaced:
            token = self.take()
            fields.append(FieldName(token.start, token.text[1:]))
        if not fields:
            return operand
        if isinstance(operand, Literal | Dot):
            raise Broken(fields[0].start, f"unexpected . after term {_source(operand)}")
        if isinstance(operand, Chain):
            return Chain(operand.start, operand.base, operand.fields + tuple(fields))
        return Chain(operand.start, operand, tuple(fields))

    def _term(self) -> Operand:
        token = self.peek()
        match token.kind:
            case Kind.DOT:
                return Dot(self.take().start)
            case Kind.FIELD:
                self.take()
                return Chain(token.start, Dot(token.start), (FieldName(token.start, token.text[1:]),))
            case Kind.VARIABLE:
                return self._variable()
            case Kind.WORD:
                return self._word()
            case Kind.OPEN:
                return self._group()
            case Kind.NUMBER | Kind.STRING | Kind.RAW | Kind.CHAR:
                return self._literal()
            case _:
                raise self._unexpected("command" if not token.spaced else "operand")

    def _variable(self) -> Variable:
        token = self.take()
        if not self._scope.knows(token.text):
            self._report(token.start, f'undefined variable "{token.text}"')
        return Variable(token.start, token.text)

    def _word(self) -> Word | Literal:
        token = self.take()
        if token.text in _CONSTANTS:
            return Literal(token.start, _CONSTANTS[token.text], token.text)
        if token.text in KEYWORDS:
            raise Broken(token.start, f"unexpected <{token.text}> in operand")
        if token.text in NOT_SUPPORTED:
            self._report(token.start, f'function "{token.text}" is not supported: {NOT_SUPPORTED[token.text]}')
        elif token.text not in ARITY:
            self._report(token.start, f'function "{token.text}" not defined{near(token.text, list(ARITY))}')
        return Word(token.start, token.text)

    def _group(self) -> Group:
        token = self.take()
        if self._room <= 0:
            raise Broken(token.start, "parentheses and blocks inside one another: over the limit (depth)")
        self._room -= 1
        pipeline = self.pipeline("parenthesized pipeline", token)
        self._room += 1
        return Group(token.start, pipeline)

    def _literal(self) -> Literal:
        token = self.take()
        read: dict[Kind, Callable[[str], str | int | float]] = {
            Kind.NUMBER: literals.number,
            Kind.STRING: literals.string,
            Kind.RAW: literals.string,
            Kind.CHAR: literals.character,
        }
        try:
            return Literal(token.start, read[token.kind](token.text), token.text)
        except Misuse as misuse:
            self._report(token.start, str(misuse))
            return Literal(token.start, "", token.text)

    def _unexpected(self, context: str) -> Broken:
        token = self.peek()
        if token.kind is Kind.CLOSE:
            return Broken(token.start, "unexpected right paren")
        return Broken(token.start, f"unexpected {token} in {context}")


def _source(operand: Operand) -> str:
    match operand:
        case Literal():
            return operand.source if len(operand.source) <= 20 else operand.source[:20] + "…"
        case Dot():
            return "."
        case Variable() | Word():
            return operand.name
        case Group():
            return "(…)"
        case Chain():
            base = "" if isinstance(operand.base, Dot) else _source(operand.base)
            return base + "".join(f".{field.name}" for field in operand.fields)
