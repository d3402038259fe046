"""Which engines the settings mean, and what the page offers."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from streaming.audio.activity import LoudnessDetector
from streaming.speech import whisper
from streaming.speech.base import NoEngine
from streaming.speech.engines import Engines


def test_off_is_off_and_says_what_to_do(settings: Any) -> None:
    settings.AURA_VOICE_RECOGNISER = settings.AURA_VOICE_SYNTHESISER = "off"
    with pytest.raises(NoEngine, match=r"voice\.md"):
        Engines().recogniser()
    with pytest.raises(NoEngine, match=r"voice\.md"):
        Engines().synthesiser()
    assert "voice.md" in Engines().missing()


def test_an_endpoint_that_is_named_is_used_for_what_is_not_said_otherwise(settings: Any) -> None:
    settings.AURA_VOICE_ENDPOINT = "http://127.0.0.1:9/v1"
    settings.AURA_VOICE_SYNTHESISER = "double"
    engines = Engines()
    assert engines.recogniser().name == "endpoint"
    assert engines.recogniser() is engines.recogniser()
    assert engines.synthesiser().name == "double-synthesiser"
    assert engines.missing() == ""


def test_without_weights_nothing_is_there(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AURA_VOICE_RECOGNISER = "auto"
    monkeypatch.setattr(whisper, "PACKAGES", (("no_such_package", "model"),))
    assert "voice.md" in Engines().missing()
    monkeypatch.setenv("AURA_VOICE_WHISPER", "/no/such/folder")
    assert not whisper.installed()


def test_loudness_does_where_the_network_is_not_wanted(settings: Any) -> None:
    settings.AURA_VOICE_DETECTOR = "loudness"
    assert isinstance(Engines().detector(), LoudnessDetector)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("engine", "staff", "button", "hint"),
    [("off", True, True, True), ("off", False, False, False), ("double", False, True, False)],
)
def test_the_page_offers_what_there_is(
    settings: Any, client: Client, engine: str, staff: bool, button: bool, hint: bool
) -> None:
    settings.AURA_VOICE_RECOGNISER = engine
    client.force_login(get_user_model().objects.create_user("someone", is_staff=staff))
    page = client.get("/").content.decode()
    assert ('id="voice"' in page) is button
    assert ("docs/how-to/voice.md" in page) is hint
