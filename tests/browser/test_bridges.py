"""Bridges as their guide and the admin show them: a Kafka topic in a browser, a route edited while it runs, dead letters."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.browser.conftest import signed_in
from tests.live import ROOT, LiveServer
from tests.streaming.bridges.places import Kafka

GUIDE = (ROOT / "docs" / "how-to" / "bridges.md").read_text()
EXAMPLE = GUIDE.partition("## A Kafka topic in the browser")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def bridged(tmp_path_factory: pytest.TempPathFactory, kafka: Kafka) -> Iterator[LiveServer]:
    brokers = f'{{"events": "{kafka.address}"}}'
    server = LiveServer(tmp_path_factory.mktemp("bridged"), AURA_BROKERS=brokers)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page(browser: Browser, bridged: LiveServer) -> Iterator[Page]:
    yield from signed_in(browser, bridged)


def block(language: str, number: int = 0) -> str:
    """Return a piece of code of the guide's example."""
    return re.findall(rf"```{language}\n(.*?)```", EXAMPLE, re.DOTALL)[number]


def fields() -> dict[str, str]:
    """Return the route of the guide's example."""
    rows = re.findall(r"^\| (\w+) \| (.*) \|$", EXAMPLE, re.MULTILINE)
    return {name: value.strip("`") for name, value in rows if name not in ("field", "user", "begins")}


def produce(kafka: Kafka, code: str) -> None:
    """Run the guide's producer."""
    assert "kafka-1:9092" in code
    code = code.replace("kafka-1:9092", f"127.0.0.1:{kafka.port}")
    # By itself: another event loop runs here.
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


def fill(page: Page, values: dict[str, str]) -> None:
    names = {"from": "source", "to": "target"}
    for name, value in values.items():
        page.locator(f"#id_{names.get(name, name)}").fill(value)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist .success")).to_be_visible()


def running(page: Page, name: str) -> None:
    """Look at the list until the route runs."""
    for _ in range(100):
        page.goto("/admin/bridges/route/")
        row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        if "running" in row.inner_text():
            return
        page.wait_for_timeout(200)
    raise AssertionError(page.inner_text("#result_list"))


def try_again(page: Page) -> None:
    """Have all dead letters tried again, and wait until they were."""
    page.goto("/admin/bridges/deadletter/")
    page.locator("#action-toggle").check()
    page.get_by_label("Action:").select_option(label="Try the chosen dead letters again")
    page.get_by_role("button", name="Run").or_(page.get_by_role("button", name="Go")).first.click()
    expect(page.locator(".messagelist .success")).to_contain_text("tried again.")
    for _ in range(100):
        page.goto("/admin/bridges/deadletter/")
        if not page.locator("#result_list img[alt=True]").count():
            return
        page.wait_for_timeout(200)
    raise AssertionError(page.inner_text("#result_list"))


def test_a_kafka_topic_is_seen_in_the_browser_and_a_changed_route_at_once(page: Page, kafka: Kafka) -> None:
    produce(kafka, block("python").replace("A-7", "before"))
    page.goto("/admin/bridges/route/add/")
    # What is wrong is said beside the form, and nothing is kept of it.
    page.locator("#id_name").fill("prices")
    page.locator("#id_source").fill("elsewhere:prices")
    page.locator("#id_target").fill("topic:shop/prices")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote ~ .errorlist, .errorlist").first).to_contain_text("there is no broker 'elsewhere'")
    page.locator("#id_start").select_option("now")
    fill(page, fields())
    running(page, "prices")
    page.goto("/console/")
    seen: list[Any] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "log" and message.args:
            seen.append(message.args[0].json_value())

    def event(number: int) -> Any:
        for _ in range(100):
            if len(seen) > number:
                return seen[number]
            page.wait_for_timeout(200)
        raise AssertionError(seen)

    page.on("console", listen)
    page.evaluate(f"() => {{ {block('js')} }}")
    produce(kafka, block("python").replace("EUR", "USD"))
    produce(kafka, block("python"))
    first = event(0)
    assert (first["from"], first["kind"], first["data"]) == ("ada", "price", {"item": "A-7", "price": 12})
    other = page.context.new_page()
    other.goto("/admin/bridges/route/")
    other.get_by_role("link", name="prices", exact=True).click()
    fill(other, {"mapping": '"$data.sku"', "filter": ""})
    other.wait_for_timeout(1_500)
    running(other, "prices")
    produce(kafka, block("python").replace("A-7", "A-8").replace("EUR", "USD"))
    assert event(1)["data"] == "A-8"


def test_the_guides_curl_shows_the_same(page: Page, bridged: LiveServer, kafka: Kafka) -> None:
    command = block("sh").strip().replace("127.0.0.1:8000", f"127.0.0.1:{bridged.port}").replace("events\n", "events")
    environment = {**os.environ, "KEY": bridged.key}
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}?offset=0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as curl:
        assert curl.stdout is not None
        lines = (line for line in curl.stdout if line.startswith("data: ") and '"event"' in line)
        assert '"item":"A-7"' in next(lines).replace(" ", "")
        curl.kill()


def test_dead_letters_are_tried_again_with_a_route_that_was_mended(page: Page, kafka: Kafka) -> None:
    page.goto("/admin/bridges/route/add/")
    fill(page, {"name": "large", "from": "events:large", "to": "topic:shop/large"})
    code = block("python").replace('"prices"', '"large"')
    large = code.replace(
        """b'{"sku": "A-7", "amount": 12, "currency": "EUR"}'""",
        """b'{"sku": "A-9", "x": "' + b"x" * 900_000 + b'"}'""",
    )
    poison = code.replace("""b'{"sku": "A-7", "amount": 12, "currency": "EUR"}'""", 'b"\\xff\\xfe"')
    assert len({code, large, poison}) == 3
    for one in (large, poison, code):
        produce(kafka, one)
    for _ in range(100):
        page.goto("/admin/bridges/deadletter/")
        if page.locator("#result_list tbody tr").count() == 2:
            break
        page.wait_for_timeout(200)
    text = page.inner_text("#result_list")
    assert "the body is neither JSON nor UTF-8 text" in text
    assert "route:large" in text
    # The one behind them has gone on.
    page.goto("/admin/bridges/route/")
    expect(page.get_by_role("row").filter(has_text="events:large")).to_contain_text("running")
    page.get_by_role("link", name="large", exact=True).click()
    fill(page, {"mapping": '"$data.sku"'})
    rows = page.locator("#result_list tbody tr")
    for _ in range(20):
        # The changed route takes effect within about a second; what was tried before that stands there again.
        try_again(page)
        if rows.count() == 1:
            break
    # What can never be an event stays, with its reason.
    assert rows.count() == 1
    expect(page.locator("#result_list")).to_contain_text("the body is neither JSON nor UTF-8 text")
    events = page.evaluate(
        "async () => { const source = new EventSource('/api/v1/topics/shop/large/events?offset=0'); const found = [];"
        " await new Promise(done => source.addEventListener('event', message => {"
        " if (found.push(JSON.parse(message.data).event.data) == 2) done(); })); source.close(); return found; }"
    )
    assert events[0] == {"sku": "A-7", "amount": 12, "currency": "EUR"}
    assert events[1] == "A-9"
