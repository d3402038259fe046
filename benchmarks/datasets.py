"""The dataset endpoints on a real server with one worker: throughput, memory, first bytes, cuts.

`mb_per_s`: bytes of input a second through stream_large_dataset at compression level 1 with the default network, body and
answer on one connection. `mb_per_core_s.*`: the same by the time of a core that the worker, or server and worker, used;
other programs on the machine change that less. Beside it: what the same machine does with the input alone (zlib level 1,
SHA-256), and the pure network without a server.
`mb_per_s.one_core`: the same with all threads of server and worker on one core, and the client on another.
`rss_growth_mb`: how much larger a fresh server and its worker get from an input of 1 MB to a large one (resident, the most
of 20 looks a second); `.server` and `.worker` apart.
`heartbeat_late_ms_max`: how late the latest heartbeat came, of one job whose first chunk is computed for `heavy_chunk_s`
and of nine that wait for its worker, each with a heartbeat a second. The chunk is heavy because its network is larger than
a request may ask for: the benchmark writes the job's row itself.
`first_byte_ms_p95.*`: until the first bytes of the answer, with 10 jobs at once. `resume_*`: runs cut at random places and
resumed by Last-Event-ID, and those of them whose bytes were not those of the uncut run.
"""

import asyncio
import hashlib
import os
import random
import re
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.report import Report, median, options, percentile
from streaming.datasets.events import Layout, write
from streaming.datasets.example import machine_log
from streaming.datasets.network import Spec
from streaming.datasets.pace import Shape
from streaming.datasets.payload import Codec
from streaming.datasets.runs import Cursor, advance
from tests.live import LiveServer

MB = 1 << 20
CHUNK = 16_384
PARALLEL = 10
UPLOADED = re.compile(rb'Upload-Offset\."[^}]*"received":([0-9]+)')
PATHS = {
    "optimized": "stream_optimized",
    "standard": "stream_process",
    "large": "stream_large_dataset?compression_level=1",
}


class Line:
    """One connection that sends a body and reads the answer at the same time."""

    def __init__(self, live: LiveServer) -> None:
        self.live = live
        self.first = 0.0
        self.read = 0

    async def open(self, path: str, size: int, **headers: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect and send the head of a request with a body of that size."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.live.port)
        named = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        writer.write(
            f"POST /deep_tree_echo/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.live.key}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {size}\r\n{named}\r\n".encode()
        )
        return reader, writer

    async def ask(self, path: str, blocks: Iterator[bytes], size: int, stop: int = 0, **headers: str) -> bytes:
        """Return the last 64 KB of the answer, or with `stop` the first bytes up to there, where the line is broken."""
        begun = time.perf_counter()
        reader, writer = await self.open(path, size, **headers)
        sending = asyncio.create_task(self._send(writer, blocks))
        kept = b""
        try:
            while not kept.endswith(b"0\r\n\r\n"):
                data = await reader.read(256 * 1024)
                if not data:
                    raise AssertionError(f"the answer ended early: {kept[-300:]!r}")
                self.first = self.first or time.perf_counter() - begun
                self.read += len(data)
                kept += data
                if b"\r\n\r\n" in kept and self.read == len(kept) and not kept.startswith(b"HTTP/1.1 200"):
                    break
                if stop and len(kept) >= stop:
                    break
                if not stop:
                    kept = kept[-65_536:]
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            writer.transport.abort()
        return kept

    @staticmethod
    async def _send(writer: asyncio.StreamWriter, blocks: Iterator[bytes]) -> None:
        for block in blocks:
            writer.write(block)
            await writer.drain()


def payload(answer: bytes) -> bytes:
    """Return the body of an answer without the marks of the chunked transfer coding."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise AssertionError(answer[:500])
    out = b""
    while rest:
        length, _, rest = rest.partition(b"\r\n")
        size = int(length or b"0", 16)
        out += rest[:size]
        rest = rest[size + 2 :]
    return out


def whole_chunks(body: bytes) -> tuple[list[bytes], str]:
    """Return the chunk events that are there whole, without the name of the job, and the id of the last."""
    events = [event for event in body.split(b"\n\n")[:-1] if b"event: chunk" in event]
    last = events[-1].split(b"\n")[0].removeprefix(b"id: ").decode() if events else ""
    return [event.partition(b":1:")[2] for event in events], last


def memory(live: LiveServer) -> tuple[float, float]:
    """Return the megabytes that the server holds (resident), and its workers."""
    assert live.process is not None
    pid = live.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def of(one: int | str) -> float:
        return int(Path(f"/proc/{one}/statm").read_text().split()[1]) * 4096 / 1e6

    return of(pid), sum(map(of, children))


def computing(live: LiveServer) -> dict[str, float]:
    """Return the seconds of a core that the server and its workers have used."""
    assert live.process is not None
    pid = live.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    tick = os.sysconf("SC_CLK_TCK")

    def of(one: int | str) -> float:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / tick

    return {"server": of(pid), "worker": sum(map(of, children))}


def log_of(megabytes: int) -> bytes:
    """Return a machine's log of that size."""
    block = machine_log(400, 1).data
    return (block * (megabytes * MB // len(block) + 1))[: megabytes * MB]


async def measure_throughput(live: LiveServer, report: Report, megabytes: int, rounds: int) -> None:
    """Measure bytes a second, against what costs nothing but the input."""
    block = log_of(1)
    rates = []
    before = computing(live)
    for _ in range(rounds):
        begun = time.perf_counter()
        tail = await Line(live).ask(PATHS["large"], iter([block] * megabytes), megabytes * MB)
        rates.append(megabytes * MB / 1e6 / (time.perf_counter() - begun))
        if b"event: completion" not in tail:
            raise AssertionError(tail[-500:])
    size = rounds * megabytes * MB / 1e6
    used = {name: value - before[name] for name, value in computing(live).items()}
    report.add("mb_per_s", median(rates), "MB/s")
    report.add("mb_per_core_s.worker", size / used["worker"], "MB/s")
    report.add("mb_per_core_s.all", size / sum(used.values()), "MB/s")
    alone = _rate(_zlib, block)
    report.table(
        f"throughput, {megabytes} MB, median of {rounds}; peers see the same input in memory",
        ["what", "MB/s", "of zlib-1"],
        [[name, rate, rate / alone] for name, rate in _peers(block, median(rates))],
    )


def pin(live: LiveServer, cores: set[int]) -> None:
    """Let all threads of the server and its workers run on these cores only."""
    assert live.process is not None
    pid = live.process.pid
    for one in (str(pid), *Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        for thread in Path(f"/proc/{one}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)


async def measure_one_core(live: LiveServer, report: Report, megabytes: int, rounds: int) -> None:
    """Measure bytes a second of a server that has one core; where there is no other one, the client shares it."""
    block, mine = log_of(1), os.sched_getaffinity(0)
    first, *others = sorted(mine)
    pin(live, {first})
    os.sched_setaffinity(0, set(others) or mine)
    rates = []
    try:
        for _ in range(rounds):
            begun = time.perf_counter()
            await Line(live).ask(PATHS["large"], iter([block] * megabytes), megabytes * MB)
            rates.append(megabytes * MB / 1e6 / (time.perf_counter() - begun))
    finally:
        os.sched_setaffinity(0, mine)
        pin(live, mine)
    report.add("mb_per_s.one_core", median(rates), "MB/s")


def _peers(block: bytes, own: float) -> list[tuple[str, float]]:
    return [
        ("stream_large_dataset, server and client", own),
        ("the network and its events, no server", _rate(_network, block * 8)),
        ("zlib level 1 alone", _rate(_zlib, block)),
        ("SHA-256 alone", _rate(lambda data: hashlib.sha256(data).digest(), block)),
    ]


def _rate(work: object, data: bytes) -> float:
    assert callable(work)
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        work(data)
        times.append(time.perf_counter() - begun)
    return len(data) / 1e6 / median(times)


def _zlib(data: bytes) -> bytes:
    return zlib.compress(data, 1)


def _network(data: bytes) -> None:
    cursor, layout = Cursor.start(Spec()), Layout("0" * 32, Codec.GZIP, hexadecimal=True)
    for start in range(0, len(data), 16 * CHUNK):
        results = advance(Spec(), CHUNK, cursor, data[start : start + 16 * CHUNK])
        write(layout, Shape(0, 1), cursor, results, flush=False)


async def measure_memory(live: LiveServer, report: Report, megabytes: int) -> None:
    """Measure the largest memory during an input, against that during one of a megabyte, from a fresh server on."""
    live.stop()
    live.start()
    block = log_of(1)
    tops: list[list[float]] = []
    for size in (1, megabytes):
        top = [0.0, 0.0]
        asking = asyncio.create_task(Line(live).ask(PATHS["large"], iter([block] * size), size * MB))
        while not asking.done():
            top = [max(pair) for pair in zip(top, memory(live), strict=True)]
            await asyncio.wait([asking], timeout=0.05)
        await asking
        tops.append(top)
    grown = [after - before for before, after in zip(*tops, strict=True)]
    report.add("rss_growth_mb", max(0.0, sum(grown)), "MB")
    report.add("rss_growth_mb.server", max(0.0, grown[0]), "MB")
    report.add("rss_growth_mb.worker", max(0.0, grown[1]), "MB")
    rows = [[size, *top] for size, top in zip((1, megabytes), tops, strict=True)]
    report.table("memory of a fresh server and its worker", ["input, MB", "server, MB", "worker, MB"], rows)


HEAVY = """
from django.contrib.auth import get_user_model
from streaming.datasets.parameters import PROCESS
from streaming.jobs import spool, services
from streaming.models import DatasetJob
user = get_user_model().objects.get(username="ada")
values = PROCESS.read({{"heartbeat_interval": 1}}) | {{"membrane_depth": 1, "esn_size": {units}}}
job = DatasetJob(user=user, endpoint="stream_process", parameters=values, content="text", size={size}, status="waiting")
services._create(job)
services.folder(job).append(b"x" * {size}, 0)
print(job.pk)
"""


async def measure_heartbeats(live: LiveServer, report: Report, units: int) -> None:
    """Measure how late heartbeats are while a worker computes one chunk, and others wait for it."""
    printed = await asyncio.to_thread(live.manage, "shell", "--verbosity=0", "-c", HEAVY.format(units=units, size=1024))
    job = printed.strip().splitlines()[-1]
    begun = time.perf_counter()
    one = Beats(live)
    heavy = asyncio.create_task(one.listen(f"stream_process?job={job}", b""))
    # From its first heartbeat on the worker is surely busy.
    await asyncio.wait({heavy, asyncio.create_task(one.heard.wait())}, return_when=asyncio.FIRST_COMPLETED)
    path = "stream_process?heartbeat_interval=1"
    heard = await asyncio.gather(heavy, *(Beats(live).listen(path, b"x" * 1024) for _ in range(PARALLEL - 1)))
    late = [moment - number for beats in heard for number, moment in enumerate(beats, 1)]
    if not late:
        raise AssertionError("the chunk was not heavy enough for a heartbeat")
    report.add("heavy_chunk_s", max(max(beats, default=0.0) for beats in heard), "s")
    report.add("heartbeat_late_ms_max", max(late) * 1000, "ms")
    report.table(
        "heartbeats, one a second, while a chunk is computed",
        ["jobs", "heartbeats", "late, ms, median", "worst", "seconds"],
        [[len(heard), len(late), median(late) * 1000, max(late) * 1000, time.perf_counter() - begun]],
    )


class Beats(Line):
    """One connection that notes when heartbeats come."""

    def __init__(self, live: LiveServer) -> None:
        super().__init__(live)
        self.heard = asyncio.Event()

    async def listen(self, path: str, body: bytes) -> list[float]:
        """Return the seconds from `metadata` to each heartbeat before the first chunk."""
        moments: list[float] = []
        begun = 0.0
        reader, writer = await self.open(path, len(body))
        writer.write(body)
        try:
            while not (line := await reader.readline()).startswith(b"event: chunk"):
                if not line:
                    raise AssertionError("the answer ended early")
                if line.startswith(b"event: metadata"):
                    begun = time.perf_counter()
                elif line.startswith(b"event: heartbeat"):
                    moments.append(time.perf_counter() - begun)
                    self.heard.set()
        finally:
            writer.transport.abort()
        return moments


async def measure_first_bytes(live: LiveServer, report: Report, rounds: int) -> None:
    """Measure when answers begin while ten jobs run at once."""
    rows = []
    for name, path in PATHS.items():
        firsts = []
        for _ in range(rounds):
            lines = [Line(live) for _ in range(PARALLEL)]
            await asyncio.gather(*(line.ask(path, iter([log_of(1)] * 2), 2 * MB) for line in lines))
            firsts += [line.first * 1000 for line in lines]
        report.add(f"first_byte_ms_p95.{name}", percentile(firsts, 0.95), "ms")
        rows.append([name, median(firsts), percentile(firsts, 0.95), max(firsts)])
    report.table(f"first bytes with {PARALLEL} jobs at once, ms", ["endpoint", "median", "p95", "worst"], rows)


async def measure_resume(live: LiveServer, report: Report, runs: int) -> None:
    """Cut answers at random bytes and go on by Last-Event-ID; compare the chunk events with those of an uncut run."""
    chance = random.Random(3)
    wrong = cuts = 0
    data = chance.randbytes(3 * MB // 2)
    paths = [
        "stream_large_dataset?max_chunk_size=8192",
        "stream_chunks?chunk_size=8192",
        "stream_optimized?bandwidth_hint=low",
    ]
    uncut = {}
    for path in paths:
        answer = await Line(live).ask(path, iter([data]), len(data), stop=1 << 40)
        uncut[path] = whole_chunks(payload(answer))[0]
    for _ in range(runs):
        path = chance.choice(paths)
        size = sum(map(len, uncut[path]))
        answer = await Line(live).ask(path, iter([data]), len(data), stop=chance.randrange(3_000, size))
        events, last = whole_chunks(payload(answer))
        while len(events) < len(uncut[path]) and last:
            cuts += 1
            stop = chance.randrange(3_000, size)
            answer = await Line(live).ask(path, iter([]), 0, stop=stop, Last_Event_ID=last)
            if (there := UPLOADED.search(answer)) is not None:
                # The line broke before the whole input was there.
                rest, offset = data[int(there[1]) :], there[1].decode()
                answer = await Line(live).ask(
                    path, iter([rest]), len(rest), stop=stop, Last_Event_ID=last, Upload_Offset=offset
                )
            more, again = whole_chunks(payload(answer))
            events, last = events + more, again or last
        wrong += events != uncut[path]
    report.add("resume_runs", runs, "runs")
    report.add("resume_mismatches", wrong, "runs")
    report.table("cut at random and resumed", ["runs", "cuts", "not the same bytes"], [[runs, cuts, wrong]])


async def measure(live: LiveServer, report: Report, *, quick: bool) -> None:
    """Measure all."""
    await Line(live).ask(PATHS["large"], iter([b"x"]), 1)
    await measure_throughput(live, report, 50 if quick else 400, 3 if quick else 5)
    await measure_one_core(live, report, 50 if quick else 400, 3 if quick else 5)
    await measure_first_bytes(live, report, 1 if quick else 5)
    await measure_resume(live, report, 10 if quick else 1_000)
    await measure_heartbeats(live, report, 2_400 if quick else 5_200)
    await measure_memory(live, report, 100 if quick else 2_048)


def main() -> None:
    """Start a server and measure it."""
    arguments = options(__doc__).parse_args()
    report = Report("datasets")
    with tempfile.TemporaryDirectory() as folder:
        live = LiveServer(Path(folder), STREAMING_DATASET_WORKERS="1")
        live.start()
        try:
            asyncio.run(measure(live, report, quick=arguments.quick))
        finally:
            live.stop()
    report.finish(arguments.json)


if __name__ == "__main__":
    main()
