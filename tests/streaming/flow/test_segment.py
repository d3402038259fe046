"""Sentences and their ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.flow.segment import CONTEXT, Segmenter, is_boundary


def cut(*pieces: str) -> list[str]:
    segmenter = Segmenter()
    chunks: list[str] = []
    for piece in pieces:
        segmenter.feed(piece)
        chunks += segmenter.take()
    return chunks


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("Hello. How are you? Fine!", ["Hello.", " How are you?", " Fine!"]),
        ("It costs 3.50 today.", ["It costs 3.50 today."]),
        ('He said "no." Then left.', ['He said "no."', " Then left."]),
        ("**Bold.** More", ["**Bold.**", " More"]),
        ("First line\nSecond line", ["First line", "\nSecond line"]),
        ("1. One\n2. Two", ["1. One", "\n2. Two"]),
        ("كيف حالك؟ بخير.", ["كيف حالك؟", " بخير."]),
        ("Wait... what", ["Wait...", " what"]),
        ("", []),
    ],
)
def test_a_text_is_cut_where_sentences_end(text: str, chunks: list[str]) -> None:
    assert cut(text) == chunks


def test_an_end_is_seen_across_two_pieces() -> None:
    assert cut("One.", " Two", ".", " Three") == ["One.", " Two", ".", " Three"]
    assert is_boundary("One.", " Two")
    assert not is_boundary("Two", ".")


def test_a_white_space_behind_the_end_belongs_to_the_next_sentence() -> None:
    assert cut("One.", " ", "Two") == ["One.", " ", "Two"]
    assert not is_boundary("One. ", "Two")


@given(st.lists(st.text(alphabet='ab. \n!?"3)', max_size=12), max_size=12))
def test_chunks_join_to_the_text_and_none_reaches_across_an_end(pieces: list[str]) -> None:
    chunks = cut(*pieces)
    text = "".join(pieces)
    assert "".join(chunks) == text
    position = 0
    for chunk in chunks:
        for at in range(position + 1, position + len(chunk)):
            assert not is_boundary(text[max(0, at - CONTEXT) : at], text[at:])
        position += len(chunk)


@given(st.lists(st.text(alphabet="ab. \n!?", min_size=1, max_size=8), max_size=12))
def test_where_sentences_end_does_not_depend_on_the_pieces(pieces: list[str]) -> None:
    def ends(chunks: list[str]) -> set[int]:
        found, text = set(), ""
        for chunk in chunks:
            if is_boundary(text[-CONTEXT:], chunk):
                found.add(len(text))
            text += chunk
        return found

    assert ends(cut(*pieces)) == ends(cut("".join(pieces)))
