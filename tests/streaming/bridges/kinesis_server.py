"""Moto's Kinesis, which forgets everything when it dies, with a file of the requests that changed it.

A request is in the file before its answer is sent, and the file is worked through again at a start: what a client was told
is taken is there after a kill, under the same sequence number.
"""

import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import EnvironBuilder, run_wsgi_app

CHANGES = ("CreateStream", "PutRecord", "SplitShard", "MergeShards", "DeleteStream")
HEADERS = ("X-Amz-Target", "Content-Type", "Authorization", "Host")

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Kept:
    """An application whose changing requests are kept, one after the other as they are done."""

    def __init__(self, app: App, file: Path) -> None:
        self._app = app
        self._lock = Lock()
        content = file.read_bytes() if file.exists() else b""
        # What a kill cut off was never answered.
        whole = content.rfind(b"\n") + 1
        for line in content[:whole].splitlines():
            headers, body = orjson.loads(line)
            run_wsgi_app(app, EnvironBuilder(method="POST", headers=headers, data=body.encode()).get_environ())
        self._file = file.open("ab", buffering=0)
        self._file.truncate(whole)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if not action.startswith(CHANGES):
            return self._app(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = BytesIO(body)
        names = {name: name.upper().replace("-", "_") for name in HEADERS}
        headers = {name: environ.get(key, environ.get(f"HTTP_{key}", "")) for name, key in names.items()}
        with self._lock:
            self._file.write(orjson.dumps([headers, body.decode()]) + b"\n")
            return list(self._app(environ, start_response))


if __name__ == "__main__":
    made = Kept(DomainDispatcherApplication(create_backend_app), Path(sys.argv[2]))
    run_simple("127.0.0.1", int(sys.argv[1]), made, threaded=True)
