"""Everything beside EMR goes to moto, unchanged, through the same endpoint."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.emr_emulator.servers import client, launch, simulated, steps, until

from emr_emulator.compose import Emulator

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

# moto looks at who signed, not at the signature; what nobody signed may read public objects only.
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20240101/eu-west-1/s3/aws4_request, Signature=0"}
BUCKET = {"Bucket": "data", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emulator() -> AsyncIterator[Emulator]:
    """One emulator, and so one moto, for all of these tests."""
    from emr_emulator.clock import WallClock

    async with simulated(clock=WallClock()) as opened:
        async with client(opened.endpoint, "s3") as s3:
            await s3.create_bucket(**BUCKET)
        yield opened


async def test_an_objects_bytes_headers_and_key_pass_through_as_they_are(emulator: Emulator) -> None:
    body = os.urandom(3 * 1024 * 1024)
    key = "a folder/ä+b%2F=c.gz"
    async with client(emulator.endpoint, "s3") as s3:
        put = await s3.put_object(
            Bucket="data", Key=key, Body=body, ContentEncoding="gzip", ContentType="text/x", Metadata={"who": "me"}
        )
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        got = await s3.get_object(Bucket="data", Key=key)
        assert (got["ContentEncoding"], got["ContentType"], got["Metadata"]) == ("gzip", "text/x", {"who": "me"})
        assert await got["Body"].read() == body
        head = await s3.head_object(Bucket="data", Key=key)
        assert head["ContentLength"] == len(body)
        part = await s3.get_object(Bucket="data", Key=key, Range="bytes=5-9")
        assert (await part["Body"].read(), part["ResponseMetadata"]["HTTPStatusCode"]) == (body[5:10], 206)
        listed = await s3.list_objects_v2(Bucket="data", Prefix="a folder/")
        assert [entry["Key"] for entry in listed["Contents"]] == [key]
        with pytest.raises(s3.exceptions.NoSuchKey):
            await s3.get_object(Bucket="data", Key="never")


async def test_uploads_in_parts_and_uploads_in_signed_chunks_work(emulator: Emulator) -> None:
    async with client(emulator.endpoint, "s3", request_checksum_calculation="when_supported") as s3:
        upload = await s3.create_multipart_upload(Bucket="data", Key="parts")
        sizes = [5 * 1024 * 1024, 10]
        parts = []
        for number, size in enumerate(sizes, 1):
            part = await s3.upload_part(
                Bucket="data", Key="parts", UploadId=upload["UploadId"], PartNumber=number, Body=b"x" * size
            )
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
        done = {"Parts": parts}
        await s3.complete_multipart_upload(
            Bucket="data", Key="parts", UploadId=upload["UploadId"], MultipartUpload=done
        )
        assert (await s3.head_object(Bucket="data", Key="parts"))["ContentLength"] == sum(sizes)
    framed = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    headers = {
        "Content-Encoding": "aws-chunked",
        "X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "X-Amz-Decoded-Content-Length": "5",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
        **SIGNED,
    }
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{emulator.endpoint}/data/chunked", data=framed, headers=headers) as answer:
            assert answer.status == 200
        async with session.get(f"{emulator.endpoint}/data/chunked", headers=SIGNED) as answer:
            assert await answer.read() == b"hello"


async def test_a_bucket_may_be_named_by_the_host(emulator: Emulator) -> None:
    async with client(emulator.endpoint, "s3") as s3:
        await s3.put_object(Bucket="data", Key="by-host", Body=b"here")
    port = emulator.endpoint.rsplit(":", 1)[1]
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{emulator.endpoint}/by-host", headers={"Host": f"data.localhost:{port}", **SIGNED}) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"here")


async def test_queues_tables_and_secrets_are_there(emulator: Emulator) -> None:
    async with client(emulator.endpoint, "sqs") as sqs:
        queue = (await sqs.create_queue(QueueName="runs"))["QueueUrl"]
        await sqs.send_message(QueueUrl=queue, MessageBody="go")
        [message] = (await sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1))["Messages"]
        assert message["Body"] == "go"
    async with client(emulator.endpoint, "dynamodb") as dynamodb:
        await dynamodb.create_table(
            TableName="journal",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await dynamodb.put_item(TableName="journal", Item={"id": {"S": "1"}})
        assert (await dynamodb.get_item(TableName="journal", Key={"id": {"S": "1"}}))["Item"] == {"id": {"S": "1"}}
    async with client(emulator.endpoint, "secretsmanager") as secrets:
        await secrets.create_secret(Name="s", SecretString="v")
        assert (await secrets.get_secret_value(SecretId="s"))["SecretString"] == "v"


async def keys(s3: Any, prefix: str) -> list[str]:
    """Keys below a prefix."""
    return [entry["Key"] for entry in (await s3.list_objects_v2(Bucket="data", Prefix=prefix)).get("Contents", [])]


async def test_a_steps_logs_may_be_lost_or_late_and_their_sender_does_not_notice(emulator: Emulator) -> None:
    from emr_emulator.documents import parse_document
    from emr_emulator.faults import parse_faults

    faults = '[{do: log-loss, step: "lost*"}, {do: log-lag, step: "late*", seconds: 0.2}]'
    async with client(emulator.endpoint, "s3") as s3, client(emulator.endpoint) as emr:
        cluster_id = await launch(emr, Steps=[*steps(1, "lost"), *steps(1, "late"), *steps(1, "plain")])
        listed = (await emr.list_steps(ClusterId=cluster_id))["Steps"]
        places = {step["Name"]: f"logs/{cluster_id}/steps/{step['Id']}/stderr.gz" for step in listed}
        emulator.book.replace(parse_faults(parse_document(faults, "faults")))
        for place in places.values():
            await s3.put_object(Bucket="data", Key=place, Body=b"log")
        assert await keys(s3, "logs/") == [places["plain 1"]]
        seen: list[str] = []
        for _ in range(100):
            seen = await keys(s3, "logs/")
            if len(seen) == 2:
                break
        assert sorted(seen) == sorted([places["plain 1"], places["late 1"]])
        emulator.book.replace(())


@pytest.mark.usefixtures("emulator")
async def test_moto_itself_answers_nobody_but_the_emulator() -> None:
    """Its port is open on loopback, where a page with a name of its own for it could reach it."""
    ports = listening_ports(children(os.getpid()))
    assert ports
    async with aiohttp.ClientSession() as session:
        for port in ports:
            async with session.get(f"http://127.0.0.1:{port}/data/by-host") as answer:
                assert answer.status == 403


async def test_a_moto_that_died_is_started_again_and_ends_with_the_emulator() -> None:
    async with simulated() as emulator, client(emulator.endpoint, "s3") as s3:
        before = set(children(os.getpid()))
        await s3.create_bucket(**BUCKET)
        [moto] = set(children(os.getpid())) - before
        os.kill(moto, 9)
        await until(lambda: moto not in children(os.getpid()))
        await s3.create_bucket(**BUCKET)
        [moto] = set(children(os.getpid())) - before
    assert moto not in children(os.getpid())


async def test_an_emulator_that_is_not_asked_for_it_starts_no_moto() -> None:
    before = set(children(os.getpid()))
    async with simulated() as emulator, client(emulator.endpoint) as emr:
        await emr.list_clusters()
        assert set(children(os.getpid())) == before


async def test_the_emulator_imports_no_moto_into_its_own_process() -> None:
    code = "import sys, emr_emulator.compose; print('moto' in sys.modules)"
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    told, _ = await done.communicate()
    assert told == b"False\n"


def children(parent: int) -> list[int]:
    """Process ids of a process's children that are alive."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=,args=", "--ppid", str(parent)], capture_output=True, text=True, check=False
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, state, args in rows if not state.startswith("Z") and "moto_child" in args]


def listening_ports(pids: list[int]) -> list[int]:
    """TCP ports of 127.0.0.1 on which these processes listen."""
    inodes = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    ports = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[9] in inodes:
            ports.append(int(fields[1].split(":")[1], 16))
    return ports
