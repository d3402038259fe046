"""Lines for a person at a terminal."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print a line at once."""
    _write(f"{text}\n")


def _write(text: str) -> None:
    """Print, at once. A reader who has gone (`| head`) keeps nothing from being done."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def complain(text: str) -> None:
    """Print a line about what went wrong."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show that something long goes on, and how long it took."""
    _write(f"{text} ...")
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        _write(" failed\n")
        raise
    _write(f" {time.monotonic() - begun:.1f} s\n")
