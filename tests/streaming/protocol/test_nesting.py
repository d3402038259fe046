"""How deep JSON may be nested."""

from typing import Any

import orjson
import pytest

from streaming.datasets.parameters import shown
from streaming.protocol.nesting import LEVELS, is_too_deep


def nested(levels: int, inner: Any = 0) -> Any:
    for number in range(levels):
        inner = [inner] if number % 2 else {"a": 0, "b": inner}
    return inner


@pytest.mark.parametrize(
    ("value", "deep"),
    [(0, False), ([], False), ("[" * 200, False), (nested(LEVELS), False), (nested(LEVELS + 1), True)],
)
def test_levels_are_counted(value: Any, deep: bool) -> None:
    assert is_too_deep(value) == deep
    assert is_too_deep([[value], value]) == (deep or value == nested(LEVELS))


def test_what_is_not_too_deep_can_be_written() -> None:
    assert orjson.dumps({"data": nested(LEVELS)})


def test_what_is_too_deep_for_python_can_be_told_of() -> None:
    assert shown(orjson.loads(b"[" * 1_000 + b"]" * 1_000))[-1] == "…"
