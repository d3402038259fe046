"""`/v1` with the unmodified `openai` client, curl, and bare HTTP, against a real server and a real endpoint behind it."""

import asyncio
import http.client
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as websocket

from routing_ai.keys import Credential
from streaming.protocol import openai_form as form
from streaming.routing import http_urlpatterns
from streaming.transports import openai as transport
from tests.aura_site.test_strangers import REFUSED, private
from tests.live import LiveServer
from tests.routing_ai.upstream import ThreadedUpstream
from tests.streaming.test_http import Events, ask

KEYS = """
import json
from django.contrib.auth import get_user_model
from routing_ai.models import ApiKey, Budget
from routing_ai.services import create_key, save_new
user = get_user_model().objects.get(username="eve")
made = {}
for name, fields in {
    "list": {"scopes": "models"}, "ask": {"scopes": "chat"}, "fast": {"models_allowed": "fast fine"},
    "slow": {"requests_a_minute": 1}, "tokens": {"tokens_a_minute": 1000}, "poor": {},
    "poor fast": {"models_allowed": "fast"},
}.items():
    key = ApiKey(user=user, name=name, **fields)
    made[name] = save_new(key)
    if "poor" in name:
        Budget.objects.create(api_key=key, daily_limit="0.000001")
print(json.dumps(made))
"""


class Served:
    def __init__(self, live: LiveServer, upstream: ThreadedUpstream, keys: dict[str, str]) -> None:
        self.live, self.upstream, self.keys = live, upstream, keys

    def client(self, key: str = "", **more: Any) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.live.url}/v1", api_key=self.keys.get(key, key or self.live.key), **more)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with ThreadedUpstream() as upstream:
        live = LiveServer(
            tmp_path_factory.mktemp("openai"),
            OPENAI_BASE_URL=upstream.url,
            NANO_MODEL="mock:mock-20-1",
            FAST_MODEL="openai:fine@1/2",
            SMART_MODEL="openai:long@1/2",
            GENIUS_MODEL="mock:echo",
            AURA_FIRST_TOKEN_TIMEOUT="5",
            AURA_STALL_TIMEOUT="1",
            AURA_RETRIES="1",
        )
        keys = json.loads(live.manage("shell", "--verbosity=0", "-c", KEYS).strip().splitlines()[-1])
        live.start()
        yield Served(live, upstream, keys)
        live.stop()


# More than orjson writes, and less than it reads.
NESTED: Any = json.loads("[" * 300 + "]" * 300)
ASK: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Count to four"}]


def test_a_streamed_answer_with_usage(served: Served) -> None:
    with served.client() as client:
        stream = client.chat.completions.create(
            model="fast", messages=ASK, stream=True, stream_options={"include_usage": True}, max_tokens=50
        )
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "One two ثلاثة four"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert (chunks[-1].usage.prompt_tokens, chunks[-1].usage.total_tokens) == (11, 15)
    assert len({chunk.id for chunk in chunks}) == 1
    body = served.upstream.requests[-1]["body"]
    assert (body["messages"], body["max_tokens"], "temperature" in body) == (ASK, 50, False)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_is_all_thinking_is_empty_and_says_that_it_is_cut_off(served: Served, stream: bool) -> None:
    request: Any = {"model": "openai:thinking", "messages": ASK, "stream": stream}
    with served.client() as client:
        given = client.chat.completions.create(**request)
        if stream:
            chunks = list(given)
            assert (chunks[0].choices[0].delta.role, chunks[0].choices[0].delta.content) == ("assistant", "")
            assert chunks[-1].choices[0].finish_reason == "length"
        else:
            assert (given.choices[0].message.content, given.choices[0].finish_reason) == ("", "length")
            assert given.usage.completion_tokens == 100


def test_an_answer_in_one_piece_names_its_model_and_cost(served: Served) -> None:
    with served.client() as client:
        answer = client.chat.completions.create(model="smart", messages=ASK, temperature=0.2)
    assert answer.choices[0].message.content == "One two ثلاثة four"
    assert answer.choices[0].finish_reason == "length"
    assert answer.model == "long"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4
    assert answer.to_dict()["aura"] == {"model": "long", "tier": "smart", "cost_usd": "0.000019000"}
    assert served.upstream.requests[-1]["body"]["temperature"] == 0.2


def test_auto_a_model_and_no_model_at_all_are_answered(served: Served) -> None:
    with served.client() as client:
        auto = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hi"}])
        named = client.chat.completions.create(model="fine", messages=ASK)
    assert (auto.model, named.model) == ("mock-20-1", "fine")


@pytest.mark.parametrize(
    ("asked", "answers"), [("auto", "mock-20-1"), ("fast", "fine"), ("openai:thinking", "thinking"), ("fine", "fine")]
)
def test_each_chunk_names_the_model_that_answers(served: Served, asked: str, answers: str) -> None:
    for _ in range(2):
        # The second time by the cache.
        with served.client() as client:
            chunks = list(
                client.chat.completions.create(
                    model=asked,
                    messages=[{"role": "user", "content": "Hi"}],
                    temperature=0,
                    stream=True,
                    stream_options={"include_usage": True},
                )
            )
        assert {chunk.model for chunk in chunks} == {answers}


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_told_as_one_and_stands_on_the_record_as_the_answer(served: Served, stream: bool) -> None:
    conversation = str(uuid4())
    asked = f"Help me {conversation}"
    request: Any = {"model": "openai:refusal", "messages": [{"role": "user", "content": asked}], "temperature": 0}
    before = served.upstream.began
    for _ in range(2):
        with served.client() as client:
            given = client.chat.completions.create(
                **request, stream=stream, extra_headers={"AURA-Conversation": conversation}
            )
            if stream:
                deltas = [chunk.choices[0].delta for chunk in given]
                assert deltas[0].role == "assistant"
                assert [delta.content for delta in deltas] == [None] * len(deltas)
                assert "".join(delta.refusal or "" for delta in deltas) == "I cannot help"
            else:
                message = given.choices[0].message
                assert (message.content, message.refusal) == (None, "I cannot help")
    # Who asks again is not refused from memory.
    assert served.upstream.began == before + 2
    _, _, body = served.live.get(f"/api/v1/conversations/{conversation}")
    assert [turn["text"] for turn in body["turns"]] == [asked, "I cannot help"] * 2


def test_a_refusal_that_is_sent_back_stands_on_the_record_of_what_comes_next() -> None:
    messages = [*ASK, {"role": "assistant", "content": None, "refusal": "I cannot help"}, *ASK[1:]]
    asked = form.parse(json.dumps({"messages": messages}).encode())
    assert json.loads(asked.record["before"])[2] == {"role": "assistant", "content": "I cannot help"}


def test_it_is_on_the_record_with_all_that_the_model_was_given(served: Served) -> None:
    with served.client() as client:
        raw = client.chat.completions.with_raw_response.create(
            model="genius", messages=[*ASK[:1], {"role": "user", "content": "Remember the walrus"}]
        )
    conversation = raw.headers["AURA-Conversation"]
    status, _, body = served.live.get(f"/api/v1/conversations/{conversation}")
    assert status == 200
    texts = [turn["text"] for turn in body["turns"]]
    assert texts == ["Remember the walrus", "Remember the walrus"]
    listed = served.live.manage(
        "shell", "--verbosity=0", "-c",
        "from audit import selectors; from audit.models import Entry;"
        f"print([e.meta for e in selectors.events_of(selectors._entries().filter(conversation='{conversation}'))])",
    )  # fmt: skip
    assert "Be brief." in listed


def test_all_parameters_are_for_the_record() -> None:
    given = {"user": "u-1", "metadata": {"a": "b"}, "max_tokens": 5, "temperature": 0, "top_p": 0.5, "n": 1}
    sent = {"model": "fast", "stream": True, "stream_options": {"include_usage": True}, "messages": ASK, **given}
    asked = form.parse(json.dumps(sent).encode())
    assert json.loads(asked.record["parameters"]) == given
    assert asked.extra == {"top_p": 0.5}
    assert "parameters" not in form.parse(json.dumps({"model": "fast", "messages": ASK}).encode()).record


def test_tools_and_images_pass_through_and_tool_calls_come_back(served: Served) -> None:
    tool: Any = {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
    }
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "Weather here?"}, image]}]
    with served.client() as client:
        whole = client.chat.completions.create(model="openai:tools", messages=messages, tools=[tool])
        stream = client.chat.completions.create(model="openai:tools", messages=messages, tools=[tool], stream=True)
        deltas = [chunk.choices[0] for chunk in stream]
    body = served.upstream.requests[-1]["body"]
    assert (body["tools"], body["messages"]) == ([tool], messages)
    calls = whole.choices[0].message.tool_calls
    assert calls is not None
    assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
        ("call_1", "weather", '{"city": "Berlin"}'),
        ("call_2", "time", "{}"),
    ]
    assert (whole.choices[0].finish_reason, whole.choices[0].message.content) == ("tool_calls", None)
    streamed = [call for choice in deltas for call in choice.delta.tool_calls or []]
    assert [(call.index, call.function.name) for call in streamed if call.function] == [(0, "weather"), (1, "time")]
    assert deltas[-1].finish_reason == "tool_calls"
    assert not any(choice.delta.content for choice in deltas)


def test_a_tool_may_have_given_nothing(served: Served) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "clear", "arguments": "{}"}}
    told: list[Any] = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ]
    with served.client() as client:
        answer = client.chat.completions.create(model="fast", messages=told)
    assert answer.choices[0].message.content
    assert served.upstream.requests[-1]["body"]["messages"] == told


def test_models_are_listed_as_the_key_may_ask_them(served: Served) -> None:
    with served.client() as client, served.client("fast") as narrow:
        assert {model.id for model in client.models.list()} >= {"auto", "nano", "genius", "fine", "long", "mock-20-1"}
        assert client.models.retrieve("fine").to_dict()["aura"]["usd_per_million_out"] == "2"
        assert {model.id for model in narrow.models.list()} == {"fast", "fine"}
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("huge")


@pytest.mark.parametrize(
    ("key", "asked", "error", "code"),
    [
        ("wrong", {}, openai.AuthenticationError, "invalid_api_key"),
        ("list", {}, openai.PermissionDeniedError, "permission_denied"),
        ("fast", {"model": "smart"}, openai.PermissionDeniedError, "permission_denied"),
        ("", {"model": "mock:huge"}, openai.NotFoundError, "model_not_found"),
        ("", {"messages": []}, openai.BadRequestError, "invalid_request"),
        ("", {"messages": [{"role": "user", "content": " "}]}, openai.BadRequestError, "invalid_request"),
        ("", {"n": 2}, openai.BadRequestError, "invalid_request"),
        ("", {"max_tokens": -1}, openai.BadRequestError, "invalid_request"),
        ("", {"temperature": 3}, openai.BadRequestError, "invalid_request"),
        ("", {"logprobs": True}, openai.BadRequestError, "invalid_request"),
        ("", {"tools": [{"type": "web_search"}]}, openai.BadRequestError, "invalid_request"),
        ("", {"extra_body": {"models": ["fine", "dear"]}}, openai.BadRequestError, "invalid_request"),
        ("", {"extra_body": {"plugins": [{"id": "web"}]}}, openai.BadRequestError, "invalid_request"),
        ("", {"model": "openai:status-400"}, openai.BadRequestError, "invalid_request"),
        ("", {"model": "openai:too-long-llama"}, openai.BadRequestError, "context_length_exceeded"),
        ("", {"model": "openai:status-404"}, openai.NotFoundError, "model_not_found"),
        ("", {"model": "openai:status-500"}, openai.InternalServerError, "provider_failed"),
        ("poor", {"model": "fine"}, openai.RateLimitError, "insufficient_quota"),
        ("poor fast", {"model": "fast"}, openai.RateLimitError, "insufficient_quota"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_have_the_shape_that_clients_know(
    served: Served, key: str, asked: dict[str, Any], error: type[openai.APIStatusError], code: str, stream: bool
) -> None:
    request: Any = {"model": "fast", "messages": ASK, "stream": stream, **asked}
    with served.client(key, max_retries=0) as client, pytest.raises(error) as caught:
        client.chat.completions.create(**request)
    assert caught.value.code == code
    assert caught.value.message


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"max_tokens": 10**11}, "max_tokens", "from 1 to 10000000"),
        ({"max_completion_tokens": 0}, "max_completion_tokens", "from 1 to 10000000"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role", "system, developer, user, assistant"),
        ({"messages": [{"content": "x"}]}, "messages[0].role", "role is one of"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content", "text or a list of parts"),
        ({"messages": [*ASK, {"role": "user", "content": ["x"]}]}, "messages[2].content[0]", "an object with a type"),
        ({"stop": 5}, "stop", "text, or a list of texts"),
        ({"stop": ["a", None]}, "stop", "text, or a list of texts"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage", "true or false"),
        ({"messages": [{"role": "user", "content": [{"type": "x", "x": NESTED}]}]}, "messages", "nested too deeply"),
        ({"messages": [{"role": "user", "content": "x", "own": NESTED}]}, "messages", "nested too deeply"),
        ({"extra_body": {"own": NESTED}}, "own", "nested too deeply"),
        ({"extra_body": {"metadata": NESTED}}, "metadata", "nested too deeply"),
    ],
)
def test_what_is_wrong_is_named_with_what_would_do(
    served: Served, asked: dict[str, Any], param: str, words: str
) -> None:
    before = len(served.upstream.requests)
    request: Any = {"model": "fast", "messages": ASK, **asked}
    with served.client(max_retries=0) as client, pytest.raises(openai.BadRequestError, match=words) as caught:
        client.chat.completions.create(**request)
    assert (caught.value.param, caught.value.code) == (param, "invalid_request")
    assert len(served.upstream.requests) == before


def test_a_wrong_key_is_not_called_a_missing_one(served: Served) -> None:
    def refused(**headers: str) -> str:
        request = urllib.request.Request(f"{served.live.url}/v1/models", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        assert caught.value.code == 401
        return str(json.load(caught.value)["error"]["message"])

    assert refused().startswith("Send an API key")
    assert refused(Authorization="Basic eDp5").startswith("Send an API key")
    assert refused(Authorization="Bearer aura_nobody").startswith("This API key does not count")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/embeddings"])
def test_what_is_not_there_is_told_with_what_is(served: Served, path: str) -> None:
    request = urllib.request.Request(served.live.url + path, headers={"Authorization": f"Bearer {served.live.key}"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    error = json.load(caught.value)["error"]
    assert (caught.value.code, error["code"]) == (404, "not_found")
    assert "POST /v1/chat/completions, GET /v1/models" in error["message"]


@pytest.mark.parametrize("key", ["slow", "tokens"])
def test_a_key_has_its_limits_a_minute(served: Served, key: str) -> None:
    with served.client(key, max_retries=0) as client:
        client.chat.completions.create(model="fast", messages=ASK, max_tokens=990)
        with pytest.raises(openai.RateLimitError) as caught:
            for _ in range(3):
                client.chat.completions.create(model="fast", messages=ASK, max_tokens=990)
    assert caught.value.code == "rate_limit_exceeded"
    assert 0 < int(caught.value.response.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(("model", "code"), [("openai:cut", "provider_cut"), ("openai:stall", "provider_timeout")])
def test_an_answer_that_breaks_off_is_an_error_for_the_client_too(served: Served, model: str, code: str) -> None:
    with served.client(max_retries=0) as client:
        stream = client.chat.completions.create(model=model, messages=ASK, stream=True)
        got = []
        with pytest.raises(openai.APIError) as caught:
            for chunk in stream:
                got.append(chunk)
        assert caught.value.code == code
        assert got[0].choices[0].delta.content == "One"
        assert all(chunk.choices[0].finish_reason is None for chunk in got)
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(model=model, messages=ASK)


@pytest.mark.parametrize("model", ["openai:endless", "openai:silent", "openai:slow-headers"])
@pytest.mark.parametrize("stream", [True, False])
def test_when_the_client_leaves_the_call_upstream_ends(served: Served, model: str, stream: bool) -> None:
    began, left = served.upstream.began, served.upstream.left
    connection = http.client.HTTPConnection("127.0.0.1", served.live.port, timeout=30)
    body = json.dumps({"model": model, "messages": ASK, "stream": stream})
    connection.request("POST", "/v1/chat/completions", body, {"Authorization": f"Bearer {served.live.key}"})
    wait_for(lambda: served.upstream.began > began)
    connection.close()
    wait_for(lambda: served.upstream.left > left)


def wait_for(happened: Any) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_event_stream_opens_while_the_model_is_still_silent(served: Served) -> None:
    left = served.upstream.left
    with closing(Events(served.live, ask("Hello", model="openai:silent"))) as events:
        assert next(iter(events))[0] == "open"
        # It would be given up before it were an answer.
        assert served.upstream.left == left


async def test_many_at_once_for_one_key(served: Served) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.live.url}/v1", api_key=served.live.key) as client:
        asks = [client.chat.completions.create(model="fast", messages=ASK, stream=False) for _ in range(40)]
        answers = await asyncio.gather(*asks)
    assert {answer.choices[0].message.content for answer in answers} == {"One two ثلاثة four"}


@pytest.mark.parametrize(("path", "status"), [("/v1/models", 200), ("/v1/models/fine", 200), ("/v1/models/huge", 404)])
def test_head_is_get_without_a_body(served: Served, path: str, status: int) -> None:
    def asked(method: str) -> tuple[int, str | None, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", served.live.port, timeout=30)
        connection.request(method, path, headers={"Authorization": f"Bearer {served.live.key}"})
        with closing(connection), connection.getresponse() as answer:
            return answer.status, answer.headers["Content-Length"], answer.read()

    get, head = asked("GET"), asked("HEAD")
    assert get[:2] == head[:2]
    assert (head[0], head[2]) == (status, b"")


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["localhost"], 200),
        (["127.0.0.1:8000"], 200),
        ([], 200),
        (["evil.example"], 400),
        (["localhost", "evil.example"], 400),
        (["local host"], 400),
    ],
)
async def test_only_hosts_of_the_settings_are_answered(
    hosts: list[str], status: int, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    sent: list[dict[str, Any]] = []

    async def user_of(_scope: Any, **_more: Any) -> Any:
        return SimpleNamespace(credential=SimpleNamespace(may=lambda _scope: True, may_ask=lambda _model: True))

    async def receive() -> dict[str, Any]:
        if not sent:
            return {"type": "http.request", "body": b""}
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def respond(*given: Any) -> None:
        await transport._send(given[-1], 200, b"{}")

    monkeypatch.setattr(transport.identity, "user_of", user_of)
    monkeypatch.setattr(transport, "_respond", respond)
    headers = [(b"host", host.encode()) for host in hosts]
    await transport.application({"method": "GET", "path": "/v1/models", "headers": headers}, receive, send)
    assert sent[0]["status"] == status
    if status == 400:
        assert json.loads(sent[1]["body"])["error"]["code"] == "invalid_request"


def test_curl_needs_nothing_but_the_key(served: Served, tmp_path: Path) -> None:
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "model": "nano", "stream": True})
    command = [
        "curl",
        "-sN",
        f"{served.live.url}/v1/chat/completions",
        "-H",
        f"Authorization: Bearer {served.live.key}",
    ]
    done = subprocess.run([*command, "-d", body], capture_output=True, text=True, check=True, timeout=30)
    lines = [line for line in done.stdout.splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    texts = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
    assert len("".join(texts).split()) == 20


async def test_of_strangers_nothing_is_kept_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    real = transport._respond

    async def respond(scope: Any, user: Any, body: bytes, send: Any) -> None:
        kept.append(len(body))
        await real(scope, user, body, send)

    monkeypatch.setattr(transport, "_respond", respond)
    parts = [{"type": "http.request", "body": b"x" * 1_000_000, "more_body": number < 6} for number in range(7)]
    sent: list[dict[str, Any]] = []
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not parts:
            await gone.wait()
        return parts.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [],
        "client": ("127.0.0.1", 1),
    }
    await transport.application(scope, receive, send)
    assert (sent[0]["status"], kept, parts) == (401, [0], [])


async def test_a_fault_of_its_own_is_told_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_scope: Any, **_more: Any) -> None:
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(transport.identity, "user_of", broken)
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    await transport.application({"type": "http", "method": "GET", "path": "/v1/models", "headers": []}, receive, send)
    assert sent[0]["status"] == 500
    error = json.loads(sent[1]["body"])["error"]
    assert error["code"] == "internal"
    assert "database" not in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/chat/completions", b"{not json", 400),
        ("POST", "/v1/chat/completions", b"[]", 400),
        ("POST", "/v1/chat/completions", b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400),
        ("POST", "/v1/chat/completions", b'{"messages": [{"role": "user", "content": "x"}], "stream": "true"}', 400),
        ("POST", "/v1/chat/completions", b" " * (8 * 1024 * 1024 + 1), 413),
        ("GET", "/v1/chat/completions", b"", 405),
        ("POST", "/v1/embeddings", b"{}", 404),
        ("DELETE", "/v1/models/fine", b"", 405),
    ],
)
def test_nonsense_is_refused_in_json(served: Served, method: str, path: str, body: bytes, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.live.port, timeout=30)
    connection.request(method, path, body, {"Authorization": f"Bearer {served.live.key}"})
    response = connection.getresponse()
    assert (response.status, "message" in json.loads(response.read())["error"]) == (status, True)
    connection.close()


@pytest.mark.parametrize(("key", "models", "chat"), [("list", 200, 403), ("ask", 403, 200), ("", 200, 200)])
def test_each_scope_is_good_for_its_own(served: Served, key: str, models: int, chat: int) -> None:
    secret = served.keys.get(key, served.live.key)
    asked = {"model": "nano", "messages": [{"role": "user", "content": "Speak"}]}
    for path, body, status in (
        ("models", None, models),
        ("models/nano", None, models),
        ("chat/completions", asked, chat),
    ):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{served.live.url}/v1/{path}", data, {"Authorization": f"Bearer {secret}"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found = answer.status
        except urllib.error.HTTPError as error:
            with error:
                found = error.code
        assert (path, found) == (path, status)


@pytest.mark.parametrize("key", ["list", "ask", "fast", "slow", "tokens", "poor"])
def test_a_key_that_is_narrowed_opens_nothing_else(served: Served, key: str) -> None:
    secret = served.keys[key]
    for path in (*private(), "api/v1/stream/chat?q=Speak&model=nano"):
        status, _, body = served.live.get(f"/{path}", secret)
        assert status in REFUSED, path
        assert "conversations" not in body if isinstance(body, str) else "conversations" not in dict(body)
    assert served.live.get("/api/v1/conversations", secret)[0] == 403
    for pattern in http_urlpatterns:
        path = str(pattern.pattern).replace("<str:job>", "nothing")
        assert served.live.get(f"/{path}", secret)[0] in (401, 405), path
    for path in ("chat", "events"):
        address = f"ws://127.0.0.1:{served.live.port}/ws/{path}/"
        with websocket(address, additional_headers={"Authorization": f"Bearer {secret}"}) as line:
            with pytest.raises(ConnectionClosed):
                line.recv(30)
            assert line.close_code == 4201


async def test_a_key_that_is_narrowed_is_nobodys_over_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"headers": [(b"authorization", b"Bearer aura_some")]}
    for credential, there in (
        (Credential(1), True), (Credential(1, budget=True), False), (Credential(1, requests=0), False),
        (Credential(1, tokens=5), False), (Credential(1, frozenset({"chat"})), False),
        (Credential(1, models=frozenset({"nano"})), False),
    ):  # fmt: skip
        user = SimpleNamespace(credential=credential)

        async def verified(_secret: str, user: Any = user) -> Any:
            return user

        monkeypatch.setattr(transport.identity.routing, "verify_key", verified)
        assert (await transport.identity.user_of(headers) is user) is there
        assert await transport.identity.user_of(headers, narrowed=True) is user


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"n": True}, "n"),
        ({"stream": 0}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"stream_options": {"include_usage": 0}}, "stream_options.include_usage"),
        ({"tools": ""}, "tools"),
    ],
)
def test_what_is_of_another_kind_is_no_less_wrong_for_being_empty(given: dict[str, Any], param: str) -> None:
    with pytest.raises(form.BadRequest) as refused:
        form.parse(json.dumps({"messages": ASK, **given}).encode())
    assert refused.value.param == param
    form.parse(json.dumps({"messages": ASK, **dict.fromkeys(given)}).encode())


def test_a_path_names_the_method_that_it_takes(served: Served) -> None:
    for path, method in (("/v1/chat/completions", "POST"), ("/v1/models/fine", "GET, HEAD")):
        connection = http.client.HTTPConnection("127.0.0.1", served.live.port, timeout=30)
        connection.request("PATCH", path, headers={"Authorization": f"Bearer {served.live.key}"})
        assert connection.getresponse().headers["Allow"] == method
        connection.close()
