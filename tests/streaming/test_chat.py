"""What the chat tells a model, and the order of question, reservation and call. Answers are seen over the transports."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from audit import journal as journal_module
from audit import selectors as record
from audit import services as audit_services
from audit.errors import NotAllowed
from audit.journal import journal
from audit.models import Entry
from aura_db.committer import Committer
from routing_ai import healing
from routing_ai import ledger as ledger_module
from routing_ai.ledger import ledger
from routing_ai.models import Budget, Spend
from streaming import chat
from streaming.chat import HISTORY_LIMIT, _history
from streaming.messages import Message
from streaming.registry import registry
from tests.routing_ai.upstream import Upstream, configured


def test_a_model_is_told_the_newest_turns() -> None:
    roles = ("user", "assistant")
    turns = [SimpleNamespace(role=roles[number % 2], text=f"{number:04}" + "x" * 196) for number in range(100)]
    told = _history(turns)
    assert told[-1] == {"role": "assistant", "content": turns[-1].text}
    assert sum(len(one["content"]) for one in told) <= HISTORY_LIMIT


@pytest.fixture
async def upstream(settings: Any) -> AsyncIterator[Upstream]:
    for tier in ("NANO", "FAST", "SMART", "GENIUS"):
        setattr(settings, f"{tier}_MODEL", "openai:quick@1/2")
    async with configured(settings) as server:
        yield server


@pytest.fixture
async def user() -> Any:
    await database_sync_to_async(Budget.objects.create)(daily_limit=Decimal(100))
    return await database_sync_to_async(get_user_model().objects.create_user)("ada")


def question(user: Any, **more: Any) -> Message:
    given = {"conversation": uuid4(), "stream": uuid4(), "text": "How are you?", **more}
    return Message(user.pk, user.get_username(), **given)


@contextmanager
def held_up() -> Iterator[None]:
    """Keep the database from committing anything else until the block is left."""
    begun, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("LOCK TABLE audit_entry, routing_ai_spend IN EXCLUSIVE MODE")
            begun.set()
            over.wait(30)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(30)
    try:
        yield
    finally:
        over.set()
        thread.join()


async def written() -> tuple[list[str], list[str]]:
    """Return the kinds on the record (but for what the record says of itself), and the states of the spends."""
    await asyncio.to_thread(journal().close)
    own = ["state", "access"]
    kinds = Entry.objects.exclude(kind__in=own).order_by("seq").values_list("kind", flat=True)
    states = Spend.objects.order_by("pk").values_list("state", flat=True)
    return await database_sync_to_async(lambda: (list(kinds), list(states)))()


@pytest.mark.django_db(transaction=True)
async def test_no_model_is_called_before_the_question_is_on_the_record(upstream: Upstream, user: Any) -> None:
    with held_up():
        asking = asyncio.create_task(chat.ask(question(user), user))
        await asyncio.sleep(0.3)
        assert not asking.done()
        assert upstream.began == 0
    stream = await asking
    assert "".join([text async for text in stream])
    assert upstream.began == 1
    kinds, states = await written()
    assert kinds[0] == "prompt"
    assert kinds[-1] == "done"
    assert states == ["settled"]


@pytest.mark.django_db(transaction=True)
async def test_a_question_and_its_reservation_are_one_commit_and_so_are_the_end_and_the_settlement(
    upstream: Upstream, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[set[str]] = []
    write = Committer._write

    def noted(commits: Committer, parts: Any) -> Any:
        jobs = [job for _, some in parts for job in some]
        kinds = {event.kind.value for job in jobs if isinstance(job, journal_module._Job) for event in job.events}
        spends = {"settled" if job.patient else "reserved" for job in jobs if isinstance(job, ledger_module._Job)}
        groups.append(kinds | spends)
        return write(commits, parts)

    monkeypatch.setattr(Committer, "_write", noted)
    questions = 10
    for _ in range(questions):
        assert "".join([text async for text in await chat.ask(question(user), user)])
    await written()
    # Python may let the thread go on between the two.
    assert sum(group >= {"reserved", "prompt"} for group in groups) > questions / 2
    assert sum(group >= {"settled", "done"} for group in groups) > questions / 2


@pytest.mark.django_db(transaction=True)
async def test_a_settlement_that_cannot_be_written_is_made_up_for_and_costs_nobody_the_answer(
    upstream: Upstream, user: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("routing_ai.accounts._FOUND", "{no such field}")
        stream = await chat.ask(question(user), user)
        assert "".join([text async for text in stream])
        async with asyncio.timeout(30):
            while stream.source is not None:
                await asyncio.sleep(0.01)
    assert "a settlement is left to healing" in caplog.text
    kinds, states = await written()
    assert (kinds[-1], states) == ("done", ["reserved"])
    # Nothing says any more that it is alive.
    assert not ledger()._open
    assert await database_sync_to_async(healing.heal)(record.answer_sizes, timedelta(0)) == 1
    assert (await written())[1] == ["settled"]


@pytest.mark.django_db(transaction=True)
async def test_who_leaves_before_the_question_is_on_the_record_is_answered_by_no_model(
    upstream: Upstream, user: Any
) -> None:
    with held_up():
        # The first is what the database is busy with; the second waits behind it.
        asking = [asyncio.create_task(chat.ask(question(user), user)) for _ in range(2)]
        await asyncio.sleep(0.3)
        asking[1].cancel()
        await asyncio.wait([asking[1]])
        assert asking[1].cancelled()
    stream = await asking[0]
    assert "".join([text async for text in stream])
    while len(registry):
        await asyncio.sleep(0.01)
    assert upstream.began == 1
    kinds, states = await written()
    assert (kinds.count("prompt"), kinds.count("done")) == (2, 2)
    assert states.count("settled") == 1
    assert "reserved" not in states


@pytest.mark.django_db(transaction=True)
async def test_a_question_in_a_conversation_of_somebody_else_is_refused_and_costs_nothing(
    upstream: Upstream, user: Any
) -> None:
    eve = await database_sync_to_async(get_user_model().objects.create_user)("eve")
    theirs = uuid4()
    await database_sync_to_async(audit_services.open_conversation)(eve, theirs, "Hello")
    asked = question(user, conversation=theirs)
    with pytest.raises(NotAllowed):
        await chat.ask_for(asked, user, chat.Wanted([{"role": "user", "content": "Hi"}], 100))
    for _ in range(100):
        if not await database_sync_to_async(Spend.objects.filter(state="reserved").exists)():
            break
        await asyncio.sleep(0.02)
    kinds, states = await written()
    assert upstream.began == 0
    assert kinds == []
    assert set(states) <= {"released"}
    assert len(registry) == 0
    assert await database_sync_to_async(record.stream_history)(user, asked.stream) == []


@pytest.mark.django_db(transaction=True)
async def test_a_question_that_no_budget_admits_stands_on_the_record_with_its_refusal(
    upstream: Upstream, user: Any
) -> None:
    await database_sync_to_async(Budget.objects.update)(daily_limit=0)
    stream = await chat.ask(question(user), user)
    assert [text async for text in stream] == []
    assert await written() == (["prompt", "fault"], [])
    assert upstream.began == 0
