"""The gRPC listener and `manage.py grpcserver`: health, reflection, drain, and who may run beside whom."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from streaming.transports.grpc.generated import aura_pb2, aura_pb2_grpc
from tests.live import ROOT, LiveServer, free_port
from tests.routing_ai.upstream import Upstream
from tests.services import redis_server
from tests.streaming.grpc_line import signed, target

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE = "aura.v1.Aura"


class RpcProcess:
    """`manage.py grpcserver` on the data of `server`, which itself does not run."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> "RpcProcess":
        port = self.server.environment["AURA_GRPC_PORT"]
        command = [sys.executable, "manage.py", "grpcserver", "--port", port, *arguments]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.server.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        while "listens on" not in (line := self.process.stdout.readline()):
            assert line, "it ended before it listened"
        return self

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Return the exit status and what it wrote."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        written, _ = self.process.communicate(timeout=30)
        return self.process.returncode, written


@pytest.fixture
def prepared(tmp_path: Path) -> LiveServer:
    """A data folder, with no server on it yet."""
    return LiveServer(tmp_path, AURA_GRPC_PORT=str(free_port()))


@pytest.fixture
def rpc(prepared: LiveServer) -> Iterator[RpcProcess]:
    process = RpcProcess(prepared).start()
    yield process
    process.stop(signal.SIGKILL)


def beat(server: LiveServer) -> None:
    """Let a worker show up, as the worker itself does."""
    server.manage("shell", "--verbosity=0", "-c", "from aura_site.tasks import heartbeat; heartbeat()")


async def test_the_command_serves_and_drains(rpc: RpcProcess) -> None:
    async with grpc.aio.insecure_channel(target(rpc.server)) as channel:
        stub = aura_pb2_grpc.AuraStub(channel)
        call = stub.Chat(aura_pb2.ChatRequest(text="Speak", model="nano"), metadata=signed(rpc.server.key))
        await call.read()
        await call.read()
        stopping = asyncio.create_task(asyncio.to_thread(rpc.stop))
        # The answer that is being written comes to its end, and nothing new begins.
        metadata = signed(rpc.server.users["eve"]["key"])
        while not (await stub.GetStats(aura_pb2.GetStatsRequest(), metadata=metadata)).draining:
            await asyncio.sleep(0.01)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Chat(aura_pb2.ChatRequest(text="And me?"), metadata=metadata).read()
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert ("grpc-retry-pushback-ms", "1000") in tuple(caught.value.trailing_metadata())
        event = None
        while (last := await call.read()) is not grpc.aio.EOF:
            event = last
        assert event is not None
        assert event.done.completion_tokens == 60
        status, written = await stopping
    assert status == 0
    assert "Traceback" not in written
    assert "are good" in await asyncio.to_thread(rpc.server.manage, "verify_audit")


async def test_an_answer_that_outlasts_the_drain_ends_with_a_fault(prepared: LiveServer) -> None:
    # A model that cannot go on where another one stopped.
    upstream = Upstream()
    await upstream.start()
    prepared.environment.update(OPENAI_BASE_URL=upstream.url, SMART_MODEL="openai:endless")
    rpc = RpcProcess(prepared).start()
    async with grpc.aio.insecure_channel(target(prepared)) as channel:
        stub = aura_pb2_grpc.AuraStub(channel)
        call = stub.Chat(aura_pb2.ChatRequest(text="Speak", model="smart"), metadata=signed(prepared.key))
        await call.read()
        stopping = asyncio.create_task(asyncio.to_thread(rpc.stop))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while True:
                event = await call.read()
        assert event.fault.code == aura_pb2.FAULT_INTERRUPTED
        assert event.fault.retry
        assert caught.value.code() == grpc.StatusCode.ABORTED
        assert (await stopping)[0] == 0
    await upstream.stop()


async def test_health_follows_readiness_and_drain(rpc: RpcProcess) -> None:
    async with grpc.aio.insecure_channel(target(rpc.server)) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        # No worker has shown up: `/health` would say 503.
        assert (await stub.Check(request)).status == NOT_SERVING
        watch = stub.Watch(request)
        assert (await watch.read()).status == NOT_SERVING
        await asyncio.to_thread(beat, rpc.server)
        assert (await asyncio.wait_for(watch.read(), 20)).status == SERVING
        assert (await stub.Check(health_pb2.HealthCheckRequest())).status == SERVING
        stopping = asyncio.create_task(asyncio.to_thread(rpc.stop))
        assert (await asyncio.wait_for(watch.read(), 20)).status == NOT_SERVING
        assert (await stopping)[0] == 0


def test_reflection_tells_the_whole_service(rpc: RpcProcess) -> None:
    with grpc.insecure_channel(target(rpc.server)) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert {SERVICE, "grpc.health.v1.Health"} <= set(database.get_services())
        service = DescriptorPool(database).FindServiceByName(SERVICE)
        assert [method.name for method in service.methods] == ["Chat", "Resume", "Cancel", "GetStats", "Session"]
        assert service.methods[0].output_type.full_name == "aura.v1.ChatEvent"


def test_without_redis_it_refuses_to_run_beside_the_web_server(prepared: LiveServer) -> None:
    prepared.start()
    try:
        told = prepared.manage("grpcserver", "--port", str(free_port()), check=False)
        assert told.startswith("CommandError: AURA's server runs already")
        assert "AURA_GRPC_PORT" in told
        assert prepared.get("/health/live")[0] == 200
    finally:
        prepared.stop()


def test_without_redis_the_web_server_refuses_to_run_beside_it(rpc: RpcProcess) -> None:
    with pytest.raises(AssertionError, match=r"manage\.py grpcserver runs already"):
        rpc.server.start()
    rpc.server.process = None
    # Once it has gone, however it went, the web server starts, and speaks gRPC itself.
    rpc.stop(signal.SIGKILL)
    rpc.server.start()
    with grpc.insecure_channel(target(rpc.server)) as channel:
        answer = aura_pb2_grpc.AuraStub(channel).Chat(
            aura_pb2.ChatRequest(text="Here", model="fast"), metadata=signed(rpc.server.key)
        )
        assert "".join(event.chunk.text for event in answer) == "Here"
    rpc.server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_ends_at_once(rpc: RpcProcess, number: int) -> None:
    status, written = rpc.stop(number)
    assert status == 0
    assert "Traceback" not in written


def test_a_port_that_is_taken_is_said(rpc: RpcProcess, tmp_path: Path) -> None:
    other = LiveServer(tmp_path / "other", AURA_GRPC_PORT=rpc.server.environment["AURA_GRPC_PORT"])
    told = other.manage("grpcserver", check=False)
    assert "CommandError: gRPC cannot listen on 127.0.0.1:" in told
    with pytest.raises(AssertionError, match="gRPC cannot listen"):
        other.start()
    other.process = None


def test_the_example_of_the_documents_works(prepared: LiveServer, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "grpc.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (command,) = re.findall(r"^python (-m grpc_tools.*)$", page, re.MULTILINE)
    arguments = command.replace("FOLDER", str(tmp_path)).split()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True)
    (tmp_path / "program.py").write_text(program)
    prepared.start()
    try:
        environment = {**os.environ, "AURA_GRPC": target(prepared), "AURA_KEY": prepared.key}
        told = subprocess.run(
            [sys.executable, "program.py"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
    finally:
        prepared.stop()
    assert told.stdout.endswith("mock-60-10: 60 tokens\n")
    assert len(told.stdout.splitlines()[0].split()) == 60


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[tuple[LiveServer, RpcProcess]]:
    """With Redis: a web server that speaks gRPC too, and `grpcserver` beside it."""
    with redis_server(tmp_path) as url:
        web = LiveServer(tmp_path, REDIS_URL=url, SMART_MODEL="mock:mock-400-20", AURA_GRPC_PORT=str(free_port()))
        web.start()
        process = RpcProcess(LiveServer(tmp_path, beside=web, AURA_GRPC_PORT=str(free_port()))).start()
        yield web, process
        process.stop(signal.SIGKILL)
        web.stop()


async def test_with_redis_another_server_reads_and_cancels_an_answer(beside: tuple[LiveServer, RpcProcess]) -> None:
    web, process = beside
    metadata = signed(web.key)
    async with (
        grpc.aio.insecure_channel(target(web)) as here,
        grpc.aio.insecure_channel(target(process.server)) as there,
    ):
        call = aura_pb2_grpc.AuraStub(here).Chat(aura_pb2.ChatRequest(text="Speak", model="smart"), metadata=metadata)
        name = (await call.read()).open.stream
        stub = aura_pb2_grpc.AuraStub(there)
        other = stub.Resume(aura_pb2.ResumeRequest(stream=name), metadata=metadata)
        assert (await other.read()).open.offset == 0
        assert (await other.read()).chunk.offset == 0
        assert (await stub.Cancel(aura_pb2.CancelRequest(stream=name), metadata=metadata)).cancelled
        ends = []
        for reading in (call, other):
            while (event := await reading.read()) is not grpc.aio.EOF:
                last = event
            ends.append(last.done)
        assert ends[0] == ends[1]
        assert ends[0].finish == aura_pb2.FINISH_CANCELLED
        again = aura_pb2.CancelRequest(stream=name)
        assert not (await stub.Cancel(again, metadata=metadata)).cancelled


async def test_with_redis_another_server_goes_on_with_an_answer(beside: tuple[LiveServer, RpcProcess]) -> None:
    web, process = beside
    metadata = signed(web.key)
    request = aura_pb2.ChatRequest(text="Speak", model="smart")
    async with grpc.aio.insecure_channel(target(process.server)) as channel:
        call = aura_pb2_grpc.AuraStub(channel).Chat(request, metadata=metadata)
        seen = [await call.read(), await call.read()]
        stopping = asyncio.create_task(asyncio.to_thread(process.stop))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            while True:
                seen.append(await call.read())
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        assert (await stopping)[0] == 0
    place = aura_pb2.ResumeRequest(stream=seen[0].open.stream, epoch=1, offset=seen[-1].chunk.offset + 1)
    async with grpc.aio.insecure_channel(target(web)) as channel:
        rest = [event async for event in aura_pb2_grpc.AuraStub(channel).Resume(place, metadata=metadata)]
    text = "".join(event.chunk.text for event in seen + rest)
    assert len(text.split()) == 400
    assert rest[-1].done.check == zlib.crc32(text.encode())
