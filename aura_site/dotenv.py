"""The file `.env`: one reader for the launcher and for the settings. Standard library only."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", re.DOTALL)
_SINGLE = re.compile(r"'([^']*)'\s*(?:#.*)?")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_TRUE, _FALSE = ("true", "on", "ok", "y", "yes", "1"), ("false", "off", "n", "no", "0")


class DotenvError(ValueError):
    """A `.env` that cannot be read; the message is one sentence that names the line."""


def truth(value: str) -> bool | None:
    """Return whether a switch is on, None for a value that is neither true nor false."""
    said = value.strip().lower()
    return True if said in _TRUE else False if said in _FALSE else None


def read(path: Path) -> dict[str, str]:
    """Return the variables of a file, none when there is no file. Raises DotenvError.

    The rule (docs/reference/settings.md): `NAME=value` or `export NAME=value`, one a line. A bare value ends before a `#`
    that follows a space; 'single quotes' keep everything as it is; "double quotes" know \\n, \\r, \\t, and a backslash
    before any other character stands for it.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DotenvError(f"{path} cannot be read ({error.strerror}).") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DotenvError(f"{path}, line {line}: this is not UTF-8; save the file in that encoding.") from None
    return parse(text, str(path))


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """Return the variables in the text of a file called `name`; a later line counts more. Raises DotenvError."""
    found: dict[str, str] = {}
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        value = _value(match[2]) if match else None
        if match is None or value is None:
            raise DotenvError(
                f"{name}, line {number}: write NAME=value, with quotes around it closed if there are any."
            )
        if "\0" in value:
            raise DotenvError(f"{name}, line {number}: a value cannot hold a zero byte.")
        found[match[1]] = value
    return found


def _value(written: str) -> str | None:
    """Return what a value means, None when its quotes make no sense."""
    if written.startswith("'"):
        single = _SINGLE.fullmatch(written)
        return single[1] if single else None
    if written.startswith('"'):
        double = _DOUBLE.fullmatch(written)
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), double[1]) if double else None
    return re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()


def merged(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file under those of the environment, which come first. Raises DotenvError."""
    return {**read(path), **environment}


def edited(text: str, changes: Mapping[str, str]) -> str:
    """Return the text of a file in which each name of `changes` has its new value, everything else as it was.

    The last line that sets a name counts, so that one is changed, and keeps its comment; a name that is not there comes at
    the end. Doing it twice changes nothing more. The text must be one that `parse` takes.
    """
    # As `parse` sees lines: no other character ends one.
    parts = re.split(r"(\r\n|\r|\n)", text)
    lines, ends = parts[::2], [*parts[1::2], ""]
    places: dict[str, int] = {}
    for place, line in enumerate(lines):
        match = _ASSIGNMENT.fullmatch(line.strip().removeprefix("\ufeff"))
        if match and not line.strip().startswith("#"):
            places[match[1]] = place
    end = next((found for found in ends if found), "\n")
    added = []
    for name, value in changes.items():
        if name not in places:
            added.append(f"{name}={quoted(value)}{end}")
            continue
        line = lines[places[name]]
        written = _ASSIGNMENT.search(line)
        assert written is not None
        head = line[: written.start(2)]
        head = head.rstrip() if written[2].startswith("#") or not value else head
        lines[places[name]] = f"{head}{quoted(value)}{_comment(written[2].strip())}"
    body = "".join(line + found for line, found in zip(lines, ends, strict=True))
    return body + (end if added and body and not body.endswith(("\n", "\r")) else "") + "".join(added)


def _comment(written: str) -> str:
    """Return the comment behind a value as it is written, with the space before it."""
    if written.startswith("'"):
        rest = written[written.index("'", 1) + 1 :]
    elif written.startswith('"'):
        match = re.match(r'"(?:[^"\\]|\\.)*"', written)
        rest = written[match.end() :] if match else ""
    else:
        found = re.search(r"(?:^|\s)#", written)
        rest = written[found.start() :] if found else ""
    return f"  {rest.strip()}" if rest.strip() else ""


def quoted(value: str) -> str:
    """Return a value as it has to be written to be read back the same."""
    if re.fullmatch(r"[A-Za-z0-9_./:,@+-]*", value):
        return value
    inside = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{inside}"'


def change(path: Path, changes: Mapping[str, str]) -> None:
    """Give names new values in a file, which is made, for its owner alone, when it is not there. Raises DotenvError.

    The file is replaced in one step: a reader sees the old one or the new one.
    """
    read(path)
    path = path.resolve()
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else ""
        draft = path.with_name(f"{path.name}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(edited(text, changes).encode())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    except OSError as error:
        raise DotenvError(f"{path} cannot be written ({error.strerror}).") from None
