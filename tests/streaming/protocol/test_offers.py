"""What of an offer reaches the library that reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol.offers import CANDIDATE_LIMIT, OFFER_LIMIT, clean_offer

LINES = [
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host",
    "a=candidate:2 1 udp 2122260223 0f2c1b1e.local 50001 typ host",
    "a=end-of-candidates",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789012345678901",
    "a=fingerprint:sha-256 00:11",
    "a=setup:actpass",
]
OFFER = "\r\n".join(LINES) + "\r\n"


def test_without_candidates_nobody_can_name_an_address() -> None:
    cleaned = clean_offer(OFFER, candidates=False)
    assert cleaned == "".join(f"{line}\r\n" for line in LINES if "candidate" not in line)


def test_with_candidates_names_of_the_local_network_stay_out_and_the_rest_is_bounded() -> None:
    many = OFFER + "".join(f"a=candidate:{number} 1 udp 1 192.0.2.8 {number} typ host\r\n" for number in range(100))
    cleaned = clean_offer(many, candidates=True)
    assert cleaned.count("a=candidate:") == CANDIDATE_LIMIT
    assert LINES[6] in cleaned
    assert ".local" not in cleaned
    assert "end-of" not in cleaned


@pytest.mark.parametrize(
    "sdp",
    [
        "",
        "hello",
        OFFER.replace("v=0", "v=1"),
        OFFER.replace("m=application", "m=audio"),
        OFFER + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
        OFFER.replace("a=fingerprint", "a=finger"),
        OFFER.replace("a=ice-pwd", "a=pwd"),
        OFFER.replace("a=ice-ufrag", "a=ufrag"),
        OFFER + "x" * OFFER_LIMIT,
    ],
)
def test_what_is_no_offer_of_a_data_channel_is_refused(sdp: str) -> None:
    with pytest.raises(ValueError, match="offer"):
        clean_offer(sdp, candidates=True)


@given(st.lists(st.sampled_from([*LINES, "a=candidate:x", "m=video 9", ""]), max_size=40), st.booleans())
def test_any_lines_are_cleaned_or_refused(lines: list[str], candidates: bool) -> None:
    try:
        cleaned = clean_offer("\n".join(lines), candidates=candidates)
    except ValueError:
        return
    assert cleaned.count("m=") == 1
    assert candidates or "a=candidate" not in cleaned
    assert clean_offer(cleaned, candidates=candidates) == cleaned
