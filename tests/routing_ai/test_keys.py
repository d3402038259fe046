"""API keys."""

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from routing_ai import keys
from routing_ai.models import ApiKey
from routing_ai.services import create_key, revoke_key, verify_key

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def forget() -> None:
    keys._known.clear()


async def test_a_key_stands_for_its_user_until_it_is_revoked() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada")
    key, secret = await database_sync_to_async(create_key)(user, "laptop")
    assert secret not in str(await database_sync_to_async(lambda: ApiKey.objects.values().get())())
    assert await verify_key(secret) == user
    assert await verify_key(secret + "x") is None
    assert await verify_key("aura_" + "x" * 1000) is None
    assert await verify_key("") is None
    await database_sync_to_async(revoke_key)(key)
    assert await verify_key(secret) is None


async def test_a_key_of_a_user_who_is_shut_out_does_not_count() -> None:
    user = await database_sync_to_async(get_user_model().objects.create_user)("ada", is_active=False)
    _, secret = await database_sync_to_async(create_key)(user, "laptop")
    assert await verify_key(secret) is None


def test_the_command_prints_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match=r"no administrator.*manage\.py bootstrap"):
        call_command("createkey", "script")
    get_user_model().objects.create_superuser("root")
    call_command("createkey", "script")
    assert capsys.readouterr().out.startswith("aura_")
    with pytest.raises(CommandError, match="no user called 'nobody'"):
        call_command("createkey", "script", user="nobody")
    for nameless in ("", " ", "x" * 101, "two\nlines"):
        with pytest.raises(CommandError, match="a name of 1 to 100 characters, in one line"):
            call_command("createkey", nameless)
