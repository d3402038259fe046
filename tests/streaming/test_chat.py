"""What the chat tells a model; how it answers is seen over the transports."""

from types import SimpleNamespace

from streaming.chat import HISTORY_LIMIT, _history


def test_a_model_is_told_the_newest_turns() -> None:
    roles = ("user", "assistant")
    turns = [SimpleNamespace(role=roles[number % 2], text=f"{number:04}" + "x" * 196) for number in range(100)]
    told = _history(turns)
    assert told[-1] == {"role": "assistant", "content": turns[-1].text}
    assert sum(len(one["content"]) for one in told) <= HISTORY_LIMIT
