"""A world with known contents, and short ways to expand in it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from dataflow_runner.specs.template import Expansion, Limits, TemplateError, Value, World, expand

NOW = datetime(2017, 5, 16, 10, 26, 37, 120_000, tzinfo=UTC)
SECRETS = {"db": "hunter2", "empty": ""}
FILES = {"/etc/boot.sh": b"abc", "/etc/bytes": b"\xff\x00"}


def read_file(path: str) -> bytes:
    """A file system of FILES."""
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


WORLD = World(now=NOW, environment={"HOME": "/root"}.__getitem__, file=read_file, secret=SECRETS.__getitem__)

DATA: Mapping[str, Value] = {
    "name": "x",
    "empty": "",
    "count": 3,
    "ratio": 1.5,
    "nothing": None,
    "list": ["p", "q"],
    "none": [],
    "tree": {"leaf": "d", "numbers": [1, 2, 3], "a": {"b": "deep"}},
}


def expansion(text: str, data: Mapping[str, Value] = DATA, limits: Limits | None = None) -> Expansion:
    """`text` expanded in WORLD."""
    return expand(text, data, WORLD, limits or Limits())


def expanded(text: str, data: Mapping[str, Value] = DATA) -> str:
    """The text that comes out."""
    return expansion(text, data).text


def failure(text: str, data: Mapping[str, Value] = DATA, limits: Limits | None = None) -> TemplateError:
    """The error that comes out."""
    try:
        outcome = expansion(text, data, limits)
    except TemplateError as error:
        return error
    raise AssertionError(f"no error, but {outcome.text[:100]!r}")
