"""Content codings without a server: what a client asks for, pieces that can be read at once, and who may be served so."""

import base64
import gzip

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compression.negotiation import negotiated, weights
from streaming.transports import content_coding
from streaming.transports.content_coding import (
    BULK,
    EVENTS,
    ISOLATED,
    Dictionary,
    agrees,
    available,
    coder,
    isolated,
    supported,
    unexposed,
)
from tests.streaming.decoders import decoder

ORDINARY = ("gzip", "zstd", "br")
DICTIONARY = Dictionary(b"You can return an item within thirty days of delivery. What is your order number? " * 40)
PIECES = st.lists(st.binary(max_size=300) | st.text(max_size=80).map(str.encode), max_size=20)


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("", ""),
        ("identity", ""),
        ("gzip, deflate", "gzip"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("gzip, deflate, br, zstd, dcb, dcz", "dcz"),
        ("GZIP;Q=0.5, br;q=1.0", "br"),
        ("br ; q=0.5 , zstd; q=0.8", "zstd"),
        ("gzip;q=0, br;q=0, *", "zstd"),
        ("*", "gzip"),
        ("*;q=0", ""),
        ("x-gzip", "gzip"),
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, compress", ""),
        ("br;q=nonsense, gzip;q=0.1", "gzip"),
        ("br;q=1.001, gzip;q=0.1", "gzip"),
        ("br;q=-1, zstd;q=1e0, gzip;q=0.001", "gzip"),
        ("gzip;q=0, gzip", ""),
        (",,;q=1,gzip", "gzip"),
    ],
)
def test_what_a_client_asks_for(accept: str, coding: str) -> None:
    assert negotiated(accept, EVENTS) == coding


def test_only_what_is_offered() -> None:
    everything = "gzip, deflate, br, zstd, dcb, dcz"
    assert negotiated(everything, ()) == ""
    assert negotiated(everything, ORDINARY) == "gzip"
    assert negotiated(everything, BULK) == "dcz"
    assert negotiated("gzip, br, zstd", BULK) == "zstd"
    assert negotiated("br, zstd", ISOLATED) == "zstd"
    assert negotiated("br", ISOLATED) == ""


@given(
    st.text() | st.lists(st.sampled_from([*EVENTS, "*", "identity", ";q=0", ";q=1", ",", " ", ";", "="])).map("".join)
)
def test_no_header_breaks_it(accept: str) -> None:
    assert negotiated(accept, EVENTS) in ("", *EVENTS)
    assert all(0.0 <= weight <= 1.0 for weight in weights(accept).values())


@given(
    st.dictionaries(st.sampled_from([*EVENTS, "*", "identity", "compress"]), st.integers(0, 1000)),
    st.sampled_from([EVENTS, BULK, ORDINARY]),
)
def test_nothing_liked_better_is_passed_over(liked: dict[str, int], offered: tuple[str, ...]) -> None:
    accept = ", ".join(f"{name};q={weight / 1000:.3f}" for name, weight in liked.items())
    found = negotiated(accept, offered)
    likes = {name: liked.get(name, liked.get("*", 0) if name in ORDINARY else 0) for name in offered}
    best = max(likes.values())
    if found:
        assert likes[found] == best > 0
        assert best >= liked.get("identity", 0)
        assert all(likes[name] < best for name in offered[: offered.index(found)])
    else:
        assert best == 0 or best < liked.get("identity", 0)


def test_the_dictionary_that_a_client_holds() -> None:
    digest = DICTIONARY.digest
    named = f":{base64.b64encode(digest).decode()}:"
    assert available(named) == available(f" {named} ") == available(f"{named};a=1") == digest
    for other in (
        "",
        named[1:],
        named[:-1],
        named.replace("=", ""),
        f'"{digest.hex()}"',
        ":AAAA:",
        named + ", " + named,
    ):
        assert available(other) is None
    assert agrees("", DICTIONARY)
    assert agrees(f'"{DICTIONARY.identifier}"', DICTIONARY)
    assert not agrees('"another"', DICTIONARY)
    assert not agrees(DICTIONARY.identifier, DICTIONARY)


@given(st.text())
@example(":" + "A" * 42 + "B=:")
def test_no_name_of_a_dictionary_breaks_it(header: str) -> None:
    found = available(header)
    assert found is None or len(found) == 32
    assert agrees(header, DICTIONARY) in (True, False)


@given(PIECES, st.sampled_from(supported()))
def test_each_piece_can_be_read_at_once(pieces: list[bytes], coding: str) -> None:
    made, read = coder(coding, DICTIONARY), decoder(coding, DICTIONARY)
    for piece in pieces:
        assert read(made.code(piece)) == piece
    assert read(made.end()) == b""


@given(PIECES, st.sampled_from(ISOLATED))
def test_each_piece_alone_can_be_read_at_once(pieces: list[bytes], coding: str) -> None:
    made, read = isolated(coding), decoder(coding)
    whole = b""
    for piece in pieces:
        data = made.code(piece)
        assert read(data) == piece
        whole += data
    end = made.end()
    assert read(end) == b""
    if coding == "gzip":
        # Its check and its length too.
        assert gzip.decompress(whole + end) == b"".join(pieces)


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(ISOLATED))
def test_what_came_before_does_not_show_in_a_piece_alone(before: bytes, piece: bytes, coding: str) -> None:
    one, other = isolated(coding), isolated(coding)
    one.code(before)
    other.code(b"something else")
    assert one.code(piece) == other.code(piece)


@pytest.mark.parametrize("coding", ORDINARY)
def test_coded_together_it_does_show(coding: str) -> None:
    """The reason for coding alone: who repeats a secret makes the answer shorter."""
    secret = b"the code of the safe is 8471-2290-5513"

    def size(guess: bytes) -> int:
        made = coder(coding)
        made.code(secret)
        return len(made.code(guess))

    assert size(secret) < size(b"the code of the safe is 1234-5678-9012")


def test_a_dictionary_saves_what_it_knows() -> None:
    piece = b"You can return an item within thirty days of delivery."
    alone, primed = coder("zstd"), coder("dcz", DICTIONARY)
    assert len(primed.code(piece)) - 40 < len(alone.code(piece)) / 2
    with pytest.raises(ValueError, match="needs a dictionary"):
        coder("dcz")


@given(st.binary(max_size=3_000))
def test_streams_of_one_dictionary_do_not_meet(content: bytes) -> None:
    one = Dictionary(content)
    first, second = coder("dcz", one), coder("dcz", one)
    read_first, read_second = decoder("dcz", one), decoder("dcz", one)
    for piece in (b"alpha", content[:50], b"omega"):
        assert read_first(first.code(piece)) == piece
        assert read_second(second.code(piece[::-1])) == piece[::-1]


def test_brotli_without_its_functions_has_no_dictionary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_coding.shared_brotli, "library", lambda: None)
    assert "dcb" not in supported()
    Dictionary(b"text").prepare()


@pytest.mark.parametrize(
    ("by_key", "fetch_site", "own_origin", "coded"),
    [
        (True, "", None, True),
        (True, "cross-site", False, True),
        (False, "same-origin", None, True),
        (False, "same-origin", True, True),
        (False, "same-origin", False, False),
        (False, "same-site", True, False),
        (False, "cross-site", None, False),
        (False, "none", None, False),
        (False, "nonsense", True, False),
        (False, "", True, True),
        (False, "", False, False),
        (False, "", None, False),
    ],
)
def test_only_what_no_other_page_can_ask_for_is_coded(
    by_key: bool, fetch_site: str, own_origin: bool | None, coded: bool
) -> None:
    assert unexposed(by_key=by_key, fetch_site=fetch_site, own_origin=own_origin) is coded
