"""Retries, fallbacks, breaker and hedging against an endpoint that fails for real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.utils import timezone

from routing_ai import attempts, catalogue, healing, selectors
from routing_ai.errors import BudgetExhausted, NoModel, ProviderFailed, ProviderTimeout
from routing_ai.ledger import Order, ledger
from routing_ai.models import Budget, Spend, TierModel
from routing_ai.policy import prices
from routing_ai.policy.breaker import FAILURES
from routing_ai.quality import monitor
from routing_ai.services import Completed, Request, Token, ToolCalls, complete
from tests.routing_ai.upstream import Upstream, configured

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def upstream(settings) -> AsyncIterator[Upstream]:
    settings.ALLOW_MOCK_LLM = True
    async with configured(settings) as server:
        settings.AURA_ENDPOINTS = {"spare": server.url, "gone": "http://127.0.0.1:9/v1"}
        yield server


@pytest.fixture
async def user_id() -> int:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    return int(user.pk)


def configure(settings, **models: str) -> None:
    for tier in ("nano", "fast", "smart", "genius"):
        setattr(settings, f"{tier.upper()}_MODEL", models.get(tier, "mock:mock-3-0"))
    catalogue.reset()


async def answer(user_id: int, model: str = "fast", **more) -> tuple[str, Completed]:
    request = Request(user_id, [{"role": "user", "content": "Hi"}], model, max_tokens=100, **more)
    parts = [part async for part in complete(request)]
    assert isinstance(parts[-1], Completed)
    return "".join(part.text for part in parts if isinstance(part, Token)), parts[-1]


async def states() -> list[tuple[str, str]]:
    return await database_sync_to_async(lambda: list(Spend.objects.order_by("pk").values_list("model", "state")))()


async def test_a_passing_failure_is_tried_again_under_the_same_reservation(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:flaky-2@1/2")
    text, _ = await answer(user_id)
    assert text == "One two ثلاثة four"
    assert upstream.began == 3
    assert await states() == [("flaky-2", "settled")]


async def test_what_would_be_refused_again_is_not_tried_again(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:status-400@1/2")
    _, end = await answer(user_id)
    assert (end.model, upstream.began) == ("mock-3-0", 1)


async def test_who_was_silent_is_not_waited_for_twice(upstream, user_id, settings) -> None:
    settings.AURA_FIRST_TOKEN_TIMEOUT = 0.2
    configure(settings, fast="openai:silent@1/2", nano="openai:silent@1/2", smart="", genius="")
    with pytest.raises(ProviderTimeout):
        await answer(user_id)
    assert upstream.began == 1


async def test_another_model_of_the_tier_comes_before_a_better_one_and_that_before_a_cheaper(
    upstream, user_id, settings
) -> None:
    settings.AURA_RETRIES = 0
    configure(settings, fast="openai:status-500@1,spare:fine@1", smart="openai:long@2")
    assert (await answer(user_id))[1].model == "fine"
    configure(settings, fast="openai:status-500@1,spare:status-500@1", smart="openai:long@2")
    assert (await answer(user_id))[1].model == "long"
    assert "fast could not answer" in (await answer(user_id))[1].reason


async def test_what_a_key_does_not_allow_stands_in_for_nothing(upstream, user_id, settings) -> None:
    settings.AURA_RETRIES = 0
    configure(settings, fast="openai:status-500@1", smart="openai:fine@2")
    assert (await answer(user_id))[1].model == "fine"
    with pytest.raises(ProviderFailed):
        await answer(user_id, only=frozenset({"fast"}))
    assert upstream.began == 3
    assert (await answer(user_id, only=frozenset({"fast", "fine"})))[1].model == "fine"
    assert (await answer(user_id, "auto", only=frozenset({"auto"})))[1].model
    with pytest.raises(NoModel, match="API key"):
        await answer(user_id, only=frozenset({"nothing"}))
    configure(settings, fast="openai:late-300@1")
    assert (await answer(user_id, hedge_after=0.02))[1].tier == "nano"
    assert (await answer(user_id, hedge_after=0.02, only=frozenset({"fast"})))[1].tier == "fast"
    await database_sync_to_async(Budget.objects.create)(user_id=user_id, daily_limit=0)
    with pytest.raises(BudgetExhausted):
        await answer(user_id, only=frozenset({"fast"}))
    assert (await answer(user_id, only=frozenset({"fast", "nano"})))[1].tier == "nano"


@pytest.mark.parametrize(
    ("models", "dollars", "note"),
    [
        ({"fast": "openai:status-500@1", "smart": "spare:fine@1/2"}, 1, "fast could not answer"),
        ({"fast": "openai:status-500@1", "smart": "", "genius": ""}, 1, "fast could not answer"),
        ({"fast": "openai:fine@1000", "nano": "spare:fine@0.001"}, 0.01, "money is short: a cheaper tier"),
        ({"fast": "openai:fine@1"}, 0, "money is short: a cheaper tier"),
        ({"fast": "openai:fine@1"}, 1, "asked for"),
    ],
)
async def test_the_ledger_says_why_another_tier_answered(
    upstream, user_id, settings, models: dict[str, str], dollars: float, note: str
) -> None:
    configure(settings, **models)
    settings.AURA_RETRIES = 0
    await database_sync_to_async(Budget.objects.create)(user_id=user_id, daily_limit=Decimal(str(dollars)))
    stream = uuid4()
    _, end = await answer(user_id, stream=stream)
    assert end.reason.split("; ")[-1] == note
    user = await database_sync_to_async(get_user_model().objects.get)(pk=user_id)
    assert await database_sync_to_async(selectors.reason_of)(user, stream) == end.reason


async def test_an_empty_answer_is_a_failure(upstream, user_id, settings) -> None:
    settings.AURA_RETRIES = 0
    configure(settings, fast="openai:empty@1", smart="openai:fine@2")
    assert (await answer(user_id))[1].model == "fine"


@pytest.mark.parametrize(("status", "errors"), [(400, 0), (413, 0), (422, 0), (401, 1), (402, 1), (404, 1), (500, 1)])
async def test_what_is_the_fault_of_an_endpoint_is_counted(
    upstream, user_id, settings, status: int, errors: int
) -> None:
    settings.AURA_RETRIES = 0
    configure(settings, fast=f"openai:status-{status}@1")
    await answer(user_id)
    total = monitor.totals.get(f"status-{status}")
    assert (total.errors if total else 0) == errors


async def test_a_model_that_its_endpoint_does_not_know_is_none_for_who_asks_by_name(
    upstream, user_id, settings
) -> None:
    settings.AURA_OPEN_MODELS = True
    tiers = dict.fromkeys(("nano", "fast", "smart", "genius"), "openai:status-404@1")
    configure(settings, **tiers)
    for name in ("spare:status-404", "status-404"):
        with pytest.raises(NoModel, match="answered 404: no luck"):
            await answer(user_id, name)
    with pytest.raises(ProviderFailed, match="404"):
        await answer(user_id, "fast")


async def test_who_takes_no_notice_of_the_limit_is_ended(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:chatty@1/2")
    request = Request(user_id, [{"role": "user", "content": "Hi"}], "fast", max_tokens=1)
    *tokens, end = [part async for part in complete(request)]
    assert 272 < sum(len(token.text) for token in tokens) < 1_000
    assert (end.finish, end.completion_tokens) == ("length", 1)
    assert await states() == [("chatty", "settled")]
    async with asyncio.timeout(10):
        while not upstream.left:
            await asyncio.sleep(0.01)


async def test_an_answer_that_is_all_thinking_is_an_answer_and_paid_for(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:thinking@1/2")
    text, end = await answer(user_id)
    assert (text, end.finish, end.completion_tokens, upstream.began) == ("", "length", 100, 1)
    spend = await database_sync_to_async(Spend.objects.get)()
    assert (spend.state, spend.prompt_tokens, spend.completion_tokens, spend.nano) == ("settled", 11, 100, 211_000)


@pytest.mark.parametrize(
    ("model", "counted"), [("stop-without-a-word", (33, 0)), ("counted-and-gone", (33, 12)), ("empty", (0, 0))]
)
async def test_tries_that_came_to_nothing_are_paid_for_as_the_endpoint_counted_them(
    upstream, user_id, settings, model: str, counted: tuple[int, int]
) -> None:
    configure(settings, fast=f"openai:{model}@1/2")
    _, end = await answer(user_id)
    assert (end.model, upstream.began) == ("mock-3-0", 3)
    spend = await database_sync_to_async(Spend.objects.get)(model=model)
    assert (spend.prompt_tokens, spend.completion_tokens) == counted
    assert spend.state == ("settled" if any(counted) else "released")


async def test_a_provider_that_keeps_failing_rests_and_the_error_says_for_how_long(upstream, user_id, settings) -> None:
    settings.AURA_RETRIES = 0
    configure(settings, nano="gone:a@1", fast="gone:a@1", smart="gone:a@1", genius="gone:a@1")
    for _ in range(FAILURES):
        with pytest.raises(ProviderFailed, match="gone"):
            await answer(user_id)
    with pytest.raises(ProviderFailed, match="left alone") as caught:
        await answer(user_id)
    assert caught.value.retry_after >= 1
    configure(settings, nano="gone:a@1", fast="gone:a@1,spare:fine@1")
    attempts.breakers["gone"].failed(0, trial=True)
    assert (await answer(user_id))[1].model == "fine"


async def test_who_asks_a_model_that_fails_stops_no_provider_for_others(upstream, user_id, settings) -> None:
    settings.AURA_RETRIES = 0
    settings.AURA_OPEN_MODELS = True
    configure(settings, fast="spare:fine@1")
    for _ in range(FAILURES + 1):
        with pytest.raises(ProviderFailed, match="answered 503"):
            await answer(user_id, "spare:status-503")
    assert (await answer(user_id))[1].model == "fine"


async def test_a_slow_model_is_overtaken_by_the_next_and_both_are_accounted_for(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:silent@1/2,spare:fine@1/2")
    text, end = await answer(user_id, hedge_after=0.05)
    assert (text, end.model) == ("One two ثلاثة four", "fine")
    assert await states() == [("silent", "settled"), ("fine", "settled")]
    async with asyncio.timeout(10):
        while not upstream.left:
            await asyncio.sleep(0.01)
    assert await database_sync_to_async(Spend.objects.filter(state="reserved").count)() == 0


async def test_what_the_ledger_cannot_write_of_the_slow_one_does_not_harm_the_answer(
    upstream, user_id, settings, monkeypatch
) -> None:
    configure(settings, fast="openai:silent@1/2,spare:fine@1/2")
    with monkeypatch.context() as broken:
        broken.setattr("routing_ai.accounts._FOUND", "{no such field}")
        text, _ = await answer(user_id, hedge_after=0.05)
    assert text == "One two ثلاثة four"
    assert await states() == [("silent", "reserved"), ("fine", "reserved")]
    assert not ledger()._open


@pytest.mark.parametrize(
    ("models", "hedge_after", "told"),
    [
        ("openai:status-400@1/2,spare:fine@1/2", 0, ["status-400", "fine", "fine"]),
        ("openai:late-500@1/2,spare:silent@1/2", 0.05, ["late-500", "silent", "late-500"]),
    ],
)
async def test_who_wants_to_know_is_told_before_the_first_word_which_model_answers(
    upstream, user_id, settings, models: str, hedge_after: float, told: list[str]
) -> None:
    configure(settings, fast=models)
    heard: list[str] = []
    request = Request(
        user_id, [{"role": "user", "content": "Hi"}], "fast", hedge_after=hedge_after, chosen=heard.append
    )
    async with aclosing(complete(request)) as parts:
        await anext(parts)
        assert heard == told


async def test_a_quick_model_is_not_overtaken(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:fine@1/2,spare:long@1/2")
    assert (await answer(user_id, hedge_after=5))[1].model == "fine"
    assert upstream.began == 1


async def test_a_hedge_needs_room_in_the_budget(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:late-300@0/100,spare:fine@0/100")
    await database_sync_to_async(Budget.objects.create)(daily_limit=Decimal("0.015"))
    assert (await answer(user_id, hedge_after=0.05))[1].model in ("late-300", "mock-3-0")
    await database_sync_to_async(Budget.objects.update)(daily_limit=0)
    configure(settings, fast="openai:fine@1", nano="openai:fine@1")
    with pytest.raises(BudgetExhausted):
        await answer(user_id, hedge_after=0.05)


@pytest.mark.parametrize("model", ["silent", "slow-headers", "endless"])
@pytest.mark.parametrize("hedge_after", [0, 0.01])
async def test_leaving_in_any_phase_ends_the_calls_and_leaves_no_reservation(
    upstream, user_id, settings, model: str, hedge_after: float
) -> None:
    configure(settings, fast=f"openai:{model}@1/2,spare:{model}@1/2")

    async def read() -> None:
        request = Request(user_id, [{"role": "user", "content": "Hi"}], "fast", hedge_after=hedge_after)
        async with aclosing(complete(request)) as parts:
            async for _ in parts:
                await asyncio.sleep(30)

    task = asyncio.create_task(read())
    while not upstream.began:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    began = upstream.began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(10):
        while upstream.left < began:
            await asyncio.sleep(0.01)
    assert await database_sync_to_async(Spend.objects.filter(state="reserved").count)() == 0


async def test_what_a_killed_server_reserved_is_settled_by_what_the_record_says(user_id, settings) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    configure(settings, fast="openai:fine@0/1000")
    spec = catalogue.tiers()["fast"]
    spoken, silent, alive = uuid4(), uuid4(), uuid4()
    for stream in (spoken, silent, alive):
        worst = {spec: prices.cost_nano(spec, 50, 100)}
        await ledger().reserve(Order(user_id, stream, "a test"), [spec], worst, 100)
    stale = timezone.now() - timedelta(minutes=10)
    rows = Spend.objects.filter(stream__in=[spoken, silent])
    await database_sync_to_async(rows.update)(renewed=stale)
    heal = database_sync_to_async(healing.heal)
    assert await heal(lambda streams: {stream: 30 for stream in streams if stream == spoken}) == 2
    found = await database_sync_to_async(lambda: {one.stream: one for one in Spend.objects.all()})()
    assert (found[spoken].state, found[spoken].amount) == ("settled", Decimal("0.03"))
    assert (found[silent].state, found[silent].amount) == ("released", 0)
    assert found[alive].state == "reserved"
    assert (await database_sync_to_async(selectors.budgets_today)())[0]["used"] == Decimal("0.13")
    await database_sync_to_async(Spend.objects.filter(stream=alive).update)(renewed=stale)
    await database_sync_to_async(ledger().renew)()
    assert await heal(lambda _streams: {}) == 0


async def test_tools_pass_through(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:tools@1/2")
    request = Request(
        user_id, [{"role": "user", "content": "Weather?"}], "fast", extra={"tools": [{"type": "function"}]}
    )
    parts = [part async for part in complete(request)]
    assert isinstance(parts[0], ToolCalls)
    assert [one["function"]["name"] for one in parts[0].calls] == ["weather", "time"]
    assert parts[-1].finish == "tool_call"
    assert upstream.requests[0]["body"]["tools"] == [{"type": "function"}]


async def test_a_model_may_be_asked_by_its_name(upstream, user_id, settings) -> None:
    configure(settings, smart="openai:long@1")
    assert (await answer(user_id, "long"))[1].tier == "smart"
    assert (await answer(user_id, "spare:fine"))[1].model == "fine"
    settings.AURA_OPEN_MODELS = False
    with pytest.raises(NoModel, match="GET /v1/models"):
        await answer(user_id, "spare:fine")
    assert (await answer(user_id, "openai:long"))[1].tier == "smart"


async def test_the_admin_chooses_models_and_prices(upstream, user_id, settings) -> None:
    configure(settings, fast="openai:long@1")
    rows = [
        TierModel(tier="fast", position=2, provider="openai", model="long", price_in=1, price_out=1),
        TierModel(tier="fast", position=1, provider="openai", model="fine", price_in=Decimal("0.5"), price_out=3),
        TierModel(tier="fast", position=0, provider="openai", model="off", active=False),
    ]
    await database_sync_to_async(TierModel.objects.bulk_create)(rows)
    catalogue.chosen.forget()
    _, end = await answer(user_id)
    assert (end.model, end.cost_nano) == ("fine", 11 * 500 + 4 * 3000)
    assert [one.model for one in catalogue.chains()["fast"]] == ["fine", "long"]


def test_prices_come_from_the_lists_the_highest_of_each(settings) -> None:
    settings.OPENROUTER_API_KEY = "x"
    configure(settings, fast="openrouter:anthropic/claude-sonnet-4.5", smart="openrouter:unheard/of")
    tiers = catalogue.tiers()
    assert (tiers["fast"].price_in, tiers["fast"].price_out, tiers["fast"].priced) == (6, Decimal("22.5"), True)
    assert tiers["fast"].context > 100_000
    assert not tiers["smart"].priced
    settings.OPENAI_BASE_URL = "http://127.0.0.1:9/v1"
    configure(settings, fast="openai:gpt-4o-mini")
    assert not catalogue.tiers()["fast"].priced, "what runs at home has no list price"
    catalogue.reset()
