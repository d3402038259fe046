"""Coding in a process that is calm, and in one that is busy."""

import time

import pytest

from compression.codec.payload import CompressionMethod, Encoded
from streaming import coding
from streaming.flow.bucket import TokenBucket
from streaming.load import load
from streaming.protocol.codec import SessionCodec

# What Brotli's finest quality codes smaller than its fast one.
TEXT = "You can return the shoes within thirty days of the day on which you received them, in the box they came in."


@pytest.fixture(autouse=True)
def loop_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load.congestion, "lag", 0.0)


async def test_a_busy_process_codes_faster_and_just_as_right(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = SessionCodec(262_144)
    monkeypatch.setattr(coding, "_fine", TokenBucket(1e-9, 1e-9, time.monotonic()))
    calm = await coding.encode(codec, TEXT)
    assert len(calm.data) == len(codec.encode(TEXT).data)
    busy = await coding.encode(codec, TEXT)
    assert busy.method == CompressionMethod.BROTLI
    assert len(calm.data) < len(busy.data) < len(TEXT)
    for encoded in (calm, busy):
        assert await coding.decode(codec, encoded.data) == TEXT


async def test_a_process_that_runs_late_has_no_time_for_the_finest_coding(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = SessionCodec(262_144)
    monkeypatch.setattr(coding, "_fine", TokenBucket(1.0, 1.0, time.monotonic()))
    calm = await coding.encode(codec, TEXT)
    monkeypatch.setattr(load.congestion, "lag", 2 * coding.FINE_UNTIL)
    late = await coding.encode(codec, TEXT)
    assert len(calm.data) < len(late.data) < len(TEXT)
    assert await coding.decode(codec, late.data) == TEXT


async def test_time_that_passes_counts_and_not_only_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    fine_ones = []

    class Waiting(SessionCodec):
        def encode(self, text: str, *, fine: bool = True) -> Encoded:
            fine_ones.append(fine)
            # As on a machine that others use too.
            time.sleep(0.05)
            return super().encode(text, fine=fine)

    monkeypatch.setattr(coding, "_fine", TokenBucket(1e-9, 0.04, time.monotonic()))
    for _ in range(2):
        await coding.encode(Waiting(262_144), TEXT)
    assert fine_ones == [True, False]


async def test_a_few_words_are_coded_without_a_look_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = SessionCodec(262_144)
    full = TokenBucket(1e-9, 1e-9, time.monotonic())
    monkeypatch.setattr(coding, "_fine", full)
    assert await coding.decode(codec, (await coding.encode(codec, TEXT[:40])).data) == TEXT[:40]
    assert full.full(time.monotonic())
    await coding.encode(codec, TEXT)
    assert not full.full(time.monotonic())


async def test_a_long_text_is_coded_in_a_thread() -> None:
    codec = SessionCodec(262_144)
    text = TEXT * 100
    assert await coding.decode(codec, (await coding.encode(codec, text)).data) == text
