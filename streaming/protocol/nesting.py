"""How deep JSON is nested: what can be read is not always what can be written again, or gone through by recursion."""

from typing import Any, Final

#: Objects and lists within each other, at most. orjson reads 1,024 of them and writes 254.
LEVELS: Final = 100
TOO_DEEP: Final = f"nested too deeply: at most {LEVELS} objects and lists within each other"


def is_too_deep(value: Any) -> bool:
    """Return whether more than LEVELS objects and lists stand within each other."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(LEVELS):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
