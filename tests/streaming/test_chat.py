"""What the chat tells a model; how it answers is seen over the transports."""

from types import SimpleNamespace

from streaming.chat import HISTORY_LIMIT, _history


def conversation(count: int, size: int = 200) -> list[SimpleNamespace]:
    roles = ("user", "assistant")
    return [SimpleNamespace(role=roles[number % 2], text=f"{number:04}" + "x" * (size - 4)) for number in range(count)]


def test_a_short_conversation_is_told_whole_without_empty_turns() -> None:
    turns = [*conversation(4), SimpleNamespace(role="assistant", text="")]
    assert [one["content"][:4] for one in _history(turns)] == ["0000", "0001", "0002", "0003"]


def test_a_long_one_is_told_from_a_place_that_seldom_moves() -> None:
    begins = []
    for count in range(2, 200, 2):
        told = _history(conversation(count))
        assert told[0]["role"] == "user"
        assert told[-1]["content"].startswith(f"{count - 1:04}")
        assert min(count * 200, HISTORY_LIMIT // 2 - 400) <= sum(len(one["content"]) for one in told) <= HISTORY_LIMIT
        begins.append(told[0]["content"][:4])
    assert len(set(begins)) <= 2 + 200 * 200 // (HISTORY_LIMIT // 2)
