"""What clients fetch, counted: in this process, and on a server that is stopped."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from compression import downloads
from compression.codec import default_library
from compression.models import Fetched
from tests.live import LiveServer

PATH = f"/api/compression/libraries/{default_library().hash}"


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(User.objects.create_user("reader"))
    downloads._waiting.clear()
    return client


@pytest.mark.django_db
def test_what_is_fetched_is_kept_by_day_in_one_statement_however_much_it_is(
    signed_in: Client, django_assert_num_queries: Any
) -> None:
    first = signed_in.get(PATH, headers={"Accept-Encoding": "br"})
    second = signed_in.get(PATH)
    # None of these is a download.
    signed_in.head(PATH)
    signed_in.get(PATH, headers={"If-None-Match": second["ETag"]})
    signed_in.get(f"/api/compression/libraries/{'0' * 64}")
    # Session and user are looked for, nothing else.
    with django_assert_num_queries(40):
        for _ in range(20):
            signed_in.get(PATH)
    assert not Fetched.objects.exists()
    with django_assert_num_queries(1):
        downloads.save()
    with django_assert_num_queries(0):
        downloads.save()
    kept = Fetched.objects.get()
    assert (kept.day, kept.size) == (timezone.localdate(), len(first.content) + 21 * len(second.content))


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_written_waits_and_is_counted_once(signed_in: Client) -> None:
    size = len(signed_in.get(PATH).content)
    yesterday = timezone.localdate() - timedelta(days=1)
    downloads._waiting[yesterday] += 5
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Fetched._meta.db_table} RENAME TO away")
    try:
        downloads.save()
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {Fetched._meta.db_table}")
    for _ in range(2):
        downloads.save()
    assert dict(Fetched.objects.values_list("day", "size")) == {timezone.localdate(): size, yesterday: 5}


def test_a_server_that_stops_has_counted_all(tmp_path: Path) -> None:
    server = LiveServer(tmp_path)
    server.start()
    sizes = [int(server.get(PATH)[1]["Content-Length"]) for _ in range(5)]
    server.stop()
    code = "from compression.models import Fetched; print(Fetched.objects.get().size)"
    assert int(server.manage("shell", "--verbosity=0", "-c", code)) == sum(sizes)
