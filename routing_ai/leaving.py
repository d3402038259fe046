"""What leaves for an outside provider: personal data may be taken out of it before (AURA_REDACT_FOR)."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.conf import settings

from routing_ai.catalogue import OWN
from routing_ai.errors import NoModel

Redact = Callable[[str], str]
Messages = Sequence[Mapping[str, Any]]

#: Characters of all messages above which a thread redacts them: it takes more than a millisecond.
LONG: Final = 2_000
#: What the reason of an answer says when something was taken out.
NOTE: Final = "personal data was taken out of what the model was given"

# Texts of a message beside its content, as endpoints give them and get them back.
_TEXTS: Final = frozenset({"refusal", "reasoning", "reasoning_content"})

_redact: Redact | None = None


def set_redactor(redact: Redact) -> None:
    """Have personal data taken out by `redact`; whoever wires the apps together calls this."""
    global _redact  # noqa: PLW0603
    _redact = redact


def is_redacted_for(provider: str) -> bool:
    """Return whether that provider is given redacted texts. Models of this process are given everything."""
    wanted = settings.AURA_REDACT_FOR
    return provider not in OWN and ("*" in wanted or provider in wanted)


async def prepared(messages: Messages, provider: str) -> tuple[Messages, bool]:
    """Return the messages as the provider may see them, and whether anything was taken out.

    All text is redacted: of users, of programs, of earlier answers, the results and the arguments of tools. Names of tools
    and pictures are left as they are. Raises NoModel when it is wanted and nobody can do it: then nothing leaves.
    """
    if not is_redacted_for(provider):
        return messages, False
    if _redact is None:
        raise NoModel(f"Texts for {provider} are to be redacted (AURA_REDACT_FOR), and this process cannot do it.")
    if sum(map(_size, messages)) > LONG:
        return await asyncio.to_thread(_redacted, messages, _redact)
    return _redacted(messages, _redact)


def without_texts(extra: Mapping[str, Any], provider: str) -> Mapping[str, Any]:
    """Return the parameters as the provider may see them: `prediction` is a text like those of messages, and can be done
    without."""
    return {name: extra[name] for name in extra if name != "prediction"} if is_redacted_for(provider) else extra


def _size(message: Mapping[str, Any]) -> int:
    content = message.get("content")
    return len(content) if isinstance(content, str) else LONG


def _redacted(messages: Messages, redact: Redact) -> tuple[Messages, bool]:
    cleaned = [_message(message, redact) for message in messages]
    return cleaned, cleaned != list(messages)


def _message(message: Mapping[str, Any], redact: Redact) -> dict[str, Any]:
    cleaned = {
        name: redact(text) if name in _TEXTS and isinstance(text, str) else text for name, text in message.items()
    }
    content = message.get("content")
    if isinstance(content, str):
        cleaned["content"] = redact(content)
    elif isinstance(content, list):
        cleaned["content"] = [_part(part, redact) for part in content]
    if isinstance(message.get("tool_calls"), list):
        cleaned["tool_calls"] = [_call(call, redact) for call in message["tool_calls"]]
    return cleaned


def _part(part: Any, redact: Redact) -> Any:
    if not isinstance(part, dict):
        return part
    return {
        name: redact(text) if name in ("text", "refusal") and isinstance(text, str) else text
        for name, text in part.items()
    }


def _call(call: Any, redact: Redact) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if isinstance(function, dict) and isinstance(function.get("arguments"), str):
        return {**call, "function": {**function, "arguments": redact(function["arguments"])}}
    return call
