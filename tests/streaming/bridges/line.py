"""A line to a server that can be cut and mended: for brokers that forget everything when they are killed."""

import asyncio
from contextlib import suppress


class Line:
    """Passes connections on `port` to `target`, while it is up."""

    def __init__(self, port: int, target: int) -> None:
        self._port = port
        self._target = target
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def down(self) -> None:
        """Break every connection and take no new one."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        lines = [writer]
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
            lines.append(up_writer)
            ways = [asyncio.create_task(_pass(reader, up_writer)), asyncio.create_task(_pass(up_reader, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for line in lines:
                line.transport.abort()
            self._tasks.discard(task)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
