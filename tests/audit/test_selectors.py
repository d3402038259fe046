"""Reading the record: what is asked of it on every question must not grow with it."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import selectors
from tests.audit.scenario import converse

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.vendor("sqlite"),  # reads the plans of SQLite
]


@pytest.mark.parametrize(
    ("name", "index", "queries"),
    [("stream_history", "audit_one_event_an_offset", 2), ("transcript", "audit_by_conversation", 1)],
)
def test_a_stream_and_a_conversation_are_found_by_their_index(name: str, index: str, queries: int) -> None:
    conversation, stream = converse("ada", "One?", "Two.")
    user = get_user_model().objects.get(username="ada")
    with CaptureQueriesContext(connection) as captured:
        assert getattr(selectors, name)(user, stream if name == "stream_history" else conversation)
    assert len(captured.captured_queries) == queries
    for query in captured.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN QUERY PLAN " + query["sql"].replace("%", "%%"))
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert f"INDEX {index}" in plan
        assert "SCAN audit_entry" not in plan


def test_a_stream_that_does_not_exist_costs_one_query() -> None:
    user = get_user_model().objects.create_user("ada")
    with CaptureQueriesContext(connection) as captured:
        assert selectors.stream_history(user, uuid4()) == []
    assert len(captured.captured_queries) == 1
