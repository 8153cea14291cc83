"""Whole runs of s3-dist-cp against an S3 and folders of this machine."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from tests.emr_emulator.s3_server import get, head, make_bucket, put, s3_server, tree

from emr_emulator.locations import StorageError
from emr_emulator.s3distcp.manifest import ManifestError
from emr_emulator.s3distcp.options import OptionError, parse_options
from emr_emulator.s3distcp.plan import PlanError
from emr_emulator.s3distcp.run import CopyError, Summary, run
from emr_emulator.storage import Storage

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    storage: Storage
    bucket: str
    endpoint: str
    hdfs: Path

    async def distcp(self, *arguments: str) -> Summary:
        options = parse_options(arguments)
        assert options is not None
        return await run(options, self.storage)


@pytest.fixture
async def place(endpoint: str, tmp_path: Path) -> AsyncIterator[Place]:
    name = f"b-{uuid4().hex}"
    make_bucket(endpoint, name)
    async with Storage(endpoint=endpoint, hdfs=tmp_path) as storage:
        yield Place(storage=storage, bucket=f"s3://{name}", endpoint=endpoint, hdfs=tmp_path)


def manifest_lines(content: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in gzip.decompress(content).splitlines()]


async def test_everything_below_src_is_copied_and_overwrites(place: Place) -> None:
    await put(
        place.storage,
        {
            f"{place.bucket}/in/a": b"new",
            f"{place.bucket}/in/d/b": b"2",
            f"{place.bucket}/in2/x": b"",
            "hdfs:///o/a": b"old",
        },
    )
    done = await place.distcp("--src", f"{place.bucket}/in", "--dest", "hdfs:///o")
    assert await tree(place.storage, "hdfs:///o") == {"a": b"new", "d/b": b"2"}
    assert (done.read, done.written) == (2, 2)


@pytest.mark.parametrize("scheme", ["s3", "s3n", "s3a"])
async def test_every_spelling_of_s3_is_a_source_and_a_destination(place: Place, scheme: str) -> None:
    await put(place.storage, {f"{place.bucket}/in/a": b"1"})
    bucket = place.bucket.replace("s3", scheme, 1)
    await place.distcp(f"--src={bucket}/in/", f"--dest={bucket}/out/", f"--srcPattern={scheme}://.*a")
    assert await tree(place.storage, f"{place.bucket}/out") == {"a": b"1"}


async def test_a_single_file_is_copied_under_its_name(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/a.txt": b"1", "hdfs:///in/a.txt2": b"2"})
    await place.distcp("--src", "/in/a.txt", "--dest", f"{place.bucket}/out")
    assert await tree(place.storage, f"{place.bucket}/out") == {"a.txt": b"1"}


async def test_local_files_are_a_source_too(place: Place, tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "f").write_bytes(b"1")
    await place.distcp("--src", f"file://{tmp_path}/local", "--dest", f"{place.bucket}/out")
    assert await tree(place.storage, f"{place.bucket}/out") == {"f": b"1"}


async def test_joined_files_hold_their_inputs_in_order_and_leave_the_others(place: Place) -> None:
    files = {f"{place.bucket}/in/part-0000{number}-x": f"{number}\n".encode() for number in range(5)}
    await put(place.storage, files | {f"{place.bucket}/in/_SUCCESS": b""})
    await place.distcp("--src", f"{place.bucket}/in", "--dest", "hdfs:///out", "--groupBy", r".*(part-)\d+-(x)")
    assert await tree(place.storage, "hdfs:///out") == {"part-x": b"0\n1\n2\n3\n4\n"}
    await place.distcp("--src", f"{place.bucket}/in", "--dest", "hdfs:///out", "--groupBy", r".*(part-)\d+-(x)")
    assert set(await tree(place.storage, "hdfs:///out")) == {"part-x", "part-x0"}


async def test_joined_gzip_files_stay_readable_gzip(place: Place) -> None:
    await put(place.storage, {f"{place.bucket}/in/{n}.gz": gzip.compress(f"{n}\n".encode()) for n in range(3)})
    await place.distcp("--src", f"{place.bucket}/in", "--dest", f"{place.bucket}/out", "--groupBy", r".*/(in)/.*")
    [(name, content)] = (await tree(place.storage, f"{place.bucket}/out")).items()
    assert name == "in.gz"
    assert gzip.decompress(content) == b"0\n1\n2\n"


async def test_a_target_size_makes_parts(place: Place) -> None:
    half = b"x" * (600 * 1024)
    await put(place.storage, {f"hdfs:///in/{n}-log": half for n in range(5)})
    arguments = ("--groupBy", r".*/\d-(log)", "--targetSize", "1")
    await place.distcp("--src", "/in", "--dest", f"{place.bucket}/out", *arguments)
    found = await tree(place.storage, f"{place.bucket}/out")
    assert {name: len(content) // len(half) for name, content in found.items()} == {"log0": 2, "log1": 2, "log2": 1}


async def test_compression_can_be_taken_off_put_on_and_left(place: Place) -> None:
    packed = gzip.compress(b"packed")
    await put(place.storage, {"hdfs:///in/a.gz": packed, "hdfs:///in/b": b"plain"})
    for codec in ("none", "gzip", "keep"):
        await place.distcp("--src", "/in", "--dest", f"/{codec}", "--outputCodec", codec)
    assert await tree(place.storage, "hdfs:///none") == {"a": b"packed", "b": b"plain"}
    assert await tree(place.storage, "hdfs:///keep") == {"a.gz": packed, "b": b"plain"}
    zipped = await tree(place.storage, "hdfs:///gzip")
    assert {name: gzip.decompress(content) for name, content in zipped.items()} == {"a.gz": b"packed", "b.gz": b"plain"}


async def test_a_file_that_can_not_be_decompressed_fails_alone_and_is_named(place: Place) -> None:
    await put(
        place.storage,
        {"hdfs:///in/bad.gz": b"no gzip", "hdfs:///in/b.snappy": b"", "hdfs:///in/good.gz": gzip.compress(b"1")},
    )
    with pytest.raises(CopyError, match=r"2 of 3 files were not written.*in/b\.snappy|in/bad\.gz"):
        await place.distcp("--src", "/in", "--dest", "/out", "--outputCodec", "none", "--deleteOnSuccess")
    assert await tree(place.storage, "hdfs:///out") == {"good": b"1"}
    assert len(await tree(place.storage, "hdfs:///in")) == 3


async def test_a_truncated_gzip_is_an_error(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/a.gz": gzip.compress(b"x" * 1000)[:-9]})
    with pytest.raises(CopyError, match=r"hdfs:///in/a\.gz: the gzip data ends too early"):
        await place.distcp("--src", "/in", "--dest", "/out", "--outputCodec", "none")
    assert await tree(place.storage, "hdfs:///out") == {}


async def test_sources_are_deleted_only_if_they_were_copied(place: Place) -> None:
    await put(place.storage, {f"{place.bucket}/in/a": b"1", f"{place.bucket}/in/b": b"2"})
    await place.distcp("--src", f"{place.bucket}/in", "--dest", "/out", "--srcPattern", ".*a", "--deleteOnSuccess")
    assert await tree(place.storage, f"{place.bucket}/in") == {"b": b"2"}
    with pytest.raises(PlanError, match="a source and a copy at once"):
        await place.distcp("--src", f"{place.bucket}/in", "--dest", f"{place.bucket}/in", "--deleteOnSuccess")
    assert await tree(place.storage, f"{place.bucket}/in") == {"b": b"2"}


async def test_manifests_tell_what_was_copied_and_leave_it_out_next_time(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/a": b"1"})
    copy = ("--src", "/in", "--dest", f"{place.bucket}/out")
    await place.distcp(*copy, "--outputManifest", "m1.gz")
    await put(place.storage, {"hdfs:///in/a": b"changed", "hdfs:///in/d/b": b"22"})
    done = await place.distcp(*copy, f"--previousManifest={place.bucket}/out/m1.gz", "--outputManifest=m2.gz")
    assert (done.read, done.excluded) == (1, 1)
    assert await get(place.storage, f"{place.bucket}/out/a") == b"1"
    assert manifest_lines(await get(place.storage, f"{place.bucket}/out/m2.gz")) == [
        {"path": f"{place.bucket}/out/a", "baseName": "a", "srcDir": f"{place.bucket}/out", "size": 1},
        {"path": f"{place.bucket}/out/d/b", "baseName": "d/b", "srcDir": f"{place.bucket}/out", "size": 2},
    ]
    await place.distcp(
        "--src",
        f"{place.bucket}/out",
        "--dest",
        "/again",
        f"--previousManifest={place.bucket}/out/m2.gz",
        "--copyFromManifest",
    )
    assert await tree(place.storage, "hdfs:///again") == {"a": b"1", "d/b": b"22"}


async def test_a_missing_manifest_fails_unless_it_is_not_required(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/a": b"1", "hdfs:///bad": gzip.compress(b"{}\n")})
    copy = ("--src", "/in", "--dest", "/out", "--previousManifest")
    with pytest.raises(CopyError, match=r"--previousManifest: hdfs:///none\.gz: no such file"):
        await place.distcp(*copy, "/none.gz")
    with pytest.raises(ManifestError, match="hdfs:///bad, line 1: expected a JSON object"):
        await place.distcp(*copy, "/bad")
    await place.distcp(*copy, "/none.gz", "--requirePreviousManifest=false")
    assert await tree(place.storage, "hdfs:///out") == {"a": b"1"}


async def test_a_prefixes_file_replaces_the_listing_of_src(place: Place) -> None:
    names = ("2017-01/a", "2017-02/b", "2018-01/c")
    await put(place.storage, {f"{place.bucket}/in/{name}": b"" for name in names})
    await put(place.storage, {"hdfs:///prefixes": f"{place.bucket}/in/2017-0\n\n{place.bucket}/in/2017-02/\n".encode()})
    copy = ("--src", f"{place.bucket}/in", "--dest", "/out", "--srcPrefixesFile", "/prefixes")
    assert (await place.distcp(*copy)).read == 2
    assert set(await tree(place.storage, "hdfs:///out")) == {"2017-01/a", "2017-02/b"}
    await put(place.storage, {"hdfs:///prefixes": b"s3://elsewhere/in"})
    with pytest.raises(CopyError, match="s3://elsewhere/in does not begin with --src"):
        await place.distcp(*copy)


async def test_new_data_is_appended_to_a_group_on_hdfs(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/log-1": b"1", "hdfs:///out/log": b"0"})
    await place.distcp("--src", "/in", "--dest", "/out", "--groupBy", r".*/(log)-\d", "--appendToLastFile")
    assert await tree(place.storage, "hdfs:///out") == {"log": b"01"}


async def test_numbers_and_storage_class_and_encryption_reach_the_objects(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/a": b"1"})
    extras = ("--numberFiles", "--startingIndex=5", "--storageClass=REDUCED_REDUNDANCY", "--s3ServerSideEncryption")
    await place.distcp("--src", "/in", "--dest", f"{place.bucket}/out", *extras)
    found = await head(place.endpoint, f"{place.bucket}/out/5a")
    assert (found["StorageClass"], found["ServerSideEncryption"]) == ("REDUCED_REDUNDANCY", "AES256")


async def test_a_copy_keeps_the_storage_class_of_its_source(place: Place) -> None:
    await put(place.storage, {"hdfs:///in/a": b"1"})
    await place.distcp("--src", "/in", "--dest", f"{place.bucket}/one", "--storageClass", "STANDARD_IA")
    await place.distcp("--src", f"{place.bucket}/one", "--dest", f"{place.bucket}/two")
    assert (await head(place.endpoint, f"{place.bucket}/two/a"))["StorageClass"] == "STANDARD_IA"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--src", "/nowhere"), "Input path does not exist: there is no file at hdfs:///nowhere"),
        (
            ("--src", "/in", "--srcPattern", "a"),
            "none of the 1 files at hdfs:///in has a URI that matches --srcPattern 'a'",
        ),
        (("--src", "s3://no-such-bucket/in"), "NoSuchBucket"),
        (("--src", "/in", "--groupBy", ".*a"), "has no group"),
        (("--src", "/in", "--srcPattern", "(a"), "--srcPattern: '\\(a' is not a regular expression"),
    ],
)
async def test_a_run_that_can_not_copy_says_why(place: Place, arguments: tuple[str, ...], complaint: str) -> None:
    await put(place.storage, {"hdfs:///in/a": b"1"})
    with pytest.raises((CopyError, OptionError, StorageError), match=complaint):
        await place.distcp(*arguments, "--dest", "/out")


async def test_the_command_has_an_exit_code_a_syslog_and_an_error_line(place: Place, tmp_path: Path) -> None:
    await put(place.storage, {f"{place.bucket}/in/a": b"1"})
    (tmp_path / "logs").mkdir()
    environment = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "AWS_ENDPOINT_URL": place.endpoint,
        "EMR_EMULATOR_HDFS": str(place.hdfs),
        "HADOOP_LOG_DIR": str(tmp_path / "logs"),
    }

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = (sys.executable, "-m", "emr_emulator.s3distcp", *arguments)
        return subprocess.run(program, env=environment, capture_output=True, text=True, check=False)

    done = command("--src", f"{place.bucket}/in", "--dest", "/out")
    assert (done.returncode, done.stderr) == (0, "")
    assert await tree(place.storage, "hdfs:///out") == {"a": b"1"}
    assert "Copied 1 files to 1 files" in (tmp_path / "logs" / "syslog").read_text()
    failed = command("--src", "/nothing", "--dest", "/out")
    assert failed.returncode == 1
    assert failed.stderr.startswith("s3-dist-cp: Input path does not exist")
    assert command("--src", "/nothing").returncode == 2
