import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.audio import pcm
from streaming.audio.activity import FRAME
from streaming.audio.buffer import LONGEST_PART, Began, Ended, Lull, Part, StreamingAudioBuffer, WentOn
from streaming.audio.endpoint import Rules
from streaming.audio.errors import AudioError
from streaming.audio.pcm import RATE, Samples

RULES = Rules(lull=64, settled=192, silence=704)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def speech(seconds: float) -> Samples:
    """A tone with syllables: three a second, with a short dip between two."""
    places = np.arange(round(seconds * RATE))
    dips = np.where(places % (10 * FRAME) < FRAME, 0.05, 1.0)
    return (np.sin(places * 0.3) * dips * 0.3).astype(np.float32)


def fed(buffer: StreamingAudioBuffer, samples: Samples, size: int = 1_000) -> list[object]:
    data = pcm.encode(samples)
    return [one for at in range(0, len(data), size * 2) for one in buffer.push(data[at : at + size * 2])]


def test_a_turn_with_its_preroll() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=RULES)
    found = fed(buffer, np.concatenate((silence(1), speech(1), silence(1))))
    assert [type(one) for one in found] == [Began, Lull, Ended]
    ended = found[-1]
    assert isinstance(ended, Ended)
    assert ended.reason == "silence"
    assert ended.silence == 704
    assert 900 <= ended.voiced <= 1_024
    # The quiet before the first word is there, and nothing of the speech is missing.
    first = int(np.flatnonzero(np.abs(ended.samples) > 0.01)[0])
    assert 0.1 * RATE < first < 0.4 * RATE
    assert np.count_nonzero(np.abs(ended.samples) > 0.01) > 0.9 * RATE
    assert not buffer.hearing


@settings(max_examples=25)
@given(st.lists(st.integers(100, 3_000), min_size=1, max_size=12), st.sampled_from([8_000, 16_000, 44_100]))
def test_how_sound_is_divided_makes_no_difference(sizes: list[int], rate: int) -> None:
    sound = np.concatenate((silence(0.3), speech(0.5), silence(1)))
    data = pcm.encode(pcm.Resampler(RATE, rate).push(sound))
    whole = StreamingAudioBuffer(rate, rules=RULES).push(data)
    buffer = StreamingAudioBuffer(rate, rules=RULES)
    parts, place = [], 0
    for number in range(len(data)):
        size = sizes[number % len(sizes)] * 2
        parts += buffer.push(data[place : place + size])
        place += size
        if place >= len(data):
            break
    assert [type(one) for one in parts] == [type(one) for one in whole]
    for one, other in zip(parts, whole, strict=True):
        if isinstance(one, Ended) and isinstance(other, Ended):
            np.testing.assert_allclose(one.samples, other.samples, atol=1e-4)


@given(st.binary(max_size=8_000))
def test_any_sound_leaves_the_buffer_usable(data: bytes) -> None:
    buffer = StreamingAudioBuffer(RATE, rules=RULES)
    try:
        buffer.push(data)
    except AudioError:
        assert len(data) % 2
    assert any(isinstance(one, Ended) for one in fed(buffer, np.concatenate((silence(2), speech(1), silence(1)))))


def test_numbers_of_chunks() -> None:
    buffer = StreamingAudioBuffer(RATE)
    chunk = pcm.encode(silence(0.032))
    for sequence in (7, 8, 8, 7, 11):
        buffer.push(chunk, sequence)
    assert (buffer.counts.chunks, buffer.counts.twice, buffer.counts.missing) == (3, 2, 2)
    buffer.renumber()
    buffer.push(chunk, 0)
    assert (buffer.counts.chunks, buffer.counts.missing) == (4, 2)


def test_a_wrong_rate_and_an_odd_number_of_bytes_are_refused() -> None:
    with pytest.raises(AudioError):
        StreamingAudioBuffer(4_000)
    with pytest.raises(AudioError):
        StreamingAudioBuffer(RATE).push(b"abc", 0)


def test_silence_and_steady_noise_are_no_turn() -> None:
    noise = (np.random.default_rng(1).standard_normal(RATE * 20) * 0.02).astype(np.float32)
    for sound in (silence(20), noise):
        found = fed(StreamingAudioBuffer(RATE, rules=RULES), sound)
        assert sum(isinstance(one, Ended) and one.voiced > 2_000 for one in found) == 0


def test_a_pause_within_a_turn() -> None:
    sound = np.concatenate((silence(0.5), speech(0.5), silence(0.3), speech(0.5), silence(1)))
    found = fed(StreamingAudioBuffer(RATE, rules=RULES), sound)
    assert [type(one) for one in found] == [Began, Lull, WentOn, Lull, Ended]


def test_a_pause_is_noticed_before_the_detector_believes_it() -> None:
    class Slow:
        """Believes in speech for four frames behind it, as a network with a memory does."""

        def __init__(self) -> None:
            self.left = 0

        def __call__(self, frame: Samples) -> float:
            self.left = 4 if np.abs(frame).max() > 0.01 else self.left - 1
            return float(self.left > 0)

        def reset(self) -> None:
            self.left = 0

    found = fed(StreamingAudioBuffer(RATE, Slow(), RULES), np.concatenate((silence(0.3), speech(1), silence(1))), FRAME)
    quick = next(one for one in found if isinstance(one, Lull))
    behind = len(quick.samples) - np.flatnonzero(np.abs(quick.samples) > 0.01)[-1]
    assert behind < 3 * FRAME


def test_a_settled_sentence_ends_sooner() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=RULES)
    fed(buffer, np.concatenate((silence(0.5), speech(0.5), silence(0.12))))
    buffer.settle()
    (ended,) = fed(buffer, silence(0.2))
    assert isinstance(ended, Ended)
    assert ended.silence == 192


def test_half_an_hour_of_speech_is_cut_into_parts_and_ends_at_the_limit() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=Rules(limit=120_000))
    found: list[object] = []
    minute = speech(60)
    for _ in range(30):
        found += fed(buffer, minute, 16_000)
        assert len(buffer.samples) <= (LONGEST_PART + 0.1) * RATE
    parts = [one for one in found if isinstance(one, Part)]
    (ended,) = [one for one in found if isinstance(one, Ended)]
    assert ended.reason == "limit"
    assert all(len(part.samples) <= LONGEST_PART * RATE for part in parts)
    assert sum(len(part.samples) for part in parts) + len(ended.samples) == pytest.approx(120 * RATE, rel=0.01)
    # Nothing more is heard before there is silence.
    assert [type(one) for one in fed(buffer, np.concatenate((silence(1), speech(1), silence(1))))] == [
        Began,
        Lull,
        Ended,
    ]


def test_push_to_talk() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=RULES, hands_free=False)
    assert fed(buffer, np.concatenate((speech(1), silence(1)))) == []
    assert buffer.begin() == [Began()]
    assert buffer.begin() == []
    found = fed(buffer, np.concatenate((silence(0.1), speech(0.5), silence(2), speech(0.5))))
    assert not any(isinstance(one, Ended) for one in found)
    (ended,) = buffer.finish()
    assert isinstance(ended, Ended)
    assert ended.reason == "asked"
    assert len(ended.samples) > 3 * RATE
    assert buffer.finish() == []


def test_a_button_that_is_held_without_a_word() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=RULES, hands_free=False)
    buffer.begin()
    fed(buffer, silence(1))
    (ended,) = buffer.finish()
    assert isinstance(ended, Ended)
    assert ended.voiced == 0


def test_a_button_that_is_held_for_ever() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=Rules(limit=10_000), hands_free=False)
    buffer.begin()
    found = [one for one in fed(buffer, silence(30)) if not isinstance(one, Part)]
    assert [one.reason for one in found if isinstance(one, Ended)] == ["limit"]


def test_what_is_dropped_is_forgotten() -> None:
    buffer = StreamingAudioBuffer(RATE, rules=RULES)
    fed(buffer, np.concatenate((silence(0.5), speech(0.5))))
    assert buffer.hearing
    buffer.drop()
    assert not buffer.hearing
    assert len(buffer.samples) == 0
    assert fed(buffer, silence(1)) == []
