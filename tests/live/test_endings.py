"""How clusters end, and what EMR says of it. All of them are launched at once, so that they boot at the same time."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from tests.live.account import ENDED, Document, failing, states, step
from tests.live.workshop import Workshop

pytestmark = pytest.mark.live


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """Clusters on their way to an end, by what ends them."""

    bootstrap: str
    steps: str
    user: str


@pytest.fixture(scope="module")
def doomed(workshop: Workshop) -> Doomed:
    """The clusters, launched."""
    key = f"{workshop.prefix}bootstrap.sh"
    workshop.account.s3.put_object(
        Bucket=workshop.settings.bucket, Key=key, Body=b"#!/bin/bash\necho no such package >&2\nexit 1\n"
    )
    script = {"Path": f"s3://{workshop.settings.bucket}/{key}", "Args": []}
    action = {"Name": "fails", "ScriptBootstrapAction": script}
    steps = [failing("goes on", "CONTINUE"), failing("fails", "CANCEL_AND_WAIT"), step("never")]
    # The last one first: it shall still be starting when it is ended.
    user = workshop.launch("ended by a user")
    workshop.account.emr.terminate_job_flows(JobFlowIds=[user])
    return Doomed(
        bootstrap=workshop.launch("failing bootstrap", BootstrapActions=[action]),
        steps=workshop.launch("failing steps", Steps=steps),
        user=user,
    )


def test_a_cluster_that_is_ended_as_it_starts_says_that_a_user_asked(workshop: Workshop, doomed: Doomed) -> None:
    cluster = workshop.ended(doomed.user)
    assert told(cluster) == ("TERMINATED", "USER_REQUEST")
    assert set(states(workshop.account.steps(doomed.user)).values()) == {"CANCELLED"}


def test_ending_a_cluster_that_has_ended_is_harmless(workshop: Workshop, doomed: Doomed) -> None:
    """The runner asks again when the answer to its first request was lost."""
    workshop.ended(doomed.user)
    workshop.account.emr.terminate_job_flows(JobFlowIds=[doomed.user])
    assert workshop.account.state(doomed.user) in ENDED


def test_a_failing_bootstrap_action_has_a_reason_code_and_cancels_every_step(
    workshop: Workshop, doomed: Doomed
) -> None:
    """The runner makes another cluster for this code, since no step can have run."""
    cluster = workshop.ended(doomed.bootstrap)
    workshop.observe("a failing bootstrap action", cluster["Status"]["StateChangeReason"])
    assert told(cluster) == ("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE")
    assert "bootstrap action" in cluster["Status"]["StateChangeReason"]["Message"]
    assert set(states(workshop.account.steps(doomed.bootstrap)).values()) == {"CANCELLED"}


def test_the_logs_of_a_bootstrap_action_are_below_its_machine(workshop: Workshop, doomed: Doomed) -> None:
    workshop.ended(doomed.bootstrap)
    prefix = f"{workshop.prefix}logs/{doomed.bootstrap}/node/"
    pattern = re.compile(r"i-[0-9A-Za-z]+/bootstrap-actions/1/(controller|stdout|stderr)\.gz")

    def look() -> list[str] | None:
        found = workshop.account.s3.list_objects_v2(Bucket=workshop.settings.bucket, Prefix=prefix)
        keys = [item["Key"].removeprefix(prefix) for item in found.get("Contents", [])]
        return [key for key in keys if pattern.fullmatch(key)] or None

    workshop.observe("logs of a bootstrap action", workshop.wait_until(look, f"logs below {prefix}"))


def test_cancel_and_wait_on_a_cluster_that_isnt_kept_alive_cancels_the_rest_and_ends_it(
    workshop: Workshop, doomed: Doomed
) -> None:
    """How it ends is EMR's to say and the steps' to judge: the runner's verdict rests on the steps alone."""
    cluster = workshop.ended(doomed.steps)
    workshop.observe("the end after CANCEL_AND_WAIT without keep-alive", told(cluster))
    found = states(workshop.account.steps(doomed.steps))
    assert found == {"goes on": "FAILED", "fails": "FAILED", "never": "CANCELLED"}


def told(cluster: Document) -> tuple[str, str | None]:
    """A cluster's state and the code of its reason, which EMR may leave empty."""
    return str(cluster["Status"]["State"]), cluster["Status"]["StateChangeReason"].get("Code")
