"""Learning: a simulated day of answers. AURA begins with what it ships, mines what it sends, and goes over to what it
learned while sessions run.

    python -m benchmarks.learning [--quick] [--json FILE]

Every hour brings answers of a support desk to sessions that stay open all day. At each full hour the samples are mined, the
choice becomes a library with a dictionary, as the product makes them. If it pays for its download every session is offered
it, and acknowledges some messages later. What clients fetch is counted: they begin with what ships, and fetch of a version
what is new in it. What each client decodes is compared with what was sent: a message that differs, or cannot be decoded, is
lost.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import brotli  # type: ignore[import-untyped]

from aura_site.redaction import redacted
from benchmarks.report import Report, options
from benchmarks.traffic import Desk
from compression.codec import Library, Template, default_library, delta, encode
from compression.codec.errors import CodecError
from compression.codec.model import Model, default_dictionary
from compression.discovery import Miner, choose, cover, with_forms
from compression.discovery.masks import invented
from compression.discovery.tokens import sentences, units
from streaming.protocol.codec import SessionCodec
from streaming.protocol.codes import LibraryAction
from streaming.protocol.issued import Issued

K = 5
#: Ids below this one belong to the library that ships.
FIRST_ID = 128
DICTIONARY = 16 * 1024
SAMPLES = 4_000
HELD_OUT = 300
SPREAD = 1_000
LIMIT = 262_144


@dataclass(frozen=True)
class Version:
    """A library, the model that goes with it, and the bytes that who has the version before fetches."""

    library: Library
    model: Model
    download: int = 0


@dataclass
class Line:
    """A session and its client; offers wait a while for the client's acknowledgement."""

    server: SessionCodec = field(default_factory=lambda: SessionCodec(LIMIT))
    client: SessionCodec = field(default_factory=lambda: SessionCodec(LIMIT))
    offers: list[tuple[int, Version]] = field(default_factory=list)
    fetched: int = 0

    def hold(self, version: Version) -> None:
        """Begin with what ships."""
        self.issued = Issued(self.server)
        self.issued.hold(version.library)
        self.client.use(1, version.library)
        self.server.models[1] = self.client.models[1] = version.model

    def offer(self, version: Version) -> None:
        for notice in self.issued.offer(version.library):
            if notice.action == LibraryAction.OFFER:
                self.offers.append((notice.index, version))
            else:
                self.client.libraries.pop(notice.index, None)

    def acknowledge(self) -> None:
        for index, version in self.offers:
            self.client.use(index, version.library)
            self.issued.acknowledge(index)
            self.server.models[index] = self.client.models[index] = version.model
            self.fetched += version.download
        self.offers.clear()


def learned(samples: deque[tuple[str, str]], held: Version) -> Version:
    """Return the version that the samples give: what was held, the templates worth carrying, and a dictionary."""
    answers = _as_said(samples)
    miner = Miner(K)
    miner.add([(user, invented(text, n, short=True)) for n, (user, text) in enumerate(samples) if n % 5])
    miner.finish()
    held_out = _held_out(answers)
    judged = held_out + [piece for text in held_out for piece in sentences(text)]
    known = {template.parts for template in held.library.templates}
    first = max(FIRST_ID, held.library.templates[-1].id + 1)
    new = [Template(first + number, one.parts) for number, one in enumerate(miner.found()) if one.parts not in known]
    chosen = sorted((one.template for one in choose(new, judged, _plain)), key=lambda template: template.id)
    plain = Library([*held.library.templates, *chosen])
    pairs = [(user, unit) for user, text in answers for unit in units(text)]
    formed = with_forms(plain.templates, pairs, k=K, horizon=SPREAD / len(answers))
    rest = [(user, text) for user, text in answers if plain.match(text) is None]
    dictionary = default_dictionary() + cover(rest, DICTIONARY, k=K).encode() + plain.texts
    model = Model(dictionary)
    library = Library(formed, model.hash)
    download = _fetched(held.library.manifest, library.manifest)
    download += _fetched(held.model.dictionary + library.texts, dictionary)
    return Version(library, model, download)


def pays(newer: Version, held: Version, samples: deque[tuple[str, str]]) -> bool:
    """Return whether who goes over earns the download back within SPREAD messages, judged by answers held out."""
    some = _held_out(_as_said(samples))
    before, after = (sum(len(encode(text, one.library, 1, one.model).data) for text in some) for one in (held, newer))
    return SPREAD * (before - after) / len(some) > newer.download


def _as_said(samples: deque[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(user, invented(text, number)) for number, (user, text) in enumerate(samples)]


def _held_out(answers: list[tuple[str, str]]) -> list[str]:
    return [text for number, (_, text) in enumerate(answers) if not number % 5][-HELD_OUT:]


def _plain(text: str) -> int:
    return len(encode(text).data)


def _fetched(held: bytes, wanted: bytes) -> int:
    """Return the bytes of a download for who holds the version before: what is new where that is less than all."""
    return min(len(brotli.compress(one)) for one in (delta(held, wanted), wanted))


def main() -> None:
    chosen = options("Learning: a simulated day").parse_args()
    report = Report("learning")
    hours, per_hour, sessions = (4, 400, 8) if chosen.quick else (24, 2_000, 50)
    desk = Desk(150, noise=0.1, improvised=0.1, seed=2)
    chance = random.Random(9)
    version = Version(default_library(), Model(default_dictionary()))
    lines = [Line() for _ in range(sessions)]
    for line in lines:
        line.hold(version)
    samples: deque[tuple[str, str]] = deque(maxlen=SAMPLES)
    lost = sent = total = before = 0
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
            samples.append((answer.user, redacted(answer.text)))
        fetched = sum(line.fetched for line in lines)
        sent += raw
        rows.append([hour, coded / raw, (coded + fetched - before) / raw, hits / per_hour, len(version.library)])
        total += coded + fetched - before
        before = fetched
        newer = learned(samples, version)
        if pays(newer, version, samples):
            version = newer
            for line in lines:
                line.offer(version)
    report.table("a day", ["hour", "coded / raw", "with downloads", "template hits", "templates"], rows)
    report.add("ratio_first_hour", float(str(rows[0][1])), "coded/raw")
    report.add("ratio_last_hour", float(str(rows[-1][1])), "coded/raw")
    report.add("lost", lost, "messages")
    report.add("ratio_day_with_downloads", total / sent, "coded/raw")
    report.add("download_per_client", before / sessions, "B")
    report.finish(chosen.json)


if __name__ == "__main__":
    main()
