"""HTTP/1.1 to an endpoint, for answers that trickle in for minutes (RFC 9112): one question, one answer, piece by piece.

A general client hands on every chunk of a transfer by itself, and each costs it several calls; an endpoint sends a chunk a
token. Here the pieces of a read are one, and what comes may be left to the system for a moment before it is read at all.
The parsing is httptools', that is llhttp's, which is strict.
"""

import asyncio
import base64
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from urllib.parse import quote, unquote, urlsplit

import httptools

# Seconds for which a connection without a call is kept: a new one costs some round trips, with TLS three.
IDLE = 60.0
# Seconds that an endpoint has to end the body of an answer that is whole, so that the next call finds its connection open.
ENDING = 1.0
# Bytes of an answer that wait to be read at most, behind which the endpoint waits; and of its headers.
AHEAD, HEADERS_LIMIT = 262_144, 65_536
# Seconds between the moments at which answers that were left are read on, all that are due together: what they bring is then
# done once for all where that spares work, as the record's commits do.
TICK = 0.02
# The first status that is not followed by another one.
FINAL = 200
_PORTS = {"http": 80, "https": 443}
# What stands in a path as it is (RFC 3986, section 3.3), and what is quoted already.
_IN_PATH = "/%:@!$&'()*+,;=~"


class Broken(OSError):
    """The connection broke before the answer was whole, or what came is no HTTP."""


class Endpoint:
    """A server and the connections to it that are idle. `base_url` may carry a name and password; `headers` go with every
    request; `connect` is how many seconds a connection may take to be made, the handshake of TLS included.

    Raises ValueError for an address or headers that cannot be sent.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str], *, connect: float) -> None:
        address = urlsplit(base_url)
        if address.scheme not in _PORTS or not address.hostname:
            raise ValueError("its address is no server's: write http://HOST:PORT/v1 or https://...")
        self._host = address.hostname if address.hostname.isascii() else address.hostname.encode("idna").decode()
        self._port = address.port or _PORTS[address.scheme]
        self._secure = address.scheme == "https"
        self._path = quote(address.path.rstrip("/"), safe=_IN_PATH)
        self._connect = connect
        named = f"[{self._host}]" if ":" in self._host else self._host
        lines = {"Host": named if address.port is None else f"{named}:{address.port}"}
        # Events that are packed come late.
        lines |= {"Accept-Encoding": "identity", "User-Agent": "AURA"}
        if address.username is not None:
            pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
            lines["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        self._head = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **headers}.items())
        _check([*lines.values(), *headers, *headers.values()])
        self._context: ssl.SSLContext | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: list[_Idle] = []
        # Answers that nobody reads to their end.
        self.ending: set[Exchange] = set()

    async def post(self, path: str, body: bytes) -> "Exchange":
        """Send JSON to a path below the address and return the answer, once its headers are there. Raises OSError, and
        TimeoutError when no connection is made in time."""
        return await self._ask("POST", path, body)

    async def get(self, path: str) -> "Exchange":
        """Do as `post` without a body."""
        return await self._ask("GET", path, b"")

    def close(self) -> None:
        """Close the connections that are idle, and those whose answers were left to end."""
        if self._loop is asyncio.get_running_loop():
            for exchange in [*self.ending]:
                exchange.close()
            for idle in [*self._idle]:
                idle.close()

    async def _ask(self, method: str, path: str, body: bytes) -> "Exchange":
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            # Those of a loop that has ended are of no use.
            self._loop, self._idle, self.ending = loop, [], set()
        of_body = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if method == "POST" else ""
        request = f"{method} {self._path}{path} HTTP/1.1\r\n{self._head}{of_body}\r\n".encode() + body
        while True:
            kept = self._idle.pop().taken() if self._idle else None
            exchange = Exchange(self, kept or await self._opened(), request)
            try:
                await exchange.begun()
            except Broken:
                # An endpoint may close an idle connection in the moment in which it is taken again (RFC 9112, 9.3.1).
                if kept is None or exchange.answered:
                    raise
            except BaseException:
                exchange.close()
                raise
            else:
                return exchange

    async def _opened(self) -> asyncio.Transport:
        if self._secure and self._context is None:
            self._context = await asyncio.to_thread(ssl.create_default_context)
        async with asyncio.timeout(self._connect):
            made = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, self._host, self._port, ssl=self._context
            )
        return made[0]

    def keep(self, transport: asyncio.Transport) -> None:
        """Keep a connection whose answer is whole for the next one."""
        self._idle.append(_Idle(self._idle, transport))


class Exchange(asyncio.Protocol):
    """One question over one connection and its answer: `status`, `headers` (names in lower case), then `read` to the end.

    The end gives the connection back; `close` breaks it off before; `let_end` has the rest come and go unread.
    """

    def __init__(self, endpoint: Endpoint, transport: asyncio.Transport, request: bytes) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        # Whether anything has come at all, and whether all has.
        self.answered = False
        self.complete = False
        self._endpoint = endpoint
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._parts: list[bytes] = []
        # The parser's own calls go straight into the list: there is one for each token.
        self.on_body = self._parts.append
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._error: Broken | None = None
        self._size = 0
        # Bytes that wake the reader: more while it lets them gather.
        self._enough = 1
        self._paused = False
        self._headers_size = 0
        self._reusable = False
        self._timer: asyncio.TimerHandle | None = None
        transport.set_protocol(self)
        if transport.is_closing():
            # Nobody will say so any more: that went to the protocol before.
            self._error = Broken("the connection was closed at once")
        else:
            transport.write(request)

    # -- the reader's side ---------------------------------------------------------------------------------------------

    async def begun(self) -> None:
        """Return when the headers are there. Raises Broken."""
        while not self._begun and self._error is None:
            await self._wait(None)
        if self._error is not None:
            raise self._error

    @property
    def _begun(self) -> bool:
        return self.status >= FINAL

    def leave(self, seconds: float) -> None:
        """Leave what comes to the system for about so long: one read of four tokens costs what one of one does. Its end is
        seen as late."""
        if not self.complete and self._error is None:
            self._pause()
            self._timer = self._loop.call_at(round((self._loop.time() + seconds) / TICK) * TICK, self._resume)

    async def read(self, until: float | None = None, *, gather: float = 0.0, enough: int = AHEAD) -> bytes:
        """Return what has come of the body, nothing at its end.

        What comes before `gather` is returned as one, sooner if it is `enough` bytes or the end. Both times are the loop's.
        Raises TimeoutError at `until`, and Broken when the connection breaks.
        """
        enough = min(enough, AHEAD)
        if gather > self._loop.time() and self._size < enough and not self.complete and self._error is None:
            self._enough = enough
            with suppress(TimeoutError):
                await self._wait(gather)
            self._enough = 1
        while not self._parts and not self.complete and self._error is None:
            await self._wait(until)
        if self._parts:
            data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            if self._paused:
                self._resume()
            return data
        if self._error is not None:
            raise self._error
        return b""

    def let_end(self) -> None:
        """Read no further: what is still to come is dropped, and breaks off when it takes longer than ENDING seconds."""
        if self.complete or self._error is not None:
            return
        self._endpoint.ending.add(self)
        self._parts.clear()
        self._resume()
        self._timer = self._loop.call_later(ENDING, self.close)

    def close(self) -> None:
        """Break the connection off, unless all has come."""
        self._stop_timer()
        self._endpoint.ending.discard(self)
        if not self.complete and self._error is None:
            self._error = Broken("the call was broken off")
            self._transport.abort()

    async def _wait(self, until: float | None) -> None:
        self._waiter = self._loop.create_future()
        timer = None if until is None else self._loop.call_at(until, self._late)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _late(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _pause(self) -> None:
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._stop_timer()
        if self._paused:
            self._paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- the connection's side -----------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take what came. What is no HTTP, or comes behind the answer, ends the connection."""
        if self._parser is None:
            return
        self.answered = True
        self._size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._reusable = False
            if not self.complete:
                self._fail(Broken(f"what it answered is no HTTP ({error.__context__ or error})"))
                self._transport.abort()
                return
        dropped = self in self._endpoint.ending
        if dropped:
            self._parts.clear()
        if self.complete:
            self._over()
        elif self._size > AHEAD and not dropped:
            self._pause()
        if self.complete or self._size >= self._enough:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        """Take the end of the connection: of a body without a length it is the end too, of all else it is none."""
        self._stop_timer()
        self._endpoint.ending.discard(self)
        # The two hold each other, which only a search for cycles would find.
        self._parser = None
        if self.complete:
            return
        measured = "content-length" in self.headers or "transfer-encoding" in self.headers
        if self._begun and error is None and not measured:
            self.complete = True
            self._wake()
        else:
            self._fail(Broken(str(error) if error else "the connection was closed before the answer was whole"))

    def _over(self) -> None:
        self._parser = None
        self._resume()
        self._endpoint.ending.discard(self)
        if self._reusable:
            self._endpoint.keep(self._transport)
        else:
            self._transport.close()

    def _fail(self, error: Broken) -> None:
        if self._error is None:
            self._error = error
        self._wake()

    # -- the parser's side ---------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Refuse a second answer: nobody asked for it."""
        if self.complete:
            raise Broken("more came than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._headers_size += len(name) + len(value or b"")
        if self._headers_size > HEADERS_LIMIT:
            raise Broken(f"more than {HEADERS_LIMIT} bytes of headers")
        self.headers[name.decode("latin-1").lower()] = (value or b"").decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take the status. Those below 200 announce another one (RFC 9110, section 15.2)."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()

    def on_message_complete(self) -> None:
        """Take the end."""
        if self._begun and self._parser is not None:
            self.complete = True
            self._reusable = self._parser.should_keep_alive()
        else:
            self.headers.clear()


class _Idle(asyncio.Protocol):
    """A connection without a call, one of `among`. Whatever comes on it, nobody asked for."""

    def __init__(self, among: "list[_Idle]", transport: asyncio.Transport) -> None:
        self._among = among
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(IDLE, self.close)
        transport.set_protocol(self)

    def taken(self) -> asyncio.Transport:
        """Return the connection, which is of `among` no more."""
        self._timer.cancel()
        return self._transport

    def close(self) -> None:
        """End it."""
        self._part()
        self._transport.close()

    def data_received(self, _data: bytes) -> None:
        self.close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._part()

    def _part(self) -> None:
        self._timer.cancel()
        if self in self._among:
            self._among.remove(self)


def _check(texts: Iterable[str]) -> None:
    for text in texts:
        if not (text.isascii() and (text.isprintable() or not text)):
            raise ValueError("its address and key may have printable characters of ASCII only")
