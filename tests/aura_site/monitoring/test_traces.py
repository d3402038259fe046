"""Traces: a span for a request, one for the call of a model in it, by the GenAI conventions, without any text."""

import asyncio
import subprocess
import sys
import time

import pytest

from streaming.client import ChatClient
from streaming.protocol.codes import Mode
from tests.aura_site.monitoring.conftest import Collector
from tests.live import ROOT, LiveServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def attributes(span) -> dict:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def wait_for(collector: Collector, count: int) -> list:
    end = time.monotonic() + 20
    while True:
        found = [span for span in collector.spans if span.trace_id.hex() == TRACE]
        if len(found) >= count:
            return found
        assert time.monotonic() < end, collector.spans
        time.sleep(0.05)


def test_a_question_is_one_trace(watched: LiveServer, collector: Collector) -> None:
    path = "/api/v1/stream/chat?q=Speak+of+the+quetzalcoatlus&model=nano"
    assert watched.get(path, Traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")[0] == 200
    spans = {span.name: span for span in wait_for(collector, 2)}
    request, call = spans["GET"], spans["chat mock-60-10"]
    assert (request.parent_span_id.hex(), call.parent_span_id) == ("00f067aa0ba902b7", request.span_id)
    assert (request.kind, call.kind) == (2, 3)  # SERVER, CLIENT
    told = attributes(call)
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "mock"
    assert told["gen_ai.request.model"] == "mock-60-10"
    assert told["gen_ai.usage.output_tokens"] > 0
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert attributes(request)["http.response.status_code"] == 200
    assert attributes(request)["url.path"] == "/api/v1/stream/chat"
    assert "quetzalcoatlus" not in str(collector.spans)
    assert collector.services == {"aura"}


async def test_a_session_over_websocket_is_a_span_with_its_calls_in_it(
    watched: LiveServer, collector: Collector
) -> None:
    async with ChatClient(watched.ws, watched.key, mode=Mode.TOKEN) as client:
        async for _ in client.ask("Speak of the quetzalcoatlus", model="genius"):
            pass
    async with asyncio.timeout(20):
        while not (sessions := [span for span in collector.spans if span.name == "WEBSOCKET"]):
            await asyncio.sleep(0.05)
    told = attributes(sessions[-1])
    assert (told["url.path"], told["http.response.status_code"]) == ("/ws/chat/", 101)
    calls = [span for span in collector.spans if span.parent_span_id == sessions[-1].span_id]
    # Which one: a busy machine may make a model too slow, and its tier falls back.
    assert calls
    assert all(span.name.startswith("chat mock-") for span in calls)
    assert "quetzalcoatlus" not in str(collector.spans)


@pytest.mark.parametrize("on", ["true", "false"])
def test_without_the_packages_it_is_said_what_to_do(on: str) -> None:
    code = (
        "import os, sys\nfor name in ('opentelemetry', 'opentelemetry.trace'): sys.modules[name] = None\n"
        f"os.environ['AURA_TRACES'] = '{on}'\nimport tests.settings, django\ndjango.setup()\n"
        "from django.core.exceptions import ImproperlyConfigured\nfrom aura_site.monitoring import traces\n"
        "from routing_ai import tracing\nprint(tracing.begin(None, 1, None) is tracing.NO_SPAN)\n"
        "try:\n    traces.start()\n    print('quiet')\nexcept ImproperlyConfigured as error:\n    print(error)"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    first, second = done.stdout.splitlines()
    assert first == "True"
    named = [word.rstrip(",") for word in second.split() if word.startswith("requirements-")]
    assert named == (["requirements-otel.txt"] if on == "true" else [])
    assert all("opentelemetry-sdk==" in (ROOT / name).read_text() for name in named)
