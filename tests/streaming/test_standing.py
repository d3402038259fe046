"""Lines end with what let their holders in: a sign-out, another password, a revoked key, a closed account."""

import asyncio
from datetime import timedelta
from http.client import HTTPConnection, HTTPResponse

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from routing_ai.models import Budget
from routing_ai.services import create_key, revoke_key
from streaming import standing
from streaming.protocol.codes import CloseCode
from streaming.standing import Standing
from tests.live import LiveServer

# Run on the server's database while the lines are open.
ENDS = """
from django.contrib.sessions.models import Session
from routing_ai.models import ApiKey
from routing_ai.services import revoke_key
Session.objects.filter(pk="{session}").delete()
revoke_key(ApiKey.objects.get(user__username="eve"))
"""


async def line(live: LiveServer, **headers: str) -> ClientConnection:
    return await connect(live.ws, additional_headers=headers, origin=live.url)  # type: ignore[arg-type]


async def answered(open_line: ClientConnection) -> None:
    """Return when a question on that line was answered."""
    await open_line.send('{"type": "prompt", "text": "Hello", "model": "genius"}')
    async with asyncio.timeout(60):
        while '"done"' not in await open_line.recv():
            pass


async def sent_away(open_line: ClientConnection) -> int:
    """Return the code by which the server closes a line."""
    with pytest.raises(ConnectionClosed) as closed:
        async with asyncio.timeout(60):
            while True:
                await open_line.recv()
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def feed(live: LiveServer, key: str) -> tuple[HTTPConnection, HTTPResponse]:
    """Return a line with the events of a topic, of which the first has come."""
    line = HTTPConnection("127.0.0.1", live.port, timeout=60)
    line.request("GET", "/api/v1/topics/test/standing/events", headers={"Authorization": f"Bearer {key}"})
    events = line.getresponse()
    assert events.readline().startswith(b"id: ")
    return line, events


def publish(live: LiveServer, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    line = HTTPConnection("127.0.0.1", live.port, timeout=60)
    line.request("POST", "/api/v1/topics/test/standing", b'{"kind": "a", "data": "secret"}', headers)
    with line.getresponse() as response:
        assert response.status == 201
    line.close()


async def test_open_lines_end_with_what_let_their_holders_in(own_server: LiveServer) -> None:
    users = own_server.users
    by_session = await line(own_server, Cookie=f"sessionid={users['ada']['session']}")
    by_key = await line(own_server, Authorization=f"Bearer {users['eve']['key']}")
    other = await line(own_server, Authorization=f"Bearer {users['ada']['key']}")
    for one in (by_session, by_key, other):
        await answered(one)
    feeding, events = await asyncio.to_thread(feed, own_server, users["eve"]["key"])
    ends = ENDS.format(session=users["ada"]["session"])
    await asyncio.to_thread(own_server.manage, "shell", "--verbosity=0", "-c", ends)
    assert await sent_away(by_session) == CloseCode.SIGNED_OUT
    assert await sent_away(by_key) == CloseCode.SIGNED_OUT
    # Of an event that comes then nothing is told.
    await asyncio.to_thread(publish, own_server, users["ada"]["key"])
    rest = await asyncio.to_thread(events.read)
    assert rest.count(b"event: error") == 1
    assert b"not_allowed" in rest
    assert b"secret" not in rest
    events.close()
    feeding.close()
    # Nobody else is sent away.
    await answered(other)
    await other.close()


@pytest.fixture
def held() -> dict[str, Standing]:
    """Somebody let in by a browser, and by a key."""
    user = get_user_model().objects.create_user("kim", password="first")
    session = SessionStore()
    session.save()
    user.session_key = session.session_key  # type: ignore[attr-defined]
    by_session = Standing.of(user)
    key, _ = create_key(user, "laptop")
    return {"session": by_session, "key": Standing(user.pk, key=key.pk)}


def lost(held: dict[str, Standing]) -> set[str]:
    gone = standing.ended(list(held.values()))
    return {name for name, one in held.items() if one in gone}


@pytest.mark.django_db
def test_who_was_let_in_stays_while_nothing_ended(held: dict[str, Standing]) -> None:
    assert held["session"].session
    assert lost(held) == set()
    assert standing.ended([]) == set()


@pytest.mark.django_db
def test_a_session_ends_by_its_time_and_with_the_password(held: dict[str, Standing]) -> None:
    user = get_user_model().objects.get(username="kim")
    user.set_password("second")
    user.save()
    assert lost(held) == {"session"}
    user.set_password("first")
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert lost(held) == {"session"}


@pytest.mark.django_db
def test_a_key_ends_when_it_is_revoked_or_narrowed(held: dict[str, Standing]) -> None:
    user = get_user_model().objects.get(username="kim")
    key = user.api_keys.get()
    budget = Budget.objects.create(api_key=key, daily_limit="1")
    assert lost(held) == {"key"}
    budget.delete()
    key.scopes = "chat"
    key.save()
    assert lost(held) == {"key"}
    key.scopes = ""
    key.save()
    assert lost(held) == set()
    revoke_key(key)
    assert lost(held) == {"key"}


@pytest.mark.django_db
def test_an_account_takes_all_with_it(held: dict[str, Standing]) -> None:
    get_user_model().objects.update(is_active=False)
    assert lost(held) == {"session", "key"}


@pytest.mark.django_db
def test_many_are_looked_up_in_few_queries(held: dict[str, Standing], django_assert_num_queries: object) -> None:
    many = [Standing(held["key"].user_id, f"none-{number}", "x") for number in range(standing.AT_ONCE + 1)]
    with django_assert_num_queries(3):  # type: ignore[operator]
        assert len(standing.ended(many)) == len(many)
