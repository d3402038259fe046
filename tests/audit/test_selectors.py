"""Reading the record: what is asked of it on every question must not grow with it."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import selectors

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.vendor("sqlite"),  # reads the plans of SQLite
]


@pytest.mark.parametrize(
    ("name", "index"), [("stream_history", "audit_by_stream"), ("transcript", "audit_by_conversation")]
)
def test_a_stream_and_a_conversation_are_found_by_their_index(name: str, index: str) -> None:
    user = get_user_model().objects.create_user("ada")
    with CaptureQueriesContext(connection) as captured:
        getattr(selectors, name)(user, uuid4())
    (query,) = captured.captured_queries
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
        plan = " ".join(row[3] for row in cursor.fetchall())
    assert f"USING INDEX {index}" in plan
    assert "SCAN audit_entry" not in plan
