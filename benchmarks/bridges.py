"""Messages through each bridge while broker and consumer are killed, and how fast it is beside the bare client.

For each broker two parts, all on servers started here on free ports. First the throughput of one run: the bare client sends
and reads back as many messages as the bridge does with its books (duplicates left out, checkpoint in a database), in turns.
Then messages go from an outbox through the gateway to the broker and from there by a consumer into a table, in processes of
their own, while the broker (or, where it keeps nothing when it dies, the line to it) and the consumer are killed over and
over; what is missing or twice in the table is counted. `bridges.NAME.lost` and `.doubled` must be 0.
"""

import json
import os
import subprocess
import sys
import tempfile

from benchmarks.report import Report, options

BROKERS = ("redis", "nats", "rabbitmq", "kafka", "kinesis", "pubsub")
KILLS = 20


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("brokers", nargs="*", default=BROKERS, help="some of " + ", ".join(BROKERS))
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=KILLS, help="of the broker, and as many of the consumer")
    given = parser.parse_args()
    # Redis and NATS are there again at once; the others take their time.
    names = [name for name in given.brokers if name in ("redis", "nats")] if given.quick else given.brokers
    messages, kills = (4_000, 2) if given.quick else (given.messages, given.kills)
    report = Report("bridges")
    rows = []
    for name in names:
        found = measured(name, messages, kills)
        rows.append((name, messages, kills, *(found[key] for key in ("lost", "doubled", "seconds", "rate", "ratio"))))
        report.add(f"{name}.messages", messages, "messages")
        report.add(f"{name}.lost", found["lost"], "messages")
        report.add(f"{name}.doubled", found["doubled"], "messages")
        report.add(f"{name}.vs_bare_client", found["ratio"], "of its rate")
    heads = ["broker", "messages", "kills of each", "lost", "doubled", "seconds", "messages/s, calm", "of bare client"]
    report.table("from an outbox through gateway, broker and consumer into a table", heads, rows)
    report.finish(given.json)


def measured(name: str, messages: int, kills: int) -> dict[str, float]:
    """Return what benchmarks.bridges_worker finds on a database of its own."""
    with tempfile.TemporaryDirectory(prefix="aura-bridges-") as folder:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "aura_site.settings",
            "AURA_DATA_DIR": folder,
            "AURA_OUTBOX_LIMIT": str(10 * messages),
            "AURA_LOG_LEVEL": "CRITICAL",
        }
        command = [sys.executable, "-m", "benchmarks.bridges_worker", name, str(messages), str(kills)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
