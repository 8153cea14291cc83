"""What EMR refuses, and in which words: none of these tests makes a cluster, unless EMR doesn't refuse it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.live import signing
from tests.live.account import refusal, step
from tests.live.workshop import Workshop

from dataflow_runner.errors import Refused
from dataflow_runner.fabrics.emr.client import is_unknown_cluster
from dataflow_runner.fabrics.emr.translate import THROTTLE_CODES
from dataflow_runner.specs.lint.playbook import MAX_STEP_TEXT, MAX_STEPS

pytestmark = pytest.mark.live

NOWHERE = "j-00000NOWHERE0"


@pytest.mark.parametrize("call", ["describe_cluster", "list_steps"])
def test_a_cluster_that_is_not_there_is_told_by_code_and_message(workshop: Workshop, call: str) -> None:
    """The runner tells "not there (yet)" from other refusals by the message: EMR has no code for it."""
    code, message = refusal(lambda: getattr(workshop.account.emr, call)(ClusterId=NOWHERE))
    assert is_unknown_cluster(Refused(message, call=call, code=code)), (code, message)


def test_steps_for_a_cluster_that_is_not_there_are_refused_and_not_kept(workshop: Workshop) -> None:
    call = {"JobFlowId": NOWHERE, "Steps": [step("never")]}
    code, message = refusal(lambda: workshop.account.once.add_job_flow_steps(**call))
    assert is_unknown_cluster(Refused(message, call="AddJobFlowSteps", code=code)), (code, message)


@pytest.mark.parametrize("minutes", [-16, -6, 6, 16])
def test_a_request_signed_by_a_clock_more_than_five_minutes_off_is_refused(workshop: Workshop, minutes: int) -> None:
    """A create that is held up on its way can't be carried out later than that: create-settle rests on it."""
    status, code = signing.list_clusters(workshop.account, shift=timedelta(minutes=minutes))
    workshop.observe(f"a date {minutes:+} min off", code)
    assert status in {400, 403}
    assert code in {"InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired"}


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_request_signed_by_a_clock_less_than_five_minutes_off_is_answered(workshop: Workshop, minutes: int) -> None:
    assert signing.list_clusters(workshop.account, shift=timedelta(minutes=minutes)) == (200, "")


def test_a_cluster_with_more_than_256_steps_is_refused(workshop: Workshop) -> None:
    steps = [step(f"{number}") for number in range(MAX_STEPS + 1)]
    assert_refused_launch(workshop, "too many steps", Steps=steps)


def test_a_step_with_more_than_10240_characters_is_refused(workshop: Workshop) -> None:
    assert_refused_launch(workshop, "a long step", Steps=[step("long", "echo", "x" * MAX_STEP_TEXT)])


def test_auto_termination_is_refused_by_a_release_before_it(workshop: Workshop) -> None:
    """The runner sets it from 5.30 and 6.1 on, and must not before."""
    old = workshop.settings.old_release
    assert_refused_launch(workshop, "too old", ReleaseLabel=old, AutoTerminationPolicy={"IdleTimeout": 60})


@pytest.mark.parametrize("seconds", [59, 604_801])
def test_an_idle_time_outside_of_a_minute_to_a_week_is_refused(workshop: Workshop, seconds: int) -> None:
    assert_refused_launch(workshop, "idle time", AutoTerminationPolicy={"IdleTimeout": seconds})


@pytest.mark.parametrize("level", [0, 257])
def test_a_step_concurrency_outside_of_1_to_256_is_refused(workshop: Workshop, level: int) -> None:
    assert_refused_launch(workshop, "concurrency", StepConcurrencyLevel=level)


def test_a_subnet_that_is_not_there_is_refused_or_ends_the_cluster_as_a_validation_error(workshop: Workshop) -> None:
    """Either way the runner must not try again with another cluster."""
    if workshop.settings.endpoint is not None:
        pytest.skip("an emulator has no subnets to check")
    request = workshop.request("no subnet")
    request["Instances"]["Ec2SubnetId"] = "subnet-00000000000000000"
    try:
        cluster_id = str(workshop.account.once.run_job_flow(**request)["JobFlowId"])
    except ClientError as error:
        code = error.response["Error"]["Code"]
        workshop.observe("RunJobFlow with a subnet that is not there", error)
        assert code == "ValidationException"
    else:
        reason = workshop.ended(cluster_id)["Status"]["StateChangeReason"]
        workshop.observe("a cluster in a subnet that is not there", reason)
        assert reason["Code"] == "VALIDATION_ERROR"


@pytest.fixture
def crowd() -> Iterator[ThreadPoolExecutor]:
    """As many at once as empty a bucket of ten."""
    with ThreadPoolExecutor(20) as pool:
        yield pool


def test_a_throttled_call_has_a_code_that_the_runner_knows(workshop: Workshop, crowd: ThreadPoolExecutor) -> None:
    """Empties the account's bucket of DescribeStep, which the runner doesn't call; it is full again in 20 s."""

    def ask(_: int) -> str:
        try:
            workshop.account.once.describe_step(ClusterId=NOWHERE, StepId="s-00000NOWHERE0")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        raise AssertionError("EMR described a step that is not there")

    codes = set(crowd.map(ask, range(60)))
    workshop.observe("codes of 60 calls of DescribeStep at once", sorted(codes))
    assert codes & THROTTLE_CODES


def assert_refused_launch(workshop: Workshop, name: str, **more: Any) -> None:
    """A launch that must be refused for its content; a cluster that is made all the same ends with the session."""
    code, message = refusal(lambda: workshop.launch(name, **more))
    workshop.observe(f"refusal of {name!r}", f"{code}: {message}")
    assert code == "ValidationException"
