"""Locations and stores: what a text names, and that both stores keep the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.emr_emulator.s3_server import get, make_bucket, put, s3_server, tree

from emr_emulator.storage import (
    Location,
    LocationError,
    NotFoundError,
    Scheme,
    Storage,
    StorageError,
    WriteOptions,
    parse_location,
)
from emr_emulator.storage_s3 import isolated_session


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Storage]:
    async with Storage(endpoint=None, hdfs=tmp_path / "hdfs") as storage:
        yield storage


@pytest.fixture(params=["hdfs", pytest.param("s3", marks=pytest.mark.integration)])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Storage, str]]:
    """Both kinds of storage, each with an empty folder: what holds here holds for either."""
    if request.param == "hdfs":
        async with Storage(endpoint=None, hdfs=tmp_path) as storage:
            yield storage, "hdfs:///base"
        return
    bucket = f"b-{uuid4().hex}"
    url: str = request.getfixturevalue("endpoint")
    make_bucket(url, bucket)
    async with Storage(endpoint=url, hdfs=None) as storage:
        yield storage, f"s3://{bucket}/base"


@pytest.mark.parametrize(
    ("text", "scheme", "authority", "path"),
    [
        ("s3://bucket/a/b", Scheme.S3, "bucket", "a/b"),
        ("s3n://bucket/a//b/", Scheme.S3, "bucket", "a//b/"),
        ("S3A://bucket", Scheme.S3, "bucket", ""),
        ("hdfs:///a/b", Scheme.HDFS, "", "/a/b"),
        ("hdfs://namenode:8020/a//./b/", Scheme.HDFS, "namenode:8020", "/a/b/"),
        ("hdfs:/a", Scheme.HDFS, "", "/a"),
        ("file:/a/b", Scheme.FILE, "", "/a/b"),
        ("/a/b", Scheme.FILE, "", "/a/b"),
        ("/a:b/c", Scheme.FILE, "", "/a:b/c"),
    ],
)
def test_every_spelling_of_a_location_is_read(text: str, scheme: Scheme, authority: str, path: str) -> None:
    found = parse_location(text)
    assert (found.scheme, found.authority, found.path) == (scheme, authority, path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gs://bucket/a", "unknown scheme 'gs'"),
        ("s3:///a", "no bucket"),
        ("hdfs:///a/../../etc", "may not hold '..'"),
        ("data/in", "must be absolute"),
    ],
)
def test_a_text_that_names_no_place_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(LocationError, match=complaint.replace(".", r"\.")):
        parse_location(text)


def test_a_location_is_printed_as_it_was_written() -> None:
    assert str(parse_location("s3n://b/k")) == "s3n://b/k"
    assert str(parse_location("hdfs:///a/b")) == "hdfs:///a/b"
    assert str(parse_location("/a", bare=Scheme.HDFS)) == "hdfs:///a"


def test_a_key_that_climbs_out_of_a_folder_becomes_no_path() -> None:
    with pytest.raises(LocationError, match="may not hold"):
        parse_location("hdfs:///out").child("a/../../../etc/passwd")


@pytest.mark.parametrize(
    ("place", "folder", "relative"),
    [
        ("s3://b/in/a/1", "s3n://b/in/", "a/1"),
        ("s3://b/in2/a", "s3://b/in", None),
        ("s3://b/a", "s3://b", "a"),
        ("s3://c/in/a", "s3://b/in", None),
        ("hdfs://namenode/in/a", "hdfs:///in", "a"),
        ("hdfs:///a", "hdfs:///", "a"),
    ],
)
def test_relative_names_respect_folder_borders(place: str, folder: str, relative: str | None) -> None:
    assert parse_location(place).relative_to(parse_location(folder)) == relative


async def test_what_is_written_is_read_listed_and_deleted(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    content = {f"{base}/a.txt": b"A", f"{base}/a/1": b"1", f"{base}/b/c/2": b"22", f"{base}2/other": b"x"}
    await put(storage, content)
    assert await tree(storage, base) == {"a.txt": b"A", "a/1": b"1", "b/c/2": b"22"}
    places = [parse_location(f"{base}/a.txt"), parse_location(f"{base}/never-was")]
    await (await storage.at(places[0])).delete(places)
    assert set(await tree(storage, base)) == {"a/1", "b/c/2"}


async def test_a_prefix_lists_in_the_order_of_keys(anywhere: tuple[Storage, str]) -> None:
    """S3 sorts `a-b` before `a/x` and `a0` after it; folders of this machine must not sort otherwise."""
    storage, base = anywhere
    await put(storage, {f"{base}/{name}": b"" for name in ("a0", "a/x", "a-b", "b")})
    prefix = parse_location(f"{base}/a")
    found = [str(entry.location) async for entry in (await storage.at(prefix)).files(prefix)]
    assert found == [f"{base}/a-b", f"{base}/a/x", f"{base}/a0"]


async def test_children_are_the_files_and_folders_of_one_level(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    await put(storage, {f"{base}/f": b"123", f"{base}/d/e/g": b""})
    place = parse_location(base)
    found = await (await storage.at(place)).children(place)
    assert [(entry.location.name, entry.is_folder, entry.size) for entry in found] == [("d", True, 0), ("f", False, 3)]


async def test_stat_tells_files_from_folders_from_nothing(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    await put(storage, {f"{base}/d/f": b"123"})
    store = await storage.at(parse_location(base))
    file, folder, nothing = [await store.stat(parse_location(f"{base}/{name}")) for name in ("d/f", "d", "x")]
    assert file is not None
    assert (file.is_folder, file.size) == (False, 3)
    assert folder is not None
    assert folder.is_folder
    assert nothing is None


async def test_a_folder_goes_with_everything_below_it(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    await put(storage, {f"{base}/d/e/f": b"", f"{base}/d2": b""})
    place = parse_location(f"{base}/d")
    store = await storage.at(place)
    await store.make_folder(place.child("empty"))
    assert (made := await store.stat(place.child("empty"))) is not None
    assert made.is_folder
    await store.delete_folder(place)
    assert set(await tree(storage, base)) == {"d2"}


async def test_reading_what_is_not_there_names_it(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    with pytest.raises(NotFoundError, match=f"{base}/nothing"):
        await get(storage, f"{base}/nothing")


async def test_a_write_that_fails_leaves_what_was_there(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    place = parse_location(f"{base}/f")
    await put(storage, {str(place): b"before"})
    store = await storage.at(place)

    async def fail_midway() -> None:
        async with store.write(place, WriteOptions(part_size=5 * 1024 * 1024)) as writer:
            await writer.write(b"x" * (6 * 1024 * 1024))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_midway()
    assert await tree(storage, base) == {"f": b"before"}


async def test_an_object_of_many_parts_arrives_whole(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    place = parse_location(f"{base}/large")
    pieces = [bytes([number]) * (1024 * 1024 + number) for number in range(12)]
    async with (await storage.at(place)).write(place, WriteOptions(part_size=5 * 1024 * 1024)) as writer:
        for piece in pieces:
            await writer.write(piece)
    assert await get(storage, str(place)) == b"".join(pieces)


async def test_without_multipart_an_object_still_arrives_whole(anywhere: tuple[Storage, str]) -> None:
    storage, base = anywhere
    place = parse_location(f"{base}/single")
    async with (await storage.at(place)).write(place, WriteOptions(part_size=10, multipart=False)) as writer:
        for _ in range(5):
            await writer.write(b"twelve bytes")
    assert await get(storage, str(place)) == b"twelve bytes" * 5


async def test_a_file_can_be_appended_to(files: Storage) -> None:
    place = parse_location("hdfs:///f")
    await put(files, {str(place): b"one "})
    async with (await files.at(place)).write(place, WriteOptions(append=True)) as writer:
        await writer.write(b"two")
    assert await get(files, str(place)) == b"one two"


async def test_a_file_that_is_being_written_is_not_listed(files: Storage) -> None:
    place = parse_location("hdfs:///d/f")
    store = await files.at(place)
    async with store.write(place) as writer:
        await writer.write(b"half")
        assert await store.children(parse_location("hdfs:///d")) == []
        assert await tree(files, "hdfs:///d") == {}


async def test_a_symbolic_link_does_not_lead_out_of_hdfs(files: Storage, tmp_path: Path) -> None:
    (tmp_path / "hdfs").mkdir()
    (tmp_path / "hdfs" / "way-out").symlink_to(tmp_path)
    (tmp_path / "secret").write_text("s")
    with pytest.raises(StorageError, match="leads out"):
        await get(files, "hdfs:///way-out/secret")


@pytest.mark.parametrize("text", ["s3://b/k", "hdfs:///f"])
async def test_a_storage_without_a_place_for_a_scheme_says_so(text: str) -> None:
    async with Storage(endpoint=None, hdfs=None) as storage:
        with pytest.raises(LocationError, match="is set"):
            await storage.at(parse_location(text))


@pytest.mark.integration
async def test_a_missing_bucket_is_named(endpoint: str) -> None:
    async with Storage(endpoint=endpoint, hdfs=None) as storage:
        with pytest.raises(NotFoundError, match=r"s3://no-such-bucket/k: .*NoSuchBucket"):
            await put(storage, {"s3://no-such-bucket/k": b""})


@pytest.mark.integration
async def test_the_users_aws_settings_do_not_matter(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that doesn't exist makes botocore fail, and a proxy would take the request elsewhere."""
    isolated_session.cache_clear()
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    bucket = f"b-{uuid4().hex}"
    monkeypatch.setenv("no_proxy", "")
    async with Storage(endpoint=endpoint, hdfs=None) as storage:
        place = Location(scheme=Scheme.S3, written_scheme="s3", authority=bucket, path="k")
        with pytest.raises(NotFoundError, match="NoSuchBucket"):
            await (await storage.at(place)).delete([place])


@pytest.mark.integration
async def test_a_server_that_is_gone_is_an_error_with_the_location() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with Storage(endpoint=f"http://127.0.0.1:{port}", hdfs=None) as storage:
        with pytest.raises(StorageError, match="s3://b/k: "):
            await get(storage, "s3://b/k")
