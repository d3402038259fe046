"""The cache of answers: by itself, and on the way of a request."""

from decimal import Decimal
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from hypothesis import given
from hypothesis import strategies as st

from routing_ai import cache as caching
from routing_ai import catalogue
from routing_ai.cache import AdaptiveCache, CacheControl, Cached, key_of
from routing_ai.models import Spend
from routing_ai.policy.likeness import form
from routing_ai.quality import monitor
from routing_ai.services import Completed, Request, Token, ToolCalls, close_providers, complete


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def kept(text: str = "Paris.") -> Cached:
    return Cached(text, "m", "nano", 1, 1, 0, 0)


def test_an_answer_lives_longer_each_time_it_is_asked_for() -> None:
    clock = Clock()
    it = AdaptiveCache(clock)
    it.put(b"k", kept(), 100)
    clock.now += 99
    assert it.get(b"k") is not None
    clock.now += 100
    assert it.get(b"k") is not None, "twice as long by now"
    clock.now += 300
    assert it.get(b"k") is None
    assert len(it) == 0
    assert it.hit_rate == pytest.approx(2 / 3)


def test_the_first_life_follows_the_share_of_hits() -> None:
    clock = Clock()
    it = AdaptiveCache(clock)
    for _ in range(10 * caching.LOOK):
        it.get(b"nothing")
    it.put(b"k", kept(), 100)
    clock.now += 26
    assert it.get(b"k") is None, "where nothing comes again a quarter is enough"
    it.put(b"hot", kept(), 10**5)
    for _ in range(10 * caching.LOOK):
        it.get(b"hot")
    it.put(b"k", kept(), 100)
    clock.now += 350
    assert it.get(b"k") is not None


def test_a_request_may_refuse() -> None:
    clock = Clock()
    it = AdaptiveCache(clock)
    it.put(b"k", kept(), 100, CacheControl.parse("no-store"))
    assert it.get(b"k") is None
    it.put(b"k", kept(), 100)
    clock.now += 20
    assert it.get(b"k", CacheControl.parse("Max-Age=10, private")) is None
    assert it.get(b"k", CacheControl.parse("max-age=30")) is not None
    assert it.get(b"k", CacheControl.parse("no-cache")) is None
    assert CacheControl.parse("what=ever, max-age=x") == CacheControl()


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    it = AdaptiveCache()
    monkeypatch.setattr(caching, "ENTRIES", 10)
    for number in range(50):
        it.put(b"%d" % number, kept(), 100)
    assert len(it) == 10
    assert it.get(b"49") is not None
    monkeypatch.setattr(caching, "BYTES", 2_000)
    it.put(b"big", kept("x" * 1_200), 100)
    assert len(it) == 1
    it.put(b"huge", kept("x" * 3_000), 100)
    assert len(it) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is the capital of France?", "what is  the capital of france", True),
        ("What is the capital of France?", "Hi! Could you tell me what is the capital of France, please?", True),
        ("ما عاصمة فرنسا؟", "من فضلك ما عاصمة فرنسا", True),
        ("What is the capital of Austria?", "What is the capital of Australia?", False),
        ("Is it safe?", "Is it not safe?", False),
        ("Is 1.5 enough?", "Is 15 enough?", False),
        ("Did Ada beat Eve?", "Did Eve beat Ada?", False),
        ("Is vitamin A good?", "Is vitamin good?", False),
        ("a - b?", "a + b?", False),
        ("please", "thanks", False),
        ("Capital of “France”, please!", "capital of France ?", True),
        ("Is x != y?", "Is x = y?", False),
        ("What is 5!?", "What is 5?", False),
        ("Is .5 enough?", "Is 5 enough?", False),
        ("What does print('a') do?", "What does print(a) do?", False),
        ("Translate into French: thank you", "Translate into French: hello", False),
        ("How do I say please in Spanish?", "How do I say in Spanish?", False),
        ("Hello in Spanish?", "Thanks in Spanish?", False),
        ("What does __init__ do?", "What does init do?", False),
        ("What does __init__ do?", "what does __init__ do", True),
        ("Is my_var set?", "Is my var set?", False),
        ("Is my_var set?", "Is my _var set?", False),
        ("Is 1_000 much?", "Is 1 000 much?", False),
    ],
)
def test_only_what_asks_the_same_has_the_same_form(one: str, other: str, same: bool) -> None:
    assert (form(one) == form(other)) == same


@given(st.text(max_size=500))
def test_a_form_is_never_empty_for_words_and_ignores_spacing(text: str) -> None:
    assert bool(form(text)) == bool(text.strip()) or len(text) > 400
    if len(text) < 190:
        assert form(f"  {text}\n") == form(text)


def test_keys_tell_apart_all_that_shapes_an_answer() -> None:
    hello = [{"role": "user", "content": "Hi"}]
    keys = [
        key_of("a", {}, hello),
        key_of("b", {}, hello),
        key_of("a", {"limit": 1}, hello),
        key_of("a", {}, [{"role": "system", "content": "Hi"}, *hello]),
        key_of("a", {}, [{"role": "user", "content": "Ho"}]),
        key_of("a", {}, [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]),
    ]
    assert len(set(keys)) == len(keys)


def test_only_what_a_user_asks_counts_by_its_form() -> None:
    def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
        return key_of("a", {}, [one]) == key_of("a", {}, [other])

    said = {"role": "user", "content": "List them"}
    assert same(said, {**said, "content": "list  them!"})
    for role in ("tool", "system", "developer", "assistant", "function"):
        assert not same({"role": role, "content": "a  B"}, {"role": role, "content": "a b"})
    call = {"id": "1", "type": "function", "function": {"name": "get", "arguments": '{"n": 1}'}}
    for more in ({"name": "Ada"}, {"name": "ada"}, {"tool_call_id": "1"}, {"tool_calls": [call]}, {"refusal": "no"}):
        assert not same(said, {**said, **more})
    assert not same({**said, "name": "Ada"}, {**said, "name": "ada"})


async def answer(user_id: int, text: str = "Say this", **more) -> tuple[str, Completed]:
    request = Request(user_id, [{"role": "user", "content": text}], "fast", **{"temperature": 0.0, **more})
    parts = [part async for part in complete(request)]
    assert not any(isinstance(part, ToolCalls) for part in parts)
    assert isinstance(parts[-1], Completed)
    return "".join(part.text for part in parts if isinstance(part, Token)), parts[-1]


@pytest.mark.django_db(transaction=True)
async def test_the_same_question_is_answered_at_once_and_for_nothing(settings) -> None:
    settings.ALLOW_MOCK_LLM, settings.FAST_MODEL, settings.GENIUS_MODEL = True, "mock:echo@10", "mock:echo@20"
    catalogue.reset()
    ada, eve = [
        (await database_sync_to_async(get_user_model().objects.create_user)(name)).pk for name in ("ada", "eve")
    ]
    assert (await answer(ada))[1].cost_nano > 0
    text, end = await answer(ada, "say this!")
    assert (text, end.cost_nano, end.reason) == ("Say this", 0, "the same was asked before")
    for other in ({"max_tokens": 5}, {"temperature": 0.7}, {"cache": CacheControl(no_cache=True)}):
        assert (await answer(ada, **other))[1].cost_nano > 0
    assert (await answer(eve))[1].cost_nano > 0, "an answer is its user's own"
    assert (await answer(ada, "Warm", temperature=0.7, cache=CacheControl(max_age=60)))[1].cost_nano > 0
    assert (await answer(ada, "Warm", temperature=0.7, cache=CacheControl(max_age=60)))[1].cost_nano == 0
    settings.AURA_CACHE_SHARED = True
    await answer(ada, "Shared")
    assert (await answer(eve, "shared"))[1].cost_nano == 0
    spends = await database_sync_to_async(lambda: list(Spend.objects.filter(nano=0)))()
    assert {spend.reason for spend in spends} == {"the same was asked before"}
    assert all(spend.best_nano > 0 and spend.amount == Decimal(0) for spend in spends)
    assert monitor.get_metrics()["echo"]["cache_hits"] == 3
    settings.AURA_CACHE_LIFE = 0
    assert (await answer(ada, "Shared"))[1].cost_nano > 0
    await close_providers()
