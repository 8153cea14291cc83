"""Steps as processes: what they see, how they end, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.emr_emulator.s3_server import get, make_bucket, put, s3_server, tree

from emr_emulator.commands import Workplace, step_argv
from emr_emulator.environment import Surroundings, build_environment, install_tools
from emr_emulator.execute import LocalExecutor
from emr_emulator.storage import Storage
from emr_emulator.work import BootstrapWork, Outcome, Premises, StepWork

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as url:
        yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    executor: LocalExecutor
    storage: Storage
    bucket: str
    hdfs: Path

    def step(self, *arguments: str, jar: str = "command-runner.jar") -> StepWork:
        return StepWork(
            cluster_id="j-1",
            step_id=f"s-{uuid4().hex[:13].upper()}",
            name="a step",
            jar=jar,
            main_class=None,
            arguments=arguments,
            properties={},
            log_uri=f"{self.bucket}/logs",
            release_label="emr-7.0.0",
        )

    async def run(self, *arguments: str, jar: str = "command-runner.jar") -> tuple[Outcome, dict[str, str]]:
        work = self.step(*arguments, jar=jar)
        outcome = await self.executor.run_step(work)
        return outcome, await self.logs(work)

    async def logs(self, work: StepWork) -> dict[str, str]:
        found = await tree(self.storage, f"{self.bucket}/logs/{work.cluster_id}/steps/{work.step_id}")
        return {name.removesuffix(".gz"): gzip.decompress(content).decode() for name, content in found.items()}


@pytest.fixture
async def bench(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-users-own")
    monkeypatch.setenv("MY_TOKEN", "the-users-own")
    name = f"b-{uuid4().hex}"
    make_bucket(endpoint, name)
    premises = Premises(
        endpoint=endpoint, access_key="the-door-key", hdfs=tmp_path / "hdfs", folder=tmp_path / "work", log_lag=0
    )
    executor = LocalExecutor(premises, grace=0.3)
    async with Storage(endpoint=endpoint, hdfs=tmp_path / "hdfs" / "j-1") as storage:
        yield Bench(executor=executor, storage=storage, bucket=f"s3://{name}", hdfs=tmp_path / "hdfs" / "j-1")
    await executor.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie that init hasn't collected yet doesn't)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {b"Z", b"X"}


async def test_a_program_that_ends_with_zero_has_succeeded_and_its_logs_are_shipped(bench: Bench) -> None:
    outcome, logs = await bench.run("bash", "-c", "echo out; echo err >&2")
    assert outcome == Outcome(succeeded=True, reason="", message="", log_file=None)
    assert set(logs) == {"controller", "syslog", "stdout", "stderr"}
    assert (logs["stdout"], logs["stderr"]) == ("out\n", "err\n")
    assert "Step succeeded with exitCode 0" in logs["controller"]


async def test_a_failure_tells_exit_code_last_error_line_and_log_file(bench: Bench) -> None:
    work = bench.step("bash", "-c", "echo first >&2; echo 'no such table' >&2; echo >&2; exit 3")
    outcome = await bench.executor.run_step(work)
    assert outcome == Outcome(
        succeeded=False,
        reason="Unknown Error.",
        message="exit status 3: no such table",
        log_file=f"{bench.bucket}/logs/j-1/steps/{work.step_id}/stderr.gz",
    )


async def test_a_program_that_is_killed_has_failed(bench: Bench) -> None:
    outcome, _ = await bench.run("bash", "-c", "kill -9 $$")
    assert outcome.message == "exit status 137"


async def test_arguments_reach_the_program_as_they_are(bench: Bench) -> None:
    _, logs = await bench.run("printf", "[%s]", "a b", "$HOME", "*", "hdfs:///x", "${VAR}")
    assert logs["stdout"] == "[a b][$HOME][*][hdfs:///x][${VAR}]"


async def test_a_step_sees_emrs_environment_and_none_of_the_users_secrets(bench: Bench) -> None:
    work = bench.step("env")
    await bench.executor.run_step(work)
    text = (await bench.logs(work))["stdout"]
    seen = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    assert (seen["EMR_STEP_ID"], seen["EMR_CLUSTER_ID"]) == (work.step_id, "j-1")
    assert seen["EMR_EMULATOR_HDFS"] == str(bench.hdfs)
    assert seen["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert seen["AWS_ACCESS_KEY_ID"] == "the-door-key"
    assert "the-users-own" not in text


def test_only_listed_variables_are_inherited(tmp_path: Path) -> None:
    around = Surroundings(
        cluster_id="j",
        step_id=None,
        release_label="",
        endpoint="http://127.0.0.1:1",
        access_key="key",
        region="eu-west-1",
        hdfs=tmp_path,
        home=tmp_path,
        tools=tmp_path / "bin",
        logs=tmp_path,
    )
    found = build_environment(around, {"PATH": "/p", "AWS_PROFILE": "mine", "SSH_AUTH_SOCK": "s", "LANG": "C"})
    assert (found["PATH"], found["LANG"]) == (f"{tmp_path}/bin:/p", "C")
    assert not {"AWS_PROFILE", "SSH_AUTH_SOCK", "EMR_STEP_ID"} & set(found)


@pytest.mark.parametrize(
    ("jar", "arguments", "reason", "message"),
    [
        ("command-runner.jar", ("no-such-program", "x"), "Unknown Error.", 'Cannot run program "no-such-program"'),
        ("command-runner.jar", (), "Unknown Error.", "needs a program"),
        ("script-runner.jar", (), "Unknown Error.", "needs the location of a script"),
        ("s3://e/script-runner.jar", ("s3://no-such-bucket/x.sh",), "Error fetching script.", "NoSuchBucket"),
        ("script-runner.jar", ("/no/such/script.sh",), "Error fetching script.", "no such script"),
        ("script-runner.jar", ("http://example.com/x.sh",), "Error fetching script.", "unknown scheme 'http'"),
    ],
)
async def test_what_can_not_be_started_fails_with_the_reason_in_its_logs(
    bench: Bench, jar: str, arguments: tuple[str, ...], reason: str, message: str
) -> None:
    outcome, logs = await bench.run(*arguments, jar=jar)
    assert (outcome.succeeded, outcome.reason) == (False, reason)
    assert message in outcome.message
    assert message in logs["stderr"]
    assert "was not started" in logs["controller"]


async def test_spark_and_java_name_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install Spark" in (await bench.run("spark-submit", "--class", "C"))[0].message
    assert "install a Java runtime" in (await bench.run(jar="s3://b/my.jar"))[0].message


async def test_a_jar_is_fetched_and_handed_to_java(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A java of the test's own prints what it is given: the machine may have none."""
    java = tmp_path / "java"
    java.write_text('#!/bin/sh\nfor word; do echo "$word"; done; test -f "$3" && echo found\n')
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    await put(bench.storage, {f"{bench.bucket}/lib/my.jar": b"PK"})
    work = replace(
        bench.step("a", jar=f"{bench.bucket}/lib/my.jar"), properties={"k": "v"}, main_class="com.example.Main"
    )
    assert (await bench.executor.run_step(work)).succeeded
    words = (await bench.logs(work))["stdout"].splitlines()
    assert words[:2] == ["-Dk=v", "-cp"]
    assert words[2].endswith("/my.jar")
    assert words[3:] == ["com.example.Main", "a", "found"]


@pytest.mark.parametrize("first_line", ["#!/bin/bash\n", ""])
async def test_a_script_from_s3_is_run_with_its_arguments(bench: Bench, first_line: str) -> None:
    await put(bench.storage, {f"{bench.bucket}/x.sh": f'{first_line}echo "$1-$2"\n'.encode()})
    jar = "s3://eu-west-1.elasticmapreduce/libs/script-runner/script-runner.jar"
    outcome, logs = await bench.run(f"{bench.bucket}/x.sh", "a b", "c", jar=jar)
    assert outcome.succeeded
    assert logs["stdout"] == "a b-c\n"


@pytest.mark.parametrize(
    ("jar", "leading"),
    [
        ("command-runner.jar", ("bash", "-c", 's3-dist-cp "$@"', "bash")),
        ("/usr/share/aws/emr/s3-dist-cp/lib/s3-dist-cp.jar", ()),
    ],
)
async def test_s3_dist_cp_is_reached_in_every_way_that_playbooks_name_it(
    bench: Bench, jar: str, leading: tuple[str, ...]
) -> None:
    await put(bench.storage, {f"{bench.bucket}/in/a": b"1"})
    outcome, logs = await bench.run(*leading, "--src", f"{bench.bucket}/in", "--dest", "hdfs:///out", jar=jar)
    assert outcome.succeeded, logs
    assert await tree(bench.storage, "hdfs:///out") == {"a": b"1"}
    assert "Copied 1 files" in logs["syslog"]


@pytest.mark.parametrize(
    ("jar", "leading"),
    [
        ("command-runner.jar", ("s3-dist-cp",)),
        ("command-runner.jar", ("/usr/bin/s3-dist-cp",)),
        ("/var/lib/aws/emr/step-runner/hadoop-jars/command-runner.jar", ("s3-dist-cp",)),
        ("/home/hadoop/lib/emr-s3distcp-1.0.jar", ()),
        ("s3://elasticmapreduce/libs/s3distcp/s3-dist-cp.jar", ()),
    ],
)
async def test_every_name_of_s3_dist_cp_means_the_same_tool(
    bench: Bench, tmp_path: Path, jar: str, leading: tuple[str, ...]
) -> None:
    install_tools(tmp_path / "bin")
    place = Workplace(storage=bench.storage, hdfs=tmp_path, folder=tmp_path, path=str(tmp_path / "bin"))
    argv = await step_argv(bench.step(*leading, "--src=/a", jar=jar), place)
    assert argv == (str(tmp_path / "bin" / "s3-dist-cp"), "--src=/a")


async def test_a_failed_s3_dist_cp_gives_its_cause_as_the_message(bench: Bench) -> None:
    outcome, _ = await bench.run("s3-dist-cp", "--src", "/nothing", "--dest", f"{bench.bucket}/out")
    assert outcome.message.startswith("exit status 1: s3-dist-cp: Input path does not exist")


async def test_clusters_do_not_see_each_others_hdfs_but_their_own_steps_share_it(bench: Bench) -> None:
    """A new cluster begins with an empty HDFS, as on AWS."""
    await bench.run("bash", "-c", "echo 1 > $EMR_EMULATOR_HDFS/f")
    assert (await bench.run("hadoop", "fs", "-test", "-e", "/f"))[0].succeeded
    other = replace(bench.step("hadoop", "fs", "-test", "-e", "/f"), cluster_id="j-2")
    assert not (await bench.executor.run_step(other)).succeeded


async def test_a_bootstrap_action_runs_and_its_logs_are_below_the_instance(bench: Bench) -> None:
    await put(bench.storage, {f"{bench.bucket}/boot.sh": b'#!/bin/sh\necho "$@"; exit $1\n'})
    work = BootstrapWork(
        cluster_id="j-1",
        number=1,
        name="boot",
        path=f"{bench.bucket}/boot.sh",
        arguments=("0",),
        log_uri=f"{bench.bucket}/logs",
        instance_id="i-1",
    )
    assert (await bench.executor.run_bootstrap(work)).succeeded
    found = await tree(bench.storage, f"{bench.bucket}/logs/j-1/node/i-1/bootstrap-actions/1")
    assert set(found) == {"controller.gz", "stdout.gz", "stderr.gz"}
    failed = await bench.executor.run_bootstrap(replace(work, number=2, arguments=("4",)))
    assert failed.message == "On the master instance (i-1), bootstrap action 2 returned a non-zero return code"
    missing = await bench.executor.run_bootstrap(replace(work, path=f"{bench.bucket}/nothing"))
    assert missing.message.startswith(
        "Master instance (i-1) failed attempting to download bootstrap action 1 file from S3"
    )


_FORKS = """
import os, signal, subprocess, sys, time
ignore = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", ignore])
away = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
folder = sys.argv[1]
open(os.path.join(folder, "pids.tmp"), "w").write(f"{os.getpid()} {child.pid} {away.pid}")
os.rename(os.path.join(folder, "pids.tmp"), os.path.join(folder, "pids"))
print("started", flush=True)
time.sleep(float(sys.argv[2]))
"""


async def forked(tmp_path: Path) -> list[int]:
    await until((tmp_path / "pids").exists)
    return [int(word) for word in (tmp_path / "pids").read_text().split()]


@pytest.fixture(autouse=True)
def leave_nothing_behind(tmp_path: Path) -> Iterator[None]:
    """End, by its id, what a failing test of _FORKS would leave on the machine for ten minutes."""
    yield
    pids = tmp_path / "pids"
    for pid in map(int, pids.read_text().split()) if pids.exists() else ():
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


async def test_cancelling_ends_the_whole_tree_and_ships_the_logs(bench: Bench, tmp_path: Path) -> None:
    """One grandchild ignores SIGTERM, the other left the process group: neither survives."""
    work = bench.step(sys.executable, "-c", _FORKS, str(tmp_path), "600")
    running = asyncio.create_task(bench.executor.run_step(work))
    pids = await forked(tmp_path)
    assert all(alive(pid) for pid in pids)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [pid for pid in pids if alive(pid)]
    logs = await bench.logs(work)
    assert logs["stdout"] == "started\n"
    assert "Step failed with exitCode 143" in logs["controller"]


async def test_a_cancelled_step_is_no_failure_that_nobody_asked_for(
    bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    work = bench.step("bash", "-c", f"touch {tmp_path}/started; exec sleep 600")

    async def cancel_it() -> None:
        running = asyncio.create_task(bench.executor.run_step(work))
        await until((tmp_path / "started").exists)
        running.cancel()
        await asyncio.wait([running])

    await cancel_it()
    gc.collect()  # asyncio complains when the task is collected
    assert not [record for record in caplog.records if record.name == "asyncio"]


async def test_a_program_that_ends_leaves_nothing_running(bench: Bench, tmp_path: Path) -> None:
    outcome, _ = await bench.run(sys.executable, "-c", _FORKS, str(tmp_path), "0")
    assert outcome.succeeded
    assert not [pid for pid in await forked(tmp_path) if alive(pid)]


async def test_closing_the_executor_ends_its_steps(bench: Bench, tmp_path: Path) -> None:
    running = asyncio.create_task(
        bench.executor.run_step(bench.step(sys.executable, "-c", _FORKS, str(tmp_path), "600"))
    )
    pids = await forked(tmp_path)
    await bench.executor.close()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [pid for pid in pids if alive(pid)]


async def test_steps_run_side_by_side(bench: Bench, tmp_path: Path) -> None:
    """Each waits for what the other one makes."""
    script = 'touch "$1"; for _ in $(seq 500); do test -e "$2" && exit 0; sleep 0.02; done; exit 1'
    names = (str(tmp_path / "a"), str(tmp_path / "b"))
    outcomes = await asyncio.gather(
        bench.run("bash", "-c", script, "bash", *names), bench.run("bash", "-c", script, "bash", *reversed(names))
    )
    assert [outcome.succeeded for outcome, _ in outcomes] == [True, True]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
async def test_steps_die_with_an_emulator_that_is_killed(tmp_path: Path) -> None:
    """kill -9 leaves no time to clean up: the closing pipe has to do it."""
    host = textwrap.dedent(f"""
        import asyncio, sys
        from pathlib import Path
        from emr_emulator.execute import LocalExecutor
        from emr_emulator.work import Premises, StepWork
        work = StepWork(cluster_id="j", step_id="s", name="n", jar="command-runner.jar", main_class=None,
            arguments=(sys.executable, "-c", {_FORKS!r}, {str(tmp_path)!r}, "600"), properties={{}}, log_uri=None,
            release_label="")
        folder = Path({str(tmp_path)!r})
        premises = Premises(
            endpoint="http://127.0.0.1:9", access_key="key", hdfs=folder, folder=folder / "work", log_lag=0
        )
        asyncio.run(LocalExecutor(premises, grace=0.2).run_step(work))
    """)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "TMPDIR": str(tmp_path),
    }
    emulator = await asyncio.create_subprocess_exec(sys.executable, "-c", host, env=environment)
    try:
        pids = await forked(tmp_path)
    finally:
        with contextlib.suppress(ProcessLookupError):
            emulator.send_signal(signal.SIGKILL)
        await emulator.wait()
    await until(lambda: not [pid for pid in pids if alive(pid)])


async def test_sigterm_lets_s3_dist_cp_take_back_what_it_had_begun(bench: Bench, endpoint: str, tmp_path: Path) -> None:
    """The source is a pipe that nobody closes, so the copy is under way when the signal comes."""
    source = tmp_path / "source"
    source.mkdir()
    os.mkfifo(source / "endless")
    environment = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "AWS_ENDPOINT_URL": endpoint,
        "EMR_EMULATOR_HDFS": str(bench.hdfs),
    }
    program = (sys.executable, "-m", "emr_emulator.s3distcp", "--src", f"file://{source}", "--dest", "/out")
    copy = await asyncio.create_subprocess_exec(*program, env=environment, stderr=subprocess.DEVNULL)
    with (source / "endless").open("wb") as pipe:  # opens as soon as the copy reads
        pipe.write(b"x" * 4096)
        pipe.flush()
        await until(lambda: any(bench.hdfs.glob("out/.*._COPYING_")))
        copy.terminate()
    assert await copy.wait() == 143
    assert await tree(bench.storage, "hdfs:///out") == {}
    assert not any(bench.hdfs.glob("out/.*"))


async def test_get_reads_what_a_step_wrote(bench: Bench) -> None:
    await bench.run("bash", "-c", "echo data | hdfs dfs -put - s3://" + bench.bucket.removeprefix("s3://") + "/f")
    assert await get(bench.storage, f"{bench.bucket}/f") == b"data\n"
