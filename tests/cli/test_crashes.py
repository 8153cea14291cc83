"""kill -9 at any point, and what 'runs resume' makes of it: no step twice, no second cluster, none left."""

from __future__ import annotations

import random

import pytest
from tests.cli.desk import Desk
from tests.cli.program import Ended, Running, until

pytestmark = pytest.mark.integration


def _resume(desk: Desk) -> Ended:
    return desk.run("runs", "resume", desk.run_id)


def _kill_at_write(desk: Desk, running: Running, count: int) -> None:
    until(lambda: desk.written() >= count or running.process.poll() is not None, f"write {count} of the journal")
    running.kill()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_a_run_killed_at_a_write_of_the_journal_is_finished_by_another(desk: Desk, count: int) -> None:
    _kill_at_write(desk, desk.start(*desk.transient("one", "two")), count)
    ended = _resume(desk)
    assert (ended.code, ended.result["verdict"]) == (0, "SUCCEEDED")
    assert desk.only_cluster["id"] == ended.result["cluster-id"]
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == []


@pytest.mark.parametrize("do", ["hang", "delay"])
def test_a_launch_whose_driver_is_killed_while_it_is_sent_makes_one_cluster(desk: Desk, do: str) -> None:
    """Whether EMR never carries the request out, or does so after the driver has died."""
    desk.emulator.put_faults([{"do": do, "api": "RunJobFlow", "seconds": 0.3, "count": 1}])
    running = desk.start(*desk.transient("one", "two"))
    until(lambda: desk.struck() == 1, "the launch")
    running.kill()
    assert _resume(desk).code == 0
    assert len(desk.clusters) == 1
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == []


@pytest.mark.parametrize("do", ["hang", "delay"])
def test_steps_whose_driver_is_killed_while_they_are_sent_run_once(desk: Desk, do: str) -> None:
    cluster_id = desk.somebodys_cluster()
    desk.emulator.put_faults([{"do": do, "api": "AddJobFlowSteps", "seconds": 0.3, "count": 1}])
    running = desk.start("run", desk.playbook("one", "two"), "--cluster-id", cluster_id)
    until(lambda: desk.struck() == 1, "the steps")
    running.kill()
    assert _resume(desk).code == 0
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == [cluster_id]


def test_an_ending_whose_driver_is_killed_is_carried_through(desk: Desk) -> None:
    desk.emulator.put_faults([{"do": "hang", "api": "TerminateJobFlows", "seconds": 600, "count": 1}])
    retried = {"name": "failing", "jar": "command-runner.jar", "arguments": ["true"], "retry": {"maxAttempts": 2}}
    running = desk.start(*desk.transient(retried))
    until(lambda: desk.struck() == 1, "the ending of the cluster")
    running.kill()
    assert len(desk.alive) == 1
    ended = _resume(desk)
    assert (ended.code, ended.result["verdict"]) == (1, "FAILED")
    assert desk.starts() == [("failing", 1), ("failing", 1)]
    assert desk.alive == []


def test_a_run_killed_again_and_again_still_does_everything_once(desk: Desk) -> None:
    draw = random.Random(20)
    names = [f"step {number}" for number in range(1, 6)]
    running = desk.start(*desk.transient(*names))
    for _ in range(3):
        until(lambda: desk.written() > 0)
        _kill_at_write(desk, running, desk.written() + draw.randrange(1, 4))
        running = desk.start("runs", "resume", desk.run_id)
    assert running.wait().code == 0
    assert len(desk.clusters) == 1
    assert desk.starts() == [(name, 1) for name in names]
    assert desk.alive == []
