"""The codec in Chromium, as the chat uses it: priming in a worker, then messages both ways.

The dictionary is text of `--train` (JSON Lines with `role` and `text`), or the general one that ships, repeated where it
is too short. Each figure is the least and the median of some runs; Python's time for the same stands beside it.
"""

import http.server
import json
import os
import shutil
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from benchmarks.report import Report, options, percentile
from compression.codec import Model, default_dictionary

STATIC = Path(__file__).parents[1] / "static"
SIZES = (64, 256, 1024)  # KB
RUNS = 5
#: Primes as the chat does, and codes texts forth and back; gives milliseconds.
SCRIPT = """
async ({dictionary, texts, runs}) => {
  const { prime } = await import("/aura/codec/primer.js");
  const bytes = new TextEncoder().encode(dictionary);
  const primed = [];
  let model;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    model = await prime(bytes);
    primed.push(performance.now() - start);
  }
  const encoded = [], decoded = [];
  for (const text of texts) {
    const content = new TextEncoder().encode(text);
    let start = performance.now();
    const code = model.encode(content);
    encoded.push(performance.now() - start);
    start = performance.now();
    const back = model.decode(code);
    decoded.push(performance.now() - start);
    if (new TextDecoder().decode(back) !== text) throw new Error("another text came back");
  }
  return { primed, encoded, decoded };
}
"""


class _Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>AURA</title>")


def _dictionary(train: Path | None, size: int) -> str:
    if train is None:
        text = default_dictionary().decode()
        text *= size // len(text) + 1
    else:
        rows = (json.loads(line) for line in train.read_text().splitlines())
        text = "".join(row["text"] + "\0" for row in rows if row["role"] == "assistant" and "\0" not in row["text"])
    content = text.encode()[:size]
    return content[: content.rfind(b"\0") + 1].decode()


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__, prog="python -m benchmarks.browser")
    parser.add_argument("--train", type=Path, help="text for the dictionary")
    given = parser.parse_args()
    chromium = os.environ.get("AURA_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        parser.error("No Chromium: install it (Debian: apt install chromium), or name one in AURA_CHROMIUM.")
    report = Report("browser")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        for size in SIZES[:2] if given.quick else SIZES:
            dictionary = _dictionary(given.train, size << 10)
            texts = [text for text in dictionary.split("\0") if 200 <= len(text) <= 400][:50]
            arguments = {"dictionary": dictionary, "texts": texts, "runs": 2 if given.quick else RUNS}
            found: dict[str, Any] = page.evaluate(SCRIPT, arguments)
            start = time.perf_counter()
            Model(dictionary.encode())
            python = (time.perf_counter() - start) * 1000
            rows.append([size, min(found["primed"]), percentile(found["primed"], 0.5), python])
            report.add(f"prime_ms_{size}KB", min(found["primed"]), "ms, least")
            for name in ("encoded", "decoded"):
                report.add(f"{name}_p50_us.{size}KB", percentile(found[name], 0.5) * 1000, "us a text of 200 to 400 B")
        browser.close()
    server.shutdown()
    report.table("Priming in a worker, ms", ["dictionary KB", "least", "median", "in Python"], rows)
    report.finish(given.json)


if __name__ == "__main__":
    main()
