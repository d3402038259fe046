"""What a database must be like for AURA to start on it."""

from pathlib import Path

import pytest

from tests.live import LiveServer


def test_without_the_keys_of_the_record_nothing_starts_and_with_them_again_all_does(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    server.start()
    try:
        assert server.get("/api/v1/stream/chat?q=Hello&model=fast")[0] == 200
        server.stop()
        keys = tmp_path / "keys" / "record_key"
        away = keys.rename(tmp_path / "away")
        said = "The record cannot be opened: key "
        told = server.manage("bootstrap", check=False)
        assert (told.startswith(f"CommandError: {said}"), told.count("\n")) == (True, 1), told
        assert told.endswith(f"which is not at hand: add it to AURA_RECORD_KEY, or put {keys} back as it was.\n")
        with pytest.raises(AssertionError, match=said):
            server.start()
        away.replace(keys)
        server.manage("bootstrap")
        server.start()
        assert server.get("/api/v1/stream/chat?q=Hello&model=fast")[0] == 200
    finally:
        server.stop()
