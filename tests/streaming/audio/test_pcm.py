import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio import pcm
from streaming.audio.errors import AudioError


@given(st.binary(max_size=400))
def test_any_bytes_are_samples_or_an_error(data: bytes) -> None:
    if len(data) % 2:
        with pytest.raises(AudioError, match="odd number"):
            pcm.decode(data)
        return
    samples = pcm.decode(data)
    assert np.abs(samples).max(initial=0) <= 1
    assert pcm.encode(samples) == data


def test_what_is_too_loud_is_cut_and_what_is_no_number_is_silence() -> None:
    samples = np.array([2, -2, np.nan, np.inf, -np.inf], np.float32)
    assert np.frombuffer(pcm.encode(samples), "<i2").tolist() == [32767, -32768, 0, 32767, -32768]


@pytest.mark.parametrize("rate", [0, 7_999, 48_001, -1, 2**40])
def test_impossible_rates(rate: int) -> None:
    with pytest.raises(AudioError, match="8000 to 48000"):
        pcm.check_rate(rate)


@given(
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]),
    st.lists(st.integers(0, 700), max_size=6),
    st.integers(0, 2**32 - 1),
)
def test_resampling_does_not_depend_on_how_the_input_is_divided(rate: int, sizes: list[int], seed: int) -> None:
    samples = np.random.default_rng(seed).uniform(-1, 1, sum(sizes)).astype(np.float32)
    whole = pcm.Resampler(rate, pcm.RATE).push(samples)
    parts, place = [np.zeros(0, np.float32)], 0
    divided = pcm.Resampler(rate, pcm.RATE)
    for size in sizes:
        parts.append(divided.push(samples[place : place + size]))
        place += size
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_and_loudness(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
    heard = pcm.Resampler(rate, pcm.RATE).push(tone)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(heard)) / pcm.RATE)
    assert len(heard) > 0.98 * pcm.RATE
    assert np.abs(heard - expected)[400:].max() < 0.01


def test_what_is_above_the_new_rate_is_taken_out() -> None:
    tone = np.sin(2 * np.pi * 15_000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert np.abs(pcm.Resampler(48_000, pcm.RATE).push(tone))[100:].max() < 0.01


def test_silence_around_is_trimmed() -> None:
    sound = np.concatenate((np.zeros(1_000), np.full(500, 0.1), np.zeros(300), np.full(100, -0.1), np.zeros(2_000)))
    cut = pcm.trimmed(sound.astype(np.float32), 1_000, 0.1, 0.2)
    assert len(cut) == 100 + 900 + 200
    assert np.flatnonzero(cut)[0] == 100
    assert len(pcm.trimmed(sound[:1_400].astype(np.float32), 1_000, 2.0, 2.0)) == 1_400
    assert len(pcm.trimmed(np.zeros(50, np.float32), 1_000, 0.1, 0.1)) == 0
