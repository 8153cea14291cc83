"""One run of s3-dist-cp: list, select, plan, copy, write the manifest, delete."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from emr_emulator.locations import Location, NotFoundError, parse_location
from emr_emulator.s3distcp.manifest import ManifestEntry, read_lines, read_manifest, write_manifest
from emr_emulator.s3distcp.options import OptionError, Options
from emr_emulator.s3distcp.patterns import PatternError, compile_pattern
from emr_emulator.s3distcp.plan import (
    JoinRule,
    Output,
    PlanError,
    Source,
    group_sources,
    number_outputs,
    plan_copies,
    plan_groups,
    select,
)
from emr_emulator.s3distcp.transfer import Transfer
from emr_emulator.storage import Entry, Storage, WriteOptions

_log = logging.getLogger("s3distcp")


class CopyError(Exception):
    """The run failed; the text says why, and what was copied nevertheless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run did: files read, files written, files left out because a manifest has them."""

    read: int
    written: int
    excluded: int


async def run(options: Options, storage: Storage) -> Summary:
    """Do what the options say. Raises CopyError, PlanError, StorageError, ManifestError or OptionError."""
    pattern, group_by = _patterns(options)
    previous = await _previous(options, storage)
    listed = [source async for source in _sources(options, storage, previous)]
    matched = select(listed, pattern, group_by)
    if not matched:
        raise CopyError(_nothing(options, len(listed)))
    known = frozenset() if options.copy_from_manifest else frozenset(entry.base_name for entry in previous)
    wanted = [source for source in matched if source.relative not in known]
    outputs = await _plan(options, storage, wanted, group_by)
    _log.info(
        "Copying %d files to %d, %d are in the previous manifest", len(wanted), len(outputs), len(matched) - len(wanted)
    )
    await _copy(options, storage, outputs)
    if options.output_manifest is not None:
        kept = () if options.copy_from_manifest else previous
        await write_manifest(storage, _manifest_place(options), [*kept, *_entries(options, outputs)])
    if options.delete_on_success:
        await _delete(storage, [source.entry.location for source in wanted])
    return Summary(read=len(wanted), written=len(outputs), excluded=len(matched) - len(wanted))


def _patterns(options: Options) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    try:
        pattern = compile_pattern(options.src_pattern) if options.src_pattern is not None else None
    except PatternError as error:
        raise OptionError(f"--srcPattern: {error}") from error
    try:
        group_by = compile_pattern(options.group_by) if options.group_by is not None else None
    except PatternError as error:
        raise OptionError(f"--groupBy: {error}") from error
    if group_by is not None and group_by.groups == 0:
        raise OptionError(f"--groupBy: {options.group_by!r} has no group; put what names an output into parentheses")
    return pattern, group_by


async def _previous(options: Options, storage: Storage) -> list[ManifestEntry]:
    if options.previous_manifest is None:
        return []
    try:
        return await read_manifest(storage, options.previous_manifest)
    except NotFoundError as error:
        if options.require_previous_manifest:
            raise CopyError(f"--previousManifest: {error} (--requirePreviousManifest=false lets this pass)") from error
        _log.warning("No previous manifest at %s", options.previous_manifest)
        return []


async def _sources(options: Options, storage: Storage, previous: Sequence[ManifestEntry]) -> AsyncIterator[Source]:
    if options.copy_from_manifest:
        for entry in {entry.path: entry for entry in previous}.values():
            yield Source(entry=Entry(location=entry.location, size=entry.size, modified=0.0), relative=entry.base_name)
    elif options.src_prefixes_file is not None:
        async for source in _prefixed(options, storage, options.src_prefixes_file):
            yield source
    else:
        async for source in _below(options.src, storage):
            yield source


async def _below(src: Location, storage: Storage) -> AsyncIterator[Source]:
    """List --src: the one file of that name, or all that is in the folder of that name."""
    store = await storage.at(src)
    found = await store.stat(src)
    if found is not None and not found.is_folder:
        yield Source(entry=found, relative=src.name)
        return
    async for entry in store.files(src.child("")):
        yield _source(entry, src)


async def _prefixed(options: Options, storage: Storage, prefixes: Location) -> AsyncIterator[Source]:
    """List what begins with any of the prefixes; paths stay relative to --src. Overlapping prefixes count once."""
    store = await storage.at(options.src)
    seen: set[str] = set()
    for text in await read_lines(storage, prefixes):
        prefix = parse_location(text, bare=options.src.scheme)
        if prefix.relative_to(options.src) is None:
            raise CopyError(f"--srcPrefixesFile {prefixes}: {text} does not begin with --src {options.src}")
        async for entry in store.files(prefix):
            if entry.location.path not in seen:
                seen.add(entry.location.path)
                yield _source(entry, options.src)


def _source(entry: Entry, src: Location) -> Source:
    relative = entry.location.relative_to(src)
    if relative is None:
        raise CopyError(f"{entry.location} is not below {src}")
    return Source(entry=entry, relative=relative)


async def _plan(
    options: Options, storage: Storage, sources: Sequence[Source], group_by: re.Pattern[str] | None
) -> list[Output]:
    if group_by is None:
        outputs = plan_copies(sources, codec=options.codec)
        outputs = number_outputs(outputs, options.starting_index) if options.number_files else outputs
    else:
        rule = JoinRule(
            codec=options.codec,
            target_size=options.target_size,
            append=options.append_to_last_file,
            first_number=options.starting_index if options.number_files else None,
        )
        groups = group_sources(sources, group_by)
        existing = await _existing(options.dest, storage, {group.folder for group in groups})
        outputs = plan_groups(groups, rule, existing)
    if options.delete_on_success:
        _check_apart(options.dest, outputs)
    return outputs


async def _existing(dest: Location, storage: Storage, folders: set[str]) -> dict[str, int]:
    """Find what is in the folders that outputs go to: path below --dest, and size in bytes."""
    store = await storage.at(dest)
    return {
        f"{folder}{entry.location.name}": entry.size
        for folder in sorted(folders)
        for entry in await store.children(dest.child(folder))
        if not entry.is_folder
    }


def _check_apart(dest: Location, outputs: Sequence[Output]) -> None:
    """Refuse to delete what was just written: a source that is an output too."""
    sources = {(s.entry.location.scheme, s.entry.location.path) for output in outputs for s in output.sources}
    for output in outputs:
        target = dest.child(output.relative)
        if (target.scheme, target.path) in sources and any(
            source.entry.location.same_place(target) for other in outputs for source in other.sources
        ):
            raise PlanError(f"--deleteOnSuccess would delete {target}, which is a source and a copy at once")


async def _copy(options: Options, storage: Storage, outputs: Sequence[Output]) -> None:
    transfer = Transfer(
        storage=storage,
        dest=options.dest,
        options=WriteOptions(
            part_size=options.part_size,
            multipart=options.multipart,
            encrypted=options.encrypted,
            storage_class=options.storage_class,
        ),
    )
    await transfer.run(outputs)
    if transfer.failures:
        raise CopyError(
            f"{len(transfer.failures)} of {len(outputs)} files were not written; the first: {transfer.failures[0]}"
        )


async def _delete(storage: Storage, locations: Sequence[Location]) -> None:
    if locations:
        await (await storage.at(locations[0])).delete(locations)


def _manifest_place(options: Options) -> Location:
    """Find the manifest's place: a plain name is one below --dest."""
    name = options.output_manifest or ""
    if "://" in name or name.startswith("/"):
        return parse_location(name, bare=options.dest.scheme)
    return options.dest.child(name)


def _entries(options: Options, outputs: Sequence[Output]) -> list[ManifestEntry]:
    return [
        ManifestEntry(
            path=str(options.dest.child(output.relative)),
            base_name=source.relative,
            src_dir=str(options.dest),
            size=source.entry.size,
        )
        for output in outputs
        for source in output.sources
    ]


def _nothing(options: Options, listed: int) -> str:
    patterns = [("--srcPattern", options.src_pattern), ("--groupBy", options.group_by)]
    given = " and ".join(f"{name} {text!r}" for name, text in patterns if text is not None)
    if not listed:
        return f"Input path does not exist: there is no file at {options.src}"
    return f"Nothing to copy: none of the {listed} files at {options.src} has a URI that matches {given} as a whole"
