"""The browser twin in a real browser, under the product's content security policy."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aura_site.launcher import checks
from compression.codec import default_library, encode

ROOT = Path(__file__).parents[2]
CHROMIUM = checks.chromium()
TEXT = "The browser decodes Brotli, " * 20
PAGE = '<!doctype html><meta charset="utf-8"><pre id="result"></pre><script type="module" src="/check.js"></script>'
SCRIPT = """
import {{ decode, encode, Library }} from "/static/aura/codec/index.js";
const library = Library.fromManifest({manifest}, "{digest}");
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
const result = {{
  brotli: decode(bytes("{brotli}")),
  template: decode(bytes("0900"), new Map([[1, library]])),
  encoded: Array.from(encode("Hello! How can I help you today?", library, 1).data),
}};
document.getElementById("result").textContent = JSON.stringify(result);
"""


class Handler(SimpleHTTPRequestHandler):
    """Serves the project's static files and one page, with the policy of aura_site.settings."""

    def do_GET(self) -> None:
        if self.path == "/":
            self._send("text/html", PAGE)
        elif self.path == "/check.js":
            library = default_library()
            manifest = json.dumps(library.manifest.decode())
            script = SCRIPT.format(manifest=manifest, digest=library.hash, brotli=encode(TEXT).data.hex())
            self._send("text/javascript", script)
        elif self.path.startswith("/static/"):
            super().do_GET()
        else:
            self.send_error(404)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def _send(self, kind: str, content: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content.encode())


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_codec_runs_in_a_browser(address: str, tmp_path: Path) -> None:
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path}",
        # Virtual time: the page is shown once nothing is left to load or run.
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]
    run = subprocess.run([str(CHROMIUM), *options, address], capture_output=True, text=True, timeout=60, check=True)
    shown = re.search(r'<pre id="result">(.*?)</pre>', run.stdout, re.DOTALL)
    assert shown is not None
    assert json.loads(unescape(shown[1])) == {
        "brotli": TEXT,
        "template": "Hello! How can I help you today?",
        "encoded": [9, 0],
    }
