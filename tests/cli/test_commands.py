"""Both spellings of every command, in both encodings, and what stdout holds."""

from __future__ import annotations

import json

import pytest
from tests.cli import specs
from tests.cli.desk import Desk
from tests.cli.program import until

from dataflow_runner.specs.convert import Encoding, convert
from dataflow_runner.specs.load import Source

pytestmark = pytest.mark.integration


def test_the_go_runners_spelling_of_up_run_and_down_works_on_its_own_files(desk: Desk) -> None:
    cluster, playbook = desk.write("c.json", specs.old_cluster()), desk.write("p.json", specs.old_playbook())
    variables = ("--vars", "team,data")
    up = desk.run("up", "--emr-config", cluster, *variables)
    assert up.code == 0
    cluster_id = up.result["cluster-id"]
    assert list(up.result) == ["cluster-id"]
    ran = desk.run("run", "--emr-playbook", playbook, "--emr-cluster", cluster_id, *variables)
    assert (ran.code, ran.result["verdict"], ran.result["cluster-id"]) == (0, "SUCCEEDED", cluster_id)
    down = desk.run("down", "--emr-config", cluster, "--emr-cluster", cluster_id, *variables)
    assert down.code == 0
    assert desk.only_cluster["tags"]["team"] == "data"
    assert desk.starts() == [("first", 1), ("second", 1)]
    assert desk.alive == []


def test_the_proposals_spelling_works_on_avro_files(desk: Desk) -> None:
    for name, document in (("c.avro", specs.cluster()), ("p.avro", specs.playbook("one {{.day}}"))):
        source = Source("spec.json", json.dumps(document).encode())
        (desk.folder / name).write_bytes(convert(source, Encoding.AVRO))
    up = desk.run("up", "c.avro")
    cluster_id = up.result["cluster-id"]
    ran = desk.run("run", "p.avro", "--cluster-id", cluster_id, "--var", "day=Monday, early")
    assert (ran.code, ran.result["verdict"]) == (0, "SUCCEEDED")
    assert desk.starts() == [("one Monday, early", 1)]
    assert desk.run("halt", cluster_id).code == 0
    assert desk.alive == []


@pytest.mark.parametrize("command", ["run", "run-transient"])
def test_a_playbook_with_a_cluster_of_its_own_leaves_no_cluster(desk: Desk, command: str) -> None:
    cluster, playbook = desk.cluster(), desk.playbook("one", "two")
    arguments = {
        "run": (playbook, "--cluster-spec", cluster),
        "run-transient": ("--emr-config", cluster, "--emr-playbook", playbook),
    }[command]
    ran = desk.run(command, *arguments)
    assert ran.code == 0
    assert ran.result == {
        "run-id": desk.run_id,
        "verdict": "SUCCEEDED",
        "exit-code": 0,
        "cluster-id": desk.only_cluster["id"],
        "reason": None,
    }
    assert desk.starts() == [("one", 1), ("two", 1)]
    assert desk.alive == []


def test_the_id_of_a_cluster_is_told_while_it_starts(desk: Desk) -> None:
    desk.emulator.put_faults([{"do": "hang", "api": "DescribeCluster", "seconds": 600}])
    running = desk.start("up", desk.cluster())
    until(lambda: bool(desk.clusters))
    running.says(desk.only_cluster["id"])
    assert running.out == ""


def test_an_asynchronous_run_submits_its_steps_and_leaves_them_running(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster()
    ran = desk.run("run", desk.playbook("endless"), "--cluster-id", cluster_id, "--async")
    assert (ran.code, ran.result["verdict"]) == (0, "DETACHED")
    assert desk.starts() == [("endless", 1)]
    assert desk.alive == [cluster_id]


def test_an_asynchronous_transient_run_leaves_a_cluster_that_ends_by_itself(desk: Desk) -> None:
    ran = desk.run(*desk.transient("one", "two"), "--async")
    assert (ran.code, ran.result["verdict"]) == (0, "DETACHED")
    until(lambda: desk.alive == [], "the cluster's own end")
    assert desk.starts() == [("one", 1), ("two", 1)]


def test_a_cluster_may_be_named_by_its_name_or_tags(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster("shared", team="data")
    playbook = desk.playbook("one")
    by_name = desk.run("run", playbook, "--cluster-name", "shared")
    by_tags = desk.run("run", playbook, "--cluster-tag", "team=data")
    assert [(ran.code, ran.result["cluster-id"]) for ran in (by_name, by_tags)] == [(0, cluster_id)] * 2


def test_no_cluster_of_a_name_is_no_usable_cluster_and_of_several_each_is_listed(desk: Desk) -> None:
    playbook = desk.playbook("one")
    none = desk.run("run", playbook, "--cluster-name", "shared")
    assert (none.code, none.out) == (18, "")
    assert "no living cluster named 'shared'" in none.err
    made = {desk.somebodys_cluster("shared"), desk.somebodys_cluster("shared")}
    many = desk.run("run", playbook, "--cluster-name", "shared")
    assert (many.code, many.out) == (18, "")
    assert all(cluster_id in many.err for cluster_id in made)
    assert desk.calls("AddJobFlowSteps") == []


def test_a_specification_may_come_from_stdin(desk: Desk) -> None:
    playbook = desk.playbook("one")
    with open(desk.cluster(), "rb") as file:  # noqa: PTH123 - read as the shell would
        shown = desk.run("run", playbook, "--cluster-spec", "-", "--dry-run", stdin=file.read())
    assert (shown.code, shown.result["parameters"]["Name"]) == (0, "nightly")
    both = desk.run("run", "-", "--cluster-spec", "-", "--dry-run")
    assert (both.code, "only one" in both.err) == (2, True)


def test_a_dry_run_prints_the_calls_and_makes_none(desk: Desk) -> None:
    shown = desk.run(*desk.transient("one", "two"), "--dry-run")
    assert shown.code == 0
    [launch] = shown.results
    assert launch["operation"] == "RunJobFlow"
    assert [step["Name"] for step in launch["parameters"]["Steps"]] == ["one", "two"]
    named = desk.run("run", desk.playbook("one"), "--cluster-id", "j-1", "--dry-run")
    assert [call["operation"] for call in named.results] == ["AddJobFlowSteps"]
    assert desk.calls() == []
    assert not desk.journal.exists()
