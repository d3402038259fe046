"""How long the chat takes to open in Chromium, from the navigation on: first with nothing kept, then as one comes back.

The page comes from a server of its own on the loopback, as `./aura up` starts it, and is read by a person who has signed
in. What is counted, in milliseconds:

- `page`: the first byte of the page, which is the server's time for it;
- `paint`: something can be read, and letters typed;
- `interactive`: the whole page stands (`domInteractive`);
- `ready`: its script runs, so that a question can be sent;
- `connected`: the line is open and the server has answered.

`--waterfall` prints each request of one visit.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.report import Report, options, percentile
from tests.browser.conftest import ARGUMENTS
from tests.live import LiveServer

RUNS = 20
MOMENTS = ("page", "paint", "interactive", "ready", "connected")
# Notes when the line is connected, before anything of the page runs.
WATCH = """new MutationObserver(() => {
  const connected = document.querySelector("#line[data-state=connected]");
  if (connected && performance.getEntriesByName("connected").length === 0) performance.mark("connected");
}).observe(document, { subtree: true, childList: true, attributes: true });"""
FOUND = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  return {
    page: page.responseStart,
    paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
    interactive: page.domInteractive,
    // The list of conversations is the first thing that the page's script asks for.
    ready: files.find(({ name }) => name.includes("/api/v1/conversations")).startTime,
    connected: performance.getEntriesByName("connected")[0].startTime,
    files: [page, ...files].map(({ name, startTime, requestStart, responseStart, responseEnd, transferSize }) =>
      [name.replace(location.origin, ""), startTime, requestStart, responseStart, responseEnd, transferSize]),
  };
}"""


def visit(context: BrowserContext) -> dict[str, Any]:
    """Open the chat in a new page; return the moments in milliseconds, and `files`, one row a request."""
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto("/")
    page.wait_for_selector("#line[data-state=connected]")
    page.wait_for_load_state("networkidle")
    found: dict[str, Any] = page.evaluate(FOUND)
    page.close()
    return found


def measure(browser: Browser, live: LiveServer, runs: int) -> dict[str, list[dict[str, Any]]]:
    """Return what was found in `runs` first visits and in as many later ones of the same browsers."""
    found: dict[str, list[dict[str, Any]]] = {"first": [], "again": []}
    for _ in range(runs):
        context = browser.new_context(base_url=live.url)
        context.add_cookies([{"name": "sessionid", "value": live.users["ada"]["session"], "url": live.url}])
        found["first"].append(visit(context))
        # The second visit finds the files, and has V8 compile them for those after it.
        visit(context)
        found["again"].append(visit(context))
        context.close()
    return found


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__, prog="python -m benchmarks.opening")
    parser.add_argument("--waterfall", action="store_true", help="print the requests of the last first visit")
    given = parser.parse_args()
    chromium = os.environ.get("AURA_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        parser.error("No Chromium: install it (Debian: apt install chromium), or name one in AURA_CHROMIUM.")
    report = Report("opening")
    with tempfile.TemporaryDirectory(prefix="aura-opening-") as folder, sync_playwright() as playwright:
        live = LiveServer(Path(folder))
        live.start()
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            measure(browser, live, 1)
            found = measure(browser, live, 5 if given.quick else RUNS)
        finally:
            browser.close()
            live.stop()
    rows: list[list[object]] = []
    for which, visits in found.items():
        for moment in MOMENTS:
            values = [one[moment] for one in visits]
            rows.append([which, moment, min(values), percentile(values, 0.5), percentile(values, 0.9)])
            report.add(f"{which}.{moment}_ms", percentile(values, 0.5), "ms, median")
        files = visits[-1]["files"]
        report.add(f"{which}.requests", len(files), "requests")
        report.add(f"{which}.kb", sum(row[-1] for row in files) / 1000, "KB over the line")
    report.table("From the navigation, ms", ["visit", "until", "least", "median", "90th percentile"], rows)
    if given.waterfall:
        heads = ["request", "begun", "sent", "first byte", "last byte", "bytes"]
        files = sorted(found["first"][-1]["files"], key=lambda row: row[1])
        lines = [[name, *map(round, numbers)] for name, *numbers in files]
        report.table("One first visit, ms", heads, lines)
    report.finish(given.json)


if __name__ == "__main__":
    main()
