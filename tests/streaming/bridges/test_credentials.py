"""Brokers that want a password: without a good one a route waits, and says why."""

import gc
from collections.abc import Iterator, Sequence

import pytest

from streaming.bridges import brokers
from streaming.bridges.base import Message
from streaming.bridges.errors import Unavailable
from tests.streaming.bridges.places import Nats, Place, RabbitMQ, Redis

# rstream leaves the socket of a broken connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class LockedRedis(Redis):
    good, bad = "redis://:p%40ss@127.0.0.1:{}/0", ("redis://:wrong@127.0.0.1:{}/0", "redis://127.0.0.1:{}/0")
    words = "invalid username-password pair|must be called with the client already authenticated"

    def command(self) -> Sequence[str]:
        return [*super().command(), "--requirepass", "p@ss"]


class LockedNats(Nats):
    good, bad = "nats://u:p%40ss@127.0.0.1:{}?create=true", ("nats://u:wrong@127.0.0.1:{}", "nats://127.0.0.1:{}")
    words = "Authorization Violation"

    def command(self) -> Sequence[str]:
        return [*super().command(), "--user", "u", "--pass", "p@ss"]


class LockedRabbitMQ(RabbitMQ):
    good, bad = "rabbitmq://guest:guest@127.0.0.1:{}?create=true", ("rabbitmq://guest:wrong@127.0.0.1:{}?create=true",)
    words = "AuthenticationFailure"


@pytest.fixture(scope="module", params=[LockedRedis, LockedNats, LockedRabbitMQ])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("locked")
    made: Place = request.param(folder, lined=False) if request.param is LockedRabbitMQ else request.param(folder)
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Collect the garbage here, where it is known who leaves it."""
    yield
    gc.collect()


async def test_who_brings_no_good_password_is_told_so_and_who_does_is_let_in(place: Place) -> None:
    assert isinstance(place, LockedRedis | LockedNats | LockedRabbitMQ)
    for address in place.bad:
        bridge = brokers.to(address.format(place.port))
        with pytest.raises(Unavailable, match=place.words) as refused:
            await (await bridge.sink("orders")).send([Message(b"x", "s", 1, 0)])
        assert "wrong" not in str(refused.value)
        with pytest.raises(Unavailable, match=place.words):
            await (await bridge.source("orders", {})).receive()
        with pytest.raises(Unavailable, match=place.words):
            await bridge.end("orders")
    bridge = brokers.to(place.good.format(place.port))
    sink = await bridge.sink("orders")
    await sink.send([Message(b"x", "s", 1, 0)])
    source = await bridge.source("orders", {})
    found: list[bytes] = []
    while not found:
        found = [one.message.body for one in await source.receive()]
    assert found == [b"x"]
    await source.aclose()
    await sink.aclose()
