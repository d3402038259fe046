"""Reading the record."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from audit.errors import RecordUnavailable
from audit.models import Conversation, Entry, Receipt, Subject
from audit.records.chain import Problem, place_of
from audit.records.event import ENDS, IN_STREAM, SYSTEM, Event, Json, Kind, read_content
from audit.records.sealing import SealBroken
from audit.records.transcript import Turn, fold
from audit.vault import vault


def conversations(user: Any, limit: int = 100, before: datetime | None = None) -> list[Conversation]:
    """Return the conversations on the user's list, the newest first; with `before` those whose last question is older."""
    own = on_list(user)
    return list((own if before is None else own.filter(updated__lt=before))[:limit])


def on_list(user: Any) -> QuerySet[Conversation]:
    """Return the user's conversations but those that were taken off the list."""
    return Conversation.objects.filter(user=user, shelved=None)


def conversation(user: Any, identifier: UUID) -> Conversation | None:
    """Return that conversation when it is the user's."""
    return Conversation.objects.filter(user=user, pk=identifier).first()


def subject_named(name: str) -> Subject | None:
    """Return the subject of that name, None when nothing of theirs is on the record."""
    return Subject.objects.filter(name=name).first()


def transcript(user: Any, identifier: UUID) -> list[Turn]:
    """Return the turns of a conversation of the user; none for another's."""
    return fold(events_of(_spoken().filter(conversation=identifier, conversation__user=user)))


def answer(user: Any, stream: UUID) -> Turn | None:
    """Return the answer of a stream of the user, None for another's, or an erased one."""
    turns = fold(events_of(_spoken().filter(stream=stream, conversation__user=user)))
    return next((turn for turn in turns if turn.role == "assistant"), None)


def full_transcript(identifier: UUID) -> list[Turn]:
    """Return the turns of any conversation, for reviewers: whoever shows them logs it (audit.access)."""
    return fold(events_of(_spoken().filter(conversation=identifier)))


def said_in(streams: Iterable[UUID]) -> Iterator[tuple[UUID, UUID, Kind, str, Mapping[str, Json]]]:
    """Yield stream, conversation, kind, text and details of the prompts, chunks and ends in those streams, in the order of
    the record; what was erased is passed over. As plain rows: for whoever reads many. Raises RecordUnavailable."""
    kinds = [Kind.PROMPT.value, *(kind.value for kind in IN_STREAM)]
    found = Entry.objects.filter(stream__in=list(streams), kind__in=kinds).order_by("seq")
    for row in found.values_list(*_PLACE, "content__body"):
        plain = _content(row)
        if plain is not None:
            _, _, kind, conversation, stream, *_ = row
            yield stream, conversation, Kind(kind), *read_content(plain)


def stream_history(user: Any, stream: UUID) -> list[Event]:
    """Return the prompt of a stream of the user, then its chunks and its end, in order; nothing for another's."""
    if not _stands(stream):
        return []
    kinds = [kind.value for kind in (Kind.PROMPT, *IN_STREAM)]
    found = _entries().filter(stream=stream, conversation__user=user, kind__in=kinds).order_by("offset", "seq")
    return sorted(events_of(found), key=lambda event: (event.kind != Kind.PROMPT, event.offset))


def _stands(stream: UUID) -> bool:
    """Return whether anything of a stream stands on the record. Every question asks this of a new name, and Django takes ten
    times as long to put the query together as the database to answer it."""
    name = Entry._meta.get_field("stream").get_db_prep_value(stream, connection)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM audit_entry WHERE stream = %s LIMIT 1", [name])
        return cursor.fetchone() is not None


def events_between(stream: UUID, first: int, limit: int) -> list[Event]:
    """Return at most `limit` chunks of a stream from offset `first` on, in order; the newest ones for a negative `first`.

    Whose they are is not asked: this is for topics, which belong to nobody.
    """
    found = _entries().filter(stream=stream, kind=Kind.CHUNK.value)
    if first < 0:
        return list(events_of(found.order_by("-offset")[:limit]))[::-1]
    return list(events_of(found.filter(offset__gte=first).order_by("offset")[:limit]))


def erasures() -> int:
    """Return how many times something was erased so far: whoever keeps texts in memory drops them when it grows."""
    return Receipt.objects.count()


def open_streams() -> list[Event]:
    """Return the prompts whose streams have no end on the record."""
    ended = Entry.objects.filter(kind__in=[kind.value for kind in ENDS]).values("stream")
    return list(events_of(_entries().filter(kind=Kind.PROMPT.value).exclude(stream__in=ended)))


def next_offset(stream: UUID) -> tuple[int, int]:
    """Return the offset that comes next in a stream, and the time of its last event (0 when it has none)."""
    last = Entry.objects.filter(stream=stream, kind=Kind.CHUNK.value).order_by("-offset").first()
    return (last.offset + 1, last.at) if last else (0, 0)


def answer_sizes(streams: Iterable[UUID]) -> dict[UUID, int]:
    """Return the bytes of answer on the record for those of the streams whose prompt is there."""
    kinds = [Kind.PROMPT.value, Kind.CHUNK.value]
    sizes: dict[UUID, int] = {}
    asked: set[UUID] = set()
    for event in events_of(_entries().filter(stream__in=list(streams), kind__in=kinds)):
        if event.kind == Kind.PROMPT:
            asked.add(event.stream)
        else:
            sizes[event.stream] = sizes.get(event.stream, 0) + len(event.text.encode())
    return {stream: sizes.get(stream, 0) for stream in asked}


def verify_chain(progress: Callable[[int], None] | None = None) -> tuple[int, Problem | None]:
    """Return how many entries were checked and the first problem of the whole record, None for none."""
    from audit.verification import verify

    found = verify(progress=progress)
    return found.entries, found.problem


def _entries() -> QuerySet[Entry]:
    return Entry.objects.select_related("content", "subject").order_by("seq")


def _spoken() -> QuerySet[Entry]:
    return _entries().exclude(kind__in=[kind.value for kind in SYSTEM])


# Read as tuples: an object of a model takes longer to make than its content to decrypt. What a content is sealed to comes
# first, the content and the name of its subject behind it.
_PLACE = ("previous", "seq", "kind", "conversation_id", "stream", "epoch", "offset", "subject_id", "at")
_COLUMNS = (*_PLACE, "content__body", "subject__name")


def events_of(entries: QuerySet[Entry]) -> Iterator[Event]:
    """Yield the events that entries hold; those whose content was erased are passed over.

    Raises RecordUnavailable when a master key is not at hand.
    """
    for row in entries.values_list(*_COLUMNS):
        found = _event(row)
        if found is not None:
            yield found


def event_of(entry: Entry) -> Event | None:
    """Return the event of an entry, None once its content was erased. Raises RecordUnavailable."""
    body = entry.content.body if hasattr(entry, "content") else None
    return _event((*(getattr(entry, name) for name in _PLACE), body, entry.subject.name))


def _event(row: tuple[Any, ...]) -> Event | None:
    """Return the event of a row of _COLUMNS."""
    plain = _content(row)
    if plain is None:
        return None
    _, _, kind, conversation, stream, epoch, offset, subject, at, _, name = row
    text, meta = read_content(plain)
    return Event(
        kind=Kind(kind),
        conversation=conversation,
        stream=stream,
        epoch=epoch,
        offset=offset,
        actor=name or str(subject),
        at=at,
        text=text,
        meta=meta,
    )


def _content(row: tuple[Any, ...]) -> bytes | None:
    """Return the bytes of the content of a row of _PLACE with the body behind it; None once it was erased."""
    previous, sequence, kind, conversation, stream, epoch, offset, subject, at, body = row[:10]
    if body is None:
        return None
    place = place_of(
        bytes(previous), sequence, kind, conversation.bytes, stream.bytes, epoch, offset, subject.bytes, at
    )
    return _open(bytes(body), place)


def open_text(body: bytes) -> str:
    """Return the text of a sealed column; empty for an empty or an erased one. Raises RecordUnavailable."""
    plain = _open(body) if body else None
    return plain.decode() if plain is not None else ""


def _open(body: bytes, place: bytes = b"") -> bytes | None:
    try:
        return vault().open(body, place)
    except SealBroken as error:
        raise RecordUnavailable(f"a part of the record cannot be opened: {error}") from None
