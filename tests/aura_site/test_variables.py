"""Settings that can be none are told by name, with what would do, and never with a traceback."""

import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from aura_site.variables import Variables, check_models
from tests.live import ROOT


def reading(value: str) -> Variables:
    variables = Variables()
    variables.ENVIRON = {"GIVEN": value}
    return variables


def manage(name: str, value: str, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", command],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "aura_site.settings", name: value},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("kind", "value", "default", "found"),
    [
        ("bool", "Yes", False, True),
        ("bool", " off ", True, False),
        ("int", " 12 ", 0, 12),
        ("float", "1e2", 0.0, 100.0),
        ("dollars", "0.50", Decimal(1), Decimal("0.5")),
        ("json", "[1]", [], [1]),
        ("dict", "a=http://b:1/v1,c=d", {}, {"a": "http://b:1/v1", "c": "d"}),
    ],
)
def test_what_is_given_counts_and_else_the_default(kind: str, value: str, default: Any, found: Any) -> None:
    assert getattr(reading(value), kind)("GIVEN", default) == found
    assert getattr(reading(value), kind)("OTHER", default) == default


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("bool", "ture", "GIVEN is 'ture': give true or false."),
        ("int", "lots", "GIVEN is 'lots': give a whole number, 0 or more."),
        ("int", "-1", "GIVEN is '-1': give a whole number, 0 or more."),
        ("float", "30s", "GIVEN is '30s': give a number, 0 or more."),
        ("float", "nan", "GIVEN is 'nan': give a number, 0 or more."),
        ("float", "inf", "GIVEN is 'inf': give a number, 0 or more."),
        ("dollars", "NaN", "GIVEN is 'NaN': give an amount in US dollars, 0 or more."),
        ("dollars", "$5", "GIVEN is '$5': give an amount in US dollars, 0 or more."),
        ("json", "{", "GIVEN is not JSON: "),
        ("dict", "vllm", "GIVEN is NAME=VALUE, with commas between several."),
        ("db_url", "mysql://ada:secret@h/x", "GIVEN is postgres://USER:PASSWORD@HOST:PORT/NAME, or sqlite:////FILE."),
        ("db_url", "postgres://ada:secret@h:port/x", "GIVEN is postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("db_url", "postgres://ada:secret@h", "GIVEN is postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("db_url", "sqlite://secret", "GIVEN is postgres://USER:PASSWORD@HOST:PORT/NAME"),
        ("db_url", "nonsense", "GIVEN is postgres://USER:PASSWORD@HOST:PORT/NAME"),
    ],
)
def test_what_can_be_none_is_told_with_what_would_do(kind: str, value: str, words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as caught:
        getattr(reading(value), kind)("GIVEN", None)
    assert str(caught.value).startswith(words)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LLM_DAILY_BUDGET", "lots", "LLM_DAILY_BUDGET is 'lots': give an amount in US dollars, 0 or more."),
        ("AURA_TIME_ZONE", "Mars", "AURA_TIME_ZONE is 'Mars': write it as in Europe/Berlin."),
        ("REDIS_URL", "cache:6379", "REDIS_URL is redis://HOST:PORT, rediss://HOST:PORT with TLS, or unix:///SOCKET."),
        (
            "REDIS_URL",
            "redis://h:abc/0",
            "REDIS_URL is redis://HOST:PORT, rediss://HOST:PORT with TLS, or unix:///SOCKET.",
        ),
        (
            "AURA_LOG_LEVEL",
            "LOUD",
            "AURA_LOG_LEVEL is 'LOUD': give one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
        ),
        ("AURA_GRPC_PORT", "99999", "AURA_GRPC_PORT is 99999: give a number from 1 to 65535."),
        ("AURA_GRPC_PORT", "8000", "AURA_GRPC_PORT is 8000, as is AURA_PORT: give another port."),
        (
            "AURA_TRUSTED_ORIGINS",
            "chat.example.org",
            "AURA_TRUSTED_ORIGINS has 'chat.example.org': write it with https:// in front, as in https://chat.example.org.",
        ),
        (
            "STREAMING_HEARTBEAT_INTERVAL",
            "0",
            "STREAMING_HEARTBEAT_INTERVAL is 0: give seconds, more than 0; 30 is usual.",
        ),
        ("FAST_MODEL", "a@b/c", "FAST_MODEL has 'a@b/c': write @IN/OUT in US dollars a million tokens."),
        (
            "FAST_MODEL",
            "nonsense:x",
            "FAST_MODEL has 'nonsense:x', but no endpoint is called nonsense: set OPENAI_BASE_URL, OPENAI_API_KEY,"
            " OPENROUTER_API_KEY or AURA_ENDPOINTS.",
        ),
    ],
)
def test_a_command_ends_with_that_sentence(name: str, value: str, words: str) -> None:
    done = manage(name, value, "check")
    assert done.returncode == 1
    assert done.stderr.strip() == words


@pytest.mark.parametrize("name", ["AURA_RECORD_KEY", "AURA_SIGNING_KEY"])
def test_a_key_that_is_too_short_is_told_before_anything_starts(name: str) -> None:
    long = "a-key-of-a-test-that-is-long-enough"
    for value, status in (("short", 1), (f"{long} short", 1), (f"{long} {long}", 0)):
        done = manage(name, value, "check")
        assert done.returncode == status, done.stderr
        assert done.stderr.startswith(f"{name} (or " if status else "")


@pytest.mark.parametrize(
    ("given", "endpoints", "passes"),
    [
        ("", [], True),
        ("embedded, mock:echo@0/0", ["embedded", "mock"], True),
        ("llama3:8b", ["openai"], True),
        ("vllm:llama3:8b@1", ["vllm"], True),
        ("gpt", ["vllm"], False),
        ("gpt@-1/2", ["openai"], False),
        ("gpt@1/NaN", ["openai"], False),
    ],
)
def test_a_tier_has_models_that_somebody_can_be_asked_for(given: str, endpoints: list[str], passes: bool) -> None:
    try:
        check_models("FAST_MODEL", given, set(endpoints))
    except ImproperlyConfigured as error:
        assert not passes
        assert str(error).startswith("FAST_MODEL has ")
    else:
        assert passes


def test_a_level_may_be_written_small() -> None:
    assert manage("AURA_LOG_LEVEL", "info", "check").returncode == 0


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all", "postgres://ada:secret@127.0.0.1:9/x"])
def test_a_database_that_cannot_be_opened_is_one_sentence(url: str) -> None:
    done = manage("DATABASE_URL", url, "bootstrap")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("CommandError: The database cannot be opened (")
    assert done.stderr.endswith("): mend that, or set DATABASE_URL.\n")
    assert "secret" not in done.stderr


@pytest.mark.parametrize("command", ["verify_audit", "discover", "apply_retention"])
def test_every_command_says_in_one_sentence_that_the_database_is_away(command: str) -> None:
    done = manage("DATABASE_URL", "postgres://ada:secret@127.0.0.1:9/x", command)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert done.stderr.startswith("The database does not do it (")
    assert "secret" not in done.stderr
