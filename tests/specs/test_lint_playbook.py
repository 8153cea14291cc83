from typing import Any

import pytest
from tests.specs.support import WORLD, cluster, loaded, playbook, refused, rules, spec

from dataflow_runner.specs.findings import Severity
from dataflow_runner.specs.load import Loaded, check_together, load_cluster, load_playbook
from dataflow_runner.specs.model import ClusterConfig, PlaybookConfig

STEP = {"name": "a", "jar": "command-runner.jar"}
PLACE = {"check": "S3_EMPTY", "place": "s3://bucket/folder/"}


def with_cluster(playbook_members: dict[str, Any], **emr: Any) -> list[tuple[str, str, str]]:
    """File, severity and place of each finding about the two together."""
    first: Loaded[ClusterConfig] = load_cluster(cluster(**emr), {}, WORLD)
    second: Loaded[PlaybookConfig] = load_playbook(playbook(**playbook_members), {}, WORLD)
    return [(item.rule, item.severity, item.pointer) for item in check_together(first, second)]


def test_a_right_playbook_has_no_finding() -> None:
    assert loaded(playbook()).findings == ()


def test_no_steps_are_refused() -> None:
    assert rules(refused(spec("PlaybookConfig", "2-0-0", steps=[]))) == [("no-steps", "/data/steps")]


def test_256_steps_are_taken_and_one_more_is_refused() -> None:
    """Of the same name, which is nobody's business."""
    assert loaded(playbook(*[STEP] * 256)).findings == ()
    assert rules(refused(playbook(*[STEP] * 257))) == [("too-many", "/data/steps")]


def test_all_strings_of_a_step_count_towards_its_limit() -> None:
    full = {
        "jar": "j" * 240,
        "mainClass": "m" * 1000,
        "arguments": ["a" * 4000] * 2,
        "properties": {"k" * 500: "v" * 500},
    }
    assert loaded(playbook({"name": "a" * 256, **full})).findings == ()
    found = refused(playbook(STEP, {"name": "a", **full, "mainClass": "m" * 1001}))
    assert rules(found) == [("too-long", "/data/steps/1")]
    assert "10,241 characters together; EMR takes 10,240" in found[0].message


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({"name": ""}, ("empty", "/name")),
        ({"name": "n" * 257}, ("too-long", "/name")),
        ({"jar": ""}, ("empty", "/jar")),
        ({"mainClass": ""}, ("empty", "/mainClass")),
        ({"retry": {"maxAttempts": 0}}, ("out-of-range", "/retry/maxAttempts")),
        ({"retry": {}, "actionOnFailure": "CONTINUE"}, ("retry", "/retry")),
        ({"timeout": "0s"}, ("out-of-range", "/timeout")),
        ({"overlay": {"Name": "x"}}, ("overlay", "/overlay/Name")),
        ({"overlay": {"ActionOnFailure": "x"}}, ("overlay", "/overlay/ActionOnFailure")),
        ({"overlay": {"HadoopJarStep": {}}}, ("overlay", "/overlay/HadoopJarStep")),
    ],
)
def test_steps_that_make_no_sense(step: dict[str, Any], found: tuple[str, str]) -> None:
    rule, place = found
    assert rules(refused(playbook({**STEP, **step}))) == [(rule, f"/data/steps/0{place}")]


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"name": ""}, ("empty", "/name")),
        ({"region": "eu west"}, ("region", "/region")),
        ({"assumeRoleArn": "x"}, ("role-arn", "/assumeRoleArn")),
        ({"credentials": {"accessKeyId": "iam"}}, ("credentials", "/credentials")),
        ({"lock": {"name": " "}}, ("empty", "/lock/name")),
        ({"timeout": "0s"}, ("out-of-range", "/timeout")),
        ({"pendingTimeout": "0s"}, ("out-of-range", "/pendingTimeout")),
        ({"onFailure": {"action": "KEEP", "keepFor": "30s"}}, ("out-of-range", "/onFailure/keepFor")),
        ({"onFailure": {"action": "KEEP", "keepFor": "8d"}}, ("out-of-range", "/onFailure/keepFor")),
        ({"overlay": {"Steps": []}}, ("overlay", "/overlay/Steps")),
        ({"overlay": {"JobFlowId": "j-1"}}, ("overlay", "/overlay/JobFlowId")),
        ({"tags": [{"key": "aws:x"}]}, ("tags", "/tags/0/key")),
        ({"preconditions": [PLACE | {"place": "/tmp"}]}, ("place", "/preconditions/0/place")),
        ({"preconditions": [PLACE | {"place": "s3://B/"}]}, ("place", "/preconditions/0/place")),
        ({"preconditions": [PLACE, PLACE | {"pattern": "("}]}, ("pattern", "/preconditions/1/pattern")),
        ({"preconditions": [PLACE | {"exitCode": 256}]}, ("out-of-range", "/preconditions/0/exitCode")),
        ({"preconditions": [PLACE | {"exitCode": -1}]}, ("out-of-range", "/preconditions/0/exitCode")),
        ({"preconditions": [PLACE | {"exitCode": 0}]}, ("out-of-range", "/preconditions/0/exitCode")),
    ],
)
def test_playbooks_that_make_no_sense(members: dict[str, Any], found: tuple[str, str]) -> None:
    rule, place = found
    assert rules(refused(playbook(**members))) == [(rule, f"/data{place}")]


def test_a_no_op_may_exit_with_any_code() -> None:
    assert loaded(playbook(preconditions=[PLACE | {"unmet": "NO_OP", "exitCode": 0}])).findings == ()


def test_a_step_that_ends_the_cluster_and_concurrency_exclude_each_other() -> None:
    steps = {"steps": [{**STEP, "actionOnFailure": "TERMINATE_CLUSTER"}]}
    assert with_cluster(steps, stepConcurrency=2) == [
        ("step-concurrency", Severity.ERROR, "/data/steps/0/actionOnFailure")
    ]
    assert with_cluster(steps) == []


@pytest.mark.parametrize(
    ("instances", "place"),
    [
        ({"groups": {"master": {"type": "a", "market": "SPOT"}}}, "groups/master/market"),
        ({"groups": {"master": {"type": "a"}, "core": {"type": "a", "market": "SPOT"}}}, "groups/core/market"),
        ({"fleets": {"master": {"spot": 1, "types": [{"type": "a"}]}}}, "fleets/master/spot"),
    ],
)
def test_spot_machines_that_steps_depend_on_are_a_warning(instances: dict[str, Any], place: str) -> None:
    expected = [("spot", Severity.WARNING, f"/data/fabric/emr/instances/{place}")]
    assert with_cluster({}, instances=instances) == expected
    assert with_cluster({"durableIntermediates": True}, instances=instances) == []


def test_keeping_a_cluster_that_never_ends_by_itself_is_a_warning() -> None:
    keep = {"onFailure": {"action": "KEEP"}}
    assert with_cluster(keep, releaseLabel="5.9.0") == [("keep", Severity.WARNING, "/data/onFailure/action")]
    assert with_cluster(keep) == []


def test_tags_of_both_count_together() -> None:
    first = load_cluster(cluster({"tags": [{"key": "both"}, {"key": "one"}]}), {}, WORLD)
    many = [{"key": "both"}, *({"key": f"p{at}"} for at in range(39))]
    assert check_together(first, load_playbook(playbook(tags=many[:-1]), {}, WORLD)) == ()
    found = check_together(first, load_playbook(playbook(tags=many), {}, WORLD))
    assert rules(found) == [("tags", "/data/tags")]


def test_findings_about_both_stand_at_their_lines() -> None:
    first = load_cluster(cluster(releaseLabel="5.9.0"), {}, WORLD)
    file = playbook(onFailure={"action": "KEEP"})
    [finding] = check_together(first, load_playbook(file, {}, WORLD))
    assert finding.line == 1 + file.content.decode().split('"action"')[0].count("\n")
