"""A thousand secrets of single users go the way of real answers, and none of them comes out of discovery."""

import json
import random
import string
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live import LiveServer

USERS = 12
ANSWERS = 21
MAKE = """
import json
from django.contrib.auth import get_user_model
from routing_ai.services import create_key
made = [get_user_model().objects.create_user(f"u{number}") for number in range(%d)]
print(json.dumps([create_key(user, "test")[1] for user in made]))
"""
# All that the app keeps, but the samples: those are what discovery learns from.
DUMP = """
import json
from django.contrib.admin.models import LogEntry
from compression.models import Candidate, Dictionary, DiscoveryRun, Library, Sample, Template
kept = [str(row) for model in (Candidate, DiscoveryRun, Library, Template, LogEntry) for row in model.objects.values()]
kept += [bytes(content).decode(errors="replace") for content in Dictionary.objects.values_list("content", flat=True)]
print(json.dumps({"kept": kept, "samples": list(Sample.objects.values_list("text", flat=True)),
                  "states": DiscoveryRun.objects.exclude(state=None).count(),
                  "examples": sum(map(len, Candidate.objects.values_list("examples", flat=True))),
                  "active": Library.objects.get(status="active").origin}))
"""
SAID = (
    "Dear {name}, the parcel with the code {code} has left our warehouse. We wrote to {mail}, and your key is {key} now.",
    "Hello {name}! Your new code is {code}. Please sign in as {mail} with {key} and change it before the evening.",
    "Thank you, {name}: your complaint about {code} has been passed on to our office. Answers go to {mail}, signed {key}.",
)  # fmt: skip
# What one user is told again and again, and nobody else.
REPEATED = (
    "The cousin of {name} keeps the spare code {code} under the third flower pot in the yard behind the old house."
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    live = LiveServer(
        tmp_path_factory.mktemp("secrets"),
        DISCOVERY_USERS="5",
        DISCOVERY_EVERY="200",
        DISCOVERY_AUTO_PROMOTE="true",
        DISCOVERY_DICTIONARY="4096",
    )
    # A worker makes it.
    (live.folder / "broker" / "queue").mkdir(parents=True)
    live.start()
    yield live
    live.stop()


def secrets(chance: random.Random) -> dict[str, str]:
    """Return four secrets: a name, a key, an address and a code. Of these the check for personal data finds two."""

    def word() -> str:
        return "".join(chance.choices(string.ascii_lowercase, k=7))

    key = "sk-" + "".join(chance.choices(string.ascii_letters, k=20)) + f"{chance.randrange(1000):03}"
    code = "".join(chance.choices(string.ascii_uppercase, k=4)) + f"-{chance.randrange(10_000):04}"
    return {"name": f"{word()} {word()}".title(), "key": key, "mail": f"{word()}@{word()}.example", "code": code}


def ask(server: LiveServer, key: str, text: str) -> None:
    body = json.dumps({"text": text, "model": "fast"}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/ai/chat", body, headers), timeout=60) as answer:
        assert answer.read().decode() == text


def found_in(text: str, planted: list[str]) -> list[str]:
    return [secret for secret in planted if secret in text]


def test_no_secret_of_a_single_user_comes_out(server: LiveServer) -> None:
    chance = random.Random(20261121)
    keys = json.loads(server.manage("shell", "--verbosity=0", "-c", MAKE % USERS).strip().splitlines()[-1])
    planted: list[str] = []
    said: list[tuple[str, str]] = []
    for key in keys:
        for number in range(ANSWERS):
            mine = secrets(chance)
            planted += mine.values()
            said.append((key, SAID[number % len(SAID)].format(**mine)))
        said += [(key, REPEATED.format(**mine))] * 8
    assert len(set(planted)) == len(planted) >= 1_000
    chance.shuffle(said)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: ask(server, *one), said))
    metrics = server.get("/metrics")[2]
    server.stop()
    assert "candidates" in server.manage("discover")
    dumped = json.loads(server.manage("shell", "--verbosity=0", "-c", DUMP).strip().splitlines()[-1])

    # It was a real run: what many users were told was learned, and is in use; names and codes were there to be learned.
    kept = "\n".join(dumped["kept"])
    assert dumped["active"] == "discovery"
    assert " has been passed on to our office." in kept
    assert dumped["examples"] > 0
    assert len(found_in("\n".join(dumped["samples"]), planted)) > 400
    assert dumped["states"] == 0
    assert found_in(kept, planted) == []
    assert found_in(str(metrics), planted) == []
    files = [path for path in Path(server.folder).rglob("*") if path.is_file() and "sqlite3" not in path.name]
    assert any(path.name == "server.log" for path in files)
    # The worker was asked to run discovery: that stands in the broker's folder.
    assert any("queue" in path.parts for path in files) or "REDIS_URL" in server.environment
    assert {
        path.name: found for path in files if (found := found_in(path.read_bytes().decode(errors="replace"), planted))
    } == {}
