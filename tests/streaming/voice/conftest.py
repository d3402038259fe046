"""A server with the doubles of the speech engines, for all tests of the folder."""

from collections.abc import Iterator

import pytest

from tests.live import LiveServer

DOUBLES = {
    "AURA_VOICE_RECOGNISER": "double",
    "AURA_VOICE_SYNTHESISER": "double",
    "AURA_VOICE_DETECTOR": "loudness",
    "AURA_VOICE_TURN": "4",
    "AURA_VOICE_SPEAKERS": "1",
    "AURA_VOICE_KEEP_AUDIO": "true",
}


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    server = LiveServer(tmp_path_factory.mktemp("voice"), **DOUBLES)
    server.start()
    yield server
    server.stop()
