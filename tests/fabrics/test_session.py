"""Whose credentials a session uses, by the words of a spec."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fabrics import samples
from tests.fabrics.clocks import LeapingClock
from tests.fabrics.wire import CannedEmr

from dataflow_runner.errors import InputError, Refused
from dataflow_runner.fabrics.emr.client import EmrFabric
from dataflow_runner.fabrics.emr.session import AwsIdentity, AwsSession
from dataflow_runner.jobs.ids import ClusterId
from dataflow_runner.kit.secret import Secret
from dataflow_runner.specs.model import Credentials, PlaybookConfig, Step

pytestmark = pytest.mark.integration


def identity(word: str, secret: str | None = None, role: str | None = None) -> AwsIdentity:
    credentials = Credentials(access_key_id=word, secret_access_key=Secret(secret or word))
    return AwsIdentity(region="eu-central-1", credentials=credentials, assume_role_arn=role)


async def _key_used(canned: CannedEmr, who: AwsIdentity) -> str:
    """The access key id that a call is signed with."""
    canned.reply("ListClusters", {"Clusters": []})
    session = AwsSession(who)
    try:
        await session.freshen()
        client = await session.reader("emr")
        await client.call("ListClusters", {})
    finally:
        await session.close()
    authorization = canned.requests[-1].headers["authorization"]
    return authorization.partition("Credential=")[2].partition("/")[0]


async def test_a_static_pair_signs_with_itself(canned: CannedEmr) -> None:
    assert await _key_used(canned, identity("AKIDSTATIC", "hush-hush")) == "AKIDSTATIC"


@pytest.mark.usefixtures("profile")
async def test_env_reads_the_environment_alone(canned: CannedEmr, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        await _key_used(canned, identity("env"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    assert await _key_used(canned, identity("env")) == "AKIDENV"


@pytest.mark.usefixtures("profile")
async def test_default_follows_the_sdks_chain_profiles_included(canned: CannedEmr) -> None:
    assert await _key_used(canned, identity("default")) == "AKIDPROFILE"


@pytest.mark.usefixtures("profile")
async def test_iam_asks_the_container_and_not_the_environment(
    canned: CannedEmr, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush-hush")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container)
    assert await _key_used(canned, identity("iam")) == "AKIDCONTAINER"


async def test_no_credentials_at_all_say_what_to_do(canned: CannedEmr) -> None:
    with pytest.raises(InputError, match="run on an instance or in a container that has a role"):
        await _key_used(canned, identity("iam"))


@pytest.mark.parametrize("pair", [("env", "iam"), ("default", "hush-hush"), ("AKID", "env")])
async def test_mixed_words_are_refused(canned: CannedEmr, pair: tuple[str, str]) -> None:
    with pytest.raises(InputError, match="must be the same word") as refusal:
        await _key_used(canned, identity(*pair))
    assert "hush-hush" not in str(refusal.value)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("word", ["AKIDSTATIC", "default"])
async def test_a_role_is_assumed_on_top_once(
    canned: CannedEmr, aws: str, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws)
    who = identity(word, None if word == "default" else "hush-hush", "arn:aws:iam::123456789012:role/other")
    key = await _key_used(canned, who)
    assert key.startswith("ASIA")
    assert canned.requests[-1].headers["x-amz-security-token"]


async def test_a_role_that_may_not_be_assumed_is_refused_with_its_code(
    monkeypatch: pytest.MonkeyPatch, clock: LeapingClock, refusing_sts: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", refusing_sts)
    who = identity("AKIDSTATIC", "hush-hush", "arn:aws:iam::123456789012:role/other")
    fabric = EmrFabric(AwsSession(who), clock=clock)
    with pytest.raises(Refused, match="AccessDenied"):
        await fabric.connect()
    with pytest.raises(Refused, match="AccessDenied"):
        await fabric.describe(ClusterId("j-1"))
    await fabric.close()


async def test_a_profile_that_isnt_there_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, clock: LeapingClock
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobodys")
    fabric = EmrFabric(AwsSession(identity("default")), clock=clock)
    with pytest.raises(Refused, match="nobodys"):
        await fabric.connect()
    with pytest.raises(Refused, match="nobodys"):
        await fabric.launch(samples.smallest())
    await fabric.close()


def test_a_playbook_without_a_region_names_no_identity() -> None:
    playbook = PlaybookConfig(steps=(Step(name="s", jar="j"),))
    with pytest.raises(InputError, match="names no region"):
        AwsIdentity.of_playbook(playbook)


def test_an_identity_never_shows_its_secret() -> None:
    assert "hush-hush" not in repr(identity("AKIDSTATIC", "hush-hush"))


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials"
    file.write_text("[ours]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = hush-hush\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "ours")


@pytest.fixture
async def container() -> AsyncIterator[str]:
    """The address where a container's credentials are had."""
    expiry = (datetime.now(UTC) + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    keys = {"AccessKeyId": "AKIDCONTAINER", "SecretAccessKey": "x", "Token": "t", "Expiration": expiry}
    async for url in _serve("200 OK", json.dumps(keys), "application/json"):
        yield url


@pytest.fixture
async def refusing_sts() -> AsyncIterator[str]:
    body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    async for url in _serve("403 Forbidden", body, "text/xml"):
        yield url


async def _serve(status: str, body: str, kind: str) -> AsyncIterator[str]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
