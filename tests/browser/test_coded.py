"""What Chromium itself makes of coded answers: ordinary codings, and a dictionary that it keeps (RFC 9842)."""

import json
import urllib.request

import pytest
from playwright.sync_api import Page

from compression.codec.model import default_dictionary
from streaming.transports.content_coding import Dictionary
from tests.live import LiveServer

pytestmark = pytest.mark.browser

DICTIONARY = Dictionary(default_dictionary())
WORDS = "You can return an item within thirty days of delivery. What is your order number?"
ASK = """async ([path, body]) => {
  const url = new URL(path, location.href).href;
  performance.clearResourceTimings();
  const options = body === null ? {} : {method: "POST", body, headers: {"Content-Type": "text/plain"}};
  const response = await fetch(url, options);
  const text = await response.text();
  await new Promise((done) => setTimeout(done, 50));
  const seen = performance.getEntriesByName(url).at(-1);
  return {status: response.status, text, coding: seen.contentEncoding, coded: seen.encodedBodySize};
}"""


def asked(page: Page, path: str, body: str | None = None) -> dict[str, object]:
    found: dict[str, object] = page.evaluate(ASK, [path, body])
    assert found["status"] == 200
    return found


def test_chromium_keeps_the_dictionary_and_reads_what_is_coded_with_it(page: Page) -> None:
    page.goto("/datasets/")
    chat = "/api/v1/stream/chat?model=fast&q=" + WORDS
    before = asked(page, chat)
    assert before["coding"] == "gzip"
    asked(page, f"/api/compression/dictionaries/{DICTIONARY.digest.hex()}")
    after = asked(page, chat)
    assert after["coding"] == "dcz"
    for answer in (before, after):
        assert "event: done" in str(answer["text"])
    results = asked(page, "/deep_tree_echo/stream_large_dataset", "line of a log\\n" * 20_000)
    assert results["coding"] == "dcz"
    assert "event: completion" in str(results["text"])


def test_an_event_source_reads_coded_events(page: Page) -> None:
    page.goto("/datasets/")
    asked(page, f"/api/compression/dictionaries/{DICTIONARY.digest.hex()}")
    text = page.evaluate(
        """(url) => new Promise((done, failed) => {
          const source = new EventSource(url);
          let text = "";
          source.addEventListener("token", (event) => (text += JSON.parse(event.data).text));
          source.addEventListener("done", () => (source.close(), done(text)));
          source.addEventListener("error", () => failed(new Error("no events")));
        })""",
        "/api/v1/stream/chat?model=fast&q=" + WORDS,
    )
    assert text == WORDS


def test_chromium_reads_a_topic_coded_event_by_event(page: Page, live: LiveServer) -> None:
    page.goto("/datasets/")
    page.evaluate(
        """(url) => new Promise((begun) => {
          const source = new EventSource(url);
          const seen = [];
          window.three = new Promise((done) =>
            source.addEventListener("event", (event) => {
              if (seen.push(JSON.parse(event.data).event.data) === 3) done(seen);
            }),
          );
          // The browser's own event of that name comes before there is data.
          source.addEventListener("open", (event) => event.data && begun());
        })""",
        "/api/v1/topics/coded/browser/events",
    )
    for number in range(3):
        body = json.dumps({"kind": "k", "data": number}).encode()
        request = urllib.request.Request(f"{live.url}/api/v1/topics/coded/browser", body)
        request.add_header("Authorization", f"Bearer {live.key}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 201
    assert page.evaluate("window.three") == [0, 1, 2]
