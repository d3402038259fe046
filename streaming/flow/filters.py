"""Filters: which events of a topic a subscriber wants."""

from collections.abc import Mapping
from typing import Any

import orjson

FIELDS_LIMIT = 8
VALUES_LIMIT = 32
DEPTH_LIMIT = 4

_Scalar = str | int | float | bool | None


class Filter:
    """A conjunction over the fields of an event: `{"kind": ["alarm", "note"], "data.room": 7, "from": {"prefix": "bot-"}}`.

    A field is a path with dots into the event. Its value must equal the given one, or one of a list, or begin with the
    given prefix. Raises ValueError with words for the person who wrote it.
    """

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        if len(wanted) > FIELDS_LIMIT:
            raise ValueError(f"a filter has at most {FIELDS_LIMIT} fields")
        self._tests: list[tuple[tuple[str, ...], frozenset[tuple[str, _Scalar]], str | None]] = []
        for name, value in wanted.items():
            path = tuple(name.split("."))
            if not all(path) or len(path) > DEPTH_LIMIT:
                raise ValueError(f'"{name}" is not a path of 1 to {DEPTH_LIMIT} names')
            if isinstance(value, Mapping):
                prefix = value.get("prefix")
                if not isinstance(prefix, str) or len(value) != 1:
                    raise ValueError(f'"{name}": a rule is {{"prefix": "..."}}')
                self._tests.append((path, frozenset(), prefix))
            else:
                self._tests.append((path, _values(name, value), None))

    @classmethod
    def parse(cls, text: str) -> "Filter":
        """Return the filter of a JSON object; an empty text lets everything through. Raises ValueError."""
        if not text:
            return cls({})
        try:
            wanted = orjson.loads(text)
        except ValueError as error:
            raise ValueError(f"a filter is a JSON object: {error}") from None
        if not isinstance(wanted, dict):
            raise ValueError("a filter is a JSON object")
        return cls(wanted)

    def __bool__(self) -> bool:
        """Return whether anything is left out."""
        return bool(self._tests)

    def passes(self, event: Mapping[str, Any]) -> bool:
        """Return whether the subscriber wants the event."""
        for path, values, prefix in self._tests:
            found: Any = event
            for name in path:
                found = found.get(name) if isinstance(found, Mapping) else None
            if prefix is not None:
                if not isinstance(found, str) or not found.startswith(prefix):
                    return False
            elif isinstance(found, Mapping | list) or (type(found).__name__, found) not in values:
                return False
        return True


def _values(name: str, value: Any) -> frozenset[tuple[str, _Scalar]]:
    """Return the values with their types: 1, 1.0 and true are three different ones in JSON, and one in Python."""
    values = value if isinstance(value, list) else [value]
    if len(values) > VALUES_LIMIT:
        raise ValueError(f'"{name}" has more than {VALUES_LIMIT} values')
    if any(isinstance(item, dict | list) for item in values):
        raise ValueError(f'"{name}": a value is a text, a number, true, false or null')
    return frozenset((type(item).__name__, item) for item in values)
