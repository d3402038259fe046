"""The three clients against real servers, over lines that break, with servers that are killed and restarted."""

import asyncio
import signal
from decimal import Decimal
from uuid import UUID

import pytest

from aura_client import START, Answer, AuraError, Client, Closed, Damaged, HttpClient, Refused, SseClient, Unreachable
from routing_ai.providers.mock import words_of
from streaming.protocol.codes import Mode
from tests.line import Line
from tests.live import LiveServer, free_port
from tests.streaming.test_http import POOR

KINDS = [Client, SseClient, HttpClient]
Kind = type[Client] | type[SseClient] | type[HttpClient]
each = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def spoken(words: int) -> str:
    return "".join(words_of(words))


@each
async def test_an_answer_and_what_is_known_of_it(live: LiveServer, kind: Kind) -> None:
    async with kind(live.url, live.key) as aura:
        answer = await aura.ask("Speak", model="nano")
        pieces = [text async for text in answer]
        assert "".join(pieces) == answer.text == spoken(60)
        assert len(pieces) > 1
        assert answer.end is not None
        assert (answer.end.model, answer.end.finish, answer.end.completion_tokens) == ("mock-60-10", "stop", 60)
        assert answer.end.cost_usd == Decimal(0)
        again = await aura.ask("Say this", conversation=answer.conversation, model="fast")
        assert await again.whole() == "Say this"
        assert again.conversation == answer.conversation
        # What has come can be read again.
        assert [text async for text in again] == ["Say this"]


@each
async def test_a_question_in_the_place_of_another_is_asked_without_what_followed(live: LiveServer, kind: Kind) -> None:
    async with kind(live.url, live.key) as aura:

        async def ask(text: str, **place: object) -> Answer:
            """Ask the mock, which says the same again; what it counts tells what else it was given."""
            answer = await aura.ask(text, model="fast", **place)
            assert await answer.whole() == text
            return answer

        def given(answer: Answer) -> int:
            assert answer.end is not None
            return answer.end.prompt_tokens

        first = await ask("one")
        told = {"conversation": first.conversation}
        second = await ask("two words", **told)
        other = await ask("now three words", **told, after=first.stream)
        assert [given(one) for one in (first, second, other)] == [1, 2 + 2, 2 + 3]
        assert given(await ask("behind", **told)) == 2 + 6 + 1
        assert given(await ask("back", **told, after=second.stream)) == 2 + 4 + 1
        assert given(await ask("anew", **told, after=START)) == 1
        with pytest.raises(Refused) as caught:
            await (await aura.ask("lost", **told, after=UUID(int=5))).whole()
        assert caught.value.code == "unknown_stream"


async def test_many_answers_at_once_over_one_connection(live: LiveServer) -> None:
    async with Line(live.port) as proxy, Client(proxy.url, live.key, compress=False) as aura:
        questions = [f"This is question number {number}" for number in range(6)]
        answers = [await aura.ask(question, model="fast") for question in questions]
        assert await asyncio.gather(*(answer.whole() for answer in answers)) == questions
        assert proxy.connections == 1


@each
async def test_a_line_that_breaks_again_and_again(live: LiveServer, kind: Kind) -> None:
    # Within the handshake, before the first event, in the middle of frames and of lines.
    cuts = [10, 300, 450, 700, 701, 777, 900, 1_200, 1_201, 1_500]
    async with Line(live.port, cuts) as proxy, kind(proxy.url, live.key) as aura:
        answer = await aura.ask("Speak", model="nano")
        async with asyncio.timeout(60):
            pieces = [text async for text in answer]
        assert "".join(pieces) == spoken(60)
        assert proxy.connections > 3


@each
async def test_a_server_that_is_killed_and_started_again_in_mid_answer(own_server: LiveServer, kind: Kind) -> None:
    async with kind(own_server.url, own_server.key) as aura:
        answer = await aura.ask("Speak", model="smart")
        text, restarting = "", None
        async with asyncio.timeout(90):
            async for piece in answer:
                text += piece
                if restarting is None and len(text.split()) > 60:
                    await asyncio.to_thread(own_server.stop, signal.SIGKILL)
                    restarting = asyncio.create_task(asyncio.to_thread(own_server.start))
        assert restarting is not None
        await restarting
        assert text == spoken(400)


@pytest.mark.environment(SMART_MODEL="mock:mock-900-20")
@each
async def test_a_server_that_drains_in_mid_answer(own_server: LiveServer, kind: Kind) -> None:
    options = {"mode": Mode.SENTENCE} if kind is Client else {}
    async with kind(own_server.url, own_server.key, **options) as aura:
        answer = await aura.ask("Speak", model="smart")

        def restart() -> None:
            own_server.stop()
            own_server.start()

        restarting = None
        async with asyncio.timeout(90):
            async for _ in answer:
                restarting = restarting or asyncio.create_task(asyncio.to_thread(restart))
        assert restarting is not None
        await restarting
        assert answer.text == spoken(900)
        if isinstance(aura, Client):
            assert aura.reconnects


async def test_what_arrives_damaged_once_is_asked_for_again_and_never_shown(live: LiveServer) -> None:
    lies = 0

    def alter(data: bytes) -> bytes:
        nonlocal lies
        if not lies and b"plain" in data:
            lies += 1
            return data.replace(b"plain", b"brain", 1)
        return data

    async with Line(live.port, alter=alter) as proxy, Client(proxy.url, live.key, compress=False) as aura:
        answer = await aura.ask("Speak", model="nano")
        pieces = [text async for text in answer]
        assert lies == 1
        assert "".join(pieces) == spoken(60)
        assert proxy.connections == 1


@each
async def test_what_arrives_damaged_every_time_is_an_error(live: LiveServer, kind: Kind) -> None:
    def alter(data: bytes) -> bytes:
        return data.replace(b"plain", b"brain")

    options = {"compress": False} if kind is Client else {}
    async with Line(live.port, alter=alter) as proxy, kind(proxy.url, live.key, **options) as aura:
        answer = await aura.ask("Speak", model="nano")
        with pytest.raises(Damaged):
            await answer.whole()
        if kind is Client:
            assert "brain" not in answer.text
            # The others are not the worse for it.
            other = await aura.ask("Fine", model="fast")
            assert await other.whole() == "Fine"


@each
async def test_a_question_that_is_refused(live: LiveServer, kind: Kind) -> None:
    async with kind(live.url, live.key) as aura:
        with pytest.raises(Refused) as caught:
            await (await aura.ask("   ")).whole()
        assert caught.value.code == "empty_prompt"
        assert not caught.value.retry
        with pytest.raises(Refused, match="There is no tier called"):
            await (await aura.ask("Hello", model="huge")).whole()


@each
@pytest.mark.environment(**POOR)
async def test_nobody_waits_for_a_budget_of_tomorrow(own_server: LiveServer, kind: Kind) -> None:
    async with kind(own_server.url, own_server.key) as aura:
        with pytest.raises(Refused, match="left today") as caught:
            await (await aura.ask("Hello")).whole()
    assert (caught.value.code, caught.value.retry) == ("budget_exhausted", False)
    assert caught.value.retry_after


@each
async def test_a_key_that_does_not_count(live: LiveServer, kind: Kind) -> None:
    with pytest.raises((Refused, Closed)):
        async with kind(live.url, "aura_wrong") as aura:
            await (await aura.ask("Hello")).whole()


@each
async def test_patience_ends(kind: Kind) -> None:
    with pytest.raises(Unreachable, match="could not be reached"):
        async with kind(f"http://127.0.0.1:{free_port()}", "key", patience=0.5) as aura:
            await (await aura.ask("Hello")).whole()


@each
async def test_an_answer_can_be_cancelled(live: LiveServer, kind: Kind) -> None:
    async with kind(live.url, live.key) as aura:
        answer = await aura.ask("Speak", model="smart")
        try:
            async for _ in answer:
                answer.cancel()
        except AuraError as error:
            assert kind is not Client
            assert "given up" in str(error)
        else:
            assert answer.end is not None
            assert answer.end.finish == "cancelled"
        assert 0 < len(answer.text.split()) < 400


@pytest.mark.parametrize("kind", [Client, SseClient])
async def test_another_program_goes_on_reading(live: LiveServer, kind: type[Client] | type[SseClient]) -> None:
    async with Client(live.url, live.key) as first:
        answer = await first.ask("Speak", model="nano")
        async for _ in answer:
            if len(answer.text.split()) > 20:
                break
        position, text = answer.position, answer.text
        async with kind(live.url, live.key) as second:
            rest = await second.resume(position)
            assert text + await rest.whole() == spoken(60)


async def test_closing_ends_what_is_still_being_written(live: LiveServer) -> None:
    async with Client(live.url, live.key) as aura:
        answer = await aura.ask("Speak", model="smart")
    with pytest.raises(Closed, match="the client was closed"):
        await answer.whole()
