"""What AURA's transport costs beside a bare Channels echo on the same server, and beside bare `websockets`.

One run, the programs taking turns, so that a noisy machine is noisy for all of them. A message is a sentence of 49 bytes.
Three ways of AURA with it, all coded, numbered, checked and on the record (group commit, synchronous=FULL) before they are
sent: a source that echoes (one prompt of many sentences comes back as a stream, each sentence a chunk), a topic (each
message is published and comes back to its sender as an event), and questions (each message is a prompt of its own, answered
by a model that echoes). `transport.echo_ratio` is the first against the bare echo of the same sentences on the same server,
measured from where every stream has begun: what a question costs is in the third.
"""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.line import Line, open_line
from benchmarks.report import Report, median, options
from compression.codec.varint import decode_varint
from streaming.protocol import frames
from streaming.protocol.codec import encode_raw, text_check
from streaming.protocol.codes import Mode
from streaming.protocol.frames import FrameType
from tests.live import ROOT, LiveServer, free_port

SERVERS = ("uvicorn", "daphne")
CONNECTIONS = 50
LEAST = 20  # messages of a turn, however slow they are
IN_FLIGHT = 4  # messages on their way on each connection
# Without spaces within: the model that echoes says it as one word, so that a message is a chunk.
SENTENCE = " The-quick-model-speaks-in-short-plain-sentences."
SENTENCES = 500  # of a prompt
CREDIT = 16 * 1024 * 1024
SUBPROTOCOL = "Sec-WebSocket-Protocol: aura.v1\r\n"
SETTINGS = {
    "STREAMING_SESSIONS_PER_USER": "100000",
    "STREAMING_STREAMS_PER_USER": "100000",
    "STREAMING_PROMPTS_PER_MINUTE": "0",
    "STREAMING_LAG_LIMIT": "0",
    "LLM_DAILY_BUDGET": "1000000",
    # What a turn leaves behind must not work on into the next one.
    "STREAMING_RESUME_GRACE": "0",
    "AURA_LOG_LEVEL": "WARNING",
}


@dataclass
class Program:
    """A server process to measure."""

    name: str
    port: int
    process: "subprocess.Popen[bytes]"
    live: LiveServer | None = None

    def cpu(self) -> float:
        """Return the processor time it has used, in seconds, its threads included."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Return its resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    async def line(self, on_message: Callable[[bytes], None]) -> Line:
        """Return a connection; AURA's has said hello."""
        if self.live is None:
            return await open_line(self.port, "/echo/", on_message)
        headers = f"{SUBPROTOCOL}Authorization: Bearer {self.live.key}\r\n"
        line = await open_line(self.port, "/ws/chat/", on_message, headers)
        line.send(frames.encode(frames.Hello(version=(1,), mode=Mode.TOKEN, credit=CREDIT, client="benchmark")))
        return line


@dataclass
class Count:
    """Messages that came back; `broken` says what went wrong."""

    messages: int = 0
    broken: str = ""
    started: int = 0  # clients that got their first message

    def took(self, client: "Echoing | Session", number: int) -> None:
        """Count messages that a client got."""
        self.started += not client.seen
        client.seen += number
        self.messages += number


class Echoing:
    """A client of a bare echo."""

    connections = CONNECTIONS

    def __init__(self, count: Count) -> None:
        self.count = count
        self.line: Line | None = None
        self.seen = 0

    async def start(self, program: Program) -> None:
        self.line = await program.line(self.on_message)
        for _ in range(IN_FLIGHT):
            self.line.send(SENTENCE.encode())

    def on_message(self, _data: bytes) -> None:
        self.count.took(self, 1)
        assert self.line is not None
        self.line.send(SENTENCE.encode())


class Session:
    """A client of AURA, which looks at frames only as far as it must."""

    connections = CONNECTIONS

    def __init__(self, count: Count) -> None:
        self.count = count
        self.line: Line | None = None
        self.seen = 0
        self._used = 0
        self._channel = 0

    async def start(self, program: Program) -> None:
        self.line = await program.line(self.on_message)
        self.begin()

    def begin(self) -> None:
        """Send what makes messages come."""
        raise NotImplementedError

    def on_frame(self, kind: int, data: bytes, place: int) -> None:
        """Take a frame of that kind, whose body begins at `place`."""
        raise NotImplementedError

    def on_message(self, data: bytes) -> None:
        kind = data[0] >> 4
        place = 1
        if data[0] & 15 == 15:
            _, place = decode_varint(data, 1)
        if kind == FrameType.FAULT:
            self.count.broken = str(frames.decode(data))
        elif kind == FrameType.PING:
            self.send(frames.Pong(data[place:]))
        else:
            self._used += len(data)
            if self._used > CREDIT // 4:
                self.send(frames.Ack(0, 0, self._used))
                self._used = 0
            self.on_frame(kind, data, place)

    def send(self, frame: frames.Frame) -> None:
        assert self.line is not None
        self.line.send(frames.encode(frame))

    def prompt(self, text: str) -> None:
        """Ask the model that echoes, in a conversation of its own."""
        self._channel += 1
        data = encode_raw(text).data
        self.send(frames.Prompt(self._channel, os.urandom(16), b"", data, text_check(text), "fast"))


class Streaming(Session):
    """One prompt of many sentences after the other; the chunks of their echo are the messages."""

    def begin(self) -> None:
        self.prompt(SENTENCE * SENTENCES)

    def on_frame(self, kind: int, data: bytes, place: int) -> None:
        if kind == FrameType.CHUNK:
            self.count.took(self, 1)
        elif kind == FrameType.CHUNKS:
            self.count.took(self, decode_varint(data, place)[0])
        elif kind == FrameType.DONE:
            self.begin()


class Asking(Session):
    """One sentence a prompt: a conversation, a reservation of money, a choice of model and a record for each."""

    connections = 10

    def begin(self) -> None:
        self.prompt(SENTENCE)

    def on_frame(self, kind: int, _data: bytes, _place: int) -> None:
        if kind == FrameType.DONE:
            self.count.took(self, 1)
            self.prompt(SENTENCE)


class Publishing(Session):
    """One sentence an event of a topic that this client alone listens to."""

    text = json.dumps({"data": SENTENCE})

    def begin(self) -> None:
        self.topic = f"bench/{os.urandom(8).hex()}"
        self.send(frames.Resume(1, b"", 0, 0, self.topic))

    def publish(self) -> None:
        data = encode_raw(self.text).data
        self.send(frames.Publish(0, os.urandom(16), self.topic, data, text_check(self.text)))

    def on_frame(self, kind: int, data: bytes, _place: int) -> None:
        if kind == FrameType.OPEN:
            for _ in range(IN_FLIGHT):
                self.publish()
        elif kind == FrameType.EVENT and data[0] & 15:
            self.count.took(self, 1)
            self.publish()


@dataclass
class Row:
    """The turns of one way with messages."""

    name: str
    program: Program
    client: type[Echoing] | type[Session]
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)  # microseconds of processor time a message

    async def turn(self, seconds: float) -> None:
        """Run the load for a while and note what it came to."""
        count = Count()
        clients = [self.client(count) for _ in range(self.client.connections)]
        await asyncio.gather(*(client.start(self.program) for client in clients))
        await _until(lambda: count.started == len(clients) or bool(count.broken))
        before, cpu, began = count.messages, self.program.cpu(), time.perf_counter()
        await asyncio.sleep(seconds)
        await _until(lambda: count.messages - before >= LEAST or bool(count.broken))
        messages, took = count.messages - before, time.perf_counter() - began
        self.rates.append(messages / took)
        self.costs.append((self.program.cpu() - cpu) * 1e6 / messages)
        for client in clients:
            assert client.line is not None
            client.line.abort()
        if count.broken:
            raise RuntimeError(f"{self.name}: {count.broken}")
        # What is still being answered comes to its end.
        await asyncio.sleep(seconds / 4)


@dataclass
class Idle:
    """What a number of idle connections cost, in bytes."""

    each: float
    whole: int  # the process with all of them


class Waiting(Session):
    """Only answers heartbeats."""

    def begin(self) -> None:
        pass

    def on_frame(self, kind: int, _data: bytes, _place: int) -> None:
        if kind == FrameType.WELCOME:
            self.count.took(self, 1)


async def idle(program: Program, number: int) -> Idle:
    """Return the memory that so many idle connections take."""
    count = Count()
    clients = [Waiting(count) for _ in range(number)]
    before = program.memory()
    for start in range(0, number, 50):
        await asyncio.gather(*(client.start(program) for client in clients[start : start + 50]))
    await _until(lambda: program.live is None or count.started == number)
    await asyncio.sleep(0.5)
    whole = program.memory()
    for client in clients:
        assert client.line is not None
        if client.line.closed:
            raise RuntimeError(f"{program.name} closed some of {number} idle connections")
        client.line.abort()
    await asyncio.sleep(0.5)
    return Idle((whole - before) / number, whole)


class Again:
    """Gets an answer of 200 chunks again and again."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.stream = os.urandom(16)
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue()

    async def connect(self) -> None:
        """Open a connection and say hello; a connection that was open before is broken off."""
        self._arrived = asyncio.Queue()
        self.line = await self.program.line(self._arrived.put_nowait)

    async def ask(self) -> None:
        """Have the answer made."""
        text = SENTENCE * 200
        prompt = frames.Prompt(1, self.stream, b"", encode_raw(text).data, text_check(text), "fast")
        self.line.send(frames.encode(prompt))
        await self._read()

    async def resume(self) -> None:
        """Get it all again."""
        self.line.send(frames.encode(frames.Resume(2, self.stream, 1, 0)))
        await self._read()

    async def _read(self) -> None:
        found = 0
        while True:
            data = await self._arrived.get()
            kind = data[0] >> 4
            if kind == FrameType.CHUNK:
                found += 1
            elif kind == FrameType.CHUNKS:
                found += decode_varint(data, 1)[0]
            elif kind == FrameType.FAULT:
                raise RuntimeError(str(frames.decode(data)))
            elif kind == FrameType.DONE:
                break
        if found != 200:
            raise RuntimeError(f"{found} chunks came in the place of 200")


async def resume(program: Program, times: int) -> list[float]:
    """Return how many milliseconds it takes to get 200 chunks again, as medians of so many times.

    From sending RESUME on an open connection to the end, while memory has the answer; the same from opening the connection
    on; on an open connection when only the record has it, because the server was started again. Last, the milliseconds of
    processor time that the first way costs the server.
    """
    assert program.live is not None
    again = Again(program)
    await again.connect()
    await again.ask()

    async def measured(connecting: bool) -> float:
        took = []
        for _ in range(times):
            if connecting:
                again.line.abort()
            began = time.perf_counter()
            if connecting:
                await again.connect()
            await again.resume()
            took.append((time.perf_counter() - began) * 1000)
        return median(took)

    cpu = program.cpu()
    found = [await measured(False)]
    cost = (program.cpu() - cpu) * 1000 / times
    found.append(await measured(True))
    again.line.abort()
    await asyncio.to_thread(program.live.stop)
    await asyncio.to_thread(program.live.start)
    assert program.live.process is not None
    program.process = program.live.process
    await again.connect()
    found.append(await measured(False))
    again.line.abort()
    return [*found, cost]


async def fan_out(program: Program, subscribers: int, events: int) -> tuple[float, float]:
    """Return how often an event to so many subscribers is coded, and how many deliveries a second there are."""
    assert program.live is not None
    topic, delivered, opened = f"bench/{os.urandom(8).hex()}", 0, 0

    def on_message(data: bytes) -> None:
        nonlocal delivered, opened
        delivered += data[0] >> 4 == FrameType.EVENT and bool(data[0] & 15)
        opened += data[0] >> 4 == FrameType.OPEN

    lines: list[Line] = []
    for start in range(0, subscribers, 50):
        lines += await asyncio.gather(*(program.line(on_message) for _ in range(start, min(subscribers, start + 50))))
    for line in lines:
        line.send(frames.encode(frames.Resume(1, b"", 0, 0, topic)))
    await _until(lambda: opened == subscribers)
    before = await _encodes(program.live)
    began = time.perf_counter()
    for number in range(events):
        text = json.dumps({"data": f"{SENTENCE}{number}"})
        publish = frames.Publish(0, os.urandom(16), topic, encode_raw(text).data, text_check(text))
        lines[0].send(frames.encode(publish))
        expected = subscribers * (number + 1)
        await _until(lambda expected=expected: delivered == expected)  # type: ignore[misc]
    took = time.perf_counter() - began
    encodes = (await _encodes(program.live) - before) / events
    for line in lines:
        line.abort()
    return encodes, subscribers * events / took


async def _until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def _encodes(live: LiveServer) -> int:
    _, _, body = await asyncio.to_thread(live.get, "/api/streaming/stats")
    return int(body["topics"]["encodes"])


def bare(stack: ExitStack, name: str) -> Program:
    """Start a bare echo."""
    port = free_port()
    commands = {
        "uvicorn": [
            "-m", "uvicorn", "benchmarks.bare:application", "--port", str(port), "--ws", "websockets-sansio",
            "--ws-per-message-deflate", "false", "--log-level", "error", "--no-access-log", "--lifespan", "off",
        ],
        "daphne": ["-m", "daphne", "-v", "0", "-p", str(port), "benchmarks.bare:application"],
        "websockets": ["-m", "benchmarks.bare", str(port)],
    }  # fmt: skip
    # They complain at length of clients that leave as these do.
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([sys.executable, *commands[name]], cwd=ROOT, stdout=quiet, stderr=quiet)
    stack.callback(_end, process)
    return Program(name, port, process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def aura(stack: ExitStack, name: str) -> Program:
    """Start AURA on that server, with a model that echoes."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aura-transport-")))
    live = LiveServer(folder, name, beside=None, **SETTINGS)
    live.start()
    stack.callback(live.stop)
    assert live.process is not None
    return Program(name, live.port, live.process, live)


async def ready(program: Program) -> None:
    """Return when the program takes connections."""
    async with asyncio.timeout(30):
        while True:
            if program.process.poll() is not None:
                raise RuntimeError(f"the {program.name} to measure ended: run it again if its port was taken")
            try:
                line = await program.line(lambda _data: None)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                line.abort()
                return


class Programs:
    """The programs to measure, each started when it is first asked for."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._bare: dict[str, Program] = {}
        self._aura: dict[str, Program] = {}

    async def bare(self, name: str) -> Program:
        """Return a bare echo on that server."""
        if name not in self._bare:
            self._bare[name] = bare(self._stack, name)
            await ready(self._bare[name])
        return self._bare[name]

    def aura(self, name: str) -> Program:
        """Return AURA on that server."""
        if name not in self._aura:
            self._aura[name] = aura(self._stack, name)
        return self._aura[name]


async def measure_idle(programs: Programs, quick: bool, report: Report) -> None:
    """Measure what connections cost that do nothing. Wants fresh processes: memory that was used before is used again."""
    number = 2_000 if quick else 10_000
    costs = {
        name: (await idle(await programs.bare(name), number), await idle(programs.aura(name), number))
        for name in SERVERS
    }
    report.table(
        f"{number:,} idle connections, KB each",
        ["server", "bare Channels", "AURA", "ratio", "AURA in all, MB"],
        [
            [name, plain.each / 1024, ours.each / 1024, ours.each / plain.each, ours.whole / 1024**2]
            for name, (plain, ours) in costs.items()
        ],
    )
    plain, ours = costs["uvicorn"]
    report.add("kb_per_idle_connection", ours.each / 1024, "KB")
    report.add("bare_kb_per_idle_connection", plain.each / 1024, "KB")
    report.add("idle_process", ours.whole / 1024**2, "MB")


async def measure_fan_out(programs: Programs, quick: bool, report: Report) -> None:
    """Measure events to many. Before other topics: what is coded is counted over all topics in memory."""
    fans = {name: await fan_out(programs.aura(name), 1_000, 5 if quick else 50) for name in SERVERS}
    heads = ["server", "coded, times an event", "deliveries/s"]
    report.table("an event to 1,000 subscribers", heads, [[name, *fan] for name, fan in fans.items()])
    report.add("encodes_per_fanout", fans["uvicorn"][0], "times")


async def measure_echo(programs: Programs, quick: bool, report: Report) -> None:
    """Measure short messages, the programs taking turns."""
    rows = [Row("bare websockets", await programs.bare("websockets"), Echoing)]
    for name in SERVERS:
        rows.append(Row(f"bare Channels, {name}", await programs.bare(name), Echoing))
        rows.append(Row(f"AURA stream, {name}", programs.aura(name), Streaming))
        rows.append(Row(f"AURA topic, {name}", programs.aura(name), Publishing))
        rows.append(Row(f"AURA questions, {name}", programs.aura(name), Asking))
    for _ in range(2 if quick else 7):
        for row in rows:
            await row.turn(0.6 if quick else 3.0)
    found = {row.name: row for row in rows}
    table: list[list[object]] = []
    for row in rows:
        base = found[f"bare Channels, {row.program.name}"] if row.program.name in SERVERS else row
        ratio = median(row.rates) / median(base.rates)
        table.append([row.name, median(row.rates), median(row.costs), ratio, median(base.costs) / median(row.costs)])
        if row.client is Streaming:
            report.add(f"echo_ratio.{row.program.name}", ratio, "ratio")
    heads = ["short messages", "messages/s", "CPU us each", "rate to bare", "CPU to bare"]
    report.table(f"{CONNECTIONS} connections, sentences of {len(SENTENCE)} bytes", heads, table)


async def measure_resume(programs: Programs, quick: bool, report: Report) -> None:
    """Measure how long it takes to get an answer again."""
    again = {name: await resume(programs.aura(name), 20 if quick else 100) for name in SERVERS}
    heads = ["server", "ms", "with connecting, ms", "from the record, ms", "CPU ms"]
    report.table("200 chunks again, medians", heads, [[name, *found] for name, found in again.items()])
    report.add("resume_ms", again["uvicorn"][0], "ms")
    report.add("resume_connecting_ms", again["uvicorn"][1], "ms")
    report.add("resume_record_ms", again["uvicorn"][2], "ms")


PARTS = {"idle": measure_idle, "fan-out": measure_fan_out, "echo": measure_echo, "resume": measure_resume}


async def measure(stack: ExitStack, parts: Sequence[str], quick: bool, report: Report) -> None:
    """Measure those parts and fill the report."""
    programs = Programs(stack)
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, part in PARTS.items():
        if name in parts:
            await part(programs, quick, report)
    print(f"\nload of the machine after: {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(PARTS), help="that part alone; may be given again")
    chosen = parser.parse_args()
    # Ten thousand connections, here and in the servers started from here.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    report = Report("transport")
    with ExitStack() as stack:
        asyncio.run(measure(stack, chosen.only or list(PARTS), chosen.quick, report))
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
