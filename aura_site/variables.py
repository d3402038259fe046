"""Settings as the environment has them. What can be none is told by its name, with what would do."""

from decimal import Decimal
from math import inf
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

from aura_site.dotenv import truth

Number = TypeVar("Number", int, float, Decimal)

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
            found = super().db_url(var, default)
        except ValueError:
            found = {}
        if found.get("ENGINE") not in _DATABASES:
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
