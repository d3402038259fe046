"""Settings that can be none are told by name, with what would do, and never with a traceback."""

import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from aura_site.variables import Variables
from tests.live import ROOT


def reading(value: str) -> Variables:
    variables = Variables()
    variables.ENVIRON = {"GIVEN": value}
    return variables


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
    ],
)
def test_a_command_ends_with_that_sentence(name: str, value: str, words: str) -> None:
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, name: value}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.strip() == words
