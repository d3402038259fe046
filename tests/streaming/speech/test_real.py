"""The engines that run here, one with the other: what Hibari says, Silero notices and Whisper understands."""

from functools import cache

import numpy as np
import pytest

from streaming.audio import pcm
from streaming.audio.activity import FRAME
from streaming.audio.buffer import Ended, StreamingAudioBuffer
from streaming.audio.pcm import RATE, Samples
from streaming.audio.words import is_phantom, plain
from streaming.speech.base import SpeechError
from streaming.speech.hibari import Hibari
from streaming.speech.silero import SileroDetector
from streaming.speech.whisper import Whisper, log_mels, mel_filters

pytestmark = pytest.mark.model

SENTENCE = "The museum is closed on Monday, but the park is always open."


@cache
def whisper() -> Whisper:
    return Whisper(1)


@cache
def spoken() -> Samples:
    speech = Hibari().speak(SENTENCE)
    return pcm.Resampler(speech.rate, RATE).push(pcm.decode(speech.audio))


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def test_a_sentence_is_understood_with_the_times_of_its_words() -> None:
    heard = whisper().transcribe(np.concatenate((silence(1), spoken())), timed=True)
    assert plain(heard.text) == plain(SENTENCE)
    assert heard.language == "en"
    assert [plain(word.text) for word in heard.words] == plain(SENTENCE).split()
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert all(word.start <= word.end <= 1_000 + len(spoken()) // 16 for word in heard.words)
    assert heard.words[-1].start > 3_000


@pytest.mark.parametrize("level", [0.0, 0.003, 0.05])
def test_silence_and_noise_are_not_taken_for_words(level: float) -> None:
    noise = (np.random.default_rng(3).standard_normal(RATE * 2) * level).astype(np.float32)
    assert is_phantom(whisper().transcribe(noise).text, voiced=100)
    detector = SileroDetector()
    assert max(detector(noise[at : at + FRAME]) for at in range(0, len(noise) - FRAME, FRAME)) < 0.5


def test_what_is_too_short_or_too_long() -> None:
    assert whisper().transcribe(silence(0.05)).text == ""
    with pytest.raises(SpeechError, match="30 s"):
        whisper().transcribe(silence(31))


def test_a_turn_is_cut_where_the_sentence_is() -> None:
    sound = np.concatenate((silence(1), spoken(), silence(1.5)))
    buffer = StreamingAudioBuffer(RATE, SileroDetector())
    happened = buffer.push(pcm.encode(sound))
    ended = [one for one in happened if isinstance(one, Ended)]
    assert len(ended) == 1
    assert plain(whisper().transcribe(ended[0].samples).text) == plain(SENTENCE)


def test_another_script_is_not_read_as_noise() -> None:
    voice = Hibari()
    assert voice.speak("ما هي عاصمة فرنسا؟").audio == b""
    assert voice.speak("").audio == b""
    assert voice.speak("🙂 ...").seconds < 2
    assert voice.speak("Same.").audio == voice.speak("Same.").audio


def test_the_spectrogram_is_the_one_that_whisper_was_trained_with() -> None:
    filters = mel_filters()
    assert filters.shape == (80, 201)
    # Slaney's areas: each triangle's integral over frequency is 1, as its height is 2 / width.
    assert filters.sum(axis=1)[10:] * (RATE / 2 / 200) == pytest.approx(1, rel=0.2)
    tone = np.sin(2 * np.pi * 1_000 * np.arange(RATE) / RATE).astype(np.float32)
    mels = log_mels(tone, 2.0, filters)
    assert mels.shape == (80, 200)
    assert set(mels[:, 10:90].argmax(axis=0)) <= {24, 25, 26}
    assert mels.max() - mels.min() == pytest.approx(2.0)


def test_nobody_waits_for_silence_before_the_first_sound() -> None:
    voice = Hibari()
    for text, pause in (("It is open.", 0.25), ("It is open", 0.0)):
        speech = voice.speak(text)
        heard = np.flatnonzero(np.abs(pcm.decode(speech.audio)) > 0.01)
        assert heard[0] < 0.05 * speech.rate
        assert pause < (len(speech.audio) // 2 - heard[-1]) / speech.rate < pause + 0.2
