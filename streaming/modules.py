"""What a page's script imports, so that a page can ask for all of it at once instead of one import behind the other."""

import re
from functools import cache
from pathlib import Path, PurePosixPath

from django.contrib.staticfiles import finders

# An import that is always made; `import(...)` waits until it is wanted.
_IMPORT = re.compile(r'^(?:import|export)\b[^;"]*"(\.{1,2}/[^"]+)"', re.MULTILINE)


@cache
def imported(entry: str) -> tuple[str, ...]:
    """Return the static files that the module `entry` imports, itself first, each once. Read once in a process."""
    found = [entry]
    for name in found:
        path = finders.find(name)
        if path is None:
            raise FileNotFoundError(name)
        for target in _IMPORT.findall(Path(path).read_text(encoding="utf-8")):
            module = _joined(PurePosixPath(name).parent, target)
            if module not in found:
                found.append(module)
    return tuple(found)


def _joined(folder: PurePosixPath, target: str) -> str:
    parts = list(folder.parts)
    for part in PurePosixPath(target).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
