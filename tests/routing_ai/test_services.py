"""Asking through the router, with real providers behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model

from routing_ai import catalogue
from routing_ai.errors import BudgetExhausted, NoModel, ProviderCut, ProviderFailed
from routing_ai.models import Budget, Spend
from routing_ai.policy.tiers import Tier
from routing_ai.services import Completed, Request, Token, check_providers, close_providers, complete
from tests.routing_ai.upstream import Upstream, configured

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def upstream(settings) -> AsyncIterator[Upstream]:
    settings.ALLOW_MOCK_LLM = True
    async with configured(settings) as server:
        yield server


@pytest.fixture
async def user_id() -> int:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    return int(user.pk)


def configure(settings, **models: str) -> None:
    for tier, model in models.items():
        setattr(settings, f"{tier.upper()}_MODEL", model)
    catalogue.reset()


async def answer(request: Request) -> tuple[str, Completed]:
    parts = [part async for part in complete(request)]
    assert isinstance(parts[-1], Completed)
    return "".join(part.text for part in parts if isinstance(part, Token)), parts[-1]


def asking(user_id: int, model: str = "fast", text: str = "Hi") -> Request:
    return Request(user_id, [{"role": "user", "content": text}], model, max_tokens=100)


async def spends() -> list[Spend]:
    return await database_sync_to_async(lambda: list(Spend.objects.order_by("pk")))()


async def test_an_answer_costs_what_its_usage_says(upstream: Upstream, user_id: int, settings) -> None:
    configure(settings, fast="openai:fine@1/2")
    text, end = await answer(asking(user_id))
    assert text == "One two ثلاثة four"
    assert (end.model, end.tier, end.finish, end.cost_nano) == ("fine", "fast", "stop", 11_000 + 8_000)
    (spend,) = await spends()
    assert (spend.state, spend.amount) == (Spend.SETTLED, Decimal("0.000019"))


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def looking(user_id: int, model: str) -> Request:
    content = [{"type": "text", "text": "What is this?"}, PICTURE]
    return Request(user_id, [{"role": "user", "content": content}], model, max_tokens=100)


async def test_a_tier_that_takes_no_pictures_says_so_before_anything_is_spent(
    upstream: Upstream, user_id: int, settings
) -> None:
    configure(settings, nano="embedded", fast="openai:fine@1/2", smart="openai:long@1/2")
    settings.AURA_PICTURES_FOR = ["openai:long", "embedded"]
    for model, words in (("fast", "tier fast"), ("nano", "tier nano"), ("openai:fine", "model 'openai:fine'")):
        with pytest.raises(NoModel, match=f"The {words} takes no pictures"):
            await answer(looking(user_id, model))
    assert (upstream.began, await spends()) == (0, [])
    _, end = await answer(looking(user_id, "smart"))
    assert end.model == "long"
    # Where the router chooses it takes one that sees.
    _, end = await answer(looking(user_id, "auto"))
    assert (end.model, upstream.requests[-1]["body"]["messages"][-1]["content"][1]) == ("long", PICTURE)
    settings.AURA_PICTURES_FOR = []
    with pytest.raises(NoModel, match="No model that is configured here takes pictures"):
        await answer(looking(user_id, "auto"))
    assert len(await spends()) == 2


async def test_leaving_settles_what_was_used(upstream: Upstream, user_id: int, settings) -> None:
    configure(settings, fast="openai:endless@1/2")
    async with aclosing(complete(asking(user_id))) as parts:
        async for _ in parts:
            break
    (spend,) = await spends()
    assert spend.state == Spend.SETTLED
    assert 0 < spend.amount < Decimal("0.001")
    async with asyncio.timeout(10):
        while not upstream.left:
            await asyncio.sleep(0.01)


async def test_before_the_first_token_the_next_tier_answers(upstream: Upstream, user_id: int, settings) -> None:
    configure(settings, fast="openai:status-500@1/2", nano="mock:mock-3-0")
    text, end = await answer(asking(user_id))
    assert (end.tier, len(text.split())) == ("nano", 3)
    assert [spend.state for spend in await spends()] == [Spend.RELEASED, Spend.SETTLED]


async def test_after_the_first_token_nothing_is_asked_again(upstream: Upstream, user_id: int, settings) -> None:
    configure(settings, fast="openai:cut@1/2", nano="mock:mock-3-0")
    with pytest.raises(ProviderCut):
        await answer(asking(user_id))
    assert [spend.state for spend in await spends()] == [Spend.SETTLED]


async def test_a_tight_budget_takes_a_cheaper_tier_or_refuses(upstream: Upstream, user_id: int, settings) -> None:
    configure(settings, smart="openai:fine@1000/1000", nano="mock:mock-3-0", fast="openai:fine@1000/1000")
    await database_sync_to_async(Budget.objects.create)(daily_limit=Decimal("0.001"))
    _, end = await answer(asking(user_id, "smart"))
    assert end.tier == "nano"
    configure(settings, nano="openai:fine@1000/1000")
    with pytest.raises(BudgetExhausted, match="everybody"):
        await answer(asking(user_id, "smart"))


async def test_what_is_not_configured_says_what_to_do(user_id: int, settings) -> None:
    settings.ALLOW_MOCK_LLM = False
    configure(settings, fast="mock:mock-3-0", nano="mock:mock-3-0")
    with pytest.raises(NoModel, match="ALLOW_MOCK_LLM"):
        await answer(asking(user_id))
    with pytest.raises(NoModel, match="huge"):
        await answer(asking(user_id, "huge"))
    configure(settings, fast="openrouter:x@1")
    with pytest.raises(NoModel, match="not configured"):
        await answer(asking(user_id))
    catalogue.reset()


async def test_check_names_the_provider_that_is_down(settings) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    configure(settings, nano="openai:x@1", fast="openai:x@1", smart="openai:x@1", genius="openai:x@1")
    with pytest.raises(ProviderFailed, match="openai cannot be reached"):
        await check_providers()
    await close_providers()


def test_a_price_that_nobody_states_is_high_not_free(settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    configure(settings, genius="openai:unheard-of")
    spec = catalogue.tiers()[Tier.GENIUS]
    assert spec.price_out >= 50
    assert not spec.priced
    assert "no price is stated" in caplog.text
    catalogue.reset()


@pytest.mark.model
async def test_the_embedded_model_answers_several_at_once_and_stops_when_left(user_id: int, settings) -> None:
    configure(settings, nano="", fast="", smart="", genius="")
    questions = ["What is the capital of France?", "Name a colour.", "Say hello."]
    answers = await asyncio.gather(*(answer(asking(user_id, "nano", text)) for text in questions))
    assert "Paris" in answers[0][0]
    assert all(end.model == "smollm2-135m-instruct" and end.cost_nano == 0 and text for text, end in answers)
    async with aclosing(complete(asking(user_id, "nano", "Tell me a very long story."))) as parts:
        async for _ in parts:
            break
    # The slot that was left is free again: four more fit at once and come to their ends.
    async with asyncio.timeout(60):
        await asyncio.gather(*(answer(asking(user_id, "nano", "Say hello.")) for _ in range(4)))
    await close_providers()
