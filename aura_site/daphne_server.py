"""daphne with what it lacks: backpressure both ways, the lifespan protocol, and a drain before SIGTERM ends it.

`python -m aura_site.daphne_server --host 127.0.0.1 --port 8000`. daphne hands everything that an application sends to
Twisted, which keeps it in memory for as long as the client does not read; here `send()` waits while Twisted holds more than
64 KB (its `bufferSize`) for that client. What a client sends waits in the socket while the application is busy.
"""

import argparse
import asyncio
import contextlib
import logging
import math
import sys
from functools import partial
from typing import Any

# daphne installs Twisted's asyncio reactor, so it comes before anything that imports Twisted.
from daphne.server import Server  # isort: skip

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import defer, reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

log = logging.getLogger(__name__)

MESSAGE_LIMIT = 1_048_576
# Messages of a client that may wait for the application before its socket is left alone.
INBOX = 4
PATIENCE = 10.0  # seconds for the applications to end at shutdown


@implementer(IPushProducer)
class Gate:
    """Stands for the application towards Twisted: shut while the transport's buffer is full."""

    __slots__ = ("_shut",)

    def __init__(self) -> None:
        self._shut: asyncio.Future[None] | None = None

    def pauseProducing(self) -> None:  # noqa: N802
        if self._shut is None:
            self._shut = asyncio.get_running_loop().create_future()

    def resumeProducing(self) -> None:  # noqa: N802
        shut, self._shut = self._shut, None
        if shut is not None and not shut.done():
            shut.set_result(None)

    # The connection is gone: whoever waits goes on, and what is sent goes nowhere.
    stopProducing = resumeProducing  # noqa: N815

    async def passage(self) -> None:
        """Return when the gate is open."""
        while self._shut is not None:
            await asyncio.shield(self._shut)


class Inbox(asyncio.Queue[dict[str, Any]]):
    """What a client sent. Reading its socket stops while INBOX messages wait."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        self._paused = False

    def put_nowait(self, item: dict[str, Any]) -> None:
        super().put_nowait(item)
        if self.qsize() >= INBOX and not self._paused and item["type"] == "websocket.receive":
            self._paused = True
            self._transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        if self._paused and self.qsize() <= 1:
            self._paused = False
            self._transport.resumeProducing()
        return await super().get()


class Request(WebRequest):
    """An HTTP request whose response waits for the client."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.gate = Gate()

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and self.producer is None and self.channel is not None:
            self.registerProducer(self.gate, True)
        super().handle_reply(message)

    def finish(self) -> None:
        self._let_go()
        super().finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        self.gate.stopProducing()
        super().connectionLost(reason)

    def _let_go(self) -> None:
        if self.producer is not None:
            self.unregisterProducer()
        self.gate.stopProducing()


class Requests(HTTPFactory):
    """Makes the requests of ours."""

    def buildProtocol(self, address: Any) -> Any:  # noqa: N802
        channel = super().buildProtocol(address)
        channel.requestFactory = Request
        return channel


class WebSocket(WebSocketProtocol):
    """A WebSocket whose messages wait for the client, and whose close frames give a reason."""

    def connectionMade(self) -> None:  # noqa: N802
        self.gate = Gate()
        # Until the upgrade the transport talked to the HTTP channel.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.gate, True)
        super().connectionMade()

    # Autobahn words and colours a line of its debug log for every packet, whether anybody reads it or not: 16 us each.

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self._dataReceived(data)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802
        if sync or chopsize or self.send_queue or self.state != self.STATE_OPEN:
            super().sendData(data, sync, chopsize)
        else:
            self.transport.write(data)

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and self.state == self.STATE_OPEN:
            self.sendClose(code=message.get("code") or 1000, reason=message.get("reason") or None)
        else:
            super().handle_reply(message)


class Daphne(Server):
    """A daphne server of one ASGI application. `failed` says why it could not serve, empty when it could."""

    def __init__(self, application: Any, host: str, port: int) -> None:
        address = host.strip("[]").replace(":", r"\:")
        self._endpoint = f"tcp:port={port}:interface={address}"
        super().__init__(
            application,
            # Only there to satisfy daphne: it would listen before the application has started.
            endpoints=[self._endpoint],
            ready_callable=self._prepare,
            # Heartbeats and lifetimes are AURA's own, the same on every server.
            websocket_timeout=-1,
            ping_interval=math.inf,
            websocket_max_message_size=MESSAGE_LIMIT,
            websocket_max_frame_size=MESSAGE_LIMIT,
            verbosity=0,
            server_name="",
        )
        self.failed = ""
        self.endpoints.clear()
        self._lifespan = Lifespan(application)

    def _prepare(self) -> None:
        """Put our protocols in the place of daphne's; listen only once the application has started."""
        self.http_factory = Requests(self)
        self.ws_factory.protocol = WebSocket
        reactor.callWhenRunning(lambda: asyncio.ensure_future(self._start()))

    async def _start(self) -> None:
        try:
            await self._lifespan.startup()
            listening = serverFromString(reactor, self._endpoint).listen(self.http_factory)
            await listening.asFuture(asyncio.get_running_loop())
        except Exception as error:
            log.critical("the server could not start", exc_info=True)
            self.failed = str(error) or type(error).__name__
            self.stop()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Inbox | None:
        """Start the application for a connection and return the queue of what the client sends."""
        if protocol not in self.connections:
            return None
        inbox = Inbox(protocol.transport)
        scope.setdefault("asgi", {"version": "3.0"})
        running = self.application(scope=scope, receive=inbox.get, send=partial(self.handle_reply, protocol))
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(running)
        return inbox

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Send a message of the application; return when there is room for another one."""
        await super().handle_reply(protocol, message)
        if message["type"] in ("websocket.send", "http.response.body"):
            await protocol.gate.passage()

    def timeout_checker(self) -> None:
        """Enforce the one time limit that is daphne's own here, on handshakes; it would look at every connection."""
        for protocol in list(self.connections):
            if isinstance(protocol, WebSocket) and protocol.state == WebSocket.STATE_CONNECTING:
                protocol.check_timeouts()
        asyncio.get_running_loop().call_later(2, self.timeout_checker)

    def kill_all_applications(self) -> Any:
        """Shut the application down, then end what is left of it; Twisted waits for the result."""
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._lifespan.shutdown()
        left = [details.get("application_instance") for details in self.connections.values()]
        tasks = [task for task in left if task is not None and not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE)


class Lifespan:
    """The server's side of the ASGI lifespan protocol."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._task: asyncio.Future[None] | None = None
        self._to_application: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_application: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def startup(self) -> None:
        """Return when the application has started. Raises RuntimeError when it says that it cannot."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
        self._task = asyncio.ensure_future(
            self._application(scope, self._to_application.get, self._from_application.put)
        )
        await self._exchange("startup")

    async def shutdown(self) -> None:
        """Return when the application has shut down."""
        if self._task is not None and not self._task.done():
            await self._exchange("shutdown")

    async def _exchange(self, what: str) -> None:
        await self._to_application.put({"type": f"lifespan.{what}"})
        answer = await self._from_application.get()
        if answer["type"] != f"lifespan.{what}.complete":
            raise RuntimeError(answer.get("message") or f"the application refused its {what}")


def main(arguments: list[str]) -> int:
    """Serve AURA until a signal ends it, and return the exit status."""
    parser = argparse.ArgumentParser(prog="aura_site.daphne_server", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args(arguments)
    from aura_site.asgi import application

    server = Daphne(application, options.host, options.port)
    server.run()
    return 1 if server.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
