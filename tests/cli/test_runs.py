"""The commands about runs that have begun."""

from __future__ import annotations

import signal

import pytest
from tests.cli import specs
from tests.cli.desk import Desk
from tests.cli.program import until

pytestmark = pytest.mark.integration


def test_a_run_that_goes_on_can_be_listed_shown_watched_and_cancelled(desk: Desk) -> None:
    running = desk.start(*desk.transient("one", "endless"))
    desk.wait_for_step("endless")
    watching = desk.start("runs", "watch", desk.run_id)
    watching.says("cluster")
    listed = desk.run("runs", "list", "--live", "--json").result
    assert (listed["run-id"], listed["verdict"], listed["cluster-id"]) == (
        desk.run_id,
        None,
        desk.only_cluster["id"],
    )
    until(lambda: desk.run("runs", "show", desk.run_id, "--json").result["steps"][1]["state"] == "RUNNING")
    assert desk.run("runs", "show", desk.run_id, "--json").result["driven"] is True
    cancelled = desk.run("runs", "cancel", desk.run_id)
    assert (cancelled.code, cancelled.result) == (0, {"run-id": desk.run_id, "cancel": "requested"})
    ended = running.wait()
    assert (ended.code, ended.result["verdict"]) == (22, "CANCELLED")
    assert watching.wait().code == 22
    assert "verdict CANCELLED" in watching.err
    assert desk.alive == []


def test_a_run_whose_driver_was_killed_can_be_cancelled(desk: Desk) -> None:
    running = desk.start(*desk.transient("endless"))
    desk.wait_for_step("endless")
    running.kill()
    cancelled = desk.run("runs", "cancel", desk.run_id)
    assert (cancelled.code, cancelled.result["verdict"]) == (22, "CANCELLED")
    assert desk.alive == []


def test_a_run_that_was_left_says_that_nobody_drives_it(desk: Desk) -> None:
    running = desk.start(*desk.transient("endless"))
    desk.wait_for_step("endless")
    running.signal(signal.SIGINT)
    assert running.wait().code == 130
    watched = desk.run("runs", "watch", desk.run_id)
    assert (watched.code, watched.out) == (20, "")
    assert f"runs resume {desk.run_id}" in watched.err
    assert f"runs resume {desk.run_id}" in desk.run("runs", "show", desk.run_id).out
    assert desk.run("runs", "show", desk.run_id, "--json").result["driven"] is False


def test_of_two_that_resume_a_run_one_is_refused(desk: Desk) -> None:
    running = desk.start(*desk.transient("endless"))
    desk.wait_for_step("endless")
    running.kill()
    both = [desk.start("runs", "resume", desk.run_id) for _ in range(2)]
    until(lambda: any(each.process.poll() is not None for each in both), "a refusal")
    [refused] = [each for each in both if each.process.poll() is not None]
    ended = refused.wait()
    assert (ended.code, ended.out) == (17, "")
    assert f"run {desk.run_id} is being driven by" in ended.err
    desk.run("runs", "cancel", desk.run_id)
    [other] = [each for each in both if each is not refused]
    assert other.wait().code == 22
    assert desk.starts() == [("endless", 1)]


def test_an_ended_run_tells_its_end_again_to_whoever_resumes_watches_or_cancels_it(desk: Desk) -> None:
    ended = desk.run(*desk.transient("failing"))
    again = desk.run("runs", "resume", desk.run_id)
    assert (again.code, again.result) == (1, ended.result)
    assert desk.run("runs", "watch", desk.run_id).code == 1
    cancelled = desk.run("runs", "cancel", desk.run_id)
    assert (cancelled.code, "ended already" in cancelled.err) == (2, True)
    assert ended.result["reason"] in desk.run("runs", "show", desk.run_id).out
    assert [run["exit-code"] for run in desk.run("runs", "list", "--json").results] == [1]


def test_a_run_keeps_its_instant_over_a_resume_and_refuses_one_that_would_do_something_else(desk: Desk) -> None:
    name = "{{nowWithFormat `15-04-05.000`}} {{systemEnv `TEAM`}}"
    desk.emulator.put_faults([{"do": "hang", "api": "RunJobFlow", "seconds": 600, "count": 1}])
    running = desk.start(*desk.transient(specs.step(name)), TEAM="data")
    until(lambda: desk.struck() == 1, "the launch")
    desk.emulator.clear_faults()
    running.kill()
    other = desk.run("runs", "resume", desk.run_id, TEAM="another")
    assert (other.code, desk.clusters) == (2, [])
    assert "reads differently now" in other.err
    assert desk.run("runs", "resume", desk.run_id, TEAM="data").code == 0
    assert desk.starts() == [(f"{_instant(desk)} data", 1)]


def _instant(desk: Desk) -> str:
    """The run's beginning as its templates have it: what its id says, to the millisecond that the step's name adds."""
    [(name, _)] = desk.starts()
    begun = name.split(" ", maxsplit=1)[0]
    assert begun.split(".")[0].replace("-", "") == desk.run_id.split("-")[1]
    return begun


def test_a_run_id_names_one_run(desk: Desk) -> None:
    command = (*desk.transient("one"), "--run-id", "nightly-1")
    assert desk.run(*command).result["run-id"] == "nightly-1"
    again = desk.run(*command)
    assert (again.code, "runs resume nightly-1" in again.err) == (2, True)
    assert len(desk.clusters) == 1


def test_an_unknown_run_is_a_wrong_command_line(desk: Desk) -> None:
    ended = desk.run("runs", "resume", "nobody")
    assert (ended.code, ended.out) == (2, "")
    assert "no run 'nobody'" in ended.err
