"""Branches of a conversation: what leads to a question, which versions of it there are, and what old records mean."""

from uuid import UUID

from audit.records import branches
from audit.records.event import NOWHERE, Event, Kind
from audit.records.transcript import Turn, fold

CONVERSATION = UUID(int=99)


def asked(*questions: tuple[int, int | None]) -> list[Turn]:
    """Return the turns of questions, each a number and what it was recorded to stand behind (None: nothing was said)."""
    events = []
    for number, after in questions:
        meta = {} if after is None else {"after": str(UUID(int=after))}
        events.append(Event(Kind.PROMPT, CONVERSATION, UUID(int=number), 1, 0, "ada", number, f"q{number}", meta))
        events.append(Event(Kind.CHUNK, CONVERSATION, UUID(int=number), 1, 0, "ada", number, f"a{number}"))
    return fold(events)


def words(turns: list[Turn]) -> list[str]:
    return [turn.text for turn in turns]


def test_without_a_word_of_branches_a_conversation_is_one_line() -> None:
    turns = asked((1, None), (2, None), (3, None))
    assert branches.newest(turns) == UUID(int=3)
    assert words(branches.path(turns, UUID(int=3))) == ["q1", "a1", "q2", "a2", "q3", "a3"]
    assert words(branches.path(turns, UUID(int=1))) == ["q1", "a1"]
    assert branches.versions(turns) == {}


def test_another_version_takes_what_followed_with_it_and_can_be_gone_back_to() -> None:
    # The second question in other words, a question behind that, one behind its first version, and the first in other words.
    turns = asked((1, None), (2, None), (3, None), (4, 1), (5, None), (6, 3), (7, NOWHERE.int))
    paths = {7: "q7", 6: "q1 q2 q3 q6", 5: "q1 q4 q5", 4: "q1 q4"}
    for to, expected in paths.items():
        assert [text for text in words(branches.path(turns, UUID(int=to))) if text[0] == "q"] == expected.split()
    numbers = {stream.int: place for stream, place in branches.versions(turns).items()}
    assert numbers == {1: (1, 2), 7: (2, 2), 2: (1, 2), 4: (2, 2)}


def test_what_was_erased_ends_a_path_and_what_names_itself_ends_too() -> None:
    assert words(branches.path(asked((2, 1), (3, None)), UUID(int=3))) == ["q2", "a2", "q3", "a3"]
    assert words(branches.path(asked((1, 1)), UUID(int=1))) == ["q1", "a1"]
    assert branches.path(asked((1, None)), UUID(int=8)) == []
    assert branches.path([], branches.newest([])) == []
