"""What a given number of connections needs, from what one connection, one question and one token were measured to cost.

Measures on a server of its own (memory of an idle connection, processor time of its heartbeats, of a question, of a token,
entries on the record of an answer), then computes. Every assumption is an option, and is printed.

    python -m benchmarks.capacity --connections 1000000 --questions-per-hour 6 --tokens 300
"""

import argparse
import asyncio
import math
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import GAP_MS, Idle, Server, crowd, own_server
from benchmarks.people import Tally, Target
from benchmarks.report import Report, options

UNITS = {"memory_gb": "GB", "megabits_s": "Mbit/s", "rows_s": "rows/s"}
HEARTBEAT = 5.0  # seconds between heartbeats while they are measured


@dataclass(frozen=True)
class Costs:
    """What was measured, on one core of this machine."""

    process_mb: float  # a server process without connections
    connection_kb: float
    heartbeat_us: float  # processor time of one heartbeat of one connection, with what else goes on when nothing does
    question_ms: float  # processor time of an answer beside its tokens
    token_us: float
    rows_per_answer: float  # entries on the record, beside its chunks
    rows_per_second: float  # chunks a second of an answer


@dataclass(frozen=True)
class Demand:
    """What is assumed of people and machines."""

    connections: int = 1_000_000
    questions_per_hour: float = 6.0  # of each connection
    tokens: int = 300  # of an answer
    seconds: float = 10.0  # that an answer takes
    peak: float = 2.0  # times the mean
    heartbeat_s: float = 30.0
    utilization: float = 0.6  # of a core, so that the delay of tokens stays small
    connections_per_process: int = 20_000  # STREAMING_SESSIONS
    rows_per_database_s: float = 15_000.0  # what one PostgreSQL takes (benchmarks.audit measures it)
    bytes_per_token: float = 4.0  # frames to the client, without TCP (benchmarks.wire measures it)
    heartbeat_bytes: int = 8  # a ping and a pong, without TCP
    spare: int = 1  # processes in 10 that may be away (drain, failure)


@dataclass(frozen=True)
class Needs:
    """What that takes."""

    questions_s: float
    streams: float
    tokens_s: float
    cores: float
    processes: int
    bound_by: str
    memory_gb: float
    rows_s: float
    databases: int
    megabits_s: float


def needs(costs: Costs, demand: Demand) -> Needs:
    """Return what a demand takes; connections are spread evenly over processes of one core each."""
    questions = demand.connections * demand.questions_per_hour / 3600 * demand.peak
    tokens = questions * demand.tokens
    beats = demand.connections / demand.heartbeat_s
    cores = beats * costs.heartbeat_us / 1e6 + questions * costs.question_ms / 1e3 + tokens * costs.token_us / 1e6
    by_cpu = math.ceil(cores / demand.utilization)
    by_connections = math.ceil(demand.connections / demand.connections_per_process)
    processes = math.ceil(max(by_cpu, by_connections) * 10 / (10 - demand.spare))
    memory = processes * costs.process_mb / 1e3 + demand.connections * costs.connection_kb / 1e6
    rows = questions * (costs.rows_per_answer + costs.rows_per_second * demand.seconds)
    sent = tokens * demand.bytes_per_token + beats * demand.heartbeat_bytes
    return Needs(
        questions_s=questions,
        streams=questions * demand.seconds,
        tokens_s=tokens,
        cores=cores,
        processes=processes,
        bound_by="processor time" if by_cpu >= by_connections else "connections of a process",
        memory_gb=memory,
        rows_s=rows,
        databases=math.ceil(rows / demand.rows_per_database_s),
        megabits_s=sent * 8 / 1e6,
    )


async def measure(server: Server, folder: Path, connections: int, seconds: float) -> Costs:
    """Return what things cost on this machine."""
    process = server.memory()
    idle = Idle(server.target)
    await idle.open(connections)
    await asyncio.sleep(1.0)
    memory = (server.memory() - process) * 1024 / connections
    cpu = server.cpu()
    await asyncio.sleep(2 * HEARTBEAT)
    quiet = (server.cpu() - cpu) / (2 * connections) * 1e6
    idle.drop()
    await asyncio.sleep(1.0)
    asked = []
    for model, tokens in (("nano", 20), ("fast", 200)):
        target = Target(server.target.url, server.target.keys, model, tokens, clock=True)
        tally, rows, cpu = Tally(), _rows(folder), server.cpu()
        await crowd(Server(target, server.pid), tally, 10, 0.1, seconds, 0.0)
        if not tally.answers or tally.errors:
            raise RuntimeError(f"the server did not answer as it should: {dict(tally.errors)}")
        cost = (server.cpu() - cpu) / tally.answers * 1e6
        asked.append((tokens, cost, (_rows(folder) - rows) / tally.answers))
    (few, cheap, rows_few), (many, dear, rows_many) = asked
    token = max(0.0, (dear - cheap) / (many - few))
    question = max(0.0, cheap - few * token) / 1000
    chunks = max(0.0, (rows_many - rows_few) / ((many - few) * GAP_MS / 1000))
    return Costs(process, memory, quiet, question, token, max(0.0, rows_few - chunks * few * GAP_MS / 1000), chunks)


def _rows(folder: Path) -> int:
    with closing(sqlite3.connect(f"file:{folder / 'aura.sqlite3'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM audit_entry").fetchone()[0])


def _assumptions(asked: argparse.Namespace) -> Demand:
    given = {name: getattr(asked, name) for name in Demand.__dataclass_fields__ if getattr(asked, name) is not None}
    return Demand(**given)


def _rows_of(costs: Costs, demand: Demand) -> Iterator[list[object]]:
    for connections in (10_000, 100_000, demand.connections):
        one = needs(costs, Demand(**{**vars(demand), "connections": connections}))
        yield [
            f"{connections:,}", one.questions_s, one.streams, one.tokens_s, one.cores, one.processes, one.bound_by,
            one.memory_gb, one.rows_s, one.databases, one.megabits_s,
        ]  # fmt: skip


def main() -> None:
    """Read the assumptions, measure, compute."""
    parser = options(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, one in Demand.__dataclass_fields__.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(one.default), help=f"default {one.default}")
    asked = parser.parse_args()
    demand = _assumptions(asked)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report = Report("capacity")
    with ExitStack() as stack:
        server = own_server(stack, STREAMING_HEARTBEAT_INTERVAL=f"{HEARTBEAT:.0f}")
        count, seconds = (1_000, 5.0) if asked.quick else (5_000, 20.0)
        costs = asyncio.run(measure(server, Path(server.folder), count, seconds))
    report.table("measured, on one core", ["what", "value"], [[name, value] for name, value in vars(costs).items()])
    report.table("assumed", ["what", "value"], [[name, value] for name, value in vars(demand).items()])
    heads = ["connections", "questions/s", "streams", "tokens/s", "cores", "processes", "bound by", "GB", "rows/s",
             "databases", "Mbit/s"]  # fmt: skip
    report.table("needed at the peak", heads, list(_rows_of(costs, demand)))
    found = needs(costs, demand)
    for name in ("cores", "processes", "memory_gb", "rows_s", "databases", "megabits_s"):
        report.add(name, float(getattr(found, name)), UNITS.get(name, name))
    report.finish(asked.json)


if __name__ == "__main__":
    main()
