"""The OpenAI-compatible provider against a real endpoint with real faults."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing_ai import catalogue
from routing_ai.errors import (
    ModelUnknown,
    NoModel,
    ProviderCut,
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    ProviderTimeout,
    TooLong,
)
from routing_ai.providers.base import Call, Token, ToolCalls, Usage
from routing_ai.providers.openai_compatible import OpenAICompatibleProvider, Timeouts, _Answer
from tests.routing_ai.upstream import Upstream

WORDS = "One two ثلاثة four"


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    server = Upstream()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def provider(upstream: Upstream) -> AsyncIterator[OpenAICompatibleProvider]:
    made = OpenAICompatibleProvider("test", upstream.url, "secret", timeouts=Timeouts(1, 0.4, 0.4))
    yield made
    await made.aclose()


def call(model: str) -> Call:
    return Call(model, [{"role": "user", "content": "Hi"}], 50, 0.5, {"tools": [{"type": "function"}]})


async def test_an_answer_comes_token_by_token_with_its_usage(
    upstream: Upstream, provider: OpenAICompatibleProvider
) -> None:
    parts = [part async for part in provider.stream(call("fine"))]
    assert "".join(part.text for part in parts if isinstance(part, Token)) == WORDS
    assert parts[-1] == Usage("stop", 11, 4)
    (request,) = upstream.requests
    assert request["key"] == "Bearer secret"
    assert request["body"]["stream_options"] == {"include_usage": True}
    assert request["body"]["tools"] == [{"type": "function"}]
    assert [part async for part in provider.stream(call("long"))][-1] == Usage("length", 11, 4)


async def test_the_words_of_a_refusal_are_the_answer(provider: OpenAICompatibleProvider) -> None:
    parts = [part async for part in provider.stream(call("refusal"))]
    tokens = [part for part in parts if isinstance(part, Token)]
    assert "".join(token.text for token in tokens) == "I cannot help"
    assert all(token.refusal for token in tokens)
    assert parts[-1] == Usage("stop", 11, 3)


@pytest.mark.parametrize(
    ("model", "error", "words", "retry"),
    [
        ("status-400", ProviderRefused, "no luck today", False),
        ("too-long-openai", TooLong, "too long for the model: shorten it, .* says: Reduce the messages.", False),
        ("too-long-llama", TooLong, r"available context size \(8 tokens\)$", False),
        ("too-long-vllm", TooLong, "maximum context length", False),
        ("status-422", ProviderRefused, "no luck today", False),
        ("status-401", ProviderFailed, "no luck today", False),
        ("status-404", ModelUnknown, "404", False),
        ("status-429", ProviderFailed, "429", True),
        ("status-500", ProviderFailed, "500", True),
        ("garbage", ProviderFailed, "not JSON", True),
        ("error-event", ProviderFailed, "out of memory", True),
        ("slow-headers", ProviderTimeout, "silent", True),
        ("silent", ProviderTimeout, "silent", True),
    ],
)
async def test_a_failure_before_the_first_token_says_whose_fault_it_is(
    provider: OpenAICompatibleProvider, model: str, error: type[ProviderError], words: str, retry: bool
) -> None:
    with pytest.raises(error, match=words) as caught:
        [part async for part in provider.stream(call(model))]
    assert caught.value.retry == retry
    if model == "status-429":
        assert caught.value.retry_after == 7


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_endpoint_leads_nowhere_else(
    upstream: Upstream, provider: OpenAICompatibleProvider, status: int
) -> None:
    with pytest.raises(ProviderFailed, match=str(status)):
        [part async for part in provider.stream(call(f"redirect-{status}"))]
    assert (upstream.began, upstream.elsewhere) == (1, 0)


@pytest.mark.parametrize("name", ["http://169.254.169.254/latest", "file:///etc/passwd", "localhost", "127.0.0.1:6379"])
def test_an_address_in_the_place_of_a_providers_name_is_asked_nothing(name: str) -> None:
    with pytest.raises(NoModel, match="is not configured"):
        catalogue.provider(name)


@pytest.mark.parametrize(
    ("model", "error"),
    [("cut", ProviderCut), ("no-end", ProviderCut), ("stall", ProviderTimeout), ("alive", ProviderTimeout)],
)
async def test_an_answer_that_breaks_off_is_never_a_clean_end(
    provider: OpenAICompatibleProvider, model: str, error: type[ProviderError]
) -> None:
    got = []
    with pytest.raises(error):
        async for part in provider.stream(call(model)):
            got.append(part)
    assert got[0].text.startswith("One")
    assert not any(isinstance(part, Usage) for part in got)


async def test_calls_that_follow_each_other_have_one_connection(
    upstream: Upstream, provider: OpenAICompatibleProvider
) -> None:
    for _ in range(3):
        assert [part async for part in provider.stream(call("fine"))][-1] == Usage("stop", 11, 4)
        await asyncio.sleep(0.1)
    assert len(upstream.connections) == 1
    # An answer that is left before its end takes its connection with it.
    async with aclosing(provider.stream(call("endless"))) as parts:
        await anext(parts)
    [part async for part in provider.stream(call("fine"))]
    assert len(upstream.connections) == 2


async def test_a_connection_that_was_closed_while_nobody_used_it_is_no_failure() -> None:
    """The endpoint closes a connection when a second call comes on it, as if it had done so a moment before."""
    calls = 0
    left = asyncio.Event()
    body = b'data: {"choices": [{"delta": {"content": "Yes"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        with suppress(asyncio.IncompleteReadError):
            for number in range(2):
                asked = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(asked.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
                calls += 1
                if number:
                    break
                writer.write(head + body)
        writer.close()
        await writer.wait_closed()
        left.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()[1]
        provider = OpenAICompatibleProvider("test", f"http://127.0.0.1:{address}/v1")
        for _ in range(2):
            parts = [part async for part in provider.stream(call("any"))]
            assert [part.text for part in parts if isinstance(part, Token)] == ["Yes"]
            await asyncio.sleep(0.05)
            left.clear()
        await provider.aclose()
        await left.wait()
    assert calls == 3


@pytest.mark.parametrize("model", ["endless", "silent", "slow-headers"])
async def test_leaving_ends_the_call_upstream_in_every_phase(upstream: Upstream, model: str) -> None:
    provider = OpenAICompatibleProvider("test", upstream.url)

    async def read() -> None:
        async with aclosing(provider.stream(call(model))) as parts:
            async for _ in parts:
                pass

    task = asyncio.create_task(read())
    while not upstream.began:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    async with asyncio.timeout(10):
        while not upstream.left:
            await asyncio.sleep(0.01)
    assert upstream.left == 1
    await provider.aclose()


def said(**delta: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return b"data: " + json.dumps({"id": "1", "choices": [choice]}).encode() + b"\n\n"


TEXTS = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30)


@given(TEXTS, st.lists(st.integers(0, 4000), max_size=6), st.booleans())
def test_events_say_the_same_wherever_their_bytes_are_cut(texts: list[str], cuts: list[int], returns: bool) -> None:
    end = {"id": "1", "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    usage = {"id": "1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    words = [said(content=text) for text in texts]
    words.insert(len(words) // 2, b": alive\n\n")
    data = said(role="assistant", content="") + b"".join(words)
    data += b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in (end, usage)) + b"data: [DONE]\n\n"
    if returns:
        data = data.replace(b"\n", b"\r\n")
    answer, taken = _Answer("test"), []
    places = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    for begin, stop in itertools.pairwise(places):
        taken.append(answer.take(data[begin:stop]) or "")
    assert "".join(taken) == "".join(texts)
    assert (answer.over, answer.finish, answer.prompt_tokens, answer.completion_tokens) == (True, "length", 3, 4)


async def test_what_a_slow_endpoint_sends_may_gather(provider: OpenAICompatibleProvider) -> None:
    asked = 0

    def gather() -> tuple[int, float]:
        nonlocal asked
        asked += 1
        return 64, 0.1

    parts = [part async for part in provider.stream(replace(call("trickle"), gather=gather))]
    tokens = [part for part in parts if isinstance(part, Token)]
    assert "".join(token.text for token in tokens) == "".join(f"{number} " for number in range(40)) + WORDS
    # Its first words come at once; then a tenth of a second brings as many as it takes, not one.
    assert len(tokens[0].text) < 10
    assert len(tokens) < 20
    assert asked == len(tokens)
    assert parts[-1] == Usage("stop", 11, 4)


async def test_what_a_quick_endpoint_sends_gathers_until_it_is_enough_or_the_end(
    provider: OpenAICompatibleProvider,
) -> None:
    # Neither waits for a time that never comes.
    async with asyncio.timeout(20):
        for size in (1, 600):
            asked = replace(call("trickle"), gather=lambda size=size: (size, 600))
            parts = [part async for part in provider.stream(asked)]
            texts = [part.text for part in parts if isinstance(part, Token)]
            assert "".join(texts) == "".join(f"{number} " for number in range(40)) + WORDS
            assert len(texts) == 2 if size == 600 else len(texts) > 10


async def test_an_endpoint_is_left_while_its_tokens_gather(upstream: Upstream) -> None:
    provider = OpenAICompatibleProvider("test", upstream.url)
    gathering = asyncio.Event()
    asked = 0

    def gather() -> tuple[int, float]:
        nonlocal asked
        asked += 1
        if asked == 1:
            return 64, 0.02
        gathering.set()
        return 64, 600

    async def read() -> None:
        async for _ in provider.stream(replace(call("trickle"), gather=gather)):
            pass

    reading = asyncio.create_task(read())
    async with asyncio.timeout(20):
        await gathering.wait()
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        while not upstream.left:
            await asyncio.sleep(0.01)
    await provider.aclose()


async def test_tools_come_whole(provider: OpenAICompatibleProvider) -> None:
    parts = [part async for part in provider.stream(call("tools"))]
    assert parts == [
        ToolCalls(
            [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city": "Berlin"}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}},
            ]
        ),
        Usage("tool_call"),
    ]


async def test_what_is_not_stated_is_not_sent(upstream: Upstream) -> None:
    provider = OpenAICompatibleProvider("test", upstream.url, limit_name="max_completion_tokens")
    [part async for part in provider.stream(Call("fine", [], 7, None))]
    body = upstream.requests[0]["body"]
    assert body["max_completion_tokens"] == 7
    assert not {"temperature", "max_tokens"} & set(body)
    await provider.aclose()


async def test_check_tells_an_endpoint_that_is_there_from_one_that_is_not(provider: OpenAICompatibleProvider) -> None:
    await provider.check()
    gone = OpenAICompatibleProvider("gone", "http://127.0.0.1:9/v1")
    with pytest.raises(ProviderFailed, match="cannot be reached"):
        await gone.check()
    await gone.aclose()
