"""Frames as JSON for people at a terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol import frames
from streaming.protocol.codec import encode_raw, text_check
from streaming.protocol.codes import Action, FaultCode, Mode
from streaming.protocol.errors import FrameError
from streaming.protocol.json_form import JsonForm

NAME = bytes(range(16))


@pytest.fixture
def form() -> JsonForm:
    return JsonForm(lambda: NAME)


def test_a_prompt_needs_nothing_but_its_text(form: JsonForm) -> None:
    frame = form.decode('{"type": "prompt", "text": "Hello"}')
    assert frame == frames.Prompt(1, NAME, b"", b"\x00Hello", text_check("Hello"))
    assert form.decode('{"type": "prompt", "text": "Hello"}').channel == 2


def test_a_prompt_says_where_it_stands_and_brings_pictures(form: JsonForm) -> None:
    frame = form.decode(json.dumps({"type": "prompt", "text": "", "after": NAME.hex(), "picture": ["iVBORw=="]}))
    assert frame == frames.Prompt(1, NAME, b"", b"\x00", text_check(""), after=NAME, picture=(b"\x89PNG",))


def test_the_other_frames_take_their_fields_by_name(form: JsonForm) -> None:
    assert form.decode('{"type": "hello", "mode": "token", "client": "me"}') == frames.Hello(
        version=(1,), mode=Mode.TOKEN, client="me"
    )
    assert form.decode('{"type": "control", "channel": 3, "action": "cancel"}') == frames.Control(3, Action.CANCEL)
    assert form.decode(json.dumps({"type": "resume", "channel": 1, "stream": NAME.hex()})) == frames.Resume(1, NAME)
    assert form.decode(json.dumps({"type": "resume", "stream": NAME.hex()})) == frames.Resume(1, NAME)
    assert form.decode(json.dumps({"type": "resume", "stream": NAME.hex()})) == frames.Resume(2, NAME)
    assert form.decode('{"type": "ack", "channel": 1, "offset": 4, "credit": 9}') == frames.Ack(1, 4, 9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "not JSON"),
        ("[]", 'with "type"'),
        ('{"type": "welcome"}', 'with "type"'),
        ('{"type": [1]}', 'with "type"'),
        ('{"type": "prompt", "text": 4}', '"text" is not a string'),
        ('{"type": "prompt", "text": "\\ud800"}', "half a character"),
        ('{"type": "prompt", "text": "a", "channel": 70000}', "65535"),
        ('{"type": "prompt", "text": "a", "stream": "00"}', "16"),
        ('{"type": "prompt", "text": "a", "after": "00"}', "16"),
        ('{"type": "prompt", "text": "a", "picture": "iVBORw=="}', "not a list"),
        ('{"type": "prompt", "text": "a", "picture": ["?"]}', "prompt"),
        ('{"type": "control", "action": "dance"}', "dance"),
        ('{"type": "control", "action": -1}', "action"),
        ('{"type": "resume", "stream": "zz"}', "resume"),
        ('{"type": "resume", "channel": 0}', "from 1"),
    ],
)
def test_mistakes_are_explained(form: JsonForm, text: str, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        form.decode(text)


def test_frames_of_the_server_are_readable(form: JsonForm) -> None:
    def written(frame: frames.Frame) -> dict:
        return json.loads(form.encode(frame))

    assert written(frames.Open(1, NAME, 1, 5, NAME))["stream"] == NAME.hex()
    chunk = frames.Chunk(1, 0, encode_raw("مرحبا").data, 2)
    assert written(chunk) == {"type": "chunk", "channel": 1, "offset": 5, "count": 2, "text": "مرحبا"}
    assert written(chunk)["offset"] == 7
    tentative = frames.Tentative(1, 0, encode_raw(" probably").data)
    assert written(tentative) == {"type": "tentative", "channel": 1, "offset": 9, "text": " probably"}
    assert written(frames.Done(1, 9, finish=2))["finish"] == "cancelled"
    fault = written(frames.Fault(1, FaultCode.RATE_LIMITED, "slow", 1, 200))
    assert (fault["code"], fault["retry"]) == ("rate_limited", True)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"type": "prompt", "text": ' + '{"a":' * 50_000])
def test_nesting_without_end_is_a_frame_error(form: JsonForm, text: str) -> None:
    with pytest.raises(FrameError, match="not JSON"):
        form.decode(text)


@pytest.mark.parametrize(
    "text",
    ['{"type": "publish", "topic": "t", "data": %s}', '{"type": "subscribe", "topic": "t", "filter": {"a": %s}}'],
)
def test_nesting_of_any_depth_is_a_frame_or_a_frame_error(form: JsonForm, text: str) -> None:
    refused = 0
    for depth in range(1, 1_100):
        try:
            form.decode(text % ("[" * depth + "]" * depth))
        except FrameError:
            refused += 1
    assert 0 < refused < 1_099


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(["channel", "text", "stream", "mode", "action", "credit", "library", "version", "model"])
kinds = st.sampled_from(["hello", "prompt", "resume", "control", "ack", "ping", "pong", "x"])


@given(st.dictionaries(names, json_values, max_size=5), kinds)
def test_any_object_is_a_frame_or_a_frame_error(data: dict, kind: str) -> None:
    try:
        frame = JsonForm(lambda: NAME).decode(json.dumps({"type": kind, **data}))
        frames.encode(frame)
    except FrameError:
        pass
