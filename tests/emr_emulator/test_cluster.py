"""The life of one cluster, by a virtual clock."""

import pytest
from tests.emr_emulator.fleets import READY, World, states, step

from emr_emulator.states import ActionOnFailure, ClusterState, ReasonCode, StepState
from emr_emulator.values import BootstrapRequest, Ending, Failure, StartAction, StartStep, StopAll, StopStep

CANCEL_AND_WAIT = ActionOnFailure.CANCEL_AND_WAIT
TERMINATE = ActionOnFailure.TERMINATE_CLUSTER


def test_a_transient_cluster_goes_through_its_states_at_their_own_times_and_ends_with_its_steps() -> None:
    world = World()
    cluster = world.launch(step(), step())
    created = world.clock.now()
    world.pass_time(10_000)  # nobody looked meanwhile: the history is the same
    assert [(str(change.state), change.at - created) for change in cluster.record.history] == [
        ("STARTING", 0.0),
        ("BOOTSTRAPPING", 2.0),
        ("RUNNING", 3.0),
        ("TERMINATING", 23.0),
        ("TERMINATED", 24.0),
    ]
    assert cluster.record.reason.code is ReasonCode.ALL_STEPS_COMPLETED
    assert cluster.record.reason.message == "Steps completed"
    assert (cluster.record.ready, cluster.record.ended) == (created + 3.0, created + 24.0)
    first, second = cluster.record.steps
    assert (first.started, first.ended, second.started, second.ended) == tuple(created + at for at in (3, 13, 13, 23))


def test_a_kept_cluster_waits_runs_what_is_added_and_waits_again() -> None:
    world = World()
    cluster = world.launch(keep_alive=True)
    world.pass_time(READY)
    assert str(cluster.state) == "WAITING"
    [added] = world.add(cluster, step())
    assert (cluster.state, added.state) == (ClusterState.RUNNING, StepState.RUNNING)
    world.pass_time(10)
    assert (cluster.state, added.state) == (ClusterState.WAITING, StepState.COMPLETED)


def test_steps_sent_before_a_cluster_is_ready_wait_for_it() -> None:
    world = World()
    cluster = world.launch(keep_alive=True)
    [added] = world.add(cluster, step())
    world.pass_time(READY - 0.1)
    assert states([added]) == ["PENDING"]
    world.pass_time(0.1)
    assert states([added]) == ["RUNNING"]


def test_a_step_that_fails_with_continue_lets_the_next_one_start_and_shows_in_the_reason_of_the_end() -> None:
    world = World()
    cluster = world.launch(step("bad"), step())
    world.pass_time(100)
    assert states(cluster.record.steps) == ["FAILED", "COMPLETED"]
    assert cluster.record.steps[0].failure == Failure(reason="Unknown Error.", message="exit status 1")
    assert str(cluster.state) == "TERMINATED"
    assert (cluster.record.reason.code, cluster.record.reason.message) == (
        ReasonCode.STEP_FAILURE,
        "Steps completed with errors",
    )


def test_cancel_and_wait_cancels_every_pending_step_and_a_kept_cluster_waits() -> None:
    world = World()
    cluster = world.launch(step("bad", CANCEL_AND_WAIT), step(), step(), keep_alive=True)
    world.pass_time(100)
    assert states(cluster.record.steps) == ["FAILED", "CANCELLED", "CANCELLED"]
    assert str(cluster.state) == "WAITING"


def test_cancel_and_wait_ends_a_cluster_that_is_not_kept() -> None:
    world = World()
    cluster = world.launch(step("bad", CANCEL_AND_WAIT), step())
    world.pass_time(100)
    assert states(cluster.record.steps) == ["FAILED", "CANCELLED"]
    assert str(cluster.state) == "TERMINATED"


@pytest.mark.parametrize("action", [TERMINATE, ActionOnFailure.TERMINATE_JOB_FLOW])
def test_terminate_cluster_ends_the_cluster_with_errors(action: ActionOnFailure) -> None:
    world = World()
    cluster = world.launch(step("bad", action), step(), keep_alive=True)
    world.pass_time(100)
    assert states(cluster.record.steps) == ["FAILED", "CANCELLED"]
    assert str(cluster.state) == "TERMINATED_WITH_ERRORS"
    assert cluster.record.reason.message == "Shut down as step failed"


def test_termination_protection_turns_terminate_into_cancel_and_wait() -> None:
    world = World()
    cluster = world.launch(step("bad", TERMINATE), step(), keep_alive=True, protected=True)
    world.pass_time(100)
    assert states(cluster.record.steps) == ["FAILED", "CANCELLED"]
    assert str(cluster.state) == "WAITING"


def test_with_several_places_steps_run_together_and_a_failure_stops_nothing() -> None:
    world = World()
    cluster = world.launch(step("bad"), step(), step(), keep_alive=True, step_concurrency=2)
    world.pass_time(READY)
    assert states(cluster.record.steps) == ["RUNNING", "RUNNING", "PENDING"]
    world.pass_time(5)
    assert states(cluster.record.steps) == ["FAILED", "RUNNING", "RUNNING"]


def test_raising_the_concurrency_starts_pending_steps_and_lowering_it_stops_none() -> None:
    world = World()
    cluster = world.launch(step("long 1"), step("long 2"), step("long 3"))
    world.pass_time(READY)
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.change_concurrency(world.clock.now(), 3)
    assert states(cluster.record.steps) == ["RUNNING"] * 3
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.change_concurrency(world.clock.now(), 1)
    assert states(cluster.record.steps) == ["RUNNING"] * 3


def test_cancelling_a_running_step_does_not_trigger_its_action_on_failure() -> None:
    world = World()
    cluster = world.launch(step("long", TERMINATE), step(), keep_alive=True)
    world.pass_time(READY)
    running, pending = cluster.record.steps
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.cancel_step(world.clock.now(), running)
    assert states((running, pending)) == ["CANCEL_PENDING", "PENDING"]
    world.pass_time(0.5)
    assert states((running, pending)) == ["CANCELLED", "RUNNING"]
    assert str(cluster.state) == "RUNNING"


def test_a_step_that_ends_before_its_cancellation_takes_hold_has_completed() -> None:
    world = World()
    cluster = world.launch(step(), keep_alive=True)
    world.pass_time(READY + 9.8)
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.cancel_step(world.clock.now(), cluster.record.steps[0])
    world.pass_time(1)
    assert states(cluster.record.steps) == ["COMPLETED"]


def test_terminating_cancels_all_that_is_open_and_a_second_request_changes_nothing() -> None:
    world = World()
    cluster = world.launch(step("long"), step())
    world.pass_time(READY)
    for _ in range(2):
        with world.fleet.changing(world.clock.now(), cluster):
            cluster.terminate(world.clock.now())
    assert str(cluster.state) == "TERMINATING"
    assert states(cluster.record.steps) == ["CANCELLED", "CANCELLED"]
    world.pass_time(1)
    assert str(cluster.state) == "TERMINATED"
    assert cluster.record.reason.message == "Terminated by user request"
    assert [str(change.state) for change in cluster.record.history].count("TERMINATED") == 1


def test_a_failing_bootstrap_action_is_named_with_its_number_and_instance() -> None:
    world = World()
    actions = (BootstrapRequest(name="ok", path="s3://b/a.sh"), BootstrapRequest(name="bad", path="s3://b/b.sh"))
    cluster = world.launch(step(), bootstrap=actions)
    world.pass_time(100)
    assert str(cluster.state) == "TERMINATED_WITH_ERRORS"
    assert cluster.record.reason.code is ReasonCode.BOOTSTRAP_FAILURE
    instance = cluster.record.master_instance
    assert cluster.record.reason.message == (
        f"On the master instance ({instance}), bootstrap action 2 returned a non-zero return code"
    )
    assert states(cluster.record.steps) == ["CANCELLED"]
    assert cluster.record.ready is None


def test_an_idle_cluster_ends_after_its_idle_time_and_work_starts_that_time_anew() -> None:
    world = World()
    cluster = world.launch(keep_alive=True, idle_timeout=60)
    world.pass_time(READY + 59)
    world.add(cluster, step())
    world.pass_time(10 + 59)
    assert str(cluster.state) == "WAITING"
    world.pass_time(1)
    assert str(cluster.state) == "TERMINATING"
    assert cluster.record.reason.message.startswith("Auto-terminated")


def test_protection_holds_the_idle_time_out_off() -> None:
    world = World()
    cluster = world.launch(keep_alive=True, idle_timeout=60, protected=True)
    world.pass_time(1000)
    assert str(cluster.state) == "WAITING"
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.change_protection(world.clock.now(), protected=False)
    assert str(cluster.state) == "WAITING"
    world.pass_time(61)
    assert str(cluster.state) == "TERMINATED"


def test_lifting_keep_alive_ends_a_waiting_cluster() -> None:
    world = World()
    cluster = world.launch(keep_alive=True)
    world.pass_time(READY)
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.change_keep_alive(world.clock.now(), keep_alive=False)
    assert str(cluster.state) == "TERMINATING"


# Work that really runs


def test_a_step_that_really_runs_starts_once_and_ends_when_its_process_is_reported() -> None:
    world = World(runs_steps=True)
    cluster = world.launch(step(), keep_alive=True)
    world.pass_time(1000)
    [running] = cluster.record.steps
    assert world.fleet.take_effects() == [StartStep(cluster_id=cluster.id, step_id=running.id)]
    assert running.state is StepState.RUNNING
    for _ in range(2):  # a repeated report is harmless
        with world.fleet.changing(world.clock.now(), cluster):
            cluster.step_ended(world.clock.now(), running.id, Ending(after=0.0))
    assert (running.state, running.starts) == (StepState.COMPLETED, 1)


def test_cancelling_a_real_step_keeps_its_place_until_its_process_is_gone() -> None:
    world = World(runs_steps=True)
    cluster = world.launch(step(), step(), keep_alive=True)
    world.pass_time(READY)
    world.fleet.take_effects()
    first, second = cluster.record.steps
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.cancel_step(world.clock.now(), first)
    assert world.fleet.take_effects() == [StopStep(cluster_id=cluster.id, step_id=first.id)]
    world.pass_time(1000)
    assert states((first, second)) == ["CANCEL_PENDING", "PENDING"]
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.step_ended(world.clock.now(), first.id, Ending(after=0.0, state=StepState.CANCELLED))
    assert states((first, second)) == ["CANCELLED", "RUNNING"]


def test_bootstrap_actions_that_really_run_go_one_after_the_other() -> None:
    world = World(runs_steps=True)
    actions = (BootstrapRequest(name="a", path="s3://b/a.sh"), BootstrapRequest(name="b", path="s3://b/b.sh"))
    cluster = world.launch(bootstrap=actions, keep_alive=True)
    for number in (1, 2):
        world.pass_time(1000)
        assert world.fleet.take_effects() == [StartAction(cluster_id=cluster.id, number=number)]
        assert str(cluster.state) == "BOOTSTRAPPING"
        with world.fleet.changing(world.clock.now(), cluster):
            cluster.action_ended(world.clock.now(), number, Ending(after=0.0))
    assert str(cluster.state) == "WAITING"


def test_terminating_asks_for_everything_to_be_killed_and_late_reports_change_nothing() -> None:
    world = World(runs_steps=True)
    cluster = world.launch(step())
    world.pass_time(READY)
    world.fleet.take_effects()
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.terminate(world.clock.now())
    assert world.fleet.take_effects() == [StopAll(cluster_id=cluster.id)]
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.step_ended(world.clock.now(), cluster.record.steps[0].id, Ending(after=0.0))
    assert states(cluster.record.steps) == ["CANCELLED"]


def test_lost_processes_fail_their_steps_and_are_not_started_again() -> None:
    world = World(runs_steps=True)
    cluster = world.launch(step("one", CANCEL_AND_WAIT), step("two"), keep_alive=True)
    world.pass_time(READY)
    world.fleet.take_effects()
    with world.fleet.changing(world.clock.now(), cluster):
        cluster.lose_processes(world.clock.now())
    assert states(cluster.record.steps) == ["FAILED", "CANCELLED"]
    assert world.fleet.take_effects() == []


def test_a_thousand_clusters_cost_no_more_than_what_happens_to_them() -> None:
    world = World()
    for _ in range(1000):
        world.launch(step())
    world.pass_time(1000)
    assert {str(cluster.state) for cluster in world.fleet} == {"TERMINATED"}
    assert world.fleet.next_due() is None
