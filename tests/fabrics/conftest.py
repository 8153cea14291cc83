"""What the tests of the fabrics share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.fabrics import samples
from tests.fabrics.clocks import LeapingClock
from tests.fabrics.wire import CannedEmr, canned_emr

from dataflow_runner.fabrics.emr.client import EmrFabric
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession, Timeouts


@pytest.fixture(autouse=True)
def lonely_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's AWS set-up reaches a test, and no test reaches a metadata service."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def clock() -> LeapingClock:
    return LeapingClock()


@pytest.fixture
async def canned(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CannedEmr]:
    async with canned_emr() as emr:
        monkeypatch.setenv("AWS_ENDPOINT_URL", emr.url)
        yield emr


@pytest.fixture
async def fabric(canned: CannedEmr, clock: LeapingClock) -> AsyncIterator[EmrFabric]:  # noqa: ARG001 - sets the address
    identity = AwsIdentity.of_cluster(samples.config())
    made = EmrFabric(AwsSession(identity, Timeouts(connect=2, read=0.5)), clock=clock)
    yield made
    await made.close()


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The address of a local stand-in for S3, IAM, EC2, STS and Secrets Manager."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
