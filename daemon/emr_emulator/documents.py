"""Reading a scenario or a faults file so strictly that a typing error can't pass as a setting.

YAML (of which JSON is a part) is composed, not loaded: every value keeps its line, and every complaint names the file,
the place in the document and the line.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class DocumentError(Exception):
    """A scenario or faults document that can't be used: where, what, and what would do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value with its place, ``faults.yml:7 (/2/count)``."""

    raw: Any
    source: str
    pointer: str
    line: int

    def refuse(self, what: str) -> DocumentError:
        """Return the error that says what is wrong here."""
        return DocumentError(f"{self.source}:{self.line} ({self.pointer or '/'}): {what}")

    def as_text(self) -> str:
        """Return a text; a number isn't taken for one."""
        if not isinstance(self.raw, str):
            raise self.refuse(f"expected a text, found {self.raw!r}; put it in quotes if it is one")
        return self.raw

    def as_number(self, *, least: float = 0.0, most: float | None = None) -> float:
        """Return a number within its limits."""
        if isinstance(self.raw, bool) or not isinstance(self.raw, int | float):
            raise self.refuse(f"expected a number, found {self.raw!r}")
        if self.raw < least or (most is not None and self.raw > most):
            limits = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
            raise self.refuse(f"expected a number of {limits}, found {self.raw!r}")
        return float(self.raw)

    def as_count(self, *, least: int = 0) -> int:
        """Return a whole number."""
        if isinstance(self.raw, bool) or not isinstance(self.raw, int) or self.raw < least:
            raise self.refuse(f"expected a whole number of at least {least}, found {self.raw!r}")
        return self.raw

    def as_choice(self, choices: list[str]) -> str:
        """Return one of a few words."""
        if self.raw not in choices:
            raise self.refuse(f"expected one of {', '.join(choices)}; found {self.raw!r}")
        return str(self.raw)

    def as_list(self) -> "list[Value]":
        """Return the members of a list."""
        if not isinstance(self.raw, list):
            raise self.refuse(f"expected a list, found {self.raw!r}")
        return self.raw

    def as_section(self, *known: str) -> "dict[str, Value]":
        """Return the keys of a mapping, all of which must be known."""
        if not isinstance(self.raw, dict):
            raise self.refuse(f"expected keys and values, found {self.raw!r}")
        for name, value in self.raw.items():
            if name not in known:
                raise value.refuse(f"unknown key {name!r}; expected one of {', '.join(known)}")
        return self.raw

    def plain(self) -> Any:
        """Return the value without its places."""
        if isinstance(self.raw, dict):
            return {key: value.plain() for key, value in self.raw.items()}
        if isinstance(self.raw, list):
            return [value.plain() for value in self.raw]
        return self.raw


def read_document(path: Path) -> Value:
    """Read a YAML file; DocumentError when it can't be read or isn't YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: cannot be read: {error}") from error
    return parse_document(text, str(path))


def parse_document(text: str, source: str) -> Value:
    """Parse YAML or JSON text; an empty document is an empty mapping."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Value(raw={}, source=source, pointer="", line=1)
        return _convert(loader, node, source, "")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        raise DocumentError(f"{source}:{line}: is not YAML: {getattr(error, 'problem', error)}") from error
    finally:
        loader.dispose()


def _convert(loader: yaml.SafeLoader, node: yaml.Node, source: str, pointer: str) -> Value:
    line = node.start_mark.line + 1
    raw: Any
    match node:
        case yaml.MappingNode():
            raw = {}
            for key, child in node.value:
                name = str(loader.construct_object(key))
                if name in raw:
                    raise DocumentError(
                        f"{source}:{key.start_mark.line + 1} ({pointer}/{name}): the key is there twice"
                    )
                raw[name] = _convert(loader, child, source, f"{pointer}/{name}")
        case yaml.SequenceNode():
            raw = [_convert(loader, child, source, f"{pointer}/{place}") for place, child in enumerate(node.value)]
        case _:
            raw = loader.construct_object(node)
    return Value(raw=raw, source=source, pointer=pointer, line=line)
