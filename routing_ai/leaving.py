"""What leaves for an outside provider: personal data may be taken out of it before (AURA_REDACT_FOR)."""

import asyncio
import base64
import json
import re
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

# What stays as it is, wherever it stands: what models, endpoints and programs tell things apart by.
_KEPT: Final = frozenset({"role", "type", "id", "tool_call_id", "call_id", "file_id", "format"})
# What stays as it is in these alone: pictures, and names of tools.
_KEPT_IN: Final = {"image_url": {"url"}, "function": {"name"}, "function_call": {"name"}}
# What may be data as base64.
_DATA: Final = frozenset({"data", "file_data", "signature"})
# Data and nothing else: what stands behind it is words.
_DATA_URL: Final = re.compile(
    r"(data:(?:[\w.+-]+/[\w.+-]+)?[^,\s]{0,200};base64,)([A-Za-z0-9+/\r\n]*={0,2}\s*)", re.IGNORECASE | re.ASCII
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{64,}={0,2}\s*")
# Parameters that describe what a model may do, and how it answers, in a form that endpoints check.
_DEFINITIONS: Final = frozenset({"tools", "tool_choice", "response_format"})

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

    All text is redacted, wherever it stands: of users, of programs, of earlier answers, of files, the results and the
    arguments of tools. Names of tools, ids and pictures are left as they are. Raises NoModel when it is wanted and nobody
    can do it: then nothing leaves.
    """
    if not is_redacted_for(provider):
        return messages, False
    redact = _redactor(provider)
    if sum(map(_size, messages)) > LONG:
        return await asyncio.to_thread(_redacted, messages, redact)
    return _redacted(messages, redact)


async def without_texts(extra: Mapping[str, Any], provider: str) -> Mapping[str, Any]:
    """Return the parameters as the provider may see them: redacted but for definitions, and without `prediction`, which is
    a text like those of messages, and can be done without. Raises NoModel as `prepared` does."""
    if not extra or not is_redacted_for(provider):
        return extra
    redact = _redactor(provider)
    if _size({name: value for name, value in extra.items() if name not in _DEFINITIONS}) > LONG:
        return await asyncio.to_thread(_parameters, extra, redact)
    return _parameters(extra, redact)


def _parameters(extra: Mapping[str, Any], redact: Redact) -> dict[str, Any]:
    return {
        redact(name): value if name in _DEFINITIONS else _value(name, value, redact)
        for name, value in extra.items()
        if name != "prediction"
    }


def _redactor(provider: str) -> Redact:
    if _redact is None:
        raise NoModel(f"Texts for {provider} are to be redacted (AURA_REDACT_FOR), and this process cannot do it.")
    return _redact


def _size(message: Mapping[str, Any]) -> int:
    # Of what is more than words the size is not known before it is looked at.
    texts = [value for name, value in message.items() if name not in _KEPT]
    return sum(
        len(text) if isinstance(text, str) else LONG + 1 for text in texts if isinstance(text, str | list | dict)
    )


def _redacted(messages: Messages, redact: Redact) -> tuple[Messages, bool]:
    cleaned = [_members("", message, redact) for message in messages]
    return cleaned, cleaned != list(messages)


def _members(place: str, members: Mapping[str, Any], redact: Redact) -> dict[str, Any]:
    """Return an object that stands under the name `place`, redacted: the names in it, too, which may be anybody's."""
    kept = _KEPT | _KEPT_IN.get(place, frozenset())
    return {
        redact(name): value if name in kept and isinstance(value, str) else _value(name, value, redact)
        for name, value in members.items()
    }


def _value(name: str, value: Any, redact: Redact) -> Any:
    match value:
        case str():
            return _text(name, value, redact)
        case list():
            return [_value(name, one, redact) for one in value]
        case dict():
            return _members(name, value, redact)
    return value


def _text(name: str, text: str, redact: Redact) -> str:
    if name == "image_url":
        return text
    if name == "arguments":
        return _arguments(text, redact)
    found = _DATA_URL.fullmatch(text)
    if found is not None:
        return found[1] + _encoded(found[2], redact)
    if name in _DATA and _BASE64.fullmatch(text):
        return _encoded(text, redact)
    return redact(text)


def _encoded(data: str, redact: Redact) -> str:
    """Return base64 with its text redacted; what is no text (pictures, sound, what was enciphered) as it is."""
    try:
        text = base64.b64decode(data).decode()
    except ValueError:  # that of binascii and of UnicodeDecodeError, too
        return data
    cleaned = redact(text)
    return data if cleaned == text else base64.b64encode(cleaned.encode()).decode()


def _arguments(text: str, redact: Redact) -> str:
    """Return arguments of a tool, which are JSON and have to stay JSON, redacted."""
    try:
        found = json.loads(text)
        cleaned = _inside("", found, redact)
        inside = text if cleaned == found else json.dumps(cleaned, ensure_ascii=False)
        # What only its neighbours tell is found in the whole.
        whole = redact(inside)
        return whole if _is_json(whole) else inside
    except (ValueError, RecursionError):
        return redact(text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _inside(name: str, value: Any, redact: Redact) -> Any:
    """Return a value of JSON, redacted; a number that is a finding becomes a text."""
    match value:
        case dict():
            return {redact(key): _inside(key, one, redact) for key, one in value.items()}
        case list():
            return [_inside(name, one, redact) for one in value]
        case str() | int() | float() if not isinstance(value, bool):
            # The name may say what the digits are: {"phone": 1701234567}.
            said, before = str(value), f"{name}: "
            told = redact(before + said)
            cleaned = told.removeprefix(before) if told.startswith(before) else redact(said)
            return value if cleaned == said else cleaned
    return value
