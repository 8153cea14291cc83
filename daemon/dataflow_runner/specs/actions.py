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

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
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
        """Gives strings their actions back, when asked for every string of the text once and in order."""
        if not self.marks:
            return str
        blots = self.blots()
        pattern = self._pattern()

        def restore(string: str) -> str:
            if self.marks[0] not in string:
                return string
            return pattern.sub(lambda _: self.original[slice(*next(blots))], string)

        return restore

    def blots(self) -> Iterator[tuple[int, int]]:
        """Where the actions stand."""
        return (match.span() for match in self._pattern().finditer(self.text)) if self.marks else iter(())

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
        return re.compile(f"{self.marks[0]}{self.marks[1]}*+")


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
    """Expands the strings and keys of a tree each by itself, so that no value can break out of its string."""

    def __init__(self, variables: Mapping[str, str], world: World) -> None:
        self.variables = variables
        self.world = world
        self.problems: list[Problem] = []
        self.secrets: set[str] = set()

    def tree(self, value: Json, pointer: str = "") -> Json:
        """The tree with everything expanded that could be; what couldn't is among the problems."""
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
            expansion = expand(text, self.variables, self.world, limits=LIMITS)
        except TemplateError as error:
            self.problems.append(Problem(pointer=pointer, rule="template", message=in_string(error)))
            return text
        self.secrets |= set(expansion.secrets)
        return expansion.text


def in_string(error: TemplateError) -> str:
    """A template's error where the template is one string of a file."""
    place = f"at character {error.column} of" if error.line == 1 else f"at line {error.line}, column {error.column} of"
    return f"{error.message} ({place} the string)"
