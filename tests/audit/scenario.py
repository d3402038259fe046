"""A record with something in every table, for tests that spoil it."""

import time
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.utils import timezone

from audit import erasure, examiner, listing, reviews, rotation, services, sharing, tracking
from audit.journal import journal
from audit.models import Hold, RetentionPolicy, Rule, SavedFilter, Subject
from audit.records.event import Event, Kind


def user_named(name: str, **more: Any) -> Any:
    """Return the user of that name, made when there is none."""
    users = get_user_model()._default_manager
    return users.filter(username=name).first() or users.create_user(name, **more)


def converse(
    name: str,
    question: str,
    answer: str,
    *,
    conversation: UUID | None = None,
    cost: int = 5,
    after: UUID | None = None,
) -> tuple[UUID, UUID]:
    """Put a question and its answer on the record; return its conversation and stream."""
    where, stream = conversation or uuid4(), uuid4()
    services.open_conversation(user_named(name), where, question)

    def event(kind: Kind, offset: int, text: str = "", **meta: Any) -> Event:
        return Event(kind, where, stream, 1, offset, name, time.time_ns() // 1000, text, meta)

    pieces = [answer[at : at + 16] for at in range(0, len(answer), 16)]
    place = {"after": str(after)} if after is not None else {}
    prompt = event(Kind.PROMPT, 0, question, method="raw", text_bytes=len(question), wire_bytes=9, **place)
    journal().submit([prompt]).result(20)
    journal().submit([event(Kind.CHUNK, number, piece) for number, piece in enumerate(pieces)]).result(20)
    end = event(
        Kind.DONE,
        len(pieces),
        finish="stop",
        model="mock-1",
        tier="fast",
        cost=cost,
        prompt_tokens=3,
        completion_tokens=4,
    )
    delivery = event(Kind.DELIVERY, -1, text_bytes=len(answer), wire_bytes=7, methods={"brotli": 2, "raw": 1})
    journal().submit([end]).result(20)
    journal().submit([delivery]).result(20)
    return where, stream


def fill_every_table() -> None:
    """Put something into each table of the record, by the ways that the product has for it."""
    for number in range(3):
        converse(
            "ada" if number else "eve", f"Question {number}?", f"This is the answer number {number}, and a good one."
        )
    listed, _ = converse("eve", "A question to share", "An answer to share")
    sharing.share(user_named("eve"), listed)
    listing.shelve(user_named("eve"), listed)
    flagged, _ = converse("eve", "My card is 4111 1111 1111 1111", "I'm sorry, but I cannot.")
    converse("gone", "One", "Two")
    examiner.examine_pending()
    examiner.search_pending()
    gone = Subject.objects.get(name="gone")
    erasure.erase_subject(gone, by="officer", reason="asked for")
    reviewer = user_named("rae")
    reviews.clear(flagged, reviewer)
    reviews.assign(flagged, reviewer, user_named("sam"))
    reviews.add_note(flagged, reviewer, "Seen")
    now = timezone.now()
    tracking.keep(
        Hold(subject=Subject.objects.get(name="ada"), reason="a lawsuit", placed=now, placed_by=reviewer),
        RetentionPolicy(name="a year", days=365, enabled=True),
        Rule(name="birds", category="words", value="falcon"),
        SavedFilter(user=reviewer, name="mine", query="cost=1"),
        text="a test",
    )
    rotation.rotate_subjects()
