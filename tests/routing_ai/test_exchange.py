"""HTTP to an endpoint, over real sockets, with what servers send and what they should not."""

import asyncio
import datetime
import ipaddress
import itertools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from routing_ai.providers.exchange import AHEAD, HEADERS_LIMIT, Broken, Endpoint, Exchange

BODY = b"data: one\n\ndata: two\n\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Kind: test\r\n\r\n" + b"".join(
    b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:5], BODY[5:6], BODY[6:])
)
WHOLE = CHUNKED + b"0\r\n\r\n"
MEASURED = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
UNMEASURED = b"HTTP/1.1 200 OK\r\n\r\n" + BODY

Answer = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


class Server:
    """Answers each request by `answer(writer, number)`; `requests` are their bytes, `connections` how many came."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                while not writer.is_closing():
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                    self.requests.append(head + await reader.readexactly(int(length or 0)))
                    await self._answer(writer, len(self.requests) - 1)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def stop(self) -> None:
        """Wait for those whose clients have gone, and break off what would go on for long."""
        if self.tasks:
            _, slow = await asyncio.wait(self.tasks, timeout=0.2)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    async with await asyncio.start_server(server.begin, "127.0.0.1", 0, ssl=context) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server
        await server.stop()


def sent(*pieces: bytes, close: bool = False) -> Answer:
    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if close:
            writer.close()

    return answer


@asynccontextmanager
async def asking(server: Server, path: str = "/v1") -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(f"http://127.0.0.1:{server.port}{path}", {"Authorization": "Bearer key"}, connect=5)
    yield endpoint
    endpoint.close()


async def body_of(exchange: Exchange) -> bytes:
    body = b""
    while data := await exchange.read():
        body += data
    return body


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, len(WHOLE) - 1), max_size=8))
def test_an_answer_that_is_cut_anywhere_is_the_same(cuts: list[int]) -> None:
    async def run() -> None:
        places = [0, *sorted(set(cuts)), len(WHOLE)]
        pieces = [WHOLE[start:end] for start, end in itertools.pairwise(places)]
        async with serving(sent(*pieces)) as server, asking(server) as endpoint:
            for _ in range(2):
                exchange = await endpoint.post("/chat", b"{}")
                assert (exchange.status, exchange.headers["x-kind"]) == (200, "test")
                assert await body_of(exchange) == BODY
                assert await exchange.read() == b""
            assert server.connections == 1

    asyncio.run(run())


async def test_the_request_is_as_http_says() -> None:
    async with serving(sent(MEASURED)) as server, asking(server, "/my v1/") as endpoint:
        await endpoint.post("/chat", b'{"a": 1}')
        await endpoint.get("/models")
    post, get = server.requests
    assert post.startswith(b"POST /my%20v1/chat HTTP/1.1\r\n")
    lines = post.split(b"\r\n")
    for line in (b"Host: 127.0.0.1:%d" % server.port, b"Authorization: Bearer key", b"Content-Length: 8"):
        assert line in lines
    assert lines[-1] == b'{"a": 1}'
    assert get.startswith(b"GET /my%20v1/models HTTP/1.1\r\n")
    assert b"Content-Length" not in get


@pytest.mark.parametrize(
    ("pieces", "kept"),
    [
        ([MEASURED], True),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", MEASURED], True),
        ([MEASURED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)], False),
        ([MEASURED.replace(b"1.1", b"1.0", 1)], False),
        # What nobody asked for.
        ([MEASURED + MEASURED], False),
        ([MEASURED + b"garbage"], False),
    ],
)
async def test_a_connection_is_kept_when_it_can_be(pieces: list[bytes], kept: bool) -> None:
    async with serving(sent(*pieces)) as server, asking(server) as endpoint:
        for _ in range(2):
            exchange = await endpoint.post("/chat", b"{}")
            assert exchange.status == 200
            assert await body_of(exchange) == BODY
            await asyncio.sleep(0.02)
        assert server.connections == (1 if kept else 2)


async def test_what_comes_on_an_idle_connection_ends_it() -> None:
    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(MEASURED)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(MEASURED)

    async with serving(answer) as server, asking(server) as endpoint:
        for _ in range(2):
            assert await body_of(await endpoint.post("/chat", b"{}")) == BODY
            await asyncio.sleep(0.15)
        assert server.connections == 2


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async with serving(sent(UNMEASURED, close=True)) as server, asking(server) as endpoint:
        assert await body_of(await endpoint.post("/chat", b"{}")) == BODY


@pytest.mark.parametrize("answer", [CHUNKED, MEASURED[:-3], WHOLE[:-1]])
async def test_an_answer_that_breaks_off_is_no_whole_one(answer: bytes) -> None:
    async with serving(sent(answer, close=True)) as server, asking(server) as endpoint:
        exchange = await endpoint.post("/chat", b"{}")
        with pytest.raises(Broken, match="before the answer was whole"):
            await body_of(exchange)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: %s\r\n\r\n" % (b"x" * HEADERS_LIMIT), "bytes of headers"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nhello", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", "no HTTP"),
        (b"", "before the answer was whole"),
    ],
)
async def test_what_is_no_http_is_refused(answer: bytes, words: str) -> None:
    async with serving(sent(answer, close=True)) as server, asking(server) as endpoint:
        with pytest.raises(Broken, match=words):
            await body_of(await endpoint.post("/chat", b"{}"))
    # A connection that is new is not tried twice.
    assert len(server.requests) == 1


async def test_a_connection_that_ends_before_its_question_is_no_answer() -> None:
    """As of a server that takes more connections than it can serve."""
    closed = asyncio.Event()

    async def turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        await writer.wait_closed()
        closed.set()

    async with await asyncio.start_server(turn_away, "127.0.0.1", 0) as listening:
        endpoint = Endpoint(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, connect=5)
        transport = await endpoint._opened()
        await closed.wait()
        async with asyncio.timeout(10):
            while not transport.is_closing():
                await asyncio.sleep(0.01)
            with pytest.raises(Broken, match="closed at once"):
                await Exchange(endpoint, transport, b"").begun()
            for _ in range(20):
                with pytest.raises(OSError, match=r"closed|reset|Broken"):
                    await endpoint.get("/models")


async def test_an_answer_that_nobody_reads_holds_its_endpoint_back() -> None:
    written = 0

    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 32000000\r\n\r\n")
        for _ in range(320):
            writer.write(b"x" * 100_000)
            await writer.drain()
            written += 100_000

    async with serving(answer) as server, asking(server) as endpoint:
        exchange = await endpoint.post("/chat", b"{}")
        await asyncio.sleep(0.3)
        assert written < 32_000_000
        assert sum(map(len, exchange._parts)) < 4 * AHEAD
        assert len(await body_of(exchange)) == 32_000_000


async def ten(writer: asyncio.StreamWriter, _number: int) -> None:
    """Answer with ten pieces of two bytes each, a hundredth of a second apart."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(10):
        writer.write(b"2\r\n%d \r\n" % number)
        await asyncio.sleep(0.01)


TEN = b"0 1 2 3 4 5 6 7 8 9 "


async def test_what_comes_may_be_left_to_the_system_and_what_does_not_come_is_late() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        await ten(writer, number)
        await asyncio.sleep(30)

    async with serving(answer) as server, asking(server) as endpoint:
        exchange = await endpoint.post("/chat", b"{}")
        first = await exchange.read()
        assert first.startswith(b"0 ")
        exchange.leave(0.3)
        assert first + await exchange.read() == TEN
        with pytest.raises(TimeoutError):
            await exchange.read(until=asyncio.get_running_loop().time() + 0.05)
        exchange.leave(600)
        exchange.close()
        with pytest.raises(Broken):
            await exchange.read()


LONG = b"x" * 200_000


async def cut(writer: asyncio.StreamWriter, _number: int) -> None:
    """Answer with lengths whose words come later, and with words that are more than one read."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
    for piece in (b"3\r", b"\ntw", b"o\r\n%x\r\n" % len(LONG) + LONG, b"\r\n", b"5\r\nthree\r\n"):
        await asyncio.sleep(0.03)
        writer.write(piece)
    await writer.drain()


async def left(exchange: Exchange) -> bytes:
    """Read an answer to its end that is left to the system after each read."""
    body = b""
    while data := await exchange.read():
        body += data
        exchange.leave(0.05)
    return body


async def test_an_answer_that_is_left_again_and_again_is_whole_however_it_was_cut() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        await cut(writer, number)
        writer.write(b"0\r\n\r\n")

    async with serving(answer) as server, asking(server) as endpoint, asyncio.timeout(20):
        for _ in range(2):
            assert await left(await endpoint.post("/chat", b"{}")) == b"onetwo" + LONG + b"three"
        assert server.connections == 1


async def test_an_answer_that_breaks_off_while_it_is_left_is_no_whole_one() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        await cut(writer, number)
        writer.transport.abort()

    async with serving(answer) as server, asking(server) as endpoint, asyncio.timeout(20):
        with pytest.raises(Broken):
            await left(await endpoint.post("/chat", b"{}"))


@pytest.mark.parametrize("enough", [10, 600], ids=["enough", "the end"])
async def test_what_comes_may_gather_until_it_is_enough_or_the_end(enough: int) -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        await ten(writer, number)
        if enough == 600:
            writer.write(b"0\r\n\r\n")
        await asyncio.sleep(30)

    async with serving(answer) as server, asking(server) as endpoint, asyncio.timeout(20):
        exchange = await endpoint.post("/chat", b"{}")
        first = await exchange.read()
        # This time never comes.
        more = await exchange.read(gather=asyncio.get_running_loop().time() + 600, enough=enough)
        assert first + more == TEN if enough == 600 else len(more) >= len(b"1 2 ")
        exchange.close()


async def test_what_gathered_until_its_time_is_read_and_the_wait_for_the_first_of_it_goes_on() -> None:
    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n0\r\n")
        await asyncio.sleep(0.2)
        writer.write(b"1\r\n1\r\n")
        await asyncio.sleep(30)

    async with serving(answer) as server, asking(server) as endpoint, asyncio.timeout(20):
        exchange = await endpoint.post("/chat", b"{}")
        now = asyncio.get_running_loop().time
        assert await exchange.read(gather=now() + 0.05) == b"0"
        assert await exchange.read(gather=now() + 0.05) == b"1"
        exchange.close()


async def test_an_answer_that_is_left_to_end_gives_its_connection_back_or_loses_it() -> None:
    async def answer(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(CHUNKED)
        await asyncio.sleep(0.1)
        if number != 1:
            writer.write(b"0\r\n\r\n")

    async with serving(answer) as server, asking(server) as endpoint:
        for connections in (1, 1, 2):
            exchange = await endpoint.post("/chat", b"{}")
            await exchange.read()
            exchange.let_end()
            assert endpoint.ending
            async with asyncio.timeout(10):
                while endpoint.ending:
                    await asyncio.sleep(0.01)
            assert server.connections == connections


@pytest.mark.parametrize("address", ["ftp://host/v1", "host:80/v1", "http:///v1", ""])
def test_an_address_that_cannot_be_asked_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="its address"):
        Endpoint(address, {}, connect=1)


def test_a_key_that_no_header_can_carry_is_refused() -> None:
    with pytest.raises(ValueError, match="printable characters"):
        Endpoint("http://host/v1", {"Authorization": "Bearer a\r\nX: y"}, connect=1)


async def test_an_address_may_carry_a_name_and_password() -> None:
    async with serving(sent(MEASURED)) as server:
        endpoint = Endpoint(f"http://ada:p%40ss@127.0.0.1:{server.port}", {}, connect=5)
        await endpoint.get("/models")
        endpoint.close()
    assert b"Authorization: Basic YWRhOnBAc3M=\r\n" in server.requests[0]


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of a certificate for 127.0.0.1, and the server's half."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "certificate.pem", folder / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    return public, context


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_tls_is_checked_and_its_connections_are_kept(
    loop: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public, context = certificate(tmp_path)

    async def answer(writer: asyncio.StreamWriter, _number: int) -> None:
        for piece in (WHOLE[:80], WHOLE[80:90], WHOLE[90:]):
            writer.write(piece)
            await asyncio.sleep(0.01)

    async def run() -> None:
        async with serving(answer, context) as server:
            stranger = Endpoint(f"https://127.0.0.1:{server.port}/v1", {}, connect=5)
            with pytest.raises(ssl.SSLCertVerificationError):
                await stranger.get("/models")
            monkeypatch.setenv("SSL_CERT_FILE", str(public))
            endpoint = Endpoint(f"https://127.0.0.1:{server.port}/v1", {}, connect=5)
            before = server.connections
            for rest in (0.0, 0.1, 0.0):
                exchange = await endpoint.post("/chat", b"{}")
                body = b""
                while data := await exchange.read():
                    body += data
                    exchange.leave(rest)
                assert body == BODY
            assert server.connections == before + 1
            endpoint.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())


def test_all_of_it_on_the_loop_that_serves() -> None:
    """`./aura up` runs on uvloop, whose transports differ in small things."""

    async def run() -> None:
        await test_what_comes_may_be_left_to_the_system_and_what_does_not_come_is_late()
        await test_an_answer_that_is_left_again_and_again_is_whole_however_it_was_cut()
        await test_an_answer_that_breaks_off_while_it_is_left_is_no_whole_one()
        await test_what_gathered_until_its_time_is_read_and_the_wait_for_the_first_of_it_goes_on()
        await test_an_answer_that_nobody_reads_holds_its_endpoint_back()
        await test_an_answer_that_is_left_to_end_gives_its_connection_back_or_loses_it()
        await test_what_comes_on_an_idle_connection_ends_it()
        await test_a_body_without_a_length_ends_with_its_connection()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
