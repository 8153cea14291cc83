from __future__ import annotations

import socket

import msgspec
import pytest
from tests.stores.consul_fake import FakeConsul
from tests.stores.samples import RUN, a_holder

from dataflow_runner.errors import InputError, StoreUnavailable
from dataflow_runner.kit.secret import Secret
from dataflow_runner.stores.consul import ConsulLocks
from dataflow_runner.stores.holders import encode_holder

KEY = "locks/nightly"


async def test_the_value_is_the_holder_as_json_at_the_very_key(consul: FakeConsul) -> None:
    await ConsulLocks(consul.address).acquire(KEY, a_holder(hard=True, cluster="j-1"))
    assert set(consul.pairs) == {KEY}
    value = msgspec.json.decode(consul.pairs[KEY].value)
    assert (value["run_id"], value["hard"], value["cluster_id"]) == (RUN, True, "j-1")


async def test_a_lock_of_the_go_runner_is_another_programs(consul: FakeConsul) -> None:
    consul.set(KEY, b"4711")
    held = await ConsulLocks(consul.address).acquire(KEY, a_holder())
    assert str(held).startswith("another program (process 4711")
    assert not await ConsulLocks(consul.address).release(KEY, RUN)
    assert consul.pairs[KEY].value == b"4711"
    assert await ConsulLocks(consul.address).break_lock(KEY) == held
    assert not consul.pairs


@pytest.mark.parametrize("value", [b"", b"text", b'{"Node": "a"}', b"\xff"])
async def test_a_foreign_value_is_held_by_something_unknown(consul: FakeConsul, value: bytes) -> None:
    consul.set(KEY, value)
    held = await ConsulLocks(consul.address).acquire(KEY, a_holder())
    assert held.run_id == ""
    assert "something unknown" in held.owner
    assert consul.pairs[KEY].value == value


async def test_a_lock_that_changes_hands_after_the_look_is_not_removed(consul: FakeConsul) -> None:
    locks, thief = ConsulLocks(consul.address), encode_holder(a_holder("thief"))
    await locks.acquire(KEY, a_holder())
    consul.before_change = lambda: consul.set(KEY, thief)
    assert not await locks.release(KEY, RUN)
    assert consul.pairs[KEY].value == thief


async def test_a_lock_that_is_let_go_after_the_look_is_taken(consul: FakeConsul) -> None:
    locks = ConsulLocks(consul.address)
    await locks.acquire(KEY, a_holder())
    consul.before_change = consul.pairs.clear
    assert await locks.acquire(KEY, a_holder(cluster="j-1")) == a_holder(cluster="j-1")
    assert set(consul.pairs) == {KEY}


async def test_a_renewal_never_overwrites_another_holder(consul: FakeConsul) -> None:
    locks, thief = ConsulLocks(consul.address), a_holder("thief")

    def steal_at_the_second_change() -> None:
        consul.before_change = lambda: consul.set(KEY, encode_holder(thief))

    await locks.acquire(KEY, a_holder())
    consul.before_change = steal_at_the_second_change
    assert await locks.acquire(KEY, a_holder(cluster="j-1")) == thief


async def test_a_key_that_changes_all_the_time_is_given_up(consul: FakeConsul) -> None:
    locks = ConsulLocks(consul.address)
    await locks.acquire(KEY, a_holder())

    def touch() -> None:
        consul.set(KEY, encode_holder(a_holder()))
        consul.before_change = touch

    consul.before_change = touch
    with pytest.raises(StoreUnavailable, match="changes all the time"):
        await locks.release(KEY, RUN)


async def test_after_a_lost_answer_the_same_call_tells_how_things_stand(consul: FakeConsul) -> None:
    locks = ConsulLocks(consul.address)
    consul.drops_answers = True
    with pytest.raises(StoreUnavailable, match="can't be reached"):
        await locks.acquire(KEY, a_holder())
    consul.drops_answers = False
    assert KEY in consul.pairs
    assert await locks.acquire(KEY, a_holder()) == a_holder()
    assert consul.pairs[KEY].modify_index == consul.pairs[KEY].create_index


async def test_a_consul_that_is_not_there_is_unavailable_and_named() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unheard.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match=f"Consul at http://{address} can't be reached: .*see that it runs"):
            await ConsulLocks(address).acquire(KEY, a_holder())


async def test_a_consul_that_says_nothing_is_given_up_after_a_time() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match=r"0\.05"):
            await ConsulLocks(address, timeout_s=0.05).acquire(KEY, a_holder())


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_consul_without_a_leader_is_unavailable(consul: FakeConsul, status: int) -> None:
    consul.statuses = [status]
    with pytest.raises(StoreUnavailable, match=rf"HTTP {status}.*try again"):
        await ConsulLocks(consul.address).acquire(KEY, a_holder())
    assert await ConsulLocks(consul.address).acquire(KEY, a_holder()) == a_holder()


async def test_a_refused_token_is_the_users_to_mend_and_never_shown(consul: FakeConsul) -> None:
    consul.token = "right"
    with pytest.raises(InputError, match=r"HTTP 403.*CONSUL_HTTP_TOKEN") as caught:
        await ConsulLocks(consul.address, Secret("wrong-one")).acquire(KEY, a_holder())
    assert "wrong-one" not in str(caught.value)
    with pytest.raises(InputError):
        await ConsulLocks(consul.address).holder(KEY)
    assert await ConsulLocks(consul.address, Secret("right\n")).acquire(KEY, a_holder()) == a_holder()
    assert consul.tokens_seen == {"wrong-one", None, "right"}


@pytest.mark.parametrize("status", [301, 400, 404, 204])
async def test_what_does_not_speak_consuls_language_is_said_to(consul: FakeConsul, status: int) -> None:
    consul.statuses = [status]
    with pytest.raises(InputError, match=rf"HTTP {status}\) doesn't speak Consul's KV API"):
        await ConsulLocks(consul.address).acquire(KEY, a_holder())


@pytest.mark.parametrize(
    "address", ["", "http://", "ftp://h:1", "unix:///s", "h:port", "h:0", "http://h/path", "h:1?q", "a b:1", "[::1"]
)
def test_an_address_that_is_none_is_refused_with_what_was_expected(address: str) -> None:
    with pytest.raises(InputError, match="'host:port'"):
        ConsulLocks(address)


def test_a_password_in_the_address_is_refused_without_showing_it() -> None:
    with pytest.raises(InputError, match="CONSUL_HTTP_TOKEN") as caught:
        ConsulLocks("http://jo:hunter2@consul.example.com:8500")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "/locks/nightly"])
async def test_a_key_that_consul_would_refuse_is_refused(key: str) -> None:
    with pytest.raises(InputError, match="not a Consul key"):
        await ConsulLocks("127.0.0.1:1").acquire(key, a_holder())
