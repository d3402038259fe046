"""JSON bodies, read as they come, in pieces of any size."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.datasets.envelope import HEAD_LIMIT, Envelope, parse
from streaming.datasets.errors import BadEnvelope

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ODD = st.text(st.sampled_from('a"\\\n/u😀é\u2028{}[]'))
JSON = st.recursive(st.none() | st.booleans() | st.integers() | TEXT | ODD, lambda inner: st.lists(inner, max_size=3))
INPUTS = TEXT | ODD | st.dictionaries(ODD, JSON, max_size=3) | st.lists(JSON, max_size=3)


def read(body: bytes, cuts: list[int]) -> tuple[Envelope, bytes]:
    envelope, out, at = Envelope(), b"", 0
    for cut in [*cuts, len(body)]:
        out += envelope.feed(body[at : at + cut])
        at += cut
    return envelope, out


@given(
    st.dictionaries(TEXT.filter(lambda name: name != "input_data"), JSON, max_size=3),
    INPUTS,
    st.booleans(),
    st.sampled_from([None, 2]),
    st.lists(st.integers(1, 7), max_size=40),
)
def test_any_body_cut_anywhere_gives_what_json_gives(
    before: dict[str, object], data: object, escaped: bool, indent: int | None, cuts: list[int]
) -> None:
    body = json.dumps({**before, "input_data": data}, ensure_ascii=escaped, indent=indent).encode()
    envelope, out = read(body, cuts)
    envelope.finish()
    assert envelope.fields == before
    if isinstance(data, str):
        assert out == data.encode() == parse(body)[1]
    else:
        assert json.loads(out) == data == json.loads(parse(body)[1])


@given(st.binary(max_size=80), st.lists(st.integers(1, 5), max_size=20))
def test_noise_is_refused_and_never_breaks_anything(noise: bytes, cuts: list[int]) -> None:
    for body in (noise, b'{"input_data": ' + noise, b'{"input_data": "' + noise, b'{"a":' + noise):
        try:
            envelope, _ = read(body, cuts)
            envelope.finish()
        except BadEnvelope:
            pass
        else:
            assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[1]", "one JSON object"),
        (b'{"a": 1}', "no input_data"),
        (b"{}", "no input_data"),
        (b'{"input_data": 5}', "a string, an object or an array"),
        (b'{"input_data": "x"', "too early"),
        (b'{"input_data": "x"} y', "one JSON object"),
        (b'{"input_data": "x", "input_data": "y"}', "twice"),
        (b'{"input_data": "\\ud800 lone and some more text"}', "damaged|escape"),
        (b'{"input_data": "\xff\xff\xff\xff and some more text"}', "damaged|escape"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, said: str) -> None:
    with pytest.raises(BadEnvelope, match=said):
        read(body, [3])[0].finish()


def test_members_after_the_input_are_known_as_late() -> None:
    envelope, _ = read(b'{"seed": 1, "input_data": [1, "]"], "esn_size": 64}', [])
    envelope.finish()
    assert (envelope.fields, envelope.late) == ({"seed": 1}, {"esn_size": 64})


def test_everything_but_the_input_is_bounded() -> None:
    envelope = Envelope()
    with pytest.raises(BadEnvelope, match=f"{HEAD_LIMIT} bytes"):
        for _ in range(100):
            envelope.feed(b'{"a": "' + b"x" * 1000 if not envelope._name else b"x" * 1000)


def test_a_long_input_is_never_held() -> None:
    envelope = Envelope()
    envelope.feed(b'{"input_data": "')
    for _ in range(50):
        assert len(envelope.feed("ab\\n\u00e9".encode() * 1000)) == 5000
        assert len(envelope._buffer) < 16
