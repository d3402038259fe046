"""The voice as a person uses it: a real browser whose microphone is a file of real speech, on real speech engines."""

import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from aura_site.launcher import checks
from streaming.audio import pcm
from streaming.audio.words import plain
from streaming.speech.hibari import Hibari
from tests.browser.conftest import ARGUMENTS, signed_in
from tests.live import LiveServer

pytestmark = [pytest.mark.browser, pytest.mark.model]

QUESTION = "What is the capital of France?"
INTERRUPTION = "Stop it now, that is quite enough for today."


def recording(folder: Path, parts: list[str | float]) -> Path:
    """Write a microphone's file: texts spoken, and seconds of silence."""
    voice = Hibari()
    sound = [
        np.zeros(round(part * voice.rate), np.float32)
        if isinstance(part, float)
        else pcm.decode(voice.speak(part).audio)
        for part in parts
    ]
    file = folder / "microphone.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(voice.rate)
        out.writeframes(pcm.encode(np.concatenate(sound)))
    return file


@pytest.fixture(scope="module")
def talking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    # Answers that are still being written when they are interrupted, however slow the machine is.
    server = LiveServer(tmp_path_factory.mktemp("talking"), SMART_MODEL="mock:mock-1000-10")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def microphones() -> Iterator[Callable[[Path], Browser]]:
    """Start browsers that hear a file."""
    path = checks.chromium()
    assert path, "no Chromium: install it, or name it in AURA_CHROMIUM"
    started: list[Browser] = []
    with sync_playwright() as playwright:

        def start(file: Path) -> Browser:
            fake = [
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={file}%noloop",
                "--autoplay-policy=no-user-gesture-required",
            ]
            made = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *fake])
            started.append(made)
            return made

        yield start
        for one in started:
            one.close()


@pytest.fixture
def listening(
    request: pytest.FixtureRequest,
    microphones: Callable[[Path], Browser],
    talking: LiveServer,
    tmp_path: Path,
) -> Iterator[Page]:
    yield from signed_in(microphones(recording(tmp_path, request.param)), talking)


@pytest.mark.parametrize("listening", [[1.0, QUESTION, 30.0]], indirect=True)
def test_a_question_is_spoken_understood_and_answered_aloud(listening: Page) -> None:
    page = listening
    page.goto("/")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")
    page.select_option("#tier", "fast")  # says what it was told
    page.get_by_role("button", name="Talk", exact=True).click()
    expect(page.locator("#voice")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "speaking", timeout=30_000)
    expect(page.locator("#voice-words")).to_have_text(QUESTION)
    assert plain(page.locator(".turn.user .words").inner_text()) == plain(QUESTION)
    expect(page.locator(".turn.assistant .words")).to_have_text(QUESTION)
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "listening", timeout=30_000)
    expect(page.locator("#voice-times")).to_contain_text("first sound after")
    # It is a conversation as any other, there after a reload.
    expect(page.locator("#conversations a").first).to_have_text(QUESTION)
    page.get_by_role("button", name="End voice").click()
    expect(page.locator("#voice-panel")).to_be_hidden()
    page.reload()
    expect(page.locator(".turn.assistant .words")).to_have_text(QUESTION)


@pytest.mark.parametrize("listening", [[1.0, QUESTION, 3.0, INTERRUPTION, 30.0]], indirect=True)
def test_who_speaks_interrupts(listening: Page) -> None:
    page = listening
    page.goto("/")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")
    page.select_option("#tier", "smart")  # 1,000 words
    page.locator("#voice").click()
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "speaking", timeout=30_000)
    expect(page.locator(".turn.user")).to_have_count(2, timeout=30_000)
    first = page.locator(".turn.assistant").first
    expect(first.locator(".state")).to_have_text("Stopped.")
    # A person may do the same by a button.
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "speaking", timeout=30_000)
    page.get_by_role("button", name="Interrupt").click()
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "listening", timeout=30_000)
    expect(page.locator(".turn.assistant").last.locator(".state")).to_have_text("Stopped.")


@pytest.mark.parametrize("listening", [[30.0]], indirect=True)
def test_the_button_is_held_by_key_in_arabic(listening: Page, talking: LiveServer) -> None:
    page = listening
    page.context.add_cookies([{"name": "django_language", "value": "ar", "url": talking.url}])
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("#line")).to_have_attribute("data-state", "connected")
    page.locator("#voice").click()
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "listening", timeout=30_000)
    page.select_option("#voice-style", "talk")
    talk = page.locator("#voice-talk")
    talk.focus()
    page.keyboard.down("Space")
    expect(talk).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "hearing")
    page.keyboard.up("Space")
    expect(talk).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#voice-panel")).to_have_attribute("data-state", "listening")
    expect(page.locator(".turn")).to_have_count(0)
