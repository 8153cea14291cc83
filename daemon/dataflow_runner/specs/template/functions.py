"""The functions of a template: Go's, and the runner's five with `secret`.

The parser needs their names and how many arguments they take (ARITY), expanding needs what they do (Functions).
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from dataflow_runner.specs.gotime import format_go
from dataflow_runner.specs.template import values
from dataflow_runner.specs.template.errors import Misuse
from dataflow_runner.specs.template.limits import Limits, passed
from dataflow_runner.specs.template.literals import as_bytes
from dataflow_runner.specs.template.printing import Printer
from dataflow_runner.specs.template.values import Value, sort_of
from dataflow_runner.specs.template.world import World

ARITY: Final[Mapping[str, tuple[int, int | None]]] = {
    "and": (1, None),
    "or": (1, None),
    "not": (1, 1),
    "eq": (1, None),
    "ne": (2, 2),
    "lt": (2, 2),
    "le": (2, 2),
    "gt": (2, 2),
    "ge": (2, 2),
    "len": (1, 1),
    "index": (1, None),
    "slice": (1, None),
    "print": (0, None),
    "println": (0, None),
    "printf": (1, None),
    "html": (0, None),
    "js": (0, None),
    "urlquery": (0, None),
    "nowWithFormat": (1, 1),
    "timeWithFormat": (2, 2),
    "systemEnv": (1, 1),
    "base64": (1, 1),
    "base64File": (1, 1),
    "secret": (1, 1),
}
"""Fewest and most arguments (None: any number), a piped one included."""

SHORT_CIRCUIT: Final = frozenset({"and", "or"})
"""Functions whose later arguments are not evaluated once the outcome is known."""

WORLD: Final = frozenset({"nowWithFormat", "systemEnv", "base64File", "secret"})
"""Functions whose outcome isn't in the template or its data."""

NOT_SUPPORTED: Final = {"call": "data of a template holds no functions"}
"""Functions of Go that have no use here, and why."""

_REWRITING: Final = frozenset({"print", "println", "printf", "html", "js", "urlquery", "base64"})
_EPOCH: Final = re.compile(r"[+-]?[0-9]{1,19}")
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Functions:
    """The functions of one expansion, and the secrets that passed through them."""

    def __init__(self, world: World, limits: Limits) -> None:
        self._world = world
        self._limits = limits
        self._secrets: set[str] = set()
        printer = Printer(limits)
        self._table: Mapping[str, Callable[..., Value]] = {
            "not": lambda value: not values.is_true(value),
            "eq": lambda left, *others: values.is_equal(left, others),
            "ne": lambda left, right: not values.is_equal(left, [right]),
            "lt": values.is_less,
            "le": lambda left, right: values.is_less(left, right) or values.is_equal(left, [right]),
            "gt": lambda left, right: not (values.is_less(left, right) or values.is_equal(left, [right])),
            "ge": lambda left, right: not values.is_less(left, right),
            "len": values.length,
            "index": values.index,
            "slice": values.cut,
            "print": printer.print,
            "println": printer.println,
            "printf": printer.printf,
            "html": printer.html,
            "js": printer.js,
            "urlquery": printer.urlquery,
            "nowWithFormat": self._now_with_format,
            "timeWithFormat": _time_with_format,
            "systemEnv": self._system_env,
            "base64": lambda text: _encode(as_bytes(_text(text))),
            "base64File": self._base64_file,
            "secret": self._secret,
        }

    @property
    def secrets(self) -> frozenset[str]:
        """Secrets that were read, and forms of them that a function made in which they can't be found."""
        return frozenset(self._secrets)

    def call(self, name: str, arguments: list[Value]) -> Value:
        """The outcome of a function; Misuse without its name when the arguments don't suit it."""
        outcome = self._table[name](*arguments)
        if isinstance(outcome, str):
            size = len(outcome) if outcome.isascii() else len(as_bytes(outcome))
            if size > self._limits.output:
                raise passed("output", self._limits.output, "bytes of text")
            if self._secrets and name in _REWRITING:
                self._note_forms(arguments, outcome)
        return outcome

    def _note_forms(self, arguments: list[Value], outcome: str) -> None:
        for argument in arguments:
            if isinstance(argument, str) and argument in self._secrets and argument not in outcome and outcome:
                self._secrets.add(outcome)

    def _now_with_format(self, layout: Value) -> str:
        return format_go(self._world.now.astimezone(UTC), _text(layout))

    def _system_env(self, name: Value) -> str:
        return _fetch(self._world.environment, _text(name), "the environment variable isn't set or may not be read")

    def _secret(self, name: Value) -> str:
        value = _fetch(self._world.secret, _text(name), "there is no such secret or it may not be read")
        if value:
            self._secrets.add(value)
        return value

    def _base64_file(self, path: Value) -> str:
        try:
            content = self._world.file(_text(path))
        except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL
            raise Misuse(f"the file can't be read: {error}") from error
        return _encode(content)


def _fetch(fetch: Callable[[str], str], name: str, problem: str) -> str:
    try:
        return fetch(name)
    except LookupError as error:
        reason = str(error.args[0]) if error.args else ""
        named = f'"{name}"' if len(name) <= 200 else "a name of over 200 characters"
        raise Misuse(f"{named}: {problem}" + (f" ({reason})" if reason not in {"", name} else "")) from error


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise Misuse(f"wrong type for value; expected string; got {sort_of(value)}")
    return value


def _encode(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _time_with_format(epoch: Value, layout: Value) -> str:
    seconds, shape = _text(epoch), _text(layout)
    if not _EPOCH.fullmatch(seconds):
        raise Misuse('the first argument is not a whole number of seconds since 1970, such as "1494930397"')
    try:
        instant = _START + timedelta(seconds=int(seconds))
    except OverflowError:
        raise Misuse("the first argument is an instant outside the years 1 to 9999") from None
    return format_go(instant, shape)
