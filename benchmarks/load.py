"""Load: people who chat over WebSocket, Server-Sent Events and OpenAI's API, with time to think between their questions.

Seven phases: idle connections; a ramp of people; a soak; a spike of three times as many; a storm, in which every connection
breaks at once and comes back, with the answers that were being written; chats that never pause, as many answers at once as
asked for; an overload of four times as many, all in one moment, which is to be answered by refusals and not by waiting. By
default AURA runs here, in a process of its own, with a model whose tokens are the times at which it said them, so that the
delay of each is exact; generator and server share the machine.

    python -m benchmarks.load                       # all at full size, seven minutes: 5,000 idle, 100 people, 500 chats
    python -m benchmarks.load --only chats --chats 100 --seconds 20
    python -m benchmarks.load --only chats --beside # and by OpenAI's API: AURA, and the least that a gateway can do
    python -m benchmarks.load --url http://127.0.0.1:8000 --key KEY [--key KEY ...]     # a server that runs already

puts the load on that one; then delays are not known, memory and processor time neither.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed

from benchmarks.chats import ApiChat, Chat, Seen, SessionChat, keep_chatting
from benchmarks.gateway import process
from benchmarks.line import Line, open_line
from benchmarks.people import WAYS, Tally, Target, person
from benchmarks.report import Report, options, percentile
from streaming.client import ChatClient
from streaming.protocol import frames
from streaming.protocol.client import Ended, Failed, Reading, TextArrived
from streaming.protocol.codes import Mode
from streaming.protocol.frames import FrameType
from tests.live import LiveServer, free_port

TOKENS, CHAT_TOKENS, GAP_MS = 200, 500, 20
# Seconds over which the chats begin, and how many times as many are an overload.
RAMP, OVER = 10.0, 4
# Of ten people so many come by each way.
MIX = ("websocket",) * 6 + ("sse",) * 2 + ("openai",) * 2
AT_ONCE = 100
CREDIT = 1 << 20
LIMITS = {
    "STREAMING_SESSIONS": "1000000",
    "STREAMING_SESSIONS_PER_USER": "1000000",
    "STREAMING_STREAMS_PER_USER": "100000",
    "STREAMING_STREAMS_PER_PROGRAM": "100000",
    # What is shed under load is shed here too, and counted.
    "STREAMING_LAG_LIMIT": "1.0",
    "AURA_LOG_LEVEL": "WARNING",
    "AURA_CACHE_LIFE": "0",
}


@dataclass
class Plan:
    """How much of everything: people, and seconds."""

    idle: int
    people: int
    ramp: float
    soak: float
    spike: float
    storm: int
    think: float
    chats: int
    seconds: float  # of the chats and of the overload, each


QUICK = Plan(idle=500, people=30, ramp=5, soak=8, spike=4, storm=20, think=2, chats=30, seconds=8)
FULL = Plan(idle=5_000, people=100, ramp=30, soak=120, spike=20, storm=100, think=5, chats=500, seconds=60)
PEOPLE, CHATS = "people", "chats"


@dataclass
class Server:
    """The server under load; `pid` is 0 for one that runs elsewhere."""

    target: Target
    pid: int = 0
    folder: str = ""
    rows: list[list[object]] = field(default_factory=list)
    upstream: int = 0  # the port of its model

    def cpu(self) -> float:
        """Return the processor time that it has used, in seconds."""
        if not self.pid:
            return 0.0
        words = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / 100

    def memory(self) -> float:
        """Return its resident memory in MB."""
        if not self.pid:
            return 0.0
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    async def phase(self, name: str, tally: Tally, work: Awaitable[object]) -> None:
        """Do the work and note what people saw meanwhile."""
        cpu, begun = self.cpu(), time.monotonic()
        await work
        seconds = time.monotonic() - begun
        busy = (self.cpu() - cpu) / seconds * 100
        firsts, delays = _below(tally.firsts, 0.5, 0.95), _below(tally.delays, 0.5, 0.95, 1)
        errors = sum(tally.errors.values())
        seen = [tally.most, tally.answers, tally.tokens / seconds, *firsts, *delays, tally.refused, errors]
        self.rows.append([name, *seen, busy, self.memory()])

    async def chats(
        self, name: str, count: int, ramp: float, seconds: float, kind: type[Chat] = SessionChat, model: str = "smart"
    ) -> Seen:
        """Keep so many chats going, and note what they saw once all had begun, and what a token cost."""
        seen, cpu = Seen(), 0.0
        target = Target(self.target.url, self.target.keys, model, CHAT_TOKENS, clock=True) if self.pid else self.target
        chatting = asyncio.create_task(keep_chatting(target, count, ramp, seconds, seen, kind))
        while not seen.counting and not chatting.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        begun, cpu, most = time.monotonic(), self.cpu(), 0
        while seen.counting:
            await asyncio.sleep(0.02)
            most = max(most, seen.streaming)
        lasted, cpu = time.monotonic() - begun, self.cpu() - cpu
        tokens = seen.tokens
        await chatting
        firsts, delays = _below(seen.firsts, 0.5, 0.95), _below(seen.delays, 0.5, 0.95, 1)
        errors = sum(seen.errors.values())
        row = [most, seen.answers, tokens / lasted, *firsts, *delays, seen.refused, errors, cpu / lasted * 100]
        self.rows.append([name, *row, self.memory()])
        _explain(name, seen.errors)
        return seen


def _below(values: Sequence[float], *shares: float) -> list[float]:
    """Return the values below which those shares of them lie; 0 of none."""
    return [percentile(values, share) if values else 0.0 for share in shares]


HEADS = [
    "phase", "streams", "answers", "tokens/s", "TTFT p50", "p95", "delay p50", "p95", "most",
    "refused", "errors", "CPU %", "MB",
]  # fmt: skip


class Idle:
    """Connections that are open and say nothing but what they must."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lines: list[Line] = []
        self.welcomed = 0
        self.failed = 0

    async def open(self, count: int) -> None:
        """Open so many, AT_ONCE at a time, and return when each has its welcome."""
        self.welcomed = 0
        for start in range(0, count, AT_ONCE):
            some = range(start, min(count, start + AT_ONCE))
            opened = await asyncio.gather(*(self._open(number) for number in some), return_exceptions=True)
            self._lines += [line for line in opened if isinstance(line, Line)]
            self.failed += sum(isinstance(line, BaseException) for line in opened)
        async with asyncio.timeout(120):
            while self.welcomed < len(self._lines):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def _open(self, number: int) -> Line:
        address = urlsplit(self._target.url)
        key = self._target.keys[number % len(self._target.keys)]
        headers = f"Sec-WebSocket-Protocol: aura.v1\r\nAuthorization: Bearer {key}\r\n"
        line: Line | None = None

        def on_message(data: bytes) -> None:
            kind = data[0] >> 4
            if kind == FrameType.PING and line is not None:
                line.send(frames.encode(frames.Pong(data[1:])))
            self.welcomed += kind == FrameType.WELCOME

        line = await open_line(
            address.port or 80, "/ws/chat/", on_message, headers, host=address.hostname or "127.0.0.1"
        )
        line.send(frames.encode(frames.Hello(version=(1,), mode=Mode.SENTENCE, credit=CREDIT, client="load")))
        return line

    @property
    def open_now(self) -> int:
        return sum(not line.closed for line in self._lines)

    def drop(self) -> int:
        """Break all lines; return how many."""
        for line in self._lines:
            line.abort()
        count = len(self._lines)
        self._lines = []
        return count


async def crowd(server: Server, tally: Tally, people: int, ramp: float, soak: float, think: float) -> None:
    """Let so many people come over `ramp` seconds and stay for `soak` seconds."""
    until = asyncio.Event()
    tasks = []
    for number in range(people):
        way = MIX[number % len(MIX)]
        tasks.append(asyncio.create_task(person(server.target, number, way, tally, think, until)))
        await asyncio.sleep(ramp / people)
    await asyncio.sleep(soak)
    until.set()
    await asyncio.gather(*tasks)


class Survivor:
    """Somebody whose line breaks while an answer comes."""

    def __init__(self, target: Target, number: int, tally: Tally) -> None:
        self._target = target
        self._tally = tally
        self._key = target.keys[number % len(target.keys)]
        self.begun = asyncio.Event()
        self.broken = asyncio.Event()
        self.back_after = 0.0

    async def live(self) -> None:
        """Ask, be cut off at `broken`, come back, and read to the end."""
        try:
            await self._live()
        except (OSError, ConnectionClosed, TimeoutError) as error:
            self._tally.errors[type(error).__name__] += 1
        finally:
            self.begun.set()

    async def _live(self) -> None:
        client = ChatClient(f"ws{self._target.url[4:]}/ws/chat/", self._key, mode=Mode.TOKEN)
        await client.connect()
        reading: Reading | None = None
        async for event in client.ask("Tell a long story", model=self._target.model):
            if isinstance(event, Failed):
                self._tally.errors["fault"] += 1
                return
            if isinstance(event, TextArrived):
                reading = event.reading
                break
        assert reading is not None
        self.begun.set()
        await self.broken.wait()
        client.drop()
        cut = time.monotonic()
        await client.connect()
        async for event in client.follow(reading):
            if isinstance(event, TextArrived) and not self.back_after:
                self.back_after = time.monotonic() - cut
            elif isinstance(event, Failed):
                self._tally.errors["fault"] += 1
                return
            elif isinstance(event, Ended):
                self.back_after = self.back_after or time.monotonic() - cut
        words = len(reading.text.split())
        if self._target.tokens and words != self._target.tokens:
            self._tally.errors["tokens missing" if words < self._target.tokens else "tokens twice"] += 1
        else:
            self._tally.answers += 1
            self._tally.tokens += words
        await client.close()


async def storm(server: Server, idle: Idle, count: int, tally: Tally) -> float:
    """Break every line at once; return the seconds until all idle connections are back and every answer goes on."""
    survivors = [Survivor(server.target, number, tally) for number in range(count)]
    tasks = [asyncio.create_task(one.live()) for one in survivors]
    await asyncio.gather(*(one.begun.wait() for one in survivors))
    tally.most = count
    begun = time.monotonic()
    lines = idle.drop()
    for one in survivors:
        one.broken.set()
    await idle.open(lines)
    seconds = time.monotonic() - begun
    await asyncio.gather(*tasks)
    return max([seconds, *(one.back_after for one in survivors)])


async def people(server: Server, plan: Plan, report: Report) -> int:
    """Put people and idle connections on the server; return the errors."""
    errors = 0
    before, idle, nobody = server.memory(), Idle(server.target), Tally()
    await server.phase("idle connections", nobody, idle.open(plan.idle))
    await asyncio.sleep(1.0)
    report.add("idle_connections", idle.open_now, "connections")
    if server.pid:
        report.add("idle_mb", server.memory() - before, "MB")
    phases: list[tuple[str, int, float, float, float]] = [
        ("ramp", plan.people, plan.ramp, 0.0, plan.think),
        ("soak", plan.people, 0.5, plan.soak, plan.think),
        ("spike", plan.people * 3, 0.2, plan.spike, 0.0),
    ]
    most, delays = 0, []
    for name, people, ramp, soak, think in phases:
        tally = Tally()
        await server.phase(name, tally, crowd(server, tally, people, ramp, soak, think))
        most, errors = max(most, tally.most), errors + sum(tally.errors.values())
        delays += tally.delays if name == "soak" else []
        _explain(name, tally.errors)
    tally, took = Tally(), 0.0

    async def stormy() -> None:
        nonlocal took
        took = await storm(server, idle, plan.storm, tally)

    await server.phase("storm", tally, stormy())
    _explain("storm", tally.errors)
    errors += sum(tally.errors.values()) + idle.failed
    if idle.open_now < plan.idle:
        errors += plan.idle - idle.open_now - idle.failed
    idle.drop()
    report.add("streams", most, "streams")
    if delays:
        report.add("token_delay_ms_p95", percentile(delays, 0.95), "ms")
    report.add("storm_s", took, "s")
    return errors


async def chats(server: Server, plan: Plan, report: Report) -> int:
    """Put chats on the server, as many as planned and then far too many; return the errors."""
    seen = await server.chats("chats", plan.chats, RAMP, plan.seconds)
    report.add("chats_tokens_s", seen.tokens / plan.seconds, "tokens/s")
    if seen.delays:
        report.add("chats_delay_ms_p95", percentile(seen.delays, 0.95), "ms")
    over = await server.chats("overload", plan.chats * OVER, 0.0, plan.seconds)
    if over.refusals:
        report.add("refusal_ms_p95", percentile(over.refusals, 0.95), "ms")
    report.add("refused", over.refused, "refusals")
    return sum(seen.errors.values()) + sum(over.errors.values())


async def beside(server: Server, plan: Plan, report: Report) -> int:
    """Put as many chats by OpenAI's API on the server, and on a bare pass-through to the same model; return the errors."""
    errors, port = 0, free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.openai.passthrough:application", "--port", str(port)]
    address = f"http://127.0.0.1:{server.upstream}/v1"
    with process([*command, "--log-level", "warning"], port, UPSTREAM=address) as pid:
        passing = Server(Target(f"http://127.0.0.1:{port}", ["none"], ""), pid, rows=server.rows)
        for one, name, model in (
            (server, "by /v1", "smart"),
            (passing, "pass-through", f"clock-{CHAT_TOKENS}-{GAP_MS}"),
        ):
            seen = await one.chats(name, plan.chats, RAMP, plan.seconds, ApiChat, model)
            errors += sum(seen.errors.values())
            if seen.delays:
                key = name.replace(" ", "_").replace("/", "").replace("-", "_")
                report.add(f"{key}_tokens_s", seen.tokens / plan.seconds, "tokens/s")
                report.add(f"{key}_delay_ms_p95", percentile(seen.delays, 0.95), "ms")
    return errors


async def measure(server: Server, plan: Plan, report: Report, asked: argparse.Namespace) -> None:
    """Put the load on and fill the report."""
    errors = await people(server, plan, report) if asked.only != CHATS else 0
    errors += await chats(server, plan, report) if asked.only != PEOPLE else 0
    errors += await beside(server, plan, report) if asked.beside else 0
    ways = ", ".join(f"{MIX.count(way)} of {len(MIX)} by {way}" for way in WAYS)
    title = f"{plan.idle:,} idle connections; {plan.people} people, {ways}; {plan.chats} chats; times in ms"
    report.table(title, HEADS, server.rows)
    report.add("errors", errors, "errors")


def _explain(name: str, errors: Counter[str]) -> None:
    for words, count in errors.most_common(5):
        print(f"{name}: {count} x {words}")


def own_server(stack: ExitStack, **settings: str) -> Server:
    """Start the model and AURA."""
    port = free_port()
    stack.enter_context(process([sys.executable, "-m", "benchmarks.openai.upstream", str(port)], port))
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aura-load-")))
    model = f"openai:clock-{TOKENS}-{GAP_MS}@0/0"
    tiers = {f"{tier}_MODEL": model for tier in ("FAST", "SMART", "GENIUS")}
    tiers["SMART_MODEL"] = f"openai:clock-{CHAT_TOKENS}-{GAP_MS}@0/0"
    tiers["NANO_MODEL"] = f"openai:clock-20-{GAP_MS}@0/0"
    given = {"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", **tiers, **LIMITS, **settings}
    live = LiveServer(folder, beside=None, **given)
    live.start()
    stack.callback(live.stop)
    assert live.process is not None
    keys = [user["key"] for user in live.users.values()]
    return Server(Target(live.url, keys, "fast", TOKENS, clock=True), live.process.pid, str(folder), upstream=port)


def _plan(asked: argparse.Namespace) -> Plan:
    plan = QUICK if asked.quick else FULL
    for name in ("idle", "people", "soak", "storm", "chats", "seconds"):
        if getattr(asked, name) is not None:
            setattr(plan, name, getattr(asked, name))
    return plan


def main() -> None:
    """Read the options, run, report."""
    parser = options(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a server that runs already, as http://HOST:PORT")
    parser.add_argument("--key", action="append", default=[], help="its API keys; several spread the load over users")
    parser.add_argument("--model", default="fast", help="with --url: tier or model to ask (fast)")
    parser.add_argument("--idle", type=int, help="idle connections")
    parser.add_argument("--people", type=int, help="people of ramp and soak; the spike has three times as many")
    parser.add_argument("--soak", type=float, help="seconds of the soak")
    parser.add_argument("--storm", type=int, help="answers that are being written when the storm breaks out")
    parser.add_argument("--chats", type=int, help="chats that never pause; the overload has four times as many")
    parser.add_argument("--seconds", type=float, help="seconds of the chats, and of the overload")
    parser.add_argument("--only", choices=(PEOPLE, CHATS), help="leave the other phases out")
    parser.add_argument(
        "--beside",
        action="store_true",
        help="as many chats by OpenAI's API too, and through a bare pass-through in Python",
    )
    asked = parser.parse_args()
    if asked.url and asked.beside:
        parser.error("--beside needs a server of its own: leave --url out")
    if asked.url and not (asked.url.startswith("http://") and asked.key):
        parser.error("--url is http://HOST:PORT, and needs a --key")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report = Report("load")
    with ExitStack() as stack:
        server = Server(Target(asked.url, asked.key, asked.model)) if asked.url else own_server(stack)
        asyncio.run(measure(server, _plan(asked), report, asked))
    report.finish(asked.json)


if __name__ == "__main__":
    main()
