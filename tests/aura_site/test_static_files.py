"""Static files under a running server."""

import gzip
import os
import shutil
from pathlib import Path
from urllib.request import Request, urlopen

import brotli
import pytest
from asgiref.testing import ApplicationCommunicator

from aura_site.static_files import StaticFiles
from tests.live import LiveServer


async def get(application: StaticFiles, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body, after a look that the length is the one announced."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": given}
    line = ApplicationCommunicator(application, scope)
    await line.send_input({"type": "http.request", "body": b""})
    start = await line.receive_output()
    body, more = b"", True
    while more:
        part = await line.receive_output()
        body += part["body"]
        more = part.get("more_body", False)
    await line.wait()
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    if start["status"] == 200:
        assert int(found["content-length"]) == len(body)
    return start["status"], found, body


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.js").write_text("first")
    return tmp_path


@pytest.fixture
def application(folder: Path) -> StaticFiles:
    made = StaticFiles(None, max_age=60)
    made.add_files(str(folder), prefix="static/")
    return made


async def test_a_file_that_changes_is_served_as_it_is_now(folder: Path, application: StaticFiles) -> None:
    _, before, body = await get(application, "/static/page.js")
    assert body == b"first"
    for text in ("longer than before", "short", "once more"):
        (folder / "page.js").write_text(text)
        _, headers, body = await get(application, "/static/page.js")
        assert body == text.encode()
    # An entity tag has the time in seconds and the size.
    assert headers["etag"] != before["etag"]
    # The same size, and a time that a copy preserved.
    stat = (folder / "page.js").stat()
    (folder / "new").write_text("ONCE MORE")
    os.utime(folder / "new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (folder / "new").replace(folder / "page.js")
    assert (await get(application, "/static/page.js"))[2] == b"ONCE MORE"


async def test_what_has_not_changed_is_not_sent_twice(application: StaticFiles) -> None:
    _, headers, _ = await get(application, "/static/page.js")
    assert (await get(application, "/static/page.js", if_none_match=headers["etag"]))[0] == 304


async def test_a_compressed_file_that_changes(folder: Path, application: StaticFiles) -> None:
    for text in ("x" * 1000, "y" * 3000):
        (folder / "page.js").write_text(text)
        (folder / "page.js.gz").write_bytes(gzip.compress(text.encode()))
        _, headers, body = await get(application, "/static/page.js", accept_encoding="gzip")
        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(body) == text.encode()


async def test_a_file_that_goes_and_comes_back(folder: Path, application: StaticFiles) -> None:
    (folder / "page.js").unlink()
    assert (await get(application, "/static/page.js"))[0] == 404
    (folder / "page.js").mkdir()
    assert (await get(application, "/static/page.js"))[0] == 404
    (folder / "page.js").rmdir()
    (folder / "page.js").write_text("back")
    assert (await get(application, "/static/page.js"))[2] == b"back"


@pytest.mark.parametrize("path", ["/static/../page.js", "/static/none.js", "/static/", "/", "/static/\0"])
async def test_nothing_else_is_served(application: StaticFiles, path: str) -> None:
    assert (await get(application, path))[0] == 404


async def test_a_file_is_compressed_for_who_takes_it_and_anew_when_it_changes(folder: Path) -> None:
    application = StaticFiles(None, max_age=60, pack=True)
    application.add_files(str(folder), prefix="static/")
    # The file is noted before it is long enough, as it was when the server started.
    for text in ("first();\n" * 500, "second();\n" * 500):
        (folder / "page.js").write_text(text)
        _, plain, body = await get(application, "/static/page.js")
        assert body == text.encode()
        for coding, decode in (("gzip", gzip.decompress), ("br", brotli.decompress)):
            _, headers, body = await get(application, "/static/page.js", accept_encoding=coding)
            assert headers["content-encoding"] == coding
            assert headers["content-type"] == plain["content-type"]
            assert headers["vary"] == "Accept-Encoding"
            assert len(body) < len(text) / 10
            assert decode(body) == text.encode()
        assert (await get(application, "/static/page.js", if_none_match=headers["etag"]))[0] == 304
    (folder / "page.js").unlink()
    assert (await get(application, "/static/page.js", accept_encoding="br"))[0] == 404


@pytest.mark.parametrize("taken", ["*", "*.br", "*.js"])
async def test_compressed_copies_that_a_cleaner_of_temporary_files_took_are_made_again(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    text = "first();\n" * 500
    for name in ("page.js", "twin.js"):
        (folder / name).write_text(text)
    application = StaticFiles(None, max_age=60, pack=True)
    application.add_files(str(folder), prefix="static/")
    for _ in range(3):
        for path in ("/static/page.js", "/static/twin.js"):
            status, headers, body = await get(application, path, accept_encoding="br")
            assert (status, headers["content-encoding"], brotli.decompress(body)) == (200, "br", text.encode())
        for place in temporary.glob("*" if taken == "*" else f"*/{taken}"):
            shutil.rmtree(place) if place.is_dir() else place.unlink()


async def test_what_would_not_be_smaller_is_served_as_it_is(folder: Path) -> None:
    (folder / "small.js").write_text("x")
    (folder / "picture.png").write_bytes(bytes(5_000))
    application = StaticFiles(None, max_age=60, pack=True)
    application.add_files(str(folder), prefix="static/")
    for name in ("small.js", "picture.png"):
        assert "content-encoding" not in (await get(application, f"/static/{name}", accept_encoding="br, gzip"))[1]


@pytest.mark.parametrize("server", ["uvicorn", "daphne"])
def test_a_server_that_ends_leaves_no_copies_behind(tmp_path: Path, server: str) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    live = LiveServer(tmp_path / "data", server, TMPDIR=str(copies))
    live.start()
    try:
        request = Request(f"{live.url}/static/aura/connection.js", headers={"Accept-Encoding": "br"})
        with urlopen(request, timeout=30) as response:
            assert response.headers["Content-Encoding"] == "br"
        assert list(copies.glob("aura-static-*/*"))
    finally:
        live.stop()
    assert not list(copies.glob("aura-static-*"))
