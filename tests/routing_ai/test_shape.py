"""Events taken apart as bytes say what they say as JSON, or nothing."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_ai.providers.shape import LESSONS, Shape


def event(content: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": content}, "logprobs": None, "finish_reason": None}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], "usage": None, **more}


def taught(content: str = "Hi", *, ascii_only: bool = True) -> Shape:
    shape, said = Shape(), event(content)
    shape.learn(json.dumps(said, ensure_ascii=ascii_only).encode(), said, said["choices"][0]["delta"])
    assert said == event(content)
    return shape


def stream(*events: dict[str, Any], ascii_only: bool = True) -> bytes:
    return b"".join(b"data: " + json.dumps(one, ensure_ascii=ascii_only).encode() + b"\n\n" for one in events)


TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=8)


@given(TEXTS, st.booleans())
def test_what_is_taken_is_what_json_says(texts: list[str], ascii_only: bool) -> None:
    shape = taught("a word", ascii_only=ascii_only)
    data = stream(*map(event, texts), ascii_only=ascii_only)
    taken, size = shape.words(data)
    assert size == (len(data) if taken else 0)
    if any(text.endswith("\\") for text in texts):
        assert taken in ("", "".join(texts))
    else:
        assert taken == "".join(texts)


@given(TEXTS, st.binary(max_size=40), st.integers(0, 2000), st.integers(0, 3))
def test_what_is_not_quite_like_it_is_never_misread(texts: list[str], noise: bytes, place: int, cut: int) -> None:
    """Whatever bytes get in, or out: if anything is taken, reading each event as JSON says the same."""
    data = stream(*map(event, texts))
    place %= len(data)
    data = data[:place] + noise + data[place + cut :]
    taken, size = taught().words(data)
    assert bool(taken) == bool(size)
    if taken:
        assert data[:size].endswith(b"\n\n")
        blocks = data[:size].removesuffix(b"\n\n").split(b"\n\n")
        read = [orjson.loads(block.removeprefix(b"data: "))["choices"][0]["delta"]["content"] for block in blocks]
        assert taken == "".join(read)


@pytest.mark.parametrize(
    "other",
    [
        event("x", id="chatcmpl-2"),
        event("x", usage={"completion_tokens": 3}),
        event("x", error={"message": "out of memory"}),
        {**event("x"), "choices": [{**event("x")["choices"][0], "finish_reason": "stop"}]},
        {**event("x"), "choices": [{**event("x")["choices"][0], "delta": {"content": "x", "tool_calls": []}}]},
        {**event("x"), "choices": []},
    ],
)
def test_another_event_among_them_is_left_to_json(other: dict[str, Any]) -> None:
    shape = taught()
    for data in (stream(other), stream(other, event("a"))):
        assert shape.words(data) == ("", 0)
    both = stream(event("a"), event("b"))
    for rest in (
        b"",
        stream(other),
        stream(other, other),
        stream(event("c"))[:-1],
        b"da",
        b": alive\n\n",
        b"data: [DONE]\n\n",
    ):
        assert shape.words(both + rest) == ("ab", len(both))
    for between in (stream(other), b": alive\n\n"):
        text, size = shape.words(stream(event("a")) + between + stream(event("b")))
        assert (text, size) in [("", 0), ("a", len(stream(event("a"))))]


def test_words_that_stand_in_an_event_twice_are_told_apart() -> None:
    said = {"content": "no", "choices": [{"index": 0, "delta": {"content": "no"}, "note": "content"}], "last": "no"}
    shape = Shape()
    shape.learn(json.dumps(said).encode(), said, said["choices"][0]["delta"])  # type: ignore[index]
    other = json.loads(json.dumps(said))
    other["choices"][0]["delta"]["content"] = "yes"
    assert shape.words(stream(other))[0] in ("", "yes")
    other["content"] = "yes"
    assert shape.words(stream(other)) == ("", 0)


def test_who_writes_every_event_anew_is_learned_from_a_few_times_only() -> None:
    shape = Shape()
    for number in range(LESSONS + 1):
        said = event("x", obfuscation="a" * number)
        shape.learn(json.dumps(said).encode(), said, said["choices"][0]["delta"])
    assert shape.words(stream(event("y", obfuscation="a" * (LESSONS - 1))))[0] == "y"
    assert shape.words(stream(event("y", obfuscation="a" * LESSONS)))[0] == ""
