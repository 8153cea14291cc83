"""What is wrong with a file, and where: a Problem names a JSON pointer, a Finding also a file, line and column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum

from dataflow_runner.kit.text import printable


class Severity(StrEnum):
    """Whether a file with this finding can be used."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong with a value, before anybody knows which line of which file it stands on."""

    pointer: str
    """JSON pointer (RFC 6901) within the file: '/data/steps/0/jar'."""
    rule: str
    """What was broken, in one hyphenated word: 'wrong-type'."""
    message: str
    """What is wrong and what to do; never holds a secret."""
    severity: Severity = Severity.ERROR
    at_key: bool = False
    """The problem is the key itself, not its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A problem at its place; prints as one line that editors can jump from."""

    file: str
    pointer: str
    line: int | None
    """1-based; None in an Avro file, which has no lines."""
    column: int | None
    """1-based, in characters."""
    severity: Severity
    rule: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        pointer = f" {self.pointer}" if self.pointer else ""
        return printable(f"{place}: {self.severity} {self.rule}{pointer}: {self.message}")


Position = tuple[int | None, int | None]
"""Line and column."""

Locator = Callable[[str, bool], Position]
"""The position of a pointer's value, or of its key when the second argument is true."""


def finding_at(name: str, pointer: str, position: Position, rule: str, message: str) -> Finding:
    """An error whose position is known already."""
    line, column = position
    return Finding(
        file=name, pointer=pointer, line=line, column=column, severity=Severity.ERROR, rule=rule, message=message
    )


def join(pointer: str, key: str | int) -> str:
    """The pointer of a member of what a pointer names."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


def parent(pointer: str) -> str:
    """The pointer of what holds the value; '' holds everything."""
    return pointer.rpartition("/")[0]


def locate(problems: Iterable[Problem], file: str, locator: Locator) -> tuple[Finding, ...]:
    """Give problems their lines, in the order in which they stand in the file, errors and warnings together."""
    findings = []
    for problem in problems:
        line, column = locator(problem.pointer, problem.at_key)
        findings.append(
            Finding(
                file=file,
                pointer=problem.pointer,
                line=line,
                column=column,
                severity=problem.severity,
                rule=problem.rule,
                message=problem.message,
            )
        )
    return in_order(findings)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of one file as they stand in it, each once; those without a line stay as they came."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda finding: (finding.line or 0, finding.column or 0)))


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Those that forbid using the file."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def not_below(problems: Iterable[Problem], broken: Sequence[Problem]) -> tuple[Problem, ...]:
    """Leave out what is merely the consequence of an error at or above the same place."""
    places = {problem.pointer for problem in broken}

    def follows(pointer: str) -> bool:
        while pointer not in places:
            if not pointer:
                return False
            pointer = parent(pointer)
        return True

    return tuple(problem for problem in problems if not follows(problem.pointer))


def redact(findings: Iterable[Finding], secrets: Iterable[str]) -> tuple[Finding, ...]:
    """Blot out what would show a secret, or a part of one, that a template put into a value, key or broken text."""
    hidden = {fragment for secret in secrets for fragment in _fragments(secret)}

    def clean(text: str, instead: str) -> str:
        return instead if any(fragment in text for fragment in hidden) else text

    return tuple(
        replace(
            item,
            pointer=clean(item.pointer, ""),
            message=clean(item.message, "what stands here is wrong, and can't be shown: a secret was expanded into it"),
        )
        for item in findings
    )


def _fragments(secret: str) -> Iterable[str]:
    """Messages cut values short and escape some characters, so a few characters in a row give a secret away."""
    size = 6
    return (secret[at : at + size] for at in range(max(1, len(secret) - size + 1))) if secret else ()


def quoted(value: object, limit: int = 60) -> str:
    """A value as a message shows it: on one line, and cut when it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """' (did you mean …?)' when a known word is close, whatever its case; else nothing."""
    by_lower = {name.lower(): name for name in known}
    close = get_close_matches(word.lower()[:100], by_lower, n=1, cutoff=0.75)
    return f" (did you mean '{by_lower[close[0]]}'?)" if close else ""
