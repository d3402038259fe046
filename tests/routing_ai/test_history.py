"""How much of a conversation a model is told."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routing_ai.policy.history import newest
from routing_ai.providers.embedded import HISTORY_LIMIT, SYSTEM, _told

LIMIT = 6_000


def conversation(count: int, size: int = 200) -> list[dict[str, Any]]:
    roles = ("user", "assistant")
    return [{"role": roles[number % 2], "content": f"{number:04}" + "x" * (size - 4)} for number in range(count)]


def test_a_short_conversation_is_told_whole_without_empty_turns() -> None:
    turns = [*conversation(4), {"role": "assistant", "content": ""}]
    assert [one["content"][:4] for one in newest(turns, LIMIT)] == ["0000", "0001", "0002", "0003"]


def test_a_long_one_is_told_from_a_place_that_seldom_moves() -> None:
    begins = []
    for count in range(2, 200, 2):
        told = newest(conversation(count), LIMIT)
        assert told[0]["role"] == "user"
        assert told[-1]["content"].startswith(f"{count - 1:04}")
        assert min(count * 200, LIMIT // 2 - 400) <= sum(len(one["content"]) for one in told) <= LIMIT
        begins.append(told[0]["content"][:4])
    assert len(set(begins)) <= 2 + 200 * 200 // (LIMIT // 2)


def test_parts_of_text_count_and_pictures_do_not() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + "A" * 9000}}
    seen = {"role": "user", "content": [{"type": "text", "text": "What is that?"}, picture]}
    assert newest([seen], LIMIT) == [seen]


messages = st.lists(st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": st.text()}))


@given(messages, st.integers(2, 200))
def test_what_is_told_is_an_end_of_it_that_fits(turns: list[dict[str, Any]], limit: int) -> None:
    told = newest(turns, limit)
    said = [turn for turn in turns if turn["content"]]
    assert told == said[len(said) - len(told) :]
    assert sum(len(turn["content"]) for turn in told) <= limit
    assert not told or told[0]["role"] == "user"


def test_the_embedded_model_is_told_all_instructions_and_the_newest_words() -> None:
    rule = {"role": "system", "content": "Answer in verse. " * 200}
    told = _told([rule, *conversation(40)])
    assert told[:2] == [{"role": "system", "content": SYSTEM}, rule]
    assert HISTORY_LIMIT // 2 - 400 <= sum(len(one["content"]) for one in told[2:]) <= HISTORY_LIMIT
    assert told[-1]["content"].startswith("0039")
