"""What EmrFabric makes of a wire that fails: honest about whether a create may have been carried out."""

from __future__ import annotations

import asyncio

import pytest
from tests.fabrics import samples
from tests.fabrics.clocks import LeapingClock
from tests.fabrics.wire import CannedEmr, Drop, Failure, Garbage, Half, Hang, Reply, Reset, free_port

from dataflow_runner.errors import NotSent, Refused, Unanswered, Unavailable
from dataflow_runner.fabrics.base import ClusterQuery
from dataflow_runner.fabrics.emr.client import EmrFabric
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs.model import Credentials

pytestmark = pytest.mark.integration

CLUSTER = ClusterId("j-1")
AMBIGUOUS = [
    Drop(),
    Reset(),
    Half(),
    Garbage(),
    Hang(),
    Failure("ThrottlingException", "Rate exceeded"),
    Failure("InternalServerException", status=500),
    Failure("ServiceUnavailable", status=503),
    Failure("RequestTimeout", status=400),
    {},
]


@pytest.mark.parametrize("reply", AMBIGUOUS, ids=str)
async def test_a_launch_whose_answer_is_lost_is_unanswered_and_sent_once(
    fabric: EmrFabric, canned: CannedEmr, reply: Reply
) -> None:
    canned.reply("RunJobFlow", reply)
    with pytest.raises(Unanswered):
        await fabric.launch(samples.smallest())
    assert len(canned.asked("RunJobFlow")) == 1


async def test_a_submit_whose_answer_is_lost_is_unanswered_and_sent_once(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("AddJobFlowSteps", Drop())
    with pytest.raises(Unanswered):
        await fabric.submit(CLUSTER, [samples.step()], {})
    assert len(canned.asked("AddJobFlowSteps")) == 1


async def test_a_submit_answered_with_another_number_of_ids_is_unanswered(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("AddJobFlowSteps", {"StepIds": ["s-1"]})
    with pytest.raises(Unanswered, match="2 steps were sent and 1 ids came back"):
        await fabric.submit(CLUSTER, [samples.step(), samples.step()], {})


async def test_a_launch_that_finds_nobody_listening_was_not_sent(
    clock: LeapingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    await _not_sent(clock)


async def test_a_launch_to_a_name_that_doesnt_resolve_was_not_sent(
    clock: LeapingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")
    await _not_sent(clock)


@pytest.mark.parametrize("greeting", [b"", b"no TLS here"])
async def test_a_launch_whose_tls_handshake_fails_was_not_sent(
    clock: LeapingClock, monkeypatch: pytest.MonkeyPatch, greeting: bytes
) -> None:
    async def greet_and_close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    async with await asyncio.start_server(greet_and_close, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{port}")
        await _not_sent(clock)


async def test_a_launch_without_credentials_from_its_role_was_not_sent(
    clock: LeapingClock, canned: CannedEmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    await _not_sent(clock, assume_role_arn="arn:aws:iam::123456789012:role/other")
    assert canned.requests == []


async def _not_sent(clock: LeapingClock, *, assume_role_arn: str | None = None) -> None:
    identity = AwsIdentity(
        region="eu-central-1",
        credentials=Credentials(access_key_id="AKID", secret_access_key=Secret("hush-hush")),
        assume_role_arn=assume_role_arn,
    )
    fabric = EmrFabric(AwsSession(identity), clock=clock)
    try:
        with pytest.raises(NotSent):
            await fabric.launch(samples.smallest())
    finally:
        await fabric.close()


async def test_every_create_has_a_connection_of_its_own(fabric: EmrFabric, canned: CannedEmr) -> None:
    """One from the pool may be dead already, and that can't be told from a lost answer."""
    canned.reply("RunJobFlow", {"JobFlowId": "j-1"})
    canned.reply("DescribeCluster", {"Cluster": {"Id": "j-1", "Status": {"State": "STARTING"}}})
    for _ in range(2):
        await fabric.launch(samples.smallest())
        await fabric.describe(CLUSTER)
    launches = {request.connection for request in canned.requests if request.call == "RunJobFlow"}
    looks = {request.connection for request in canned.requests if request.call == "DescribeCluster"}
    assert len(launches) == 2
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        (Failure("ValidationException", "InstanceProfile is required"), "InstanceProfile is required"),
        (Failure("InvalidRequestException", "no such thing"), "no such thing"),
        (Failure("AccessDeniedException", "not authorized to perform: x"), "give the credentials' role or user"),
        (Failure("ExpiredTokenException", "The security token is expired"), "renew the credentials"),
        (Failure("UnrecognizedClientException", "invalid token"), "check the access key id"),
    ],
    ids=lambda value: getattr(value, "code", ""),
)
async def test_a_refusal_says_the_api_the_code_and_what_to_do(
    fabric: EmrFabric, canned: CannedEmr, failure: Failure, hint: str
) -> None:
    canned.reply("RunJobFlow", failure)
    with pytest.raises(Refused, match=hint) as refusal:
        await fabric.launch(samples.smallest())
    assert str(refusal.value).startswith(f"RunJobFlow: {failure.code}: ")
    assert (refusal.value.call, refusal.value.code) == ("RunJobFlow", failure.code)


async def test_no_message_repeats_the_signed_headers_that_aws_quotes(fabric: EmrFabric, canned: CannedEmr) -> None:
    said = "The request signature we calculated does not match. The Canonical String was 'x-amz-security-token:TOKEN'"
    canned.reply("RunJobFlow", Failure("InvalidSignatureException", said))
    with pytest.raises(Refused, match="check this machine's clock") as refusal:
        await fabric.launch(samples.smallest())
    assert "TOKEN" not in str(refusal.value)
    assert "hush-hush" not in repr(refusal.value)


@pytest.mark.parametrize("reply", [Drop(), Reset(), Half(), Failure("InternalFailure", status=500)], ids=str)
async def test_a_look_is_repeated_when_its_answer_is_lost(fabric: EmrFabric, canned: CannedEmr, reply: Reply) -> None:
    canned.reply("ListSteps", reply, {"Steps": []})
    assert await fabric.list_steps(CLUSTER) == ()
    assert len(canned.asked("ListSteps")) == 2


async def test_a_look_that_stays_unanswered_is_unavailable(
    fabric: EmrFabric, canned: CannedEmr, clock: LeapingClock
) -> None:
    canned.reply("DescribeCluster", Drop())
    with pytest.raises(Unavailable) as failure:
        await fabric.describe(CLUSTER)
    assert not failure.value.throttled
    assert len(canned.asked("DescribeCluster")) == 4
    assert clock.since_start() >= 0.5 + 1 + 2


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"]
)
async def test_a_throttled_look_waits_at_least_the_slower_interval_and_says_so(
    fabric: EmrFabric, canned: CannedEmr, clock: LeapingClock, code: str
) -> None:
    canned.reply("ListSteps", Failure(code, "Rate exceeded"))
    with pytest.raises(Unavailable) as failure:
        await fabric.list_steps(CLUSTER)
    assert failure.value.throttled
    # The pace recovers a little while it waits.
    assert clock.since_start() >= 0.9 * (4 + 8 + 16)


async def test_a_refused_look_is_not_repeated(fabric: EmrFabric, canned: CannedEmr) -> None:
    canned.reply("ListSteps", Failure("AccessDeniedException"))
    with pytest.raises(Refused):
        await fabric.list_steps(CLUSTER)
    assert len(canned.asked("ListSteps")) == 1


async def test_an_answer_that_isnt_emrs_never_passes_for_an_empty_list(fabric: EmrFabric, canned: CannedEmr) -> None:
    for call in ("DescribeCluster", "ListSteps", "ListClusters"):
        canned.reply(call, Garbage())
    for look in (fabric.describe(CLUSTER), fabric.list_steps(CLUSTER), fabric.find_clusters(ClusterQuery())):
        with pytest.raises(Unavailable, match="isn't EMR's"):
            await look
