"""Faults that befall clusters and steps, by a virtual clock."""

from tests.emr_emulator.fleets import READY, World, states, step

from emr_emulator.cluster import Cluster
from emr_emulator.states import ActionOnFailure, ClusterState, ReasonCode
from emr_emulator.views import shown_status


def shown(world: World, cluster: Cluster) -> tuple[str, str, str]:
    """State, code and message as the API tells them now."""
    state, reason = shown_status(cluster.record, world.clock.now())
    return str(state), str(reason.code or ""), reason.message


def test_a_bootstrap_failure_strikes_as_often_as_it_says_and_tells_its_own_message() -> None:
    world = World(faults='[{do: bootstrap-failure, count: 1, message: "Master instance startup failed"}]')
    first, second = world.launch(step()), world.launch(step())
    world.pass_time(100)
    assert first.state is ClusterState.TERMINATED_WITH_ERRORS
    assert first.record.reason.code is ReasonCode.BOOTSTRAP_FAILURE
    assert first.record.reason.message == "Master instance startup failed"
    assert states(first.record.steps) == ["CANCELLED"]
    assert second.state is ClusterState.TERMINATED


def test_a_bootstrap_failure_without_a_message_speaks_as_emr_does() -> None:
    world = World(faults="[{do: bootstrap-failure}]")
    cluster = world.launch()
    world.pass_time(100)
    assert cluster.record.reason.message == (
        f"On the master instance ({cluster.record.master_instance}), bootstrap action 1 returned a non-zero return code"
    )


def test_a_fault_strikes_the_cluster_of_its_number_or_name_only() -> None:
    world = World(faults='[{do: bootstrap-failure, number: 2}, {do: bootstrap-failure, cluster: "night*"}]')
    clusters = [world.launch(name=name) for name in ("day", "day", "nightly")]
    world.pass_time(100)
    assert [str(cluster.state) for cluster in clusters] == [
        "TERMINATED",
        "TERMINATED_WITH_ERRORS",
        "TERMINATED_WITH_ERRORS",
    ]


def test_a_cluster_dies_some_time_after_its_creation_and_its_running_step_is_interrupted() -> None:
    world = World(faults='[{do: cluster-dies, after: 5, message: "spot reclaim"}]')
    cluster = world.launch(step(), step(), keep_alive=True)
    world.pass_time(100)
    assert states(cluster.record.steps) == ["INTERRUPTED", "CANCELLED"]
    assert shown(world, cluster) == ("TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "spot reclaim")


def test_a_cluster_dies_when_the_named_step_runs() -> None:
    world = World(faults='[{do: cluster-dies, step: "second", after: 1, code: INTERNAL_ERROR, state: TERMINATED}]')
    cluster = world.launch(step("first"), step("second"))
    world.pass_time(READY + 10.5)
    assert cluster.state is ClusterState.RUNNING
    world.pass_time(10)
    assert states(cluster.record.steps) == ["COMPLETED", "CANCELLED"]
    assert shown(world, cluster)[:2] == ("TERMINATED", "INTERNAL_ERROR")


def test_a_death_that_is_set_later_befalls_clusters_that_are_alive_already() -> None:
    from emr_emulator.documents import parse_document
    from emr_emulator.faults import parse_faults

    world = World()
    cluster = world.launch(keep_alive=True)
    world.pass_time(READY)
    world.book.replace(parse_faults(parse_document("[{do: cluster-dies}]", "faults")))
    world.fleet.meet_faults(world.clock.now())
    assert cluster.state is ClusterState.TERMINATING


def test_a_step_fails_as_its_fault_says_and_its_action_on_failure_follows() -> None:
    world = World(
        runs_steps=True,  # the process is not even started
        faults='[{do: step-fails, step: "load*", reason: "Illegal Argument.", message: "no table", after: 2}]',
    )
    cluster = world.launch(step("load it", ActionOnFailure.TERMINATE_CLUSTER))
    world.pass_time(READY + 2)
    [failed] = cluster.record.steps
    assert failed.failure is not None
    assert (str(failed.state), failed.failure.reason, failed.failure.message) == (
        "FAILED",
        "Illegal Argument.",
        "no table",
    )
    assert failed.starts == 1
    assert cluster.state is ClusterState.TERMINATING


def test_a_step_is_interrupted() -> None:
    world = World(faults="[{do: step-interrupted, count: 1}]")
    cluster = world.launch(step(), step())
    world.pass_time(100)
    assert states(cluster.record.steps) == ["INTERRUPTED", "COMPLETED"]


def test_a_late_reason_comes_late_and_a_missing_one_never() -> None:
    world = World(faults="[{do: late-reason, seconds: 60, number: 1}, {do: missing-reason, number: 2}]")
    late, missing = world.launch(), world.launch()
    world.pass_time(READY + 1)
    assert shown(world, late) == shown(world, missing) == ("TERMINATED", "", "")
    world.pass_time(60)
    assert shown(world, late) == ("TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")
    assert shown(world, missing) == ("TERMINATED", "", "")


def test_a_failed_cluster_may_be_shown_as_plainly_terminated_while_the_truth_is_kept() -> None:
    world = World(faults="[{do: terminated-plain}]")
    cluster = world.launch(step("bad", ActionOnFailure.TERMINATE_CLUSTER))
    world.pass_time(100)
    assert shown(world, cluster) == ("TERMINATED", "", "")
    assert cluster.state is ClusterState.TERMINATED_WITH_ERRORS


def test_skip_lets_some_pass_and_probability_is_drawn_from_the_seed() -> None:
    world = World(faults="[{do: step-interrupted, skip: 2, count: 1}]")
    cluster = world.launch(*[step() for _ in range(4)])
    world.pass_time(1000)
    assert states(cluster.record.steps) == ["COMPLETED", "COMPLETED", "INTERRUPTED", "COMPLETED"]

    def draw(seed: int) -> list[str]:
        world = World(faults="[{do: step-interrupted, probability: 0.5}]", seed=seed)
        cluster = world.launch(*[step() for _ in range(50)])
        world.pass_time(1000)
        return states(cluster.record.steps)

    assert draw(1) == draw(1) != draw(2)
    assert 10 < draw(1).count("INTERRUPTED") < 40
