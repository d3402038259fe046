from hypothesis import given
from hypothesis import strategies as st

from streaming.audio.endpoint import Endpointer, Rules, Signal, frames

RULES = Rules(confirm=96, lull=64, settled=192, silence=704, limit=3_200)


def signals(endpointer: Endpointer, probabilities: list[float]) -> list[tuple[int, Signal]]:
    found = [(number, endpointer.observe(value)) for number, value in enumerate(probabilities)]
    return [(number, signal) for number, signal in found if signal is not None]


def test_a_turn_begins_with_confirmed_speech_and_ends_with_silence() -> None:
    assert signals(Endpointer(RULES), [0.9] * 10 + [0.1] * 30) == [
        (2, Signal.BEGAN),
        (11, Signal.LULL),
        (31, Signal.ENDED),
    ]


def test_a_whole_sentence_needs_less_silence() -> None:
    endpointer = Endpointer(RULES)
    assert signals(endpointer, [0.9] * 10 + [0.1] * 3)[-1] == (11, Signal.LULL)
    endpointer.settle()
    assert signals(endpointer, [0.1] * 4) == [(2, Signal.ENDED)]


def test_speech_that_goes_on_takes_the_sentence_back() -> None:
    endpointer = Endpointer(RULES)
    signals(endpointer, [0.9] * 10 + [0.1] * 3)
    endpointer.settle()
    assert signals(endpointer, [0.9] * 4 + [0.1] * 12) == [(0, Signal.WENT_ON), (5, Signal.LULL)]


def test_a_click_is_no_speech() -> None:
    assert signals(Endpointer(RULES), [0.9, 0.9, 0.1] * 20) == []


def test_a_probability_in_between_holds_a_turn_but_does_not_begin_one() -> None:
    assert signals(Endpointer(RULES), [0.4] * 50) == []
    assert signals(Endpointer(RULES), [0.9] * 3 + [0.4] * 50) == [(2, Signal.BEGAN)]


def test_after_the_limit_there_must_be_silence_before_another_turn() -> None:
    endpointer = Endpointer(RULES)
    found = signals(endpointer, [0.9] * 400)
    assert found == [(2, Signal.BEGAN), (frames(3_200) - 1, Signal.LIMIT)]
    assert signals(endpointer, [0.1] * frames(192) + [0.9] * 3) == [(8, Signal.BEGAN)]


@given(st.lists(st.floats(0, 1), max_size=600))
def test_turns_are_well_formed_whatever_is_heard(probabilities: list[float]) -> None:
    endpointer = Endpointer(RULES)
    open_, began, lull = False, 0, False
    for number, probability in enumerate(probabilities):
        match endpointer.observe(probability):
            case Signal.BEGAN:
                assert not open_
                open_, began = True, number
            case Signal.LULL:
                assert open_
                lull = True
            case Signal.WENT_ON:
                assert open_
                assert lull
            case Signal.ENDED | Signal.LIMIT:
                assert open_
                open_ = lull = False
        if open_:
            # Silence may follow the last moment of speech within the limit.
            assert number - began <= frames(RULES.limit) + frames(RULES.silence)
