"""Content codings over real HTTP: each streamed answer, each coding, and requests that are not coded."""

import base64
import http.client
import json
import re
import time
import urllib.parse
from contextlib import closing

import pytest

from compression.codec.model import default_dictionary
from streaming.transports.content_coding import Dictionary
from streaming.transports.http import FRAMES, NDJSON
from tests.live import LiveServer
from tests.streaming.decoders import decoder

SERVERS = ["uvicorn", "daphne"]

CODINGS = ["gzip", "zstd", "br", "dcz", "dcb"]
DICTIONARY = Dictionary(default_dictionary())
AVAILABLE = f":{base64.b64encode(DICTIONARY.digest).decode()}:"
WORDS = "Words that come back as they were. " * 20
CHAT = "/api/v1/stream/chat?" + urllib.parse.urlencode({"model": "fast", "q": WORDS})


class Asked:
    """A request; `key` empty for none."""

    def __init__(self, live: LiveServer, path: str, data: bytes | None = None, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
        names = {"Authorization": f"Bearer {live.key}"}
        names |= {name.replace("_", "-"): value for name, value in headers.items()}
        method = "GET" if data is None else "POST"
        self.connection.request(method, path, data, {name: value for name, value in names.items() if value})
        self.response = self.connection.getresponse()
        self.coding = self.response.headers.get("Content-Encoding", "")
        self.decode = decoder(self.coding, DICTIONARY)

    def text(self) -> str:
        """Return the whole answer, decoded."""
        with closing(self.connection), self.response:
            return self.decode(self.response.read()).decode()

    def until(self, words: bytes) -> bytes:
        """Return what can be decoded once `words` are there, while the answer goes on."""
        seen = b""
        while words not in seen:
            data = self.response.read1(65_536)
            assert data, seen
            seen += self.decode(data)
        return seen

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def asking(coding: str) -> dict[str, str]:
    """Return the headers of a client that takes that coding and holds the dictionary."""
    return {"Accept_Encoding": coding, "Available_Dictionary": AVAILABLE}


def tokens(events: str) -> str:
    return "".join(json.loads(data)["text"] for data in re.findall("event: token\ndata: (.*)\n", events))


@pytest.mark.parametrize("coding", CODINGS)
def test_an_answer_as_events(live: LiveServer, coding: str) -> None:
    asked = Asked(live, CHAT, **asking(coding))
    assert asked.coding == coding
    assert {"Accept-Encoding", "Available-Dictionary"} <= set(asked.response.headers["Vary"].split(", "))
    events = asked.text()
    assert tokens(events) == WORDS
    assert "event: done" in events


@pytest.mark.parametrize("coding", ["gzip", "dcz"])
def test_events_can_be_read_as_soon_as_they_have_come(live: LiveServer, coding: str) -> None:
    asked = Asked(live, CHAT.replace("fast", "genius"), **asking(coding))
    with closing(asked):
        assert b"event: done" not in asked.until(b"event: token")


@pytest.mark.parametrize("coding", CODINGS)
def test_lines_and_plain_text(live: LiveServer, coding: str) -> None:
    body = json.dumps({"text": WORDS, "model": "fast"}).encode()
    given = {"Content_Type": "application/json", **asking(coding)}
    lines = Asked(live, "/ai/chat", body, Accept=NDJSON, **given)
    assert lines.coding == coding
    read = [json.loads(line) for line in lines.text().splitlines()]
    assert read[-1]["type"] == "done"
    plain = Asked(live, "/ai/chat", body, **given)
    assert plain.coding == coding
    assert plain.text() == "".join(line["text"] for line in read[1:-1])


def test_frames_are_coded_already(live: LiveServer) -> None:
    asked = Asked(live, "/ai/chat", b"Speak", Accept=FRAMES, Content_Type="text/plain", **asking("gzip"))
    asked.close()
    assert (asked.response.status, asked.coding) == (200, "")


@pytest.mark.parametrize(("accept", "coding"), [("gzip", "gzip"), ("zstd", "zstd"), ("br, dcz, dcb", ""), ("", "")])
def test_topics_are_coded_event_by_event(live: LiveServer, accept: str, coding: str) -> None:
    topic = f"/api/v1/topics/coded/{coding or 'plain'}-{len(accept)}-{live.server}"
    asked = Asked(live, f"{topic}/events", **asking(accept))
    with closing(asked):
        assert asked.coding == coding
        asked.until(b"event: open")
        for number in range(3):
            Asked(live, topic, json.dumps({"kind": "k", "data": number}).encode()).close()
            assert f'"data":{number}'.encode() in asked.until(b"event: event")


@pytest.mark.parametrize("coding", [*CODINGS, ""])
def test_results_of_a_dataset(live: LiveServer, coding: str) -> None:
    data = b"line of a log\n" * 20_000
    asked = Asked(live, "/deep_tree_echo/stream_large_dataset", data, Content_Type="text/plain", **asking(coding))
    assert asked.coding == coding
    events = asked.text()
    assert events.count("event: chunk") == -(-len(data) // 16_384)
    assert "event: completion" in events


def test_the_dictionary_is_the_librarys(live: LiveServer) -> None:
    """As a browser does it: an answer names the dictionary, the dictionary says what it is for, then answers use it."""
    asked = Asked(live, CHAT, Accept_Encoding="gzip, dcz")
    assert asked.coding == "gzip"
    asked.close()
    link = re.fullmatch(r'<(\S+)>; rel="compression-dictionary"', asked.response.headers["Link"])
    assert link
    found = Asked(live, link[1])
    assert found.response.headers["Use-As-Dictionary"] == (f'match="/*", match-dest=(""), id="{DICTIONARY.identifier}"')
    assert Dictionary(found.text().encode()).digest == DICTIONARY.digest
    named = f'"{DICTIONARY.identifier}"'
    asked = Asked(live, CHAT, Accept_Encoding="gzip, dcz", Available_Dictionary=AVAILABLE, Dictionary_ID=named)
    assert asked.coding == "dcz"
    assert "Link" not in asked.response.headers
    asked.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Available_Dictionary": f":{base64.b64encode(bytes(32)).decode()}:"},
        {"Available_Dictionary": "nonsense"},
        {"Available_Dictionary": AVAILABLE, "Dictionary_ID": '"another"'},
    ],
)
def test_a_dictionary_of_somebody_elses_is_not_used(live: LiveServer, headers: dict[str, str]) -> None:
    asked = Asked(live, CHAT, Accept_Encoding="dcz, dcb", **headers)
    assert asked.coding == ""
    assert "compression-dictionary" in asked.response.headers["Link"]
    assert "event: done" in asked.text()


OURS = {"Sec_Fetch_Site": "same-origin"}


@pytest.mark.parametrize(
    ("headers", "coding"),
    [({}, ""), ({"Sec_Fetch_Site": "none"}, ""), ({"Sec_Fetch_Site": "same-site"}, ""), (OURS, "gzip")],
)
def test_with_a_cookie_only_our_own_pages_get_coded_answers(
    live: LiveServer, headers: dict[str, str], coding: str
) -> None:
    cookie = {"Authorization": "", "Cookie": f"sessionid={live.users['ada']['session']}"}
    asked = Asked(live, CHAT, Accept_Encoding="gzip", **cookie, **headers)
    assert (asked.response.status, asked.coding) == (200, coding)
    assert "event: done" in asked.text()


def test_the_record_counts_what_went_over_the_wire(live: LiveServer) -> None:
    asked = Asked(live, "/ai/chat", b"Speak", Accept=NDJSON, Content_Type="text/plain", **asking("zstd"))
    with closing(asked):
        size = len(asked.response.read())
    path = f"/api/v1/conversations/{asked.response.headers['AURA-Conversation']}"
    deadline = time.monotonic() + 10
    # The entry is behind the answer, and nobody waits for it.
    while not (answer := live.get(path)[2]["turns"][1])["methods"] and time.monotonic() < deadline:
        pass
    assert answer["wire_bytes"] == size
