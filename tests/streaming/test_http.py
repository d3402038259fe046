"""The event stream, the statistics, health and accounts over real HTTP."""

import http.client
import json
import re
import time
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.live import LiveServer

SERVERS = ["uvicorn", "daphne"]
# No budget has room for any of the models.
POOR = {
    "LLM_DAILY_BUDGET": "0.000001",
    **{f"{tier}_MODEL": "mock:echo@1/2" for tier in ("NANO", "FAST", "SMART", "GENIUS")},
}


class Events:
    """Reads an event stream line by line, as a browser would."""

    def __init__(self, live: LiveServer, path: str, **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {live.key}", **headers})
        self.response = self.connection.getresponse()

    def __iter__(self) -> Iterator[tuple[str, dict, str]]:
        event: dict[str, str] = {}
        try:
            for raw in self.response:
                line = raw.decode().rstrip("\n")
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif event:
                    yield event.get("event", ""), json.loads(event["data"]), event.get("id", "")
                    event = {}
        finally:
            self.close()

    def close(self) -> None:
        self.response.close()
        self.connection.close()


def ask(question: str, **more: str) -> str:
    return "/api/v1/stream/chat?" + urllib.parse.urlencode({"q": question, **more})


def test_an_answer_streams_as_events(live: LiveServer) -> None:
    events = Events(live, ask("Speak", model="nano"))
    assert events.response.status == 200
    assert events.response.headers["Content-Type"].startswith("text/event-stream")
    assert events.response.headers["Cache-Control"] == "no-store"
    got = list(events)
    names = [name for name, _, _ in got]
    assert names[0] == "open"
    assert names[-1] == "done"
    text = "".join(data["text"] for name, data, _ in got if name == "token")
    assert len(text.split()) == 60
    codings = [data for name, data, _ in got if name == "compression"]
    assert sum(item["text_bytes"] for item in codings) == len(text.encode())
    assert sum(item["count"] for item in codings) == names.count("token")
    done = got[-1][1]
    assert done["usage"]["completion_tokens"] == 60
    assert done["compression"]["text_bytes"] == len(text.encode())
    assert done["compression"]["coded_bytes"] == sum(item["coded_bytes"] for item in codings)
    # That is on the record, of the whole line.
    assert "wire_bytes" not in done["compression"]


def test_last_event_id_goes_on_exactly_where_the_line_broke(live: LiveServer) -> None:
    events = Events(live, ask("Speak", model="nano"))
    text, last = "", ""
    for name, data, identifier in events:
        last = identifier or last
        text += data.get("text", "") if name == "token" else ""
        if len(text.split()) > 15:
            break
    events.close()
    rest = list(Events(live, "/api/v1/stream/chat", Last_Event_ID=last))
    text += "".join(data["text"] for name, data, _ in rest if name == "token")
    assert rest[-1][0] == "done"
    assert len(text.split()) == 60
    # All is read: 204 tells an EventSource not to come back.
    time.sleep(0.2)
    assert live.get("/api/v1/stream/chat", Last_Event_ID=rest[-1][2])[0] == 204


@pytest.mark.environment(STREAMING_HEARTBEAT_INTERVAL="0.2", NANO_MODEL="mock:mock-2-1000")
def test_a_quiet_stream_has_heartbeats(own_server: LiveServer) -> None:
    names = [name for name, *_ in Events(own_server, ask("Speak", model="nano"))]
    assert names.count("heartbeat") >= 2
    assert names[-1] == "done"


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/api/v1/stream/chat", {}, 422, "empty_prompt"),
        (ask(" "), {}, 422, "empty_prompt"),
        (ask("hi", conversation="nonsense"), {}, 404, "unknown_stream"),
        ("/api/v1/stream/chat", {"Last_Event_ID": "nonsense"}, 422, "malformed"),
        ("/api/v1/stream/chat", {"Last_Event_ID": "0" * 32 + ":1:5"}, 404, "unknown_stream"),
        (ask("hi"), {"Sec_Fetch_Site": "cross-site"}, 403, "not_allowed"),
    ],
)
def test_bad_requests_are_explained(
    live: LiveServer, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    answered, _, body = live.get(path, **headers)
    assert (answered, body["error"]["code"]) == (status, code)
    assert body["error"]["message"]


def test_an_epoch_that_never_was_cannot_be_resumed(live: LiveServer) -> None:
    got = list(Events(live, ask("Hello", model="fast")))
    stream = got[0][1]["stream"]
    for place in (f"{stream}:2:0", f"{stream}:1:99"):
        status, _, body = live.get("/api/v1/stream/chat", Last_Event_ID=place)
        assert (status, body["error"]["code"]) == (410, "resume_impossible")


def test_a_model_that_does_not_exist_is_told_by_the_status(live: LiveServer) -> None:
    status, _, body = live.get(ask("Hello", model="huge"))
    assert (status, body["error"]["code"]) == (404, "no_model")
    assert "GET /v1/models" in body["error"]["message"]


@pytest.mark.environment(**POOR)
def test_a_budget_that_is_used_up_is_told_by_the_status_and_again_under_the_same_key(own_server: LiveServer) -> None:
    waits = []
    for _ in range(2):
        status, headers, body = own_server.get(ask("Hello"), Idempotency_Key="one")
        assert (status, body["error"]["code"]) == (429, "budget_exhausted")
        assert "left today" in body["error"]["message"]
        waits.append(int(headers["Retry-After"]))
        time.sleep(2)
    # What is left of it.
    assert 0 < waits[1] < waits[0] <= 86_400
    own_server.stop()
    own_server.start()
    status, headers, _ = own_server.get(ask("Hello"), Idempotency_Key="one")
    assert status == 429
    assert 0 < int(headers["Retry-After"]) < waits[1]


@pytest.mark.parametrize("path", ["/api/v1/stream/chat?q=hi", "/api/streaming/stats", "/api/v1/conversations"])
def test_nobody_gets_in_without_a_key(live: LiveServer, path: str) -> None:
    assert live.get(path, key="")[0] == 401
    assert live.get(path, key="aura_wrong")[0] == 401


def test_statistics_and_sessions(live: LiveServer) -> None:
    status, _, stats = live.get("/api/streaming/stats")
    assert status == 200
    assert set(stats) >= {"connections", "streams", "compression", "uptime_s"}
    assert live.get("/api/streaming/sessions")[2] == {"sessions": []}


def test_more_streams_than_a_user_may_have_are_refused(own_server: LiveServer) -> None:
    streams = [Events(own_server, ask("Speak", model="smart")) for _ in range(8)]
    status, headers, body = own_server.get(ask("One more", model="fast"))
    assert (status, body["error"]["code"]) == (429, "too_many_streams")
    assert headers["Retry-After"] == "5"
    for stream in streams:
        stream.close()


def test_the_record_of_a_question_asked_over_http(live: LiveServer) -> None:
    got = list(Events(live, ask("Is it recorded?", model="fast")))
    conversation = got[0][1]["conversation"]
    deadline = time.monotonic() + 10
    while True:
        _, _, body = live.get(f"/api/v1/conversations/{conversation}")
        question, answer = body["turns"]
        if answer["methods"] or time.monotonic() > deadline:
            break
    assert (question["text"], answer["text"], answer["state"]) == ("Is it recorded?", "Is it recorded?", "done")
    assert answer["wire_bytes"] > answer["text_bytes"] == len("Is it recorded?")
    assert body["title"] == "Is it recorded?"


def test_pages_need_a_sign_in_and_send_a_strict_policy(live: LiveServer) -> None:
    status, headers, page = live.get("/", key="")
    assert status == 200
    assert 'name="password"' in page
    policy = headers["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "'unsafe-eval'" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", page)
    assert live.get("/static/aura/css/base.css", key="")[0] == 200
    assert live.get("/static/../aura_site/settings.py", key="")[0] == 404


def test_health_says_what_is_missing(live: LiveServer) -> None:
    assert live.get("/health/live", key="")[2] == {"live": True}
    status, _, body = live.get("/health/ready", key="")
    # No worker runs beside this server.
    assert status == 503
    well = {"database": True, "disk": True, "channel_layer": True, "worker": False, "model": True}
    assert body["checks"] == {name: {"ok": ok} for name, ok in well.items()}
    eve, token = live.users["eve"], (live.folder / "keys" / "operator_token")
    for stranger in ({"key": eve["key"]}, {"key": "", "Cookie": f"sessionid={eve['session']}"}):
        assert live.get("/health", **stranger)[2]["checks"]["worker"] == {"ok": False}
    assert live.get("/health", key="", AURA_Operator="wrong")[2]["checks"]["worker"] == {"ok": False}
    ada = {"key": "", "Cookie": f"sessionid={live.users['ada']['session']}"}
    for operator in ({}, ada, {"key": "", "AURA_Operator": token.read_text()}):
        checks = live.get("/health", **operator)[2]["checks"]
        assert checks["worker"] == {"ok": False, "message": "no worker has shown up yet"}


@pytest.mark.environment(AURA_FREE_DISK=str(10**18))
def test_health_says_that_the_disk_is_nearly_full(own_server: LiveServer) -> None:
    status, _, body = own_server.get("/health/ready")
    assert (status, body["checks"]["disk"]["ok"]) == (503, False)
    assert body["checks"]["disk"]["message"].endswith("that there should be: make room")
    assert str(own_server.folder) in body["checks"]["disk"]["message"]
    assert own_server.get("/health/live")[0] == 200
    # It answers as long as it can.
    assert own_server.get(ask("Hello", model="fast"))[0] == 200


def test_health_without_a_database_says_so_and_tells_strangers_nothing_of_it(own_server: LiveServer) -> None:
    own_server.stop()
    own_server.environment["DATABASE_URL"] = "postgres://aura:secret@127.0.0.1:1/aura"
    own_server.start()
    status, _, body = own_server.get("/health", key="", Cookie="sessionid=" + own_server.users["ada"]["session"])
    assert (status, body["checks"]["database"]) == (503, {"ok": False})
    assert own_server.get("/health")[0] == 503
    operator = {"AURA_Operator": (own_server.folder / "keys" / "operator_token").read_text()}
    _, _, body = own_server.get("/health", key="", **operator)
    assert "127.0.0.1" in body["checks"]["database"]["message"]
