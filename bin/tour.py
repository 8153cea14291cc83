"""What bin/try shows: events in S3, a cluster that is made for one playbook, and what its steps leave behind."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3

from emr_emulator.testing import running_emulator

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "transform"
REGION = "eu-central-1"
BUCKET = "demo"
EVENTS = 400
FILES = 8


def main() -> int:
    """Run the tour; the exit code of the playbook."""
    began = time.monotonic()
    with running_emulator("--log-lag", "0") as emulator, tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": emulator.endpoint,
            "AWS_ACCESS_KEY_ID": "emulator",
            "AWS_SECRET_ACCESS_KEY": "emulator",
            "DATAFLOW_RUNNER_JOURNAL": f"sqlite:{folder}/journal.db",
        }
        say(f"emr-emulator is this machine's EMR and S3, at {emulator.endpoint}")
        s3 = boto3.client(
            "s3",
            region_name=REGION,
            endpoint_url=emulator.endpoint,
            aws_access_key_id="emulator",
            aws_secret_access_key="emulator",  # noqa: S106 - the emulator takes any
        )
        put_events(s3)
        exit_code = run_playbook(environment)
        if exit_code == 0:
            show(s3)
        clusters = emulator.ledger()["clusters"]
    say(f"{len(clusters)} cluster was made, and it is gone; nothing is left ({time.monotonic() - began:.0f} s)")
    return exit_code


def put_events(s3: Any) -> None:
    """Enriched events as a stream job leaves them, and the transform script."""
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    draw = random.Random(1)  # noqa: S311 - the same events every time
    for number in range(FILES):
        lines = "".join(event(draw) for _ in range(EVENTS // FILES))
        s3.put_object(Bucket=BUCKET, Key=f"enriched/sink/part-{number:05}.gz", Body=gzip.compress(lines.encode()))
    s3.upload_file(str(EXAMPLE / "transform.py"), BUCKET, "scripts/transform.py")
    say(f"{EVENTS} enriched events in {FILES} gzipped files are in s3://{BUCKET}/enriched/sink/")


def event(draw: random.Random) -> str:
    """One enriched event: 131 tab-separated columns, of which a few are filled. One in fifty is broken."""
    columns = [""] * 131
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw.randrange(86_400))
    columns[0], columns[1] = "shop", draw.choice(["web", "mob"])
    columns[3] = f"{moment:%Y-%m-%d %H:%M:%S}.000"
    columns[5] = draw.choice(["page_view", "page_ping", "struct"])
    columns[6] = str(uuid.UUID(int=draw.getrandbits(128)))
    columns[12] = f"user-{draw.randrange(40)}"
    return "\t".join(columns if draw.randrange(50) else columns[:17]) + "\n"


def run_playbook(environment: dict[str, str]) -> int:
    """The command that a user would give."""
    command = [str(Path(sys.executable).with_name("dataflow-runner")), "run-transient"]
    command += ["--emr-config", str(EXAMPLE / "cluster.json"), "--emr-playbook", str(EXAMPLE / "playbook.json")]
    command += ["--vars", f"bucket,{BUCKET},region,{REGION},subnet,subnet-1", "--poll-interval", "1s"]
    command += ["--log-failed-steps"]
    shown = " ".join(["dataflow-runner", *command[1:]]).replace(f"{ROOT}/", "")
    say(f"$ {shown}")
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own program


def show(s3: Any) -> None:
    """What is in S3 now."""
    for prefix in ("enriched/sink/", "enriched/archive/", "transformed/"):
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        say(f"s3://{BUCKET}/{prefix}: {len(found)} objects")
        for item in found if prefix == "transformed/" else ():
            body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            lines = gzip.decompress(body).decode().splitlines()
            print(f"   {item['Key'].removeprefix(prefix)}: {len(lines)} lines, the first {lines[0][:70]} ...")


def say(text: str) -> None:
    """A line of the tour's own."""
    print(f"-- {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
