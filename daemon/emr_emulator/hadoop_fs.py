"""A small `hadoop fs` / `hdfs dfs`: the file commands that steps use, over HDFS, S3 and local files.

Paths without a scheme are on HDFS (relative ones below /user/hadoop), but local for the local side of -put and -get.
Wildcards (`*`, `?`, `[…]`) are expanded here, as Hadoop does. There is no trash: -rm deletes, which is EMR's default
too (fs.trash.interval 0), and -expunge has nothing to do. Exit codes are Hadoop's: 0, 1 when something failed, 255 for
a command line that makes no sense.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from emr_emulator.locations import Location, NotFoundError, Scheme, StorageError, parse_location
from emr_emulator.storage import Entry, Storage

_FAMILIES = {"hadoop": ("fs", "dfs"), "hdfs": ("dfs",)}


class UsageError(Exception):
    """The command line makes no sense; the text says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A parsed command line: switches without their dash, and paths as written."""

    storage: Storage
    switches: frozenset[str]
    paths: tuple[str, ...]


def main(arguments: Sequence[str]) -> int:
    """Run `hadoop …` or `hdfs …`, whose first argument is which of the two it is."""
    program, *rest = arguments
    if not rest or rest[0] not in _FAMILIES[program]:
        known = " and ".join(f"{program} {family}" for family in _FAMILIES[program])
        _talk(f"{program} {' '.join(rest[:1])}: this emulator has {known} only; install Hadoop for the rest")
        return 1
    try:
        return asyncio.run(_run(rest[1:]))
    except UsageError as error:
        _talk(str(error))
        return 255


async def _run(words: Sequence[str]) -> int:
    if not words:
        raise UsageError(f"Usage: hadoop fs COMMAND, one of {', '.join(_COMMANDS)}")
    name, *rest = words
    command = _COMMANDS.get(name)
    if command is None:
        raise UsageError(f"{name}: Unknown command; here are {', '.join(_COMMANDS)}")
    switches = frozenset(word[1:] for word in rest if word.startswith("-") and len(word) > 1)
    paths = tuple(word for word in rest if not word.startswith("-") or word == "-")
    if unknown := switches - command.switches:
        raise UsageError(f"{name}: Illegal option -{min(unknown)}")
    if len(paths) < command.least_paths:
        raise UsageError(f"{name}: Not enough arguments: expected {command.least_paths} but got {len(paths)}")
    async with Storage.of_environment(os.environ) as storage:
        try:
            return await command.run(Call(storage=storage, switches=switches, paths=paths))
        except StorageError as error:
            _talk(f"{name.lstrip('-')}: {error}")
            return 1


async def _ls(call: Call) -> int:
    async for entry in _each(call.storage, call.paths or ("/user/hadoop",)):
        store = await call.storage.at(entry.location)
        shown = await store.children(entry.location) if entry.is_folder and "d" not in call.switches else [entry]
        if entry.is_folder and "d" not in call.switches:
            _say(f"Found {len(shown)} items")
        for item in shown:
            _say(_line(item))
            if item.is_folder and "R" in call.switches:
                async for below in store.files(item.location.child("")):
                    _say(_line(below))
    return 0


def _line(entry: Entry) -> str:
    when = datetime.fromtimestamp(entry.modified, UTC).strftime("%Y-%m-%d %H:%M")
    mode, copies = ("drwxr-xr-x", "-") if entry.is_folder else ("-rw-r--r--", "1")
    return f"{mode}   {copies} hadoop hadoop {entry.size:>10} {when} {_shown(entry.location)}"


async def _mkdir(call: Call) -> int:
    for text in call.paths:
        place = _hdfs(text)
        store = await call.storage.at(place)
        found = await store.stat(place)
        if found is not None and not ("p" in call.switches and found.is_folder):
            raise StorageError(f"'{text}': File exists")
        parent = place.path.rstrip("/").rpartition("/")[0]
        if place.scheme is not Scheme.S3 and "p" not in call.switches and parent:
            above = await store.stat(_hdfs(parent) if place.scheme is Scheme.HDFS else parse_location(parent))
            if above is None:
                raise NotFoundError(f"'{text}': No such file or directory")
        await store.make_folder(place)
    return 0


async def _rm(call: Call) -> int:
    code = 0
    recursive = bool(call.switches & {"r", "R"})
    for text in call.paths:
        try:
            async for entry in _each(call.storage, (text,)):
                if entry.is_folder and not recursive:
                    _talk(f"rm: `{_shown(entry.location)}': Is a directory")
                    code = 1
                    continue
                await _remove(call.storage, entry)
                _say(f"Deleted {_shown(entry.location)}")
        except StorageError as error:
            if isinstance(error, NotFoundError) and "f" in call.switches:
                continue
            _talk(f"rm: {error}")
            code = 1
    return code


async def _cat(call: Call) -> int:
    async for entry in _each(call.storage, call.paths):
        async for chunk in (await call.storage.at(entry.location)).read(entry.location):
            sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
    return 0


async def _put(call: Call) -> int:
    *sources, target = call.paths
    if sources == ["-"]:
        return await _put_stdin(call, _hdfs(target))
    return await _copy_all(call, [str(_local(source)) for source in sources], _hdfs(target))


async def _put_stdin(call: Call, target: Location) -> int:
    await _check_free(call, target)
    async with (await call.storage.at(target)).write(target) as writer:
        while chunk := await asyncio.to_thread(sys.stdin.buffer.read, 1024 * 1024):
            await writer.write(chunk)
    return 0


async def _get(call: Call) -> int:
    *sources, target = call.paths if len(call.paths) > 1 else (*call.paths, ".")
    return await _copy_all(call, sources, _local(target))


async def _cp(call: Call) -> int:
    *sources, target = call.paths
    return await _copy_all(call, sources, _hdfs(target))


async def _mv(call: Call) -> int:
    *sources, target = call.paths
    await _copy_all(call, sources, _hdfs(target))
    async for entry in _each(call.storage, sources):
        await _remove(call.storage, entry)
    return 0


async def _remove(storage: Storage, entry: Entry) -> None:
    store = await storage.at(entry.location)
    await (store.delete_folder(entry.location) if entry.is_folder else store.delete([entry.location]))


async def _copy_all(call: Call, sources: Sequence[str], target: Location) -> int:
    """Copy files and folders onto or into a target, as cp does."""
    found = [entry async for entry in _each(call.storage, sources)]
    there = await (await call.storage.at(target)).stat(target)
    into = there is not None and there.is_folder
    if len(found) > 1 and not into:
        raise StorageError(f"'{_shown(target)}': No such file or directory")
    for entry in found:
        place = target.child(entry.location.name) if into else target
        if not entry.is_folder:
            await _copy(call, entry, place)
            continue
        async for below in (await call.storage.at(entry.location)).files(entry.location.child("")):
            await _copy(call, below, place.child(below.location.relative_to(entry.location) or below.location.name))
    return 0


async def _copy(call: Call, source: Entry, target: Location) -> None:
    await _check_free(call, target)
    store = await call.storage.at(target)
    if await store.copy(source, target):
        return
    async with store.write(target) as writer:
        async for chunk in (await call.storage.at(source.location)).read(source.location):
            await writer.write(chunk)


async def _check_free(call: Call, target: Location) -> None:
    if "f" not in call.switches and await (await call.storage.at(target)).stat(target) is not None:
        raise StorageError(f"'{_shown(target)}': File exists")


async def _test(call: Call) -> int:
    """Answer by the exit code: 0 is yes, 1 is no."""
    place = _hdfs(call.paths[0])
    store = await call.storage.at(place)
    found = await store.stat(place)
    if found is None:
        return 1
    empty = found.size == 0 and not found.is_folder
    answers = {"e": True, "d": found.is_folder, "f": not found.is_folder, "z": empty, "s": not empty}
    return 0 if all(answers[switch] for switch in call.switches) else 1


async def _expunge(call: Call) -> int:  # noqa: ARG001 (every command takes the call)
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Command:
    run: Callable[[Call], Awaitable[int]]
    switches: frozenset[str] = frozenset()
    least_paths: int = 1


_PUT = _Command(run=_put, switches=frozenset("fp"), least_paths=2)
_GET = _Command(run=_get, switches=frozenset({"f", "p", "crc", "ignoreCrc"}))
_COMMANDS: Mapping[str, _Command] = {
    "-ls": _Command(run=_ls, switches=frozenset("dR"), least_paths=0),
    "-mkdir": _Command(run=_mkdir, switches=frozenset("p")),
    "-rm": _Command(run=_rm, switches=frozenset({"r", "R", "f", "skipTrash", "safely"})),
    "-cat": _Command(run=_cat, switches=frozenset({"ignoreCrc"})),
    "-put": _PUT,
    "-copyFromLocal": _PUT,
    "-get": _GET,
    "-copyToLocal": _GET,
    "-cp": _Command(run=_cp, switches=frozenset("fp"), least_paths=2),
    "-mv": _Command(run=_mv, least_paths=2),
    "-test": _Command(run=_test, switches=frozenset("edfzs")),
    "-expunge": _Command(run=_expunge, switches=frozenset({"immediate"}), least_paths=0),
}


async def _each(storage: Storage, texts: Sequence[str]) -> AsyncIterator[Entry]:
    """Expand paths and wildcards into what is there; raises NotFoundError for a text that names nothing."""
    for text in texts:
        place = _hdfs(text)
        found = False
        async for entry in _expand(storage, place):
            found = True
            yield entry
        if not found:
            raise NotFoundError(f"`{text}': No such file or directory")


async def _expand(storage: Storage, place: Location) -> AsyncIterator[Entry]:
    store = await storage.at(place)
    parts = place.path.strip("/").split("/")
    first = next((index for index, part in enumerate(parts) if set(part) & set("*?[")), None)
    if first is None:
        entry = await store.stat(place)
        if entry is not None:
            yield entry
        return
    fixed = parse_location(f"{_root(place)}{'/'.join(parts[:first])}")
    for child in await store.children(fixed):
        if fnmatchcase(child.location.name, parts[first]):
            rest = "/".join(parts[first + 1 :])
            if not rest:
                yield child
            elif child.is_folder:
                async for entry in _expand(storage, child.location.child(rest)):
                    yield entry


def _root(place: Location) -> str:
    return f"{place.written_scheme}://{place.authority}/"


def _local(text: str) -> Location:
    """Name a local file as a shell would: relative to the working folder, `..` allowed."""
    return parse_location("file://" + os.path.abspath(text.removeprefix("file://")))  # noqa: PTH100 (resolves '..', not links)


def _hdfs(text: str) -> Location:
    if ":" not in text and not text.startswith("/"):
        text = f"/user/hadoop/{text}"
    return parse_location(text, bare=Scheme.HDFS)


def _shown(place: Location) -> str:
    """Print a path as Hadoop does: without the scheme on the default file system."""
    return place.path if place.scheme is Scheme.HDFS and not place.authority else str(place)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _talk(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
