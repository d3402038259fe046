"""Programs that benchmarks.audit runs in processes of their own, on a database of their own; each prints JSON."""

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import django

TEXT = "a piece of an answer, which is about sixty-four characters long."
BULK = 1_000
# Answers that are written at the same time, their chunks in the mean, and entries of a transaction.
ANSWERS, CHUNKS, TOGETHER = 500, 80, 150


def write(streams: int, seconds: float) -> dict[str, Any]:
    """Write through the journal from so many streams at once, each waiting for its piece before the next."""
    from audit.journal import journal
    from audit.records.event import Event, Kind

    async def append(stream: UUID, offset: int) -> None:
        event = Event(Kind.CHUNK, UUID(int=1), stream, 1, offset, "ada", time.time_ns() // 1000, TEXT)
        await journal().append([event])

    found = asyncio.run(_measure(append, streams, seconds))
    journal().close()
    return found


def write_auditlog(streams: int, seconds: float) -> dict[str, Any]:
    """Save messages that django-auditlog logs, as a Channels consumer would."""
    from channels.db import database_sync_to_async

    from benchmarks.auditlog_peer.models import Message

    def save(stream: UUID, offset: int) -> None:
        Message._default_manager.create(stream=stream, offset=offset, text=TEXT)

    return asyncio.run(_measure(database_sync_to_async(save, thread_sensitive=False), streams, seconds))


async def _measure(append: Any, streams: int, seconds: float) -> dict[str, Any]:
    waits: list[float] = []
    await append(uuid4(), 0)
    begun = time.perf_counter()
    end = begun + seconds

    async def stream() -> None:
        name, offset = uuid4(), 0
        while time.perf_counter() < end:
            before = time.perf_counter()
            await append(name, offset)
            waits.append(time.perf_counter() - before)
            offset += 1

    await asyncio.gather(*(stream() for _ in range(streams)))
    took = time.perf_counter() - begun
    waits.sort()
    return {
        "rows_per_s": len(waits) / took,
        "p50_ms": 1000 * waits[len(waits) // 2],
        "p99_ms": 1000 * waits[int(len(waits) * 0.99)],
    }


def fill(rows: int, name: str = "ada") -> None:
    """Write entries of a subject, many at a time."""
    from audit.journal import journal
    from audit.records.event import Event, Kind

    stream = uuid4()
    for first in range(0, rows, BULK):
        offsets = range(first, min(first + BULK, rows))
        events = [
            Event(Kind.CHUNK, UUID(int=1), stream, 1, offset, name, 1_700_000_000_000_000, TEXT) for offset in offsets
        ]
        journal().submit(events).result()
    journal().close()


def verify(rows: int) -> dict[str, Any]:
    """Check a record of so many entries, decryption included, three times in one process."""
    from audit.verification import verify

    fill(rows)
    rates = []
    for _ in range(3):
        begun, cpu = time.perf_counter(), time.process_time()
        found = verify()
        took, used = time.perf_counter() - begun, time.process_time() - cpu
        if found.problem is not None:
            raise RuntimeError(str(found.problem))
        rates.append((found.entries / took, found.entries / used))
    return {"rows_per_s": max(rate for rate, _ in rates), "rows_per_cpu_s": max(rate for _, rate in rates)}


def name(way: str, rows: int) -> dict[str, Any]:
    """Write so many entries of ANSWERS answers at once, named at random or by time; return what one of the last took."""
    from audit.journal import journal
    from audit.records.event import Event, Kind
    from streaming.identifiers import new_identifier

    new = new_identifier if way == "time" else uuid4
    chosen = random.Random(7)
    # Name, conversation, and the offsets that are to come.
    answers = [(new(), new(), range(chosen.randint(1, 2 * CHUNKS))) for _ in range(ANSWERS)]
    begun, used, written = 0.0, 0.0, 0
    for batch in range(rows // TOGETHER):
        if batch == 2 * rows // TOGETHER // 3:
            begun, used, written = time.perf_counter(), time.process_time(), _written()
        events = []
        for number in range(batch * TOGETHER, (batch + 1) * TOGETHER):
            stream, conversation, offsets = answers[number % ANSWERS]
            offset = offsets[0]
            events.append(Event(Kind.CHUNK, conversation, stream, 1, offset, "ada", time.time_ns() // 1000, TEXT))
            answers[number % ANSWERS] = (
                (stream, conversation, offsets[1:])
                if len(offsets) > 1
                else (new(), new(), range(chosen.randint(1, 2 * CHUNKS)))
            )
        journal().submit(events).result()
    last = rows // TOGETHER * TOGETHER - 2 * rows // TOGETHER // 3 * TOGETHER
    found = {
        "us": (time.perf_counter() - begun) * 1e6 / last,
        "cpu_us": (time.process_time() - used) * 1e6 / last,
        "written": (_written() - written) / last,
    }
    journal().close()
    return found


def _written() -> int:
    """Return the bytes that this process has written, or on PostgreSQL the server to its log."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_lsn() - '0/0'")
            return int(cursor.fetchone()[0])
    return int(Path("/proc/self/io").read_text().split("wchar:")[1].split()[0])


def erase(rows: int, own: int) -> dict[str, Any]:
    """Erase a subject's entries among others; proofs made before must still hold."""
    from audit import erasure, proofs, selectors
    from audit.models import Entry
    from audit.records.merkle import check_inclusion
    from audit.verification import verify

    fill((rows - own) // 2, "eve")
    fill(own, "ada")
    fill((rows - own) // 2, "eve")
    note, head = proofs.newest_head()
    tree = proofs.StoredTree()
    chosen = random.Random(3).sample(range(1, head.size + 1), 200)
    begun = time.perf_counter()
    proved = {number: proofs.prove_inclusion(number, note, head, tree).hashes for number in chosen}
    proving = time.perf_counter() - begun
    subject = selectors.subject_named("ada")
    assert subject is not None
    begun, cpu = time.perf_counter(), time.process_time()
    receipt = erasure.erase_subject(subject, by="benchmark", reason="benchmark")
    took, used = time.perf_counter() - begun, time.process_time() - cpu
    leaves = dict(Entry.objects.filter(seq__in=chosen).values_list("seq", "hash"))
    bad = sum(
        not check_inclusion(bytes(leaves[n]), n - 1, head.size, hashes, head.root) for n, hashes in proved.items()
    )
    if receipt.entries != own or bad or verify().problem is not None:
        raise RuntimeError("the erasure spoiled the record")
    return {"seconds": took, "cpu_seconds": used, "proof_us": proving * 1e6 / len(chosen)}


def prove(size: int) -> dict[str, Any]:
    """Prove entries of a tree in memory; in processor time, as nothing of it waits."""
    import hashlib

    from audit.records.merkle import Tree, check_inclusion

    begun = time.process_time()
    tree = Tree(hashlib.sha256(number.to_bytes(8, "big")).digest() for number in range(size))
    built = time.process_time() - begun
    chosen = random.Random(5).sample(range(size), 1000)
    begun = time.process_time()
    found = [tree.inclusion(index, size) for index in chosen]
    took = time.process_time() - begun
    root = tree.root()
    if not all(check_inclusion(tree.node(0, i), i, size, proof, root) for i, proof in zip(chosen, found, strict=True)):
        raise RuntimeError("a proof does not hold")
    return {"us": took * 1e6 / len(chosen), "leaves_per_s": size / built}


async def crash() -> None:
    """Write for ever and print each number once it is acknowledged; to be killed."""
    from audit.journal import journal
    from audit.records.event import Event, Kind

    async def stream() -> None:
        name, offset = uuid4(), 0
        while True:
            event = Event(Kind.CHUNK, UUID(int=1), name, 1, offset, "ada", time.time_ns() // 1000, TEXT)
            (number,) = await journal().append([event])
            os.write(1, f"{number}\n".encode())
            offset += 1

    await asyncio.gather(*(stream() for _ in range(16)))


def main(program: str, *arguments: str) -> None:
    """Run one of them."""
    django.setup()
    numbers = [_number(value) for value in arguments]
    if program == "crash":
        asyncio.run(crash())
    programs: dict[str, Any] = {
        "write": write, "auditlog": write_auditlog, "name": name, "verify": verify, "erase": erase, "prove": prove,
    }  # fmt: skip
    print(json.dumps(programs[program](*numbers)))


def _number(value: str) -> str | int | float:
    return float(value) if "." in value else int(value) if value.isdigit() else value


if __name__ == "__main__":
    main(*sys.argv[1:])
