"""One cluster that is kept alive, from its first second to its end. The tests build on each other, in this order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.live.account import ALIVE, Document, failing, refusal, states, step
from tests.live.workshop import Workshop

from dataflow_runner.specs.lint.playbook import MAX_STEP_TEXT, MAX_STEPS

pytestmark = pytest.mark.live

QUEUED = 60
PAGE = 50
ENDS_CLUSTER = "TERMINATE_CLUSTER"
DONE = ("COMPLETED", "CANCELLED", "FAILED", "INTERRUPTED")


class Queue:
    """A cluster whose first step holds up all others until it is cancelled."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.emr = workshop.account.emr
        self.launched_at = datetime.now(UTC)
        self.cluster_id = workshop.launch("waiting", keep_alive=True, Tags=[*self._tags, {"Key": "one", "Value": "1"}])
        self.first_look = workshop.account.cluster(self.cluster_id)
        blocker = step("blocker", "bash", "-c", "sleep 900", action=ENDS_CLUSTER)
        numbered = [step(f"step {number}", action=ENDS_CLUSTER) for number in range(QUEUED)]
        self.ids = self.add(blocker, *numbered)
        self.state_at_adding = workshop.account.state(self.cluster_id)

    @property
    def _tags(self) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = self.workshop.request("")["Tags"]
        return tags

    def add(self, *steps: dict[str, Any]) -> list[str]:
        """Add steps; their ids."""
        return [str(each) for each in self._add(*steps)["StepIds"]]

    def _add(self, *steps: dict[str, Any]) -> Any:
        return self.workshop.account.once.add_job_flow_steps(JobFlowId=self.cluster_id, Steps=list(steps))

    def refused(self, *steps: dict[str, Any]) -> tuple[str, str]:
        """Code and message of the refusal of steps."""
        return refusal(lambda: self._add(*steps))

    def state_of(self, step_id: str) -> str:
        """A step's state."""
        found = self.emr.describe_step(ClusterId=self.cluster_id, StepId=step_id)
        return str(found["Step"]["Status"]["State"])

    def wait_for(self, step_id: str, *wanted: str) -> str:
        """Wait until a step is in one of these states."""

        def look() -> str | None:
            state = self.state_of(step_id)
            return state if state in wanted else None

        return self.workshop.wait_until(look, f"{step_id} in {wanted}")

    def wait_until_idle(self) -> None:
        """Wait until the cluster is WAITING."""
        account = self.workshop.account
        self.workshop.wait_until(lambda: account.state(self.cluster_id) == "WAITING" or None, "WAITING")

    def cancel(self, *step_ids: str) -> list[str]:
        """Cancel steps; the statuses of the answer."""
        answer = self.emr.cancel_steps(
            ClusterId=self.cluster_id, StepIds=list(step_ids), StepCancellationOption="SEND_INTERRUPT"
        )
        return [info["Status"] for info in answer["CancelStepsInfoList"]]


@pytest.fixture(scope="module")
def queue(workshop: Workshop) -> Iterator[Queue]:
    """The cluster."""
    queue = Queue(workshop)
    yield queue
    workshop.account.emr.terminate_job_flows(JobFlowIds=[queue.cluster_id])


def test_the_tags_of_a_launch_show_by_describe_cluster(queue: Queue) -> None:
    """The runner finds a cluster whose launch got no answer by its tags."""
    assert {tag["Key"]: tag["Value"] for tag in queue.first_look["Tags"]}["one"] == "1"


def test_a_list_of_clusters_shows_it_by_the_time_of_its_creation_and_without_tags(queue: Queue) -> None:
    since = queue.launched_at - timedelta(minutes=15)

    def look() -> list[Document] | None:
        pages = queue.emr.get_paginator("list_clusters").paginate(CreatedAfter=since)
        listed = [summary for page in pages for summary in page["Clusters"]]
        return listed if any(summary["Id"] == queue.cluster_id for summary in listed) else None

    listed = queue.workshop.wait_until(look, "the cluster in a list")
    queue.workshop.observe("a cluster was listed after", datetime.now(UTC) - queue.launched_at)
    assert all("Tags" not in summary for summary in listed)
    times = [summary["Status"]["Timeline"]["CreationDateTime"] for summary in listed]
    queue.workshop.observe(f"{len(times)} clusters were listed newest first", times == sorted(times, reverse=True))
    assert min(times) > since


def test_steps_are_taken_while_it_starts(queue: Queue) -> None:
    queue.workshop.observe("state in which steps were added", queue.state_at_adding)
    assert len(set(queue.ids)) == QUEUED + 1
    assert queue.state_at_adding in ALIVE


def test_steps_are_listed_newest_first_and_fifty_a_page(queue: Queue) -> None:
    first = queue.emr.list_steps(ClusterId=queue.cluster_id)
    rest = queue.emr.list_steps(ClusterId=queue.cluster_id, Marker=first["Marker"])
    assert (len(first["Steps"]), len(rest["Steps"]), rest.get("Marker")) == (PAGE, QUEUED + 1 - PAGE, None)
    assert [each["Id"] for each in [*first["Steps"], *rest["Steps"]]] == queue.ids[::-1]


def test_a_listed_step_tells_name_jar_and_arguments_as_they_were_sent(queue: Queue) -> None:
    """The runner finds steps whose submit got no answer by these."""
    blocker = queue.workshop.account.steps(queue.cluster_id)[0]
    assert (blocker["Name"], blocker["ActionOnFailure"]) == ("blocker", ENDS_CLUSTER)
    config = (blocker["Config"]["Jar"], blocker["Config"]["Args"])
    assert config == ("command-runner.jar", ["bash", "-c", "sleep 900"])


def test_at_most_ten_steps_can_be_asked_for_by_id(queue: Queue) -> None:
    assert len(queue.emr.list_steps(ClusterId=queue.cluster_id, StepIds=queue.ids[:10])["Steps"]) == 10
    refusal(lambda: queue.emr.list_steps(ClusterId=queue.cluster_id, StepIds=queue.ids[:11]))


def test_more_than_256_steps_in_a_clusters_queue_are_refused_and_none_of_them_is_kept(queue: Queue) -> None:
    refused = [step(f"beyond {number}") for number in range(MAX_STEPS - QUEUED)]
    code, message = queue.refused(*refused)
    queue.workshop.observe("refusal of the 257th active step", f"{code}: {message}")
    assert len(queue.workshop.account.steps(queue.cluster_id)) == QUEUED + 1


def test_a_step_may_have_10240_characters_and_no_more(queue: Queue) -> None:
    taken = MAX_STEP_TEXT - len("command-runner.jar") - len("true")
    queue.refused(step("too long", "true", "x" * (taken + 1)))
    [added] = queue.add(step("just so long", "true", "x" * taken))
    assert queue.cancel(added) == ["SUBMITTED"]


def test_cancelling_a_waiting_step_ends_neither_those_behind_it_nor_the_cluster(queue: Queue) -> None:
    """Whatever its ActionOnFailure says, which here is to end the cluster."""
    assert queue.cancel(queue.ids[1]) == ["SUBMITTED"]
    queue.wait_for(queue.ids[1], "CANCELLED")
    assert queue.state_of(queue.ids[2]) == "PENDING"
    assert queue.workshop.account.state(queue.cluster_id) in ALIVE


def test_cancelling_a_running_step_does_not_end_the_cluster_either(queue: Queue) -> None:
    assert set(queue.cancel(*queue.ids[2:])) == {"SUBMITTED"}
    queue.wait_for(queue.ids[0], "RUNNING")
    assert queue.cancel(queue.ids[0]) == ["SUBMITTED"]
    ended = queue.wait_for(queue.ids[0], *DONE)
    queue.workshop.observe("a running step that was cancelled ended", ended)
    assert ended == "CANCELLED"
    queue.wait_until_idle()
    assert set(states(queue.workshop.account.steps(queue.cluster_id)).values()) == {"CANCELLED"}


def test_a_step_that_has_ended_is_not_cancelled_and_each_step_is_answered_for_itself(queue: Queue) -> None:
    assert queue.cancel(queue.ids[0]) == ["FAILED"]


def test_tags_can_be_added_and_changed(queue: Queue) -> None:
    tags = [{"Key": "one", "Value": "another"}, {"Key": "two", "Value": "2"}]
    queue.emr.add_tags(ResourceId=queue.cluster_id, Tags=tags)

    def look() -> bool | None:
        shown = {tag["Key"]: tag["Value"] for tag in queue.workshop.account.cluster(queue.cluster_id)["Tags"]}
        return {"one": "another", "two": "2"}.items() <= shown.items() or None

    queue.workshop.wait_until(look, "the tags")


def test_a_failed_step_cancels_those_behind_it_and_the_cluster_waits(queue: Queue) -> None:
    """CANCEL_AND_WAIT is how the runner sends a step that has tries left."""
    failed, behind = queue.add(failing("fails", "CANCEL_AND_WAIT"), step("behind", action="CANCEL_AND_WAIT"))
    assert queue.wait_for(failed, *DONE) == "FAILED"
    assert queue.wait_for(behind, *DONE) == "CANCELLED"
    queue.wait_until_idle()
    # ListSteps is all that the runner asks: the details must be there, not in DescribeStep alone.
    status = queue.workshop.account.steps(queue.cluster_id)[-2]["Status"]
    queue.workshop.observe("FailureDetails of a failed step", status.get("FailureDetails"))
    assert status.get("FailureDetails")


def test_the_logs_of_a_failed_step_are_at_their_place_within_ten_minutes(queue: Queue) -> None:
    """The runner waits seven minutes for them (--log-deadline)."""
    workshop = queue.workshop
    failed = workshop.account.steps(queue.cluster_id)[-2]
    prefix = f"{workshop.prefix}logs/{queue.cluster_id}/steps/{failed['Id']}/"

    def look() -> set[str] | None:
        found = workshop.account.s3.list_objects_v2(Bucket=workshop.settings.bucket, Prefix=prefix)
        names = {item["Key"].removeprefix(prefix) for item in found.get("Contents", [])}
        return names if {"controller.gz", "stderr.gz"} <= names else None

    names = workshop.wait_until(look, f"logs below {prefix}")
    ended = failed["Status"]["Timeline"]["EndDateTime"].timestamp()
    workshop.observe("logs of a failed step", f"{sorted(names)}, {time.time() - ended:.0f} s after its end")
    assert time.time() - ended < 600


def test_above_a_concurrency_of_one_only_continue_is_taken(queue: Queue) -> None:
    emr, cluster_id = queue.emr, queue.cluster_id
    assert emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=2)["StepConcurrencyLevel"] == 2
    for action in ("CANCEL_AND_WAIT", ENDS_CLUSTER):
        code, message = queue.refused(step("refused", action=action))
        queue.workshop.observe(f"refusal of {action} above a concurrency of 1", f"{code}: {message}")
    [added] = queue.add(step("taken", action="CONTINUE"))
    assert queue.wait_for(added, *DONE) == "COMPLETED"
    emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=1)
    assert queue.workshop.account.cluster(cluster_id)["StepConcurrencyLevel"] == 1


def test_its_idle_time_is_as_it_was_asked_for(queue: Queue) -> None:
    policy = queue.emr.get_auto_termination_policy(ClusterId=queue.cluster_id)["AutoTerminationPolicy"]
    assert policy == queue.workshop.request("", keep_alive=True)["AutoTerminationPolicy"]


def test_a_failed_step_that_is_to_end_the_cluster_ends_it_with_errors(queue: Queue) -> None:
    queue.add(failing("ends it all", ENDS_CLUSTER), step("never"))
    status = queue.workshop.ended(queue.cluster_id)["Status"]
    queue.workshop.observe("a cluster ended by a failed step", (status["State"], status["StateChangeReason"]))
    assert (status["State"], status["StateChangeReason"].get("Code")) == ("TERMINATED_WITH_ERRORS", "STEP_FAILURE")
    assert states(queue.workshop.account.steps(queue.cluster_id))["never"] == "CANCELLED"


def test_a_cluster_that_has_ended_takes_no_steps_and_still_tells_its_tags(queue: Queue) -> None:
    queue.refused(step("too late"))
    shown = {tag["Key"] for tag in queue.workshop.account.cluster(queue.cluster_id)["Tags"]}
    assert {"one", "two"} <= shown
