"""A library that is promoted in another process while answers stream: sessions go over to it and lose nothing."""

import asyncio
import json
from pathlib import Path

import pytest

from compression.codec.library import Library
from compression.codec.payload import CompressionMethod
from streaming.client import ChatClient
from streaming.protocol.client import Ended, TextArrived
from streaming.protocol.codes import Mode
from tests.live import LiveServer

PROMOTE = """
from compression import selectors, services
from compression.codec import Library, Template
active = selectors.active_library()
more = Template(500, ("Your parcel for ", " leaves on ", ""))
print(services.promote(services.install_library(Library([*active.templates, more]))).hash)
"""
BACK = "from compression import services; print(services.roll_back().hash)"
TEXT = "Your parcel for Ada leaves on Monday"


async def told(client: ChatClient, index: int) -> None:
    """Wait until the client has the library of an index; the test's own time limit ends a wait in vain."""
    async with asyncio.timeout(20):
        while index not in client.session.codec.libraries:
            await client.step()


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
async def test_sessions_go_over_to_a_promoted_library(tmp_path: Path, server: str) -> None:
    live = LiveServer(tmp_path, server)
    live.start()

    async def fetch(name: str) -> Library | None:
        _, _, body = await asyncio.to_thread(live.get, f"/api/compression/libraries/{name}")
        return Library.from_manifest(json.dumps(body).encode(), name)

    async def said(client: ChatClient) -> tuple[int, int]:
        """Return the method and the index of a payload that brings TEXT back."""
        events = [event async for event in client.ask(TEXT, model="fast")]
        arrived = [event for event in events if isinstance(event, TextArrived)]
        assert isinstance(events[-1], Ended)
        assert "".join(event.text for event in arrived) == TEXT
        assert arrived[0].reading.sent is not None
        return arrived[0].method, arrived[0].reading.sent.payload[0] >> 3

    try:
        async with (
            ChatClient(live.ws, live.key, mode=Mode.COMPLETE, fetch=fetch) as client,
            ChatClient(live.ws, live.key, mode=Mode.TOKEN, fetch=fetch) as busy,
            ChatClient(live.ws, live.key, mode=Mode.COMPLETE) as without,
        ):
            await client.settle()
            await busy.settle()
            assert (await said(client))[0] != CompressionMethod.TEMPLATE
            streaming = asyncio.create_task(_collect(busy))
            name = (await asyncio.to_thread(live.manage, "shell", "--verbosity=0", "-c", PROMOTE)).strip()
            await told(client, 2)
            assert client.session.codec.libraries[2].hash == name
            assert await said(client) == (CompressionMethod.TEMPLATE, 2)
            assert len((await streaming).split()) == 400
            assert (await said(without))[0] != CompressionMethod.TEMPLATE
            await asyncio.to_thread(live.manage, "shell", "--verbosity=0", "-c", BACK)
            # The client is not asked for anything: it has the library already. It learns of it by the payloads.
            async with asyncio.timeout(20):
                while (await said(client))[0] == CompressionMethod.TEMPLATE:
                    await asyncio.sleep(0.1)
    finally:
        live.stop()


async def _collect(client: ChatClient) -> str:
    events = [event async for event in client.ask("Speak", model="smart")]
    assert isinstance(events[-1], Ended)
    return "".join(event.text for event in events if isinstance(event, TextArrived))
