"""Erasure: of everything that a subject said, or of the content of old conversations. A legal hold beats both.

The ledger stays whole: content goes, its hash stays, and an ERASURE entry says what was taken and why. A subject's key goes
with the ciphertext, so what a backup still holds cannot be read either.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from audit import immutability, selectors, signals, tracking, vault
from audit.errors import NotFound, OnHold
from audit.models import (
    Conversation,
    Entry,
    Examination,
    Flag,
    Hold,
    Key,
    NameSearch,
    Note,
    Receipt,
    SavedFilter,
    Share,
    Shelved,
    Subject,
    Summary,
    Word,
)  # fmt: skip
from audit.records.event import SYSTEM, Event, Kind
from audit.vault import signers

_SYSTEM = [kind.value for kind in SYSTEM]
# How long an erasure may be under way before somebody else finishes it.
PATIENCE = timedelta(minutes=5)
# Seconds that cleaning the files waits for readers of the old state to finish.
SCRUB_PATIENCE = 5.0


@dataclass(slots=True)
class _Taken:
    rows: tracking.Rows
    streams: list[UUID]
    entries: int


def active_holds() -> QuerySet[Hold]:
    """Return the legal holds that stand."""
    return Hold.objects.filter(released=None)


def held(conversations: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Return those of the conversations that a legal hold protects, by themselves or by their subject."""
    holds = active_holds()
    return conversations.filter(
        Q(pk__in=holds.exclude(conversation=None).values("conversation"))
        | Q(subject__in=holds.exclude(subject=None).values("subject"))
    )


def erase_subject(subject: Subject, *, by: str, reason: str, keep_account: bool = False) -> Receipt:
    """Erase everything that a subject said, their key, their name, and their account unless it is to be kept.

    Returns the signed receipt. Raises OnHold while a legal hold stands, NotFound for who was erased before.
    """
    if subject.erased or subject.pk == vault.RECORD:
        raise NotFound(gettext_noop("there is nothing to erase of that subject"))
    receipt = Receipt(pk=uuid4(), subject=subject, by=by)
    user, name = subject.user, subject.name or ""
    conversations = list(Conversation.objects.filter(subject=subject).values_list("pk", flat=True))
    taken: list[_Taken] = []

    def work(head: int) -> list[Event]:
        own = Conversation.objects.filter(subject=subject)
        if active_holds().filter(subject=subject).exists() or held(own).exists():
            raise OnHold(gettext_noop("a legal hold forbids to erase this; release it first"))
        entries = Entry.objects.filter(subject=subject).exclude(kind__in=_SYSTEM)
        found = _take(entries, own)
        for conversation in own:
            conversation.user, conversation.sealed_title = None, b""
            found.rows.append(tracking.save(conversation))
        found.rows += tracking.delete_all(Key.objects.filter(subject=subject))
        if user is not None:
            found.rows += tracking.delete_all(SavedFilter.objects.filter(user=user))
        subject.name, subject.user, subject.erased = None, None, timezone.now()
        found.rows += [tracking.save(subject), tracking.save(vault.bump())]
        receipt.account = user
        _write_receipt(receipt, head, found, len(conversations), subject=subject.pk.hex)
        found.rows.append(tracking.save(receipt))
        if user is not None and not keep_account:
            _anonymise(user, subject.pk)
        taken.append(found)
        meta: dict[str, Any] = {"subject": subject.pk.hex, "through": head, "entries": found.entries, **_of(receipt)}
        return [tracking.state(found.rows, reason, actor=by, meta=meta, kind=Kind.ERASURE)]

    tracking.write(work)
    vault.vault().forget()
    _finish(receipt, name, conversations, taken[-1].streams)
    return receipt


def erase_conversations(identifiers: Sequence[UUID], *, by: str, reason: str) -> Receipt:
    """Erase the content of conversations, their titles, notes and flags. Returns the signed receipt. Raises OnHold."""
    receipt = Receipt(pk=uuid4(), by=by)
    taken: list[_Taken] = []

    def work(head: int) -> list[Event]:
        own = Conversation.objects.filter(pk__in=identifiers)
        if held(own).exists():
            raise OnHold(gettext_noop("a legal hold forbids to erase this; release it first"))
        found = _take(Entry.objects.filter(conversation__in=identifiers).exclude(kind__in=_SYSTEM), own)
        for conversation in own:
            conversation.sealed_title = b""
            found.rows.append(tracking.save(conversation))
        names = [identifier.hex for identifier in identifiers]
        _write_receipt(receipt, head, found, len(names))
        found.rows.append(tracking.save(receipt))
        taken.append(found)
        meta: dict[str, Any] = {"conversations": names, "through": head, "entries": found.entries, **_of(receipt)}
        return [tracking.state(found.rows, reason, actor=by, meta=meta, kind=Kind.ERASURE)]

    tracking.write(work)
    _finish(receipt, "", list(identifiers), taken[-1].streams)
    return receipt


def _take(entries: QuerySet[Entry], conversations: QuerySet[Conversation]) -> _Taken:
    """Delete content and everything made from it, inside the journal's transaction."""
    numbers = list(entries.order_by().values_list("seq", flat=True))
    streams = list(entries.order_by().values_list("stream", flat=True).distinct())
    immutability.erase_content(connection, numbers)
    rows: tracking.Rows = []
    for first in range(0, len(streams), 500):
        some = streams[first : first + 500]
        Summary.objects.filter(stream__in=some)._raw_delete("default")
        Word.objects.filter(stream__in=some)._raw_delete("default")
        rows += tracking.delete_all(Examination.objects.filter(stream__in=some))
        rows += tracking.delete_all(NameSearch.objects.filter(stream__in=some))
        rows += tracking.delete_all(Flag.objects.filter(stream__in=some))
    for beside in (Note, Share, Shelved):
        rows += tracking.delete_all(beside._default_manager.filter(conversation__in=conversations))
    return _Taken(rows, streams, len(numbers))


def _write_receipt(receipt: Receipt, head: int, taken: _Taken, conversations: int, **more: str) -> None:
    receipt.at = receipt.unfinished = timezone.now()
    receipt.entries, receipt.conversations = taken.entries, conversations
    told = {
        "receipt": str(receipt.pk),
        "at": receipt.at.isoformat(),
        "by": receipt.by,
        "entries": taken.entries,
        "conversations": conversations,
        "through": head,
        **more,
    }
    receipt.note = signers()[0].note(f"aura/erasure\n{json.dumps(told, sort_keys=True)}\n")


def _anonymise(user: Any, subject: UUID) -> None:
    """Leave an account that nobody can use and that names nobody."""
    users = get_user_model()
    user.username = f"erased-{subject.hex[:16]}"
    user.first_name = user.last_name = user.email = ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(users), object_id=str(user.pk)).delete()


def _of(receipt: Receipt) -> dict[str, Any]:
    return {"receipt": receipt.pk.hex}


def _finish(receipt: Receipt, name: str, conversations: list[UUID], streams: list[UUID]) -> None:
    """Have other apps erase what they keep, and write down that they did."""
    signals.erased.send(sender=None, user=receipt.account, name=name, conversations=conversations, streams=streams)
    receipt.unfinished = receipt.account = None
    tracking.keep(receipt, text="what else was kept of it is erased")
    scrub()


def finish_pending(patience: timedelta = PATIENCE) -> int:
    """Finish the erasures whose process was killed before other apps had erased what they keep; return how many.

    The record itself was whole: its part is one transaction. Younger ones than `patience` are left to whoever is at it.
    """
    now = timezone.now()
    # One that began in a time that is yet to come did so before the clock was set back.
    young = Q(unfinished__range=(now - patience, now + patience))
    waiting = Receipt.objects.exclude(unfinished=None).exclude(young).select_related("account")
    pending = {receipt.pk.hex: receipt for receipt in waiting}
    if not pending:
        return 0
    for event in selectors.events_of(Entry.objects.filter(kind=Kind.ERASURE.value).order_by("seq")):
        receipt = pending.get(str(event.meta.get("receipt")))
        if receipt is not None:
            meta: dict[str, Any] = dict(event.meta)
            spoken = Entry.objects.exclude(kind__in=_SYSTEM).filter(seq__lte=meta["through"])
            subject, several = meta.get("subject"), meta.get("conversations", [])
            own = spoken.filter(subject=UUID(subject)) if subject else spoken.filter(conversation__in=several)
            conversations = list(own.order_by().values_list("conversation", flat=True).distinct())
            streams = list(own.order_by().values_list("stream", flat=True).distinct())
            _finish(receipt, "", conversations, streams)
    return len(pending)


def scrub() -> bool:
    """Leave nothing of deleted rows in the database's files; return whether that could be done now.

    SQLite: connections delete with zeros (`secure_delete`), and the write-ahead log is emptied into the file. PostgreSQL:
    the small tables of keys and names are written anew, and the content's dead rows are vacuumed, by who owns them.
    """
    if connection.in_atomic_block:
        return False
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE relname = 'audit_key'"
            )
            if not cursor.fetchone()[0]:
                return False
            cursor.execute("VACUUM FULL audit_key, audit_subject, audit_conversation, audit_note")
            cursor.execute("VACUUM audit_content, audit_word, audit_summary")
            return True
        end = time.monotonic() + SCRUB_PATIENCE
        while True:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if cursor.fetchone()[0] == 0:
                return True
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
