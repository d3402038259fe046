"""Learning: a simulated day of answers. AURA begins with what it ships, mines what it sends, and goes over to what it
learned while sessions run.

    python -m benchmarks.learning [--quick] [--json FILE]

Every hour brings answers of a support desk to sessions that stay open all day. At each full hour the samples are mined, the
choice becomes a library with a dictionary, and every session is offered it; each client acknowledges some messages later.
What each client decodes is compared with what was sent: a message that differs, or cannot be decoded, is lost.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import brotli  # type: ignore[import-untyped]

from benchmarks.report import Report, options
from benchmarks.traffic import Desk
from compression.codec import Library, Template, default_library, encode
from compression.codec.errors import CodecError
from compression.codec.model import Model
from compression.discovery import Miner, choose, cover
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import LibraryAction
from streaming.protocol.issued import Issued

K = 5
DICTIONARY = 64 * 1024
SAMPLES = 4_000
LIMIT = 262_144


@dataclass
class Line:
    """A session and its client; offers wait a while for the client's acknowledgement."""

    server: SessionCodec = field(default_factory=lambda: SessionCodec(LIMIT))
    client: SessionCodec = field(default_factory=lambda: SessionCodec(LIMIT))
    offers: list[tuple[int, Library, Model | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issued = Issued(self.server)
        self.issued.hold(default_library())
        self.client.use(1, default_library())

    def offer(self, library: Library, model: Model | None) -> None:
        for notice in self.issued.offer(library):
            if notice.action == LibraryAction.OFFER:
                self.offers.append((notice.index, library, model))
            else:
                self.client.libraries.pop(notice.index, None)

    def acknowledge(self) -> None:
        for index, library, model in self.offers:
            self.client.use(index, library)
            self.issued.acknowledge(index)
            if model is not None:
                self.server.models[index] = self.client.models[index] = model
        self.offers.clear()


def learned(samples: deque[tuple[str, str]]) -> tuple[Library, Model | None]:
    """Return the library and the model that the samples give."""
    answers = list(samples)
    miner = Miner(K)
    miner.add([one for number, one in enumerate(answers) if number % 5])
    miner.finish()
    text = cover(answers, DICTIONARY, k=K)
    model = Model(text.encode()) if text else None
    held_out = [text for number, (_, text) in enumerate(answers) if not number % 5][-300:]
    templates = [Template(128 + number, one.parts) for number, one in enumerate(miner.found())]
    chosen = choose(templates, held_out, lambda one: len(encode(one, None, 1, model).data), horizon=3)
    own = sorted((one.template for one in chosen), key=lambda template: template.id)
    return Library([*default_library().templates, *own], model.hash if model else ""), model


def main() -> None:
    chosen = options("Learning: a simulated day").parse_args()
    report = Report("learning")
    hours, per_hour, sessions = (4, 400, 8) if chosen.quick else (24, 2_000, 50)
    desk = Desk(150, noise=0.1, improvised=0.1, seed=2)
    chance = random.Random(9)
    lines = [Line() for _ in range(sessions)]
    samples: deque[tuple[str, str]] = deque(maxlen=SAMPLES)
    lost = 0
    downloads = 0
    rows: list[list[object]] = []
    for hour in range(hours):
        raw = coded = hits = 0
        for answer in desk.answers(per_hour, users=300):
            line = chance.choice(lines)
            if line.offers and chance.random() < 0.3:
                line.acknowledge()
            payload = line.server.encode(answer.text)
            try:
                lost += line.client.decode(payload.data) != answer.text
            except CodecError:
                lost += 1
            raw += len(answer.text.encode())
            coded += len(payload.data)
            hits += payload.template_id is not None
            samples.append((answer.user, answer.text))
        rows.append([hour, coded / raw, hits / per_hour, len(lines[0].server.libraries)])
        library, model = learned(samples)
        downloads += len(brotli.compress(library.manifest)) + (len(brotli.compress(model.dictionary)) if model else 0)
        for line in lines:
            line.offer(library, model)
    report.table("a day", ["hour", "coded / raw", "template hits", "libraries of a session"], rows)
    report.add("ratio_first_hour", float(str(rows[0][1])), "coded/raw")
    report.add("ratio_last_hour", float(str(rows[-1][1])), "coded/raw")
    report.add("lost", lost, "messages")
    report.add("download_per_client", downloads, "B")
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
