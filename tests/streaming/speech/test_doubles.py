import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.audio import pcm
from streaming.speech.base import SpeechError
from streaming.speech.doubles import DoubleRecogniser, DoubleSynthesiser, read, spell


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(0, 900), st.integers(0, 900)
)
def test_what_is_spelled_can_be_read(text: str, before: int, behind: int) -> None:
    samples = np.concatenate((np.zeros(before, np.float32), spell(text), np.zeros(behind, np.float32)))
    assert read(pcm.decode(pcm.encode(samples))) == text


def test_noise_spells_nothing() -> None:
    assert read(np.random.default_rng(1).uniform(-0.1, 0.1, 5_000).astype(np.float32)) == ""


def test_failures_on_demand() -> None:
    with pytest.raises(SpeechError):
        DoubleSynthesiser().speak("stammer!")
    with pytest.raises(SpeechError):
        DoubleRecogniser().transcribe(spell("cough!"))
