"""What goes wrong between the program and EMR, by its name, and what really came of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cli import specs
from tests.cli.desk import Desk

pytestmark = pytest.mark.integration

Fault = dict[str, Any]


@pytest.mark.parametrize("do", ["lose-answer", "lose-request", "error"])
def test_whatever_becomes_of_a_launch_there_is_one_cluster(desk: Desk, do: str) -> None:
    """What was done is found; what was not is sent again once EMR would have shown it."""
    desk.emulator.put_faults([{"do": do, "api": "RunJobFlow", "count": 1}])
    ended = desk.run(*desk.transient("one", "two"))
    assert (ended.code, desk.struck()) == (0, 1)
    assert ended.result["cluster-id"] == desk.only_cluster["id"]
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == []


def test_a_cluster_that_no_list_shows_yet_is_neither_launched_again_nor_taken_for_dead(desk: Desk) -> None:
    faults: list[Fault] = [{"do": "lose-answer", "api": "RunJobFlow", "count": 1}]
    desk.emulator.put_faults([*faults, {"do": "eventual-list", "seconds": 0.6}])
    ended = desk.run(*desk.transient("one"), "--create-settle", "1500ms")
    assert ended.code == 0
    assert desk.starts() == [("one", 1)]


@pytest.mark.parametrize("do", ["lose-answer", "reset", "error"])
def test_whatever_becomes_of_a_submit_every_step_runs_once(desk: Desk, do: str) -> None:
    cluster_id = desk.somebodys_cluster()
    desk.emulator.put_faults([{"do": do, "api": "AddJobFlowSteps", "count": 1}])
    ended = desk.run("run", desk.playbook("one", "two"), "--cluster-id", cluster_id)
    assert (ended.code, desk.struck()) == (0, 1)
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == [cluster_id]


def test_reads_that_fail_or_break_off_are_repeated_and_fail_no_run(desk: Desk) -> None:
    ways = {"DescribeCluster": "error", "ListSteps": "reset"}
    desk.emulator.put_faults([{"do": way, "api": api, "count": 1} for api, way in ways.items()])
    ended = desk.run(*desk.transient("one", "two"))
    assert (ended.code, desk.struck()) == (0, len(ways))
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == []


def test_a_throttled_read_is_repeated_more_slowly_and_fails_no_run(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster()
    desk.emulator.put_faults([{"do": "throttle", "api": "DescribeCluster", "count": 1}])
    ended = desk.run("run", desk.playbook("one", "two"), "--cluster-id", cluster_id)
    assert (ended.code, desk.struck()) == (0, 1)
    assert desk.starts() == [("one", 1), ("two", 1)]


def test_a_call_refused_for_its_content_fails_the_run_with_the_answers_words(desk: Desk) -> None:
    fault = {"do": "error", "api": "RunJobFlow", "status": 400, "code": "ValidationException", "message": "no subnet"}
    desk.emulator.put_faults([fault])
    ended = desk.run(*desk.transient("one"))
    assert (ended.code, ended.result["verdict"]) == (1, "FAILED")
    assert "no subnet" in ended.result["reason"]
    assert len(desk.calls("RunJobFlow")) == 1


def test_a_failed_bootstrap_is_followed_by_another_cluster(desk: Desk) -> None:
    desk.emulator.put_faults([{"do": "bootstrap-failure", "number": 1}])
    ended = desk.run(*desk.transient("one", "two"))
    assert ended.code == 0
    first, second = desk.clusters
    assert ended.result["cluster-id"] == second["id"]
    assert [step["starts"] for cluster in (first, second) for step in cluster["steps"]] == [0, 0, 1, 1]
    assert desk.alive == []


def test_a_bootstrap_that_fails_twice_for_the_same_reason_is_not_tried_a_third_time(desk: Desk) -> None:
    desk.emulator.put_faults([{"do": "bootstrap-failure", "message": "bootstrap action 1 returned a non-zero code"}])
    ended = desk.run(*desk.transient("one"))
    assert (ended.code, ended.result["verdict"]) == (1, "FAILED")
    assert "BOOTSTRAP_FAILURE: bootstrap action 1 returned a non-zero code" in ended.result["reason"]
    assert len(desk.clusters) == 2
    assert desk.starts() == [("one", 0), ("one", 0)]


def test_a_bootstrap_that_fails_for_ever_new_reasons_ends_with_the_specs_attempts(desk: Desk) -> None:
    messages = [f"bootstrap action {word} failed" for word in ("one", "two", "three")]
    faults = [{"do": "bootstrap-failure", "number": n, "message": text} for n, text in enumerate(messages, start=1)]
    desk.emulator.put_faults(faults)
    ended = desk.run("up", desk.cluster(launch={"maxAttempts": 2}))
    assert (ended.code, len(desk.clusters)) == (1, 2)
    assert messages[1] in ended.result["reason"]


def test_a_cluster_that_dies_in_the_middle_fails_the_run_with_code_and_message(desk: Desk) -> None:
    desk.emulator.put_faults([{"do": "cluster-dies", "step": "endless", "message": "the rack burns"}])
    ended = desk.run(*desk.transient("one", "endless"))
    assert (ended.code, ended.result["verdict"]) == (1, "FAILED")
    assert "INSTANCE_FAILURE: the rack burns" in ended.result["reason"]
    assert len(desk.clusters) == 1


def test_a_step_with_tries_left_is_sent_again_with_those_cancelled_behind_it(desk: Desk) -> None:
    desk.emulator.put_faults([{"do": "step-fails", "step": "two", "count": 1}])
    retried = specs.step("two", retry={"maxAttempts": 2})
    ended = desk.run(*desk.transient("one", retried, "three"))
    assert ended.code == 0
    assert desk.starts() == [("one", 1), ("two", 1), ("three", 0), ("two", 1), ("three", 1)]
    assert desk.alive == []
