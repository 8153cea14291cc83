"""The logs of steps that really ran and failed: shown as they arrive, to a deadline, and never in the way."""

from __future__ import annotations

import pytest
from tests.cli import specs
from tests.cli.desk import Desk

pytestmark = pytest.mark.integration

LOUD = specs.step("loud", "bash", "-c", "echo the result; echo the cause >&2; echo the trouble >&2; exit 3")


def _command(desk: Desk) -> tuple[str, ...]:
    desk.aws("s3").create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": specs.REGION})
    cluster = desk.cluster(logUri="s3://logs/emr/")
    return (
        "run-transient",
        "--emr-config",
        cluster,
        "--emr-playbook",
        desk.playbook("one", LOUD),
        "--log-failed-steps",
    )


def test_logs_that_arrive_late_are_waited_for_and_can_be_read_again(workbench: Desk) -> None:
    command = _command(workbench)
    workbench.emulator.put_faults([{"do": "log-lag", "step": "loud", "seconds": 0.5}])
    ended = workbench.run(*command, "--log-deadline", "20s")
    assert ended.code == 1
    assert "failed" in ended.result["reason"]
    assert "the cause" not in ended.out
    shown = {line["log"]: line["text"] for line in ended.lines if "log" in line}
    assert (shown["stdout"].strip(), shown["stderr"].strip()) == ("the result", "the cause\nthe trouble")
    assert "controller" in shown
    again = workbench.run("runs", "logs", workbench.run_id)
    assert (again.code, "the cause" in again.out) == (0, True)
    of_first = workbench.run("runs", "logs", workbench.run_id, "--step", "1")
    assert (of_first.code, "the cause" in of_first.out) == (0, False)


def test_logs_that_never_arrive_hide_nothing_of_the_failure(workbench: Desk) -> None:
    command = _command(workbench)
    workbench.emulator.put_faults([{"do": "log-loss"}])
    ended = workbench.run(*command, "--log-deadline", "500ms")
    step = workbench.only_cluster["steps"][1]["id"]
    assert (ended.code, ended.result["verdict"]) == (1, "FAILED")
    assert f"step 2/2 'loud' ({step}) failed" in ended.result["reason"]
    assert workbench.alive == []
    assert workbench.run("runs", "logs", workbench.run_id).code == 1


def test_people_see_a_log_with_its_lines_as_they_are(workbench: Desk) -> None:
    ended = workbench.run(*_command(workbench), "--log-format", "console")
    assert ended.code == 1
    assert "\nthe cause\nthe trouble\n" in ended.err
