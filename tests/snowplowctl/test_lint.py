from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "transform"
VARIABLES = ("--vars", "bucket,my-bucket,region,eu-west-1,subnet,subnet-1")


def lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from snowplowctl.cli import main; main()", "lint", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_clean_files_exit_with_0_and_print_nothing() -> None:
    done = lint("--cluster", str(EXAMPLE / "cluster.json"), "--playbook", str(EXAMPLE / "playbook.json"), *VARIABLES)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_file_of_the_wrong_kind_is_a_finding_with_its_place() -> None:
    path = str(EXAMPLE / "cluster.json")
    done = lint("--playbook", path, *VARIABLES)
    assert done.returncode == 1
    assert done.stdout.startswith(f"{path}:2:13: error wrong-schema /schema: ")


def test_json_has_the_same_shape_when_clean() -> None:
    clean = json.loads(lint("--cluster", str(EXAMPLE / "cluster.json"), *VARIABLES, "--format", "json").stdout)
    broken = json.loads(lint("--cluster", "no-such-file.json", "--format", "json").stdout)
    assert clean == {"findings": []}
    assert [finding["rule"] for finding in broken["findings"]] == ["missing-file"]


def test_a_rule_can_be_skipped_and_warnings_be_let_pass(tmp_path: Path) -> None:
    spec = json.loads((EXAMPLE / "cluster.json").read_text())
    spec["data"]["fabric"]["emr"]["credentials"] = {
        "accessKeyId": "AKIDEXAMPLE",
        "secretAccessKey": "not-a-real-secret",
    }
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(spec))
    loud = lint("--cluster", str(path), *VARIABLES)
    assert loud.returncode == 1
    assert "not-a-real-secret" not in loud.stdout + loud.stderr
    rules = {line.split()[2] for line in loud.stdout.splitlines()}
    assert lint("--cluster", str(path), *VARIABLES, "--fail-on", "error").returncode == 0
    skips = [part for rule in rules for part in ("--skip", rule)]
    assert lint("--cluster", str(path), *VARIABLES, *skips).returncode == 0


def test_nothing_to_check_and_odd_variables_exit_with_2() -> None:
    assert lint().returncode == 2
    done = lint("--cluster", "x.json", "--vars", "a,b,c")
    assert done.returncode == 2
    assert "--vars takes pairs" in done.stderr
