"""Template actions in a spec's strings: read around them, put back, or expanded string by string."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from dataflow_runner.specs.bounds import MAX_BYTES
from dataflow_runner.specs.findings import Problem, join
from dataflow_runner.specs.jsontext import Json, Unparseable, quote
from dataflow_runner.specs.template import Limits, TemplateError, World, expand, spans

LIMITS = Limits(output=MAX_BYTES)
MIN_STEPS = 50
"""Evaluation steps that any string may take, however many there are; a field and a function are a handful."""

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
JSON_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
"""A string of a JSON text. One without end reaches to the text's: so no quote in it is tried as a beginning."""

_STRING = re.compile(JSON_STRING, re.DOTALL)
_MARKS = range(0xE000, 0xF900)


def has_action(text: str) -> bool:
    """Whether a text must be expanded before it means anything."""
    return "{{" in text


@dataclass(frozen=True, slots=True)
class Masked:
    """A text whose actions are blotted out by as many characters, so that every offset stays what it was."""

    text: str
    original: str
    marks: str
    """Two characters, found nowhere else in the text: how a blot begins, and how it goes on."""

    def restorer(self) -> Callable[[str], str]:
        """Gives strings their actions back, when asked for every string of the text once and in order.

        Braces that JSON escapes spell are no action where they stand: they become one that says them.
        """
        blots = self.blots()
        blot = self._pattern()
        braces = re.compile(rf"\{{(?=\{{|{self.marks[:1] or '(?!)'})")

        def restore(string: str) -> str:
            string = braces.sub('{{"{"}}', string) if "{" in string else string
            return blot.sub(lambda _: self.original[slice(*next(blots))], string)

        return restore

    def blots(self) -> Iterator[tuple[int, int]]:
        """Where the actions stand."""
        return (match.span() for match in self._pattern().finditer(self.text))

    def outside_strings(self) -> list[int]:
        """Where the actions stand that are no part of a JSON string."""
        inside = [match.span() for match in _STRING.finditer(self.text)]
        found, at = [], 0
        for start, _ in self.blots():
            while at < len(inside) and inside[at][1] <= start:
                at += 1
            if at == len(inside) or start < inside[at][0]:
                found.append(start)
        return found

    def _pattern(self) -> re.Pattern[str]:
        return re.compile(f"{self.marks[0]}{self.marks[1]}*" if self.marks else "(?!)")


def mask(text: str) -> Masked:
    """Blot out the actions of a text; raises TemplateError when one never ends, Unparseable for a hostile text."""
    found = spans(text) if has_action(text) else []
    if not found:
        return Masked(text, text, "")
    taken = set(text) | {chr(int(digits, 16)) for digits in _ESCAPE.findall(text)}
    free = [chr(code) for code in _MARKS if chr(code) not in taken][:2]
    if len(free) < 2:
        raise Unparseable("every private character of Unicode is used: this is no spec", 0)
    parts, at = [], 0
    for start, end in found:
        parts += [text[at:start], free[0], free[1] * (end - start - 1)]
        at = end
    return Masked("".join([*parts, text[at:]]), text, "".join(free))


def quote_around(text: str) -> str:
    """A string as JSON writes it, its actions as they are, for a text that is expanded before it is read."""
    if not has_action(text):
        return quote(text)
    parts, at = ['"'], 0
    for start, end in spans(text):
        parts += [quote(text[at:start])[1:-1], text[start:end]]
        at = end
    return "".join([*parts, quote(text[at:])[1:-1], '"'])


class Apart:
    """Expands the strings and keys of a tree each by itself, so that no value can break out of its string.

    All of them together may cost what one text may: they share its steps, and what they write is counted together.
    """

    def __init__(self, variables: Mapping[str, str], world: World) -> None:
        self.variables = variables
        self.world = world
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()
        self.steps = LIMITS.steps
        self.room = LIMITS.output

    def whole(self, value: Json, pointer: str) -> Json:
        """A whole tree, with everything expanded that could be; what couldn't is among the problems."""
        self.steps = max(MIN_STEPS, LIMITS.steps // max(1, _count_actions(value)))
        return self.tree(value, pointer)

    def tree(self, value: Json, pointer: str) -> Json:
        """A part of it."""
        match value:
            case str():
                return self.string(value, pointer)
            case list():
                return [self.tree(item, join(pointer, index)) for index, item in enumerate(value)]
            case dict():
                return self.members(value, pointer)
        return value

    def members(self, members: dict[str, Json], pointer: str) -> Json:
        """An object with its keys and values expanded."""
        expanded: dict[str, Json] = {}
        for key, value in members.items():
            name = self.string(key, join(pointer, key))
            if name in expanded:
                message = "its key is expanded to one that stands here already; keep one"
                self.problems.append(Problem(pointer=join(pointer, key), rule="duplicate-key", message=message))
            expanded[name] = self.tree(value, join(pointer, name))
        return expanded

    def string(self, text: str, pointer: str) -> str:
        """A string expanded, or as it is when that fails."""
        if not has_action(text):
            return text
        try:
            limits = Limits(output=max(1, self.room), steps=self.steps)
            expansion = expand(text, self.variables, self.world, limits=limits)
        except TemplateError as error:
            self.problems.append(Problem(pointer=pointer, rule="template", message=in_string(error)))
            return text
        self.room -= len(expansion.text.encode("utf-8", "surrogatepass"))
        self.secrets |= set(expansion.secrets)
        return expansion.text


def _count_actions(value: Json) -> int:
    """The strings and keys that hold actions."""
    match value:
        case str():
            return has_action(value)
        case list():
            return sum(map(_count_actions, value))
        case dict():
            return sum(has_action(key) + _count_actions(item) for key, item in value.items())
    return 0


def unending(value: Json, pointer: str) -> list[Problem]:
    """The strings and keys of a tree in which an action begins that never ends."""
    match value:
        case str():
            try:
                spans(value)
            except TemplateError as error:
                return [Problem(pointer=pointer, rule="template", message=in_string(error))]
        case list():
            return [problem for at, item in enumerate(value) for problem in unending(item, join(pointer, at))]
        case dict():
            return [
                problem
                for key, item in value.items()
                for part in (key, item)
                for problem in unending(part, join(pointer, key))
            ]
    return []


def in_string(error: TemplateError) -> str:
    """A template's error where the template is one string of a file."""
    place = f"at character {error.column} of" if error.line == 1 else f"at line {error.line}, column {error.column} of"
    return f"{error.message} ({place} the string)"
