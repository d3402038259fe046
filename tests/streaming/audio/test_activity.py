import numpy as np

from streaming.audio.activity import FRAME, Fall, LoudnessDetector


def noise(level: float, seed: int = 1) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(FRAME) * level).astype(np.float32)


def test_speech_stands_out_of_silence_and_of_noise() -> None:
    for floor in (0.0, 0.002, 0.02):
        detector = LoudnessDetector()
        for number in range(40):
            quiet = detector(noise(floor, number))
        assert quiet < 0.35
        assert detector(noise(0.2)) > 0.9


def test_a_noise_that_stays_is_taken_for_noise() -> None:
    detector = LoudnessDetector()
    detector(noise(0.001))
    first = detector(noise(0.02))
    for number in range(400):
        last = detector(noise(0.02, number))
    assert first > 0.5
    assert last < 0.35


def test_reset_forgets() -> None:
    detector, fresh = LoudnessDetector(), LoudnessDetector()
    for number in range(50):
        detector(noise(0.1, number))
    detector.reset()
    assert detector(noise(0.05)) == fresh(noise(0.05))


def test_a_fall_is_a_pause_unless_noise_fills_it() -> None:
    fall = Fall()
    assert not fall(0.0, speech=False)  # nobody has spoken yet
    assert not any(fall(0.1, speech=True) for _ in range(10))
    assert fall(0.002, speech=True)  # the detector still believes in speech
    assert not fall(0.006, speech=False)


def test_who_goes_on_more_softly_is_heard_again() -> None:
    fall = Fall()
    fall(0.3, speech=True)
    told = [fall(0.008, speech=True) for _ in range(30)]
    assert told[0]
    assert not told[-1]
    fall.reset()
    assert not fall(0.0001, speech=True)
