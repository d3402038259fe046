"""A line to a server that can be cut, mended, or lie on purpose: a TCP proxy."""

import asyncio
from collections.abc import Callable, Sequence

Alter = Callable[[bytes], bytes]


class Line:
    """Passes connections on to `target` while it is up.

    Arguments:
        target: the server's port.
        cuts: after how many bytes from the server the next connections are aborted (0: never).
        alter: may change what comes from the server; what is altered is asked for uncompressed.
        port: where it listens; 0 for a free one.
    """

    def __init__(self, target: int, cuts: Sequence[int] = (), alter: Alter | None = None, *, port: int = 0) -> None:
        self.connections = 0
        self.port = port
        self._target = target
        self._cuts = list(cuts)
        self._alter = alter
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Break every connection and take no new one."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._server.wait_closed()

    async def __aenter__(self) -> "Line":
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        cut = self._cuts.pop(0) if self._cuts else 0
        lines = [writer]
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
            lines.append(up_writer)
            ways = [
                asyncio.create_task(_pass(reader, up_writer, 0, _uncompressed if self._alter else None)),
                asyncio.create_task(_pass(up_reader, writer, cut, self._alter)),
            ]
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


def _uncompressed(data: bytes) -> bytes:
    return data.replace(b"Accept-Encoding:", b"Accepted:")


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int, alter: Alter | None) -> None:
    passed = 0
    while data := await reader.read(65_536):
        if cut and passed + len(data) >= cut:
            writer.write(data[: cut - passed])
            await writer.drain()
            return
        passed += len(data)
        writer.write(alter(data) if alter else data)
        await writer.drain()
