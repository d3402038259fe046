"""What is known of the locked packages is found, and what could not be asked is not called clean."""

import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests import advisories
from tests.live import free_port

DJANGO = next(version for name, version in advisories.locked() if name == "django")


def advisory(**affected: Any) -> dict[str, Any]:
    about = {"package": {"ecosystem": "PyPI", "name": "Django"}, **affected}
    return {"id": "MADE-UP-1", "affected": [about]}


def ranged(*events: dict[str, str]) -> dict[str, Any]:
    return advisory(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


@pytest.mark.parametrize(
    ("known", "touched"),
    [
        (advisory(versions=["1.0", "5.2.1"]), True),
        (advisory(versions=["5.2.10"]), False),
        (ranged({"introduced": "0"}), True),
        (ranged({"introduced": "0"}, {"fixed": "5.2.1"}), False),
        (ranged({"introduced": "0"}, {"fixed": "5.2.2"}), True),
        (ranged({"introduced": "5.2.1"}, {"last_affected": "5.2.1"}), True),
        (ranged({"introduced": "5"}, {"last_affected": "5.2"}), False),
        (ranged({"introduced": "4"}, {"fixed": "4.2"}, {"introduced": "5"}, {"fixed": "5.3"}), True),
        (ranged({"introduced": "5.2.2"}), False),
        ({**advisory(versions=["5.2.1"]), "withdrawn": "2026-01-01T00:00:00Z"}, False),
        ({"id": "x", "affected": [{"package": {"ecosystem": "npm", "name": "django"}, "versions": ["5.2.1"]}]}, False),
    ],
)
def test_which_versions_an_advisory_is_about(known: dict[str, Any], touched: bool) -> None:
    assert advisories.touches(known, ("django", "5.2.1")) is touched


@pytest.mark.parametrize("kind", ["file", "folder", "archive"])
def test_a_known_weakness_is_found_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    file = tmp_path / "osv" / "one.json"
    file.parent.mkdir()
    file.write_text(json.dumps([advisory(versions=[DJANGO]), ranged({"introduced": "0"}, {"fixed": "1.0"})]))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(file, "one.json")
    source = {"file": file, "folder": file.parent, "archive": tmp_path / "all.zip"}[kind]
    assert advisories.main(["--from", str(source)]) == advisories.FOUND
    told = capsys.readouterr().out
    assert f"django {DJANGO} (requirements" in told
    assert ": MADE-UP-1\n" in told
    assert "1 vulnerabilities." in told


def test_nothing_found_is_clean_and_nobody_to_ask_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clean = tmp_path / "clean.json"
    clean.write_text(json.dumps(advisory(versions=["0.1"])))
    assert advisories.main(["--from", str(clean)]) == advisories.CLEAN
    assert len(advisories.locked()) > 100
    (tmp_path / "nothing").mkdir()
    (tmp_path / "broken.json").write_text("{")
    for source in (
        tmp_path / "nowhere", tmp_path / "nothing", tmp_path / "broken.json", f"http://127.0.0.1:{free_port()}"
    ):  # fmt: skip
        assert advisories.main(["--from", str(source)]) == advisories.NOT_ASKED
        assert "NOT LOOKED UP: " in capsys.readouterr().out


@pytest.fixture
def service() -> Iterator[str]:
    """A service that knows one thing about Django, and forgets the last question when the path says so."""

    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            if self.path.startswith("/forgetful"):
                asked.pop()
            told = [{"vulns": [{"id": "MADE-UP-2"}]} if one["package"]["name"] == "django" else {} for one in asked]
            body = json.dumps({"results": told}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Osv) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_service_is_asked_for_all_of_them(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert advisories.main(["--from", service]) == advisories.FOUND
    assert "MADE-UP-2" in capsys.readouterr().out
    assert advisories.main(["--from", f"{service}/forgetful"]) == advisories.NOT_ASKED
