"""Parameters: what is in range is taken, what is not is refused with the range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.datasets.errors import BadParameter
from streaming.datasets.parameters import CHUNKS, ENDPOINTS, LARGE, OPTIMIZED, Choice, Flag, Whole

WHOLE = Whole("chunk_size", 128, 8192, 1024, "")


@given(st.integers())
def test_whole_numbers(number: int) -> None:
    for value in (number, str(number)):
        if 128 <= number <= 8192:
            assert WHOLE.read(value) == number
        else:
            with pytest.raises(BadParameter, match="from 128 to 8192") as refused:
                WHOLE.read(value)
            assert refused.value.allowed == {"minimum": 128, "maximum": 8192}


@pytest.mark.parametrize(
    "value", ["", "x", "1e3", "１２８", "0x100", "512.0", True, None, [512], 512.5, float("nan"), "9" * 30]
)
def test_what_is_no_whole_number(value: object) -> None:
    with pytest.raises(BadParameter, match="chunk_size must be a whole number"):
        WHOLE.read(value)


def test_flags_and_choices() -> None:
    flag, choice = Flag("f", True, ""), Choice("c", ("low", "high"), "low", "")
    assert [flag.read(value) for value in ("true", "FALSE", "1", "0", True)] == [True, False, True, False, True]
    assert choice.read("high") == "high"
    for parameter, value in ((flag, "yes"), (flag, 1), (choice, "HIGH"), (choice, 1)):
        with pytest.raises(BadParameter, match="must be"):
            parameter.read(value)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS)
def test_defaults_are_in_range_and_others_are_ignored(endpoint: object) -> None:
    values = endpoint.read({"something": "else"})
    assert values == endpoint.read(values)
    assert endpoint.chunk_of(values) >= 128


def test_the_ranges_that_were_promised() -> None:
    def bounds(endpoint: object, name: str) -> tuple[int, int]:
        found = next(parameter for parameter in endpoint.parameters if parameter.name == name)
        return (found.low, found.high)

    assert bounds(CHUNKS, "chunk_size") == (128, 8192)
    assert bounds(LARGE, "max_chunk_size") == (512, 16384)
    assert bounds(LARGE, "compression_level") == (0, 3)
    assert [(e.heartbeat, e.readable) for e in ENDPOINTS.values()] == [
        (25, False),
        (25, False),
        (20, True),
        (20, False),
    ]
    hint = next(parameter for parameter in OPTIMIZED.parameters if parameter.name == "bandwidth_hint")
    assert hint.names == ("low", "medium", "high", "auto")
