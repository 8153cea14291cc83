"""Who may talk to the emulator."""

import aiohttp
import pytest
from botocore.exceptions import ClientError
from tests.emr_emulator.servers import client, simulated

from emr_emulator.compose import Settings, SettingsError
from emr_emulator.guard import TOKEN_HEADER, is_local_host

TOKEN = "correct-horse-battery"


async def ask(endpoint: str, path: str = "/_emulator/health", **headers: str) -> tuple[int, str]:
    """Status and text of an answer."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.get(endpoint + path, headers=given) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1:4566", True),
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("[::1]:4566", True),
        ("bucket.localhost:4566", True),
        ("evil.example.com", False),
        ("127.0.0.1.example.com", False),
        ("elasticmapreduce.eu-west-1.amazonaws.com", False),
        ("s3.amazonaws.com", False),
        ("notlocalhost", False),
        ("localhost:4566@example.com", False),
        ("", False),
    ],
)
def test_only_names_of_this_machine_are_local(host: str, is_local: bool) -> None:
    assert is_local_host(host) is is_local


@pytest.mark.parametrize("path", ["/_emulator/health", "/bucket/key", "/"])
async def test_a_foreign_host_is_refused_wherever_the_request_would_go(path: str) -> None:
    async with simulated() as emulator:
        status, text = await ask(emulator.endpoint, path, Host="evil.example.com")
        assert status == 403
        assert "evil.example.com" in text


async def test_a_foreign_origin_is_refused_and_the_own_one_is_not() -> None:
    async with simulated() as emulator:
        for origin in ("http://evil.example.com", "null", emulator.endpoint.replace("http", "https")):
            assert (await ask(emulator.endpoint, Origin=origin))[0] == 403
        assert (await ask(emulator.endpoint, Sec_Fetch_Site="cross-site"))[0] == 403
        assert (await ask(emulator.endpoint, Origin=emulator.endpoint))[0] == 200


async def test_a_token_is_asked_of_every_request_and_taken_in_each_form() -> None:
    async with simulated(token=TOKEN) as emulator:
        assert (await ask(emulator.endpoint))[0] == 403
        assert (await ask(emulator.endpoint, "/bucket/key"))[0] == 403
        assert (await ask(emulator.endpoint, X_Emr_Emulator_Token="wrong-wrong"))[0] == 403
        assert (await ask(emulator.endpoint, **{TOKEN_HEADER: TOKEN}))[0] == 200
        assert (await ask(emulator.endpoint, Authorization=f"Bearer {TOKEN}"))[0] == 200
        async with client(emulator.endpoint, key=TOKEN) as emr:
            await emr.list_clusters()
        async with client(emulator.endpoint, key="somebody-else") as emr:
            with pytest.raises(ClientError, match="UnrecognizedClientException"):
                await emr.list_clusters()


async def test_the_token_is_in_no_ledger_and_in_no_repr() -> None:
    async with simulated(token=TOKEN) as emulator, client(emulator.endpoint, key=TOKEN) as emr:
        await emr.list_clusters()
        assert TOKEN not in str(emulator.ledger.describe(emulator.fleet))
    assert TOKEN not in repr(Settings(token=TOKEN))


async def test_with_a_token_it_may_listen_everywhere_and_serves_any_host() -> None:
    async with simulated(token=TOKEN, listen="0.0.0.0") as emulator:
        assert emulator.endpoint.startswith("http://127.0.0.1:")
        headers = {"Host": "build.example.com", TOKEN_HEADER: TOKEN}
        assert (await ask(emulator.endpoint, **headers))[0] == 200


@pytest.mark.parametrize("listen", ["0.0.0.0", "::", "10.1.2.3", "build.example.com"])
def test_without_a_token_it_listens_on_loopback_only(listen: str) -> None:
    with pytest.raises(SettingsError, match="needs --token"):
        Settings(listen=listen).check()
    for loopback in ("127.0.0.1", "localhost", "::1", "[::1]", "127.0.0.2"):
        Settings(listen=loopback).check()


@pytest.mark.parametrize("token", ["short", "with/slash/in/it", "with blank x", "x" * 129])
def test_a_token_that_no_client_could_send_is_refused_at_the_start(token: str) -> None:
    with pytest.raises(SettingsError, match="8 to 128 characters"):
        Settings(token=token).check()
