"""A path for data channels that loses, repeats and mixes up what it carries, and falls silent: in front of a server."""

import asyncio
import random
import re
from collections.abc import Callable

import aiohttp
from aiohttp import web

CANDIDATE = re.compile(r"a=candidate:\S+ 1 udp \d+ (\d+\.\d+\.\d+\.\d+) (\d+) typ host\r\n")


class _Way(asyncio.DatagramProtocol):
    """One direction's socket: what comes is handed to `take`."""

    def __init__(self, take: "Callable[[bytes, tuple[str, int]], None]") -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr)


class Relay:
    """Answers offers in the place of the server at `url`, naming itself as the address to meet.

    Of ten datagrams `worse` are lost, as many come twice and as many late. `cuts` says after how many datagrams from the
    server the next paths fall silent in both directions (0: never). `alter` may change the answers to offers.
    """

    def __init__(
        self, url: str, cuts: list[int] | None = None, worse: int = 0, alter: Callable[[str], str] | None = None
    ) -> None:
        self.paths = 0
        self._target = url
        self._cuts = list(cuts or [])
        self._worse = worse / 10
        self._alter = alter
        self._chance = random.Random(7)
        self._sockets: list[asyncio.DatagramTransport] = []

    async def __aenter__(self) -> "Relay":
        application = web.Application()
        application.router.add_route("*", "/api/v1/webrtc/{name}", self._signal)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
        for socket in self._sockets:
            socket.close()

    async def _signal(self, request: web.Request) -> web.Response:
        headers = {"Authorization": request.headers["Authorization"], "Content-Type": "application/json"}
        body = await request.read()
        async with (
            aiohttp.ClientSession() as http,
            http.request(request.method, self._target + request.path, data=body, headers=headers) as response,
        ):
            found = await response.json()
            if "sdp" in found:
                found["sdp"] = self._alter(found["sdp"]) if self._alter else await self._through(found["sdp"])
            return web.json_response(found, status=response.status)

    async def _through(self, sdp: str) -> str:
        """Return the answer with a path of ours as its one address."""
        match = CANDIDATE.search(sdp)
        assert match is not None, sdp
        host, port = match.group(1), match.group(2)
        mine = await self._path(host, int(port))
        line = match.group(0).replace(f"{host} {port}", f"{host} {mine}")
        return re.sub(r"a=candidate:.*\r\n", "", sdp) + line

    async def _path(self, host: str, port: int) -> int:
        """Open a path to that address of the server; return the port it begins at."""
        self.paths += 1
        cut = self._cuts.pop(0) if self._cuts else 0
        loop, client, passed = asyncio.get_running_loop(), [("", 0)], 0

        def up(data: bytes, addr: tuple[str, int]) -> None:
            client[0] = addr
            if not (cut and passed >= cut):
                self._pass(lambda: far.sendto(data))

        def down(data: bytes, _addr: tuple[str, int]) -> None:
            nonlocal passed
            passed += 1
            if not (cut and passed >= cut):
                self._pass(lambda: near.sendto(data, client[0]))

        near, _ = await loop.create_datagram_endpoint(lambda: _Way(up), local_addr=(host, 0))
        far, _ = await loop.create_datagram_endpoint(lambda: _Way(down), remote_addr=(host, port))
        self._sockets += [near, far]
        return int(near.get_extra_info("sockname")[1])

    def _pass(self, send: Callable[[], None]) -> None:
        kind = self._chance.random()
        if kind < self._worse:
            return
        if kind < 2 * self._worse:
            send()
        if kind > 1 - self._worse:
            asyncio.get_running_loop().call_later(0.05, send)
        else:
            send()
