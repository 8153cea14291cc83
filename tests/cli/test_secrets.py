"""Secrets in specs are used, and seen nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli import specs
from tests.cli.desk import Desk

pytestmark = pytest.mark.integration

OF_STORE, OF_ENVIRONMENT, OF_KEY = "store-pa55word", "environment-pa55word", "static-pa55word"
SECRETS = (OF_STORE, OF_ENVIRONMENT, OF_KEY)
KEYS = {"accessKeyId": "AKIDSTATIC", "secretAccessKey": OF_KEY}


def _journal_bytes(desk: Desk) -> bytes:
    return b"".join(path.read_bytes() for path in desk.folder.glob("journal.db*") if path.is_file())


def test_secrets_are_in_no_output_no_journal_and_no_command_line(desk: Desk) -> None:
    desk.aws("secretsmanager").create_secret(Name="db", SecretString=OF_STORE)
    cluster = desk.cluster(credentials=KEYS)
    leaky = specs.step("endless", "load", "--password", "{{secret `db`}}", "--token", "{{systemEnv `TOKEN`}}")
    playbook = desk.playbook(leaky)
    arguments = ("--log-level", "debug", "run", playbook, "--cluster-spec", cluster)
    running = desk.start(*arguments, TOKEN=OF_ENVIRONMENT)
    desk.wait_for_step("endless")
    process = Path(f"/proc/{running.process.pid}")
    if process.exists():
        assert not any(secret.encode() in (process / "cmdline").read_bytes() for secret in SECRETS)
        assert (process / "task" / str(running.process.pid) / "children").read_text() == ""
    running.kill()
    again = desk.run("runs", "cancel", desk.run_id, TOKEN=OF_ENVIRONMENT)
    shown = [desk.run("runs", "show", desk.run_id, "--json"), desk.run("runs", "list")]
    text = "\n".join(each.out + each.err for each in (again, *shown)) + running.out + running.err
    leaks = [secret for secret in SECRETS if secret in text or secret.encode() in _journal_bytes(desk)]
    assert leaks == []
    [args] = [step["Config"]["Args"] for step in _steps(desk)]
    assert args == ["load", "--password", OF_STORE, "--token", OF_ENVIRONMENT]


def _steps(desk: Desk) -> list[specs.Document]:
    return list(desk.aws("emr").list_steps(ClusterId=desk.only_cluster["id"])["Steps"])


def test_rendering_masks_secrets_unless_they_are_asked_for(desk: Desk) -> None:
    desk.aws("secretsmanager").create_secret(Name="db", SecretString=OF_STORE)
    playbook = desk.playbook(specs.step("one", "{{secret `db`}}"))
    masked = desk.run("render", playbook)
    assert (masked.code, OF_STORE in masked.out) == (0, False)
    shown = desk.run("render", playbook, "--show-secrets")
    assert (shown.code, OF_STORE in shown.out) == (0, True)


def test_a_missing_secret_is_a_wrong_configuration(desk: Desk) -> None:
    ended = desk.run(*desk.transient(specs.step("one", "{{secret `nobody/knows`}}")))
    assert (ended.code, ended.out) == (2, "")
    assert "nobody/knows" in ended.err
    assert desk.calls() == []
