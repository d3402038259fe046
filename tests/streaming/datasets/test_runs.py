"""Runs: the same results and events from any checkpoint on."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.datasets.events import Layout, closing, write
from streaming.datasets.network import Mode, Spec
from streaming.datasets.pace import Shape
from streaming.datasets.payload import Codec, results_of
from streaming.datasets.random import Random
from streaming.datasets.runs import Cursor, advance, estimate

SPEC = Spec(2, 16, Mode.TREE, 5)
CHUNK = 128
INPUT = (Random(4).uniform(CHUNK * 40 + 17) * 256).astype(np.uint8).tobytes()
JOB = "0" * 32


def fields(event: bytes) -> dict[str, object]:
    lines = event.decode().split("\n")
    assert lines[1] == "event: chunk"
    assert lines[-2:] == ["", ""]
    return dict(json.loads(lines[2].removeprefix("data: ")), id=lines[0].removeprefix("id: "))


def whole(layout: Layout, shape: Shape) -> tuple[list[bytes], Cursor]:
    cursor = Cursor.start(SPEC)
    return write(layout, shape, cursor, advance(SPEC, CHUNK, cursor, INPUT), flush=True), cursor


LAYOUTS = st.builds(Layout, st.just(JOB), st.sampled_from(Codec), st.booleans(), st.booleans())
SHAPES = st.builds(Shape, st.sampled_from([0, 300, 2048, 100_000]), st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(LAYOUTS, SHAPES, st.lists(st.integers(1, 40), max_size=6))
def test_checkpoints_change_no_byte_of_any_event(layout: Layout, shape: Shape, cuts: list[int]) -> None:
    expected, last = whole(layout, shape)
    cursor, events = Cursor.start(SPEC), []
    for cut in [*cuts, 100]:
        cursor = Cursor.loads(cursor.dumps(SPEC), SPEC)
        data = INPUT[cursor.position :][: cut * CHUNK]
        at_end = cursor.position + len(data) == len(INPUT)
        events += write(layout, shape, cursor, advance(SPEC, CHUNK, cursor, data), flush=at_end)
    assert events == expected
    assert cursor.summary() == last.summary()


@settings(max_examples=40, deadline=None)
@given(LAYOUTS, SHAPES, st.data())
def test_who_comes_back_with_an_id_gets_the_rest(layout: Layout, shape: Shape, data: st.DataObject) -> None:
    expected, _ = whole(layout, shape)
    taken = data.draw(st.integers(0, len(expected)))
    position = int(str(fields(expected[taken - 1])["id"]).split(":")[2]) if taken else 0
    cursor = Cursor.start(SPEC)
    advance(SPEC, CHUNK, cursor, INPUT[:position])
    rest = write(layout, shape, cursor, advance(SPEC, CHUNK, cursor, INPUT[position:]), flush=True)
    assert rest == expected[taken:]


@settings(max_examples=40, deadline=None)
@given(LAYOUTS, SHAPES)
def test_events_cover_the_input_without_gap_and_can_be_read(layout: Layout, shape: Shape) -> None:
    events, cursor = whole(layout, shape)
    position, results = 0, []
    document = b""
    for event in map(fields, events):
        assert event["position"] == position
        position += int(str(event["length"]))
        assert event["id"] == f"{JOB}:1:{position}"
        read = results_of({name: value for name, value in event.items() if name != "id"})
        if layout.progressive and shape.group:
            document += read
            # What a client does to show what is there so far.
            results = json.loads(document + b"]}")["results"]
        else:
            value = json.loads(read)
            results += value if isinstance(value, list) else [value]
    assert position == len(INPUT)
    assert [result["offset"] for result in results] == list(range(41))
    assert [result["position"] for result in results] == list(range(0, len(INPUT), CHUNK))
    if layout.progressive and shape.group:
        whole_document = json.loads(document + closing(cursor.summary()).encode())
        assert whole_document["summary"]["chunks"] == 41


def test_the_document_of_an_empty_input_is_whole() -> None:
    assert json.loads(closing(Cursor.start(SPEC).summary()))["results"] == []


def test_a_summary_names_the_most_novel_in_order() -> None:
    _, cursor = whole(Layout(JOB, Codec.NONE), Shape(0, 0))
    most = cursor.summary()["most_novel"]
    assert len(most) == 10
    assert [item["novelty"] for item in most] == sorted((item["novelty"] for item in most), reverse=True)


def test_a_checkpoint_of_another_network_is_refused() -> None:
    state = Cursor.start(SPEC).dumps(SPEC)
    with pytest.raises(ValueError, match="another network"):
        Cursor.loads(state, Spec(2, 16, Mode.TREE, 6))
    with pytest.raises(ValueError, match="damaged"):
        Cursor.loads(state[:-8], SPEC)


def test_estimates_grow_with_the_work() -> None:
    assert estimate(SPEC, 1024, 10**6) < estimate(SPEC, 1024, 10**7) < estimate(Spec(6, 1024), 1024, 10**7)
