"""Locks in files and in the journal: parsed first, taken whole, left only where they must be."""

from __future__ import annotations

import json
import os
import signal

import pytest
from tests.cli import specs
from tests.cli.desk import Desk

pytestmark = pytest.mark.integration


def test_a_hard_lock_outlives_a_failed_run_and_names_it_until_somebody_releases_it(desk: Desk) -> None:
    lock = desk.folder / "hard.lock"
    failed = desk.run(*desk.transient("failing"), "--lock", lock.name)
    assert failed.code == 1
    process, holder = lock.read_text().splitlines()
    assert int(process) > 0
    assert desk.run_id in holder
    assert failed.result["cluster-id"] in holder
    refused = desk.run(*desk.transient("one"), "--lock", lock.name)
    assert (refused.code, refused.result["exit-code"]) == (17, 17)
    assert desk.run_id in refused.err
    status = desk.run("lock", "status", lock.name, "--file")
    assert (status.code, status.result["held"], status.result["kind"]) == (17, True, "HARD")
    assert (status.result["run-id"], status.result["cluster-id"]) == (desk.run_id, failed.result["cluster-id"])
    assert desk.run("lock", "release", lock.name, "--file").code == 130  # asks, and stdin says nothing
    assert desk.run("lock", "release", lock.name, "--file", "--yes").result["released"] is True
    assert not lock.exists()
    assert len(desk.clusters) == 1


def test_a_soft_lock_is_let_go_after_a_failure_and_a_hard_one_after_success(desk: Desk) -> None:
    assert desk.run(*desk.transient("failing"), "--softLock", "soft.lock").code == 1
    assert desk.run(*desk.transient("one"), "--lock", "hard.lock").code == 0
    assert list(desk.folder.glob("*.lock")) == []


def test_a_lock_of_the_go_runner_holds(desk: Desk) -> None:
    lock = desk.folder / "go.lock"
    lock.write_text(str(os.getpid()))
    refused = desk.run(*desk.transient("one"), "--softLock", lock.name)
    assert refused.code == 17
    assert lock.read_text() == str(os.getpid())
    assert desk.clusters == []


def test_a_playbook_with_a_mistake_leaves_no_lock_behind(desk: Desk) -> None:
    ended = desk.run(*desk.transient(specs.step("{{.nobody}}")), "--lock", "hard.lock")
    assert (ended.code, list(desk.folder.glob("*.lock"))) == (2, [])


def test_a_lock_of_the_journal_and_the_one_on_a_named_cluster_hold_while_the_run_is_left(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster()
    locked = desk.playbook("endless", lock={"name": "nightly", "kind": "SOFT"})
    running = desk.start("run", locked, "--cluster-id", cluster_id)
    desk.wait_for_step("endless")
    running.signal(signal.SIGTERM)
    assert running.wait().code == 143
    assert desk.run("lock", "status", "nightly").result["run-id"] == desk.run_id
    again = desk.run("run", locked, "--cluster-id", cluster_id)
    assert (again.code, "'nightly'" in again.result["reason"]) == (17, True)
    other = desk.playbook("one")
    on_cluster = desk.run("run", other, "--cluster-id", cluster_id)
    assert (on_cluster.code, f"'cluster:{cluster_id}'" in on_cluster.result["reason"]) == (17, True)
    assert desk.starts() == [("endless", 1)]


def test_a_shared_cluster_takes_runs_beside_each_other_one_step_at_a_time(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster()
    command = ("run", desk.playbook("one", "two"), "--cluster-id", cluster_id, "--share-cluster")
    both = [desk.start(*command) for _ in range(2)]
    assert [each.wait().code for each in both] == [0, 0]
    assert sorted(desk.starts()) == [("one", 1), ("one", 1), ("two", 1), ("two", 1)]
    assert {step["action_on_failure"] for step in desk.only_cluster["steps"]} == {"CONTINUE"}


def test_the_status_of_a_free_lock_is_told_as_such(desk: Desk) -> None:
    free = desk.run("lock", "status", "nightly")
    assert (free.code, json.loads(free.out)) == (0, {"lock": "nightly", "held": False})
