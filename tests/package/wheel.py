"""A wheel's content, as a test wants to ask for it."""

from __future__ import annotations

import configparser
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Wheel:
    """A wheel file."""

    path: Path

    @cached_property
    def files(self) -> frozenset[str]:
        """The paths of all its files."""
        with zipfile.ZipFile(self.path) as archive:
            return frozenset(archive.namelist())

    @cached_property
    def metadata(self) -> Message:
        """Its METADATA: headers and the README."""
        return Parser().parsestr(self._info("METADATA"))

    @cached_property
    def scripts(self) -> dict[str, str]:
        """Its console scripts: command and entry point."""
        parser = configparser.ConfigParser()
        parser.read_string(self._info("entry_points.txt"))
        return dict(parser["console_scripts"])

    def requirements(self, extra: str | None = None) -> frozenset[str]:
        """Names of the distributions that an install needs, or those that only an extra of it needs."""
        found = [line.partition(";") for line in self.metadata.get_all("Requires-Dist", [])]
        marker = "" if extra is None else f"extra == '{extra}'"
        chosen = [name for name, _, condition in found if condition.strip().replace('"', "'") == marker]
        return frozenset(_distribution(name) for name in chosen)

    def _info(self, name: str) -> str:
        [member] = [path for path in self.files if path.endswith(f".dist-info/{name}")]
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(member).decode()


def _distribution(requirement: str) -> str:
    end = next((at for at, char in enumerate(requirement) if not (char.isalnum() or char in "-_.")), len(requirement))
    return requirement[:end].lower()
