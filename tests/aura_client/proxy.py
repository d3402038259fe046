"""A line that breaks or lies on purpose: a TCP proxy in front of a server."""

import asyncio
from collections.abc import Callable


class Proxy:
    """Passes connections on to `port`. `cuts` says after how many bytes from the server the next connections are aborted (0:
    never); `alter` may change what comes from the server."""

    def __init__(self, port: int, cuts: list[int] | None = None, alter: Callable[[bytes], bytes] | None = None) -> None:
        self.connections = 0
        self._target = port
        self._cuts = list(cuts or [])
        self._alter = alter
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        cut = self._cuts.pop(0) if self._cuts else 0
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        try:
            # What is altered has to be readable.
            plain = (lambda data: data.replace(b"Accept-Encoding:", b"Accepted:")) if self._alter else None
            sending = asyncio.create_task(self._pass(reader, up_writer, 0, plain))
            await self._pass(up_reader, writer, cut, self._alter)
            sending.cancel()
            await asyncio.wait([sending])
        except (OSError, asyncio.CancelledError):
            sending.cancel()
        finally:
            for line in (writer, up_writer):
                line.transport.abort()
            self._tasks.discard(task)

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        cut: int = 0,
        alter: Callable[[bytes], bytes] | None = None,
    ) -> None:
        passed = 0
        while data := await reader.read(65_536):
            if cut and passed + len(data) >= cut:
                writer.write(data[: cut - passed])
                await writer.drain()
                return
            passed += len(data)
            writer.write(alter(data) if alter else data)
            await writer.drain()
