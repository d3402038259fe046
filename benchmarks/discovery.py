"""Discovery: the templates found and what they save on answers held out, the speed of mining, matching and recording.

    python -m benchmarks.discovery [--quick] [--million] [--json FILE] [--corpus FILE --train FILE]

Without files the answers are generated (benchmarks.traffic): `clean`, and `messy`, where 30 % have words changed and 30 %
are improvised. A file holds one message a line as JSON: `role`, `text`, `conv` (counts as the user), maybe `template`, the
truth about the grouping. Only lines of the assistant count. Times are CPU times of one thread: others may use the machine.
"""

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import brotli  # type: ignore[import-untyped]
from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

from aura_site.redaction import redacted
from benchmarks.discovery_worker import K, apart, mine
from benchmarks.report import Report, median, options, percentile
from benchmarks.traffic import Answer, Desk
from compression.codec import Library, Template, default_library, delta, encode
from compression.codec.matcher import Matcher
from compression.codec.model import Model, default_dictionary
from compression.discovery import Level, choose, cover, with_forms, worthwhile
from compression.discovery.masks import invented
from compression.manager import TemplateManager

DICTIONARY = 64 * 1024
#: Answers held out that templates are chosen by.
JUDGED = 800
#: Downloads are spread over so many messages.
SPREAD = 1_000


def read(path: Path, limit: int) -> list[Answer]:
    """Return the assistant's answers of a file; templates get numbers, -1 without one."""
    numbers: dict[str, int] = {}
    found = []
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row.get("role", "assistant") == "assistant":
                truth = row.get("template")
                number = numbers.setdefault(truth, int.from_bytes(truth.encode(), "big")) if truth else -1
                found.append(Answer(str(row.get("conv", "")), row["text"], number))
    return found[:limit]


def grouping_f(groups: Sequence[object], answers: Sequence[Answer]) -> float:
    """Return the F measure over pairs of answers of known templates: put together, and belonging together."""
    rows = [(group, one.template) for group, one in zip(groups, answers, strict=True) if one.template >= 0]

    def pairs(counts: Counter[object]) -> int:
        return sum(count * (count - 1) // 2 for count in counts.values())

    both = pairs(Counter(rows))
    made, true = pairs(Counter(group for group, _ in rows)), pairs(Counter(number for _, number in rows))
    return 2 * both / (made + true) if made + true else 0.0


def drain3(train: Sequence[Answer], test: Sequence[Answer]) -> tuple[list[object], float]:
    """Return Drain3's groups of the held-out answers, and the seconds of CPU it took to learn."""
    config = TemplateMinerConfig()
    config.profiling_enabled = False
    miner = TemplateMiner(config=config)
    began = time.thread_time()
    for one in train:
        miner.add_log_message(one.text)
    took = time.thread_time() - began
    groups: list[object] = []
    for number, one in enumerate(test):
        cluster = miner.match(one.text)
        groups.append(f"none {number}" if cluster is None else cluster.cluster_id)
    return groups, took


def corpus(report: Report, name: str, train: Sequence[Answer], test: Sequence[Answer], *, peer: bool) -> None:
    """Mine the training answers; report grouping and ratio on the others."""
    said = [one for n, one in enumerate(train) if n % 5]
    # As a server keeps them: of personal data the form alone, and something invented in its place.
    kept = [redacted(one.text) for one in train]
    mined = [replace(one, text=invented(kept[n], n, short=True)) for n, one in enumerate(train) if n % 5]
    train = [replace(one, text=invented(kept[n], n)) for n, one in enumerate(train)]
    judged = train[::5]
    miner, took = mine(mined, [Level.MESSAGE])
    found = miner.found()
    templates = [Template(128 + number, one.parts) for number, one in enumerate(found)]
    matcher = Matcher(templates)
    matches = [matcher.match(one.text) for one in test]
    nearest = [miner.nearest(one.text) for one in test]
    groups = [f"none {number}" if group is None else group for number, group in enumerate(nearest)]
    library, dictionary, download = learned(templates, train, judged)
    model, general = Model(dictionary), Model(default_dictionary())
    sizes = [len(one.text.encode()) for one in test]
    raw, per = sum(sizes), SPREAD * sum(sizes) / len(sizes)
    plain = Library(templates)
    coded = {
        "Brotli alone": sum(len(encode(one.text).data) for one in test),
        "the general model that ships": sum(len(encode(one.text, None, 1, general).data) for one in test),
        "the model, dictionary of discovery": sum(len(encode(one.text, None, 1, model).data) for one in test),
        "templates and Brotli": sum(len(encode(one.text, plain, 1).data) for one in test),
        "templates that pay, and model": sum(len(encode(one.text, library, 1, model).data) for one in test),
    }
    hits = sum(match is not None for match in matches) / len(test)
    rows: list[list[object]] = [[way, size / raw] for way, size in coded.items()]
    ratio = coded["templates that pay, and model"] / raw + download / per
    rows.append([f"the last, with the download ({download:,} B) over {SPREAD:,} messages", ratio])
    whole = len(brotli.compress(library.manifest)) + len(brotli.compress(dictionary))
    rows.append([f"the same for a client that has nothing yet ({whole:,} B)", ratio + (whole - download) / per])
    together = brotli.compress(b"\0".join(one.text.encode() for one in test[:SPREAD]), lgwin=24)
    rows.append(
        [f"{len(test[:SPREAD]):,} messages as one Brotli stream, for comparison", len(together) / sum(sizes[:SPREAD])]
    )
    report.table(
        f"{name}: coded / raw on {len(test):,} answers held out; {hits:.0%} match one of {len(found)}",
        ["way", "ratio"],
        rows,
    )
    report.add(f"ratio.{name}", ratio, "coded/raw")
    report.add(f"hit_rate.{name}", hits, "share")
    if any(one.template >= 0 for one in test):
        ours = grouping_f(groups, test)
        report.add(f"grouping_f.{name}", ours, "F")
        users: dict[int, set[str]] = {}
        for one in mined:
            # What somebody changed a word in was not seen as the template makes it.
            if not one.changed:
                users.setdefault(one.template, set()).add(one.user)
        wanted = {number for number, seen in users.items() if number >= 0 and len(seen) >= K}
        got = {one.template for one in (*mined, *test) if one.template in wanted and matcher.match(one.text)}
        report.add(f"recovered.{name}", len(got) / max(1, len(wanted)), "share")
        if peer:
            theirs, drained = drain3(said, test)
            report.add(f"drain3_grouping_f.{name}", grouping_f(theirs, test), "F")
            report.table(
                f"{name}: speed",
                ["miner", "messages/s"],
                [["AURA", len(mined) / took], ["Drain3", len(mined) / drained]],
            )


def learned(
    templates: Sequence[Template], train: Sequence[Answer], judged: Sequence[Answer]
) -> tuple[Library, bytes, int]:
    """Return a library, its dictionary, and the bytes that a client fetches of both.

    The client has the general dictionary, which ships, and fetches what is new (wire-format.md, section 8).
    """
    answers = [(one.user, one.text) for one in train]
    held_out = [one.text for one in judged[-JUDGED:]]
    general = Model(default_dictionary())
    formed = with_forms(templates, answers, k=K, horizon=SPREAD / max(1, len(answers)))
    horizon = SPREAD / max(1, len(held_out))
    chosen = choose(formed, held_out, lambda text: len(encode(text, None, 1, general).data), horizon=horizon)
    own = Library(sorted((one.template for one in chosen), key=lambda template: template.id))
    rest = [(user, text) for user, text in answers if own.match(text) is None]
    some = held_out[:: max(1, len(held_out) // 200)]

    def primed(text: str) -> bytes:
        return default_dictionary() + text.encode() + own.texts

    def cost(text: str) -> float:
        model = Model(primed(text))
        coded = sum(len(encode(one, own, 1, model).data) for one in some)
        return SPREAD * coded / max(1, len(some)) + len(brotli.compress(text.encode()))

    dictionary = primed(worthwhile(cover(rest, DICTIONARY, k=K), cost))
    library = Library(own.templates, Model(dictionary).hash)
    new = delta(default_dictionary() + own.texts, dictionary)
    return library, dictionary, len(brotli.compress(library.manifest)) + len(brotli.compress(new))


def scaling(report: Report, counts: Sequence[int], both: Sequence[int]) -> None:
    """Report speed and memory of mining messy answers, each in a process of its own; with sentences those of `both`."""
    rows: list[list[object]] = []
    for sentences in (False, True):
        ending = ".sentences" if sentences else ""
        for count in both if sentences else counts:
            one = apart(count, sentences=sentences)
            speed = count / one.seconds
            what = "messages and sentences" if sentences else "messages"
            rows.append([what, count, speed, one.most_mb, one.before_mb, one.entries, one.templates])
            report.add(f"messages_per_s.{count}{ending}", speed, "1/s")
            report.add(f"resident_mb.{count}{ending}", one.most_mb, "MB")
    report.add("messages_per_s", float(str(rows[len(counts) - 1][2])), "1/s")
    heads = ["mined", "messages", "messages/s", "MB resident", "MB before", "entries held", "templates"]
    report.table("mining, messy, in a process of its own", heads, rows)


def matching(report: Report, sizes: Sequence[int], rounds: int) -> None:
    """Report the time to match a message of about 300 bytes, half of them hits."""
    rows = []
    for count in sizes:
        desk = Desk(count, seed=5)
        templates = []
        for number, parts in enumerate(desk.templates):
            # Slots become parts' borders; the last part is fixed in every one of these.
            fixed = [part if isinstance(part, str) else "\0" for part in parts]
            templates.append(Template(128 + number, tuple("".join(fixed).split("\0"))))
        matcher = Matcher(templates)
        texts = [one.text for one in desk.answers(600) if 200 <= len(one.text) <= 400]
        texts += [text.replace(" the ", " teh ").replace(", ", " , ", 2) for text in texts]
        times = []
        for text in texts * rounds:
            began = time.thread_time_ns()
            matcher.match(text)
            times.append((time.thread_time_ns() - began) / 1e3)
        rows.append([count, sum(map(len, texts)) / len(texts), median(times), percentile(times, 0.99)])
        report.add(f"match_us.{count}", median(times), "us")
        report.add(f"match_p99_us.{count}", percentile(times, 0.99), "us")
    report.table("matching a message", ["templates", "characters", "p50 us", "p99 us"], rows)


def recording(report: Report, count: int) -> None:
    """Report the time that recording an answer takes from a stream."""
    manager = TemplateManager(auto_update=False)
    times = []
    for number in range(count):
        text = f"Answer {number}. " * 20
        began = time.thread_time_ns()
        manager.record_response(text, number)
        times.append((time.thread_time_ns() - began) / 1e3)
    report.add("record_response_us", median(times), "us")


def main() -> None:
    parser = options(__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--corpus", type=Path, metavar="FILE", help="answers held out, JSON lines")
    parser.add_argument("--million", action="store_true", help="mine a million answers too; takes some four minutes")
    parser.add_argument("--train", type=Path, metavar="FILE", help="answers to mine, JSON lines")
    chosen = parser.parse_args()
    if (chosen.corpus is None) != (chosen.train is None):
        parser.error("--corpus and --train go together")
    report = Report("discovery")
    most = 2_000 if chosen.quick else 20_000
    if chosen.corpus is not None:
        name = chosen.corpus.name.split(".")[0]
        test = read(chosen.corpus, 150 if chosen.quick else 2_000)
        corpus(report, name, read(chosen.train, 10 * most), test, peer=True)
    else:
        for name, share in (("clean", 0.0), ("messy", 0.3)):
            answers = list(Desk(noise=share, improvised=share).answers(most + most // 10))
            corpus(report, name, answers[:most], answers[most:], peer=True)
    counts = (1_000, 2_000) if chosen.quick else (1_000, 10_000, 100_000)
    scaling(report, (*counts, 1_000_000) if chosen.million else counts, counts)
    matching(report, (15, 100_000), 1 if chosen.quick else 10)
    recording(report, 2_000)
    assert len(default_library()) == 15
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
