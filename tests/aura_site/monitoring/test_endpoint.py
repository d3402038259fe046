"""`/metrics`: who may read it, and what it says."""

from ipaddress import ip_network

import pytest
from django.db import DatabaseError
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from aura_site import celery, services
from aura_site.monitoring import endpoint, exposition, figures
from compression.codec import default_library
from streaming.client import ChatClient
from tests.live import LiveServer

TOKEN = {"AURA-Operator": "token-of-the-operator"}


def samples(text: str) -> dict[tuple, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, *sorted(sample.labels.items())] = sample.value
    return found


def read(server: LiveServer) -> dict[tuple, float]:
    status, headers, body = server.get("/metrics", "", AURA_Operator="token-of-the-operator")
    assert status == 200
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(body)


def scope(client: str, **headers: str) -> dict:
    pairs = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return {"client": (client, 1), "headers": pairs}


def test_who_may_read(settings) -> None:
    settings.OPERATOR_TOKEN = "secret"
    settings.METRICS_NETWORKS = [ip_network("10.0.0.0/8")]
    assert endpoint.allowed(scope("1.2.3.4", authorization="Bearer secret"))
    assert endpoint.allowed(scope("1.2.3.4", aura_operator="secret"))
    assert endpoint.allowed(scope("10.1.2.3"))
    assert endpoint.allowed(scope("::ffff:10.1.2.3"))
    assert not endpoint.allowed(scope("1.2.3.4"))
    assert not endpoint.allowed(scope("10.1.2.3", authorization="Bearer wrong"))
    assert not endpoint.allowed(scope("10.1.2.3", x_forwarded_for="10.1.2.3"))
    assert not endpoint.allowed({"client": None, "headers": []})
    settings.OPERATOR_TOKEN = ""
    assert not endpoint.allowed(scope("1.2.3.4", aura_operator=""))


def test_strangers_users_and_their_keys_are_refused(watched: LiveServer) -> None:
    status, headers, body = watched.get("/metrics", "")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert "aura_" not in body
    # An administrator's API key is no operator's token.
    assert watched.get("/metrics")[0] == 401
    assert watched.get("/metrics", "", AURA_Operator="token-of-the-operatoR")[0] == 401


async def test_what_happens_is_counted(watched: LiveServer) -> None:
    before = read(watched)
    async with ChatClient(watched.ws, watched.key) as client:
        events = [event async for event in client.ask("Speak", model="nano")]
        during = read(watched)
    assert events
    model = ("model", "mock-60-10")
    answered = ("aura_model_calls_total", model, ("outcome", "answered"))
    assert during[answered] == before.get(answered, 0) + 1
    assert during["aura_first_token_seconds_count", model] == during[answered]
    assert during["aura_first_token_seconds_bucket", ("le", "+Inf"), model] == during[answered]
    assert during["aura_model_tokens_total", ("direction", "out"), model] > 0
    assert during["aura_connections", ("transport", "websocket")] == 1
    assert during["aura_text_bytes_total",] > before["aura_text_bytes_total",]
    assert 0 < during["aura_payload_bytes_total",] <= during["aura_frame_bytes_total",]
    assert during["aura_ready", ("part", "database")] == 1
    # No worker runs here, and that is said.
    assert during["aura_ready", ("part", "worker")] == 0
    assert during["aura_budget_limit_usd", ("budget", "everybody")] == 10
    assert {"record", "datasets", "tasks"} <= {name[1][1] for name in during if name[0] == "aura_queue_depth"}
    assert during["process_resident_memory_bytes",] > 1e6
    after = read(watched)
    counters = [name for name in before if name[0].endswith(("_total", "_count", "_bucket"))]
    assert all(after[name] >= before[name] for name in counters)


async def test_what_clients_fetch_of_libraries_is_counted(watched: LiveServer) -> None:
    before = read(watched)
    digest = default_library().hash
    status, headers, _ = watched.get(f"/api/compression/libraries/{digest}")
    assert status == 200
    assert watched.get(f"/api/compression/libraries/{digest}", If_None_Match=headers["ETag"])[0] == 304
    fetched = "aura_download_bytes_total", ("what", "library")
    assert read(watched)[fetched] == before[fetched] + int(headers["Content-Length"])


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_only_get(method: str) -> None:
    sent = []

    async def send(message) -> None:
        sent.append(message)

    await endpoint.application({"method": method, "headers": [], "client": None}, None, send)
    assert sent[0]["status"] == 405


@pytest.mark.django_db(transaction=True)
def test_tasks_of_the_worker_are_counted_by_how_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    @celery.app.task(name="test.ends")
    def ends(well: bool) -> None:
        if not well:
            raise ValueError("the words of an error")

    for well in (True, True, False):
        ends.apply((well,))
    counts = figures._worker()
    found = samples(exposition.generate_latest(_registry(counts)).decode())
    assert found["aura_tasks_total", ("outcome", "succeeded"), ("task", "test.ends")] == 2
    assert found["aura_tasks_total", ("outcome", "failed"), ("task", "test.ends")] == 1
    assert found["aura_task_seconds_total", ("task", "test.ends")] > 0
    assert found["aura_task_last_timestamp_seconds", ("task", "test.ends")] > 1e9
    monkeypatch.setattr(services, "count_task", _fails)
    try:
        assert ends.apply((True,)).state == "SUCCESS"
    finally:
        celery.app.tasks.unregister("test.ends")


def _registry(counts: list[dict]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(exposition._Families(exposition._worker(counts)))
    return registry


def _fails(*_arguments: object, **_named: object) -> None:
    raise DatabaseError("away")
