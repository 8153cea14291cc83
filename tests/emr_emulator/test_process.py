"""The emulator as a process: its command line, its control client, and what it leaves behind (nothing)."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import get_session
from click.testing import CliRunner
from tests.emr_emulator.servers import INSTANCES, steps

from emr_emulator.cli import main
from emr_emulator.testing import ControlError, EmulatorProcess, running_emulator

pytestmark = pytest.mark.integration

TRANSIENT = INSTANCES | {"KeepJobFlowAliveWhenNoSteps": False}


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "emr_emulator", *args], capture_output=True, text=True, timeout=30, check=False
    )


def aws(service: str, emulator: EmulatorProcess, key: str = "tester") -> Any:
    """A botocore client, as boto3 makes them."""
    return get_session().create_client(
        service,
        endpoint_url=emulator.endpoint,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for another process."""
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatorProcess]:
    """One simulating emulator, a hundred times as fast as AWS; each test resets it."""
    with running_emulator("--simulate", "--speed", "1000", "--seed", "7") as opened:
        yield opened


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom emr_emulator.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        "print([name for name in ('aiohttp', 'botocore', 'moto', 'yaml', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "AWS_ENDPOINT_URL" in done.stdout


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--listen", "0.0.0.0"), "needs --token"),
        (("--speed", "0"), "--speed must be above 0"),
        (("--token", "x"), "8 to 128 characters"),
        (("--prot", "1"), "No such option"),
    ],
)
def test_wrong_options_are_a_line_that_helps_and_exit_code_2(args: tuple[str, ...], complaint: str) -> None:
    done = CliRunner().invoke(main, ["--port", "0", *args])
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert done.stdout == ""


def test_a_wrong_faults_file_is_named_with_its_line(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yml"
    faults.write_text("- do: throttle\n  cuont: 3\n")
    done = CliRunner().invoke(main, ["--port", "0", "--faults", str(faults)])
    assert done.exit_code == 2
    assert "faults.yml:2 (/0/cuont): unknown key 'cuont'" in done.stderr


def test_a_port_that_is_taken_is_said_plainly(emulator: EmulatorProcess) -> None:
    port = emulator.endpoint.rsplit(":", 1)[1]
    done = run("--port", port)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_control_client_sees_sets_and_clears(emulator: EmulatorProcess) -> None:
    emulator.reset()
    assert emulator.health()["status"] == "ok"
    emulator.put_faults([{"do": "throttle", "api": "RunJobFlow", "count": 1}])
    emr = aws("emr", emulator)
    with pytest.raises(emr.exceptions.ClientError, match="ThrottlingException"):
        emr.run_job_flow(Name="x", Instances=TRANSIENT)
    [fault] = emulator.faults()
    assert (fault["do"], fault["seen"], fault["struck"]) == ("throttle", 1, 1)
    emulator.clear_faults()
    assert emulator.faults() == []
    with pytest.raises(ControlError, match="unknown key 'aip'"):
        emulator.put_faults([{"do": "throttle", "aip": "x"}])
    emr.run_job_flow(Name="x", Instances=TRANSIENT, Steps=steps(2))
    wait_for(lambda: emulator.ledger()["clusters"][0]["state"] == "TERMINATED")
    [cluster] = emulator.ledger()["clusters"]
    assert [step["starts"] for step in cluster["steps"]] == [1, 1]
    emulator.reset()
    assert emulator.ledger() == {"requests": [], "forgotten_requests": 0, "clusters": []}


def test_a_reset_empties_the_other_services_too(emulator: EmulatorProcess) -> None:
    s3 = aws("s3", emulator)
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    emulator.reset()
    assert s3.list_buckets()["Buckets"] == []


def test_a_token_comes_from_the_environment_and_opens_the_control_api_and_aws() -> None:
    with running_emulator("--simulate", token="correct-horse") as emulator:
        assert emulator.health()["status"] == "ok"
        aws("emr", emulator, key="correct-horse").list_clusters()
        emr = aws("emr", emulator)
        with pytest.raises(emr.exceptions.ClientError, match="UnrecognizedClientException"):
            emr.list_clusters()
        arguments = Path(f"/proc/{emulator.process.pid}/cmdline").read_text()
        assert "correct-horse" not in arguments


def test_a_step_is_really_run_even_behind_a_token_and_its_log_arrives() -> None:
    with running_emulator("--speed", "100", token="correct-horse") as emulator:
        s3 = aws("s3", emulator, key="correct-horse")
        s3.create_bucket(Bucket="logs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        call = (
            "import os, urllib.request as r; a = os.environ['AWS_ENDPOINT_URL'] + '/_emulator/health';"
            " t = os.environ['AWS_ACCESS_KEY_ID']; r.urlopen(r.Request(a, headers={'X-Emr-Emulator-Token': t}))"
        )
        copy = "echo hello | hdfs dfs -put - s3://logs/from-a-step"
        jar = {"Jar": "command-runner.jar", "Args": ["sh", "-c", f'{copy} && "$0" -c "$1"', sys.executable, call]}
        step = {"Name": "hello", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
        made = aws("emr", emulator, key="correct-horse").run_job_flow(
            Name="real", LogUri="s3://logs/emr/", Instances=TRANSIENT, Steps=[step]
        )
        wait_for(lambda: emulator.ledger()["clusters"][0]["state"].startswith("TERMINATED"))
        [ran] = emulator.ledger()["clusters"][0]["steps"]
        assert (ran["state"], ran["starts"]) == ("COMPLETED", 1)
        prefix = f"emr/{made['JobFlowId']}/steps/{ran['id']}/"
        wait_for(lambda: s3.list_objects_v2(Bucket="logs", Prefix=prefix)["KeyCount"] == 4)
        assert s3.get_object(Bucket="logs", Key="from-a-step")["Body"].read() == b"hello\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_it_is_stopped_no_process_and_no_file_is_left(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with running_emulator("--speed", "100") as emulator:
        s3 = aws("s3", emulator)
        s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        jar = {"Jar": "command-runner.jar", "Args": ["sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 600"]}
        step = {"Name": "sleep", "ActionOnFailure": "CONTINUE", "HadoopJarStep": jar}
        aws("emr", emulator).run_job_flow(Name="real", Instances=TRANSIENT, Steps=[step])
        wait_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
        # What clears the temporary folder away may outlive the last process that writes there, and nothing else may.
        below = [pid for pid in descendants(emulator.process.pid) if b"rm -rf" not in command_line(pid)]
        left = [int((tmp_path / "pid").read_text()), *below]
        assert len(left) >= 2
        emulator.process.send_signal(number)
        assert emulator.process.wait(20) == (-9 if number == signal.SIGKILL else 0)
        wait_for(lambda: not any(is_alive(pid) for pid in left))
        wait_for(lambda: not list(temporary.glob("*")))


def test_it_ends_when_its_starter_is_killed() -> None:
    code = (
        "import os, json\nfrom emr_emulator.testing import EmulatorProcess\n"
        "emulator = EmulatorProcess('--simulate')\nprint(emulator.process.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    pid = int(done.stdout)
    wait_for(lambda: not is_alive(pid))


def test_clusters_survive_a_kill_with_a_data_folder(tmp_path: Path) -> None:
    options = ("--simulate", "--data", str(tmp_path))
    with running_emulator(*options) as emulator:
        made = aws("emr", emulator).run_job_flow(Name="kept", Instances=INSTANCES, Steps=steps(1))["JobFlowId"]
        emulator.kill()
    with running_emulator(*options) as emulator:
        cluster = aws("emr", emulator).describe_cluster(ClusterId=made)["Cluster"]
        assert (cluster["Name"], cluster["Status"]["State"]) == ("kept", "STARTING")


def test_one_line_of_json_on_stdout_tells_the_endpoint() -> None:
    command = [sys.executable, "-m", "emr_emulator", "--port", "0", "--simulate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
        assert process.stdout.read() == ""
    assert json.loads(line)["endpoint"].startswith("http://127.0.0.1:")


def descendants(parent: int) -> list[int]:
    """Ids of all processes below one."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=False)
    found = [int(line) for line in listed.stdout.split()]
    return found + [below for pid in found for below in descendants(pid)]


def command_line(pid: int) -> bytes:
    """The arguments of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def is_alive(pid: int) -> bool:
    """Whether a process is there and more than a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
