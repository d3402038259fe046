"""Exports as PDF: the conversations as people read them."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from audit.records.event import Event

if TYPE_CHECKING:
    from audit.exports.bundle import Record

ROOT = Path(__file__).resolve().parents[2]
# Seconds that drawing may take.
PATIENCE = 300
_RIGHT_TO_LEFT = ("֐", "ࣿ")


def portable(records: "list[Record]", title: str) -> bytes:
    """Return a PDF with a transcript of each conversation, and the numbers of its entries, for the proofs beside it.

    It is drawn by a process of its own (see `audit.exports.pages`). Raises RuntimeError when that fails.
    """
    conversations: dict[UUID, list[Record]] = {}
    for record in records:
        conversations.setdefault(record.entry.conversation_id, []).append(record)
    parts: list[tuple[str, str, int, list[Event]]] = []
    for identifier, some in conversations.items():
        below = f"{len(some)} entries, {some[0].entry.seq}-{some[-1].entry.seq}"
        events = [record.event for record in some if record.event is not None]
        parts.append((f"Conversation {identifier}", below, len(some) - len(events), events))
    command = [sys.executable, "-m", "audit.exports.pages"]
    done = subprocess.run(
        command, input=pickle.dumps((title, parts)), capture_output=True, cwd=ROOT, timeout=PATIENCE, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the PDF could not be drawn: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def right_to_left(text: str) -> bool:
    """Return whether the first letter with a direction is written from right to left (Hebrew, Arabic, Syriac ...)."""
    for letter in text:
        if letter.isalpha():
            return _RIGHT_TO_LEFT[0] <= letter <= _RIGHT_TO_LEFT[1] or "יִ" <= letter <= "ﻼ"
    return False
