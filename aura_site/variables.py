"""Settings as the environment has them. What can be none is told by its name, with what would do."""

import warnings
from collections.abc import Set
from decimal import Decimal
from math import inf
from typing import Any, TypeVar
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from aura_site.dotenv import truth

Number = TypeVar("Number", int, float, Decimal)

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_DATABASES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")


class Variables(environ.Env):
    """django-environ, which takes `ture` for false and 1e3 for 13, and does not say which number is none."""

    def bool(self, var: str, default: Any = False) -> Any:
        given = self.ENVIRON.get(var)
        if given is None:
            return default
        found = truth(given)
        if found is None:
            raise ImproperlyConfigured(f"{var} is {given!r}: give true or false.")
        return found

    def int(self, var: str, default: Any = 0) -> Any:
        return self._number(var, int, default, "a whole number")

    def float(self, var: str, default: Any = 0.0) -> Any:
        return self._number(var, float, default, "a number")

    def dollars(self, var: str, default: Decimal) -> Decimal:
        """Return an amount of money."""
        return self._number(var, Decimal, default, "an amount in US dollars")

    def json(self, var: str, default: Any = None) -> Any:
        try:
            return super().json(var, default=default)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var} is not JSON: {error}.") from None

    def dict(self, var: str, default: Any = None) -> Any:
        try:
            return super().dict(var, default=default)
        except ValueError:
            raise ImproperlyConfigured(f"{var} is NAME=VALUE, with commas between several.") from None

    def db_url(self, var: str, default: Any = "") -> Any:
        # The value has a password in it, so it is not repeated.
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", UserWarning)
                found = super().db_url(var, default)
        except (ValueError, UserWarning):
            found = {}
        if found.get("ENGINE") not in _DATABASES or not (found["NAME"] or "service" in found.get("OPTIONS", {})):
            raise ImproperlyConfigured(f"{var} is postgres://USER:PASSWORD@HOST:PORT/NAME, or sqlite:////FILE.")
        return found

    def _number(self, var: str, kind: type[Number], default: Number, words: str) -> Number:
        given = self.ENVIRON.get(var)
        if given is None:
            return default
        try:
            value = kind(given.strip())
            fine = 0 <= value < inf
        except (ValueError, ArithmeticError):
            fine = False
        if not fine:
            raise ImproperlyConfigured(f"{var} is {given!r}: give {words}, 0 or more.")
        return value


def is_redis(url: str) -> bool:
    """Return whether a Redis may be found by that URL."""
    try:
        urlsplit(url).port  # noqa: B018
    except ValueError:
        return False
    return url.startswith(("redis://", "rediss://", "unix://"))


def check_models(var: str, given: str, endpoints: Set[str]) -> None:
    """Raise ImproperlyConfigured for a model of the tier `var` that none of the configured `endpoints` can have, and for a
    price that is none."""
    for text in filter(None, map(str.strip, given.split(","))):
        model, at, prices = text.partition("@")
        first, _, second = prices.partition("/")
        if at and not all(map(_is_price, (first, second or first))):
            raise ImproperlyConfigured(f"{var} has {text!r}: write @IN/OUT in US dollars a million tokens.")
        prefix, colon, _name = model.strip().partition(":")
        # A prefix that no endpoint has is part of the model's name where there is one to ask without a prefix.
        if model.strip() and prefix not in endpoints and endpoints.isdisjoint(("openrouter", "openai")):
            whom = f"no endpoint is called {prefix}" if colon else "no endpoint is configured that could have it"
            raise ImproperlyConfigured(
                f"{var} has {text!r}, but {whom}: set OPENAI_BASE_URL, OPENAI_API_KEY, OPENROUTER_API_KEY or AURA_ENDPOINTS."
            )


def _is_price(text: str) -> bool:
    try:
        return Decimal(0) <= Decimal(text) < inf
    except ArithmeticError:
        return False
