"""Log shipping: what arrives where, when, and that a failure hurts nobody."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.emr_emulator.s3_server import make_bucket, s3_server, tree

from emr_emulator.logs import LogShipper, RunRecord, bootstrap_logs, controller_text, step_logs
from emr_emulator.storage import Storage, parse_location
from emr_emulator.work import BootstrapWork, StepWork


def step(log_uri: str | None) -> StepWork:
    return StepWork(
        cluster_id="j-1",
        step_id="s-1",
        name="n",
        jar="command-runner.jar",
        main_class=None,
        arguments=(),
        properties={},
        log_uri=log_uri,
        release_label="emr-7.0.0",
    )


@pytest.mark.parametrize("log_uri", ["s3://b/logs", "s3://b/logs/", "s3n://b/logs/", "s3a://b/logs"])
def test_step_logs_are_laid_out_as_emr_does(log_uri: str) -> None:
    assert str(step_logs(step(log_uri))) == "s3://b/logs/j-1/steps/s-1"


def test_bootstrap_logs_are_below_their_instance() -> None:
    work = BootstrapWork(
        cluster_id="j-1", number=2, name="n", path="p", arguments=(), log_uri="s3://b", instance_id="i-9"
    )
    assert str(bootstrap_logs(work)) == "s3://b/j-1/node/i-9/bootstrap-actions/2"


@pytest.mark.parametrize("log_uri", [None, "", "file:///tmp/logs", "gs://b", "logs"])
def test_a_log_uri_that_is_not_on_s3_ships_nothing(log_uri: str | None) -> None:
    assert step_logs(step(log_uri)) is None


@pytest.mark.parametrize(
    ("code", "last"), [(0, "INFO Step succeeded with exitCode 0"), (3, "WARN Step failed with exitCode 3")]
)
def test_the_controller_log_ends_with_exit_code_and_duration(code: int, last: str) -> None:
    record = RunRecord(
        what="Step",
        argv=("/bin/p", "a b"),
        folder=Path("/w"),
        pid=7,
        started=datetime(2024, 1, 2, 3, 4, 5, 678000, UTC),
        took=timedelta(seconds=26.2),
        exit_code=code,
    )
    lines = controller_text(record).splitlines()
    assert lines[0] == "2024-01-02T03:04:05.678Z INFO startExec '/bin/p a b'"
    assert lines[-1] == f"2024-01-02T03:04:31.878Z {last} and took 26 seconds"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
async def storage(endpoint: str) -> AsyncIterator[Storage]:
    async with Storage(endpoint=endpoint, hdfs=None) as storage:
        yield storage


def log_folder(tmp_path: Path) -> Path:
    folder = tmp_path / uuid4().hex
    folder.mkdir()
    (folder / "stdout").write_bytes(b"out\n" * 1000)
    (folder / "stderr").touch()
    return folder


def bucket(endpoint: str) -> str:
    name = f"b-{uuid4().hex}"
    make_bucket(endpoint, name)
    return f"s3://{name}"


@pytest.mark.integration
async def test_without_a_lag_the_logs_are_there_at_once(endpoint: str, storage: Storage, tmp_path: Path) -> None:
    target, folder = bucket(endpoint), log_folder(tmp_path)
    await LogShipper(storage, lag=0).ship(folder, parse_location(f"{target}/j/steps/s"))
    found = await tree(storage, f"{target}/j/steps/s")
    assert {name: gzip.decompress(content) for name, content in found.items()} == {
        "stderr.gz": b"",
        "stdout.gz": b"out\n" * 1000,
    }
    assert not folder.exists()


@pytest.mark.integration
async def test_with_a_lag_they_are_absent_until_closing_ships_them(
    endpoint: str, storage: Storage, tmp_path: Path
) -> None:
    target = bucket(endpoint)
    shipper = LogShipper(storage, lag=300)
    await shipper.ship(log_folder(tmp_path), parse_location(f"{target}/s"))
    await asyncio.sleep(0)
    assert await tree(storage, target) == {}
    await shipper.close()
    assert set(await tree(storage, target)) == {"s/stderr.gz", "s/stdout.gz"}


@pytest.mark.integration
async def test_after_the_lag_they_are_there(endpoint: str, storage: Storage, tmp_path: Path) -> None:
    target = bucket(endpoint)
    shipper = LogShipper(storage, lag=0.01)
    await shipper.ship(log_folder(tmp_path), parse_location(f"{target}/s"))
    async with asyncio.timeout(10):
        while len(await tree(storage, target)) < 2:
            await asyncio.sleep(0.01)
    await shipper.close()


@pytest.mark.integration
async def test_a_bucket_that_is_not_there_is_logged_and_no_more(
    storage: Storage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "emr_emulator.logs"):
        await LogShipper(storage, lag=0).ship(log_folder(tmp_path), parse_location("s3://no-such-bucket/x"))
    assert "Log stderr was not shipped: s3://no-such-bucket/x/stderr.gz" in caplog.text
