"""An exit code for each case that callers may want to tell apart; signals and locks have their own files."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cli import specs
from tests.cli.desk import Desk
from tests.cli.program import until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("list",), "Did you mean 'runs list'?"),
        (("run", "list"), "Did you mean 'runs list'?"),
        (("up", "--emr-confg", "c.json"), "--emr-config"),
        (("run", "p.json"), "--cluster-id"),
        (("run", "p.json", "--cluster-id", "j-1", "--cluster-name", "n"), "named once"),
        (("run", "p.json", "--cluster-id", "j-1", "--lock", "a", "--softLock", "b"), "exclude each other"),
        (("run", "p.json", "--cluster-id", "j-1", "--lock", "a", "--async"), "--async"),
        (("run", "p.json", "--cluster-id", "j-1", "--poll-interval", "soon"), "a length of time"),
        (("run", "p.json", "--cluster-id", "j-1", "--vars", "a,b,c"), "--var name=value"),
        (("run", "p.json", "--cluster-id", "j-1", "--journal", "oracle:x"), "sqlite:PATH"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_told_apart_with_a_hint(desk: Desk, arguments: tuple[str, ...], hint: str) -> None:
    desk.write("p.json", specs.playbook("one"))
    ended = desk.run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err
    assert "Traceback" not in ended.err
    assert desk.calls() == []


def test_bad_specs_are_told_whole_before_anything_is_called(desk: Desk) -> None:
    document = specs.cluster()
    document["data"]["fabric"]["emr"] |= {"region": "eu central", "bid": "1"}
    playbook = desk.playbook(specs.step("one", actionOnFailure="PANIC"), specs.step("{{.nobody}}"))
    ended = desk.run("run", playbook, "--cluster-spec", desk.write("c.json", document))
    assert (ended.code, ended.out) == (2, "")
    for place in ("/data/fabric/emr/region", "/data/fabric/emr/bid", "playbook.json", "nobody"):
        assert place in ended.err
    assert desk.calls() == []
    assert not desk.journal.exists()


def _precondition(check: str, **more: Any) -> dict[str, Any]:
    return {"check": check, "place": "s3://data/in/", **more}


@pytest.mark.parametrize(
    ("precondition", "code", "verdict"),
    [
        (_precondition("S3_NOT_EMPTY", pattern=".*[.]csv"), 3, "FAILED"),
        (_precondition("S3_EMPTY"), 4, "FAILED"),
        (_precondition("S3_NOT_EMPTY", pattern=".*[.]csv", unmet="NO_OP"), 0, "NO_OP"),
        (_precondition("S3_NOT_EMPTY", pattern=".*[.]csv", unmet="NO_OP", exitCode=42), 42, "NO_OP"),
    ],
    ids=["no data", "not empty", "nothing to do", "nothing to do, with a code"],
)
def test_a_precondition_says_what_its_failure_exits_with_and_nothing_is_launched(
    desk: Desk, precondition: dict[str, Any], code: int, verdict: str
) -> None:
    s3 = desk.aws("s3")
    s3.create_bucket(Bucket="data", CreateBucketConfiguration={"LocationConstraint": specs.REGION})
    s3.put_object(Bucket="data", Key="in/part.gz", Body=b"x")
    ended = desk.run(*desk.transient("one", preconditions=[precondition]))
    assert (ended.code, ended.result["exit-code"], ended.result["verdict"]) == (code, code, verdict)
    assert desk.calls() == []


def test_a_failed_step_fails_the_run_and_its_reason_is_the_last_word(desk: Desk) -> None:
    ended = desk.run(*desk.transient("one", "failing", "three"))
    assert (ended.code, ended.result["verdict"]) == (1, "FAILED")
    step = desk.only_cluster["steps"][1]["id"]
    reason = f"step 2/3 'failing' ({step}) failed: Unknown Error. no such table"
    assert reason in ended.result["reason"]
    assert reason in ended.err.splitlines()[-1]
    assert desk.starts() == [("one", 1), ("failing", 1), ("three", 0)]
    assert desk.alive == []


def test_a_cluster_that_has_ended_is_not_usable(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster()
    desk.aws("emr").terminate_job_flows(JobFlowIds=[cluster_id])
    ended = desk.run("run", desk.playbook("one"), "--cluster-id", cluster_id)
    assert (ended.code, ended.result["exit-code"]) == (18, 18)
    assert f"cluster {cluster_id} is TERMINAT" in ended.result["reason"]
    assert desk.calls("AddJobFlowSteps") == []


def test_a_run_whose_steps_cannot_be_told_from_anothers_is_unknown_and_sends_nothing_twice(desk: Desk) -> None:
    cluster_id = desk.somebodys_cluster()
    desk.emulator.put_faults([{"do": "hang", "api": "AddJobFlowSteps", "count": 1, "seconds": 0.5}])
    running = desk.start("run", desk.playbook("one"), "--cluster-id", cluster_id)
    until(lambda: desk.struck() == 1, "the runner's steps")
    jar = {"Jar": "command-runner.jar", "Args": ["true"]}
    same = {"Name": "one", "ActionOnFailure": "CANCEL_AND_WAIT", "HadoopJarStep": jar}
    desk.aws("emr").add_job_flow_steps(JobFlowId=cluster_id, Steps=[same, same])
    ended = running.wait()
    assert (ended.code, ended.result["verdict"]) == (20, "UNKNOWN")
    assert len(desk.calls("AddJobFlowSteps")) == 2  # the runner's lost one, and that of another


@pytest.mark.parametrize("limited", ["step", "run"])
def test_a_time_limit_ends_the_run_and_its_cluster(desk: Desk, limited: str) -> None:
    limit = {"timeout": "1s"}
    endless = specs.step("endless", **(limit if limited == "step" else {}))
    ended = desk.run(*desk.transient(endless, **(limit if limited == "run" else {})))
    assert (ended.code, ended.result["verdict"]) == (21, "TIMED_OUT")
    assert "time limit" in ended.result["reason"]
    assert desk.alive == []
