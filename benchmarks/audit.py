"""The record, beside django-auditlog in the same run: rows a second and their waits, verification, proofs, erasure, kills.

`python -m benchmarks.audit [--quick] [--only PART] [--json FILE] [--postgresql URL]`; the parts are write, name,
verify, prove, erase and kill. The PostgreSQL rows need a server on which the URL's role may make databases (by default
postgres://postgres@127.0.0.1:5432/postgres); without one they are left out.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from benchmarks.report import Report, median, options

ROOT = Path(__file__).resolve().parents[1]
POSTGRESQL = "postgres://postgres@127.0.0.1:5432/postgres"


class Place:
    """A data folder and a database of its own."""

    def __init__(self, folder: Path, url: str = "", settings: str = "aura_site.settings") -> None:
        self.folder = folder
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AURA_", "DATABASE_", "OPEN"))
        }
        self.environment = {
            **kept,
            "AURA_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONPATH": str(ROOT),
            "AURA_LOG_LEVEL": "ERROR",
            "AURA_EXAMINE": "false",
            **({"DATABASE_URL": url} if url else {}),
        }
        self.run("manage.py", "migrate", "--run-syncdb", "--verbosity=0")

    def run(self, *arguments: str) -> str:
        """Run Python and return what it printed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, check=True, capture_output=True, text=True)
        return done.stdout

    def worker(self, *arguments: object) -> dict[str, Any]:
        """Run a program of benchmarks.audit_worker."""
        printed = self.run("-m", "benchmarks.audit_worker", *(str(one) for one in arguments))
        found: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        return found


@contextmanager
def sqlite(settings: str = "aura_site.settings") -> Iterator[Place]:
    """A place on SQLite."""
    with tempfile.TemporaryDirectory(prefix="aura-bench-") as folder:
        yield Place(Path(folder), settings=settings)


@contextmanager
def postgresql(server: str, settings: str = "aura_site.settings") -> Iterator[Place]:
    """A place on a PostgreSQL server, whose database goes afterwards."""
    name = f"aura_bench_{os.getpid()}_{time.monotonic_ns()}"
    parts = urlsplit(server)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            with tempfile.TemporaryDirectory(prefix="aura-bench-") as folder:
                yield Place(Path(folder), urlunsplit(parts._replace(path=f"/{name}")), settings)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def reachable(server: str) -> bool:
    """Return whether the server answers."""
    try:
        psycopg.connect(server, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def writing(report: Report, quick: bool, server: str) -> None:
    """Rows a second from 1, 64 and 1,000 streams; at 64, AURA and django-auditlog in turn on the same disk."""
    seconds, rounds = (1.5, 1) if quick else (3.0, 5)
    rows = []
    databases: dict[str, Any] = {"sqlite": sqlite}
    if reachable(server):
        databases["postgresql"] = lambda settings="aura_site.settings": postgresql(server, settings)
    for database, place in databases.items():
        with place() as ours, place("benchmarks.auditlog_peer.settings") as theirs:
            for streams in (64,) if quick else (1, 64, 1000):
                found, peers = [], []
                for _ in range(rounds if streams == 64 else 1):
                    found.append(ours.worker("write", streams, seconds))
                    if streams == 64:
                        peers.append(theirs.worker("auditlog", streams, seconds))
                rate, p50, p99 = (median([one[name] for one in found]) for name in ("rows_per_s", "p50_ms", "p99_ms"))
                report.add(f"rows_per_s.{database}.{streams}", rate, "rows/s")
                report.add(f"p50_ms.{database}.{streams}", p50, "ms")
                report.add(f"p99_ms.{database}.{streams}", p99, "ms")
                peer = ratio = peer_p99 = 0.0
                if peers:
                    peer, peer_p99 = (median([one[name] for one in peers]) for name in ("rows_per_s", "p99_ms"))
                    # Of each round by itself: what else the machine does changes from one to the next.
                    ratio = median([a["rows_per_s"] / b["rows_per_s"] for a, b in zip(found, peers, strict=True)])
                    report.add(f"auditlog_rows_per_s.{database}.{streams}", peer, "rows/s")
                    report.add(f"auditlog_p99_ms.{database}.{streams}", peer_p99, "ms")
                    report.add(f"vs_auditlog.{database}.{streams}", ratio, "times")
                rows.append([database, streams, rate, p50, p99, peer or "-", peer_p99 or "-", ratio or "-"])
    heads = ["database", "streams", "rows/s", "p50 ms", "p99 ms", "auditlog rows/s", "its p99 ms", "ratio"]
    report.table("Writing, each stream waiting for its commit", heads, rows)


def naming(report: Report, quick: bool, server: str) -> None:
    """What an entry takes where 500 answers are written at once, their names made at random or beginning with the time."""
    rows, of_all = [], 60_000 if quick else 600_000
    databases: dict[str, Any] = {"sqlite": sqlite}
    if reachable(server):
        databases["postgresql"] = lambda: postgresql(server)
    for database, place in databases.items():
        found = {}
        for way in ("random", "time"):
            with place() as own:
                found[way] = own.worker("name", way, of_all)
            rows.append([database, way, *(found[way][what] for what in ("us", "cpu_us", "written"))])
        for what, unit in (("us", "us"), ("cpu_us", "us"), ("written", "bytes")):
            report.add(f"name.{database}.{what}", found["time"][what], unit)
            report.add(f"name.{database}.{what}_of_random", found["time"][what] / found["random"][what], "times")
    heads = ["database", "names", "us an entry", "of them CPU", "bytes written"]
    report.table(f"Entries of 500 answers at once, the last third of {of_all:,}", heads, rows)


def verifying(report: Report, quick: bool, _server: str) -> None:
    """Verification with decryption, in one process."""
    with sqlite() as place:
        found = place.worker("verify", 60_000 if quick else 300_000)
    report.add("verify_rows_per_s", found["rows_per_s"], "rows/s")
    report.add("verify_rows_per_cpu_s", found["rows_per_cpu_s"], "rows/s")


def proving(report: Report, quick: bool, _server: str) -> None:
    """Proofs of a tree in memory."""
    with sqlite() as place:
        proof = place.worker("prove", 200_000 if quick else 1_000_000)
    report.add("proof_us", proof["us"], "us")
    report.add("tree_leaves_per_s", proof["leaves_per_s"], "leaves/s")


def erasing(report: Report, quick: bool, _server: str) -> None:
    """Erasure of 10,000 entries among others, with proofs from the database before and after."""
    with sqlite() as place:
        erased = place.worker("erase", 30_000 if quick else 100_000, 10_000)
    report.add("erase_10000_s", erased["seconds"], "s")
    report.add("erase_10000_cpu_s", erased["cpu_seconds"], "s")
    report.add("stored_proof_us", erased["proof_us"], "us")


def killing(report: Report, quick: bool, _server: str, times: int = 200) -> None:
    """kill -9 a writer, again and again: what it had acknowledged must be on the record, and the record good."""
    kills = 5 if quick else times
    chance = random.Random(11)
    acknowledged: set[int] = set()
    with sqlite() as place:
        for _ in range(kills):
            command = [sys.executable, "-m", "benchmarks.audit_worker", "crash"]
            with subprocess.Popen(command, cwd=ROOT, env=place.environment, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                first = child.stdout.readline()
                time.sleep(chance.uniform(0, 0.3))
                child.send_signal(signal.SIGKILL)
                printed = first + child.stdout.read()
            # The last line may be torn.
            acknowledged.update(int(line) for line in printed.split(b"\n")[:-1])
        with closing(sqlite3.connect(place.folder / "aura.sqlite3")) as database:
            kept = {row[0] for row in database.execute("SELECT seq FROM audit_entry")}
        place.run("manage.py", "verify_audit")
    report.add("kills", kills, "kills")
    report.add("acknowledged", len(acknowledged), "rows")
    report.add("lost", len(acknowledged - kept), "rows")


PARTS: dict[str, Callable[[Report, bool, str], None]] = {
    "write": writing, "name": naming, "verify": verifying, "prove": proving, "erase": erasing, "kill": killing,
}  # fmt: skip


def main() -> None:
    """Run all of it, or the parts that are asked for."""
    parser = options(__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", action="append", choices=list(PARTS), help="that part alone; may be given again")
    parser.add_argument("--postgresql", default=POSTGRESQL, metavar="URL", help="a server that may be used")
    chosen = parser.parse_args()
    report = Report("audit")
    print(f"load of the machine before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, part in PARTS.items():
        if name in (chosen.only or PARTS):
            part(report, chosen.quick, chosen.postgresql)
    print(f"\nload of the machine after: {os.getloadavg()[0]:.1f}")
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
