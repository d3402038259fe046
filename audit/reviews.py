"""The review of conversations: open, in review, cleared, escalated; notes; and the second pair of eyes."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_noop

from audit import tracking
from audit.errors import NotAllowed, NotFound
from audit.models import Conversation, Note, Review
from audit.records.event import Event
from audit.vault import seal_text, vault

NOTE_LIMIT = 5_000


def assign(conversation: UUID, user: Any, assignee: Any) -> Review:
    """Give a conversation to a reviewer, or to nobody (None). Raises NotAllowed for one's own conversation, and for giving
    it to whose it is."""
    if assignee is not None and _conversation(conversation).user_id == assignee.pk:
        raise NotAllowed(gettext_noop("nobody reviews their own conversations"))
    values: dict[str, Any] = {"status": Review.IN_REVIEW, "assignee": assignee}
    review = Review.objects.filter(pk=conversation).first()
    if review is not None and review.status != Review.IN_REVIEW:
        # What was decided before is not half of the next decision.
        values |= {"proposed_by": None, "decided_by": None}
    return _change(conversation, user, "the review was assigned", **values)


def escalate(conversation: UUID, user: Any) -> Review:
    """Say that a conversation needs somebody above. Raises NotAllowed for one's own conversation."""
    return _change(
        conversation, user, "the review was escalated", status=Review.ESCALATED, decided_by=user, proposed_by=None
    )


def reopen(conversation: UUID, user: Any) -> Review:
    """Open a review anew. Raises NotAllowed for one's own conversation."""
    return _change(
        conversation, user, "the review was opened anew", status=Review.OPEN, decided_by=None, proposed_by=None
    )


def clear(conversation: UUID, user: Any) -> Review:
    """Clear a conversation: the first reviewer proposes it, another one confirms it (AURA_FOUR_EYES).

    Raises NotAllowed for one's own conversation, and for confirming what one proposed oneself.
    """
    review = Review.objects.filter(pk=conversation).first()
    pending = review is not None and review.status == Review.IN_REVIEW
    proposed = review.proposed_by_id if review is not None and pending else None
    if not settings.AUDIT_FOUR_EYES or (proposed and proposed != user.pk):
        return _change(conversation, user, "the review was cleared", status=Review.CLEARED, decided_by=user)
    if proposed == user.pk:
        raise NotAllowed(gettext_noop("another reviewer has to confirm what you proposed"))
    text = "it was proposed to clear the review"
    return _change(conversation, user, text, status=Review.IN_REVIEW, proposed_by=user, decided_by=None)


def add_note(conversation: UUID, user: Any, text: str, kind: str = Note.REVIEW) -> Note:
    """Add a note to a conversation, sealed under its subject's key. Raises NotFound once the subject was erased."""
    said = text.strip()[:NOTE_LIMIT]
    if not said:
        raise NotFound(gettext_noop("write something first"))
    row = _conversation(conversation)
    owner = vault().owner(row.subject)
    if owner is None:
        raise NotFound(gettext_noop("what was said here was erased"))
    note = Note(conversation=row, kind=kind, author=user, at=timezone.now(), sealed_text=seal_text(said, owner))
    tracking.keep(note, text=f"a note was added: {kind}", actor=user.get_username(), conversation=conversation)
    return note


def _change(conversation: UUID, user: Any, text: str, **values: Any) -> Review:
    row = _conversation(conversation)
    if row.user_id == user.pk:
        raise NotAllowed(gettext_noop("nobody reviews their own conversations"))
    done: list[Review] = []

    def work(_head: int) -> list[Event]:
        now = timezone.now()
        review = Review.objects.filter(pk=conversation).first() or Review(conversation_id=conversation, opened=now)
        for name, value in values.items():
            setattr(review, name, value)
        review.changed = now
        done.append(review)
        rows = [tracking.save(review)]
        return [tracking.state(rows, text, actor=user.get_username(), conversation=conversation)]

    tracking.write(work)
    return done[-1]


def _conversation(identifier: UUID) -> Conversation:
    found = Conversation.objects.select_related("subject").filter(pk=identifier).first()
    if found is None:
        raise NotFound(gettext_noop("there is no such conversation"))
    return found
