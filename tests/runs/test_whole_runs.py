from __future__ import annotations

from datetime import timedelta

import pytest
from tests.runs.stage import Stage, cluster, playbook, retried, step

from dataflow_runner.errors import InputError
from dataflow_runner.fabrics.base import StepState
from dataflow_runner.fabrics.memory import ClusterScript, Death, Script, StepScript, bootstrap_failure
from dataflow_runner.jobs.record import JobKind
from dataflow_runner.runs.state import FailureKind, Phase, Verdict
from dataflow_runner.specs import model as m

FAILS = StepScript(outcome=StepState.FAILED, message="exit code 1")
WORKS = StepScript()


async def test_a_run_whose_steps_all_complete_succeeds_and_its_cluster_ends_by_itself() -> None:
    stage = Stage(step("copy"), step("transform"))
    state = await stage.begin()
    assert (state.phase, state.verdict, state.final_exit_code) == (Phase.ENDED, Verdict.SUCCEEDED, 0)
    assert stage.ledger.clusters_alive() == ()
    assert "terminate" not in stage.ledger.calls
    assert [stage.ledger.starts(name) for name in ("copy", "transform")] == [1, 1]


async def test_a_failed_step_without_tries_fails_the_run_and_says_which_and_why() -> None:
    stage = Stage(step("copy"), step("transform"), step("load"), script=Script(steps={"transform": (FAILS,)}))
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.FAILED, 1)
    assert state.failure is not None
    assert "step 2/3 'transform'" in state.failure.message
    assert "exit code 1" in state.failure.message
    assert stage.ledger.starts("load") == 0
    assert stage.ledger.clusters_alive() == ()


async def test_a_failed_step_is_tried_again_with_those_that_were_cancelled_behind_it() -> None:
    stage = Stage(
        step("copy"), retried("transform"), step("load"), script=Script(steps={"transform": (FAILS, FAILS, WORKS)})
    )
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert [stage.ledger.starts(name) for name in ("copy", "transform", "load")] == [1, 3, 1]
    assert [progress.tries for progress in state.steps] == [1, 3, 1]
    assert "step 2/3 'transform' will be tried again after Unknown Error. exit code 1" in stage.audience.lines
    assert len(stage.ledger.clusters_made()) == 1
    assert stage.ledger.clusters_alive() == ()


async def test_a_step_that_fails_in_its_last_try_fails_the_run() -> None:
    stage = Stage(retried("transform", tries=2), step("load"), script=Script(steps={"transform": (FAILS,)}))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert stage.ledger.starts("transform") == 2
    assert stage.ledger.starts("load") == 0
    assert stage.ledger.clusters_alive() == ()


async def test_the_delay_of_a_retry_is_waited_for() -> None:
    delay = timedelta(hours=3)
    stage = Stage(retried("transform", delay=delay), script=Script(steps={"transform": (FAILS, WORKS)}))
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.clock.since_start() > delay.total_seconds()


async def test_a_step_that_may_fail_lets_the_others_go_on_but_the_run_has_failed() -> None:
    optional = step("clean", action_on_failure=m.ActionOnFailure.CONTINUE)
    stage = Stage(optional, step("load"), script=Script(steps={"clean": (FAILS,)}))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert "'clean'" in state.failure.message
    assert stage.ledger.starts("load") == 1


async def test_a_failed_bootstrap_is_answered_with_a_new_cluster() -> None:
    stage = Stage(step("copy"), script=Script(clusters={1: bootstrap_failure()}))
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert len(stage.ledger.clusters_made()) == 2
    assert [past.reason_code for past in state.past_clusters] == ["BOOTSTRAP_FAILURE"]
    assert stage.ledger.starts("copy") == 1


async def test_a_bootstrap_failure_that_repeats_with_the_same_message_is_not_tried_a_third_time() -> None:
    script = Script(
        clusters={
            1: bootstrap_failure("On 1 node (i-0aa) bootstrap action 1 failed"),
            2: bootstrap_failure("On 1 node (i-0bb) bootstrap action 1 failed"),
        }
    )
    stage = Stage(step("copy"), script=script)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert state.failure.kind is FailureKind.BOOTSTRAP_FAILED
    assert len(stage.ledger.clusters_made()) == 2


async def test_launches_are_capped() -> None:
    script = Script(clusters={number: bootstrap_failure(f"reason {chr(64 + number)}") for number in range(1, 6)})
    stage = Stage(step("copy"), script=script, spec=cluster(launch=m.Launch(max_attempts=3)))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert len(stage.ledger.clusters_made()) == 3


async def test_a_cluster_that_dies_while_steps_run_fails_the_run_with_its_reason() -> None:
    death = ClusterScript(death=Death(after=timedelta(minutes=5), code="INSTANCE_FAILURE", message="spot was taken"))
    script = Script(usual_cluster=death, usual_step=StepScript(duration=timedelta(hours=1)))
    stage = Stage(step("copy"), step("load"), script=script)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert "INSTANCE_FAILURE: spot was taken" in state.failure.message


async def test_durable_intermediates_let_a_retry_go_to_a_new_cluster() -> None:
    death = ClusterScript(death=Death(after=timedelta(minutes=7), code="INSTANCE_FAILURE", message="spot was taken"))
    script = Script(clusters={1: death}, usual_step=StepScript(duration=timedelta(minutes=2)))
    book = playbook(retried("copy"), retried("load"), durable_intermediates=True)
    stage = Stage(book=book, script=script)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert len(stage.ledger.clusters_made()) == 2
    assert stage.ledger.starts("copy") == 1
    assert stage.ledger.clusters_alive() == ()


@pytest.mark.parametrize("durable", [True, False])
async def test_a_cluster_shown_as_plainly_terminated_is_no_success(durable: bool) -> None:
    """EMR can report a cluster with a failed step as TERMINATED with an empty reason."""
    from dataflow_runner.fabrics.base import ClusterState

    death = Death(after=timedelta(minutes=5), code="", state=ClusterState.TERMINATED)
    script = Script(usual_cluster=ClusterScript(death=death), usual_step=StepScript(duration=timedelta(hours=1)))
    stage = Stage(book=playbook(step("copy"), durable_intermediates=durable), script=script)
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert state.failure is not None
    assert "the fabric gives no reason" in state.failure.message


async def test_a_step_that_runs_too_long_is_cancelled_and_tried_again() -> None:
    slow = StepScript(duration=timedelta(hours=9))
    stage = Stage(
        retried("transform", timeout=timedelta(hours=1)),
        step("load"),
        script=Script(steps={"transform": (slow, WORKS)}),
    )
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.ledger.starts("transform") == 2
    assert stage.ledger.starts("load") == 1


async def test_a_step_that_runs_too_long_in_its_last_try_ends_the_run_as_timed_out() -> None:
    slow = StepScript(duration=timedelta(hours=9))
    stage = Stage(step("transform", timeout=timedelta(hours=1)), script=Script(usual_step=slow))
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.TIMED_OUT, 21)
    assert stage.clock.since_start() < timedelta(hours=2).total_seconds()
    assert stage.ledger.clusters_alive() == ()


async def test_a_launch_that_takes_too_long_ends_the_run_and_its_cluster() -> None:
    stage = Stage(step("copy"), script=Script(usual_cluster=ClusterScript(starting=timedelta(days=2))))
    state = await stage.begin()
    assert state.verdict is Verdict.TIMED_OUT
    assert state.failure is not None
    assert state.failure.kind is FailureKind.LAUNCH_TIMED_OUT
    assert stage.ledger.clusters_alive() == ()


async def test_the_whole_run_has_a_time_limit() -> None:
    slow = StepScript(duration=timedelta(hours=9))
    stage = Stage(book=playbook(step("copy"), timeout=timedelta(hours=1)), script=Script(usual_step=slow))
    state = await stage.begin()
    assert state.verdict is Verdict.TIMED_OUT
    assert timedelta(hours=1).total_seconds() <= stage.clock.since_start() < timedelta(hours=1.2).total_seconds()


async def test_a_failed_run_can_keep_its_cluster_for_a_while() -> None:
    keep = m.OnFailure(action=m.FailureAction.KEEP, keep_for=timedelta(hours=2))
    stage = Stage(book=playbook(step("copy"), on_failure=keep), script=Script(steps={"copy": (FAILS,)}))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    (cluster_id,) = stage.ledger.clusters_alive()
    view = await stage.fabric.describe(cluster_id)
    assert view is not None
    assert view.tags["dataflow-runner:purpose"] == "kept"
    stage.clock.leap(hours=3)
    await stage.fabric.describe(cluster_id)
    assert stage.ledger.clusters_alive() == ()


async def test_a_run_that_may_keep_its_cluster_ends_it_when_it_succeeds() -> None:
    keep = m.OnFailure(action=m.FailureAction.KEEP)
    stage = Stage(book=playbook(step("copy"), on_failure=keep))
    assert (await stage.begin()).verdict is Verdict.SUCCEEDED
    assert stage.ledger.clusters_alive() == ()


async def test_independent_steps_are_retried_alone() -> None:
    script = Script(steps={"b": (FAILS, WORKS), "c": (StepScript(duration=timedelta(minutes=30)),)})
    spec = cluster(step_concurrency=3)
    stage = Stage(retried("a"), retried("b"), retried("c"), script=script, spec=spec)
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert [stage.ledger.starts(name) for name in "abc"] == [1, 2, 1]


async def test_an_independent_step_that_fails_for_good_does_not_hide_in_the_success_of_others() -> None:
    stage = Stage(step("a"), step("b"), script=Script(steps={"a": (FAILS,)}), spec=cluster(step_concurrency=2))
    state = await stage.begin()
    assert state.verdict is Verdict.FAILED
    assert stage.ledger.starts("b") == 1


async def test_up_leaves_a_cluster_and_ends_detached() -> None:
    stage = Stage(kind=JobKind.UP)
    state = await stage.begin()
    assert (state.verdict, state.final_exit_code) == (Verdict.DETACHED, 0)
    assert len(stage.ledger.clusters_alive()) == 1


async def test_an_overlay_of_the_steps_call_makes_them_follow_the_launch() -> None:
    stage = Stage(book=playbook(step("copy"), step("load"), overlay={"ExecutionRoleArn": "arn:aws:iam::1:role/r"}))
    state = await stage.begin()
    assert state.verdict is Verdict.SUCCEEDED
    assert stage.ledger.calls["submit"] == 1
    assert stage.ledger.clusters_alive() == ()


async def test_terminate_cluster_is_refused_for_a_cluster_that_the_run_did_not_make() -> None:
    stage = Stage(
        step("copy", action_on_failure=m.ActionOnFailure.TERMINATE_CLUSTER), kind=JobKind.NAMED, cluster_id="j-1"
    )
    with pytest.raises(InputError, match="TERMINATE_CLUSTER"):
        await stage.begin()


async def test_fifty_steps_are_looked_at_with_one_call() -> None:
    stage = Stage(*(step(f"s{number}") for number in range(50)))
    await stage.begin()
    looks = stage.ledger.calls["list_steps"]
    assert stage.ledger.calls["describe"] < looks
    assert looks < 50 * 30 / 15 + 20
