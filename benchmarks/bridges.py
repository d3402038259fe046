"""Messages through each bridge while broker and consumer are killed, and how fast it is beside the bare client.

For each broker three parts, each on a server of its own on a free port. Speed: the bare client sends and reads back as many
messages as the bridge does with its books (duplicates left out, checkpoint in a database), in turns. Chaos: messages go from
an outbox through the gateway to the broker and from there by a consumer into a table, in processes of their own, while the
broker and the consumer are killed over and over (SIGKILL); what is missing or twice in the table is counted.
`bridges.NAME.lost` and `.doubled` must be 0. Catch-up: on the same way messages gather while the broker is away for 20
seconds, then while the consumer is; the rate at which they drain stands beside that of the ordinary flow.

Redis, NATS and RabbitMQ are themselves. Kafka is Tansu over a store of objects that is not killed; Kinesis is moto and
Pub/Sub a small server over Google's messages, both with a file of what they have taken.
"""

import json
import os
import subprocess
import sys
import tempfile

from benchmarks.report import Report, options

BROKERS = ("redis", "nats", "rabbitmq", "kafka", "kinesis", "pubsub")
PARTS = ("speed", "chaos", "catchup")
KILLS = 20


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("brokers", nargs="*", default=BROKERS, help="some of " + ", ".join(BROKERS))
    parser.add_argument(
        "--messages",
        type=int,
        default=100_000,
        help="in the chaos; a tenth, at least 2,000, for speed and to catch up with",
    )
    parser.add_argument("--kills", type=int, default=KILLS, help="of the broker, and as many of the consumer")
    parser.add_argument("--only", choices=PARTS, help="one part")
    given = parser.parse_args()
    # Redis and NATS are there again at once; the others take their time.
    names = [name for name in given.brokers if name in ("redis", "nats")] if given.quick else given.brokers
    messages, kills = (4_000, 2) if given.quick else (given.messages, given.kills)
    report = Report("bridges")
    few = max(2_000, messages // 10)
    speed, chaos, catchup = [], [], []
    for name in names:
        if given.only in (None, "speed"):
            found = measured(name, "speed", few, 0)
            speed.append((name, few, *(found[key] for key in ("rate", "ratio"))))
            report.add(f"{name}.vs_bare_client", found["ratio"], "of its rate")
        if given.only in (None, "chaos"):
            found = measured(name, "chaos", messages, kills)
            chaos.append((name, messages, kills, *(found[key] for key in ("lost", "doubled", "seconds"))))
            report.add(f"{name}.messages", messages, "messages")
            report.add(f"{name}.kills", kills, "of the broker, and of the consumer")
            report.add(f"{name}.lost", found["lost"], "messages")
            report.add(f"{name}.doubled", found["doubled"], "messages")
        if given.only in (None, "catchup"):
            found = measured(name, "catchup", few, 0)
            behind = [(found[key] / found["flow"], found[f"{key}_seconds"]) for key in ("broker", "consumer")]
            catchup.append((name, few, found["flow"], *behind[0], *behind[1], found["lost"], found["doubled"]))
            for whose, (ratio, seconds) in zip(("broker", "consumer"), behind, strict=True):
                report.add(f"{name}.catchup_{whose}", ratio, "of the ordinary flow's rate")
                report.add(f"{name}.catchup_{whose}_s", seconds, "seconds until the first effect")
    if speed:
        heads = ["broker", "messages", "messages/s", "of bare client"]
        report.table("sent and read back", heads, speed)
    if chaos:
        heads = ["broker", "messages", "kills of each", "lost", "doubled", "seconds"]
        report.table("from an outbox through gateway, broker and consumer into a table", heads, chaos)
    if catchup:
        heads = ["broker", "messages", "flow, messages/s", "broker back", "after s", "consumer back", "after s"]
        heads += ["lost", "doubled"]
        report.table("what gathered meanwhile, beside the ordinary flow", heads, catchup)
    report.finish(given.json)


def measured(name: str, part: str, messages: int, kills: int) -> dict[str, float]:
    """Return what benchmarks.bridges_worker finds on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="aura-bridges-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "aura_site.settings",
            "AURA_DATA_DIR": folder,
            "AURA_OUTBOX_LIMIT": str(10 * messages),
            "AURA_LOG_LEVEL": "CRITICAL",
        }
        command = [sys.executable, "-m", "benchmarks.bridges_worker", name, part, str(messages), str(kills)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
