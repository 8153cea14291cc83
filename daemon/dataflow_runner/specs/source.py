"""Files and standard input, read within bounds."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from dataflow_runner.errors import SpecError
from dataflow_runner.specs.bounds import MAX_BYTES
from dataflow_runner.specs.findings import finding_at


@dataclass(frozen=True, slots=True)
class Source:
    """A file's name, for messages, and what is in it."""

    name: str
    content: bytes

    @property
    def is_avro(self) -> bool:
        """Whether it is an Avro container; anything else is read as JSON."""
        return self.content.startswith(b"Obj")


def read_source(path: str | os.PathLike[str], *, stdin: BinaryIO | None = None) -> Source:
    """Read a file, or ``stdin`` where the path is '-'; raises SpecError when it can't be read or is too large."""
    if stdin is not None and os.fspath(path) == "-":
        return _bounded("<stdin>", stdin)
    name = os.fspath(path)
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            refuse(name, "unreadable", "it is a directory; name the spec file in it")
        if status.st_size > MAX_BYTES:
            refuse(name, "too-large", _too_large(status.st_size))
        with Path(path).open("rb") as file:
            return _bounded(name, file)
    except FileNotFoundError:
        refuse(name, "missing-file", "there is no such file")
    except PermissionError:
        refuse(name, "unreadable", "this user may not read it")
    except (OSError, ValueError) as error:
        refuse(name, "unreadable", f"it can't be read: {getattr(error, 'strerror', None) or error}")


def text_of(source: Source) -> str:
    """The text of a JSON file; raises SpecError."""
    if len(source.content) > MAX_BYTES:
        refuse(source.name, "too-large", _too_large(len(source.content)))
    if not source.content.strip():
        refuse(source.name, "syntax", "the file is empty")
    try:
        return source.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(source.name, "syntax", f"it is neither Avro nor UTF-8 text: byte {error.start} can't be read")


def refuse(name: str, rule: str, message: str) -> NoReturn:
    """Give up on a whole file."""
    raise SpecError([finding_at(name, "", (None, None), rule, message)])


def _bounded(name: str, file: BinaryIO) -> Source:
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        refuse(name, "too-large", f"it is larger than {MAX_BYTES >> 20} MiB, which no spec is")
    return Source(name, content)


def _too_large(size: int) -> str:
    return f"it has {size / (1 << 20):.0f} MiB; a spec has {MAX_BYTES >> 20} MiB at most"
