"""What an outside provider is given."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model

from audit.records import personal
from routing_ai import catalogue, leaving
from routing_ai.errors import NoModel
from routing_ai.models import Spend
from routing_ai.services import Completed, Request, close_providers, complete, set_redactor
from tests.routing_ai.upstream import Upstream

SAID = "Write to ada@mail.example.org, card 4111 1111 1111 1111"
GIVEN = "Write to [email], card [card]"


@pytest.fixture
async def upstream(settings) -> AsyncIterator[Upstream]:
    server = Upstream()
    await server.start()
    settings.OPENAI_BASE_URL, settings.ALLOW_MOCK_LLM = server.url, True
    settings.FAST_MODEL, settings.NANO_MODEL = "openai:fine@1/2", "mock:echo"
    settings.AURA_RETRIES = 0
    catalogue.reset()
    set_redactor(personal.redact)
    yield server
    set_redactor(personal.redact)
    await close_providers()
    await server.stop()


async def answered(model: str = "fast", messages: list | None = None) -> tuple[str, Completed]:
    user = await database_sync_to_async(lambda: get_user_model().objects.get_or_create(username="ada")[0])()
    request = Request(user.pk, messages or [{"role": "user", "content": SAID}], model, max_tokens=100)
    parts = [part async for part in complete(request)]
    assert isinstance(parts[-1], Completed)
    return "".join(getattr(part, "text", "") for part in parts), parts[-1]


@pytest.mark.django_db(transaction=True)
async def test_a_provider_that_is_named_gets_no_personal_data(upstream: Upstream, settings) -> None:
    for named in (["openai"], ["*"]):
        settings.AURA_REDACT_FOR = named
        _, end = await answered()
        assert upstream.requests[-1]["body"]["messages"] == [{"role": "user", "content": GIVEN}]
        assert end.reason.endswith(leaving.NOTE)
        assert await database_sync_to_async(lambda: Spend.objects.latest("pk").reason)() == end.reason
    _, end = await answered(messages=[{"role": "user", "content": "Nothing of the kind"}])
    assert leaving.NOTE not in end.reason


@pytest.mark.django_db(transaction=True)
async def test_others_get_all_of_it(upstream: Upstream, settings) -> None:
    for named in ([], ["openrouter"]):
        settings.AURA_REDACT_FOR = named
        _, end = await answered()
        assert upstream.requests[-1]["body"]["messages"][0]["content"] == SAID
        assert leaving.NOTE not in end.reason
    settings.AURA_REDACT_FOR = ["*"]
    text, _ = await answered("nano")
    assert "ada@mail.example.org" in text, "a model of this process is no outside provider"


@pytest.mark.django_db(transaction=True)
async def test_who_cannot_redact_lets_nothing_leave(upstream: Upstream, settings, monkeypatch) -> None:
    settings.AURA_REDACT_FOR = ["openai"]
    monkeypatch.setattr(leaving, "_redact", None)
    with pytest.raises(NoModel, match="AURA_REDACT_FOR"):
        await answered()
    assert upstream.requests == []
    spends = await database_sync_to_async(lambda: list(Spend.objects.all()))()
    assert [spend.state for spend in spends] == [Spend.RELEASED]


@pytest.mark.parametrize("padding", [0, leaving.LONG])
async def test_every_text_of_a_message_is_redacted(settings, padding: int) -> None:
    settings.AURA_REDACT_FOR = ["*"]
    set_redactor(personal.redact)
    picture = {"type": "image_url", "image_url": {"url": "https://ada@mail.example.org/a.png"}}
    call = {"id": "1", "type": "function", "function": {"name": "post", "arguments": f'{{"to": "{SAID}"}}'}}
    messages = [
        {"role": "system", "content": SAID + " " * padding},
        {"role": "user", "content": [{"type": "text", "text": SAID}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": SAID},
        {"role": "tool", "tool_call_id": "1", "content": SAID},
    ]
    before = str(messages)
    given, taken = await leaving.prepared(messages, "openai")
    assert taken
    assert str(messages) == before, "what was asked with is left alone"
    assert given[0]["content"].rstrip() == GIVEN
    assert given[1]["content"] == [{"type": "text", "text": GIVEN}, picture]
    assert given[2]["tool_calls"][0]["function"] == {"name": "post", "arguments": f'{{"to": "{GIVEN}"}}'}
    assert given[2]["reasoning_content"] == GIVEN
    assert given[3]["content"] == GIVEN
    extra = {"prediction": {"type": "content", "content": SAID}, "top_p": 1}
    assert await leaving.without_texts(extra, "openai") == {"top_p": 1}
    settings.AURA_REDACT_FOR = []
    assert await leaving.without_texts(extra, "openai") == extra


async def given(message: dict[str, Any]) -> dict[str, Any]:
    set_redactor(personal.redact)
    [cleaned], taken = await leaving.prepared([message], "openai")
    assert taken == (cleaned != message)
    return dict(cleaned)


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("more", "becomes"),
    [
        ({"name": "ada@mail.example.org"}, {"name": "[email]"}),
        ({"reasoning_details": [{"type": "t", "text": SAID}]}, {"reasoning_details": [{"type": "t", "text": GIVEN}]}),
        ({"annotations": [{"title": SAID, "at": 4}]}, {"annotations": [{"title": GIVEN, "at": 4}]}),
        ({"function_call": {"name": "a", "arguments": SAID}}, {"function_call": {"name": "a", "arguments": GIVEN}}),
        (
            {"content": [{"type": "new", "deep": [[{"x": SAID}]]}]},
            {"content": [{"type": "new", "deep": [[{"x": GIVEN}]]}]},
        ),
        ({"content": ["bare " + SAID]}, {"content": ["bare " + GIVEN]}),
        ({"unknown": {"ada@mail.example.org": True}}, {"unknown": {"[email]": True}}),
        ({"file": {"filename": SAID, "file_data": SAID}}, {"file": {"filename": GIVEN, "file_data": GIVEN}}),
        ({"file": {"file_data": coded(SAID)}}, {"file": {"file_data": coded(GIVEN)}}),
        (
            {"file": {"file_data": "data:text/plain;base64," + coded(SAID)}},
            {"file": {"file_data": "data:text/plain;base64," + coded(GIVEN)}},
        ),
    ],
)
async def test_no_place_of_a_message_is_forgotten(settings, more: dict[str, Any], becomes: dict[str, Any]) -> None:
    settings.AURA_REDACT_FOR = ["*"]
    assert await given({"role": "user", "content": "x", **more}) == {"role": "user", "content": "x", **becomes}


async def test_what_tells_things_apart_and_pictures_stay(settings) -> None:
    settings.AURA_REDACT_FOR = ["*"]
    url = "https://ada@mail.example.org/a.png"
    sound = base64.b64encode(bytes(range(256))).decode()
    message = {
        "role": "tool",
        "tool_call_id": "4111 1111 1111 1111",
        "tool_calls": [
            {"id": "4111111111111111", "type": "function", "function": {"name": "a@b.org", "arguments": ""}}
        ],
        "content": [
            {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
            {"type": "input_image", "image_url": url},
            {"type": "input_audio", "input_audio": {"data": sound, "format": "wav"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64," + sound}},
        ],
    }
    assert await given(message) == message


@pytest.mark.parametrize(
    ("arguments", "becomes"),
    [
        ({"n": 4111111111111111}, {"n": "[card]"}),
        ({"n": [1, True, None, 1.5, {"m": 4111111111111111}]}, {"n": [1, True, None, 1.5, {"m": "[card]"}]}),
        ({"phone": "1701234567"}, {"phone": "[phone]"}),
        ({"phone": 1701234567}, {"phone": "[phone]"}),
        ({"text": 'a\n4111111111111111 "b"'}, {"text": 'a\n[card] "b"'}),
        ({"ada@mail.example.org": 1}, {"[email]": 1}),
        ([4111111111111111], ["[card]"]),
    ],
)
async def test_arguments_of_tools_stay_json(settings, arguments: Any, becomes: Any) -> None:
    settings.AURA_REDACT_FOR = ["*"]
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": json.dumps(arguments)}}
    cleaned = await given({"role": "assistant", "content": None, "tool_calls": [call]})
    assert json.loads(cleaned["tool_calls"][0]["function"]["arguments"]) == becomes


async def test_arguments_are_left_as_they_were_written_where_nothing_is_found(settings) -> None:
    settings.AURA_REDACT_FOR = ["*"]
    for arguments in ('{"a":1,  "b":"\\u00e9"}', "not json", "[" * 5_000, ""):
        call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        assert await given(message) == message


async def test_parameters_are_redacted_but_for_definitions(settings) -> None:
    settings.AURA_REDACT_FOR = ["*"]
    set_redactor(personal.redact)
    tools = [{"type": "function", "function": {"name": "f", "description": SAID}}]
    extra = {"stop": ["ada@mail.example.org", "."], "tools": tools, "seed": 4111111111111111, "own": {"note": [SAID]}}
    becomes = {"stop": ["[email]", "."], "tools": tools, "seed": 4111111111111111, "own": {"note": [GIVEN]}}
    assert await leaving.without_texts(extra, "openai") == becomes
    assert await leaving.without_texts({"stop": "ada@mail.example.org"}, "openai") == {"stop": "[email]"}


@pytest.mark.parametrize(
    "said",
    [
        "data:image/png;base64,iVBORw0KGgo= look at that picture. My mail is ada@mail.example.org",
        "data:;base64,/9j/ 4111 1111 1111 1111 ada@mail.example.org",
        "data:;base64,AAAA é ada@mail.example.org",
    ],
)
async def test_what_stands_behind_data_is_words(settings, said: str) -> None:
    settings.AURA_REDACT_FOR = ["openai"]
    messages, taken = await leaving.prepared([{"role": "user", "content": said}], "openai")
    assert taken
    assert "ada@" not in messages[0]["content"]
    assert "4111" not in messages[0]["content"]
    assert "ada@" not in str(await leaving.without_texts({"stop": [said, said * 100]}, "openai"))
