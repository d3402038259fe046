"""What an outside provider is given."""

from collections.abc import AsyncIterator

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
    assert leaving.without_texts(extra, "openai") == {"top_p": 1}
    settings.AURA_REDACT_FOR = []
    assert leaving.without_texts(extra, "openai") == extra
