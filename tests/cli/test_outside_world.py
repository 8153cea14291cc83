"""What comes from elsewhere, secrets and escape sequences say, and what is missing: streams, folders, drivers."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest
from tests.cli import specs
from tests.cli.desk import Desk
from tests.cli.program import PROGRAM

pytestmark = pytest.mark.integration

SECRET = "store-pa55word"


def leaky(workbench: Desk, **more: object) -> tuple[str, ...]:
    """A run whose step quotes a secret in its error, which EMR hands on."""
    workbench.aws("secretsmanager").create_secret(Name="db", SecretString=SECRET)
    workbench.aws("s3").create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": specs.REGION})
    tells = specs.step("leaky", "bash", "-c", "echo used $0 >&2; exit 1", "{{secret `db`}}")
    return ("run", workbench.playbook(tells, **more), "--cluster-spec", workbench.cluster(logUri="s3://logs/emr/"))


def test_a_secret_in_a_steps_error_is_masked_wherever_it_is_told_or_kept(workbench: Desk) -> None:
    ended = workbench.run(*leaky(workbench, onFailure={"action": "KEEP"}))
    assert ended.code == 1
    kept = b"".join(path.read_bytes() for path in workbench.folder.glob("journal.db*") if path.is_file())
    places = {
        "stdout": ended.out,
        "stderr": ended.err,
        "journal": kept.decode(errors="replace"),
        "runs show": workbench.run("runs", "show", workbench.run_id, "--json").out,
        "tags": str(workbench.only_cluster["tags"]),
    }
    assert [place for place, text in places.items() if SECRET in text] == []
    assert "used ****" in ended.result["reason"]


def test_a_secret_in_a_log_that_is_read_again_is_masked(workbench: Desk) -> None:
    assert workbench.run(*leaky(workbench)).code == 1
    logs = workbench.run("runs", "logs", workbench.run_id)
    assert (logs.code, "used ****" in logs.out, SECRET in logs.out) == (0, True, False)


def test_a_run_whose_driver_was_killed_says_that_nobody_drives_it(desk: Desk) -> None:
    running = desk.start(*desk.transient("endless"))
    desk.wait_for_step("endless")
    running.kill()
    assert desk.run("runs", "show", desk.run_id, "--json").result["driven"] is False
    assert f"runs resume {desk.run_id}" in desk.run("runs", "show", desk.run_id).out
    watched = desk.run("runs", "watch", desk.run_id)
    assert (watched.code, f"runs resume {desk.run_id}" in watched.err) == (20, True)


def test_the_line_to_go_on_with_works_as_it_is_printed(desk: Desk) -> None:
    journal = f"sqlite:{desk.folder / 'other.db'}"
    running = desk.start(*desk.transient("endless"), "--journal", journal)
    desk.wait_for_step("endless")
    running.signal(signal.SIGINT)
    _, _, command = running.wait().err.splitlines()[-1].partition("Go on with: dataflow-runner ")
    desk.start(*command.split()).says(f" in {journal}")


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_a_program_without_stdin_or_stderr_runs_all_the_same(desk: Desk, closed: str) -> None:
    ended = desk.start(*desk.transient("one"), prefix=("sh", "-c", f'exec "$@" {closed}', "sh")).wait()
    assert (ended.code, desk.starts()) == (0, [("one", 1)])


def test_an_endpoint_that_is_no_address_is_a_wrong_configuration(desk: Desk) -> None:
    ended = desk.run(*desk.transient("one"), AWS_ENDPOINT_URL="localhost")
    assert (ended.code, "Traceback" in ended.err) == (2, False)


def test_text_from_elsewhere_never_controls_the_terminal(desk: Desk) -> None:
    ours, theirs = pty.openpty()
    fault = {"do": "error", "api": "RunJobFlow", "status": 400, "code": "ValidationException"}
    desk.emulator.put_faults([fault | {"message": "\x1b]0;owned\x07"}])
    shown = b""
    command = [str(PROGRAM), *map(str, desk.transient("one"))]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=desk.program.environment):
        os.close(theirs)
        try:
            while data := os.read(ours, 65536):
                shown += data
        except OSError:  # how Linux tells the end of a terminal
            os.close(ours)
    assert b"\\x1b]0;owned" in shown
    assert b"\x1b]0;owned" not in shown


def test_a_lock_that_can_never_be_taken_is_a_wrong_command_line(desk: Desk) -> None:
    ended = desk.run(*desk.transient("one"), "--lock", "nowhere/lock")
    assert (ended.code, desk.calls()) == (2, [])


def test_a_cluster_that_ends_plainly_with_a_failed_step_is_a_failure_that_names_the_step(desk: Desk) -> None:
    """EMR can report a cluster with a failed step as TERMINATED with an empty reason."""
    desk.emulator.put_faults([{"do": "terminated-plain"}])
    ended = desk.run(*desk.transient("one", "failing"))
    assert ended.code == 1
    assert "step 2/2 'failing'" in ended.result["reason"]


def test_what_is_wrong_with_a_spec_is_told_before_its_secrets_are_asked_for(desk: Desk) -> None:
    asks = specs.step("one", "echo", "{{secret `db`}}", retries=3)
    ended = desk.run(*desk.transient(asks), AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert (ended.code, "retries" in ended.err) == (2, True)
