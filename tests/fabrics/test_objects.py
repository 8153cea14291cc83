"""What is read of S3, against a local stand-in for it."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator, Callable

import pytest
from tests.fabrics import samples
from tests.fabrics.clocks import LeapingClock

from dataflow_runner.errors import InputError, Refused
from dataflow_runner.fabrics.emr.client import EmrFabric
from dataflow_runner.fabrics.emr.objects import LOG_LIMIT, READ_LIMIT, CutLog
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession
from dataflow_runner.fabrics.places import read_place
from dataflow_runner.jobs.ids import ClusterId, StepId

pytestmark = pytest.mark.integration

Put = Callable[[str, bytes], None]


@pytest.fixture(scope="module")
def put(aws: str) -> Put:
    """Puts objects into a bucket."""
    import botocore.session

    session = botocore.session.Session()
    session.set_credentials("AKID", "hush-hush")
    s3 = session.create_client("s3", region_name="eu-central-1", endpoint_url=aws)
    s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})

    def put_object(key: str, body: bytes) -> None:
        s3.put_object(Bucket="data", Key=key, Body=body)

    return put_object


@pytest.fixture
async def emr(aws: str, clock: LeapingClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EmrFabric]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws)
    made = EmrFabric(AwsSession(AwsIdentity.of_cluster(samples.config())), clock=clock)
    yield made
    await made.close()


async def test_a_folder_with_an_object_holds_data_under_every_scheme(emr: EmrFabric, put: Put) -> None:
    put("full/a.gz", b"x")
    for place in ("s3://data/full/", "s3a://data/full", "s3n://data/full/"):
        assert await emr.has_data(place, None)


async def test_a_neighbour_with_the_same_beginning_doesnt_count(emr: EmrFabric, put: Put) -> None:
    put("run2/a.gz", b"x")
    assert not await emr.has_data("s3://data/run", None)


async def test_folder_markers_are_no_data_without_a_pattern(emr: EmrFabric, put: Put) -> None:
    put("marked/", b"")
    put("marked/sub/", b"")
    put("marked/sub_$folder$", b"")
    assert not await emr.has_data("s3://data/marked/", None)
    assert await emr.has_data("s3://data/marked/", r".*\$folder\$")


async def test_an_empty_file_is_data(emr: EmrFabric, put: Put) -> None:
    put("empty/_SUCCESS", b"")
    assert await emr.has_data("s3://data/empty/", None)


async def test_a_pattern_must_match_the_whole_uri(emr: EmrFabric, put: Put) -> None:
    put("in/part-1.gz", b"x")
    assert await emr.has_data("s3://data/in/", r".*part-.*\.gz")
    assert await emr.has_data("s3a://data/in/", r"s3a://data/in/part-\d\.gz")
    assert not await emr.has_data("s3://data/in/", r"part-.*")
    assert not await emr.has_data("s3://data/in/", r".*part-")


async def test_every_page_is_looked_at(emr: EmrFabric, put: Put) -> None:
    from moto.s3.models import s3_backends

    put("many/0000_$folder$", b"")
    for number in range(1001):  # straight into the stand-in's memory: a thousand requests take seconds
        s3_backends["123456789012"]["aws"].put_object("data", f"many/{number:04d}_$folder$", b"")
    assert not await emr.has_data("s3://data/many/", None)
    assert await emr.has_data("s3://data/many/", ".*/1000_.*")


async def test_what_is_no_place_or_no_pattern_is_the_users_to_mend(emr: EmrFabric) -> None:
    with pytest.raises(InputError, match="is not a place in S3"):
        await emr.has_data("hdfs:///x/", None)
    with pytest.raises(InputError, match="is not a regular expression"):
        await emr.has_data("s3://data/x/", "(")


async def test_a_bucket_that_isnt_there_is_refused_with_its_place(emr: EmrFabric) -> None:
    with pytest.raises(Refused, match="ListObjectsV2 of s3://no-such-bucket/x/: NoSuchBucket"):
        await emr.has_data("s3://no-such-bucket/x", None)


async def test_a_steps_logs_are_unpacked_and_named(emr: EmrFabric, put: Put) -> None:
    put("logs/j-1/steps/s-1/stderr.gz", gzip.compress(b"boom \xff\n"))
    put("logs/j-1/steps/s-1/controller.gz", gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    put("logs/j-1/steps/s-1/plain", b"as it is")
    put("logs/j-1/steps/s-10/stderr.gz", gzip.compress(b"another step's"))
    logs = await emr.fetch_logs("s3n://data/logs", ClusterId("j-1"), StepId("s-1"))
    assert {log.name: log.text for log in logs} == {
        "controller": "one\ntwo\n",
        "plain": "as it is",
        "stderr": "boom \N{REPLACEMENT CHARACTER}\n",
    }
    assert {log.place for log in logs} >= {"s3n://data/logs/j-1/steps/s-1/stderr.gz"}


async def test_logs_that_arent_shipped_yet_are_none(emr: EmrFabric, put: Put) -> None:
    put("logs/j-2/steps/s-1/stderr.gz", gzip.compress(b"x"))
    assert await emr.fetch_logs("s3://data/logs/", ClusterId("j-2"), StepId("s-2")) == ()


def test_a_large_log_keeps_its_two_ends() -> None:
    lines = b"".join(b"%07d\n" % number for number in range(LOG_LIMIT // 4))
    log = CutLog(zipped=True)
    packed = gzip.compress(lines)
    for start in range(0, len(packed), 1000):
        log.feed(packed[start : start + 1000])
    text = log.text()
    left_out = len(lines) - LOG_LIMIT
    assert text.startswith("0000000\n0000001\n")
    assert text.endswith(lines[-80:].decode())
    assert f"[… {left_out} bytes left out …]" in text
    assert len(text) < LOG_LIMIT + 100


def test_a_gzip_bomb_stops_being_read() -> None:
    bomb = gzip.compress(bytes(2 * READ_LIMIT), compresslevel=9)
    assert len(bomb) < READ_LIMIT / 500
    log = CutLog(zipped=True)
    log.feed(bomb)
    assert log.is_full
    assert log.text().endswith("[the rest was not read: the log is too large]\n")


def test_a_log_that_isnt_gzip_says_so_and_keeps_what_came_before() -> None:
    packed = gzip.compress(b"good\n") + b"rubbish"
    log = CutLog(zipped=True)
    log.feed(packed)
    assert log.text().startswith("good\n")
    assert "the rest can't be read" in log.text()


@pytest.mark.parametrize("size", [0, 1, LOG_LIMIT - 1, LOG_LIMIT, LOG_LIMIT + 1])
def test_a_log_is_whole_up_to_the_limit(size: int) -> None:
    body = os.urandom(size).hex().encode()[:size]
    log = CutLog(zipped=False)
    for start in range(0, size, 65_536):
        log.feed(body[start : start + 65_536])
    text = log.text()
    assert (text == body.decode()) is (size <= LOG_LIMIT)


def test_a_place_reads_bucket_and_key() -> None:
    place = read_place("s3a://bucket/a/b")
    assert (place.scheme, place.bucket, place.key, place.folder) == ("s3a", "bucket", "a/b", "a/b/")
    assert read_place("s3://bucket").folder == ""
    assert place.uri_of("c") == "s3a://bucket/c"
