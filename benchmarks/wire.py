"""How small a message gets: AURA beside the coders everybody has, on the same messages, with the same training text.

Each corpus is JSON Lines with `conv`, `role` and `text`; the assistant's messages count. The model's dictionary and all
dictionaries of peers come from the training file, as much of it as the model takes (`--dictionary`). All bytes are those
of a payload: a method byte, and the coder's data. AURA's includes its end and its check; what peers add (magic numbers,
sizes, checks) is left out. permessage-deflate is counted with its WebSocket frames.
"""

import json
import re
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import brotli  # type: ignore[import-untyped]

from benchmarks import peers
from benchmarks.plot import bars
from benchmarks.report import Report, in_turn, interval, options, percentile
from compression.codec import Model, Piece, decode, default_dictionary, default_library, encode
from compression.codec.model import MAX_DICTIONARY

CORPORA = Path(__file__).parents[2] / "shared" / "corpora"
BUCKETS = ((0, 100), (100, 300), (300, 1000), (1000, 1 << 30))
#: o200k is not to be had offline; this cuts chat into pieces of 4.1 to 4.8 bytes, as it does.
TOKEN = re.compile(r" ?[^\W\d_]{1,9}|[^\W\d_]+| ?\d{1,3}| ?[^\w\s]{1,3}|\s+|_")
GROUP = 4
SENTENCE_END = re.compile(r"[.!?\n]\s*$")
#: The frame of a piece has one byte of head, and a check where a sentence ends (protocol.md, section 16).
HEAD, CHECK, WEBSOCKET = 1, 1, 2
#: Sizes of dictionaries that --sizes compares, in KB, and after how many messages.
SIZES = (16, 64, 256, 1024, 4096)
AFTER = (100, 1000, 10_000)
#: In delayed mode a frame waits for that many settled bytes.
SETTLED_BYTES = 8


@dataclass(frozen=True)
class Corpus:
    """Messages to code, each with its conversation, and the text that everybody trains on."""

    name: str
    messages: list[tuple[str, bytes]]
    training: list[bytes]


def _load(test: Path, train: Path, budget: int, dictionary: int) -> Corpus:
    read = [json.loads(line) for line in test.read_text().splitlines()]
    messages = [(str(row["conv"]), row["text"].encode()) for row in read if row["role"] == "assistant" and row["text"]]
    if (size := sum(len(content) for _, content in messages)) > budget:
        # Whole conversations, evenly spread.
        conversations = list(dict.fromkeys(conversation for conversation, _ in messages))
        kept = set(conversations[:: -(-size // budget)])
        messages = [entry for entry in messages if entry[0] in kept]
    lines = [json.loads(line) for line in train.read_text().splitlines()]
    texts = [row["text"].encode() for row in lines if row["role"] == "assistant" and row["text"]]
    texts = [text for text in texts if b"\0" not in text]
    step = sum(len(text) + 1 for text in texts) / dictionary
    if step > 1:
        texts = [texts[int(number * step)] for number in range(int(len(texts) / step))]
    while sum(len(text) + 1 for text in texts) > dictionary:
        texts.pop(0)
    return Corpus(test.name.split(".", maxsplit=1)[0], messages, texts)


def _model_of(training: Iterable[bytes]) -> Model:
    return Model(b"".join(text + b"\0" for text in training))


def _ratios(corpus: Corpus, model: Model, report: Report) -> tuple[float, float]:
    library = default_library()
    sizes: dict[str, list[int]] = {}
    contents = [content for _, content in corpus.messages]
    wholes = [len(content) for content in contents]
    encoded = [encode(content.decode(), library, 1, model).data for content in contents]
    for content, data in zip(contents, encoded, strict=True):
        assert decode(data, {1: library}, models={1: model}).encode() == content
    sizes["AURA"] = [len(data) for data in encoded]
    lines: dict[str, peers.Connection] = {}
    sizes["permessage-deflate, context"] = [
        lines.setdefault(conversation, peers.Connection()).send(content) for conversation, content in corpus.messages
    ]
    for name, coder in peers.stateless(corpus.training).items():
        sizes[name] = [1 + len(coder(content)) for content in contents]
    rows = []
    for name, coded in sizes.items():
        low, high = _interval(coded, wholes)
        row: list[object] = [name, sum(coded) / sum(wholes), f"{low:.4f}-{high:.4f}"]
        for least, most in BUCKETS:
            pairs = [(part, whole) for part, whole in zip(coded, wholes, strict=True) if least <= whole < most]
            row.append(sum(part for part, _ in pairs) / sum(whole for _, whole in pairs) if pairs else "-")
        rows.append(row)
    own, best = (float(str(row[1])) for row in (rows[0], min(rows[1:], key=lambda row: float(str(row[1])))))
    report.table(
        f"{corpus.name}: {len(contents)} messages of {sum(wholes) // len(wholes)} B, coded / text, "
        f"dictionary {len(model.dictionary) >> 10} KB; best peer / AURA {best / own:.2f}",
        ["coder", "all", "95 %", "<100 B", "<300 B", "<1,000 B", "longer"],
        rows,
    )
    report.add(f"ratio.{corpus.name}", own, "coded/text")
    report.add(f"best_peer.{corpus.name}", best, "coded/text")
    return own, best


def _interval(parts: Sequence[int], wholes: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % confidence interval of sum(parts) / sum(wholes)."""

    def share(drawn: Sequence[float]) -> float:
        return sum(parts[int(n)] for n in drawn) / sum(wholes[int(n)] for n in drawn)

    return interval(range(len(parts)), share)


def _streamed(corpus: Corpus, model: Model, report: Report) -> list[object]:
    tokens = frames = flushed = delayed = late = deflated = 0  # late: frames of the delayed mode
    for _, content in corpus.messages[:400]:
        pieces = TOKEN.findall(content.decode())
        groups = ["".join(pieces[at : at + GROUP]) for at in range(0, len(pieces), GROUP)]
        writer, settling, line = model.writer(), model.writer(), peers.Connection()
        waiting = 0
        for number, group in enumerate(groups):
            text = group.encode()
            check = CHECK if SENTENCE_END.search(group) else 0
            flushed += HEAD + check + len(writer.put(text))
            last = number == len(groups) - 1
            waiting += len(settling.put(text, Piece.LAST if last else Piece.SETTLED))
            if waiting >= SETTLED_BYTES or last:
                delayed += HEAD + (CHECK if last else 0) + waiting
                late += 1
                waiting = 0
            deflated += line.send(text)
        tokens += len(pieces)
        frames += len(groups)
    report.add(f"tokens4_bytes_per_token.{corpus.name}", flushed / tokens, "B/token")
    report.add(f"tokens4_delayed_bytes_per_token.{corpus.name}", delayed / tokens, "B/token")
    return [
        corpus.name, sum(len(content) for _, content in corpus.messages[:400]) / tokens, flushed / tokens,
        delayed / tokens, (flushed + WEBSOCKET * frames) / tokens, (delayed + WEBSOCKET * late) / tokens, deflated / tokens,
    ]  # fmt: skip


def _sizes(corpus: Corpus, report: Report) -> None:
    """Print what has gone over the line after some messages, the dictionary's download (Brotli) included, by its size."""
    contents = [content for _, content in corpus.messages][:300]
    whole = sum(map(len, contents)) / len(contents)
    general, library = default_dictionary(), default_library()
    dictionaries = {"none": b"", "general": general}
    learned = b"".join(text + b"\0" for text in corpus.training)
    for size in SIZES:
        if size > SIZES[0] and size << 10 >= 2 * len(learned):
            break
        start = learned.find(b"\0", max(0, len(learned) - (size << 10))) + 1 if len(learned) > size << 10 else 0
        dictionaries[f"own {size} KB"] = learned[start:]
        if len(general) + len(learned) - start <= MAX_DICTIONARY:
            dictionaries[f"general, own {size} KB"] = general + learned[start:]
    rows: list[list[object]] = []
    for name, dictionary in dictionaries.items():
        model = Model(dictionary) if dictionary else None
        coded = sum(len(encode(content.decode(), library, 1, model).data) for content in contents) / len(contents)
        download = len(brotli.compress(dictionary, quality=11, lgwin=22)) if dictionary else 0
        totals = ((download / after + coded) / whole for after in AFTER)
        rows.append([name, download, coded / whole, *totals])
    heads = ["dictionary", "download B", "coded / text", *(f"after {after:,}" for after in AFTER)]
    report.table(f"{corpus.name}: bytes over the line / text, download included", heads, rows)


def _times(corpora: Sequence[tuple[Corpus, Model]], quick: bool, report: Report) -> None:
    corpus, model = max(corpora, key=lambda pair: sum(200 <= len(content) <= 400 for _, content in pair[0].messages))
    middle = [content for _, content in corpus.messages if 200 <= len(content) <= 400] or [corpus.messages[0][1]]
    long = _long_texts([content for _, content in corpus.messages], 2048)
    rows = []
    for label, contents in (("300 B", middle[: 60 if quick else 300]), ("2 KB", long[: 40 if quick else 200])):
        seconds = _seconds(contents, model)
        base = sum(seconds["zlib-6"])
        for name, taken in seconds.items():
            p50, p99 = percentile(taken, 0.5) * 1e6, percentile(taken, 0.99) * 1e6
            rows.append([f"{label}: {name}", p50, p99, sum(taken) / base])
        if label == "300 B":
            report.add("encode_p50_us_300B", percentile(seconds["AURA encode"], 0.5) * 1e6, "us")
        else:
            report.add("encode_p99_us_2KB", percentile(seconds["AURA encode"], 0.99) * 1e6, "us")
            report.add("encode_vs_brotli11", sum(seconds["AURA encode"]) / sum(seconds["brotli-11"]), "ratio")
            report.add("decode_vs_brotli5_encode", sum(seconds["AURA decode"]) / sum(seconds["brotli-5"]), "ratio")
    report.table(f"Time in Python ({corpus.name})", ["", "p50 us", "p99 us", "/ zlib-6"], rows)
    text = b"".join(content + b"\0" for content in corpus.training)[: 256 << 10]
    start = time.perf_counter()
    Model(text)
    milliseconds = (time.perf_counter() - start) * 1000
    report.add("prime_ms_256KB", milliseconds, "ms")
    print(f"\nPriming {len(text) >> 10} KB: {milliseconds:.0f} ms in Python, the module compiled before")


def _seconds(contents: Sequence[bytes], model: Model) -> dict[str, list[float]]:
    library = default_library()
    texts = [content.decode() for content in contents]
    payloads = [encode(text, library, 1, model).data for text in texts]
    calls: dict[str, Callable[[int], object]] = {
        "zlib-6": lambda n: peers.deflate(contents[n]),
        "brotli-5": lambda n: brotli.compress(contents[n], quality=5, lgwin=16),
        "brotli-11": lambda n: brotli.compress(contents[n], quality=11, lgwin=18),
        "AURA encode": lambda n: encode(texts[n], library, 1, model),
        "AURA decode": lambda n: decode(payloads[n], {1: library}, models={1: model}),
    }
    return in_turn(calls, range(len(contents)), rounds=3)


def _long_texts(contents: Sequence[bytes], size: int) -> list[bytes]:
    texts, joined = [], b""
    for content in contents:
        joined += content + b"\n\n"
        if len(joined) >= size:
            texts.append(joined[:size].decode(errors="ignore").encode())
            joined = b""
    return texts or [joined]


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__, prog="python -m benchmarks.wire")
    parser.add_argument("--corpus", type=Path, action="append", default=[], help="messages to code; may be repeated")
    parser.add_argument("--train", type=Path, action="append", default=[], help="training text, one for each --corpus")
    parser.add_argument("--dictionary", type=int, default=0, help="bytes of training text at most, up to 4 MB")
    parser.add_argument("--sizes", action="store_true", help="only what dictionaries of several sizes cost and save")
    parser.add_argument("--plot", type=Path, help="write a picture (SVG) there")
    arguments = parser.parse_args()
    pairs = list(zip(arguments.corpus, arguments.train, strict=True))
    if not pairs:
        tests = sorted(CORPORA.glob("*.test.jsonl"))
        pairs = [(test, test.with_name(test.name.replace(".test.", ".train."))) for test in tests]
    if not pairs:
        parser.error("No corpus: give --corpus FILE --train FILE.")
    dictionary = min(MAX_DICTIONARY, arguments.dictionary or (1 << 20 if arguments.quick else MAX_DICTIONARY))
    report = Report("wire")
    loaded, rows, streams = [], [], []
    for test, train in pairs:
        corpus = _load(test, train, 40_000 if arguments.quick else 300_000, dictionary)
        if arguments.sizes:
            _sizes(corpus, report)
            continue
        model = _model_of(corpus.training)
        own, best = _ratios(corpus, model, report)
        rows.append((corpus.name, own, best))
        streams.append(_streamed(corpus, model, report))
        loaded.append((corpus, model))
    if arguments.sizes:
        return
    _times(loaded, arguments.quick, report)
    report.table(
        "Streaming, 4 tokens a frame, bytes a token, session frame headers and checks included",
        ["corpus", "raw", "flushed", "delayed", "flushed + WebSocket", "delayed + WebSocket", "permessage-deflate"],
        streams,
    )
    report.table(
        "Best peer / AURA",
        ["corpus", "AURA", "best peer", "quotient"],
        [[name, own, best, best / own] for name, own, best in rows],
    )
    gain = statistics.geometric_mean([best / own for _, own, best in rows])
    report.add("gain", gain, "best peer/AURA, geometric mean")
    print(f"Geometric mean of the quotients: {gain:.2f}")
    if arguments.plot:
        arguments.plot.write_text(bars("Coded bytes / bytes of text", ("AURA", "best peer"), rows))
    report.finish(arguments.json)


if __name__ == "__main__":
    main()
