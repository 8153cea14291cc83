"""Decides what becomes of every source file: pure functions from listings to outputs.

A plan keeps one promise, which its tests hold it to: every selected file is in exactly one output, in listing order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from emr_emulator.s3distcp.options import Codec
from emr_emulator.storage import Entry

SUFFIXES = {"gz": Codec.GZIP, "gzip": Codec.GZIP, "lzo": Codec.LZO, "lzop": Codec.LZO, "snappy": Codec.SNAPPY}
"""File name suffixes that name a compression."""


class PlanError(Exception):
    """The files can't be copied as asked; the text names the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file to copy; `relative` is its path below --src."""

    entry: Entry
    relative: str

    @property
    def folder(self) -> str:
        """The folder below --src, with a slash behind it, or nothing."""
        return self.relative[: self.relative.rfind("/") + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Files to be joined; `folder` (below --dest) is that of the first of them, `key` names the output."""

    key: str
    folder: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A file to write at `relative` below --dest from the bytes of `sources`, in order.

    `decompress` is about those sources whose names say that they are compressed.
    """

    relative: str
    sources: tuple[Source, ...]
    decompress: bool = False
    compress: bool = False
    append: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinRule:
    """How groups become outputs; `target_size` is in bytes, `first_number` asks for numbered names.

    With `append`, the last existing file of a group that is below the target size gets the group's first part.
    """

    codec: Codec = Codec.KEEP
    target_size: int | None = None
    append: bool = False
    first_number: int | None = None


def select(sources: Iterable[Source], *patterns: re.Pattern[str] | None) -> list[Source]:
    """Keep the files whose whole URI matches every pattern that is given."""
    wanted = [pattern for pattern in patterns if pattern is not None]
    return [source for source in sources if all(p.fullmatch(str(source.entry.location)) for p in wanted)]


def group_sources(sources: Iterable[Source], pattern: re.Pattern[str]) -> list[Group]:
    """Join files by what the pattern's groups capture, all captures concatenated.

    A capture may hold slashes; the name of the output is what follows the last one.
    """
    members: dict[str, list[Source]] = {}
    for source in sources:
        found = pattern.fullmatch(str(source.entry.location))
        if found is not None:
            members.setdefault("".join(capture or "" for capture in found.groups()), []).append(source)
    return [
        Group(key=_name(key, pattern), folder=files[0].folder, sources=tuple(files)) for key, files in members.items()
    ]


def split_parts(sources: Sequence[Source], target_size: int | None, *, filled: int = 0) -> list[tuple[Source, ...]]:
    """Cut a group into parts: a part closes once its bytes reach the target, and a file is never split.

    `filled` bytes are in the first part already.
    """
    parts: list[tuple[Source, ...]] = []
    current: list[Source] = []
    size = filled
    for source in sources:
        current.append(source)
        size += source.entry.size
        if target_size is not None and size >= target_size:
            parts.append(tuple(current))
            current, size = [], 0
    if current:
        parts.append(tuple(current))
    return parts


def plan_groups(groups: Iterable[Group], rule: JoinRule, existing: Mapping[str, int]) -> list[Output]:
    """Plan the outputs of all groups; `existing` (path below --dest to size) is never overwritten."""
    outputs: list[Output] = []
    taken = set(existing)
    number = rule.first_number
    for group in groups:
        made = _plan_group(group, replace(rule, first_number=number), existing, taken)
        taken.update(output.relative for output in made)
        outputs += made
        number = None if number is None else number + len(made)
    return outputs


def _plan_group(group: Group, rule: JoinRule, existing: Mapping[str, int], taken: Collection[str]) -> list[Output]:
    stem, suffix = _naming(group, rule.codec)
    last = _last_open(f"{group.folder}{stem}", suffix, existing, rule.target_size) if rule.append else None
    parts = split_parts(group.sources, rule.target_size, filled=existing[last] if last is not None else 0)
    single = len(parts) == 1
    names: list[str] = [] if last is None else [last]
    for index in range(len(names), len(parts)):
        number = "" if rule.first_number is None else str(rule.first_number + index)
        candidates = _candidates(f"{group.folder}{number}{stem}", suffix, first=None if single else index)
        names.append(next(name for name in candidates if name not in taken and name not in names))
    recode = rule.codec is not Codec.KEEP
    return [
        Output(
            relative=name,
            sources=part,
            decompress=recode,
            compress=rule.codec is Codec.GZIP,
            append=name == last,
        )
        for name, part in zip(names, parts, strict=True)
    ]


def plan_copies(sources: Iterable[Source], *, codec: Codec) -> list[Output]:
    """Plan a copy of every file to the same path below --dest, with the codec's suffix."""
    outputs: dict[str, Output] = {}
    for source in sources:
        stem, found = split_suffix(source.relative)
        recode = codec is not Codec.KEEP and SUFFIXES.get(found, Codec.NONE) is not codec
        output = Output(
            relative=_suffixed(stem, "" if codec is Codec.NONE else codec.value) if recode else source.relative,
            sources=(source,),
            decompress=recode,
            compress=recode and codec is Codec.GZIP,
        )
        if (other := outputs.setdefault(output.relative, output)) is not output:
            both = f"{other.sources[0].entry.location} and {source.entry.location}"
            raise PlanError(f"{both} would both become {output.relative!r}")
    return list(outputs.values())


def number_outputs(outputs: Sequence[Output], first: int) -> list[Output]:
    """Put sequential numbers before the file names."""
    numbered = []
    for number, output in enumerate(outputs, start=first):
        folder, slash, name = output.relative.rpartition("/")
        numbered.append(replace(output, relative=f"{folder}{slash}{number}{name}"))
    return numbered


def split_suffix(name: str) -> tuple[str, str]:
    """Split off a suffix that names a compression: `a.txt.gz` is `("a.txt", "gz")`, `a.txt` is `("a.txt", "")`."""
    stem, dot, suffix = name.rpartition(".")
    if dot and stem and suffix.lower() in SUFFIXES:
        return stem, suffix.lower()
    return name, ""


def _name(key: str, pattern: re.Pattern[str]) -> str:
    name = key.rstrip("/").rsplit("/", 1)[-1]
    if name in {"", ".", ".."}:
        raise PlanError(f"--groupBy {pattern.pattern!r} captures {key!r}, which names no file")
    return name


def _naming(group: Group, codec: Codec) -> tuple[str, str]:
    """Say how a group's output is called: a stem, to which part numbers are added, and a suffix."""
    stem, _ = split_suffix(group.key)
    if codec is not Codec.KEEP:
        return stem, "" if codec is Codec.NONE else codec.value
    kinds = {SUFFIXES.get(split_suffix(source.relative)[1], Codec.NONE) for source in group.sources}
    if len(kinds) > 1:
        found = ", ".join(sorted(kinds))
        raise PlanError(f"group {group.key!r} has files of different compression ({found}); give --outputCodec")
    kind = kinds.pop()
    if kind in {Codec.LZO, Codec.SNAPPY} and len(group.sources) > 1:
        raise PlanError(f"group {group.key!r}: .{kind} files can't be joined without a {kind} library")
    return stem, "" if kind is Codec.NONE else kind.value


def _candidates(stem: str, suffix: str, *, first: int | None) -> Iterator[str]:
    """Offer names for a part: the plain one unless it has a number, then numbers behind the stem, counting on."""
    if first is None:
        yield _suffixed(stem, suffix)
    for number in count(first or 0):
        yield _suffixed(f"{stem}{number}", suffix)


def _last_open(stem: str, suffix: str, existing: Mapping[str, int], target_size: int | None) -> str | None:
    """Find the group's last existing file, if it may still grow."""
    shape = re.compile(re.escape(stem) + r"(\d*)" + re.escape(f".{suffix}" if suffix else ""))
    numbers = {name: int(found[1] or -1) for name in existing if (found := shape.fullmatch(name))}
    if not numbers:
        return None
    last = max(numbers, key=lambda name: numbers[name])
    return last if target_size is None or existing[last] < target_size else None


def _suffixed(stem: str, suffix: str) -> str:
    return f"{stem}.{suffix}" if suffix else stem
