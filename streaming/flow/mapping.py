"""Mappings: what is made of an event before it goes on."""

import json
from collections.abc import Mapping as Object
from typing import Any

DEPTH_LIMIT = 8
NODES_LIMIT = 64

_MISSING = object()


class Mapping:
    """A template of JSON in which a text with `$` in front is a path into the event.

    `{"order": "$data.id", "by": "$from", "shop": "aura"}` makes an object of three fields; `"$data"` takes a part as it
    is, `"$"` the whole event; `"$$5"` is the text `$5`. A path that leads nowhere gives null. Raises ValueError with words
    for the person who wrote it.
    """

    def __init__(self, template: Any) -> None:
        self._template = template
        self._nodes = 0
        self._check(template, 1)

    @classmethod
    def parse(cls, text: str) -> "Mapping | None":
        """Return the mapping of a JSON text, None for an empty one: then the event goes on as it is. Raises ValueError."""
        if not text.strip():
            return None
        try:
            return cls(json.loads(text))
        except RecursionError:
            raise ValueError(f"a mapping is nested at most {DEPTH_LIMIT} deep") from None
        except json.JSONDecodeError as error:
            raise ValueError(f'a mapping is JSON, for example {{"order": "$data.id"}} or "$data": {error}') from None

    def _check(self, node: Any, depth: int) -> None:
        self._nodes += 1
        if depth > DEPTH_LIMIT:
            raise ValueError(f"a mapping is nested at most {DEPTH_LIMIT} deep")
        if self._nodes > NODES_LIMIT:
            raise ValueError(f"a mapping has at most {NODES_LIMIT} values")
        if isinstance(node, dict):
            for child in node.values():
                self._check(child, depth + 1)
        elif isinstance(node, list):
            for child in node:
                self._check(child, depth + 1)
        elif isinstance(node, str) and node.startswith("$") and not node.startswith("$$") and node != "$":
            names = node[1:].split(".")
            if not all(names) or len(names) > DEPTH_LIMIT:
                raise ValueError(f'"{node}" is not a path of 1 to {DEPTH_LIMIT} names')

    def apply(self, event: Object[str, Any]) -> Any:
        """Return what the template makes of the event."""
        return _fill(self._template, event)


def _fill(node: Any, event: Object[str, Any]) -> Any:
    if isinstance(node, dict):
        return {name: _fill(child, event) for name, child in node.items()}
    if isinstance(node, list):
        return [_fill(child, event) for child in node]
    if not isinstance(node, str) or not node.startswith("$"):
        return node
    if node.startswith("$$"):
        return node[1:]
    found: Any = event
    for name in node[1:].split(".") if node != "$" else ():
        found = found.get(name, _MISSING) if isinstance(found, Object) else _MISSING
        if found is _MISSING:
            return None
    return found
