"""Ctrl-C and SIGTERM: the first leaves the run in order, the second at once, and a run may be told to end instead."""

from __future__ import annotations

import signal

import pytest
from tests.cli.desk import Desk
from tests.cli.program import until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_cluster_at_work_and_says_how_to_go_on(
    workbench: Desk, number: signal.Signals, code: int
) -> None:
    gate = workbench.gate()
    running = workbench.start(*workbench.transient("one", gate.step))
    workbench.wait_for_step(gate.name)
    running.signal(number)
    left = running.wait()
    assert (left.code, left.out) == (code, "")
    assert f"dataflow-runner runs resume {workbench.run_id}" in left.err.splitlines()[-1]
    assert workbench.alive == [workbench.only_cluster["id"]]
    resumed = workbench.start("runs", "resume", workbench.run_id)
    gate.open()
    assert resumed.wait().code == 0
    assert workbench.starts() == [("one", 1), (gate.name, 1)]
    assert workbench.alive == []


def test_the_second_signal_leaves_at_once(desk: Desk) -> None:
    running = desk.start(*desk.transient("one"))
    running.says("is STARTING")
    desk.emulator.put_faults([{"do": "hang", "seconds": 600}])
    until(lambda: desk.struck() > 0, "a call that hangs")
    running.signal(signal.SIGINT)
    running.says("once more to leave at once")
    running.signal(signal.SIGINT)
    left = running.wait()
    assert left.code == 130
    assert f"dataflow-runner runs resume {desk.run_id}" in left.err.splitlines()[-1]
    desk.emulator.clear_faults()
    assert desk.run("runs", "resume", desk.run_id).code == 0
    assert desk.starts() == [("one", 1)]


def test_a_run_may_be_told_to_end_with_its_cluster_at_an_interrupt(desk: Desk) -> None:
    running = desk.start(*desk.transient("endless"), "--on-interrupt", "terminate")
    desk.wait_for_step("endless")
    running.signal(signal.SIGINT)
    ended = running.wait()
    assert (ended.code, ended.result["verdict"]) == (22, "CANCELLED")
    assert "SIGINT" in ended.result["reason"]
    assert desk.alive == []
